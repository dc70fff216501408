package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What people read agrees with what was measured.
func TestFiguresAgreeWithResults(t *testing.T) {
	r, err := readReport(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range []struct {
		path string
		make func(old string) (string, error)
	}{
		{figuresFile, func(string) (string, error) { return r.render(figuresFile) }},
		{"../../README.md", r.intoReadme},
	} {
		text, err := os.ReadFile(document.path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := document.make(string(text))
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != want {
			t.Errorf("%s is not what %s says: run make figures", document.path, resultsFile)
		}
	}
}

// A figure that is measured and shown nowhere is missing in the template.
func TestFiguresShowEverything(t *testing.T) {
	r, err := readReport(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.render(figuresFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Figures {
		if row := "| " + f.Name + " | " + number(f.Ours.Median) + " "; !strings.Contains(text, row) {
			t.Errorf("%s has no row %q of group %q", figuresFile, row, f.Group)
		}
	}
	readme, err := r.render("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{figuresFile: text, "README.md": readme} {
		if strings.Contains(text, notMeasured) {
			t.Errorf("%s asks for a figure that %s does not have", name, resultsFile)
		}
	}
}

func TestFigures(t *testing.T) {
	r := measuredReport()
	for _, c := range []struct{ name, got, want string }{
		{"a value", r.value("start", "to first"), "50 ms"},
		{"no value", r.value("start", "to last"), notMeasured},
		{"more is better", r.against(groupThroughput, "32", "workerd", "bare"), "1.5 times workerd, 0.15 times bare fiber 2"},
		{"more events are better", r.against(groupDelivered, "PostgreSQL", "River"), "2 times River v1"},
		{"less is better", r.against(groupEngine, "fib", "native", "workerd"), "8 times native"},
		{"without a peer", r.against("start", "to first", "native"), notMeasured},
		{"a list", r.list("start"), "|  | median | lowest and highest | to reach |\n|---|---|---|---|\n| to first answer | 50 ms | 40 to 60 | below 500 |"},
		{"a comparison", r.comparison(groupEngine), "| ms | PiCloud | native |\n|---|---|---|\n| fib | 2 | 16 (8) |"},
		{"no list", r.list("plugins"), notMeasured},
		{"no comparison", r.comparison("plugins"), notMeasured},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

// A peer that lacks an operation has an empty cell, in whichever row it comes first.
func TestComparisonOfSomePeers(t *testing.T) {
	r := &report{}
	r.compare("group", "kv get", perSecond, "", samples{8}, measured{"workerd", samples{4}})
	r.compare("group", "docs get", perSecond, "", samples{8}, measured{"PocketBase", samples{2}}, measured{"workerd", samples{8}})
	r.add("group", "files get", perSecond, "", samples{8})
	const want = "| req/s | PiCloud | workerd | PocketBase |\n|---|---|---|---|\n" +
		"| kv get | 8 | 4 (2) |  |\n| docs get | 8 | 8 (1) | 2 (4) |\n| files get | 8 |  |  |"
	if got := r.comparison("group"); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

// What no run has measured yet is left out of the document, with what is told of it.
func TestFiguresOfSections(t *testing.T) {
	whole := measuredReport()
	whole.compare(groupScale, unloaded, perSecond, "", samples{10}, measured{"bare fiber 2", samples{20}})
	whole.add(groupProcessor, "1 connection", "µs", "", samples{50})
	whole.compare(groupThroughput, "128 connections", perSecond, "", samples{10}, measured{"bare Hertz 1", samples{20}})
	whole.compare("services on SQLite, by a route, 32 connections", "docs get", perSecond, "", samples{10}, measured{"PocketBase 1", samples{5}})
	for _, c := range []struct {
		name string
		of   *report
		want bool
	}{
		{"measured", whole, true},
		{"not measured", &report{}, false},
	} {
		text, err := c.of.render(figuresFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, told := range []string{"\n## Events\n", "\n## Scale\n", "\nBare Hertz answers ", "\nProcessor time that ", "synchronous=NORMAL"} {
			if got := strings.Contains(text, told); got != c.want {
				t.Errorf("%s: %q is there: %v, want %v", c.name, told, got, c.want)
			}
		}
		for _, heading := range []string{"Services", "Plugins"} {
			if !strings.Contains(text, "\n\n## "+heading+"\n") {
				t.Errorf("%s: there is no heading %s", c.name, heading)
			}
		}
		if strings.Contains(text, "\n\n\n") {
			t.Errorf("%s: there are two empty lines together", c.name)
		}
	}
}

func TestWriteFigures(t *testing.T) {
	dir := t.TempDir()
	if err := measuredReport().write(filepath.Join(dir, resultsFile)); err != nil {
		t.Fatal(err)
	}
	readme := filepath.Join(dir, "README.md")
	for _, c := range []struct{ old, before, after, fails string }{
		{old: "a\n" + beginFigures + "old\n" + endFigures + "b\n", before: "a\n" + beginFigures, after: endFigures + "b\n"},
		{old: "a\n" + beginFigures, fails: "no lines"},
		{old: "a\n", fails: "no lines"},
	} {
		if err := os.WriteFile(readme, []byte(c.old), 0o600); err != nil {
			t.Fatal(err)
		}
		err := writeFigures(dir, readme)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("of %q: error %v, want one with %q", c.old, err, c.fails)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		if !strings.HasPrefix(got, c.before) || !strings.HasSuffix(got, c.after) || !strings.Contains(got, "15 req/s") || strings.Contains(got, "old") {
			t.Errorf("the README became %q", got)
		}
	}
	for _, name := range []string{figuresFile, chartFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
