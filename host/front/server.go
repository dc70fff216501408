// Package front is PiCloud's HTTP server: it reads requests and their bodies, gives them ids,
// notices clients that go away, answers for the server's health, and answers on the data plane
// everything that a route claims, as well as the execute endpoint. What answers below /api is
// mounted on it.
package front

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Server] is made of.
type Config struct {
	Store        store.Store
	Authority    *authz.Authority
	Executions   *executions.Service
	Files        *files.Service
	Routes       *routing.Table
	MaxBodyBytes int64 // of a request, streamed ones excepted
	Version      string
	Logger       *slog.Logger
	Registry     *prometheus.Registry

	// Mount adds what answers below /api, before the data plane.
	Mount func(*fiber.App)
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
	maxBody    int64
	streams    func(*fiber.Ctx) bool
	version    string
	log        *slog.Logger
	app        *fiber.App
	stopping   atomic.Bool
	written    probe
}

// Sizes and times of the HTTP server.
const (
	maxHeaderBytes = 32 << 10
	headerTimeout  = 60 * time.Second // to read one request whole
	idleTimeout    = 120 * time.Second
)

// executePath is followed by the id of the script to run.
const executePath = "/api/v1/execute/"

// New makes a server. It does not listen yet.
func New(c Config) *Server {
	s := &Server{
		store: c.Store, authority: c.Authority, executions: c.Executions, files: c.Files, routes: c.Routes,
		maxBody: c.MaxBodyBytes, streams: c.Streams, version: c.Version, log: c.Logger,
	}
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		DisableDefaultContentType:    true,
		CaseSensitive:                true,
		StrictRouting:                true,
		Immutable:                    true, // what handlers keep must not change under them
		BodyLimit:                    int(c.MaxBodyBytes),
		StreamRequestBody:            true, // see takeBody
		DisablePreParseMultipartForm: true, // scripts get it as it came
		ReadBufferSize:               maxHeaderBytes,
		ReadTimeout:                  headerTimeout,
		IdleTimeout:                  idleTimeout,
		ErrorHandler:                 s.failed,
	})
	s.app.Server().CloseOnShutdown = true
	s.app.Use(s.guard)
	s.app.Use(s.takeBody)
	s.mountHealth(c.Registry)
	s.app.All(executePath+":id", s.execute)
	s.app.All(executePath+"*", s.dataPlane)
	if c.Mount != nil {
		c.Mount(s.app)
	}
	s.app.Use(s.dataPlane)
	return s
}

// Serve answers requests on a listener until [Server.Shutdown].
func (s *Server) Serve(listener net.Listener) error { return s.app.Listener(watchedListener{listener}) }

// Shutdown refuses new connections and waits for running requests until the context ends. /readyz
// answers 503 from now on.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	return s.app.ShutdownWithContext(ctx)
}

// guard gives every request an id and keeps a defect in a handler from ending the process.
func (s *Server) guard(c *fiber.Ctx) (err error) {
	id := RequestID(c)
	c.Set(fiber.HeaderXRequestID, id)
	defer func() {
		if defect := recover(); defect != nil {
			s.log.Error("a request handler panicked", "request_id", id, "panic", defect, "stack", string(debug.Stack()))
			err = fiber.ErrInternalServerError
		}
	}()
	return c.Next()
}
