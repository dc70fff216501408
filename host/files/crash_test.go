//go:build unix

package files

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// With crashData set, this test binary is the process to be killed: its data are there, and crashAt
// says what it does and when it is struck ("update/renamed"). Without a step it works until it is
// killed.
const (
	crashData = "PICLOUD_TEST_FILES_DATA"
	crashAt   = "PICLOUD_TEST_FILES_CRASH"
)

func TestMain(m *testing.M) {
	if data := os.Getenv(crashData); data != "" {
		if err := doomed(data, os.Getenv(crashAt)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The file that the doomed process finds, and what it is to become.
var (
	crashBefore = random(partSize + 100)
	crashAfter  = random(2*partSize + 200)
)

// openData opens the database and the service of a data directory; the app is made at the first
// time.
func openData(data string) (store.Store, *Service, store.App, error) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(data, sqlite.FileName)})
	if err != nil {
		return nil, nil, store.App{}, err
	}
	service, err := New(Config{Store: s.Files(), Root: filepath.Join(data, "files"), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	if err != nil {
		return nil, nil, store.App{}, err
	}
	app, err := s.Apps().GetBySlug(ctx, "app")
	if err != nil {
		app, err = s.Apps().Create(ctx, store.App{Slug: "app"})
	}
	return s, service, app, err
}

func doomed(data, at string) error {
	_, service, app, err := openData(data)
	if err != nil {
		return err
	}
	ctx := context.Background()
	operation, last, _ := strings.Cut(at, "/")
	service.directory.step = func(name string) {
		if name == last {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
	}
	page, err := service.List(ctx, app.ID, "c", store.PageRequest{})
	if err != nil {
		return err
	}
	switch operation {
	case "create":
		_, err = service.Create(ctx, app.ID, "c", "after", "a/b", bytes.NewReader(crashAfter))
	case "update":
		_, err = service.Update(ctx, app.ID, "c", page.Items[0].ID, Update{Name: new("after"), Data: bytes.NewReader(crashAfter)})
	case "delete":
		err = service.Delete(ctx, app.ID, "c", page.Items[0].ID, "")
	default:
		err = work(service, app)
	}
	return err
}

// work changes files for ever. It says what it is about to do, "+ id sum" with no sum for a
// deletion, and when it is done.
func work(service *Service, app store.App) error {
	ctx := context.Background()
	var ids []string
	say := func(line ...any) { fmt.Println(line...) }
	for {
		data := random(rand.IntN(3 * partSize))
		i := rand.IntN(len(ids) + 1)
		switch {
		case i == len(ids):
			say("+", "new", sumOf(data))
			file, err := service.Create(ctx, app.ID, "c", "n", "a/b", bytes.NewReader(data))
			if err != nil {
				return err
			}
			ids = append(ids, file.ID)
			say("done", file.ID, file.SHA256)
		case rand.IntN(2) == 0:
			say("+", ids[i], sumOf(data))
			file, err := service.Update(ctx, app.ID, "c", ids[i], Update{Data: bytes.NewReader(data)})
			if err != nil {
				return err
			}
			say("done", file.ID, file.SHA256)
		default:
			say("+", ids[i], "")
			if err := service.Delete(ctx, app.ID, "c", ids[i], ""); err != nil {
				return err
			}
			say("done", ids[i], "")
			ids = append(ids[:i], ids[i+1:]...)
		}
	}
}

func doomedCommand(t *testing.T, data, at string) *exec.Cmd {
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), crashData+"="+data, crashAt+"="+at)
	command.Stderr = os.Stderr
	return command
}

// survivors reopens a data directory, sweeps it, and returns the sums of its files by id, after
// reading each. No blob may be left without a file.
func survivors(t *testing.T, data string) map[string]string {
	t.Helper()
	s, service, app, err := openData(data)
	require.NoError(t, err)
	f := &fixture{Service: service, store: s, app: app, ctx: context.Background()}
	defer s.Close()
	page, err := service.List(f.ctx, app.ID, "c", store.PageRequest{Limit: store.MaxPageSize})
	require.NoError(t, err)
	sums, size := map[string]string{}, int64(0)
	for _, file := range page.Items {
		require.Equal(t, file.SHA256, sumOf(f.read(t, file)))
		sums[file.ID] = file.SHA256
		size += file.Size
	}
	f.sweep(t)
	require.Len(t, f.blobs(t), len(sums), "orphans")
	used, err := s.Files().Usage(f.ctx, app.ID)
	require.NoError(t, err)
	require.Equal(t, size, used)
	return sums
}

// A process that dies between any two steps leaves what was before the commit, or what was to come
// after it.
func TestCrashAtEachStep(t *testing.T) {
	writing := []string{"created", "written", "synced", "renamed", "directory synced"}
	for _, c := range []struct {
		operation string
		before    []string // the commit
		after     []string
	}{
		{"create", writing, []string{"committed"}},
		{"update", writing, []string{"committed", "old removed"}},
		{"delete", nil, []string{"committed", "old removed"}},
	} {
		for i, step := range append(c.before[:len(c.before):len(c.before)], c.after...) {
			committed := i >= len(c.before)
			t.Run(c.operation+"/"+step, func(t *testing.T) {
				t.Parallel()
				data := t.TempDir()
				s, service, app, err := openData(data)
				require.NoError(t, err)
				var want []string
				if c.operation != "create" {
					_, err = service.Create(context.Background(), app.ID, "c", "before", "a/b", bytes.NewReader(crashBefore))
					require.NoError(t, err)
					want = []string{sumOf(crashBefore)}
				}
				require.NoError(t, s.Close())
				if committed {
					want = []string{sumOf(crashAfter)}
					if c.operation == "delete" {
						want = nil
					}
				}
				require.ErrorContains(t, doomedCommand(t, data, c.operation+"/"+step).Run(), "killed")
				var got []string
				for _, sum := range survivors(t, data) {
					got = append(got, sum)
				}
				require.Equal(t, want, got)
			})
		}
	}
}

// What was acknowledged before kill -9 is there afterwards, and of what was under way all or
// nothing.
func TestKilledAtRandom(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	data := t.TempDir()
	known := map[string]string{} // sums by id
	for range rounds {
		command := doomedCommand(t, data, "")
		output, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		lines := bufio.NewScanner(output)
		var intended []string // what it was at when it died
		left := 1 + rand.IntN(30)
		for lines.Scan() {
			words := strings.SplitN(lines.Text(), " ", 3)
			if intended = words; words[0] == "done" {
				intended = nil
				if known[words[1]] = words[2]; words[2] == "" {
					delete(known, words[1])
				}
			}
			if left--; left == 0 { // now it is in the middle of something
				time.AfterFunc(time.Duration(rand.IntN(10_000))*time.Microsecond, func() { command.Process.Kill() })
			}
		}
		require.ErrorContains(t, command.Wait(), "killed")
		got := survivors(t, data)
		if intended != nil {
			id, sum := intended[1], intended[2]
			for other, otherSum := range got { // the new one has an id that nobody was told
				if _, old := known[other]; !old && id == "new" && otherSum == sum {
					known[other] = sum
				}
			}
			if now, there := got[id]; there && now == sum {
				known[id] = sum
			} else if !there && sum == "" {
				delete(known, id)
			}
		}
		require.Equal(t, known, got)
	}
}
