// Package hostile has what somebody who wants to harm a server does to it: by connections, by scripts,
// and by what is uploaded. The tests of the built program, and the endurance test, attack with it.
package hostile

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/picloud/picloud/host/client"
)

// A Client attacks a server by connections of its own, all from one address.
type Client struct {
	Server string // host:port
	From   net.IP // nil: whatever the system chooses

	// Who may upload does so as an administrator, to an app.
	Admin *client.Client
	App   string
}

// connect opens a connection that ends with the context. It returns nil when there is none to be had,
// as when the server has enough of the client.
func (c Client) connect(ctx context.Context) *connection {
	var dialer net.Dialer
	if c.From != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: c.From}
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.Server)
	if err != nil {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return &connection{conn.(*net.TCPConn), stop}
}

// connection is one that does not tell of errors: the server may end it at any time.
type connection struct {
	*net.TCPConn
	stop func() bool
}

func (c *connection) close() {
	c.stop()
	_ = c.Close()
}

// send writes a text, with \n for CRLF, and reports whether it could.
func (c *connection) send(format string, args ...any) bool {
	return c.sendRaw(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\r\n"))
}

func (c *connection) sendRaw(text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// drain reads until the server ends the connection or a time has passed, and returns the beginning.
func (c *connection) drain(most time.Duration) string {
	_ = c.SetReadDeadline(time.Now().Add(most))
	begin, _ := io.ReadAll(io.LimitReader(c, 4<<10))
	_, _ = io.Copy(io.Discard, c)
	return string(begin)
}

// wait does nothing until the server ends the connection, or the context does. It takes nothing of
// what is sent.
func wait(ctx context.Context, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(most):
	}
}

// An Attack is one of the ways. Do goes on for some seconds at most, and ends with the context;
// afterwards it may be done again.
type Attack struct {
	Name   string
	Do     func(ctx context.Context, c Client)
	Upload bool // it uploads, which nobody does from many connections
}

// hold is how long an attack sits on what it has got.
const hold = 5 * time.Second

// Connections are attacks that need no credential. Some ask for the routes that [Deploy] makes.
var Connections = []Attack{
	{Name: "half a head", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("GET /hello HTTP/1.1\nHo")
			conn.drain(hold)
		}
	}},
	{Name: "a head byte by byte", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			for i := 0; i < 100 && conn.sendRaw("GET /hello HTTP/1.1\r\nHost: a\r\nX: "[i%33:i%33+1]); i++ {
				wait(ctx, hold/100)
			}
		}
	}},
	{Name: "a large head", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("GET /hello HTTP/1.1\nHost: a\n")
			for i := 0; i < 10_000 && conn.send("X-%d: %s\n", i, filler[:100]); i++ {
			}
			conn.drain(time.Second)
		}
	}},
	{Name: "a body that does not end", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("POST /attack/echo HTTP/1.1\nHost: a\nContent-Length: %d\n\n", 10<<20)
			conn.sendRaw(filler)
			conn.drain(hold)
		}
	}},
	{Name: "a body for nobody", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			path := pick("/attack/nothing", "/api/v1/admin/apps", "/api/v1/admin/auth/login", "/healthz", "/metrics", "/realtime/topics/x")
			conn.send("POST %s HTTP/1.1\nHost: a\nContent-Type: application/json\nContent-Length: %d\n\n", path, 10<<20)
			conn.sendRaw(filler)
			conn.drain(time.Second)
		}
	}},
	{Name: "chunks of a byte", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("POST /attack/echo HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n")
			for i := 0; i < 2000 && conn.send("1;%s\nx\n", filler[:200]); i++ {
			}
			conn.send("0\n%s\n", strings.Repeat("Trailer: x\n", 1000))
			conn.drain(time.Second)
		}
	}},
	{Name: "100 Continue for nothing", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("POST /attack/echo HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: %d\n\n", 10<<20)
			conn.drain(hold)
		}
	}},
	{Name: "answers that are not read", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("GET %s HTTP/1.1\nHost: a\n\n", pick("/attack/large", "/attack/stream"))
			wait(ctx, hold)
		}
	}},
	{Name: "many requests, no answer read", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			for i := 0; i < 50 && conn.send("%s", strings.Repeat("GET /attack/large HTTP/1.1\nHost: a\n\n", 10)); i++ {
			}
			wait(ctx, hold)
		}
	}},
	{Name: "a request in a body", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			const hidden = "GET /attack/hidden HTTP/1.1\nHost: a\n\n"
			conn.send("%s", pick(
				"FOO /hello HTTP/1.1\nHost: a\nContent-Length: 37\n\n",
				"POST /hello HTTP/1.1\nHost: a\nContent-Length : 37\n\n",
				"POST /hello HTTP/1.1\nHost: a\nContent-Length: 37\nTransfer-Encoding: chunked\n\n0\n\n",
				"POST /attack/nothing HTTP/1.1\nHost: a\nContent-Length: 37\n\n",
				"TRACE /hello HTTP/1.1\nHost: a\nContent-Length: 37\n\n",
				"GET /hello HTTP/9.9\nHost: a\nContent-Length: 37\n\n",
				"POST /api/v1/admin/apps HTTP/1.1\nHost: a\nContent-Length: 37\n\n",
				"POST /hello HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, identity\n\n",
				"POST /hello HTTP/1.1\nHost: a@b\nContent-Length: 37\n\n",
				"POST /attack/echo HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2\nxxx\n",
			)+hidden)
			conn.drain(time.Second)
		}
	}},
	{Name: "what is no HTTP", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.sendRaw(pick("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n\r\n\r\n\r\n", "\x00\x00\x00", filler))
			conn.drain(time.Second)
		}
	}},
	{Name: "a thousand ranges", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("GET /attack/large HTTP/1.1\nHost: a\nRange: bytes=%s0-\n\n", strings.Repeat("0-0,", 1000))
			conn.drain(time.Second)
		}
	}},
	{Name: "JSON of brackets", Do: func(ctx context.Context, c Client) {
		c.post(ctx, "/attack/echo", "application/json", strings.Repeat("[", 1<<20))
	}},
	{Name: "JSON of many keys", Do: func(ctx context.Context, c Client) {
		c.post(ctx, "/attack/echo", "application/json", `{`+strings.Repeat(`"k":{},`, 200_000)+`"k":1}`)
	}},
	{Name: "a form of many fields", Do: func(ctx context.Context, c Client) {
		c.post(ctx, "/attack/form", "application/x-www-form-urlencoded", strings.Repeat("a=b&", 300_000))
	}},
	{Name: "a form of many parts", Do: func(ctx context.Context, c Client) {
		part := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n"
		c.post(ctx, "/attack/form", "multipart/form-data; boundary=b", strings.Repeat(part, 20_000)+"--b--\r\n")
	}},
	{Name: "a body of zeros, compressed", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("POST /attack/echo HTTP/1.1\nHost: a\nContent-Encoding: gzip\nContent-Length: %d\n\n", len(zeros))
			conn.sendRaw(zeros)
			conn.drain(time.Second)
		}
	}},
	{Name: "hanging up", Do: func(ctx context.Context, c Client) {
		for range 10 {
			if conn := c.connect(ctx); conn != nil {
				conn.send("GET %s HTTP/1.1\nHost: a\n\n", pick("/attack/large", "/attack/sleep", "/attack/stream", "/attack/echo"))
				_ = conn.SetLinger(rand.IntN(2) - 1) // a reset, or an orderly end
				conn.close()
			}
			wait(ctx, 100*time.Millisecond)
		}
	}},
	{Name: "coming and going", Do: func(ctx context.Context, c Client) {
		for range 20 {
			if conn := c.connect(ctx); conn != nil {
				conn.close()
			}
			wait(ctx, 10*time.Millisecond)
		}
	}},
	{Name: "guessing passwords", Do: func(ctx context.Context, c Client) {
		name := pick("admin", "root", fmt.Sprint(rand.Int()))
		c.post(ctx, "/api/v1/admin/auth/login", "application/json", fmt.Sprintf(`{"username":%q,"password":"%d"}`, name, rand.Int()))
	}},
	{Name: "guessing tokens", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			for i := 0; i < 20 && conn.send("GET /api/v1/admin/apps HTTP/1.1\nHost: a\nAuthorization: Bearer pcs_%d\n\n", rand.Int()); i++ {
			}
			conn.drain(time.Second)
		}
	}},
	{Name: "another protocol", Do: func(ctx context.Context, c Client) {
		if conn := c.connect(ctx); conn != nil {
			defer conn.close()
			conn.send("GET /hello HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: %s\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n", pick("websocket", "h2c"))
			conn.drain(time.Second)
		}
	}},
}

// filler is 1 MiB.
var filler = strings.Repeat("x", 1<<20)

// zeros is 100 MiB, compressed.
var zeros = func() string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for range 100 {
		_, _ = w.Write(make([]byte, 1<<20)) // to memory
	}
	_ = w.Close()
	return b.String()
}()

func pick(from ...string) string { return from[rand.IntN(len(from))] }

// post sends a body and waits for the answer.
func (c Client) post(ctx context.Context, path, contentType, body string) {
	if conn := c.connect(ctx); conn != nil {
		defer conn.close()
		conn.send("POST %s HTTP/1.1\nHost: a\nContent-Type: %s\nContent-Length: %d\n\n", path, contentType, len(body))
		go conn.sendRaw(body) // a refusal may come first
		conn.drain(hold)
	}
}
