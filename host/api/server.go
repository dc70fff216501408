// Package api is PiCloud's HTTP surface: the admin API under /api/v1/admin
// (described by the OpenAPI document at /api/v1/openapi.json), the execute
// endpoint, health and metrics, and the data plane that answers everything a
// route claims.
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Server] is made of.
type Config struct {
	Store          store.Store
	Authority      *authz.Authority
	Executions     *executions.Service
	KV             *kv.Service
	Docs           *docs.Service
	Files          *files.Service
	Routes         *routing.Table
	MaxBodyBytes   int64 // of a request, uploads of files and plugins excepted
	MaxPluginBytes int64 // of a plugin's module; 0: 16 MiB
	Version        string
	Logger         *slog.Logger
	Registry       *prometheus.Registry
}

// Server answers HTTP.
type Server struct {
	store      store.Store
	authority  *authz.Authority
	executions *executions.Service
	kv         *kv.Service
	docs       *docs.Service
	files      *files.Service
	routes     *routing.Table
	changes    routeChanges
	maxBody    int64
	maxPlugin  int64
	version    string
	log        *slog.Logger
	app        *fiber.App
	admin      huma.API
	stopping   atomic.Bool
}

// Sizes and times of the HTTP server.
const (
	maxHeaderBytes = 32 << 10
	headerTimeout  = 60 * time.Second // to read one request whole
	idleTimeout    = 120 * time.Second
)

// New makes a server. It does not listen yet.
func New(c Config) *Server {
	s := &Server{
		store: c.Store, authority: c.Authority, executions: c.Executions, routes: c.Routes,
		kv: c.KV, docs: c.Docs, files: c.Files,
		maxBody: c.MaxBodyBytes, maxPlugin: cmp.Or(c.MaxPluginBytes, 16<<20), version: c.Version, log: c.Logger,
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
	s.mountAdmin()
	s.app.All("/api/v1/execute/:id", s.execute)
	s.app.Use(s.dataPlane)
	return s
}

// Serve answers requests on a listener until [Server.Shutdown].
func (s *Server) Serve(listener net.Listener) error { return s.app.Listener(watchedListener{listener}) }

// Shutdown refuses new connections and waits for running requests until the
// context ends. /readyz answers 503 from now on.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	return s.app.ShutdownWithContext(ctx)
}

// OpenAPI is the OpenAPI 3.1 document of the admin API, as JSON.
func (s *Server) OpenAPI() ([]byte, error) { return s.admin.OpenAPI().MarshalJSON() }

// guard gives every request an id and keeps a defect in a handler from ending
// the process.
func (s *Server) guard(c *fiber.Ctx) (err error) {
	id := requestID(c)
	c.Set(fiber.HeaderXRequestID, id)
	defer func() {
		if defect := recover(); defect != nil {
			s.log.Error("a request handler panicked", "request_id", id, "panic", defect, "stack", string(debug.Stack()))
			err = fiber.ErrInternalServerError
		}
	}()
	return c.Next()
}
