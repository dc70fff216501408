package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/sqlite"
)

// backedUp starts a server, has something in each of its services, and returns a backup of it.
func backedUp(t *testing.T, c *config.Config) []byte {
	t.Helper()
	c.AdminPassword = "correct horse"
	if c.DatabaseURL != "" {
		c.SecretKey = keySetting(1)
	}
	s := start(t, c)
	ctx := t.Context()
	app, err := s.store.Apps().GetBySlug(ctx, "default")
	require.NoError(t, err)
	_, err = s.services.Secrets.Set(ctx, app.ID, "key", "sealed value")
	require.NoError(t, err)
	_, err = s.store.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(`"tab\tbackslash\\ line\nquote \" é"`)}, false)
	require.NoError(t, err)
	_, err = s.store.Docs().Create(ctx, store.DocumentKey{AppID: app.ID, Collection: "c"}, store.DocumentContent{Data: json.RawMessage(`{"a":[1,{"b":"x"}],"when":null}`)})
	require.NoError(t, err)
	_, err = s.services.Files.Create(ctx, app.ID, "c", "n.bin", "application/octet-stream", bytes.NewReader(bytes.Repeat([]byte("abc"), 300_000)))
	require.NoError(t, err)
	_, err = s.services.Files.Create(ctx, app.ID, "c", "empty", "text/plain", strings.NewReader(""))
	require.NoError(t, err)
	_, err = s.store.Topics().Set(ctx, store.Topic{AppID: app.ID, Name: "t", Access: store.AccessPublic})
	require.NoError(t, err)
	status, _ := s.get("/hello") // an execution
	require.Equal(t, 200, status)
	require.NoError(t, s.executions.Flush(ctx))
	backup, err := s.backup.Open(ctx)
	require.NoError(t, err)
	content, err := io.ReadAll(backup)
	require.NoError(t, err)
	require.NoError(t, backup.Close())
	s.stopped()
	return content
}

// elsewhere is where a backup of a kind of database can be restored to.
func elsewhere(t *testing.T, database string) *config.Location {
	at := &config.Location{Data: filepath.Join(t.TempDir(), "restored")}
	if database == "postgres" {
		at.DatabaseURL = pgtest.URL(t)
	}
	return at
}

func restore(t *testing.T, at *config.Location, backup []byte) (Restored, error) {
	return Restore(t.Context(), RestoreConfig{At: at, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(backup)), nil }})
}

// A restored server has all that the one of before had: who logs in, what runs, what is kept.
func TestRestore(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			backup := backedUp(t, c)
			head, end, err := Verify(t.Context(), bytes.NewReader(backup))
			require.NoError(t, err)
			assert.Equal(t, name, head.Database)
			assert.EqualValues(t, 2, end.Files)
			assert.False(t, end.SecretKey)

			at := elsewhere(t, name)
			done, err := restore(t, at, backup)
			require.NoError(t, err)
			assert.Equal(t, end, done.End)
			if name == "sqlite" {
				assert.Len(t, done.Sealed, 1, "the key of secrets is not in the backup")
				key, err := os.ReadFile(filepath.Join(c.Data, secrets.FileName))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(at.Data, secrets.FileName), key, 0o600))
			}
			same(t, c, at)

			restored := *c
			restored.Location, restored.AdminPassword = *at, ""
			require.NoError(t, os.Symlink(compiled, filepath.Join(at.Data, "cache")))
			s := start(t, &restored)
			assert.Equal(t, 200, s.login("admin", "correct horse"))
			status, body := s.get("/hello?name=again")
			assert.Equal(t, 200, status)
			assert.JSONEq(t, `{"message":"Hello, again!"}`, body)
			app, err := s.store.Apps().GetBySlug(t.Context(), "default")
			require.NoError(t, err)
			value, err := s.services.Secrets.Get(t.Context(), app.ID, "key")
			require.NoError(t, err)
			assert.Equal(t, "sealed value", value)
			page, err := s.services.Files.List(t.Context(), app.ID, "c", store.PageRequest{})
			require.NoError(t, err)
			require.Len(t, page.Items, 2)
			for _, file := range page.Items {
				reader, err := s.services.Files.Open(t.Context(), app.ID, "c", file.ID)
				require.NoError(t, err)
				content, err := io.ReadAll(reader)
				require.NoError(t, err)
				assert.Len(t, content, int(file.Size))
				require.NoError(t, reader.Close())
			}
			// What counts goes on counting.
			_, err = s.services.Files.Create(t.Context(), app.ID, "c", "more", "text/plain", strings.NewReader("more"))
			require.NoError(t, err)
			status, _ = s.get("/hello")
			assert.Equal(t, 200, status)
			s.stopped()
			inStore(t, &restored, func(db store.Store) {
				entries, err := db.Audit().List(t.Context(), store.AuditQuery{Action: "restore"})
				require.NoError(t, err)
				require.Len(t, entries.Items, 1)
				assert.Equal(t, store.ActorSystem, entries.Items[0].Actor)
			})
		})
	}
}

