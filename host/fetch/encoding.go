package fetch

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// maxEncodings is how many encodings one body may be wrapped in.
const maxEncodings = 4

// maxWindow is how much memory decoding zstd may take (RFC 9659 has it at 8 MiB).
const maxWindow = 8 << 20

// decoded returns the body of a response without its content encodings, whoever has asked for them,
// and takes the headers that described the encoded one away. A body in an encoding that is not known
// stays as it is, as does a part of one. Call
// done when the body has been read.
func decoded(incoming *http.Response) (body io.Reader, done func(), err error) {
	plain, done := io.Reader(incoming.Body), func() {}
	encodings := encodings(incoming.Header.Values("Content-Encoding"))
	if len(encodings) == 0 || incoming.Request.Method == http.MethodHead || incoming.StatusCode == http.StatusPartialContent {
		return plain, done, nil
	}
	if len(encodings) > maxEncodings {
		return nil, nil, unreachable("the response is encoded %d times", len(encodings))
	}
	for _, name := range encodings {
		if decoders[name] == nil {
			return plain, done, nil
		}
	}
	buffered := bufio.NewReader(incoming.Body)
	if _, err := buffered.Peek(1); err == io.EOF {
		return plain, done, nil // no body at all, as of a 304
	}
	body = buffered
	var opened []*decoder
	for i := len(encodings) - 1; i >= 0; i-- {
		d := &decoder{name: encodings[i], source: remembering{Reader: body}}
		body, opened = d, append(opened, d)
	}
	incoming.Header.Del("Content-Encoding")
	incoming.Header.Del("Content-Length")
	return body, func() {
		for _, d := range opened {
			d.close()
		}
	}, nil
}

// encodings returns the names of the encodings in the order in which they were applied.
func encodings(values []string) (names []string) {
	for name := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "identity" {
			names = append(names, name)
		}
	}
	return names
}

// decoders are the encodings that are known (RFC 9110, section 8.4.1; RFC 7932, RFC 8878).
var decoders = map[string]func(io.Reader) (io.Reader, error){
	"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"x-gzip":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	"deflate": inflate,
	"br":      func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
	"zstd": func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	},
}

// inflate reads zlib's format, or the raw deflate that some servers send instead.
func inflate(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	if head, _ := buffered.Peek(2); len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}

// A decoder undoes one encoding. It begins when it is read.
type decoder struct {
	name   string
	source remembering
	plain  io.Reader
}

func (d *decoder) Read(p []byte) (n int, err error) {
	if d.plain == nil {
		d.plain, err = decoders[d.name](&d.source)
	}
	if err == nil {
		n, err = d.plain.Read(p)
	}
	switch {
	case err == nil, err == io.EOF, err == io.ErrUnexpectedEOF:
		return n, err
	case d.source.failed != nil:
		return n, d.source.failed
	}
	return n, unreachable("the response is not the %s it claims to be", d.name)
}

func (d *decoder) close() {
	if z, ok := d.plain.(*zstd.Decoder); ok {
		z.Close()
	}
}

// remembering reads, and remembers why it could not.
type remembering struct {
	io.Reader
	failed error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.failed = err
	}
	return n, err
}
