package pack

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A Writer writes a pack. Bytes are read and summed while those before are compressed and written. It serves one
// goroutine. After an error it is of no more use but to be abandoned; one of what it writes to is returned as it is.
type Writer struct {
	tar        *tar.Writer
	buffered   *bufio.Writer
	ahead      *io.PipeWriter
	compressed chan struct{} // closed when all is
	failed     error         // of compressing and writing; to be read then
	at         time.Time
	sum        hash.Hash
	buffer     []byte
}

// NewWriter begins a pack, whose entries are said to be of a time.
func NewWriter(to io.Writer, at time.Time) (*Writer, error) {
	// More than one at once is what has an Encoder compress beside its caller.
	encoder, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(Window), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, err
	}
	read, write := io.Pipe()
	w := &Writer{ahead: write, compressed: make(chan struct{}), at: at.Truncate(time.Second), sum: sha256.New(), buffer: make([]byte, chunk)}
	w.buffered = bufio.NewWriterSize(write, chunk)
	w.tar = tar.NewWriter(w.buffered)
	go func() {
		// Through a buffer, not the encoder's own: what is in it is compressed while the caller goes on.
		_, err := io.CopyBuffer(struct{ io.Writer }{encoder}, struct{ io.Reader }{read}, make([]byte, chunk))
		if err == nil {
			err = encoder.Close()
		} else {
			encoder.Reset(nil) // which waits for what is under way, and writes nothing
		}
		w.failed = err
		_ = read.CloseWithError(err)
		close(w.compressed)
	}()
	return w, nil
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
		if err := w.content(w.buffer[:n]); err != nil {
			return sum, err
		}
		rest -= int64(n)
	}
	of.Sum(sum[:0])
	add(w.sum, name, size, sum)
	return sum, nil
}

// begin writes the head of an entry.
func (w *Writer) begin(name string, size int64) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.at})
}

// content writes bytes of an entry. What is much does not go through the buffer, which would copy it.
func (w *Writer) content(some []byte) error {
	if len(some) >= chunk {
		if err := w.buffered.Flush(); err != nil {
			return err
		}
	}
	_, err := w.tar.Write(some)
	return err
}

// Whole writes an entry that is in memory.
func (w *Writer) Whole(name string, content []byte) error {
	if err := w.begin(name, int64(len(content))); err != nil {
		return err
	}
	add(w.sum, name, int64(len(content)), sha256.Sum256(content))
	return w.content(content)
}

// Sum returns the sum of all entries so far, in hex.
func (w *Writer) Sum() string { return hex.EncodeToString(w.sum.Sum(nil)) }

// Close ends the pack. What it was written to is not closed.
func (w *Writer) Close() error {
	err := w.tar.Close()
	if err == nil {
		err = w.buffered.Flush()
	}
	if err != nil {
		w.Abandon()
		return err
	}
	_ = w.ahead.Close()
	<-w.compressed
	return w.failed
}

// errAbandoned is why what was begun has no end.
var errAbandoned = errors.New("the pack is abandoned")

// Abandon releases what a pack holds that is not to be ended. After it nothing is written any more. After Close it
// does nothing.
func (w *Writer) Abandon() {
	_ = w.ahead.CloseWithError(errAbandoned)
	<-w.compressed
}
