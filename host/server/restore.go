package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/backup"
	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// Verify reads a backup, decrypted, to its end and checks all of it, without a server: that it is whole and as
// it was written, and of the database, that it can be opened and is sound (SQLite), or that each table has as
// many rows as it had (PostgreSQL). A database of SQLite is written to a temporary directory for that.
func Verify(ctx context.Context, from io.Reader) (head archive.Head, end archive.End, err error) {
	dir, err := os.MkdirTemp("", "picloud-verify-*") // of mode 0700
	if err != nil {
		return head, end, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	database := filepath.Join(dir, sqlite.FileName)
	rows := map[string]int64{}
	head, end, err = archive.Read(from, archive.Taker{
		Head: func(h archive.Head) error { head = h; return nil },
		Part: func(name string, from io.Reader) (err error) {
			if head.Database != store.DatabaseSQLite {
				rows[name], err = linesOf(from)
				rows[name]-- // the first has the names of the columns
				return err
			}
			file, err := os.OpenFile(database, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			_, err = io.Copy(file, contextReader{ctx, from})
			return errors.Join(err, file.Close())
		},
		File: func(_ string, _ int64, from io.Reader) error {
			_, err := io.Copy(io.Discard, contextReader{ctx, from})
			return err
		},
	})
	if err != nil {
		return head, end, err
	}
	if head.Database == store.DatabaseSQLite {
		return head, end, sqlite.Check(ctx, database)
	}
	for _, part := range end.Parts {
		if rows[part.Name] != part.Rows {
			return head, end, &archive.DamagedError{Reason: fmt.Sprintf("the table %s has %d rows, and should have %d", part.Name, rows[part.Name], part.Rows)}
		}
	}
	return head, end, nil
}

// linesOf counts lines.
func linesOf(from io.Reader) (n int64, err error) {
	buffer := make([]byte, 64<<10)
	for {
		some, err := from.Read(buffer)
		for _, c := range buffer[:some] {
			if c == '\n' {
				n++
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// contextReader ends with its context.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

// RestoreConfig says what is restored, and to where.
type RestoreConfig struct {
	At        *config.Location
	FilesRoot string // "": files in the data directory
	// Open returns the backup, decrypted, from its beginning: it is read twice.
	Open func() (io.ReadCloser, error)
}

// Restored is what was restored.
type Restored struct {
	Head archive.Head
	End  archive.End
	// Sealed are how many secrets and second factors each key opens that was not in the backup, by its id.
	Sealed map[string]int
	// Unrecorded is why the record of changes does not tell of it, or why Sealed is not known; nil: neither.
	Unrecorded error

	keys []string // the ids of those in the backup
}

// Restore brings back what a backup has, on the machine of a server that does not run, to a data directory and
// a database that have nothing yet. All of the backup is checked before anything is written; what fails all
// the same leaves nothing of it behind, and what came from elsewhere meanwhile as it is.
func Restore(ctx context.Context, c RestoreConfig) (done Restored, err error) {
	if c.FilesRoot == "" {
		c.FilesRoot = filepath.Join(c.At.Data, "files")
	}
	if err := mustBeEmpty(c.At.Data); err != nil {
		return done, fmt.Errorf("data: %w", err)
	}
	if err := mustBeEmpty(c.FilesRoot); err != nil {
		return done, fmt.Errorf("files_root: %w", err)
	}
	check := func(h archive.Head) error { return fits(h, c.At) }
	if err := c.read(archive.Taker{Head: check}, &done); err != nil {
		return done, err
	}
	// That took a while, in which others may have come.
	data, err := lockEmpty(c.At.Data)
	if err != nil {
		return done, fmt.Errorf("data: %w", err)
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	_, missing := os.Stat(c.FilesRoot)
	root, err := lockEmpty(c.FilesRoot)
	if err != nil {
		return done, fmt.Errorf("files_root: %w", err)
	}
	defer func() {
		err = errors.Join(err, root.Close(), os.Remove(root.Path())) // servers share roots, and lock none
		if err != nil && errors.Is(missing, fs.ErrNotExist) {
			_ = os.Remove(c.FilesRoot) // unless there is something in it
		}
	}()
	if err := c.restore(ctx, &done); err != nil {
		return done, err
	}
	done.Unrecorded = c.record(ctx, &done) // all is in its place nevertheless
	return done, nil
}

// read reads the backup from its beginning to its end.
func (c *RestoreConfig) read(take archive.Taker, done *Restored) (err error) {
	from, err := c.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	done.Head, done.End, err = archive.Read(from, take)
	return err
}

// fits refuses a backup of another kind of database, and one that a newer version made.
func fits(h archive.Head, at *config.Location) error {
	known, err := postgres.Schema()
	switch {
	case h.Database == store.DatabaseSQLite && at.DatabaseURL != "":
		return errors.New("database_url: the backup is of SQLite, which is restored to a data directory: do not set it")
	case h.Database == store.DatabasePostgres && at.DatabaseURL == "":
		return errors.New("database_url: the backup is of PostgreSQL, and is restored to a database of its own: name that with --database-url")
	case h.Database == store.DatabaseSQLite:
		known, err = sqlite.Schema()
	case h.Database != store.DatabasePostgres:
		return fmt.Errorf("the backup is of a database %q, which this PiCloud does not know", h.Database)
	}
	if err == nil && h.Schema > known {
		err = fmt.Errorf("the backup was made by PiCloud %s with schema %d, and this one knows schemas up to %d: restore it with that version, or a newer one", h.Version, h.Schema, known)
	}
	return err
}

// ofSystems are what may be in an empty directory.
var ofSystems = []string{lockFile, "lost+found"}

func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if entry.Name() == unfinishedRestore {
			return restoreBroken(dir)
		}
		if !slices.Contains(ofSystems, entry.Name()) {
			return fmt.Errorf("%s is not empty, it has %s: restore to a new directory", dir, entry.Name())
		}
	}
	return err
}

// lockEmpty makes a directory this process's alone, in which there is nothing yet. The caller closes the lock.
func lockEmpty(dir string) (*flock.Flock, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	held, err := lock(dir)
	if err != nil {
		return nil, err
	}
	if err := mustBeEmpty(dir); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held, nil
}

// restore writes what the backup has, or removes what it has written. The database comes to its place last: a
// server that finds none has nothing.
func (c *RestoreConfig) restore(ctx context.Context, done *Restored) (err error) {
	database := filepath.Join(c.At.Data, unfinishedRestore)
	var loading store.Restoration
	if done.Head.Database == store.DatabasePostgres {
		loading, err = postgres.Restore(ctx, c.At.DatabaseURL, done.Head.Schema)
	} else {
		loading, err = sqlite.Restore(database)
	}
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { err = errors.Join(err, loading.Close(ctx)) }()
	refill, err := files.NewRefill(c.FilesRoot)
	if err != nil {
		return fmt.Errorf("files_root: %w", err)
	}
	defer func() { err = errors.Join(err, refill.Close()) }()
	var made []string
	defer func() {
		if err == nil {
			return
		}
		err = errors.Join(err, refill.Undo())
		for _, path := range made {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	err = c.read(archive.Taker{
		Key: func(text []byte) error {
			path := filepath.Join(c.At.Data, secrets.FileName)
			if err := writeDurably(path, text); err != nil {
				return err
			}
			made = append(made, path)
			done.keys = secrets.KeyIDs(text)
			return nil
		},
		Part: func(name string, from io.Reader) error {
			if err := loading.Load(ctx, name, contextReader{ctx, from}); err != nil {
				return fmt.Errorf("database: %w", err)
			}
			return nil
		},
		File: func(blob string, size int64, from io.Reader) error {
			if err := refill.Add(ctx, blob, size, from); err != nil {
				return fmt.Errorf("files_root: %w", err)
			}
			return nil
		},
	}, done)
	if err != nil {
		return err
	}
	if err := loading.Finish(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if done.Head.Database == store.DatabasePostgres {
		return nil
	}
	path := databaseFile(c.At)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: restore to a new directory", path)
	}
	if err := os.Rename(database, path); err != nil {
		return err
	}
	made = append(made, path)
	return backup.SyncDirectory(c.At.Data)
}

// record tells the record of changes, and what the backup did not have.
func (c *RestoreConfig) record(ctx context.Context, done *Restored) (err error) {
	db, err := OpenStore(ctx, c.At, nil)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	log := audit.New(audit.Config{Store: db, Show: api.Shown})
	if err := log.Did(log.System(ctx, "restore")); err != nil {
		return err
	}
	if done.Sealed, err = db.Secrets().KeyIDs(ctx); err != nil {
		return err
	}
	factors, err := db.SecondFactors().KeyIDs(ctx)
	for key, n := range factors {
		if key != "" { // that of those that are not sealed
			done.Sealed[key] += n
		}
	}
	for _, key := range done.keys {
		delete(done.Sealed, key)
	}
	return err
}

// writeDurably makes a file that is on the disk when it returns, and leaves none if it fails.
func writeDurably(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
