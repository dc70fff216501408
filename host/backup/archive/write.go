package archive

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/picloud/picloud/host/archive/pack"
	"github.com/picloud/picloud/host/store"
)

// A Writer writes a backup. It serves one goroutine. After an error it is of no more use but to be abandoned.
type Writer struct {
	pack *pack.Writer
	end  End
}

// NewWriter begins a backup.
func NewWriter(to io.Writer, head Head) (*Writer, error) {
	begun, err := pack.NewWriter(to, head.CreatedAt)
	if err != nil {
		return nil, err
	}
	w := &Writer{pack: begun}
	if err := w.document(headName, head); err != nil {
		w.Abandon()
		return nil, err
	}
	return w, nil
}

// document writes an entry of JSON.
func (w *Writer) document(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return w.pack.Whole(name, append(text, '\n'))
}

// Key writes the keys of secrets.
func (w *Writer) Key(text []byte) error {
	w.end.SecretKey = true
	return w.pack.Whole(keyName, text)
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
	err := p.w.pack.Whole(pieceName(p.name, p.number), p.piece.Bytes())
	p.piece.Reset()
	return err
}

func pieceName(part string, number int) string {
	return fmt.Sprintf("%s%s/%06d", databaseDir, part, number)
}

// File writes the bytes of a file. nil stands for bytes that there are not. What is otherwise than it should be is
// written as it is, with zeros for what cannot be read, and told at the end.
func (w *Writer) File(blob store.Blob, from io.Reader) error {
	damage := Damage{Blob: blob.Name, Missing: from == nil, AppID: blob.AppID, Collection: blob.Collection, ID: blob.ID}
	if from == nil {
		w.damaged(damage)
		return nil
	}
	found, err := w.pack.Entry(filesDir+blob.Name, blob.Size, &padded{from: from})
	if err != nil {
		return err
	}
	if hex.EncodeToString(found[:]) != blob.SHA256 {
		w.damaged(damage)
	}
	w.end.Files++
	w.end.FileBytes += blob.Size
	return nil
}

func (w *Writer) damaged(d Damage) {
	if w.end.DamagedFiles++; len(w.end.Damaged) < maxDamaged {
		w.end.Damaged = append(w.end.Damaged, d)
	}
}

// padded has zeros behind what can be read.
type padded struct {
	from       io.Reader
	unreadable bool
}

func (p *padded) Read(to []byte) (n int, err error) {
	if !p.unreadable {
		n, err = p.from.Read(to)
		p.unreadable = err != nil
	}
	if p.unreadable {
		clear(to[n:])
		n = len(to)
	}
	return n, nil
}

// Close ends the backup. What it was written to is not closed.
func (w *Writer) Close() (End, error) {
	w.end.Sum = w.pack.Sum()
	if err := w.document(endName, w.end); err != nil {
		return w.end, err
	}
	return w.end, w.pack.Close()
}

// Abandon releases what a backup holds that is not to be ended.
func (w *Writer) Abandon() { w.pack.Abandon() }
