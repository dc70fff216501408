package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A Writer writes a backup. It serves one goroutine. After an error it is of no more use.
type Writer struct {
	compressed *zstd.Encoder
	tar        *tar.Writer
	at         time.Time
	sum        hash.Hash
	end        End
	buffer     []byte
}

// NewWriter begins a backup.
func NewWriter(to io.Writer, head Head) (*Writer, error) {
	compressed, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, err
	}
	w := &Writer{compressed: compressed, tar: tar.NewWriter(compressed), at: head.CreatedAt, sum: sha256.New()}
	return w, w.document(headName, head)
}

// document writes an entry of JSON.
func (w *Writer) document(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return w.whole(name, append(text, '\n'))
}

// whole writes an entry.
func (w *Writer) whole(name string, content []byte) error {
	if err := w.begin(name, int64(len(content))); err != nil {
		return err
	}
	if _, err := w.tar.Write(content); err != nil {
		return err
	}
	w.count(name, int64(len(content)), sha256.Sum256(content))
	return nil
}

func (w *Writer) begin(name string, size int64) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.at.Truncate(time.Second)})
}

// count adds an entry to the sum.
func (w *Writer) count(name string, size int64, sum [sha256.Size]byte) {
	addEntry(w.sum, name, size, sum)
}

func addEntry(to hash.Hash, name string, size int64, sum [sha256.Size]byte) {
	fmt.Fprintf(to, "%x %d %s\n", sum, size, name)
}

// Key writes the keys of secrets.
func (w *Writer) Key(text []byte) error {
	w.end.SecretKey = true
	return w.whole(keyName, text)
}

// Part writes a part of the database, of which write returns the number of rows, 0 where it is no table.
func (w *Writer) Part(name string, write func(to io.Writer) (rows int64, err error)) error {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("a part cannot be named %q", name)
	}
	pieces := &pieces{w: w, name: name}
	rows, err := write(pieces)
	if err == nil {
		err = pieces.flush()
	}
	w.end.Parts = append(w.end.Parts, Part{Name: name, Bytes: pieces.bytes, Rows: rows})
	return err
}

// pieces makes entries of what is written to it: a part's size is known only at its end.
type pieces struct {
	w      *Writer
	name   string
	number int
	bytes  int64
	piece  bytes.Buffer
}

func (p *pieces) Write(content []byte) (n int, err error) {
	for n < len(content) {
		some := min(len(content)-n, pieceSize-p.piece.Len())
		p.piece.Write(content[n : n+some])
		if n += some; p.piece.Len() == pieceSize {
			if err := p.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// flush writes what there is as an entry; of an empty part an empty one.
func (p *pieces) flush() error {
	if p.piece.Len() == 0 && p.number > 0 {
		return nil
	}
	p.number++
	p.bytes += int64(p.piece.Len())
	err := p.w.whole(pieceName(p.name, p.number), p.piece.Bytes())
	p.piece.Reset()
	return err
}

func pieceName(part string, number int) string {
	return fmt.Sprintf("%s%s/%06d", databaseDir, part, number)
}

// File writes the bytes of a file, which should be of this size and SHA-256, in hex. nil stands for bytes
// that there are not. What is otherwise is written as it is, with zeros for what cannot be read, and told at
// the end.
func (w *Writer) File(blob string, size int64, sha256Hex string, from io.Reader) error {
	if from == nil {
		w.end.Damaged = append(w.end.Damaged, Damage{Blob: blob, Missing: true})
		return nil
	}
	if w.buffer == nil {
		w.buffer = make([]byte, pieceSize)
	}
	name := filesDir + blob
	if err := w.begin(name, size); err != nil {
		return err
	}
	sum, rest := sha256.New(), size
	for unreadable := false; rest > 0; {
		some := w.buffer[:min(rest, pieceSize)]
		if !unreadable {
			n, err := io.ReadFull(from, some)
			unreadable = err != nil
			clear(some[n:])
		}
		if _, err := w.tar.Write(some); err != nil {
			return err
		}
		sum.Write(some)
		if rest -= int64(len(some)); unreadable {
			clear(w.buffer)
		}
	}
	found := [sha256.Size]byte(sum.Sum(nil))
	if hex.EncodeToString(found[:]) != sha256Hex {
		w.end.Damaged = append(w.end.Damaged, Damage{Blob: blob})
	}
	w.count(name, size, found)
	w.end.Files++
	w.end.FileBytes += size
	return nil
}

// Close ends the backup. What it was written to is not closed.
func (w *Writer) Close() (End, error) {
	w.end.Sum = hex.EncodeToString(w.sum.Sum(nil))
	if err := w.document(endName, w.end); err != nil {
		return w.end, err
	}
	if err := w.tar.Close(); err != nil {
		return w.end, err
	}
	return w.end, w.compressed.Close()
}

// Abandon releases what a backup holds that is not to be ended.
func (w *Writer) Abandon() { _ = w.compressed.Close() } // whose last bytes make nothing whole
