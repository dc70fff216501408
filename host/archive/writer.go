package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/picloud/picloud/host/archive/pack"
)

// writer writes an archive. What it has written is whole once close has returned nil.
type writer struct {
	pack *pack.Writer
	end  End

	kind   string // whose rows are written
	number int    // of the entry
	rows   bytes.Buffer
}

// newWriter begins with the manifest.
func newWriter(to io.Writer, manifest Manifest) (*writer, error) {
	begun, err := pack.NewWriter(to, manifest.ExportedAt)
	if err != nil {
		return nil, err
	}
	w := &writer{pack: begun, end: End{Rows: map[string]int64{}}}
	if err := w.object(manifestName, manifest); err != nil {
		begun.Abandon()
		return nil, err
	}
	return w, nil
}

// object writes an entry of one JSON object.
func (w *writer) object(name string, of any) error {
	text, err := encode(of)
	if err != nil {
		return err
	}
	return w.pack.Whole(name, text)
}

// encode writes JSON on one line, which is no longer than it must be.
func encode(of any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(of)
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), err
}

// row writes a row of a kind: of the same as the one before, or of a later one.
func (w *writer) row(kind string, of any) error {
	text, err := encode(of)
	if err != nil {
		return err
	}
	return w.line(kind, text, nil)
}

// rowWith writes a row with JSON as its content.
func (w *writer) rowWith(kind string, of any, text json.RawMessage) error {
	head, err := encode(of)
	if err != nil {
		return err
	}
	field, value := `,"value":`, []byte(text)
	if bytes.IndexByte(text, '\n') >= 0 || !jsontext.Value(text).IsValid() {
		field = `,"text":`
		if value, err = encode(string(text)); err != nil {
			return err
		}
	}
	return w.line(kind, head[:len(head)-1], append(append([]byte(field), value...), '}'))
}

func (w *writer) line(kind string, text, more []byte) error {
	if kind != w.kind {
		if err := w.flush(); err != nil {
			return err
		}
		if slices.Index(kinds, kind) < slices.Index(kinds, w.kind) {
			return fmt.Errorf("rows of %s must come before those of %s", kind, w.kind)
		}
		w.kind, w.number = kind, 0
	}
	if n := len(text) + len(more) + 1; w.rows.Len() > 0 && w.rows.Len()+n > rowsPerEntry {
		if err := w.flush(); err != nil {
			return err
		}
	} else if n > maxRows {
		return fmt.Errorf("a row of %s has %d bytes", kind, n)
	}
	w.rows.Write(text)
	w.rows.Write(more)
	w.rows.WriteByte('\n')
	w.end.Rows[kind]++
	return nil
}

// flush writes the rows so far.
func (w *writer) flush() error {
	if w.rows.Len() == 0 {
		return nil
	}
	w.number++
	err := w.pack.Whole(w.name(rowsSuffix), w.rows.Bytes())
	w.rows.Reset()
	return err
}

func (w *writer) name(suffix string) string {
	return fmt.Sprintf("%s/%08d%s", w.kind, w.number, suffix)
}

// bytes writes the bytes beside the last row.
func (w *writer) bytes(size int64, from io.Reader) error {
	if err := w.flush(); err != nil {
		return err
	}
	_, err := w.pack.Entry(w.name(bytesSuffix), size, from)
	return err
}

// close ends the archive.
func (w *writer) close() error {
	if err := w.flush(); err != nil {
		return err
	}
	w.end.SHA256 = w.pack.Sum()
	if err := w.object(endName, w.end); err != nil {
		return err
	}
	return w.pack.Close()
}
