package pack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Bounds are what a pack may need of who reads it.
type Bounds struct {
	Window uint64 // bytes that zstd looks back
	Bytes  int64  // all bytes, when it is unpacked; 0: any number
	// Ahead has another goroutine decompress while the caller goes on. Close waits then for a Read of the source that
	// is under way: not to be used where that may take its time.
	Ahead bool
}

// An Entry is what is said of an entry before its bytes.
type Entry struct {
	Name string
	Size int64 // in bytes, at least 0
}

// A Reader reads a pack, one entry after the other. It serves one goroutine. Its errors are those of this package,
// wrapped, or a [*SourceError]; after one it is of no more use.
type Reader struct {
	source *source
	zstd   *zstd.Decoder
	plain  *bounded
	tar    *tar.Reader

	entry *Entry // that is being read; nil: none
	of    hash.Hash
	read  int64
	sum   hash.Hash
}

// magic begins what zstd compressed.
var magic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// NewReader begins to read a pack. The caller closes it.
func NewReader(from io.Reader, b Bounds) (*Reader, error) {
	r := &Reader{source: &source{from: from}, sum: sha256.New(), of: sha256.New()}
	buffered := bufio.NewReaderSize(r.source, chunk)
	begins, err := buffered.Peek(len(magic))
	if err != nil && err != io.EOF {
		return nil, r.why(err)
	}
	if !bytes.Equal(begins, magic) {
		return nil, ErrForeign
	}
	goroutines := 1 // of the caller
	if b.Ahead {
		goroutines = 2
	}
	r.zstd, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(goroutines), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(b.Window))
	if err != nil {
		return nil, r.why(err)
	}
	r.plain = &bounded{from: r.zstd, left: b.Bytes, any: b.Bytes == 0}
	r.tar = tar.NewReader(r.plain)
	return r, nil
}

// Close releases what the reader has.
func (r *Reader) Close() { r.zstd.Close() }

// source notes the error of a reader.
type source struct {
	from   io.Reader
	failed atomic.Pointer[error]
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		s.failed.Store(&err)
	}
	return n, err
}

// bounded ends with an error when there is more than may be.
type bounded struct {
	from io.Reader
	left int64
	any  bool
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 && !b.any {
		return 0, ErrTooLarge
	}
	return n, err
}

// why tells what is wrong: with the pack, or with where it comes from.
func (r *Reader) why(err error) error {
	if failed := r.source.failed.Load(); failed != nil {
		return &SourceError{*failed}
	}
	switch {
	case errors.Is(err, ErrTooLarge) || errors.Is(err, ErrNotPlain):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return ErrCut
	case errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return ErrMemory
	}
	return fmt.Errorf("%w: %w", ErrUnreadable, err)
}

// Next goes to the next entry, past what is left of the one before. Where there is none the error is [ErrCut]: a
// pack has an end of its own, after which [Reader.End] is called.
func (r *Reader) Next() (Entry, error) {
	if err := r.finish(); err != nil {
		return Entry{}, err
	}
	head, err := r.tar.Next()
	if err != nil {
		return Entry{}, r.why(err)
	}
	for record := range head.PAXRecords {
		if record != "size" { // of large files; others could make it something else than it seems
			return Entry{}, fmt.Errorf("%w: %.80q with %.80q", ErrNotPlain, head.Name, record)
		}
	}
	if head.Typeflag != tar.TypeReg || head.Size < 0 {
		return Entry{}, fmt.Errorf("%w: %.80q", ErrNotPlain, head.Name)
	}
	r.entry, r.read = &Entry{Name: head.Name, Size: head.Size}, 0
	r.of.Reset()
	return *r.entry, nil
}

// finish reads the entry to its end, and adds it to the sum.
func (r *Reader) finish() error {
	if r.entry == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	add(r.sum, r.entry.Name, r.read, [sha256.Size]byte(r.of.Sum(nil)))
	r.entry = nil
	return nil
}

// Read reads the entry.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.tar.Read(p)
	r.of.Write(p[:n])
	r.read += int64(n)
	if err != nil && err != io.EOF {
		err = r.why(err)
	}
	return n, err
}

// Sum returns the sum of all entries before this one, in hex.
func (r *Reader) Sum() string { return hex.EncodeToString(r.sum.Sum(nil)) }

// End checks that the pack ends after this entry.
func (r *Reader) End() error {
	if err := r.finish(); err != nil {
		return err
	}
	switch _, err := r.tar.Next(); {
	case err == nil:
		return ErrMore
	case err != io.EOF:
		return r.why(err)
	}
	switch n, err := io.ReadFull(r.plain, make([]byte, 1)); { // whose own sum comes last
	case n > 0:
		return ErrMore
	case err != io.EOF:
		return r.why(err)
	}
	return nil
}
