package http1

import (
	"bytes"
	"errors"
	"io"
)

// Source is where a [Body] comes from: what is buffered of a connection, and the connection.
type Source interface {
	// Buffered returns what has been read and not been taken yet.
	Buffered() []byte
	// Discard takes n bytes of what is buffered.
	Discard(n int)
	// Fill reads more into the buffer, at least a byte, or returns an error; io.EOF becomes
	// io.ErrUnexpectedEOF. There is room for as many bytes as a line of chunks may have.
	Fill() error
	// Read takes at least a byte, of the buffer or past it.
	Read(p []byte) (int, error)
}

// Bounds of what frames a chunked body, in bytes. What a chunk's line may have besides its size is
// meant for nobody (RFC 9112, section 7.1.1), trailer fields are dropped (section 7.1.2).
const (
	maxChunkLine  = 256
	maxTrailer    = 8 << 10
	overheadGrace = 16 << 10 // how much more framing than content a body may have
)

// ErrBody is what a malformed body is refused for. The error of [Body.Read] wraps it and says why.
var ErrBody = errors.New("the body is malformed")

type bodyError struct{ reason string }

func (e *bodyError) Error() string { return e.reason }
func (e *bodyError) Unwrap() error { return ErrBody }

// Body is the body of a request. Read returns io.EOF at its end and nothing past it; a body that is
// cut off ends with io.ErrUnexpectedEOF, a malformed one with an [ErrBody].
type Body struct {
	source   Source
	left     int64 // of the content: of all of it, or of the chunk
	chunked  bool
	inChunk  bool
	afterOne bool // the CRLF after a chunk's content is still to come
	done     bool
	overhead int64
	err      error
}

// Reset makes b the body of a length, or [Chunked], that comes from a source.
func (b *Body) Reset(source Source, length int64) {
	*b = Body{source: source, left: max(length, 0), chunked: length == Chunked, done: length == 0}
}

// Done reports whether the body was read to its end.
func (b *Body) Done() bool { return b.done }

// Failed reports whether Read has returned an error other than io.EOF.
func (b *Body) Failed() bool { return b.err != nil }

// Left returns how many bytes are still to come, or [Chunked] if that is not known.
func (b *Body) Left() int64 {
	if b.chunked && !b.done {
		return Chunked
	}
	return b.left
}

func (b *Body) Read(p []byte) (n int, err error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.done:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if b.chunked && !b.inChunk {
		if b.err = b.nextChunk(); b.err != nil {
			return 0, b.err
		}
		if b.done {
			return 0, io.EOF
		}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if n, err = b.source.Read(p); err != nil && n == 0 {
		b.err = err
		return 0, err
	}
	if b.left -= int64(n); b.left > 0 {
		return n, nil
	}
	if !b.chunked {
		b.done = true
		return n, nil
	}
	b.inChunk, b.afterOne = false, true
	return n, nil
}

// nextChunk reads chunk-size [ chunk-ext ] CRLF, and after the last chunk the trailer.
func (b *Body) nextChunk() error {
	if b.afterOne {
		if err := b.endChunk(); err != nil {
			return err
		}
		b.afterOne = false
	}
	line, err := b.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, digits := int64(0), 0
	for ; digits < len(line); digits++ {
		value := hexValue(line[digits])
		if value < 0 {
			break
		}
		if digits == 15 {
			return &bodyError{"the size of a chunk is too large"}
		}
		size = size<<4 | int64(value)
	}
	if extension := line[digits:]; digits == 0 || len(trim(extension)) > 0 && trim(extension)[0] != ';' || len(extension) > 0 && len(trim(extension)) == 0 {
		return &bodyError{"a chunk must begin with its size in hexadecimal digits"}
	}
	for _, c := range line[digits:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return &bodyError{"a chunk's extension holds a control character"}
		}
	}
	// A chunk may have as much framing as content, and a little.
	if b.overhead += int64(len(line)) + 4 - 16 - 2*size; b.overhead > overheadGrace {
		return &bodyError{"the body is framed into chunks that are too small"}
	}
	b.overhead = max(b.overhead, 0)
	b.source.Discard(len(line) + 2)
	if size == 0 {
		return b.trailer()
	}
	b.left, b.inChunk = size, true
	return nil
}

// endChunk reads the CRLF after the content of a chunk.
func (b *Body) endChunk() error {
	for len(b.source.Buffered()) < 2 {
		if err := b.source.Fill(); err != nil {
			return err
		}
	}
	if end := b.source.Buffered(); end[0] != '\r' || end[1] != '\n' {
		return &bodyError{"a chunk must end with CRLF after its content"}
	}
	b.source.Discard(2)
	return nil
}

// trailer reads the trailer section, which is checked and dropped.
func (b *Body) trailer() error {
	for size := 0; ; {
		line, err := b.line(maxTrailer)
		if err != nil {
			return err
		}
		if size += len(line) + 2; size > maxTrailer {
			return &bodyError{"the trailer is too large"}
		}
		if len(line) == 0 {
			b.source.Discard(2)
			b.done = true
			return nil
		}
		if _, refusal := parseField(line); refusal != nil {
			return &bodyError{"the trailer is malformed: " + refusal.Reason}
		}
		b.source.Discard(len(line) + 2)
	}
}

// line returns the next line, without its end and without taking it.
func (b *Body) line(most int) ([]byte, error) {
	for searched := 0; ; {
		buffered := b.source.Buffered()
		if i := bytes.IndexByte(buffered[searched:], '\n'); i >= 0 {
			end := searched + i
			switch {
			case end == 0 || buffered[end-1] != '\r':
				return nil, &bodyError{"a line of a chunked body must end with CRLF"}
			case end-1 > most:
				return nil, &bodyError{"a line of a chunked body is too long"}
			}
			return buffered[:end-1], nil
		}
		if searched = len(buffered); searched > most {
			return nil, &bodyError{"a line of a chunked body is too long"}
		}
		if err := b.source.Fill(); err != nil {
			return nil, err
		}
	}
}
