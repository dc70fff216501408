package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/picloud/picloud/host/archive/pack"
	"github.com/picloud/picloud/host/fault"
)

// reader reads an archive, and trusts nothing in it: each entry is where it has to be, bounded, and not
// kept for longer than until the next. Only when next has returned io.EOF was the archive whole.
//
// What is wrong with an archive is [fault.Invalid] of the field "archive"; an error of the reader that it
// comes from is returned as it is.
type reader struct {
	Manifest Manifest

	pack *pack.Reader
	most int64 // bytes when it is unpacked
	from error // that of the reader that it comes from

	kind   int    // of the entry; -1: that is the manifest
	number int    // of the entry
	at     string // its name
	rows   []byte // that are still to be read of it
	line   int    // of the row
	due    bool   // the row has bytes, which have not been asked for
	buffer []byte
	seen   map[string]int64 // rows, by kind
}

// newReader reads the manifest. An archive has at most so many bytes when it is unpacked.
func newReader(from io.Reader, most int64) (*reader, error) {
	r := &reader{most: most, kind: -1, at: manifestName, seen: map[string]int64{}}
	var err error
	if r.pack, err = pack.NewReader(from, pack.Bounds{Window: pack.Window, Bytes: most}); err != nil {
		return nil, r.failed(err)
	}
	entry, err := r.plain()
	if err == nil && entry.Name != manifestName {
		err = refuse("must begin with %s, got %.80q", manifestName, entry.Name)
	}
	if err == nil {
		err = r.readManifest(entry)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// close releases what the reader has.
func (r *reader) close() { r.pack.Close() }

func refuse(format string, args ...any) error { return fault.Refuse("archive", format, args...) }

// failed says why the archive cannot be read on.
func (r *reader) failed(err error) error {
	var source *pack.SourceError
	switch {
	case errors.As(err, &source):
		r.from = source.Err
		return source.Err
	case errors.Is(err, pack.ErrCut):
		return refuse("is not whole: it ends in %s, after row %d", r.at, r.line)
	case errors.Is(err, pack.ErrTooLarge):
		return &fault.Error{Code: fault.TooLarge, Field: "archive", Reason: fmt.Sprintf("must have at most %d bytes when it is unpacked", r.most), Limit: r.most}
	case errors.Is(err, pack.ErrMemory):
		return refuse("needs more memory to be unpacked than there is for it")
	case errors.Is(err, pack.ErrNotPlain):
		return refuse("cannot be taken: %s", err.Error())
	case errors.Is(err, pack.ErrMore):
		return refuse("goes on after its end")
	}
	return refuse("is damaged, or no archive of an app: it cannot be unpacked beyond %s, row %d", r.at, r.line)
}

// plain goes to the next entry.
func (r *reader) plain() (pack.Entry, error) {
	entry, err := r.pack.Next()
	if err != nil {
		return entry, r.failed(err)
	}
	return entry, nil
}

// read reads an entry whole.
func (r *reader) read(entry pack.Entry, most int) ([]byte, error) {
	if entry.Size > int64(most) {
		return nil, refuse("has an entry %.80q of %d bytes: at most %d may be", entry.Name, entry.Size, most)
	}
	if int64(cap(r.buffer)) < entry.Size {
		r.buffer = make([]byte, entry.Size)
	}
	r.buffer = r.buffer[:entry.Size]
	if _, err := io.ReadFull(r.pack, r.buffer); err != nil {
		return nil, r.failed(cut(err))
	}
	return r.buffer, nil
}

// cut is an error of io.ReadFull as one of the archive: it has less than it says.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return pack.ErrCut
	}
	return err
}

