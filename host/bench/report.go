package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything a run found out.
type report struct {
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Machine  machine   `json:"machine"`
	Load     string    `json:"load"`
	Figures  []figure  `json:"figures"`
	Notes    []string  `json:"notes"` // what could not be measured, and why
}

// machine is where the figures were taken.
type machine struct {
	CPU         string `json:"cpu"`
	Processors  int    `json:"processors"`
	MemoryMB    int    `json:"memory_mb"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	Commit      string `json:"commit"`
	LoadAverage string `json:"load_average"` // at the start: other work on the machine
}

// figure is one measured quantity, ours and if there is one a peer's.
type figure struct {
	Name   string   `json:"name"`
	Unit   string   `json:"unit"`
	Ours   summary  `json:"ours"`
	Peer   string   `json:"peer,omitempty"`
	Theirs *summary `json:"theirs,omitempty"`
	Ratio  *summary `json:"ratio,omitempty"` // ours / theirs, round by round
	Reach  string   `json:"reach,omitempty"` // what we aim for
}

func newReport(ctx context.Context, s settings) *report {
	return &report{
		Started: time.Now().UTC(),
		Machine: describeMachine(ctx, s.root),
		Load: fmt.Sprintf("%d rounds a figure, sides in turn; HTTP: closed loop over kept-alive loopback connections, %v a round after %v of warm-up",
			s.rounds, s.load, s.warmup),
		Notes: []string{},
	}
}

// add records a figure without a peer.
func (r *report) add(name, unit, reach string, ours samples) {
	r.Figures = append(r.Figures, figure{Name: name, Unit: unit, Reach: reach, Ours: ours.summary()})
}

// compare records a figure of both sides.
func (r *report) compare(name, unit, reach string, ours samples, peer string, theirs samples) {
	them, ratio := theirs.summary(), ours.over(theirs).summary()
	r.Figures = append(r.Figures, figure{
		Name: name, Unit: unit, Reach: reach, Ours: ours.summary(), Peer: peer, Theirs: &them, Ratio: &ratio,
	})
}

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *report) finish() { r.Finished = time.Now().UTC() }

// print writes the table that people read.
func (r *report) print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d processors, %d MiB, Linux %s, %s, commit %s\n", m.CPU, m.Processors, m.MemoryMB, m.Kernel, m.Go, m.Commit)
	fmt.Fprintf(w, "load average at the start %s; %s\n\n", m.LoadAverage, r.Load)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tunit\tmedian\tmin\tmax\tspread\tpeer\tmedian\tmin\tmax\tours/theirs\treach")
	for _, f := range r.Figures {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%.0f%%", f.Name, f.Unit,
			number(f.Ours.Median), number(f.Ours.Min), number(f.Ours.Max), 100*f.Ours.spread())
		if f.Theirs != nil {
			fmt.Fprintf(table, "\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Peer,
				number(f.Theirs.Median), number(f.Theirs.Min), number(f.Theirs.Max), number(f.Ratio.Median), f.Reach)
		} else {
			fmt.Fprintf(table, "\t\t\t\t\t\t%s\n", f.Reach)
		}
	}
	_ = table.Flush() // to a terminal or a pipe: nothing to be done
	for _, note := range r.Notes {
		fmt.Fprintln(w, "note:", note)
	}
}

// write saves the report as JSON.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// number writes three significant digits, and whole numbers from 100 on.
func number(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "-"
	case math.Abs(f) >= 100:
		return fmt.Sprintf("%.0f", f)
	default:
		return fmt.Sprintf("%.3g", f)
	}
}

func describeMachine(ctx context.Context, root string) machine {
	m := machine{CPU: runtime.GOARCH, Processors: runtime.NumCPU(), Go: runtime.Version()}
	if model := procField("/proc/cpuinfo", "model name"); model != "" {
		m.CPU = model
	}
	var kB int
	if _, err := fmt.Sscanf(procField("/proc/meminfo", "MemTotal"), "%d kB", &kB); err == nil {
		m.MemoryMB = kB / 1024
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadAverage = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	m.Commit = "unknown"
	if commit, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(commit))
	}
	return m
}

// procField reads "name: value" from a file of /proc, or "".
func procField(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
