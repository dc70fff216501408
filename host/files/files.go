// Package files is the file service: bytes with a name and a content type, in the collections of
// apps. Metadata is in the database, bytes are in a directory.
//
// # What is promised
//
// A file is either as it was or as it was to become, wherever a crash comes in between. Bytes are
// written to a temporary file, synced, and renamed to a name that nothing refers to yet; then one
// transaction makes the metadata refer to them; then the bytes it referred to before are removed.
// Bytes never change in place. What a crash leaves over, the sweeper removes.
//
// A read never hands out wrong bytes. Beside the SHA-256 of the whole file one is kept for each
// part of 1 MiB, and every part is checked in the buffer it is served from: there is no moment
// between check and use. [Service.Open] goes through the whole file once, so that a damaged one is
// an error before its first byte, not in the middle of a download; a file it has found whole is not
// gone through again until its size, inode or modification time is another. That shortcut is safe,
// since the parts are checked anyway.
//
// # Layout
//
//	root/tmp/<blob>          being written
//	root/<ab>/<cd>/<blob>    kept; ab and cd are the first digits of the name
//	root/database            the mark of the database that refers to them
//	root/hold/<blob>         somebody holds the bytes of what is deleted: see [Hold]
//
// Blob names are 32 random hex digits. No text of a user is ever part of a path.
package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of what a file may be.
const (
	MaxNameBytes        = 255 // bytes of a file's name
	MaxContentTypeBytes = 255 // bytes of a content type
	// MaxGetBytes is the most [Service.Get] reads: what a function can hold.
	MaxGetBytes = 16 << 20
)

// Defaults of [Config].
const (
	DefaultMaxFileSize = 100 << 20 // bytes
	DefaultQuota       = 1 << 30   // bytes
)

// Config is what the service needs.
type Config struct {
	Store store.Files
	// Root is the directory of the bytes, made with mode 0700 if missing. It belongs to one
	// database, whose mark it bears.
	Root        string
	MaxFileSize int64                    // bytes of one file; 0: DefaultMaxFileSize
	Quota       func(appID string) int64 // bytes of all files of an app; 0: any number; nil: any number of every app
	Log         *slog.Logger             // nil: slog.Default()
	Now         func() time.Time         // the clock of the sweeps; nil: time.Now
}

// Service performs the operations on files. It is safe for concurrent use, and several processes
// may share a root and a database.
//
// Collections are 1 to [store.MaxCollectionBytes] bytes of UTF-8 without control characters; names
// of files 1 to [MaxNameBytes], without path separators too; content types media types with their
// parameters (RFC 9110, section 8.3.1), kept in the form of [mime.FormatMediaType].
//
// Errors are those of package fault.
type Service struct {
	config    Config
	directory *directory
	verified  *lru.Cache[string, os.FileInfo] // blobs found whole, as they were then
}

// Update says what to change of a file; what is nil stays.
type Update struct {
	Expect      string // SHA-256 of the bytes it was made for, else it is [store.OtherContent]; "": any
	Name        *string
	ContentType *string
	Data        io.Reader
}

// maxVerified is how many blobs are remembered as found whole.
const maxVerified = 10_000

// New makes the service and its directory.
func New(config Config) (*Service, error) {
	if config.Root == "" {
		return nil, errors.New("files: no root directory")
	}
	if config.MaxFileSize < 0 {
		return nil, fmt.Errorf("files: MaxFileSize must not be negative, got %d", config.MaxFileSize)
	}
	if config.Quota == nil {
		config.Quota = func(string) int64 { return 0 }
	}
	config.MaxFileSize = cmp.Or(config.MaxFileSize, DefaultMaxFileSize)
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	directory, err := openDirectory(config.Root)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	verified, err := lru.New[string, os.FileInfo](maxVerified)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return &Service{config: config, directory: directory, verified: verified}, nil
}

