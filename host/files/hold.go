package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/picloud/picloud/host/background"
)

// A Hold keeps the bytes of files that are changed or deleted while it lasts, on all nodes: whoever takes a
// snapshot of the metadata under a hold finds the bytes of every file in it. What is left over then, the
// sweeper removes after the hold.
//
// It is a file in the root, which every node looks for between its commit and the removal of the bytes.
// A node that does not find it has committed before the snapshot is taken, which does not have the file.
type Hold struct {
	path string
	keep *background.Task
}

const (
	holds     = "hold"      // the directory of holds in the root
	holdEvery = time.Minute // how often a hold tells that it lasts
	holdAge   = time.Hour   // how old one is whose process has ended without releasing it
)

// Hold begins a hold, which the caller releases.
func (s *Service) Hold() (*Hold, error) {
	dir := filepath.Join(s.directory.root, holds)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, s.unavailable(context.Background(), "files not held", err)
	}
	path := filepath.Join(dir, newBlob())
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, s.unavailable(context.Background(), "files not held", err)
	}
	h := &Hold{path: path, keep: background.NewTask(background.TaskConfig{
		Name: "hold of files", Every: holdEvery, Log: s.config.Log,
		Run: func(context.Context) error { now := time.Now(); return os.Chtimes(path, now, now) },
	})}
	h.keep.Start()
	return h, nil
}

// Release ends the hold.
func (h *Hold) Release() error {
	if err := h.keep.Stop(context.Background()); err != nil {
		return err
	}
	return os.Remove(h.path)
}

// held reports whether there is a hold, of whatever node. If that cannot be found out there may be one.
func (d *directory) held() bool {
	entries, err := os.ReadDir(filepath.Join(d.root, holds))
	if err != nil {
		return !os.IsNotExist(err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) < holdAge {
			return true
		}
	}
	return false
}

// forgetHolds removes those whose processes have ended without releasing them.
func (d *directory) forgetHolds() {
	entries, _ := os.ReadDir(filepath.Join(d.root, holds))
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && isBlob(entry.Name()) && time.Since(info.ModTime()) >= holdAge {
			_ = os.Remove(filepath.Join(d.root, holds, entry.Name())) // the next sweep tries again
		}
	}
}

// OpenBlob opens the bytes that metadata refers to, unchecked, if there are as many as there should be;
// else the error is [fs.ErrNotExist]. The caller closes them.
func (s *Service) OpenBlob(blob string, size int64) (*os.File, error) {
	file, err := s.directory.open(blob)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("there are %d bytes instead of %d: %w", info.Size(), size, fs.ErrNotExist)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Scratch returns an empty file in the root, for what is too much to be kept in memory. It has no name; closing it
// is its end.
func (s *Service) Scratch() (*os.File, error) {
	file, err := s.directory.scratch()
	if err != nil {
		return nil, s.unavailable(context.Background(), "no temporary file", err)
	}
	return file, nil
}

// A Refill fills a new, empty root with the blobs of a backup.
type Refill struct {
	directory *directory
	added     *os.File // their names, each on a line
	names     *bufio.Writer
}

// NewRefill begins to fill a root, which is made if it is missing. The caller closes the refill.
func NewRefill(root string) (*Refill, error) {
	directory, err := openDirectory(root)
	if err != nil {
		return nil, err
	}
	added, err := directory.scratch()
	if err != nil {
		return nil, err
	}
	return &Refill{directory: directory, added: added, names: bufio.NewWriter(added)}, nil
}

// Add keeps a blob, which is on the disk when it returns. A name that a blob cannot have is refused.
func (r *Refill) Add(ctx context.Context, blob string, size int64, from io.Reader) error {
	if !isBlob(blob) {
		return fmt.Errorf("%q cannot be the name of a blob", blob)
	}
	if _, err := os.Lstat(r.directory.path(blob)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the blob %s is there already", blob)
	}
	if _, err := r.directory.write(ctx, blob, from, size); err != nil {
		return err
	}
	_, err := fmt.Fprintln(r.names, blob)
	return err
}

// Undo removes what was added, and the directories that have nothing else then.
func (r *Refill) Undo() error {
	err := r.names.Flush()
	if _, failed := r.added.Seek(0, io.SeekStart); failed != nil {
		return errors.Join(err, failed)
	}
	blobs := bufio.NewScanner(r.added)
	for blobs.Scan() {
		err = errors.Join(err, r.directory.remove(blobs.Text()))
		leaf := filepath.Dir(r.directory.path(blobs.Text()))
		_, _ = os.Remove(leaf), os.Remove(filepath.Dir(leaf))
	}
	_ = os.Remove(filepath.Join(r.directory.root, temporary))
	return errors.Join(err, blobs.Err())
}

// Close ends the refill, and leaves what was added.
func (r *Refill) Close() error { return r.added.Close() }
