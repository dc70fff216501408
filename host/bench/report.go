package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/picloud/picloud/host/bench/process"
)

// report is everything a run found out.
type report struct {
	measurementRun
	Renewed map[string]measurementRun `json:"renewed,omitempty"` // of sections measured again, by a run of their own
	Figures []figure                  `json:"figures"`
	Notes   []string                  `json:"notes"` // what could not be measured, and why; each begins with its section

	section string // that is being measured
}

// measurementRun is when, where and how figures were taken.
type measurementRun struct {
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Machine  machine   `json:"machine"`
	Load     string    `json:"load"`
}

// machine is where the figures were taken.
type machine struct {
	CPU         string `json:"cpu"`
	Processors  int    `json:"processors"`
	MemoryMB    int    `json:"memory_mb"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	Commit      string `json:"commit"`
	LoadAverage string `json:"load_average"` // at the start and at the end, 1 minute: other work on the machine, and this
}

// figure is one measured quantity: ours, and those of the peers if there are any.
type figure struct {
	Section string       `json:"section,omitempty"` // "" in results of before they had it
	Group   string       `json:"group"`
	Name    string       `json:"name"`
	Unit    string       `json:"unit"`
	Ours    summary      `json:"ours"`
	Peers   []peerFigure `json:"peers,omitempty"`
	Reach   string       `json:"reach,omitempty"` // what we aim for
}

// peerFigure is the same quantity of a peer.
type peerFigure struct {
	Name   string  `json:"name"`
	Theirs summary `json:"theirs"`
	Ratio  summary `json:"ratio"` // ours / theirs, round by round
}

// measured are a peer's rounds of a figure.
type measured struct {
	peer   string
	rounds samples
}

func newReport(ctx context.Context, s settings) *report {
	return &report{
		measurementRun: measurementRun{
			Started: time.Now().UTC(),
			Machine: describeMachine(ctx, s.root),
			Load: fmt.Sprintf("%d rounds a figure, sides in turn; HTTP: closed loop over kept-alive loopback connections, %v a round after %v of warm-up",
				s.rounds, s.load, s.warmup),
		},
		Notes: []string{},
	}
}

// renew puts the sections of a later report in the place of those it has.
func (r *report) renew(later *report, sections []string) {
	var groups []string
	for _, f := range later.Figures {
		groups = append(groups, f.Group)
	}
	r.Figures = slices.DeleteFunc(r.Figures, func(f figure) bool {
		return slices.Contains(sections, f.Section) || slices.Contains(groups, f.Group)
	})
	r.Figures = append(r.Figures, later.Figures...)
	r.Notes = slices.DeleteFunc(r.Notes, func(note string) bool {
		section, _, _ := strings.Cut(note, ": ")
		return slices.Contains(sections, section)
	})
	r.Notes = append(r.Notes, later.Notes...)
	if r.Renewed == nil {
		r.Renewed = map[string]measurementRun{}
	}
	for _, section := range sections {
		r.Renewed[section] = later.measurementRun
	}
}

// add records a figure without a peer.
func (r *report) add(group, name, unit, reach string, ours samples) {
	r.compare(group, name, unit, reach, ours)
}

// compare records a figure of ours and of its peers.
func (r *report) compare(group, name, unit, reach string, ours samples, peers ...measured) {
	f := figure{Section: r.section, Group: group, Name: name, Unit: unit, Reach: reach, Ours: ours.summary()}
	for _, p := range peers {
		f.Peers = append(f.Peers, peerFigure{Name: p.peer, Theirs: p.rounds.summary(), Ratio: ours.over(p.rounds).summary()})
	}
	r.Figures = append(r.Figures, f)
}

// group returns the figures of a group, in the order taken.
func (r *report) group(name string) []figure {
	var found []figure
	for _, f := range r.Figures {
		if f.Group == name {
			found = append(found, f)
		}
	}
	return found
}

func (r *report) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.section != "" {
		text = r.section + ": " + text
	}
	r.Notes = append(r.Notes, text)
}

func (r *report) finish() {
	r.Finished = time.Now().UTC()
	r.Machine.LoadAverage += " to " + loadAverage()
}

// print writes the table that people read.
func (r *report) print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d processors, %d MiB, Linux %s, %s, commit %s\n", m.CPU, m.Processors, m.MemoryMB, m.Kernel, m.Go, m.Commit)
	fmt.Fprintf(w, "load average %s; %s\n\n", m.LoadAverage, r.Load)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, s summary, unit, ratio, reach string) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.0f%%\t%s\t%s\t%s\n",
			name, number(s.Median), number(s.Min), number(s.Max), 100*s.spread(), unit, ratio, reach)
	}
	fmt.Fprintln(table, "\tmedian\tmin\tmax\tspread\tunit\tours/theirs\treach")
	group := ""
	for _, f := range r.Figures {
		if f.Group != group {
			group = f.Group
			fmt.Fprintln(table, group+"\t\t\t\t\t\t\t")
		}
		row("  "+f.Name, f.Ours, f.Unit, "", f.Reach)
		for _, p := range f.Peers {
			row("    "+p.Name, p.Theirs, f.Unit, number(p.Ratio.Median), "")
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

// number returns three significant digits, and from 100 on a whole number with commas: 12,051.
func number(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return "-"
	case math.Abs(f) >= 100:
		return humanize.Comma(int64(math.Round(f)))
	default:
		return fmt.Sprintf("%.3g", f)
	}
}

func describeMachine(ctx context.Context, root string) machine {
	m := machine{CPU: runtime.GOARCH, Processors: runtime.NumCPU(), Go: runtime.Version()}
	if model := process.ProcField("/proc/cpuinfo", "model name"); model != "" {
		m.CPU = model
	}
	var kB int
	if _, err := fmt.Sscanf(process.ProcField("/proc/meminfo", "MemTotal"), "%d kB", &kB); err == nil {
		m.MemoryMB = kB / 1024
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	m.LoadAverage = loadAverage()
	m.Commit = "unknown"
	if commit, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(commit))
	}
	return m
}

// loadAverage returns how many processes wanted to run during the last minute.
func loadAverage() string {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(load), " ")
	return first
}
