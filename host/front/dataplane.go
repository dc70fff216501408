package front

import (
	"context"
	"errors"
	"net/http"
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

// headerTrace, with any value, has the execute endpoint keep what the execution asks the host for.
const headerTrace = "X-PiCloud-Trace"

// dataPlane answers what a route claims.
func (s *Server) dataPlane(c *fiber.Ctx) error {
	r := of(c)
	method := string(r.edge.Method)
	if string(r.edge.Target) == "*" { // of the server as a whole (RFC 9110, section 9.3.7)
		c.Set(fiber.HeaderAllow, strings.Join(routing.Methods, ", "))
		return c.SendStatus(http.StatusNoContent)
	}
	raw, _, _ := strings.Cut(string(r.edge.Target), "?")
	host := string(r.edge.Host)
	if s.preflight(c, method, host, raw) {
		return nil
	}
	found, err := s.routes.Resolve(method, host, raw)
	what := func() string { return problem.Shorten(method + " " + found.Path) }
	switch {
	case err != nil:
		return s.refuse(c, http.StatusBadRequest, fault.Invalid, err.Error())
	case found.Found:
	case !slices.Contains(routing.Methods, method):
		return s.refuse(c, http.StatusNotImplemented, fault.NotImplemented, "no route answers "+what()+", and the method is not one of "+strings.Join(routing.Methods, ", "))
	case found.Reserved:
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "there is nothing at "+what())
	case len(found.Allow) > 0:
		if TellMethods(c, method, found.Allow) {
			return nil
		}
		return s.refuse(c, http.StatusMethodNotAllowed, fault.MethodNotAllowed, "no route answers "+what())
	default:
		return s.refuse(c, http.StatusNotFound, fault.NotFound, "no route answers "+what())
	}
	r.appID = found.Route.AppID
	share(c, found.Route.Policy())
	if err := s.limited(c, found.Route.AppID, &found.Route); err != nil {
		return s.refused(c, err)
	}
	if site, appID, err := s.executions.Site(c.UserContext(), found.Route.ScriptID); err == nil && site != nil && found.Route.Signature == nil {
		return s.visit(c, site, appID, found)
	}
	request, err := newRequest(c, found.Path)
	if err != nil {
		return err
	}
	if params := found.Params(); params != nil {
		request.Params = params
	}
	request.Rest = found.Rest()
	if signed, err := s.isSigned(c, found.Route, request); !signed {
		return err
	}
	if found.Route.Dispatch == store.DispatchAsync {
		return s.accept(c, found.Route, request)
	}
	return s.answer(c, executions.Invocation{
		ScriptID: found.Route.ScriptID, Type: abi.InvocationHTTP, RequestID: r.id, Request: request,
		Capabilities: authz.AppExecution, Route: found.Route.Path,
	})
}

// execute runs a script by id for a caller who may.
func (s *Server) execute(c *fiber.Ctx) error {
	p, err := s.principal(c.UserContext(), c.Get(fiber.HeaderAuthorization))
	if err != nil {
		s.record(c, nil, store.Script{}, err)
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
		s.record(c, p, script, err)
		return s.refused(c, err)
	}
	of(c).appID = script.AppID
	if err := s.limited(c, script.AppID, nil); err != nil {
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
		Capabilities: capabilities, Trace: c.Get(headerTrace) != "",
	})
}

// record records who may not execute a script: with a token that does not count, or for want of a right. A script
// that the caller may not see does not exist, and is looked for by whoever mistypes its id.
func (s *Server) record(c *fiber.Ctx, p *authz.Principal, script store.Script, err error) {
	if s.audit == nil || !errors.Is(err, authz.ErrToken) && fault.Of(err) != fault.Forbidden {
		return
	}
	entry := store.AuditEntry{Action: "execute", Kind: "script", Object: script.ID, AppID: script.AppID, RequestID: RequestID(c)}
	if address := of(c).edge.Client; address.IsValid() {
		entry.Address = address.String()
	}
	p.Sign(&entry)
	s.audit.Refused(s.audit.BeginReading(c.UserContext(), entry), store.OutcomeRefused, err.Error())
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
	var app store.App
	script, err := s.store.Scripts().Get(ctx, id)
	if err == nil {
		app, err = s.store.Apps().Get(ctx, script.AppID)
	}
	if fault.Unknown(err) {
		err = fault.Missing("script")
	}
	if err != nil {
		return store.Script{}, err
	}
	if err := s.authority.Require(ctx, p, script.AppID, "script", authz.ScriptExecute); err != nil {
		return script, err
	}
	return script, app.Arrived()
}

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
