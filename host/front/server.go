// Package front is PiCloud's HTTP server: it reads bodies, gives requests ids, notices clients that
// go away, answers for the server's health, and answers on the data plane everything that a route
// claims, as well as the execute endpoint. What answers below /api is mounted on it. Connections and
// heads are package edge's.
package front

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front/budget"
	"github.com/picloud/picloud/host/front/coding"
	"github.com/picloud/picloud/host/front/edge"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/realtime"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Server] is made of.
type Config struct {
	Store        store.Store
	Authority    *authz.Authority
	Executions   *executions.Service
	Files        *files.Service
	Routes       *routing.Table
	Quotas       *quota.Apps      // how often apps may be asked; nil: without bound
	Events       *events.Emitter  // takes the requests of asynchronous routes
	Realtime     *realtime.Hub    // tells subscribers
	Secrets      *secrets.Service // has the keys of the signatures that routes demand
	Audit        *audit.Service   // takes who may not execute a script; nil: nothing does
	MaxBodyBytes int64            // of a request, streamed ones excepted
	Budget       *budget.Budget   // of bodies and answers in memory; nil: one of the default size
	Proxies      []netip.Prefix   // whose word is taken for a client's address
	Limits       edge.Limits      // of connections; those that are 0 are derived
	Pace         edge.Pace        // of clients; what is 0 has its default
	MetricsToken string           // that /metrics asks for; "": anybody may read them
	Version      string
	Logger       *slog.Logger
	Registry     *prometheus.Registry

	// Answered is called, by the goroutine of the request, when one to an app has been answered: nil:
	// nobody is told.
	Answered func(Answered)
	// Recent keeps requests to apps in mind for who asks; nil: nobody does.
	Recent *Recent

	// Mount adds what answers below /api, before the data plane.
	Mount func(*fiber.App)
	// MountOnly leaves out everything but what Mount adds: health, routes of apps, the execute endpoint and
	// topics. Of the parts above such a server needs only what bounds bodies and connections.
	MountOnly bool
	// Streams reports whether a request's body is for its handler to read, as [BodyOf] gives it;
	// nil: none is.
	Streams func(*fiber.Ctx) bool
}

// Server answers HTTP.
type Server struct {
	store      store.Store
	authority  *authz.Authority
	executions *executions.Service
	files      *files.Service
	routes     *routing.Table
	quotas     *quota.Apps
	limiter    *quota.Limiter
	metrics    metrics
	events     *events.Emitter
	realtime   *realtime.Hub
	secrets    *secrets.Service
	audit      *audit.Service
	unchecked  *told // routes, by id, that cannot check signatures
	maxBody    int64
	budget     *budget.Budget
	encoded    *coding.Cache // of files
	streams    func(*fiber.Ctx) bool
	answered   func(Answered)
	recent     *Recent
	version    string
	log        *slog.Logger
	app        *fiber.App
	edge       *edge.Server
	stopping   atomic.Bool
	written    probe
}

// maxHeaderBytes is the most that the head of a request may have.
const maxHeaderBytes = 32 << 10

// maxEncodedBytes is how much memory of the budget compressed files have, at most.
const maxEncodedBytes = 64 << 20

// executePath is followed by the id of the script to run.
const executePath = "/api/v1/execute/"

// New makes a server. It does not listen yet.
func New(c Config) *Server {
	s := &Server{
		store: c.Store, authority: c.Authority, executions: c.Executions, files: c.Files, routes: c.Routes, quotas: c.Quotas, limiter: c.Quotas.Limiter(), metrics: newMetrics(c.Registry), events: c.Events, realtime: c.Realtime,
		secrets: c.Secrets, audit: c.Audit, unchecked: newTold(),
		maxBody: c.MaxBodyBytes, budget: c.Budget, streams: c.Streams, answered: c.Answered, recent: c.Recent, version: c.Version, log: c.Logger,
	}
	if s.budget == nil {
		s.budget = budget.New(0)
	}
	if !c.MountOnly {
		encoded := min(s.budget.Size()/16, maxEncodedBytes)
		s.budget.Reserve(encoded)
		s.encoded = coding.NewCache(encoded)
	}
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage: true,
		CaseSensitive:         true,
		StrictRouting:         true,
		Immutable:             true, // what handlers keep must not change under them
		StreamRequestBody:     true, // so that huma reads bodies as they come
		RequestMethods:        append(slices.Clone(routing.Methods), edge.OtherMethod),
		ErrorHandler:          s.failed,
	})
	s.app.Use(s.guard)
	if !c.MountOnly {
		s.mountHealth(c.Registry, c.MetricsToken)
		s.app.All(topicsPath+":topic", s.subscribe)
		s.app.All(executePath+":id", s.told(s.execute))
		s.app.All(executePath+"*", s.told(s.dataPlane))
	}
	if c.Mount != nil {
		c.Mount(s.app)
	}
	if !c.MountOnly {
		s.app.Use(s.told(s.dataPlane))
	}
	s.edge = edge.NewServer(edge.Config{
		Limits: c.Limits, Pace: c.Pace, Proxies: c.Proxies, MaxHeadBytes: maxHeaderBytes,
		Methods: routing.Methods, Refuse: refuseHead, Log: c.Logger,
	}, s.app.Handler())
	tellConnections(c.Registry, s.edge.Open)
	return s
}

