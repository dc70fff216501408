package files

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Reader reads the bytes of a file, each of them checked before it is handed out. It serves one
// goroutine.
type Reader struct {
	// File is what was known of the file when it was opened. The bytes are those of then even if
	// the file has changed since.
	File store.File

	service *Service
	bytes   *os.File
	buffer  *[partSize]byte // holds the part
	part    int64           // -1: none
	offset  int64
}

var _ io.ReadSeekCloser = (*Reader)(nil)

// Open returns a file to be read, found to be whole. The caller closes it.
func (s *Service) Open(ctx context.Context, appID, collection, id string) (*Reader, error) {
	r, err := s.open(ctx, appID, collection, id)
	if err != nil {
		return nil, err
	}
	if err := r.verify(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// OpenAnew is Open for a file whose bytes are looked at again, also if they were found whole before: what has
// become of them since then is known before the first is read.
func (s *Service) OpenAnew(ctx context.Context, appID, collection, id string) (*Reader, error) {
	r, err := s.open(ctx, appID, collection, id)
	if err != nil {
		return nil, err
	}
	s.verified.Remove(r.File.Blob)
	if err := r.verify(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// A Range is a part of a file: as many bytes as there are from Offset on, and at most Length.
type Range struct {
	Offset int64
	Length *int64 // nil: to the end
}

// Get returns the bytes of a file that are in a range, at most [MaxGetBytes]. Only the parts of the
// file that the range touches are read and checked.
func (s *Service) Get(ctx context.Context, appID, collection, id string, bytes Range) ([]byte, error) {
	switch {
	case bytes.Offset < 0:
		return nil, fault.Refuse("offset", "must be at least 0, got %d", bytes.Offset)
	case bytes.Length != nil && *bytes.Length < 0:
		return nil, fault.Refuse("length", "must be at least 0, got %d", *bytes.Length)
	}
	r, err := s.open(ctx, appID, collection, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	size := max(r.File.Size-bytes.Offset, 0)
	if bytes.Length != nil {
		size = min(size, *bytes.Length)
	}
	if size > MaxGetBytes {
		return nil, fault.Refuse("data", "must be at most %d bytes to be read by a script at once, the file has %d: ask for a part, with an offset and a length", MaxGetBytes, r.File.Size)
	}
	data := make([]byte, size)
	if _, err := r.Seek(bytes.Offset, io.SeekStart); err != nil {
		return nil, err
	}
	for rest := data; len(rest) > 0; {
		// Whole parts are read to where they belong, what is cut off to the buffer.
		if r.offset%partSize == 0 && (int64(len(rest)) >= partSize || r.offset+int64(len(rest)) == r.File.Size) {
			n := min(partSize, len(rest))
			if err := r.read(r.offset/partSize, rest[:n]); err != nil {
				return nil, err
			}
			r.offset, rest = r.offset+int64(n), rest[n:]
			continue
		}
		n, err := r.Read(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return data, nil
}

// open finds a file and opens its bytes, unverified.
func (s *Service) open(ctx context.Context, appID, collection, id string) (*Reader, error) {
	file, err := s.Head(ctx, appID, collection, id)
	for {
		if err != nil {
			return nil, err
		}
		bytes, failure := s.directory.open(file.Blob)
		if failure == nil {
			return s.reader(file, bytes)
		}
		if !errors.Is(failure, fs.ErrNotExist) {
			return nil, s.unavailable(ctx, "file not opened", failure)
		}
		// The file may have been changed or deleted just now.
		missed := file
		if file, err = s.Head(ctx, appID, collection, id); err == nil && file.Blob == missed.Blob {
			return nil, s.corrupted(file, "there are no bytes")
		}
	}
}

// reader refuses bytes that cannot be those of the file.
func (s *Service) reader(file store.File, bytes *os.File) (*Reader, error) {
	r := &Reader{File: file, service: s, bytes: bytes, part: -1}
	info, err := bytes.Stat()
	switch {
	case err != nil:
		err = s.unavailable(context.Background(), "file not opened", err)
	case info.Size() != file.Size:
		err = s.corrupted(file, fmt.Sprintf("there are %d bytes instead of %d", info.Size(), file.Size))
	case file.Size > partSize && int64(len(file.Sums)) != parts(file.Size)*sha256.Size:
		err = s.corrupted(file, "there is not a sum for each part")
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// parts is the number of parts of as many bytes.
func parts(size int64) int64 { return (size + partSize - 1) / partSize }

// verify goes through the file unless that has been done.
func (r *Reader) verify(ctx context.Context) error {
	info, err := r.bytes.Stat()
	if err != nil {
		return r.service.unavailable(ctx, "file not read", err)
	}
	if then, ok := r.service.verified.Get(r.File.Blob); ok && os.SameFile(then, info) &&
		then.Size() == info.Size() && then.ModTime().Equal(info.ModTime()) {
		return nil
	}
	for part := range parts(r.File.Size) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.load(part); err != nil {
			return err
		}
	}
	r.service.verified.Add(r.File.Blob, info)
	return nil
}

// load has a part in the buffer.
func (r *Reader) load(part int64) error {
	if r.part == part {
		return nil
	}
	if r.buffer == nil {
		r.buffer = partBuffers.Get().(*[partSize]byte)
	}
	r.part = -1
	if err := r.read(part, r.buffer[:min(partSize, r.File.Size-part*partSize)]); err != nil {
		return err
	}
	r.part = part
	return nil
}

// read reads a part into a buffer of its size and checks it.
func (r *Reader) read(part int64, buffer []byte) error {
	_, err := r.bytes.ReadAt(buffer, part*partSize)
	if errors.Is(err, syscall.EIO) { // once more: not every failure of a disk is for good
		_, err = r.bytes.ReadAt(buffer, part*partSize)
	}
	if err == io.EOF {
		return r.service.corrupted(r.File, fmt.Sprintf("part %d is short", part))
	} else if errors.Is(err, syscall.EIO) {
		return r.service.corrupted(r.File, fmt.Sprintf("part %d cannot be read from the disk", part))
	} else if err != nil {
		return r.service.unavailable(context.Background(), "file not read", err)
	}
	sum := sha256.Sum256(buffer)
	if r.File.Size <= partSize {
		if hex.EncodeToString(sum[:]) != r.File.SHA256 {
			return r.service.corrupted(r.File, "the sum is another")
		}
	} else if subtle.ConstantTimeCompare(sum[:], r.File.Sums[part*sha256.Size:(part+1)*sha256.Size]) != 1 {
		return r.service.corrupted(r.File, fmt.Sprintf("the sum of part %d is another", part))
	}
	return nil
}

// Read hands out bytes. A part that turns out to be damaged is [fault.Corrupted] with the code
// corrupted.
func (r *Reader) Read(p []byte) (int, error) {
	switch {
	case r.bytes == nil:
		return 0, os.ErrClosed
	case r.offset >= r.File.Size:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if err := r.load(r.offset / partSize); err != nil {
		return 0, err
	}
	part := r.buffer[:min(partSize, r.File.Size-r.part*partSize)]
	n := copy(p, part[r.offset%partSize:])
	r.offset += int64(n)
	return n, nil
}

// Seek sets where Read goes on; beyond the end it finds io.EOF.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.File.Size
	default:
		return 0, fmt.Errorf("files: cannot seek from %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("files: cannot seek before the start")
	}
	r.offset = offset
	return offset, nil
}

// Close releases the reader. Closing again does nothing.
func (r *Reader) Close() error {
	if r.bytes == nil {
		return nil
	}
	err := r.bytes.Close()
	if r.buffer != nil {
		partBuffers.Put(r.buffer)
	}
	r.bytes, r.buffer, r.part = nil, nil, -1
	return err
}
