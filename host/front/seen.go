package front

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/form"
)

// newRequest is what the script sees of a request. It reads the body. Text that is not UTF-8 is made
// so. A credential of PiCloud is not for scripts: the header, the cookie or the parameter of the query
// that holds one is left out of all they see.
func newRequest(c *fiber.Ctx, path string) (*abi.Request, error) {
	r := of(c)
	body, err := r.readAll()
	if err != nil {
		return nil, err
	}
	sent := body
	coded := isCoded(r, body)
	if coded {
		if body, err = decoded(r, body); err != nil {
			return nil, err
		}
	}
	uri := c.Request().URI()
	request := &abi.Request{
		Method: string(r.edge.Method), Path: path, Headers: make(abi.Lists, len(r.edge.Fields)), Query: abi.Lists{}, Params: map[string]string{},
		Host: valid(r.edge.Host), Scheme: scheme(r), RawQuery: withoutTokens(valid(uri.QueryString()), "&"), Body: body,
	}
	if coded {
		request.Sent = sent
	}
	if r.edge.Client.IsValid() {
		request.RemoteAddr = r.edge.Client.String()
	}
	for _, field := range r.edge.Fields {
		name, text := lowerName(field.Name), valid(field.Value)
		switch {
		case name == "cookie":
			text = withoutTokens(text, ";")
		case holdsToken(text), name == "authorization" && authz.NamesToken(text):
			continue
		case name == "host":
			text = request.Host // which an absolute target overrides
		}
		request.Headers[name] = append(request.Headers[name], text)
	}
	var query fasthttp.Args
	query.Parse(request.RawQuery)
	for key, value := range query.All() {
		name := valid(key)
		request.Query[name] = append(request.Query[name], valid(value))
	}
	request.URL = request.Scheme + "://" + request.Host + valid(uri.PathOriginal())
	if request.RawQuery != "" {
		request.URL += "?" + request.RawQuery
	}
	form.Set(request)
	return request, nil
}

// lowerNames are those of fields that most requests have, in lower case: they need not be made each time.
var lowerNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Length", "Content-Type",
		"Cookie", "Host", "Origin", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "User-Agent", "X-Forwarded-For",
		"X-Forwarded-Proto", "X-Request-Id",
	} {
		lower := strings.ToLower(name)
		names[name], names[lower] = lower, lower
	}
	return names
}()

// lowerName returns the name of a field in lower case.
func lowerName(name []byte) string {
	if lower, known := lowerNames[string(name)]; known {
		return lower
	}
	return strings.ToLower(string(name))
}

// isCoded reports whether a body has a content coding that we undo (RFC 9110, section 8.4): gzip. Any other
// is for the script to undo.
func isCoded(r *request, body []byte) bool {
	coding := strings.ToLower(strings.TrimSpace(string(r.edge.Get("content-encoding"))))
	return len(body) > 0 && (coding == "gzip" || coding == "x-gzip")
}

// decoded undoes gzip. What comes of it must not be larger than a body that is sent without.
func decoded(r *request, body []byte) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, fault.Invalid, "the body is not gzip, as content-encoding says")
	}
	var out bytes.Buffer
	for {
		n, err := io.CopyN(&out, in, decodeStep)
		switch {
		case int64(out.Len()) > r.body.limit:
			return nil, tooLarge(r.body.limit)
		case err == io.EOF:
			return out.Bytes(), nil
		case err != nil:
			return nil, problem.New(http.StatusBadRequest, fault.Invalid, "the body is damaged gzip")
		}
		if err := r.body.share.Grow(r.body.ctx, n); err != nil {
			return nil, shown(err)
		}
	}
}

// decodeStep is how much of a body is decoded before it is counted: 64 KiB.
const decodeStep = 64 << 10

// SetForm gives a request the form that its body is.
func SetForm(request *abi.Request) { form.Set(request) }

// scheme returns how the client has come: to us in plain HTTP, unless a proxy of ours says otherwise.
func scheme(r *request) string {
	if r.edge.Proxied() && strings.EqualFold(string(r.edge.Get("x-forwarded-proto")), "https") {
		return "https"
	}
	return "http"
}

// holdsToken is [authz.HoldsToken] of a text as it is, and with its percent-encoding undone.
func holdsToken(text string) bool {
	if authz.HoldsToken(text) {
		return true
	}
	if strings.IndexByte(text, '%') < 0 {
		return false
	}
	decoded, err := url.QueryUnescape(text)
	return err == nil && authz.HoldsToken(decoded)
}

// withoutTokens leaves out those that hold a token of a list of cookies or parameters.
func withoutTokens(list, separator string) string {
	if strings.IndexByte(list, '%') < 0 && !authz.HoldsToken(list) {
		return list
	}
	parts := strings.Split(list, separator)
	kept := slices.DeleteFunc(parts, holdsToken)
	if len(kept) == len(parts) {
		return list
	}
	return strings.TrimSpace(strings.Join(kept, separator))
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