// same compares the databases row by row, but for what belongs to their places.
func same(t *testing.T, c *config.Config, restored *config.Location) {
	t.Helper()
	parts := func(at *config.Location) map[string]string {
		db, err := OpenStore(t.Context(), at, nil)
		require.NoError(t, err)
		defer db.Close()
		parts := map[string]string{}
		require.NoError(t, db.Dump(t.Context(), func(snapshot store.Dump) error {
			for _, part := range snapshot.Parts() {
				var text bytes.Buffer
				_, err := snapshot.Copy(t.Context(), part, &text)
				require.NoError(t, err)
				parts[part] = text.String()
			}
			return nil
		}))
		return parts
	}
	was, is := parts(&c.Location), parts(restored)
	if c.DatabaseURL == "" {
		require.Len(t, is[sqlite.FileName], len(was[sqlite.FileName]), "the pages are the same, but for a few rows")
		return
	}
	for _, table := range []string{"meta", "audit", "file_root", "executions", "log_lines", "segments", "segment_index", "log_usage", "cpu_usage", "series", "sessions"} { // that go on
		delete(was, table)
		delete(is, table)
	}
	require.NotEmpty(t, was)
	for table, rows := range was {
		assert.Equal(t, strings.Count(rows, "\n"), strings.Count(is[table], "\n"), table)
		assert.ElementsMatch(t, strings.Split(rows, "\n"), strings.Split(is[table], "\n"), table)
	}
}

// What cannot be restored is refused, and leaves nothing behind.
func TestRestoreRefuses(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			backup := backedUp(t, settings(t))
			newer := rewritten(t, backup, "", func(h *archive.Head) { h.Schema = 9999; h.Version = "9.9.9" })
			format := rewritten(t, backup, "", func(h *archive.Head) { h.Format = archive.Format + 1 })
			unknown := rewritten(t, backup, "", func(h *archive.Head) { h.Database = "oracle" })
			altered := bytes.Clone(backup)
			altered[len(backup)/2] ^= 1
			other := map[string]string{"sqlite": "postgres", "postgres": "sqlite"}[name]
			for _, c := range []struct {
				name   string
				backup []byte
				at     *config.Location
				says   string
			}{
				{"truncated", backup[:len(backup)/2], elsewhere(t, name), "the backup is damaged"},
				{"altered", altered, elsewhere(t, name), "the backup is damaged"},
				{"of a newer schema", newer, elsewhere(t, name), "was made by PiCloud 9.9.9 with schema 9999, and this one knows schemas up to"},
				{"of a newer format", format, elsewhere(t, name), "the backup has format 2"},
				{"of an unknown database", unknown, elsewhere(t, name), `of a database "oracle"`},
				{"something else", []byte("nonsense"), elsewhere(t, name), "no backup of PiCloud"},
				{"to another database", backup, elsewhere(t, other), "database_url: the backup is of"},
			} {
				_, err := restore(t, c.at, c.backup)
				require.ErrorContains(t, err, c.says, c.name)
				assert.NoDirExists(t, c.at.Data, c.name)
				if c.at.DatabaseURL != "" && name == "postgres" { // is still empty
					_, err := restore(t, &config.Location{Data: c.at.Data, DatabaseURL: c.at.DatabaseURL}, backup)
					require.NoError(t, err, c.name)
				}
			}

			at := elsewhere(t, name)
			require.NoError(t, os.MkdirAll(at.Data, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(at.Data, "mine"), nil, 0o600))
			_, err := restore(t, at, backup)
			require.ErrorContains(t, err, "data: "+at.Data+" is not empty, it has mine: restore to a new directory")
			assert.FileExists(t, filepath.Join(at.Data, "mine"))

			at = elsewhere(t, name)
			root := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(root, "mine"), nil, 0o600))
			_, err = Restore(t.Context(), RestoreConfig{At: at, FilesRoot: root, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(backup)), nil }})
			require.ErrorContains(t, err, "files_root: "+root+" is not empty")

			at = elsewhere(t, name)
			_, err = restore(t, at, backup)
			require.NoError(t, err)
			_, err = restore(t, at, backup)
			require.ErrorContains(t, err, "is not empty")
			if name == "postgres" {
				_, err = restore(t, &config.Location{Data: filepath.Join(t.TempDir(), "new"), DatabaseURL: at.DatabaseURL}, backup)
				require.ErrorContains(t, err, "database: the database is not empty: restore to a new one")
			}
		})
	}
}

