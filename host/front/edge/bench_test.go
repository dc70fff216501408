package edge

import (
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/valyala/fasthttp"
)

// repeated is a connection that brings the same request n times, one with each read.
type repeated struct {
	memory
	request string
	n       int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	r.n--
	return copy(p, r.request), nil
}

func (r *repeated) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkLayer is what a request costs without a network: by fasthttp alone, as its server is
// commonly made, and with what is below it here.
func BenchmarkLayer(b *testing.B) {
	const get = "GET /hello?name=world HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
		"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef\r\n\r\n"
	config := Config{MaxHeadBytes: 32 << 10, Methods: []string{"GET"}, Refuse: refuseForTests, Log: slog.New(slog.DiscardHandler)}
	answer := func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello") }
	alone := &fasthttp.Server{Handler: answer, ReadBufferSize: 32 << 10, NoDefaultServerHeader: true}
	ours := NewServer(config, func(ctx *fasthttp.RequestCtx) {
		r := Take(ctx.Conn())
		answer(ctx)
		r.Finish()
	})
	listener := Listen(pipe(nil), config)
	for _, c := range []struct {
		name   string
		server *fasthttp.Server
		wrap   func(net.Conn) net.Conn
	}{
		{"alone", alone, func(conn net.Conn) net.Conn { return conn }},
		{"ours", &ours.http, func(conn net.Conn) net.Conn { return listener.admit(conn) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			if err := c.server.ServeConn(c.wrap(&repeated{memory{closed: make(chan struct{})}, get, b.N})); err != nil {
				b.Fatal(err)
			}
		})
	}
}
