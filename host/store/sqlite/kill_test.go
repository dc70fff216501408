package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// writerPath, when set, makes this test binary the process to be killed.
const writerPath = "PICLOUD_TEST_WRITER_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(writerPath); path != "" {
		write(path)
	}
	os.Exit(m.Run())
}

// write changes the store for ever and prints what was acknowledged: the ids of scripts and
// executions, and keys behind the id of their app, which are written by several at once.
func write(path string) {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	check(err)
	app, err := s.Apps().Create(ctx, store.App{Slug: fmt.Sprint("app-", os.Getpid())})
	check(err)
	for by := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprint(by, "-", i)
				_, err := s.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: key, Value: []byte("1")}, false)
				check(err)
				fmt.Println(app.ID, key)
			}
		}()
	}
	for i := 0; ; i++ {
		script, err := s.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: fmt.Sprint("script-", i), Kind: abi.KindEndpoint, Source: "1"})
		check(err)
		id := script.ID // of the execution too
		check(s.Executions().Record(ctx, []store.Execution{{ID: id, AppID: app.ID, ScriptID: script.ID, StartedAt: time.Now(),
			Lines: []store.LogLine{{At: time.Now(), Level: abi.LogInfo, Message: "done"}}}}))
		fmt.Println(id)
	}
}

// What was acknowledged before kill -9 is there afterwards.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	acknowledged := map[string]bool{}
	for round := range 3 {
		writer := exec.Command(os.Args[0])
		writer.Env = append(os.Environ(), writerPath+"="+path)
		writer.Stderr = os.Stderr
		output, err := writer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, writer.Start())
		lines := bufio.NewScanner(output)
		for n := 0; lines.Scan(); {
			acknowledged[lines.Text()] = true
			if strings.Contains(lines.Text(), " ") {
				continue
			}
			if n++; n == 10+round*7 { // now it is in the middle of something
				require.NoError(t, writer.Process.Kill())
			}
		}
		require.ErrorContains(t, writer.Wait(), "killed")

		s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
		require.NoError(t, err)
		for id := range acknowledged {
			if app, key, ok := strings.Cut(id, " "); ok {
				found, err := s.KV().Has(context.Background(), app, "c", key)
				require.NoError(t, err)
				require.True(t, found, "key %s", key)
				continue
			}
			_, err := s.Scripts().Get(context.Background(), id)
			require.NoError(t, err, "script %s", id)
			execution, err := s.Executions().Get(context.Background(), id)
			require.NoError(t, err, "execution %s", id)
			require.Len(t, execution.Lines, 1)
		}
		require.NoError(t, s.Close())
	}
}
