package e2e

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store/eachtest"
)

// Whoever forgot the password sets another one on the server's machine, while the server is stopped.
func TestPasswd(t *testing.T) {
	p := newPlace(t)
	d := launch(t, p)
	token := d.login()
	passwd := func(stdin string, args ...string) result {
		return p.run(t, stdin, append([]string{"passwd", "--password-stdin", "--data", "data"}, args...)...)
	}
	r := passwd("another password\n", "admin")
	assert.Equal(t, exitFailed, r.status, r)
	assert.Contains(t, r.stderr, fmt.Sprintf("data: data is in use by process %d: stop that server first", d.Process.Pid), r)
	require.NoError(t, d.end(syscall.SIGTERM))

	for _, c := range []struct {
		name, stdin string
		args        []string
		status      int
		says        string
	}{
		{"no such user", "another password\n", []string{"root"}, exitFailed, `there is no "root"; there are: admin`},
		{"too short", "short\n", []string{"admin"}, exitFailed, "between 8 and 1024 bytes, got 5"},
		{"no password", "", []string{"admin"}, exitUsage, "no password on standard input"},
		{"no user", "another password\n", nil, exitUsage, "<user>"},
		{"no database", "another password\n", []string{"admin", "--data", "elsewhere"}, exitFailed, "elsewhere has no database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "no database" {
				eachtest.SQLiteOnly(t, "one of PostgreSQL is in no data directory")
			}
			r := passwd(c.stdin, c.args...)
			assert.Equal(t, c.status, r.status, "%v", r)
			assert.Contains(t, r.stderr, c.says)
		})
	}
	assert.NoDirExists(t, filepath.Join(p.dir, "elsewhere"))

	r = passwd("another password\n", "admin")
	require.Equal(t, exitOK, r.status, r)
	assert.Equal(t, "admin has a new password, and has to log in again.\n", r.stdout)
	d = launch(t, p)
	status, _ := d.fetch("POST", "/api/v1/admin/auth/login", "", `{"username":"admin","password":"correct horse"}`)
	assert.Equal(t, 401, status)
	status, _ = d.fetch("POST", "/api/v1/admin/auth/login", "", `{"username":"admin","password":"another password"}`)
	assert.Equal(t, 200, status)
	status, _ = d.fetch("GET", "/api/v1/admin/me", token, "")
	assert.Equal(t, 401, status, "the sessions have ended")
	require.NoError(t, d.end(syscall.SIGTERM))
}

// Two servers on one data directory would damage each other's data. The lock goes with its process,
// however that ends.
func TestOneServerForADirectory(t *testing.T) {
	p := newPlace(t)
	d := launch(t, p)
	r := p.run(t, "", "serve", "--addr", "127.0.0.1:0", "--data", "data")
	assert.Equal(t, exitFailed, r.status, r)
	assert.Contains(t, r.stderr, fmt.Sprintf("data is in use by process %d: stop that server first, or name another directory with --data", d.Process.Pid), r)
	status, _ := d.fetch("GET", "/hello", "", "")
	assert.Equal(t, 200, status)
	require.Error(t, d.end(syscall.SIGKILL))
	d = launch(t, p)
	require.NoError(t, d.end(syscall.SIGTERM))
}
