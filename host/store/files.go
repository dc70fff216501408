package store

import (
	"context"
	"time"
)

// File is what is known of a stored file besides its bytes. Its JSON is what a [Change] shows of
// it.
type File struct {
	ID          string    `json:"id"`
	AppID       string    `json:"-"`
	Collection  string    `json:"-"`
	Name        string    `json:"name"`
	ContentType string    `json:"content_type"`
	Size        int64     `json:"size"`   // bytes
	SHA256      string    `json:"sha256"` // of all bytes, in hex
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`

	// Blob names where the bytes are. It changes with them: no two files, nor two contents of one
	// file, ever share a blob.
	Blob string `json:"-"`
	// Sums are the SHA-256 of the parts that the service reads the bytes in, one after the other;
	// nil if there is but one part. Listings, and the files that Delete returns, come without.
	Sums []byte `json:"-"`
}

// FileContent is what changes with the bytes of a file; see [File].
type FileContent struct {
	Size   int64
	SHA256 string
	Blob   string
	Sums   []byte
}

// FileChange says what to change of a file; a nil field stays as it is.
type FileChange struct {
	Expect      string // SHA-256 of the bytes the change was made for; "": any
	Name        *string
	ContentType *string
	Content     *FileContent
}

// FileCollection describes a collection for browsing.
type FileCollection struct {
	Name  string
	Files int64
	Bytes int64 // of all its files
}

// Files keeps the metadata of the files of apps, in collections that exist as long as they hold a
// file. The same id in another collection or app is another file. Where the bytes are, and that
// they are there before their metadata, is the business of the caller.
//
// Where a quota is given, the bytes of the app's files never exceed it after the change, whoever
// else is at work: otherwise the error is [OverQuota]. 0 stands for no quota. What makes an app's
// bytes no more is never refused.
type Files interface {
	// Create keeps a new file and returns it with its times and an id, if it had none. One that comes
	// with a time of its creation was made elsewhere, and keeps both times. An unknown
	// app is [fault.NotFound], an id in use in the collection a [Conflict].
	Create(ctx context.Context, file File, quota int64) (File, error)
	// Get finds a file.
	Get(ctx context.Context, appID, collection, id string) (File, error)
	// List pages through a collection in the order of the ids.
	List(ctx context.Context, appID, collection string, page PageRequest) (Page[File], error)
	// Collections pages through an app's collections in the order of their names (bytewise).
	Collections(ctx context.Context, appID string, page PageRequest) (Page[FileCollection], error)
	// Update changes a file and returns it as it is now and as it was. One whose bytes are not
	// those that change expects is [OtherContent].
	Update(ctx context.Context, appID, collection, id string, change FileChange, quota int64) (now, before File, err error)
	// Delete removes a file and returns it as it was. With expect not "" one whose bytes have
	// another SHA-256 is [OtherContent].
	Delete(ctx context.Context, appID, collection, id, expect string) (File, error)

	// Usage is how many bytes the files of an app have.
	Usage(ctx context.Context, appID string) (int64, error)
	// Blobs lists the blobs in use, of all apps, whose names are at least from and less than to
	// (bytewise).
	Blobs(ctx context.Context, from, to string) ([]string, error)
	// Root returns the mark of the directory of the blobs: the first other than "" that it was ever
	// called with, "" as long as there was none.
	Root(ctx context.Context, mark string) (string, error)
}
