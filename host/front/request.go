package front

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/form"
)

// newRequest is what the script sees of a request. Text that is not UTF-8 is made so. A credential of
// PiCloud is not for scripts: what they see of the headers, the cookies and the URL comes from here,
// without it.
func (s *Server) newRequest(c *fiber.Ctx, path string) *abi.Request {
	uri := c.Request().URI()
	request := &abi.Request{
		Method: c.Method(), Path: path, Headers: make(abi.Lists, c.Request().Header.Len()), Query: abi.Lists{}, Params: map[string]string{},
		Host: valid(c.Request().Host()), Scheme: scheme(c), RemoteAddr: clientAddress(c), RawQuery: valid(uri.QueryString()),
		Body: c.Request().Body(), // not c.Body(), which would decompress without bound
	}
	for key, value := range c.Request().Header.All() {
		name, text := strings.ToLower(string(key)), valid(value)
		if name == "authorization" {
			if _, token, _ := strings.Cut(text, " "); authz.IsToken(strings.TrimSpace(token)) {
				continue
			}
		}
		request.Headers[name] = append(request.Headers[name], text)
	}
	for key, value := range c.Context().QueryArgs().All() {
		name := valid(key)
		request.Query[name] = append(request.Query[name], valid(value))
	}
	request.URL = request.Scheme + "://" + request.Host + valid(uri.PathOriginal())
	if request.RawQuery != "" {
		request.URL += "?" + request.RawQuery
	}
	SetForm(request)
	return request
}

// SetForm gives a request the form that its body is.
func SetForm(request *abi.Request) {
	if len(request.Body) == 0 || len(request.Headers["content-type"]) == 0 {
		return
	}
	var err error
	if request.Form, err = form.Parse(request.Header("content-type"), request.Body); err != nil {
		request.FormError = err.Error()
	}
}

// clientAddress returns the IP address of a request's client.
func clientAddress(c *fiber.Ctx) string { return c.Context().RemoteIP().String() }

// scheme returns how the client has come.
func scheme(c *fiber.Ctx) string {
	if c.Context().IsTLS() {
		return "https"
	}
	return "http"
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
