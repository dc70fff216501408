package front

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/abi"
)

// minCompressed is how many bytes a body must have to be worth compressing.
const minCompressed = 1 << 10

// codings are what a response may be compressed with, the preferred ones first.
var codings = []string{"zstd", "br", "gzip"}

// isCompressible reports whether a response may be sent compressed, whatever the client takes: it is
// large enough, of a type that shrinks, and the script has neither compressed it nor forbidden to.
func isCompressible(c *fiber.Ctx, r abi.Response) bool {
	if len(r.Body) < minCompressed || r.Status == http.StatusPartialContent || r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		return false
	}
	header := &c.Response().Header
	if len(header.Peek(fiber.HeaderContentEncoding)) > 0 || strings.Contains(string(header.Peek(fiber.HeaderCacheControl)), "no-transform") {
		return false
	}
	media, _, _ := strings.Cut(string(header.ContentType()), ";")
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

// negotiate returns the coding that a client likes best (RFC 9110, section 12.5.3), "" for none.
func negotiate(accept string) (best string) {
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

// compressed returns a body in a coding.
func compressed(body []byte, coding string) []byte {
	room := make([]byte, 0, len(body)/2)
	switch coding {
	case "zstd":
		return fasthttp.AppendZstdBytesLevel(room, body, fasthttp.CompressZstdDefault)
	case "br":
		return fasthttp.AppendBrotliBytesLevel(room, body, fasthttp.CompressBrotliDefaultCompression)
	}
	return fasthttp.AppendGzipBytesLevel(room, body, fasthttp.CompressDefaultCompression)
}
