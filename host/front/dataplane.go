package front

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

const headerExecutionID = "X-Execution-Id"

// dataPlane answers what a route claims.
func (s *Server) dataPlane(c *fiber.Ctx) error {
	method := c.Method()
	found, err := s.routes.Resolve(method, string(c.Request().Host()), string(c.Request().URI().PathOriginal()))
	what := problem.Shorten(method + " " + found.Path)
	switch {
	case err != nil:
		return s.refuse(c, http.StatusBadRequest, fault.Invalid, err.Error())
	case found.Reserved:
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "there is nothing at "+what)
	case !found.Found && len(found.Allow) > 0:
		c.Set(fiber.HeaderAllow, strings.Join(found.Allow, ", "))
		return s.refuse(c, http.StatusMethodNotAllowed, fault.MethodNotAllowed, "no route answers "+what)
	case !found.Found:
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "no route answers "+what)
	}
	request := newRequest(c, found.Path)
	if params := found.Params(); params != nil {
		request.Params = params
	}
	request.Rest = found.Rest()
	return s.answer(c, executions.Invocation{
		ScriptID: found.Route.ScriptID, Type: abi.InvocationHTTP, RequestID: RequestID(c), Request: request,
		Capabilities: authz.AppExecution,
	})
}

// execute runs a script by id for a caller who may.
func (s *Server) execute(c *fiber.Ctx) error {
	p, err := s.principal(c.UserContext(), c.Get(fiber.HeaderAuthorization))
	if fault.Of(err) == fault.Unauthorized {
		err = fault.New(fault.Unauthorized, "this needs a token: %v", err)
	}
	if err != nil {
		return s.refused(c, err)
	}
	path, err := routing.CleanPath(string(c.Request().URI().PathOriginal()))
	if err != nil {
		return s.refuse(c, http.StatusBadRequest, fault.Invalid, err.Error())
	}
	id := path[strings.LastIndexByte(path, '/')+1:]
	c.Locals(principalKey{}, p)
	script, err := s.executable(c.UserContext(), p, id)
	if err != nil {
		return s.refused(c, err)
	}
	capabilities, err := s.authority.Execution(c.UserContext(), p, script.AppID)
	if err != nil {
		return err
	}
	return s.answer(c, executions.Invocation{
		ScriptID: script.ID, Type: abi.InvocationExecute, RequestID: RequestID(c), Request: newRequest(c, path),
		Capabilities: capabilities,
	})
}

type principalKey struct{}

// principal finds the caller that an Authorization header names.
func (s *Server) principal(ctx context.Context, header string) (*authz.Principal, error) {
	return s.authority.Authenticate(ctx, Bearer(header))
}

// Bearer returns the token of an Authorization header (RFC 6750, section 2.1), "" if it has none.
func Bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// executable finds a script by id, for a caller who may execute it.
func (s *Server) executable(ctx context.Context, p *authz.Principal, id string) (store.Script, error) {
	script, err := s.store.Scripts().Get(ctx, id)
	if err != nil {
		if fault.Unknown(err) {
			err = fault.Missing("script")
		}
		return store.Script{}, err
	}
	return script, s.authority.Require(ctx, p, script.AppID, "script", authz.ScriptExecute)
}

// answer runs a script and writes its response.
func (s *Server) answer(c *fiber.Ctx, in executions.Invocation) error {
	ctx, cancel := context.WithCancel(c.UserContext())
	defer cancel()
	stop := watchDisconnect(c.Context().Conn(), cancel)
	out, err := s.executions.Run(ctx, in)
	stop()
	if fault.Of(err) == fault.NotFound { // deleted since the route was found
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "the script does not exist any more")
	}
	if err != nil {
		return err
	}
	c.Set(headerExecutionID, out.ExecutionID)
	if out.Error != nil {
		status := out.Status()
		if status == http.StatusServiceUnavailable {
			c.Set(fiber.HeaderRetryAfter, "1")
		}
		message := executions.PublicMessage(out.Error.Code)
		if s.mayReadLogs(c, out.AppID) {
			message = out.Error.Message
		}
		return c.Status(status).JSON(problem.Execution(out.Error.Code, message, out.ExecutionID))
	}
	response := c.Response()
	for _, h := range out.Response.Headers {
		if !isOurs(h.Name) {
			response.Header.Add(h.Name, h.Value)
		}
	}
	response.SetStatusCode(out.Response.Status)
	response.SetBodyRaw(out.Response.Body)
	return nil
}

// isOurs reports whether a header of a response, its name in lower case, is ours alone: a script that
// passes on what another server has answered does not change it.
func isOurs(name string) bool { return name == "x-request-id" || name == "x-execution-id" }

// mayReadLogs reports whether the request carries a credential that may read the app's logs, and so
// see why a script failed.
func (s *Server) mayReadLogs(c *fiber.Ctx, appID string) bool {
	p, ok := c.Locals(principalKey{}).(*authz.Principal)
	if !ok {
		var err error
		if p, err = s.principal(c.UserContext(), c.Get(fiber.HeaderAuthorization)); err != nil {
			return false
		}
	}
	may, err := s.authority.MayIn(c.UserContext(), p, appID, authz.LogRead)
	return err == nil && may
}

// newRequest is what the script sees of a request. Text that is not UTF-8 is made so. A credential of
// PiCloud is not for scripts: the header, the cookie or the parameter of the query that holds one is
// left out.
func newRequest(c *fiber.Ctx, path string) *abi.Request {
	request := &abi.Request{
		Method: c.Method(), Path: path,
		Headers: make(map[string]string, c.Request().Header.Len()),
		Params:  map[string]string{}, Query: map[string]string{},
	}
	for key, value := range c.Request().Header.All() {
		name, text := strings.ToLower(string(key)), valid(value)
		switch {
		case name == "cookie":
			text = withoutTokens(text)
		case holdsToken(text), name == "authorization" && authz.NamesToken(text):
			continue
		}
		if before, repeated := request.Headers[name]; repeated {
			text = before + ", " + text
		}
		request.Headers[name] = text
	}
	for key, value := range c.Context().QueryArgs().All() {
		if !holdsToken(string(key)) && !holdsToken(string(value)) {
			request.Query[valid(key)] = valid(value)
		}
	}
	// Not c.Body(), which would decompress without bound.
	request.Body, request.BodyRaw = abi.DecodeBody(c.Request().Body(), request.Headers["content-type"])
	return request
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

// withoutTokens leaves out the cookies that hold a token.
func withoutTokens(cookies string) string {
	if !holdsToken(cookies) {
		return cookies
	}
	kept := slices.DeleteFunc(strings.Split(cookies, ";"), holdsToken)
	return strings.TrimSpace(strings.Join(kept, ";"))
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
