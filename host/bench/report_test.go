package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// measuredReport returns a report with a figure of each kind.
func measuredReport() *report {
	r := &report{Notes: []string{}}
	r.add("start", "to first answer", "ms", "below 500", samples{40, 50, 60})
	r.compare(groupThroughput, "32 connections", perSecond, "", samples{10, 20}, measured{"bare fiber 2", samples{100, 100}}, measured{"workerd", samples{5, 20}})
	r.compare(groupEngine, "fib", "ms", "", samples{2}, measured{"native", samples{16}})
	r.compare(groupDelivered, "PostgreSQL", eventsUnit, "", samples{2000}, measured{"River v1, as it comes", samples{1000}})
	return r
}

func TestPrint(t *testing.T) {
	var text strings.Builder
	r := measuredReport()
	r.note("workerd is slow today")
	r.print(&text)
	lines := strings.Split(text.String(), "\n")
	for _, want := range [][]string{
		{"to first answer", "50", "40", "60", "40%", "ms", "below 500"},
		{"32 connections", "15", "10", "20", "67%", "req/s"},
		{"workerd", "12.5", "5", "20", "120%", "req/s", "1.5"}, // the median of 2 and 1
		{"note: workerd is slow today"},
	} {
		found := false
		for _, line := range lines {
			found = found || strings.Join(strings.Fields(line), " ") == strings.Join(want, " ")
		}
		if !found {
			t.Errorf("no line %q in\n%s", want, text.String())
		}
	}
}

func TestWriteAndDraw(t *testing.T) {
	dir := t.TempDir()
	r := measuredReport()
	results, chart := filepath.Join(dir, "results.json"), filepath.Join(dir, "chart.svg")
	if err := errors.Join(r.write(results), r.draw(chart)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	var read report
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if got := read.group(groupEngine); len(got) != 1 || got[0].Peers[0].Ratio.Median != 0.125 {
		t.Errorf("the engine's figures read back are %+v, want one with the ratio 0.125", got)
	}
	svg, err := os.ReadFile(chart)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the chart is not XML: %v", err)
		}
	}
	for _, want := range []string{"PiCloud", "workerd", "32 connections", "fib"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the chart does not show %q", want)
		}
	}
}

// Nothing to compare, nothing to draw.
func TestDrawWithoutPeers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chart.svg")
	r := &report{}
	r.add("start", "to first answer", "ms", "", samples{40})
	if err := r.draw(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a chart was made of no comparison: %v", err)
	}
}

// A section that is measured again takes the place of its figures and notes; all else stays as it was.
func TestRenew(t *testing.T) {
	older := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	whole := &report{measurementRun: measurementRun{Started: older, Load: "5 rounds", Machine: machine{Commit: "old"}}}
	whole.add("start", "to first answer", "ms", "", samples{40}) // of before figures had a section
	whole.add("HTTP, p50", "1 connection", "ms", "", samples{1}) // likewise
	whole.section = "http"
	whole.add(groupThroughput, "128 connections", perSecond, "", samples{100})
	whole.note("workerd is left out")
	whole.section = "services"
	whole.note("not measured on PostgreSQL")

	later := &report{measurementRun: measurementRun{Started: older.AddDate(0, 0, 9), Load: "9 rounds", Machine: machine{Commit: "new"}}}
	later.section = "http"
	later.compare("HTTP, p50", "1 connection", "ms", "", samples{2}, measured{"workerd", samples{4}})
	later.note("Extism is left out")
	whole.renew(later, []string{"http"})

	got, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	whole = &report{} // what is read later
	if err := json.Unmarshal(got, whole); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		group, name, want string
	}{
		{"start", "to first", "40 ms"},
		{"HTTP, p50", "1 connection", "2 ms"},
		{groupThroughput, "128", notMeasured}, // no longer measured
	} {
		if got := whole.value(c.group, c.name); got != c.want {
			t.Errorf("%s of %s is %q, want %q", c.name, c.group, got, c.want)
		}
	}
	if want := []string{"services: not measured on PostgreSQL", "http: Extism is left out"}; !slices.Equal(whole.Notes, want) {
		t.Errorf("notes %q, want %q", whole.Notes, want)
	}
	if whole.Machine.Commit != "old" || len(whole.Renewed) != 1 || whole.Renewed["http"].Machine.Commit != "new" {
		t.Errorf("run %+v, renewed %+v: want the old one, and the new one of http", whole.measurementRun, whole.Renewed)
	}
	text, err := whole.render(figuresFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"These are of commit old, taken on 1 November 2026 ",
		"\n- http was measured again, alone: of commit new, taken on 10 November 2026 ",
		"; 9 rounds\n- services: not measured on PostgreSQL\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q:\n%.2000s", figuresFile, want, text)
		}
	}
}
