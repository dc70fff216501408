package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/fault"
)

// Where this test binary restores a backup to when it is the process to be killed.
const (
	envRestoreTo       = "PICLOUD_TEST_RESTORE_TO"
	envRestoreDatabase = "PICLOUD_TEST_RESTORE_DATABASE"
	envRestoreFrom     = "PICLOUD_TEST_RESTORE_FROM"
)

// restoreHalf restores until it has read the half of what is in a backup, says so, and waits for its end.
func restoreHalf() {
	backup, err := os.ReadFile(os.Getenv(envRestoreFrom))
	opened := 0
	if err == nil {
		_, err = Restore(context.Background(), RestoreConfig{
			At: &config.Location{Data: os.Getenv(envRestoreTo), DatabaseURL: os.Getenv(envRestoreDatabase)},
			Open: func() (io.ReadCloser, error) {
				if opened++; opened == 1 { // to be checked
					return io.NopCloser(bytes.NewReader(backup)), nil
				}
				return io.NopCloser(io.MultiReader(bytes.NewReader(backup[:len(backup)/2]), waiting{})), nil
			},
		})
	}
	fmt.Fprintln(os.Stderr, "the restore has ended:", err)
	os.Exit(1)
}

// waiting is read for ever.
type waiting struct{}

func (waiting) Read([]byte) (int, error) {
	fmt.Println("half")
	select {}
}

// No server starts on what is being restored, nor on what a restore has left that was killed; it says why. The
// backup is restored again all the same.
func TestRestoreKilled(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			backup, at := backedUp(t, settings(t)), elsewhere(t, name)
			from := filepath.Join(t.TempDir(), "backup")
			require.NoError(t, os.WriteFile(from, backup, 0o600))
			restoring := exec.CommandContext(t.Context(), os.Args[0])
			restoring.Env = append(os.Environ(), envRestoreTo+"="+at.Data, envRestoreDatabase+"="+at.DatabaseURL, envRestoreFrom+"="+from)
			restoring.Stderr = os.Stderr
			output, err := restoring.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, restoring.Start())
			line, err := bufio.NewReader(output).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "half\n", line)

			starts := func(data string) error {
				c := *settings(t)
				c.Location, c.SecretKey = *at, keySetting(1)
				c.Data = data
				s, err := (&Config{Settings: &c}).quiet(t)
				if err == nil {
					assert.NoError(t, s.Stop())
				}
				return err
			}
			again, during, after := at.Data, "is in use by process", "a restore to "+at.Data+" broke off"
			if name == "postgres" { // another node
				again, during, after = filepath.Join(t.TempDir(), "other"), "is being restored to the database", "a restore to the database broke off"
			}
			says := func(err error) string { return fmt.Sprint(err, ": ", fault.Cause(err)) }
			require.Contains(t, says(starts(again)), during)
			require.NoError(t, restoring.Process.Kill())
			require.Error(t, restoring.Wait(), "killed")
			if name == "postgres" {
				gone(t, at.DatabaseURL)
			}
			require.Contains(t, says(starts(again)), after)
			require.Contains(t, says(starts(again)), after, "also when it is asked again")
			_, err = restore(t, at, backup)
			require.ErrorContains(t, err, "data: ", "the files of the one before are there")

			at.Data = filepath.Join(t.TempDir(), "new")
			_, err = restore(t, at, backup)
			require.NoError(t, err)
			require.NoError(t, os.Symlink(compiled, filepath.Join(at.Data, "cache")))
			require.NoError(t, starts(at.Data))
		})
	}
}

// gone waits until the server has noticed that the connections of a process are.
func gone(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for others := 1; others > 0; {
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&others)
		require.NoError(t, err)
	}
}

// What a server runs on is not restored to.
func TestRestoreUnderServer(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			backup, c := backedUp(t, settings(t)), settings(t)
			s := start(t, c)
			at := c.Location
			if name == "postgres" {
				at.Data = filepath.Join(t.TempDir(), "other")
			}
			_, err := restore(t, &at, backup)
			require.ErrorContains(t, err, "is not empty")
			status, _ := s.get("/hello")
			assert.Equal(t, 200, status)
			s.stopped()
		})
	}
}
