// Package backup copies the whole instance while it runs: the database and the bytes of files, as they were
// at one time, into an archive of package archive. It makes one when it is asked for, to be sent to whoever
// asks, and by a schedule to a directory or a bucket of S3: see [Schedule].
//
// # One point in time
//
// First the bytes of files are held, so that none goes away that a file has now or later. Then a dump of
// the database is taken, which is the time of the backup. The database is copied from it, then the bytes of
// the files that it knows. The dump ends before the files are copied, because the database keeps what is
// changed meanwhile twice for as long as it lasts.
//
// # What is not in it
//
// What can be made again: compiled scripts and plugins. What belongs to the moment: requests that one node has
// handed to another, and with PostgreSQL what subscribers could have sent again. And the keys of secrets: who
// can read a backup could read the secrets then. They are put into a backup that the schedule makes and
// encrypts, and into no other.
package backup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Service] is made of.
type Config struct {
	Store      store.Store
	Files      *files.Service
	SecretFile string // the generated key file of secrets, which need not be there; "": there is none
	Version    string // of the server
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
}

// Service makes backups, one at a time.
type Service struct {
	config Config
	busy   sync.Mutex
	ctx    context.Context // of all backups
	stop   context.CancelFunc
}

// New makes the service.
func New(c Config) *Service {
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{config: c}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Stop ends the backup under way, which is not whole then, and waits for that until ctx ends. There are no
// others.
func (s *Service) Stop(ctx context.Context) error {
	s.stop()
	ended := make(chan struct{})
	go func() {
		s.busy.Lock() // for good
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin waits for no other backup: it is refused.
func (s *Service) begin() error {
	if s.ctx.Err() != nil || !s.busy.TryLock() {
		return fault.New(fault.Conflict, "a backup is being made already: ask again when it is done")
	}
	return nil
}

// Open returns a backup to be read while it is made, without the keys of secrets, and closed. That it has
// failed is an error of the last Read. While another one is made the error is [fault.Conflict].
func (s *Service) Open(ctx context.Context) (io.ReadCloser, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	making, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.ctx, cancel)
	read, write := io.Pipe()
	context.AfterFunc(making, func() { _ = write.CloseWithError(context.Canceled) }) // also if nobody reads
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.write(making, write, false, func() { close(began) })
		unlink()
		s.busy.Unlock() // before anybody knows that it is done, who may want the next
		ended <- err
		_ = write.CloseWithError(err) // io.EOF for nil
		cancel()
	}()
	select {
	case <-began:
		return stream{read, cancel}, nil
	case err := <-ended: // while it can be told
		return nil, err
	}
}

// stream is a backup that is being made.
type stream struct {
	*io.PipeReader
	cancel context.CancelFunc
}

// Close ends the backup, if it is not whole yet.
func (s stream) Close() error {
	s.cancel()
	return s.PipeReader.Close()
}

// write makes a backup. It calls began once there is a dump.
func (s *Service) write(ctx context.Context, to io.Writer, withKey bool, began func()) (end archive.End, err error) {
	hold, err := s.config.Files.Hold()
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, hold.Release()) }()
	var w *archive.Writer
	defer func() {
		if err != nil && w != nil {
			w.Abandon()
		}
	}()
	var keys []byte
	if withKey {
		if keys, err = s.readKeys(); err != nil {
			return end, err
		}
	}
	scratch, err := s.config.Files.Scratch()
	if err != nil {
		return end, err
	}
	stored := newBlobs(scratch)
	defer func() { err = errors.Join(err, stored.close()) }()
	err = s.config.Store.Dump(ctx, func(dump store.Dump) (err error) {
		if err := dump.Blobs(ctx, stored.add); err != nil {
			return err
		}
		began()
		w, err = archive.NewWriter(to, archive.Head{
			Format: archive.Format, Version: s.config.Version, CreatedAt: s.config.Now().UTC().Truncate(time.Millisecond),
			Database: dump.Database(), Schema: dump.Schema(),
		})
		if err != nil {
			return err
		}
		if withKey {
			if err := s.writeKeys(w, keys); err != nil {
				return err
			}
		}
		for _, part := range dump.Parts() {
			if err := w.Part(part, func(to io.Writer) (int64, error) { return dump.Copy(ctx, part, to) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return end, err
	}
	err = stored.each(func(blob store.Blob) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.writeFile(w, blob)
	})
	if err != nil {
		return end, err
	}
	if end, err = w.Close(); err != nil {
		return end, err
	}
	if end.DamagedFiles > 0 {
		s.config.Log.Error("files are damaged, and are in the backup as they are", "files", end.DamagedFiles, "first", end.Damaged[0].String())
	}
	return end, nil
}

// readKeys reads the key file of secrets, if there is one.
func (s *Service) readKeys() ([]byte, error) {
	if s.config.SecretFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.config.SecretFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// writeKeys writes the keys there are and behind them those that were before the dump, with which what is in it
// may be sealed: a rotation may have removed them since. A key file may have the same key twice.
func (s *Service) writeKeys(w *archive.Writer, before []byte) error {
	text, err := s.readKeys()
	if err != nil {
		return err
	}
	if !bytes.Equal(text, before) {
		text = slices.Concat(text, []byte("\n"), before)
	}
	if len(text) == 0 {
		return nil
	}
	return w.Key(text)
}

func (s *Service) writeFile(w *archive.Writer, blob store.Blob) error {
	file, err := s.config.Files.OpenBlob(blob.Name, blob.Size)
	if errors.Is(err, fs.ErrNotExist) {
		return w.File(blob, nil)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return w.File(blob, file)
}
