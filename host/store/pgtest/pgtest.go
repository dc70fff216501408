//go:build unix

// Package pgtest gives tests a real PostgreSQL.
//
// With PICLOUD_TEST_DATABASE_URL set it uses that server, whose user must be allowed to create
// databases. Otherwise it starts a private one from the PostgreSQL programs of this machine, one
// for each test process, on a Unix socket in a directory of its own, which is in memory where there
// is room unless something is measured. A shell watches over it: it stops the server and removes the
// directory when the test process ends, however it ends.
package pgtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

const (
	// EnvURL names the server to use instead of a private one.
	EnvURL = "PICLOUD_TEST_DATABASE_URL"
	// EnvRequire, set to 1, makes a missing PostgreSQL fail the test instead of skipping it.
	EnvRequire = "PICLOUD_REQUIRE_POSTGRES"
)

// errNotInstalled says that there is no PostgreSQL to start.
var errNotInstalled = errors.New("PostgreSQL is not installed: no initdb and pg_ctl in PATH or /usr/lib/postgresql/*/bin")

// server is the process's server, started at the first use.
var server = sync.OnceValues(func() (running, error) {
	if given := os.Getenv(EnvURL); given != "" {
		if location, err := url.Parse(given); err != nil || location.Scheme == "" {
			return running{}, errors.New(EnvURL + " must be a URL (postgres://...)")
		}
		return running{url: given}, nil
	}
	return start()
})

// running is a server that answers.
type running struct {
	url string
	// lifeline keeps the shell that watches over a private server alive while it is open. It is
	// held here lest the garbage collector close it.
	lifeline io.Closer
}

// URL makes a new, empty database, dropped when the test ends, and returns the URL to connect to
// it. Without PostgreSQL the test is skipped.
func URL(tb testing.TB) string {
	tb.Helper()
	return create(tb, "")
}

// create is [URL] with what to add to CREATE DATABASE.
func create(tb testing.TB, options string) string {
	tb.Helper()
	admin, name := mustServe(tb), newName()
	if err := execute(admin, "CREATE DATABASE "+name+options); err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() {
		if err := execute(admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Fatalf("%v", err)
		}
	})
	return withDatabase(admin, name)
}

// mustServe returns the URL of the server.
func mustServe(tb testing.TB) string {
	tb.Helper()
	admin, err := server()
	switch {
	case errors.Is(err, errNotInstalled) && os.Getenv(EnvRequire) != "1":
		tb.Skip(err)
	case err != nil:
		tb.Fatalf("starting PostgreSQL: %v", err)
	}
	return admin.url
}

// A Template is a database that others begin as copies of, which is quicker than to fill each of them.
type Template struct {
	fill func(url string) error
	name func() (string, error)
}

// NewTemplate makes a template that is filled when the first copy of it is made. On a server of others' (see [EnvURL]),
// where it would stay, there is none, and each database is filled.
func NewTemplate(fill func(url string) error) *Template {
	return &Template{fill, sync.OnceValues(func() (string, error) {
		admin, err := server()
		if err != nil {
			return "", err
		}
		name := newName()
		if err := execute(admin.url, "CREATE DATABASE "+name); err != nil {
			return "", err
		}
		return name, fill(withDatabase(admin.url, name))
	})}
}

// URL is [URL] with a copy of the template.
func (t *Template) URL(tb testing.TB) string {
	tb.Helper()
	mustServe(tb)
	if os.Getenv(EnvURL) != "" {
		url := URL(tb)
		if err := t.fill(url); err != nil {
			tb.Fatalf("filling a database: %v", err)
		}
		return url
	}
	name, err := t.name()
	if err != nil {
		tb.Fatalf("filling the template: %v", err)
	}
	return create(tb, " TEMPLATE "+name)
}

func newName() string { return "picloud_test_" + strings.ToLower(rand.Text()) }