// Create keeps a new file of the bytes of data, which are read once. An error of data itself is
// returned as it is.
func (s *Service) Create(ctx context.Context, appID, collection, name, contentType string, data io.Reader) (file store.File, err error) {
	if err := store.CheckCollection(collection); err != nil {
		return file, err
	}
	if err := checkName(name); err != nil {
		return file, err
	}
	if contentType, err = canonicalType(contentType); err != nil {
		return file, err
	}
	if data == nil {
		return file, fault.Refuse("data", "is missing")
	}
	err = s.keep(ctx, appID, 0, data, func(content store.FileContent) error {
		file, err = s.config.Store.Create(ctx, store.File{
			AppID: appID, Collection: collection, Name: name, ContentType: contentType,
			Size: content.Size, SHA256: content.SHA256, Blob: content.Blob, Sums: content.Sums,
		}, s.config.Quota(appID))
		return err
	})
	return file, err
}

// In returns the service with the store of a transaction or a snapshot.
func (s *Service) In(tx store.Store) *Service {
	within := *s
	within.config.Store = tx.Files()
	return &within
}

// CheckRestored refuses what [Service.Restore] refuses whatever the bytes are, and has the content type in its one
// form.
func CheckRestored(collection string, file *store.File) (err error) {
	if err := store.CheckCollection(collection); err != nil {
		return err
	}
	if parsed, err := uuid.Parse(file.ID); err != nil || parsed.String() != file.ID {
		return fault.Refuse("id", "must be a UUID in lower case, got %.40q", file.ID)
	}
	if err := checkName(file.Name); err != nil {
		return err
	}
	if file.ContentType, err = canonicalType(file.ContentType); err != nil {
		return err
	}
	return store.CheckTimes(file.CreatedAt, file.UpdatedAt)
}

// Restore keeps a file as it was elsewhere, with its id, a UUID, its name, content type and times, as an
// import does. Its bytes, read from data, must be as many as its size says and have its SHA-256. An error
// of data itself is returned as it is.
func (s *Service) Restore(ctx context.Context, appID, collection string, file store.File, data io.Reader) error {
	if err := CheckRestored(collection, &file); err != nil {
		return err
	}
	return s.keep(ctx, appID, 0, data, func(content store.FileContent) error {
		if content.Size != file.Size {
			return fault.Refuse("size", "is %d, and there are %d bytes", file.Size, content.Size)
		}
		if content.SHA256 != file.SHA256 {
			return fault.Refuse("sha256", "must be that of the bytes, %s, got %.80q", content.SHA256, file.SHA256)
		}
		file.AppID, file.Collection, file.Blob, file.Sums = appID, collection, content.Blob, content.Sums
		_, err := s.config.Store.Create(ctx, file, s.config.Quota(appID))
		return err
	})
}

// keep makes the bytes of data a blob and has refer make metadata refer to it. They are in the
// place of as many bytes as present.
func (s *Service) keep(ctx context.Context, appID string, present int64, data io.Reader, refer func(store.FileContent) error) error {
	limit, full := s.config.MaxFileSize, tooLarge(s.config.MaxFileSize)
	if quota := s.config.Quota(appID); quota > 0 {
		// Only so as not to read what cannot be kept: the store decides.
		used, err := s.config.Store.Usage(ctx, appID)
		if err != nil {
			return err
		}
		if room := max(quota-used, 0) + present; room < limit {
			limit, full = room, overQuota(quota, used)
		}
	}
	blob := newBlob()
	s.directory.pending.Store(blob, true)
	defer s.directory.pending.Delete(blob)

	content, err := s.directory.write(ctx, blob, data, limit)
	var source sourceError
	switch {
	case errors.Is(err, errTooLarge):
		return full
	case errors.As(err, &source):
		return source.error
	case err != nil:
		return s.unavailable(ctx, "file not written", err)
	}
	if err = refer(content); err == nil {
		s.directory.after("committed")
		return nil
	}
	switch refused := fault.From(err); fault.Of(err) {
	case fault.Storage: // it may have committed all the same: the blob is left to the sweeper
		return err
	case fault.Quota:
		err = overQuota(refused.Limit, refused.Current.(int64))
	}
	s.remove(blob)
	return err
}

// discard removes a blob that nothing refers to any more, unless somebody holds it: that is left to the
// sweeper.
func (s *Service) discard(blob string) {
	if !s.directory.held() {
		s.remove(blob)
	}
}

// remove removes a blob. If that fails the sweeper tries again.
func (s *Service) remove(blob string) {
	if err := s.directory.remove(blob); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.config.Log.Warn("blob not removed", "error", err)
	}
	s.verified.Remove(blob)
}

