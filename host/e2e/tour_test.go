package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/store/eachtest"
)

// Each document with console blocks is a script for its reader: every command
// in it must work as it stands, on a fresh server, and print what is shown.
func TestDocumentsWorkWordForWord(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	for _, document := range []string{
		"README.md", tutorial, "examples/hello/README.md", "examples/todo/README.md", "examples/guestbook/README.md",
		"examples/shortener/README.md", "examples/images/README.md", "examples/webhooks/README.md", "examples/site/README.md", "examples/orders/README.md", weatherReadme,
		"examples/plugin-c/README.md", "examples/plugin-assemblyscript/README.md", "examples/plugin-go/README.md",
	} {
		t.Run(document, func(t *testing.T) {
			if document == "README.md" {
				eachtest.SQLiteOnly(t, "it restores a backup to a data directory")
			}
			text, err := os.ReadFile(filepath.Join("../..", document))
			if err != nil {
				t.Fatal(err)
			}
			steps := consoleSteps(string(text))
			if len(steps) == 0 {
				t.Fatalf("%s has no console block", document)
			}
			p := newPlace(t)
			if document == weatherReadme {
				// The public service is another's: once deployed, the example asks one here.
				upstream := newWeatherService(t)
				p.env = append(p.env, "PICLOUD_HTTP_ALLOW_PRIVATE=true")
				steps = slices.Insert(steps, 1, step{command: `bin/picloud kv put settings upstream '"` + upstream + `"' --app weather`, shown: "Key upstream written."})
			}
			server := startServer(t, p)
			if document != "README.md" && document != tutorial { // whose reader has logged in already
				if r := p.run(t, server.password+"\n", "login", "--url", server.url, "--password-stdin"); r.status != exitOK {
					t.Fatal(r)
				}
			}
			outputs := perform(t, bash, p, server, steps)
			for i, step := range steps {
				if !step.matches(outputs[i]) {
					t.Errorf("line %d:\n$ %s\nprinted\n%s\n%s shows\n%s", step.line, step.command, outputs[i], document, step.shown)
				}
			}
		})
	}
}

const tutorial = "host/reference/pages/tutorial.md"

const weatherReadme = "examples/weather/README.md"

// newWeatherService starts a service in the place of the public one.
func newWeatherService(t *testing.T) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"current":{"temperature_2m":7.4,"wind_speed_10m":11.2}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A step is a command of a document and the output shown below it.
type step struct {
	line    int
	command string
	shown   string // "…" stands for any text within a line
}

func (s step) matches(output string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(s.shown), "…", ".*")
	return regexp.MustCompile("^" + quoted + "$").MatchString(output)
}

var heredoc = regexp.MustCompile(`<<'(\w+)'`)

// consoleSteps reads the ```console blocks of a document. A command begins with
// "$ " and goes on after a backslash and to the end of a here-document; what
// follows up to the next command is its output.
func consoleSteps(document string) []step {
	var steps []step
	inside, unfinished, terminator := false, false, ""
	for i, line := range strings.Split(document, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside, unfinished = line == "```console", false
			continue
		case !inside:
			continue
		}
		if command, isCommand := strings.CutPrefix(line, "$ "); isCommand && !unfinished {
			steps = append(steps, step{line: i + 1, command: command})
			if found := heredoc.FindStringSubmatch(command); found != nil {
				terminator = found[1]
			}
			unfinished = terminator != "" || strings.HasSuffix(line, `\`)
			continue
		}
		last := &steps[len(steps)-1]
		if !unfinished {
			last.shown = strings.TrimPrefix(last.shown+"\n"+line, "\n")
			continue
		}
		last.command += "\n" + line
		if terminator != "" {
			unfinished = line != terminator
			if !unfinished {
				terminator = ""
			}
		} else {
			unfinished = strings.HasSuffix(line, `\`)
		}
	}
	return steps
}

// perform runs the commands in one shell whose standard input has the admin's
// password, and answers the output of each.
func perform(t *testing.T, bash string, p *place, server running, steps []step) []string {
	t.Helper()
	const documented = "http://127.0.0.1:8080"
	const marker = "\x01next\x01"
	var script strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&script, "%s\nprintf '\\n%s'\n", strings.ReplaceAll(s.command, documented, server.url), marker)
	}
	file := filepath.Join(p.dir, "tour.sh")
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shell := exec.CommandContext(ctx, bash, file)
	shell.Dir = p.dir
	// As for a reader whose server is on the documented port.
	shell.Env = append(p.env, "PICLOUD_URL="+server.url)
	shell.Stdin = strings.NewReader(server.password + "\n")
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Logf("the shell ended with %v", err)
	}
	outputs := strings.Split(strings.ReplaceAll(string(output), server.url, documented), marker)
	if len(outputs) != len(steps)+1 {
		t.Fatalf("%d of %d commands ran; output:\n%s", len(outputs)-1, len(steps), output)
	}
	for i := range outputs {
		outputs[i] = strings.TrimRight(outputs[i], "\n")
	}
	return outputs
}

func TestConsoleSteps(t *testing.T) {
	const document = "text\n```\n$ not this\n```\n```console\n$ a \\\n  b\nout 1\nout …\n$ cat <<'END'\n$ x\nEND\n$ c\n```\n$ nor this\n"
	want := []step{
		{6, "a \\\n  b", "out 1\nout …"},
		{10, "cat <<'END'\n$ x\nEND", ""},
		{13, "c", ""},
	}
	got := consoleSteps(document)
	if len(got) != len(want) {
		t.Fatalf("%d steps %+v, want %d", len(got), got, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("step %d = %+v, want %+v", i, got[i], want[i])
		}
	}
	if s := want[0]; !s.matches("out 1\nout of this world") || s.matches("out 1\nin") || s.matches("out 1") {
		t.Errorf("%q does not match as it should", s.shown)
	}
}