func (r *reader) readManifest(entry pack.Entry) error {
	text, err := r.read(entry, maxObject)
	if err != nil {
		return err
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := jsonv2.Unmarshal(text, &version); err != nil { // of whatever else there is in a newer one
		return r.within(refuse("%s", brief(err)))
	}
	if version.Format < oldestFormat || version.Format > Format {
		return refuse("is of the format %d, and this server reads %d to %d", version.Format, oldestFormat, Format)
	}
	return r.within(decode(text, &r.Manifest))
}

// decode reads a row or an object, which has nothing that is not known.
func decode(text []byte, into any) error {
	if err := jsonv2.Unmarshal(text, into, jsonv2.RejectUnknownMembers(true)); err != nil {
		return refuse("%s", brief(err))
	}
	return nil
}

// brief says what is wrong with JSON, in one line without Go's types.
func brief(err error) string {
	var semantic *jsonv2.SemanticError
	if errors.As(err, &semantic) {
		reason := "it is not what this field takes"
		if semantic.Err != nil {
			reason = semantic.Err.Error()
		}
		return fmt.Sprintf("its JSON has no such value at %.100q: %.200s", string(semantic.JSONPointer), reason)
	}
	return fmt.Sprintf("it is no JSON: %.200s", err.Error())
}

// within tells where in the archive an error is. One of ours, and one of who sends it, stays as it is.
func (r *reader) within(err error) error {
	refused := fault.From(err)
	if refused == nil || refused.Code.Ours() || r.from != nil {
		return err
	}
	at := *refused
	reason := refused.Error()
	if refused.Field == "archive" {
		reason = refused.Reason
	}
	place := r.at
	if r.line > 0 {
		place += fmt.Sprintf(", row %d", r.line)
	}
	at.Text, at.Field, at.Reason = "", "archive", place+": "+reason
	if at.Code == fault.Conflict { // of the archive with itself: the app was empty
		at.Code = fault.Invalid
	}
	return &at
}

// next returns the next row with its kind. It is good until the next call. At the end of a whole archive
// the error is io.EOF.
func (r *reader) next() (kind string, row []byte, err error) {
	if r.due {
		return "", nil, errors.New("the bytes of the row before were not read")
	}
	for len(r.rows) == 0 {
		if err := r.entry(); err != nil {
			return "", nil, err
		}
	}
	r.line++
	row, rest, ended := bytes.Cut(r.rows, []byte{'\n'})
	if !ended {
		return "", nil, r.within(refuse("it does not end its line"))
	}
	r.rows = rest
	kind = kinds[r.kind]
	r.seen[kind]++
	return kind, row, nil
}

// entry reads the next entry, of rows. After the last it checks the end, and returns io.EOF.
func (r *reader) entry() error {
	entry, err := r.plain()
	if err != nil {
		return err
	}
	name := entry.Name
	if name == endName {
		return r.finish(entry)
	}
	kind, _, suffix, ok := entryOf(name)
	if !ok {
		return refuse("has an unknown entry %.80q", name)
	}
	number := 1
	if kind == r.kind {
		number = r.number + 1
	}
	if kind < r.kind || suffix != rowsSuffix || name != fmt.Sprintf("%s/%08d%s", kinds[kind], number, rowsSuffix) {
		return refuse("has the entry %.80q out of its order, after %s", name, r.at)
	}
	if entry.Size == 0 {
		return refuse("has an entry %.80q without rows", name)
	}
	if r.rows, err = r.read(entry, maxRows); err != nil {
		return err
	}
	r.kind, r.number, r.at, r.line = kind, number, name, 0
	return nil
}

// bytes returns the bytes beside the row that next has returned, which must be read to the end. It has
// said that there are size of them.
func (r *reader) bytes(size int64) (io.Reader, error) {
	if len(r.rows) > 0 {
		return nil, refuse("it has bytes, and must be the last of its entry")
	}
	entry, err := r.plain()
	if err != nil {
		return nil, err
	}
	if want := fmt.Sprintf("%s/%08d%s", kinds[r.kind], r.number, bytesSuffix); entry.Name != want {
		return nil, refuse("its bytes must follow in %s, got %.80q", want, entry.Name)
	}
	if entry.Size != size {
		return nil, refuse("size: is %d, and there are %d bytes", size, entry.Size)
	}
	r.due = true
	return &beside{r}, nil
}

// beside reads the bytes beside a row.
type beside struct{ r *reader }

func (b *beside) Read(p []byte) (int, error) {
	n, err := b.r.pack.Read(p)
	if err == io.EOF {
		b.r.due = false
		return n, io.EOF
	}
	if err != nil {
		err = b.r.failed(err)
	}
	return n, err
}

// finish checks the last entry, and that nothing follows.
func (r *reader) finish(entry pack.Entry) error {
	sum := r.pack.Sum()
	text, err := r.read(entry, maxObject)
	if err != nil {
		return err
	}
	r.at, r.line = endName, 0
	var end End
	if err := decode(text, &end); err != nil {
		return r.within(err)
	}
	for kind, n := range end.Rows {
		if n == 0 {
			delete(end.Rows, kind)
		}
	}
	if !maps.Equal(end.Rows, r.seen) {
		return refuse("has other rows than its end says: %v instead of %v", r.seen, end.Rows)
	}
	if sum != end.SHA256 {
		return refuse("has another checksum than its end says: %s instead of %.80q", sum, end.SHA256)
	}
	if err := r.pack.End(); err != nil {
		return r.failed(err)
	}
	return io.EOF
}