// Discard removes the bytes of files that the store has removed, see [store.Deletions].
func (s *Service) Discard(blobs []string) {
	for _, blob := range blobs {
		s.discard(blob)
	}
}

// Head returns what is known of a file.
func (s *Service) Head(ctx context.Context, appID, collection, id string) (store.File, error) {
	if err := store.CheckCollection(collection); err != nil {
		return store.File{}, err
	}
	return s.config.Store.Get(ctx, appID, collection, id)
}

// List pages through a collection in the order of the ids, which is that of their creation.
func (s *Service) List(ctx context.Context, appID, collection string, page store.PageRequest) (store.Page[store.File], error) {
	if err := store.CheckCollection(collection); err != nil {
		return store.Page[store.File]{}, err
	}
	return s.config.Store.List(ctx, appID, collection, page)
}

// Collections returns the collections of an app that have files, by name.
func (s *Service) Collections(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.FileCollection], error) {
	return s.config.Store.Collections(ctx, appID, page)
}

// Update changes a file. An error of update.Data itself is returned as it is. Whoever reads the old
// bytes reads on.
func (s *Service) Update(ctx context.Context, appID, collection, id string, update Update) (now store.File, err error) {
	var before store.File
	if before, err = s.Head(ctx, appID, collection, id); err != nil {
		return now, err
	}
	change := store.FileChange{Expect: update.Expect, Name: update.Name}
	if change.Expect != "" && change.Expect != before.SHA256 { // before any bytes are taken
		return now, store.OtherContent(change.Expect, before.SHA256)
	}
	if update.Name != nil {
		if err := checkName(*update.Name); err != nil {
			return now, err
		}
	}
	if update.ContentType != nil {
		canonical, err := canonicalType(*update.ContentType)
		if err != nil {
			return now, err
		}
		change.ContentType = &canonical
	}
	if update.Data == nil {
		now, _, err = s.config.Store.Update(ctx, appID, collection, id, change, s.config.Quota(appID))
		return now, err
	}
	err = s.keep(ctx, appID, before.Size, update.Data, func(content store.FileContent) error {
		change.Content = &content
		now, before, err = s.config.Store.Update(ctx, appID, collection, id, change, s.config.Quota(appID))
		return err
	})
	if err != nil {
		return now, err
	}
	s.discard(before.Blob)
	s.directory.after("old removed")
	return now, nil
}

// Move makes a file of one collection one of another, with its name and content type: a new one, or, if it is not "",
// the one whose id is instead. It is to be called In a transaction. After that has committed nothing refers to the blob
// freed any more, see [Service.Discard]; "": there is none.
func (s *Service) Move(ctx context.Context, appID, from, id, to, instead string) (file store.File, freed string, err error) {
	if err := store.CheckCollection(to); err != nil {
		return file, "", err
	}
	moved, err := s.Head(ctx, appID, from, id)
	if err != nil {
		return file, "", err
	}
	if _, err = s.config.Store.Delete(ctx, appID, from, id, ""); err != nil {
		return file, "", err
	}
	quota := s.config.Quota(appID)
	if instead == "" {
		file, err = s.config.Store.Create(ctx, store.File{
			AppID: appID, Collection: to, Name: moved.Name, ContentType: moved.ContentType,
			Size: moved.Size, SHA256: moved.SHA256, Blob: moved.Blob, Sums: moved.Sums,
		}, quota)
		return file, "", err
	}
	file, before, err := s.config.Store.Update(ctx, appID, to, instead, store.FileChange{
		Name: &moved.Name, ContentType: &moved.ContentType,
		Content: &store.FileContent{Size: moved.Size, SHA256: moved.SHA256, Blob: moved.Blob, Sums: moved.Sums},
	}, quota)
	return file, before.Blob, err
}

// Delete removes a file. With expect not "" it is one whose bytes have that SHA-256, or the error
// is [store.OtherContent]. Whoever reads it reads on.
func (s *Service) Delete(ctx context.Context, appID, collection, id, expect string) error {
	if err := store.CheckCollection(collection); err != nil {
		return err
	}
	file, err := s.config.Store.Delete(ctx, appID, collection, id, expect)
	if err != nil {
		return err
	}
	s.directory.after("committed")
	s.discard(file.Blob)
	s.directory.after("old removed")
	return nil
}
