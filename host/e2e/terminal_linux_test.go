package e2e

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// At a terminal a deletion is asked about, and only a yes deletes.
func TestDeleteAsks(t *testing.T) {
	p, _ := loggedIn(t)
	type answer func(process *os.Process, person io.Writer)
	typed := func(text string) answer {
		return func(_ *os.Process, person io.Writer) { fmt.Fprint(person, text) }
	}
	for _, test := range []struct {
		name   string
		answer answer
		status int
		shows  string
	}{
		{"enter", typed("\n"), exitFailed, "nothing is changed"},
		{"no", typed("no\n"), exitFailed, "nothing is changed"},
		{"end of input", typed("\x04"), exitFailed, "nothing is changed"},
		{"interrupted", func(process *os.Process, _ io.Writer) { _ = process.Signal(syscall.SIGINT) }, exitInterrupted, "interrupted: nothing is changed"},
		{"yes", typed("Y\n"), exitOK, "Script hello deleted."},
	} {
		t.Run(test.name, func(t *testing.T) {
			p.must(t, "scripts", "show", "hello")
			person, terminal := openTerminal(t)
			c := p.command(t, "scripts", "delete", "hello")
			c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			shown := readUntil(t, person, "This deletes the script hello with 1 route. Go on? [y/N] ")
			test.answer(c.Process, person)
			_ = c.Wait()
			shown += readUntil(t, person, test.shows)
			if status := c.ProcessState.ExitCode(); status != test.status {
				t.Errorf("status %d, want %d; the terminal shows %q", status, test.status, shown)
			}
		})
	}
	p.fails(t, exitFailed, "has no script", "scripts", "show", "hello")

	// An app that holds something wants its name.
	p.must(t, "kv", "put", "notes", "first", "1")
	for _, test := range []struct{ typed, shows string }{{"y\n", "nothing is changed"}, {"default\n", "App default deleted."}} {
		person, terminal := openTerminal(t)
		c := p.command(t, "apps", "delete", "default")
		c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		readUntil(t, person, "Type default to go on: ")
		fmt.Fprint(person, test.typed)
		_ = c.Wait()
		readUntil(t, person, test.shows)
	}
}

// What is wrong is coloured on a terminal, unless its user does not want that.
func TestColors(t *testing.T) {
	p := newPlace(t)
	for variables, want := range map[string]string{
		"TERM=xterm":            "\x1b[31mpicloud: error: \x1b[0mnot logged in",
		"TERM=xterm NO_COLOR=1": "\npicloud: error: not logged in",
		"TERM=dumb":             "\npicloud: error: not logged in",
	} {
		person, terminal := openTerminal(t)
		c := p.command(t, "apps", "list")
		c.Env = append(slices.Clone(p.env), strings.Fields("NO_COLOR= "+variables)...)
		c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
		fmt.Fprintln(terminal)
		if err := c.Run(); err == nil {
			t.Error("the command succeeds")
		}
		if shown := readUntil(t, person, "not logged in"); !strings.HasSuffix(strings.ReplaceAll(shown, "\r", ""), want) {
			t.Errorf("with %s the terminal shows %q, want %q", variables, shown, want)
		}
	}
}
