package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// templates has the documents that show figures: all of FIGURES.md, and the part of the
// repository's README between the two marks.
//
//go:embed templates/*.md
var templates embed.FS

const (
	figuresFile = "FIGURES.md"
	resultsFile = "results.json"
	chartFile   = "chart.svg"

	beginFigures = "<!-- figures: made by make figures -->\n"
	endFigures   = "<!-- end of figures -->\n"
)

// notMeasured stands where results lack a figure: its section or a peer was left out.
const notMeasured = "–"

// writeFigures makes what people read from the results in dir: the chart, FIGURES.md, and the
// figures in the README if its path is not "".
func writeFigures(dir, readme string) error {
	r, err := readReport(filepath.Join(dir, resultsFile))
	if err != nil {
		return err
	}
	text, err := r.render(figuresFile)
	if err != nil {
		return err
	}
	if err := errors.Join(r.draw(filepath.Join(dir, chartFile)), os.WriteFile(filepath.Join(dir, figuresFile), []byte(text), 0o644)); err != nil {
		return err
	}
	if readme == "" {
		return nil
	}
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	written, err := r.intoReadme(string(old))
	if err != nil {
		return err
	}
	return os.WriteFile(readme, []byte(written), 0o644)
}

func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// intoReadme returns a README with the figures between the marks written anew.
func (r *report) intoReadme(readme string) (string, error) {
	before, rest, begins := strings.Cut(readme, beginFigures)
	_, after, ends := strings.Cut(rest, endFigures)
	if !begins || !ends {
		return "", fmt.Errorf("the README has no lines %q and %q", beginFigures, endFigures)
	}
	text, err := r.render("README.md")
	return before + beginFigures + text + endFigures + after, err
}

// render fills a template in.
func (r *report) render(name string) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"value":   r.value,
		"against": r.against,
		"list":    r.list,
		"compare": r.comparison,
		// A section that no run has measured yet is left out.
		"measured": func(group string) bool { return len(r.group(group)) > 0 },
		// So is what is told of a peer that none has measured.
		"peer": func(group, name string) bool {
			return slices.ContainsFunc(r.group(group), func(f figure) bool { return f.peer(name) != nil })
		},
	}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, r); err != nil {
		return "", err
	}
	return text.String(), nil
}

// find returns a figure by its group and the beginning of its name, or nil.
func (r *report) find(group, name string) *figure {
	for i, f := range r.Figures {
		if f.Group == group && strings.HasPrefix(f.Name, name) {
			return &r.Figures[i]
		}
	}
	return nil
}

// value returns our median of a figure with its unit.
func (r *report) value(group, name string) string {
	f := r.find(group, name)
	if f == nil {
		return notMeasured
	}
	return strings.TrimSpace(number(f.Ours.Median) + " " + f.Unit)
}

// against returns how many times better our figure is than those of some peers, each given by the
// beginning of its name: "1.36 times workerd 2026-11-17, ...".
func (r *report) against(group, name string, peers ...string) string {
	var parts []string
	f := r.find(group, name)
	for _, peer := range peers {
		if p := f.peer(peer); p != nil {
			short, _, _ := strings.Cut(p.Name, ",")
			parts = append(parts, number(f.better(p))+" times "+short)
		}
	}
	if parts == nil {
		return notMeasured
	}
	return strings.Join(parts, ", ")
}

// peer returns a figure's peer by the beginning of its name, or nil.
func (f *figure) peer(name string) *peerFigure {
	if f == nil {
		return nil
	}
	for i, p := range f.Peers {
		if strings.HasPrefix(p.Name, name) {
			return &f.Peers[i]
		}
	}
	return nil
}

// better returns how many times better we are than a peer, as the median of the rounds' ratios:
// more answers, less time or less memory. Below 1 the peer is better.
func (f *figure) better(p *peerFigure) float64 {
	if strings.HasSuffix(f.Unit, "/s") {
		return p.Ratio.Median
	}
	return p.Theirs.Rounds.over(f.Ours.Rounds).median()
}

// list returns a table of groups without peers.
func (r *report) list(groups ...string) string {
	table := markdown{}
	table.row("", "median", "lowest and highest", "to reach")
	for _, group := range groups {
		for _, f := range r.group(group) {
			table.row(f.Name, strings.TrimSpace(number(f.Ours.Median)+" "+f.Unit), number(f.Ours.Min)+" to "+number(f.Ours.Max), f.Reach)
		}
	}
	return table.text()
}

// comparison returns a table of a group with a column for each side. In brackets, behind a peer's
// median, is how many times better ours is.
func (r *report) comparison(group string) string {
	figures := r.group(group)
	var peers []string
	reach := false
	for _, f := range figures {
		reach = reach || f.Reach != ""
		for _, p := range f.Peers {
			if !slices.Contains(peers, p.Name) { // a peer need not have all
				peers = append(peers, p.Name)
			}
		}
	}
	table := markdown{}
	header := append([]string{"", "PiCloud"}, peers...)
	if len(figures) > 0 {
		header[0] = figures[0].Unit
	}
	if reach {
		header = append(header, "to reach")
	}
	table.row(header...)
	for _, f := range figures {
		cells := []string{f.Name, number(f.Ours.Median)}
		for _, name := range peers {
			cell := ""
			if p := f.peer(name); p != nil {
				cell = fmt.Sprintf("%s (%s)", number(p.Theirs.Median), number(f.better(p)))
			}
			cells = append(cells, cell)
		}
		if reach {
			cells = append(cells, f.Reach)
		}
		table.row(cells...)
	}
	return table.text()
}

// markdown is a table, row by row; the first is its head.
type markdown struct {
	rows strings.Builder
	n    int
}

func (m *markdown) row(cells ...string) {
	m.rows.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	if m.n == 0 {
		m.rows.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
	}
	m.n++
}

// text returns the table without its last line feed, or [notMeasured] if it has only a head.
func (m *markdown) text() string {
	if m.n < 2 {
		return notMeasured
	}
	return strings.TrimSuffix(m.rows.String(), "\n")
}
