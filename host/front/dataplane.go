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
	r := of(c)
	method := string(r.edge.Method)
	if string(r.edge.Target) == "*" { // of the server as a whole (RFC 9110, section 9.3.7)
		c.Set(fiber.HeaderAllow, strings.Join(routing.Methods, ", "))
		return c.SendStatus(http.StatusNoContent)
	}
	raw, _, _ := strings.Cut(string(r.edge.Target), "?")
	found, err := s.routes.Resolve(method, string(r.edge.Host), raw)
	what := problem.Shorten(method + " " + found.Path)
	switch {
	case err != nil:
		return s.refuse(c, http.StatusBadRequest, fault.Invalid, err.Error())
	case found.Found:
	case !slices.Contains(routing.Methods, method):
		return s.refuse(c, http.StatusNotImplemented, fault.NotImplemented, "no route answers "+what+", and the method is not one of "+strings.Join(routing.Methods, ", "))
	case found.Reserved:
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "there is nothing at "+what)
	case len(found.Allow) > 0:
		c.Set(fiber.HeaderAllow, strings.Join(found.Allow, ", "))
		return s.refuse(c, http.StatusMethodNotAllowed, fault.MethodNotAllowed, "no route answers "+what)
	default:
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "no route answers "+what)
	}
	request, err := newRequest(c, found.Path)
	if err != nil {
		return err
	}
	if params := found.Params(); params != nil {
		request.Params = params
	}
	request.Rest = found.Rest()
	return s.answer(c, executions.Invocation{
		ScriptID: found.Route.ScriptID, Type: abi.InvocationHTTP, RequestID: r.id, Request: request,
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
	raw, _, _ := strings.Cut(string(of(c).edge.Target), "?")
	path, err := routing.CleanPath(raw)
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
	request, err := newRequest(c, path)
	if err != nil {
		return err
	}
	return s.answer(c, executions.Invocation{
		ScriptID: script.ID, Type: abi.InvocationExecute, RequestID: RequestID(c), Request: request,
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

// newRequest is what the script sees of a request. It reads the body. Text that is not UTF-8 is made
// so. A credential of PiCloud is not for scripts: the header, the cookie or the parameter of the query
// that holds one is left out.
func newRequest(c *fiber.Ctx, path string) (*abi.Request, error) {
	r := of(c)
	body, err := r.readAll()
	if err != nil {
		return nil, err
	}
	request := &abi.Request{
		Method: string(r.edge.Method), Path: path,
		Headers: make(map[string]string, len(r.edge.Fields)),
		Params:  map[string]string{}, Query: map[string]string{},
	}
	for _, field := range r.edge.Fields {
		name, text := strings.ToLower(string(field.Name)), valid(field.Value)
		switch {
		case name == "cookie":
			text = withoutTokens(text)
		case holdsToken(text), name == "authorization" && authz.NamesToken(text):
			continue
		case name == "host":
			text = string(r.edge.Host) // which an absolute target overrides
		}
		if before, repeated := request.Headers[name]; repeated {
			between := ", "
			if name == "cookie" { // RFC 6265, section 4.2.1
				between = "; "
			}
			text = before + between + text
		}
		request.Headers[name] = text
	}
	for key, value := range c.Context().QueryArgs().All() {
		if !holdsToken(string(key)) && !holdsToken(string(value)) {
			request.Query[valid(key)] = valid(value)
		}
	}
	request.Body, request.BodyRaw = abi.DecodeBody(body, request.Headers["content-type"])
	return request, nil
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
