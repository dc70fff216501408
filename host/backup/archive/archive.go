// Package archive is the form of a backup: what is in the file, how it is written and read, and how it
// is encrypted. It opens no database.
//
// A backup is a [pack.Writer]'s pack, encrypted by age if that is asked for, so that `age -d | zstd -d | tar t`
// shows what is in it. Its entries come in this order:
//
//	head.json                   what it is: see [Head]
//	secret.key                  the keys of secrets, if it has them
//	database/PART/000001, ...   the parts of the database, each in pieces
//	files/BLOB                  the bytes of a file
//	end.json                    what was written, and the sum of it all: see [End]
//
// An archive without its end is not whole. Whether it was written as it is read tells the sum. Against somebody
// who alters it on purpose only encryption helps.
package archive

import (
	"errors"
	"fmt"
	"time"
)

// Format is the number of the form that is written, and the newest that can be read.
const Format = 1

// Suffix ends the name of a backup; Encrypted comes behind it if it is.
const (
	Suffix    = ".tar.zst"
	Encrypted = ".age"
)

// Names of entries.
const (
	headName    = "head.json"
	endName     = "end.json"
	keyName     = "secret.key"
	databaseDir = "database/"
	filesDir    = "files/"
)

const (
	pieceSize   = 1 << 20 // bytes of a part in one entry, at most
	maxDocument = 64 << 20
	maxKey      = 1 << 20
	maxDamaged  = 10_000  // files that are named at the end
	window      = 1 << 27 // that a reader takes: somebody may have compressed a backup anew
)

// Head says what a backup is.
type Head struct {
	Format    int       `json:"format"`
	Version   string    `json:"version"` // of the server
	CreatedAt time.Time `json:"created_at"`
	Database  string    `json:"database"` // sqlite, postgres
	Schema    int64     `json:"schema"`   // the number of the last migration
}

// End says what was written.
type End struct {
	Parts     []Part `json:"parts"`
	Files     int64  `json:"files"`
	FileBytes int64  `json:"file_bytes"`
	SecretKey bool   `json:"secret_key"` // the keys of secrets are in it
	// Damaged are the first 10,000 files that were damaged, DamagedFiles is how many were in all.
	Damaged      []Damage `json:"damaged,omitempty"`
	DamagedFiles int64    `json:"damaged_files,omitempty"`
	Sum          string   `json:"sum"` // that of the pack, in hex
}

// Part is what was written of the database.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Rows  int64  `json:"rows,omitempty"` // of a table; 0 where a part is no table
}

// Damage is a file whose bytes were damaged already when the backup was made.
type Damage struct {
	Blob    string `json:"blob"`
	Missing bool   `json:"missing,omitempty"` // there are none, and so none in the backup
	// The file that they are of; absent in backups of old.
	AppID      string `json:"app_id,omitempty"`
	Collection string `json:"collection,omitempty"`
	ID         string `json:"id,omitempty"`
}

func (d Damage) String() string {
	of := "the bytes " + d.Blob + " of a file"
	if d.ID != "" {
		of = fmt.Sprintf("the bytes of the file %s in the collection %s of the app %s", d.ID, d.Collection, d.AppID)
	}
	if d.Missing {
		return of + " are missing"
	}
	return of + " are not those that were stored"
}

// DatabaseBytes is how many bytes the database has in the backup.
func (e End) DatabaseBytes() (n int64) {
	for _, part := range e.Parts {
		n += part.Bytes
	}
	return n
}

// A NewerError means that a backup has a format that only a newer PiCloud reads.
type NewerError struct{ Format int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the backup has format %d, and this PiCloud reads formats up to %d: use the version that made it, or a newer one", e.Format, Format)
}

// A DamagedError means that a backup is not as it was written.
type DamagedError struct{ Reason string }

func (e *DamagedError) Error() string { return "the backup is damaged: " + e.Reason }

func damaged(format string, args ...any) error {
	return &DamagedError{fmt.Sprintf(format, args...)}
}

// ErrNoBackup means that what was to be read is something else.
var ErrNoBackup = errors.New("this is no backup of PiCloud")
