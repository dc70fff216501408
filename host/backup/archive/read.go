package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"reflect"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A Taker is given what a backup has, in its order. What is nil is passed over, and what a function
// leaves unread too; all is checked nevertheless.
type Taker struct {
	Head func(Head) error
	Key  func(text []byte) error
	Part func(name string, from io.Reader) error
	File func(blob string, size int64, from io.Reader) error
}

// zstdMagic begins what zstd compressed.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Read reads a backup that is not encrypted to its end and checks all of it. What is not as it was
// written is a [*DamagedError], which comes after what was found good has been given away: only when
// Read returns nil is all of it good. A newer format is a [*NewerError], something else [ErrNoBackup].
func Read(from io.Reader, take Taker) (Head, End, error) {
	buffered := bufio.NewReaderSize(from, pieceSize)
	if magic, err := buffered.Peek(len(zstdMagic)); err != nil && err != io.EOF {
		return Head{}, End{}, err
	} else if !bytes.Equal(magic, zstdMagic) {
		return Head{}, End{}, ErrNoBackup
	}
	plain, err := zstd.NewReader(buffered, zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return Head{}, End{}, err
	}
	defer plain.Close()
	r := &reader{source: &source{from: plain}, sum: sha256.New()}
	r.tar = tar.NewReader(r.source)
	err = r.read(take)
	return r.head, r.end, r.explain(err)
}

// source remembers why it could not be read, which is told from what somebody made of the bytes.
type source struct {
	from   io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

type reader struct {
	source  *source
	tar     *tar.Reader
	present *tar.Header // the entry that is being read; nil: there is none
	entry   hash.Hash   // of its bytes
	size    int64       // of them
	sum     hash.Hash
	failed  error // why an entry could not be read
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
func (r *reader) explain(err error) error {
	var disk *fs.PathError
	var taker takerError
	switch {
	case errors.As(err, &taker):
		return taker.error
	case err == nil || errors.As(err, &disk):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return damaged("it ends in the middle")
	case errors.Is(err, tar.ErrHeader), r.source.failed != nil && errors.Is(err, r.source.failed):
		return damaged("what is in it cannot be read: %v", err)
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
	sum := hex.EncodeToString(r.sum.Sum(nil))
	if err := r.document(&r.end); err != nil {
		return err
	}
	switch {
	case r.end.Sum != sum:
		return damaged("its sum is %s, and should be %s", sum, r.end.Sum)
	case !reflect.DeepEqual(r.found.Parts, withoutRows(r.end.Parts)) || r.found.Files != r.end.Files || r.found.FileBytes != r.end.FileBytes || r.found.SecretKey != r.end.SecretKey:
		return damaged("it has other things than its end tells of")
	}
	if _, err := r.tar.Next(); err != io.EOF {
		return damaged("something comes after its end")
	}
	_, err := io.Copy(io.Discard, r.source) // whose own sum comes last
	return err
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
	n, err := r.tar.Read(p)
	r.entry.Write(p[:n])
	r.size += int64(n)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}

// next ends an entry and begins the one that follows. That there is none means that the end is missing.
func (r *reader) next() (err error) {
	if r.present != nil {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		addEntry(r.sum, r.present.Name, r.size, [sha256.Size]byte(r.entry.Sum(nil)))
	}
	if r.present, err = r.tar.Next(); err == io.EOF {
		return damaged("its end is missing")
	}
	r.entry, r.size = sha256.New(), 0
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
