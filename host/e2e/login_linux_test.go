package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo terminal: what is written to person is typed, and
// what can be read from it is shown.
func openTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return person, terminal
}

func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// At a terminal the password is asked for and not shown; afterwards the
// terminal shows again what is typed, also when the question is interrupted.
func TestPasswordPrompt(t *testing.T) {
	p := newPlace(t)
	server := startServer(t, p)
	for _, test := range []struct {
		name   string
		answer func(process *os.Process, person io.Writer)
		status int
		shows  string
	}{
		{"typed", func(_ *os.Process, person io.Writer) { fmt.Fprintln(person, server.password) }, exitOK, "Logged in to " + server.url},
		{"wrong", func(_ *os.Process, person io.Writer) { fmt.Fprintln(person, "not-the-password") }, exitFailed, "picloud: error: "},
		{"interrupted", func(process *os.Process, _ io.Writer) { process.Signal(syscall.SIGINT) }, exitInterrupted, "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			person, terminal := openTerminal(t)
			c := p.command(t, "login", "--url", server.url)
			c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			shown := readUntil(t, person, "Password of admin at "+server.url+": ")
			for echoes(t, terminal) { // until the question is really being asked
				runtime.Gosched()
			}
			test.answer(c.Process, person)
			_ = c.Wait()
			shown += readUntil(t, person, test.shows)
			if status := c.ProcessState.ExitCode(); status != test.status {
				t.Errorf("status %d, want %d; the terminal shows %q", status, test.status, shown)
			}
			if strings.Contains(shown, server.password) || strings.Contains(shown, "not-the-password") {
				t.Errorf("the terminal shows the password: %q", shown)
			}
			if !echoes(t, terminal) {
				t.Error("the terminal does not echo any more")
			}
		})
	}
}

// readUntil reads what a terminal shows up to a text.
func readUntil(t *testing.T, terminal io.Reader, text string) string {
	t.Helper()
	read := make(chan byte)
	failed := make(chan error, 1)
	next := make(chan bool)
	defer close(next)
	go func() { // which a read that nothing comes to keeps until the terminal is closed
		for one := make([]byte, 1); <-next; read <- one[0] {
			if _, err := terminal.Read(one); err != nil {
				failed <- err
				return
			}
		}
	}()
	patience := time.After(time.Minute)
	var shown bytes.Buffer
	for !strings.HasSuffix(shown.String(), text) {
		next <- true
		select {
		case one := <-read:
			shown.WriteByte(one)
		case err := <-failed:
			t.Fatalf("the terminal shows %q, want %q: %v", shown.String(), text, err)
		case <-patience:
			t.Fatalf("the terminal shows %q and no more for a minute, want %q", shown.String(), text)
		}
	}
	return shown.String()
}
