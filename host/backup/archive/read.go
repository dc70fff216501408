package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strings"

	"github.com/picloud/picloud/host/archive/pack"
)

// A Taker is given what a backup has, in its order. What is nil is passed over, and what a function
// leaves unread too; all is checked nevertheless.
type Taker struct {
	Head func(Head) error
	Key  func(text []byte) error
	Part func(name string, from io.Reader) error
	File func(blob string, size int64, from io.Reader) error
}

// Read reads a backup that is not encrypted to its end and checks all of it. What is not as it was
// written is a [*DamagedError], which comes after what was found good has been given away: only when
// Read returns nil is all of it good. A newer format is a [*NewerError], something else [ErrNoBackup].
func Read(from io.Reader, take Taker) (Head, End, error) {
	opened, err := pack.NewReader(from, pack.Bounds{Window: window, Ahead: true})
	if err != nil {
		if errors.Is(err, pack.ErrForeign) {
			err = ErrNoBackup
		}
		return Head{}, End{}, explain(err)
	}
	defer opened.Close()
	r := &reader{pack: opened}
	err = r.read(take)
	return r.head, r.end, explain(err)
}

type reader struct {
	pack    *pack.Reader
	present pack.Entry // that is being read
	failed  error      // why an entry could not be read
	head    Head
	end     End
	found   End
}

// A takerError is a taker's own.
type takerError struct{ error }

// taken tells an error of a taker from one of the backup, which it got by reading.
func (r *reader) taken(err error) error {
	if err == nil || r.failed != nil {
		return r.failed
	}
	return takerError{err}
}

// explain tells a damaged backup from a disk that cannot be read and from a taker that failed.
func explain(err error) error {
	var disk *fs.PathError
	var taker takerError
	var source *pack.SourceError
	switch {
	case errors.As(err, &taker):
		return taker.error
	case errors.As(err, &disk):
		return err
	case errors.Is(err, pack.ErrCut) || errors.As(err, &source) && errors.Is(err, io.ErrUnexpectedEOF):
		return damaged("%v", pack.ErrCut)
	case errors.Is(err, pack.ErrUnreadable) || errors.As(err, &source):
		return damaged("what is in it cannot be read: %v", err)
	case errors.Is(err, pack.ErrMore) || errors.Is(err, pack.ErrMemory) || errors.Is(err, pack.ErrNotPlain):
		return damaged("%v", err)
	}
	return err
}

func (r *reader) read(take Taker) error {
	if err := r.next(); err != nil || r.present.Name != headName {
		return errors.Join(ErrNoBackup, err)
	}
	if err := r.document(&r.head); err != nil {
		return err
	}
	switch {
	case r.head.Format > Format:
		return &NewerError{r.head.Format}
	case r.head.Format < 1 || r.head.Database == "":
		return ErrNoBackup
	}
	if take.Head != nil {
		if err := r.taken(take.Head(r.head)); err != nil {
			return err
		}
	}
	if err := r.next(); err != nil {
		return err
	}
	for r.present.Name != endName {
		if err := r.content(take); err != nil {
			return err
		}
	}
	sum := r.pack.Sum()
	if err := r.document(&r.end); err != nil {
		return err
	}
	r.end.DamagedFiles = max(r.end.DamagedFiles, int64(len(r.end.Damaged))) // which older ones do not tell
	switch {
	case r.end.Sum != sum:
		return damaged("its sum is %s, and should be %s", sum, r.end.Sum)
	case !reflect.DeepEqual(r.found.Parts, withoutRows(r.end.Parts)) || r.found.Files != r.end.Files || r.found.FileBytes != r.end.FileBytes || r.found.SecretKey != r.end.SecretKey:
		return damaged("it has other things than its end tells of")
	}
	return r.pack.End()
}

func withoutRows(parts []Part) (counted []Part) {
	for _, part := range parts {
		counted = append(counted, Part{Name: part.Name, Bytes: part.Bytes})
	}
	return counted
}

// content reads a key, a part or a file, and goes on to what follows.
func (r *reader) content(take Taker) error {
	name := r.present.Name
	if name == keyName {
		text, err := r.small(maxKey)
		if err != nil {
			return err
		}
		r.found.SecretKey = true
		if take.Key != nil {
			if err := r.taken(take.Key(text)); err != nil {
				return err
			}
		}
		return r.next()
	}
	if blob, ok := strings.CutPrefix(name, filesDir); ok {
		r.found.Files++
		r.found.FileBytes += r.present.Size
		if take.File != nil {
			if err := r.taken(take.File(blob, r.present.Size, r)); err != nil {
				return err
			}
		}
		return r.next()
	}
	inDatabase, ok := strings.CutPrefix(name, databaseDir)
	part, _, pieced := strings.Cut(inDatabase, "/")
	if !ok || !pieced || name != pieceName(part, 1) {
		return damaged("nothing of the name %q is in a backup", name)
	}
	whole := &partReader{r: r, name: part, number: 1}
	if take.Part != nil {
		if err := r.taken(take.Part(part, whole)); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, whole); err != nil {
		return err
	}
	r.found.Parts = append(r.found.Parts, Part{Name: part, Bytes: whole.bytes})
	return nil
}

// Read reads the entry.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.pack.Read(p)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}

// next goes on to the entry that follows. That there is none means that the end is missing.
func (r *reader) next() (err error) {
	r.present, err = r.pack.Next()
	return err
}

// small reads an entry that has to be small.
func (r *reader) small(most int64) ([]byte, error) {
	if r.present.Size > most {
		return nil, damaged("%s has %d bytes, and may have %d", r.present.Name, r.present.Size, most)
	}
	return io.ReadAll(r)
}

func (r *reader) document(into any) error {
	name := r.present.Name
	text, err := r.small(maxDocument)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return damaged("%s is not what it should be: %v", name, err)
	}
	return nil
}

// partReader reads the pieces of a part as one.
type partReader struct {
	r      *reader
	name   string
	number int
	bytes  int64
	ended  bool
}

func (p *partReader) Read(to []byte) (int, error) {
	for !p.ended {
		n, err := p.r.Read(to)
		p.bytes += int64(n)
		if err == io.EOF {
			err = p.r.next()
			p.r.failed = err
			p.number++
			p.ended = err == nil && p.r.present.Name != pieceName(p.name, p.number)
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// String tells what a backup is, for people.
func (h Head) String() string {
	return fmt.Sprintf("of %s by PiCloud %s (%s, schema %d)", h.CreatedAt.UTC().Format("2006-01-02 15:04:05 MST"), h.Version, h.Database, h.Schema)
}
