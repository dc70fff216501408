// Package coding is what answers are compressed with: which coding a client likes best, what is worth
// compressing, and a cache of what has been.
package coding

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// MinBytes is how many bytes a body must have to be worth compressing.
const MinBytes = 1 << 10

// codings are what an answer may be compressed with, the preferred ones first.
var codings = []string{"zstd", "br", "gzip"}

// IsWorth reports whether an answer may be sent compressed, whatever the client takes: it is large
// enough, of a type that shrinks, and its header says neither that it is compressed already nor that
// it must not be.
func IsWorth(status int, size int64, contentType, contentEncoding, cacheControl string) bool {
	switch {
	case size < MinBytes || contentEncoding != "" || strings.Contains(cacheControl, "no-transform"):
		return false
	case status == http.StatusPartialContent || status == http.StatusNoContent || status == http.StatusNotModified:
		return false
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml") {
		return true
	}
	switch media {
	case "application/json", "application/xml", "application/javascript", "application/x-javascript", "application/x-ndjson",
		"application/wasm", "application/x-www-form-urlencoded", "application/yaml", "application/sql", "application/graphql",
		"image/bmp", "image/x-icon", "font/ttf", "font/otf":
		return true
	}
	return false
}

// Negotiate returns the coding that a client likes best by its Accept-Encoding (RFC 9110, section
// 12.5.3), "" for none.
func Negotiate(accept string) (best string) {
	if accept == "" {
		return ""
	}
	weights, rest := map[string]float64{}, -1.0
	for item := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(item, ";")
		name = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "x-")
		weight := 1.0
		if key, value, ok := strings.Cut(parameters, "="); ok && strings.EqualFold(strings.TrimSpace(key), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || !(q >= 0 && q <= 1) {
				continue
			}
			weight = q
		}
		if name == "*" {
			rest = weight
		} else {
			weights[name] = weight
		}
	}
	top := 0.0
	for _, name := range codings {
		weight, named := weights[name]
		if !named {
			weight = rest
		}
		if weight > top {
			best, top = name, weight
		}
	}
	if identity, named := weights["identity"]; named && identity > top {
		return ""
	}
	return best
}

// Compress returns a body in a coding that [Negotiate] has returned.
func Compress(body []byte, coding string) []byte {
	room := make([]byte, 0, len(body)/2)
	switch coding {
	case "zstd":
		return fasthttp.AppendZstdBytesLevel(room, body, fasthttp.CompressZstdDefault)
	case "br":
		return fasthttp.AppendBrotliBytesLevel(room, body, fasthttp.CompressBrotliDefaultCompression)
	}
	return fasthttp.AppendGzipBytesLevel(room, body, fasthttp.CompressDefaultCompression)
}

// Tag returns the entity tag of what has a tag in a coding, "" for none: it is another representation,
// which needs a strong tag of its own (RFC 9110, section 8.8.3). A weak tag stays.
func Tag(tag, coding string) string {
	if coding == "" || strings.HasPrefix(tag, "W/") || !strings.HasSuffix(tag, `"`) {
		return tag
	}
	return strings.TrimSuffix(tag, `"`) + "-" + coding + `"`
}
