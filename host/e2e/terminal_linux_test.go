package e2e

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// picloud dev tells people in one place, in the order in which it happens, what it deploys, which requests come, what scripts
// log, and where they fail, with the line.
func TestDevForPeople(t *testing.T) {
	p, _ := devPlace(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts:\n  - {name: cart, routes: [GET /cart]}\n")
	p.write(t, "shop/cart.rhai", "log::warn(\"low\", #{tea: 1});\n`one`")
	person, terminal := openTerminal(t)
	c := p.command(t, "dev", "shop", "--addr", "127.0.0.1:0")
	c.Env = append(slices.Clone(p.env), "TERM=xterm", "NO_COLOR=")
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	require.NoError(t, c.Start())
	const at = `\x1b\[2m\d\d:\d\d:\d\d\.\d{3}\x1b\[0m ` // faint

	shown := readUntil(t, person, "until it is interrupted")
	assert.Regexp(t, at+`deployed in \d+ ms: app shop created.*\r\n +script cart created`, shown)
	found := regexp.MustCompile(at + `shop on (http://[0-9.:]+); deploys what changes in shop until it is interrupted$`).FindStringSubmatch(shown)
	require.NotNil(t, found, "%q", shown)

	answers(t, found[1], "/cart", 200, "one")
	shown = readUntil(t, person, `{"tea":1}`)
	assert.Regexp(t, at+`GET /cart 200 \d+\.\d ms \x1b\[2m[0-9a-f-]{36}\x1b\[0m\r\n`, shown)
	assert.Regexp(t, at+`\x1b\[33mwarn\x1b\[0m cart: low {"tea":1}$`, shown)

	// A slip, which changes nothing.
	p.write(t, "shop/cart.rhai", "`two`\n let")
	shown = readUntil(t, person, "^")
	assert.Regexp(t, at+`\x1b\[31mnot deployed, all stays as it was:\x1b\[0m\r\nshop/cart\.rhai:2:2: .*\r\n  2 \|  let\r\n    \|  \^$`, shown)
	answers(t, found[1], "/cart", 200, "one")

	// A script that fails, of which the error is told once.
	p.write(t, "shop/cart.rhai", "let x = 1;\nx.nothing()")
	shown = readUntil(t, person, "script cart updated")
	assert.Regexp(t, at+`deployed in \d+ ms: script cart updated$`, shown)
	answers(t, found[1], "/cart", 502, "")
	shown = readUntil(t, person, "^")
	assert.Regexp(t, at+`GET /cart \x1b\[31m502\x1b\[0m `, shown)
	assert.Regexp(t, at+`\x1b\[31merror \x1b\[0mshop/cart\.rhai:2:\d+: Function not found: nothing \(i64\).*\r\n  2 \| x\.nothing\(\)\r\n    \| +\^$`, shown)
	assert.Equal(t, 1, strings.Count(shown, "Function not found"), "%q", shown)
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	require.NoError(t, c.Wait())
}
