//go:build unix

package pgtest

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// down is set between [Stop] and [Start].
var down bool

// Stop ends the private server at once, as a crash would: connections break and new ones are
// refused until [Start], which the end of the test calls if the test has not. Commits of
// connections with synchronous_commit=on survive it. Tests that use a server of others' (see
// [EnvURL]) are skipped.
//
// It is the server of the whole process: no other test may run meanwhile.
func Stop(tb testing.TB) {
	tb.Helper()
	if os.Getenv(EnvURL) != "" {
		tb.Skip("the server that " + EnvURL + " names cannot be stopped")
	}
	tb.Cleanup(func() { // before the databases of this test are dropped: last in, first out
		if down {
			Start(tb)
		}
	})
	control(tb, "stop")
	down = true
}

// Start starts the private server again after [Stop], as it was.
func Start(tb testing.TB) {
	tb.Helper()
	control(tb, "restart") // which remembers the options, and does not mind that nothing runs
	down = false
}

// control runs pg_ctl on the private server.
func control(tb testing.TB, command string) {
	tb.Helper()
	admin, err := server()
	if err != nil {
		tb.Fatal(err)
	}
	location, err := url.Parse(admin.url)
	if err != nil {
		tb.Fatal(err)
	}
	programs, err := findPrograms()
	if err != nil {
		tb.Fatal(err)
	}
	directory := location.Query().Get("host")
	log := filepath.Join(directory, "log")
	c := exec.Command(filepath.Join(programs, "pg_ctl"), command, "-D", filepath.Join(directory, "data"),
		"-m", "immediate", "-w", "-t", "60", "-l", log)
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{}
	if err := asOrdinaryUser(c, directory); err != nil {
		tb.Fatal(err)
	}
	if err := c.Run(); err != nil {
		said, _ := os.ReadFile(log)
		tb.Fatalf("pg_ctl %s: %v\n%s", command, err, said)
	}
}
