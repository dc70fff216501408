package edge

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/host/front/http1"
)

// Server serves the connections of one listener with fasthttp, which reads nothing but heads that
// are known to be good.
type Server struct {
	http     fasthttp.Server
	config   Config
	listener atomic.Pointer[Listener] // nil before Serve
}

// NewServer makes a server whose handler must [Take] each request.
func NewServer(c Config, handler fasthttp.RequestHandler) *Server {
	return &Server{config: c, http: fasthttp.Server{
		Handler: handler,
		ErrorHandler: func(ctx *fasthttp.RequestCtx, _ error) { // a head that fasthttp does not like, though we did
			answer := c.Refuse(&http1.Refusal{Status: http.StatusBadRequest, Reason: "the request is malformed"}, &Take(ctx.Conn()).Head)
			_ = ctx.Response.Read(bufio.NewReader(bytes.NewReader(answer)))
		},
		ReadBufferSize:               c.MaxHeadBytes + 1<<10, // what we write into it is a little longer
		ReduceMemoryUsage:            true,                   // a connection that waits holds no buffers of fasthttp
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		Logger:                       silent{},
	}}
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// Serve answers the requests that come to a bound listener until [Server.Shutdown].
func (s *Server) Serve(l net.Listener) error {
	listener := Listen(l, s.config)
	s.listener.Store(listener)
	return s.http.Serve(listener)
}

// Open returns how many connections there are.
func (s *Server) Open() int {
	if listener := s.listener.Load(); listener != nil {
		return listener.Open()
	}
	return 0
}

// Shutdown refuses new connections and waits for running requests until the context ends. A client
// that takes its answer too slowly does not hold it up.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.ShutdownWithContext(ctx) }
