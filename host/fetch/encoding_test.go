package fetch

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// encoded returns a text in an encoding.
func encoded(t *testing.T, encoding, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "deflate":
		w, err = flate.NewWriter(&b, 5)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	default:
		return text
	}
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// What comes encoded is decoded, whoever has asked for the encoding.
func TestContentEncodings(t *testing.T) {
	gzipped := encoded(t, "gzip", "text")
	for _, test := range []struct {
		name     string
		encoding []string
		sent     string
		body     string
		left     string // of the header
	}{
		{"gzip", []string{"gzip"}, gzipped, "text", ""},
		{"x-gzip", []string{"x-gzip"}, gzipped, "text", ""},
		{"in capitals", []string{"GZIP"}, gzipped, "text", ""},
		{"deflate", []string{"deflate"}, encoded(t, "zlib", "text"), "text", ""},
		{"deflate without a frame", []string{"deflate"}, encoded(t, "deflate", "text"), "text", ""},
		{"br", []string{"br"}, encoded(t, "br", "text"), "text", ""},
		{"zstd", []string{"zstd"}, encoded(t, "zstd", "text"), "text", ""},
		{"two in one header", []string{"br, gzip"}, encoded(t, "gzip", encoded(t, "br", "text")), "text", ""},
		{"two headers", []string{"zstd", "gzip"}, encoded(t, "gzip", encoded(t, "zstd", "text")), "text", ""},
		{"identity", []string{"identity"}, "text", "text", "identity"},
		{"no body", []string{"gzip"}, "", "", "gzip"},
		{"not known", []string{"compress"}, "text", "text", "compress"},
		{"one of two not known", []string{"compress, identity"}, "text", "text", "compress, identity"},
	} {
		for _, asked := range []abi.Lists{nil, {"accept-encoding": {"gzip, br"}}, {"accept-encoding": {"identity"}}} {
			t.Run(test.name, func(t *testing.T) {
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					want := "gzip"
					if asked != nil {
						want = asked["accept-encoding"][0]
					}
					assert.Equal(t, []string{want}, r.Header["Accept-Encoding"])
					w.Header()["Content-Encoding"] = test.encoding
					w.Header().Set("Content-Type", "text/plain")
					_, _ = io.WriteString(w, test.sent)
				})
				response := do(t, localClient(t, Config{}), abi.HTTPRequest{Method: "GET", URL: server.URL, Headers: asked})
				body, _, err := abi.EncodeBody(response.BodyRaw)
				require.NoError(t, err)
				assert.Equal(t, test.body, string(body))
				assert.Equal(t, test.left, response.Headers["content-encoding"])
				if test.left == "" {
					assert.NotContains(t, response.Headers, "content-length", "of what was sent")
				}
			})
		}
	}
}

func TestContentEncodingsThatAreBroken(t *testing.T) {
	bomb := strings.Repeat("x", 1<<20)
	c := localClient(t, Config{MaxResponseBytes: 1000})
	for _, test := range []struct{ encoding, sent, says string }{
		{"gzip", "no gzip at all", "not the gzip it claims"},
		{"x-gzip", "no gzip at all", "not the x-gzip it claims"},
		{"deflate", "\xff\xff no deflate", "not the deflate it claims"},
		{"br", "\xff\xff no brotli", "not the br it claims"},
		{"zstd", "no zstd at all", "not the zstd it claims"},
		{"br", encoded(t, "br", bomb), "more than the 1000 bytes"},
		{"zstd", encoded(t, "zstd", bomb), "more than the 1000 bytes"},
		{"deflate", encoded(t, "zlib", bomb), "more than the 1000 bytes"},
		{"gzip, gzip", encoded(t, "gzip", encoded(t, "gzip", bomb)), "more than the 1000 bytes"},
		{"gzip, gzip, gzip, gzip, gzip", "x", "encoded 5 times"},
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", test.encoding)
			_, _ = io.WriteString(w, test.sent)
		})
		_, err := get(c, server.URL)
		requireFault(t, err, fault.Unreachable, test.says)
	}
}

// A part of an encoded body cannot be decoded.
func TestPartsStayEncoded(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header["Accept-Encoding"], "a range of what is encoded is of no use")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Range", "bytes 0-3/100")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, "part")
	})
	response := do(t, localClient(t, Config{}), abi.HTTPRequest{Method: "GET", URL: server.URL, Headers: abi.Lists{"range": {"bytes=0-3"}}})
	assert.Equal(t, `"part"`, asJSON(t, response.Body))
	assert.Equal(t, "gzip", response.Headers["content-encoding"])
}