// Serve answers requests on a listener until [Server.Shutdown].
func (s *Server) Serve(listener net.Listener) error { return s.edge.Serve(listener) }

// Shutdown refuses new connections and waits for running requests until the context ends. /readyz
// answers 503 from now on.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	return s.edge.Shutdown(ctx)
}

// guard comes before all handlers. It gives every request an id, makes its body known, answers the
// errors of handlers and keeps a defect in one from ending the process. At the end it lets go of the
// body and sees to it that what is left of it is not taken for the next request.
func (s *Server) guard(c *fiber.Ctx) error {
	from := edge.Take(c.Context().Conn())
	r := &request{id: requestID(&from.Head), edge: from}
	c.Locals(requestKey{}, r)
	c.Set(fiber.HeaderXRequestID, r.id)
	err := s.offerBody(c, r)
	if err == nil {
		err = s.handle(c, r)
	}
	if err != nil {
		err = s.failed(c, err)
	}
	if r.body != nil {
		if r.body.share != nil {
			r.body.share.Release()
		}
		r.body = nil
		c.Request().ResetBody()
	}
	if full := s.holdAnswer(c, from); full != nil {
		c.Response().Reset()
		c.Set(fiber.HeaderXRequestID, r.id)
		err = s.failed(c, full)
	}
	if !from.Finish() {
		c.Set(fiber.HeaderConnection, "close")
	}
	return err
}

// Answered is a request to an app that has been answered.
type Answered struct {
	At                 time.Time // when it had been
	AppID              string    // "" if no route answers it
	Method, Host, Path string    // as they were sent, without a query; the first KiB
	Status             int
	Took               time.Duration // of a streamed answer: until its head was known
	ExecutionID        string        // "" if nothing was executed
}

// told makes a handler that tells of what another has answered.
func (s *Server) told(handler fiber.Handler) fiber.Handler {
	if s.answered == nil && s.recent == nil {
		return handler
	}
	return func(c *fiber.Ctx) error {
		if s.answered == nil && !s.recent.wanted() {
			return handler(c)
		}
		began := time.Now()
		err := handler(c)
		if err != nil {
			err = s.failed(c, err)
		}
		r := of(c)
		head := &r.edge.Head
		path, _, _ := bytes.Cut(head.Target, []byte("?"))
		answered := Answered{
			At: time.Now(), AppID: r.appID, Method: string(head.Method), Host: beginning(head.Host), Path: beginning(path), Status: c.Response().StatusCode(),
			Took: time.Since(began), ExecutionID: string(c.Response().Header.Peek(headerExecutionID)),
		}
		if s.answered != nil {
			s.answered(answered)
		}
		if s.recent.wanted() {
			s.recent.add(answered)
		}
		return err
	}
}

// maxTold is how much is told of a path or a host, in bytes.
const maxTold = 1 << 10

func beginning(text []byte) string { return string(text[:min(len(text), maxTold)]) }

// handle calls the handlers.
func (s *Server) handle(c *fiber.Ctx, r *request) (err error) {
	defer func() {
		if defect := recover(); defect != nil {
			s.log.Error("a request handler panicked", "request_id", r.id, "panic", defect, "stack", string(debug.Stack()))
			err = fiber.ErrInternalServerError
		}
	}()
	return c.Next()
}
