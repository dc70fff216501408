// Package e2e has the tests that run the built program: its command line and its server, the README's
// tour, the examples, kills, outages and full disks.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	// What the program is made of: without it a result of before a change would be taken for one of now.
	_ "github.com/picloud/picloud/host/cli"
	_ "github.com/picloud/picloud/host/config"
	_ "github.com/picloud/picloud/host/server"
	"github.com/picloud/picloud/host/store/eachtest"
)

// program is the built picloud, and compiled the compilation cache that the servers under test share:
// the first start of each would otherwise spend most of its time on the same work.
var program, compiled string

// TestMain builds the program, with the race detector where the tests have it.
func TestMain(m *testing.M) {
	if attack := os.Getenv(attackFrom); attack != "" {
		attackMain(attack)
		os.Exit(0)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "picloud-e2e-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program, compiled = filepath.Join(dir, "picloud"), filepath.Join(dir, "cache")
		if err := os.Mkdir(compiled, 0o700); err != nil {
			panic(err)
		}
		args := []string{"build", "-o", program}
		if raced {
			args = append(args, "-race")
		}
		build := exec.Command("go", append(args, "github.com/picloud/picloud/host/cmd/picloud")...)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "go build:", err)
			return 1
		}
		return m.Run()
	}())
}

// Exit statuses of the command line.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3

	exitInterrupted = 130
)

// A place is a folder with bin/picloud, examples, and a home of its own, where
// commands run. Its servers are on SQLite in the folder data, unless eachtest.EnvStore asks for PostgreSQL.
type place struct {
	dir string
	env []string
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"bin/picloud": program, "examples": filepath.Join(root, "examples"), "data/cache": compiled} {
		path := filepath.Join(p.dir, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PICLOUD_") {
			p.env = append(p.env, variable)
		}
	}
	p.env = append(p.env, "HOME="+p.dir, "XDG_CONFIG_HOME="+filepath.Join(p.dir, ".config"))
	p.env = append(p.env, databaseOf(t, eachtest.Kind(t))...)
	return p
}

// databaseOf returns the variables of a server on a new database of a kind; none: it is one of SQLite in its data directory.
func databaseOf(t testing.TB, kind string) []string {
	t.Helper()
	if kind == eachtest.SQLite {
		return nil
	}
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	return []string{"PICLOUD_DATABASE_URL=" + eachtest.PostgresURL(t), "PICLOUD_SECRET_KEY=" + key}
}

// patience is how long a test waits for a program that should have long been
// done, before it fails.
const patience = time.Minute

// command prepares bin/picloud with arguments. It is killed when it outlasts
// the test's patience.
func (p *place) command(t testing.TB, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, filepath.Join(p.dir, "bin", "picloud"), args...)
	c.Dir, c.Env = p.dir, p.env
	return c
}

// A result is what a command did.
type result struct {
	args           []string
	stdout, stderr string
	status         int
}

func (r result) String() string {
	return fmt.Sprintf("picloud %s: status %d\nstdout: %s\nstderr: %s", strings.Join(r.args, " "), r.status, r.stdout, r.stderr)
}

// run runs bin/picloud to its end.
func (p *place) run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	c := p.command(t, args...)
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := c.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("picloud %v: %v", args, err)
	}
	return result{args, stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// must runs bin/picloud and fails the test unless it succeeds; the result is
// its standard output.
func (p *place) must(t *testing.T, args ...string) string {
	t.Helper()
	r := p.run(t, "", args...)
	if r.status != exitOK {
		t.Fatal(r)
	}
	return r.stdout
}

// A running server, started as `picloud serve` on an empty data directory.
type running struct {
	url       string
	dashboard string
	password  string // of admin, as printed at the first start
}

var (
	printedPassword = regexp.MustCompile(`^ +([A-Z2-7]{26})$`)
	printedPage     = regexp.MustCompile(`Dashboard: (http://[^ ]+)$`)
	printedAddress  = regexp.MustCompile(`listens on (http://[^ ]+) `)
)

// startServer starts a server that ends with the test. Its first start prints
// the password, then the address once it listens.
func startServer(t *testing.T, p *place) running {
	t.Helper()
	c := exec.Command(filepath.Join(p.dir, "bin", "picloud"), "serve", "--addr", "127.0.0.1:0", "--data", filepath.Join(p.dir, "data"))
	c.Dir, c.Env = p.dir, p.env
	output := &transcript{}
	c.Stderr = output
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	listening, ended := make(chan running, 1), make(chan struct{})
	go func() {
		defer close(ended)
		var s running
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			fmt.Fprintln(output, lines.Text())
			if found := printedPassword.FindStringSubmatch(lines.Text()); found != nil {
				s.password = found[1]
			}
			if found := printedPage.FindStringSubmatch(lines.Text()); found != nil {
				s.dashboard = found[1]
			}
			if found := printedAddress.FindStringSubmatch(lines.Text()); found != nil {
				s.url = found[1]
				listening <- s
			}
		}
	}()
	t.Cleanup(func() {
		hung := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		defer hung.Stop()
		_ = c.Process.Signal(syscall.SIGTERM)
		<-ended
		if err := c.Wait(); err != nil {
			t.Errorf("the server ended with %v, want an orderly stop", err)
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", output)
		}
	})
	select {
	case s := <-listening:
		if s.password == "" {
			t.Fatal("the first start printed no password")
		}
		return s
	case <-ended:
		t.Fatal("the server ended before it listened")
	case <-time.After(patience):
		t.Fatalf("the server does not listen after %v", patience)
	}
	panic("unreachable")
}

// transcript collects what a process says.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// request sends a request and answers status, header and body.
func request(t testing.TB, method, url, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}
