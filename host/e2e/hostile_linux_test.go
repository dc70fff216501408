package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// from opens a connection to the server from an address of this machine, 127.0.0.N.
func (d *daemon) from(n int) net.Conn {
	d.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(n))}, Timeout: 10 * time.Second}
	conn, err := dialer.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(d.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// answer sends a request on a connection and returns the status of the answer, 0 if there is none, and
// the body as far as it comes.
func answer(conn net.Conn, request string) (status int, body string) {
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err.Error()
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(text)
}

// status is the status of [answer].
func status(conn net.Conn, request string) int {
	status, _ := answer(conn, request)
	return status
}

const hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

// resident returns the memory of the server in MiB: now, and the most it had.
func (d *daemon) resident() (now, most int) {
	d.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Process.Pid))
	require.NoError(d.t, err)
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now)
		_, _ = fmt.Sscanf(line, "VmHWM: %d kB", &most)
	}
	return now >> 10, most >> 10
}

// Half-sent requests from many addresses, more than there are descriptors, neither end the server nor
// keep others out.
func TestDescriptorsRunOut(t *testing.T) {
	p := newPlace(t)
	link := filepath.Join(p.dir, "bin", "picloud")
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.WriteFile(link, []byte("#!/bin/sh\nulimit -n 256\nexec "+program+" \"$@\"\n"), 0o700))
	d := launch(t, p)
	for i := range 400 {
		conn := d.from(2 + i%100)
		_, _ = io.WriteString(conn, "GET /hello HTTP/1.1\r\nHo")
		if i%50 == 0 {
			assert.Equal(t, 200, status(d.from(200), hello), "after %d", i)
		}
	}
	assert.Equal(t, 200, status(d.from(200), hello))
	require.NoError(t, d.end(syscall.SIGTERM))
}

// Bodies that nobody wants, and more bodies than there is memory for, leave the server small and in
// service.
func TestBodiesInFlight(t *testing.T) {
	if raced {
		t.Skip("the race detector's own memory would be measured")
	}
	p := newPlace(t)
	p.env = append(p.env, "PICLOUD_MAX_BUFFERED_BYTES=33554432")
	d := launch(t, p)
	d.deploy(d.login(), "length", `ctx.request.body.len()`)
	before, _ := d.resident()
	const declared, sent = 10 << 20, 2 << 20
	part := strings.Repeat("x", sent)
	post := func(path string, length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", path, length)
	}
	for _, head := range []string{
		post("/nowhere", declared),
		post("/api/v1/admin/apps", declared),
		post("/api/v1/admin/scripts/x", declared),
		strings.Replace(post("/api/v1/execute/x", declared), "\r\n\r\n", "\r\nAuthorization: Bearer pcs_wrong\r\n\r\n", 1),
	} {
		for range 25 {
			conn := d.from(2)
			go func() { _, _ = io.WriteString(conn, head+part) }()
			line, err := bufio.NewReader(conn).ReadString('\n')
			require.NoError(t, err)
			assert.Regexp(t, "^HTTP/1.1 4(01|04|05) ", line, "answered at once: %q", head)
		}
	}
	now, _ := d.resident()
	assert.Less(t, now-before, 100, "MiB more, of 200 that were sent to nobody")

	for range 60 { // 120 MiB, of which a quarter may be kept
		conn := d.from(3)
		go func() { _, _ = io.WriteString(conn, post("/length", declared)+part) }()
	}
	assert.Eventually(t, func() bool {
		return status(d.from(4), post("/length", declared)+strings.Repeat("x", declared)) == 503
	}, 10*time.Second, 10*time.Millisecond, "one more large body is refused")
	for range 20 {
		assert.Equal(t, 200, status(d.from(5), post("/length", 1000)+part[:1000]), "small bodies are served")
		assert.Equal(t, 200, status(d.from(5), hello))
	}
	_, most := d.resident()
	assert.Less(t, most-before, 250, "MiB more")
}

// Clients that ask for much and read nothing are cut off, hold little, and do not hold up a stop.
func TestAnswersThatNobodyReads(t *testing.T) {
	if raced {
		t.Skip("the race detector's own memory would be measured")
	}
	p := newPlace(t)
	p.env = append(p.env, "PICLOUD_MAX_BUFFERED_BYTES=33554432", "PICLOUD_MAX_CONCURRENT_EXECUTIONS=2")
	d := launch(t, p)
	d.deploy(d.login(), "large", `let s = "x"; s.pad(1000000, 'x'); [s, s, s, s, s, s, s, s]`)
	require.Equal(t, 200, status(d.from(2), "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"))
	_, before := d.resident()
	ask := func() (conns []net.Conn) {
		for range 120 {
			conn := d.from(2)
			_, err := io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
			require.NoError(t, err)
			conns = append(conns, conn)
			time.Sleep(20 * time.Millisecond) // so that two executions at once are enough for some
		}
		return conns
	}
	for _, conn := range ask() {
		_ = conn.Close()
	}
	conns := ask()
	assert.Eventually(t, func() bool { return status(d.from(3), hello) == 200 }, 5*time.Second, 10*time.Millisecond, "as soon as an execution ends")
	_, most := d.resident()
	// The budget is 32; the rest is what executions use meanwhile, and garbage of before a collection.
	assert.Less(t, most-before, 960, "MiB more, of 1,920 that were asked for")
	time.Sleep(10 * time.Second) // longer than the window
	whole := 0
	for _, conn := range conns {
		if status(conn, "") == 200 {
			whole++
		}
	}
	assert.Less(t, whole, len(conns), "some were cut off")

	ask()
	start := time.Now()
	require.NoError(t, d.end(syscall.SIGTERM))
	assert.Less(t, time.Since(start), 8*time.Second, "of the ten that executions would have")
}