func execute(server, statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// withDatabase returns the URL of a database of a server.
func withDatabase(server, name string) string {
	location, err := url.Parse(server)
	if err != nil {
		panic(err) // of server, which looks at it
	}
	location.Path = "/" + name
	return location.String()
}

// supervise makes and starts a server in directory $1 with the programs in $2, says so, and ends
// both when its input ends, which is when the test process does. Durability is off: nothing here
// outlives the process.
const supervise = `
trap '' INT TERM
"$2/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 &&
"$2/pg_ctl" -D "$1/data" -w -t 60 -l "$1/log" -o "-k '$1' -c listen_addresses= -c fsync=off \
	-c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB" start >>"$1/log" 2>&1 &&
echo ready || { echo failed; tail -n 20 "$1/log"; echo .; }
cat >/dev/null
"$2/pg_ctl" -D "$1/data" -m immediate stop >/dev/null 2>&1
rm -rf "$1"
`

// start starts the private server.
func start() (running, error) {
	programs, err := findPrograms()
	if err != nil {
		return running{}, err
	}
	directory, err := os.MkdirTemp(root(), "picloud-pg-")
	if err != nil {
		return running{}, err
	}
	shell := exec.Command("/bin/sh", "-c", supervise, "sh", directory, programs)
	shell.Dir = "/"
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for the test, not for the shell
	if err := asOrdinaryUser(shell, directory); err != nil {
		return running{}, errors.Join(err, os.RemoveAll(directory))
	}
	lifeline, err := shell.StdinPipe()
	if err != nil {
		return running{}, errors.Join(err, os.RemoveAll(directory))
	}
	output, err := shell.StdoutPipe()
	if err != nil {
		return running{}, errors.Join(err, os.RemoveAll(directory))
	}
	if err := shell.Start(); err != nil {
		return running{}, errors.Join(err, os.RemoveAll(directory))
	}
	lines := bufio.NewScanner(output)
	if lines.Scan() && lines.Text() == "ready" {
		settings := url.Values{"host": {directory}, "user": {"postgres"}, "sslmode": {"disable"}}
		return running{"postgres:///postgres?" + settings.Encode(), lifeline}, nil
	}
	var log []string
	for lines.Scan() && lines.Text() != "." {
		log = append(log, lines.Text())
	}
	return running{}, fmt.Errorf("the server did not start:\n%s", strings.Join(log, "\n"))
}

// root is where the directory of the server is made. Its name leaves room for that of a socket, about 100 bytes in all.
func root() string {
	if !measured() && roomInMemory() {
		return inMemory
	}
	if root := os.TempDir(); len(root) < 50 {
		return root
	}
	return "/tmp"
}

// inMemory is a file system in memory, on Linux. There a database is made in a tenth of the time that it takes on a disk,
// of which a file system needs most for a few hundred files.
const inMemory = "/dev/shm"

// measured reports whether this process measures, or may: what is measured is on a disk, like databases that are used.
func measured() bool {
	bench := flag.Lookup("test.bench")
	return bench == nil || bench.Value.String() != ""
}

// roomInMemory reports whether there is a file system in memory with room for more than tests need. That of a container
// often is small.
func roomInMemory() bool {
	const enough = 4 << 30
	var fs unix.Statfs_t
	return unix.Statfs(inMemory, &fs) == nil && int64(fs.Bavail)*int64(fs.Bsize) >= enough
}

// asOrdinaryUser makes a command run as another user if this one is root, as whom PostgreSQL
// refuses to run, and gives that user the directory.
func asOrdinaryUser(command *exec.Cmd, directory string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return err
	}
	command.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(directory, int(uid), int(gid))
}

// findPrograms returns the directory of initdb and pg_ctl, the newest version if there are several.
func findPrograms() (string, error) {
	var candidates []string
	if path, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(path))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, directory := range append(candidates, debian...) {
		if isFile(directory, "initdb") && isFile(directory, "pg_ctl") {
			return directory, nil
		}
	}
	return "", errNotInstalled
}

// version is 15 for /usr/lib/postgresql/15/bin.
func version(directory string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(directory)))
	return n
}

func isFile(directory, name string) bool {
	info, err := os.Stat(filepath.Join(directory, name))
	return err == nil && info.Mode().IsRegular()
}
