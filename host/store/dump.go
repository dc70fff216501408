package store

import (
	"context"
	"io"
	"time"
)

// The kinds of database, as a [Dump] is of one.
const (
	DatabaseSQLite   = "sqlite"
	DatabasePostgres = "postgres"
)

// Dump is the whole database as it was at one time, while others go on to change it. It serves one
// goroutine.
type Dump interface {
	// Database is the kind of database that can restore it.
	Database() string
	// Schema is the number of the last migration that the database has had.
	Schema() int64
	// Blobs calls each with what the metadata of every file refers to, in the order of their names. An error of
	// each ends it, and is returned as it is.
	Blobs(ctx context.Context, each func(Blob) error) error
	// Parts are the names of what it consists of, in the order in which it is restored.
	Parts() []string
	// Copy writes a part, and returns how many rows it has; 0 where it is no table.
	Copy(ctx context.Context, part string, to io.Writer) (rows int64, err error)
}

// Blob is the bytes of a file, by the name where they are.
type Blob struct {
	Name   string
	Size   int64
	SHA256 string // in hex
	// The file that it is of.
	AppID, Collection, ID string
}

// Restoration fills an empty database with a [Dump] of its kind. It serves one goroutine.
type Restoration interface {
	// Load reads a part. They come in the order of [Dump.Parts].
	Load(ctx context.Context, part string, from io.Reader) error
	// Finish checks what was loaded, keeps it, and brings it up to the present schema. What belongs to the
	// place that the dump was taken at is left out: the mark of the files' directory.
	Finish(ctx context.Context) error
	// Close releases what is held, and removes what was loaded unless Finish has succeeded.
	Close(ctx context.Context) error
}

// Backups keeps when the scheduled backup was begun last, so that one of several nodes makes it.
type Backups interface {
	// Begun returns when it was; false: never.
	Begun(ctx context.Context) (time.Time, bool, error)
	// Begin says that it is begun, at a time, in the place of the one before as Begun returned it; the zero
	// time for none. It reports false, and says nothing, if another was faster.
	Begin(ctx context.Context, at, before time.Time) (bool, error)
}
