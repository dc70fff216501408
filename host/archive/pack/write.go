package pack

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A Writer writes a pack. Bytes are read and summed while those before are compressed and written. It serves one
// goroutine. After an error it is of no more use but to be abandoned; one of what it writes to is returned as it is.
type Writer struct {
	zstd   *zstd.Encoder
	tar    *tar.Writer
	at     time.Time
	sum    hash.Hash
	buffer []byte
}

// NewWriter begins a pack, whose entries are said to be of a time.
func NewWriter(to io.Writer, at time.Time) (*Writer, error) {
	// More than one at once is what has an Encoder compress and write in goroutines beside its caller.
	encoder, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(Window), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	return &Writer{zstd: encoder, tar: tar.NewWriter(encoder), at: at.Truncate(time.Second), sum: sha256.New(), buffer: make([]byte, chunk)}, nil
}

// Entry writes an entry of as many bytes, which must be there, and returns their SHA-256. An error of from is
// returned as it is.
func (w *Writer) Entry(name string, size int64, from io.Reader) (sum [sha256.Size]byte, err error) {
	if err := w.begin(name, size); err != nil {
		return sum, err
	}
	of := sha256.New()
	for rest := size; rest > 0; {
		n, err := io.ReadFull(from, w.buffer[:min(rest, chunk)])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return sum, fmt.Errorf("%s has %d bytes instead of %d", name, size-rest+int64(n), size)
		}
		if err != nil {
			return sum, err
		}
		of.Write(w.buffer[:n])
		if _, err := w.tar.Write(w.buffer[:n]); err != nil {
			return sum, err
		}
		rest -= int64(n)
	}
	of.Sum(sum[:0])
	add(w.sum, name, size, sum)
	return sum, nil
}

// Whole writes an entry that is in memory.
func (w *Writer) Whole(name string, content []byte) error {
	if err := w.begin(name, int64(len(content))); err != nil {
		return err
	}
	add(w.sum, name, int64(len(content)), sha256.Sum256(content))
	_, err := w.tar.Write(content)
	return err
}

func (w *Writer) begin(name string, size int64) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.at})
}

// Sum returns the sum of all entries so far, in hex.
func (w *Writer) Sum() string { return hex.EncodeToString(w.sum.Sum(nil)) }

// Close ends the pack. What it was written to is not closed.
func (w *Writer) Close() error {
	if err := w.tar.Close(); err != nil {
		return err
	}
	return w.zstd.Close()
}

// Abandon releases what a pack holds that is not to be ended. After it nothing is written any more. After Close it
// does nothing.
func (w *Writer) Abandon() { w.zstd.Reset(nil) } // which waits for what is being written