// The keys that are missing are told of also if there are others in the backup.
func TestRestoreWithOtherKeys(t *testing.T) {
	backup := rewritten(t, backedUp(t, settings(t)), keySetting(7), func(*archive.Head) {})
	done, err := restore(t, elsewhere(t, "sqlite"), backup)
	require.NoError(t, err)
	require.NoError(t, done.Unrecorded)
	assert.True(t, done.End.SecretKey)
	assert.NotContains(t, done.Sealed, secrets.KeyIDs([]byte(keySetting(7)))[0])
	assert.Len(t, done.Sealed, 1)
}

// A restore that fails in the middle, as when it is interrupted, leaves nothing behind: the next one works.
func TestRestoreInterrupted(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			backup, at := backedUp(t, settings(t)), elsewhere(t, name)
			ctx, cancel := context.WithCancel(t.Context())
			opened := 0
			_, err := Restore(ctx, RestoreConfig{At: at, Open: func() (io.ReadCloser, error) {
				if opened++; opened == 2 { // after it was checked
					cancel()
				}
				return io.NopCloser(bytes.NewReader(backup)), nil
			}})
			require.ErrorIs(t, err, context.Canceled)
			entries, err := os.ReadDir(at.Data)
			require.NoError(t, err)
			for _, entry := range entries {
				assert.Equal(t, lockFile, entry.Name())
			}
			_, err = restore(t, at, backup)
			require.NoError(t, err)
		})
	}
}

// What comes while the backup is checked, or while it is restored, stays as it is.
func TestRestoreMeanwhile(t *testing.T) {
	whole := backedUp(t, settings(t))
	for _, dir := range []string{"data", "files_root"} {
		at, root := elsewhere(t, "sqlite"), filepath.Join(t.TempDir(), "files")
		theirs := filepath.Join(map[string]string{"data": at.Data, "files_root": root}[dir], sqlite.FileName)
		_, err := Restore(t.Context(), RestoreConfig{At: at, FilesRoot: root, Open: func() (io.ReadCloser, error) { // a server begins and ends
			require.NoError(t, os.MkdirAll(filepath.Dir(theirs), 0o700))
			require.NoError(t, os.WriteFile(theirs, []byte("theirs"), 0o600))
			return io.NopCloser(bytes.NewReader(whole)), nil
		}})
		require.ErrorContains(t, err, dir+": "+filepath.Dir(theirs)+" is not empty")
		content, err := os.ReadFile(theirs)
		require.NoError(t, err)
		assert.Equal(t, "theirs", string(content))
	}

	at, root, opened := elsewhere(t, "sqlite"), filepath.Join(t.TempDir(), "files"), 0
	theirs := filepath.Join(root, "12", "34", "theirs")
	_, err := Restore(t.Context(), RestoreConfig{At: at, FilesRoot: root, Open: func() (io.ReadCloser, error) {
		if opened++; opened == 1 {
			return io.NopCloser(bytes.NewReader(whole)), nil
		}
		// Another restore to the same root, and a server that works on it; and then the backup breaks off.
		_, err := Restore(t.Context(), RestoreConfig{At: elsewhere(t, "sqlite"), FilesRoot: root, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(whole)), nil }})
		require.ErrorContains(t, err, "files_root: "+root+" is not empty")
		require.NoError(t, os.MkdirAll(filepath.Dir(theirs), 0o700))
		require.NoError(t, os.WriteFile(theirs, nil, 0o600))
		require.NoError(t, os.WriteFile(databaseFile(at), []byte("theirs"), 0o600))
		return io.NopCloser(bytes.NewReader(whole[:len(whole)-1])), nil
	}})
	require.ErrorContains(t, err, "the backup is damaged")
	assert.FileExists(t, theirs)
	var left []string
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error { left = append(left, path); return err }))
	assert.Equal(t, []string{root, filepath.Join(root, "12"), filepath.Join(root, "12", "34"), theirs}, left, "nothing of the restore")
	content, err := os.ReadFile(databaseFile(at))
	require.NoError(t, err)
	assert.Equal(t, "theirs", string(content))
}

