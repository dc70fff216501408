package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/picloud/picloud/host/store"
)

// partSize is how many bytes are read, checked and handed out at a time. The sums that are kept
// depend on it: it must not change.
const partSize = 1 << 20

// partBuffers lends buffers of one part.
var partBuffers = sync.Pool{New: func() any { return new([partSize]byte) }}

// directory is where blobs are.
type directory struct {
	root string
	// step, in tests, is called after each step with its name.
	step func(name string)

	pending sync.Map // blobs, by name, that metadata may soon refer to: never to be swept
	synced  sync.Map // directories, by path, whose entries in their parents are on the disk
}

const temporary = "tmp"

// openDirectory makes the directory if it is missing, and shuts others out.
func openDirectory(root string) (*directory, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(root, temporary), 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(root, 0o700); err != nil {
			return nil, err
		}
	}
	return &directory{root: root}, syncDirectory(filepath.Dir(root))
}

// newBlob makes a name that nothing has ever had.
func newBlob() string {
	var random [16]byte
	rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// isBlob reports whether a name could be that of a blob.
func isBlob(name string) bool {
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(name) == 32
}

func (d *directory) path(blob string) string {
	return filepath.Join(d.root, blob[:2], blob[2:4], blob)
}

func (d *directory) temporary(blob string) string {
	return filepath.Join(d.root, temporary, blob)
}

// scratch makes a file for what is too much to be kept in memory. It has no name once it is open; where the
// system keeps names of open files, the sweeper removes it.
func (d *directory) scratch() (*os.File, error) {
	if err := os.MkdirAll(filepath.Join(d.root, temporary), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(d.temporary(newBlob()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_ = os.Remove(file.Name())
	}
	return file, err
}

func (d *directory) after(step string) {
	if d.step != nil {
		d.step(step)
	}
}

// A sourceError is one of the reader that bytes come from.
type sourceError struct{ error }

// errTooLarge says that there are more bytes than may be.
var errTooLarge = errors.New("too large")

// write makes the bytes of data a blob that is on the disk when it returns, and leaves nothing if
// it fails. The error may be errTooLarge or a sourceError; others are those of the file system.
func (d *directory) write(ctx context.Context, blob string, data io.Reader, limit int64) (content store.FileContent, err error) {
	if err := os.MkdirAll(filepath.Join(d.root, temporary), 0o700); err != nil {
		return content, err
	}
	file, err := os.OpenFile(d.temporary(blob), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return content, err
	}
	at := d.temporary(blob)
	defer func() {
		if err != nil {
			file.Close() // again, at times: it does nothing then
			os.Remove(at)
		}
	}()
	d.after("created")
	if content, err = copyParts(ctx, file, data, limit); err != nil {
		return content, err
	}
	d.after("written")
	if err := file.Sync(); err != nil {
		return content, err
	}
	if err := file.Close(); err != nil {
		return content, err
	}
	d.after("synced")
	leaf := filepath.Dir(d.path(blob))
	if err := os.MkdirAll(leaf, 0o700); err != nil {
		return content, err
	}
	if err := os.Rename(at, d.path(blob)); err != nil {
		return content, err
	}
	at = d.path(blob)
	d.after("renamed")
	if err := d.sync(leaf); err != nil {
		return content, err
	}
	d.after("directory synced")
	content.Blob = blob
	return content, nil
}

// copyParts copies up to limit bytes and takes their sums on the way.
func copyParts(ctx context.Context, to io.Writer, from io.Reader, limit int64) (content store.FileContent, err error) {
	buffer := partBuffers.Get().(*[partSize]byte)
	defer partBuffers.Put(buffer)
	whole := sha256.New()
	for last := false; !last; {
		if err := ctx.Err(); err != nil {
			return content, err
		}
		var n int
		if n, last, err = fill(from, buffer[:]); err != nil {
			return content, sourceError{err}
		}
		if content.Size += int64(n); content.Size > limit {
			return content, errTooLarge
		}
		if n == 0 {
			break
		}
		part := buffer[:n]
		whole.Write(part)
		sum := sha256.Sum256(part)
		content.Sums = append(content.Sums, sum[:]...)
		if _, err := to.Write(part); err != nil {
			return content, err
		}
	}
	content.SHA256 = hex.EncodeToString(whole.Sum(nil))
	if content.Size <= partSize {
		content.Sums = nil // the one sum is that of the whole
	}
	return content, nil
}

// fill reads until the buffer is full or the bytes have come to their end. It is not io.ReadFull,
// which cannot tell the end from an upload that breaks off: io.ErrUnexpectedEOF is what servers say
// then.
func fill(from io.Reader, buffer []byte) (n int, last bool, err error) {
	for n < len(buffer) {
		m, err := from.Read(buffer[n:])
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// sync puts the entries of a leaf directory on the disk, and those that lead to it unless that is
// known to have been done.
func (d *directory) sync(leaf string) error {
	for _, directory := range []string{filepath.Dir(leaf), leaf} {
		if _, known := d.synced.Load(directory); known {
			continue
		}
		if err := syncDirectory(filepath.Dir(directory)); err != nil {
			return err
		}
		d.synced.Store(directory, true)
	}
	return syncDirectory(leaf)
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// open opens a blob. A name that metadata should not have leads nowhere.
func (d *directory) open(blob string) (*os.File, error) {
	if !isBlob(blob) {
		return nil, os.ErrNotExist
	}
	return os.Open(d.path(blob))
}

func (d *directory) remove(blob string) error {
	if !isBlob(blob) {
		return os.ErrNotExist
	}
	return os.Remove(d.path(blob))
}