// rewritten is a backup with another head, the key file of secrets and no files, and sound otherwise.
func rewritten(t *testing.T, backup []byte, keys string, change func(*archive.Head)) []byte {
	t.Helper()
	var b bytes.Buffer
	var w *archive.Writer
	_, _, err := archive.Read(bytes.NewReader(backup), archive.Taker{
		Head: func(h archive.Head) (err error) {
			change(&h)
			if w, err = archive.NewWriter(&b, h); err == nil && keys != "" {
				err = w.Key([]byte(keys))
			}
			return err
		},
		Part: func(name string, from io.Reader) error {
			return w.Part(name, func(to io.Writer) (int64, error) { return io.Copy(to, from) })
		},
	})
	require.NoError(t, err)
	_, err = w.Close()
	require.NoError(t, err)
	return b.Bytes()
}

// A server with a schedule makes its backups, and one whose settings are wrong says which.
func TestScheduledBackups(t *testing.T) {
	c := settings(t)
	place := filepath.Join(t.TempDir(), "backups")
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	c.BackupSchedule, c.BackupTo, c.BackupKeep, c.BackupRecipient = "@every 1s", place, 2, []string{identity.Recipient().String()}
	s := start(t, c)
	app, err := s.store.Apps().GetBySlug(t.Context(), "default")
	require.NoError(t, err)
	_, err = s.services.Secrets.Set(t.Context(), app.ID, "key", "sealed value")
	require.NoError(t, err)
	ran := s.schedule.Ran()
	for {
		names, err := filepath.Glob(filepath.Join(place, "picloud-*.tar.zst.age"))
		require.NoError(t, err)
		if len(names) == 2 {
			break
		}
		s.schedule.Wake()
		failed, err := ran.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, failed)
	}
	s.stopped()
	names, err := filepath.Glob(filepath.Join(place, "picloud-*.tar.zst.age"))
	require.NoError(t, err)
	open := func(name string) (io.ReadCloser, error) {
		sealed, err := os.ReadFile(name)
		require.NoError(t, err)
		plain, err := archive.Decrypt(bytes.NewReader(sealed), archive.Secrets{Identities: []age.Identity{identity}})
		return io.NopCloser(plain), err
	}
	for _, name := range names {
		plain, err := open(name)
		require.NoError(t, err)
		head, end, err := Verify(t.Context(), plain)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), head.CreatedAt, time.Hour)
		assert.True(t, end.SecretKey)
	}

	// The keys of secrets are in it, and so the restored server can read them.
	again := *settings(t)
	again.Location = *elsewhere(t, "sqlite")
	done, err := Restore(t.Context(), RestoreConfig{At: &again.Location, Open: func() (io.ReadCloser, error) { return open(names[1]) }})
	require.NoError(t, err)
	assert.Empty(t, done.Sealed)
	require.NoError(t, os.Symlink(compiled, filepath.Join(again.Data, "cache")))
	s = start(t, &again)
	value, err := s.services.Secrets.Get(t.Context(), app.ID, "key")
	require.NoError(t, err)
	assert.Equal(t, "sealed value", value)
	s.stopped()

	for _, wrong := range []struct {
		change func(*config.Config)
		says   string
	}{
		{func(c *config.Config) { c.BackupSchedule = "at night" }, "backup_schedule: "},
		{func(c *config.Config) { c.BackupRecipient = []string{"nobody"} }, `backup_recipient: key 1 of 1 is no public key`},
		{func(c *config.Config) { c.BackupTo = "s3://bucket" }, "backup_to: \"\" is no endpoint"},
	} {
		again := *c
		wrong.change(&again)
		_, err := (&Config{Settings: &again}).quiet(t)
		require.ErrorContains(t, err, wrong.says)
	}
}

// A server starts while the place of its backups is away, and counts those that fail.
func TestBackupsWithoutTheirPlace(t *testing.T) {
	c := settings(t)
	c.BackupSchedule, c.BackupTo, c.BackupS3Endpoint = "0 3 * * *", "s3://bucket", "http://127.0.0.1:1"
	start(t, c).stopped()

	c = settings(t)
	away := filepath.Join(t.TempDir(), "away")
	require.NoError(t, os.WriteFile(away, nil, 0o600)) // no directory
	c.BackupSchedule, c.BackupTo = "@every 1s", away
	s := start(t, c)
	ran := s.schedule.Ran()
	for {
		s.schedule.Wake()
		if failed, err := ran.Next(t.Context()); failed != nil {
			require.NoError(t, err)
			require.ErrorContains(t, failed, "mkdir")
			break
		}
	}
	s.stopped()
}
