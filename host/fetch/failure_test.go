package fetch

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// hostile starts a server at standIn that reads a request's headers, then misbehaves, and closes
// the connection.
func hostile(t *testing.T, misbehave func(connection *net.TCPConn)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp4", net.JoinHostPort(standIn, "0"))
	if err != nil {
		t.Skipf("this system has no %s: %v", standIn, err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				_, _ = http.ReadRequest(bufio.NewReader(connection))
				misbehave(connection.(*net.TCPConn))
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// says returns a misbehaviour: it answers with a text and closes the connection.
func says(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) { _, _ = io.WriteString(c, text) }
}

// holds answers with a text and keeps the connection open until the client goes.
func holds(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// drips answers with a text, and then with a piece every millisecond until the client goes.
func drips(text, piece string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = io.WriteString(c, text)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
		}
	}
}

// pours answers with a text, and then with as much as the client takes.
func pours(text, piece string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		for _, err := io.WriteString(c, text); err == nil; _, err = io.WriteString(c, piece) {
		}
	}
}

func gzipped(data []byte) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.String()
}

func answer(headers, body string) string { return "HTTP/1.1 200 OK\r\n" + headers + "\r\n" + body }

func answerGzip(body string) string {
	return answer(fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", len(body)), body)
}

func TestHostileServers(t *testing.T) {
	const short = 80 * time.Millisecond
	packed := gzipped(bytes.Repeat([]byte("x"), 1000))
	config := Config{Timeout: 20 * time.Second, HeaderTimeout: 20 * time.Second, MaxResponseBytes: 1000}
	slow := Config{Timeout: 20 * time.Second, HeaderTimeout: short}
	all := Config{Timeout: short, HeaderTimeout: 20 * time.Second}
	for _, test := range []struct {
		name      string
		config    Config
		misbehave func(*net.TCPConn)
		code      fault.Code // 0 when it is an answer
		says      string
	}{
		{"no answer", slow, holds(""), fault.Timeout, "the server does not answer"},
		{"headers that drip", slow, drips("HTTP/1.1 200 OK\r\n", "X: y\r\n"), fault.Timeout, "the server does not answer"},
		{"no answer in all", all, holds(""), fault.Timeout, "not finished within 80 ms"},
		{"body that stops", all, holds(answer("Content-Length: 5\r\n", "a")), fault.Timeout, "not finished within 80 ms"},
		{"body that drips", all, drips(answer("Transfer-Encoding: chunked\r\n", ""), "1\r\nx\r\n"), fault.Timeout, "not finished within 80 ms"},
		{"largest body", config, says(answer("Content-Length: 1000\r\n", strings.Repeat("x", 1000))), 0, ""},
		{"body too large by one", config, says(answer("Content-Length: 1001\r\n", strings.Repeat("x", 1001))), fault.Unreachable, "more than the 1000 bytes of max_response_bytes"},
		{"endless body", config, pours(answer("", ""), strings.Repeat("x", 1<<10)), fault.Unreachable, "more than the 1000 bytes"},
		{"endless chunks", config, pours(answer("Transfer-Encoding: chunked\r\n", ""), "1\r\nx\r\n"), fault.Unreachable, "more than the 1000 bytes"},
		{"largest gzip", config, says(answerGzip(packed)), 0, ""},
		{"gzip bomb", config, says(answerGzip(gzipped(make([]byte, 16<<20)))), fault.Unreachable, "more than the 1000 bytes"},
		{"gzip that is none", config, says(answerGzip("this is no gzip, not at all")), fault.Unreachable, "not the gzip it claims"},
		{"gzip with a wrong sum", config, says(answerGzip(packed[:len(packed)-8] + "12345678")), fault.Unreachable, "not the gzip it claims"},
		{"corrupt gzip", config, says(answerGzip(packed[:12] + "\xff\xff\xff\xff" + packed[16:])), fault.Unreachable, "not the gzip it claims"},
		{"gzip cut off", config, says(answerGzip(packed[:len(packed)-10])), fault.Unreachable, "closed the connection before"},
		{"endless headers", config, pours("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("y", 1000)+"\r\n"), fault.Unreachable, "not valid HTTP"},
		{"endless header", config, pours("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("y", 1000)), fault.Unreachable, "not valid HTTP"},
		{"endless informational answers", config, pours("", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"), fault.Unreachable, "not valid HTTP"},
		{"protocol switched", config, holds("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), fault.Unreachable, "not valid HTTP"},
		{"another protocol", config, says("SSH-2.0-OpenSSH_9.9\r\n"), fault.Unreachable, "not valid HTTP"},
		{"a status that is none", config, says("HTTP/1.1 abc OK\r\n\r\n"), fault.Unreachable, "not valid HTTP"},
		{"two lengths", config, says(answer("Content-Length: 1\r\nContent-Length: 2\r\n", "ab")), fault.Unreachable, "not valid HTTP"},
		{"malformed chunk", config, says(answer("Transfer-Encoding: chunked\r\n", "zz\r\n")), fault.Unreachable, "not valid HTTP"},
		{"nothing", config, says(""), fault.Unreachable, "closed the connection before"},
		{"body cut off", config, says(answer("Content-Length: 5\r\n", "a")), fault.Unreachable, "closed the connection before"},
		{"chunks cut off", config, says(answer("Transfer-Encoding: chunked\r\n", "5\r\na")), fault.Unreachable, "closed the connection before"},
		{"reset", config, func(c *net.TCPConn) { _ = c.SetLinger(0) }, fault.Unreachable, "connection reset by the server"},
		{"reset in the body", config, func(c *net.TCPConn) {
			_, _ = io.WriteString(c, answer("Content-Length: 5\r\n", "a"))
			_ = c.SetLinger(0)
		}, fault.Unreachable, "connection reset by the server"},
		{"redirect to nonsense", config, says("HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"), fault.Unreachable, "not valid HTTP"},
		{"redirect to itself", config, says("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), fault.Unreachable, "more than 10 redirects"},
		{"redirect to another scheme", config, says("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"), fault.Unreachable, `refused: the scheme must be http or https, got "file"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := publicClient(t, test.config)
			response, err := get(c, hostile(t, test.misbehave))
			if test.code == 0 {
				require.NoError(t, err)
				assert.Equal(t, 1000+2, len(asJSON(t, response.Body)))
				return
			}
			requireFault(t, err, test.code, test.says)
		})
	}
}

func TestNoConnection(t *testing.T) {
	listener, err := net.Listen("tcp4", net.JoinHostPort(standIn, "0"))
	if err != nil {
		t.Skipf("this system has no %s: %v", standIn, err)
	}
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	resolver := zone{"broken.test": {"!"}, "nothing.test": {}}.serve(t)
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	deaf := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", silent.LocalAddr().String())
	}}
	for _, test := range []struct {
		name   string
		config Config
		url    string
		code   fault.Code
		says   string
	}{
		{"refused", Config{}, "http://" + closed, fault.Unreachable, "connection refused"},
		{"no such name", Config{Resolver: resolver}, "http://unknown.test", fault.Unreachable, "there is no such host"},
		{"a name without addresses", Config{Resolver: resolver}, "http://nothing.test", fault.Unreachable, "there is no such host"},
		{"a name server that fails", Config{Resolver: resolver}, "http://broken.test", fault.Unreachable, "name of the host cannot be resolved"},
		{"a name server that is silent", Config{Resolver: deaf, ConnectTimeout: 50 * time.Millisecond}, "http://x.test", fault.Timeout, "no connection within 50 ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := get(publicClient(t, test.config), test.url)
			requireFault(t, err, test.code, test.says)
		})
	}
}

// certified starts a TLS server with a certificate made for it, and returns it with the authority
// that signed it.
func certified(t *testing.T, host string, expires time.Time) (server *httptest.Server, authority *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: expires.Add(-time.Hour), NotAfter: expires, IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	authority = x509.NewCertPool()
	authority.AddCert(leaf)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, authority
}

func TestTLSFailures(t *testing.T) {
	valid := time.Now().Add(30 * time.Minute)
	get := func(server *httptest.Server, authority *x509.CertPool) error {
		_, err := get(localClient(t, Config{RootCAs: authority}), server.URL)
		return err
	}
	good, authority := certified(t, "127.0.0.1", valid)
	require.NoError(t, get(good, authority))
	requireFault(t, get(good, x509.NewCertPool()), fault.Unreachable, "TLS: the certificate is signed by an unknown authority")
	expired, authority := certified(t, "127.0.0.1", valid.Add(-2*time.Hour))
	requireFault(t, get(expired, authority), fault.Unreachable, "TLS: the certificate has expired")
	other, authority := certified(t, "other.example", valid)
	requireFault(t, get(other, authority), fault.Unreachable, "TLS: the certificate is for another host")

	old, authority := certified(t, "127.0.0.1", valid)
	old.TLS.MaxVersion = tls.VersionTLS11
	requireFault(t, get(old, authority), fault.Unreachable, "TLS: the handshake failed")

	plain := serve(t, echo)
	plain.URL = strings.Replace(plain.URL, "http:", "https:", 1)
	requireFault(t, get(plain, nil), fault.Unreachable, "TLS: the server answers in plain HTTP")

	url := strings.Replace(hostile(t, says("SSH-2.0-OpenSSH_9.9\r\n")), "http:", "https:", 1)
	requireFault(t, get(&httptest.Server{URL: url}, nil), fault.Unreachable, "TLS: the server does not speak it")
}

// The end of the execution ends its request wherever it is, and is no error of the request.
func TestCancel(t *testing.T) {
	arrived := make(chan struct{}, 1)
	signal := func(then func(*net.TCPConn)) func(*net.TCPConn) {
		return func(c *net.TCPConn) { arrived <- struct{}{}; then(c) }
	}
	c := publicClient(t, Config{})
	for name, misbehave := range map[string]func(*net.TCPConn){
		"before the headers": signal(holds("")),
		"in the body":        signal(holds(answer("Content-Length: 5\r\n", "a"))),
		"in an endless body": signal(drips(answer("Transfer-Encoding: chunked\r\n", ""), "1\r\nx\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			go func() { <-arrived; cancel() }()
			start := time.Now()
			_, err := c.Do(ctx, "app", "script", &abi.HTTPRequest{Method: "GET", URL: hostile(t, misbehave)})
			require.ErrorIs(t, err, context.Canceled)
			assert.Less(t, time.Since(start), 5*time.Second, "the request's own limit is 30 s")
		})
	}
	t.Run("before it starts", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := c.Do(ctx, "app", "script", &abi.HTTPRequest{Method: "GET", URL: "http://public.test:1"})
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("at its deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err := c.Do(ctx, "app", "script", &abi.HTTPRequest{Method: "GET", URL: hostile(t, holds(""))})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A script may ask for less than the operator allows.
func TestScriptsOwnBounds(t *testing.T) {
	c := publicClient(t, Config{})
	_, err := c.Do(context.Background(), "app", "script", &abi.HTTPRequest{Method: "GET", URL: hostile(t, holds("")), TimeoutMillis: 30})
	requireFault(t, err, fault.Timeout, "not finished within 30 ms")
	for limit, fits := range map[int64]bool{3: false, 4: true, 5: true} {
		_, err = c.Do(context.Background(), "app", "script", &abi.HTTPRequest{Method: "GET", URL: hostile(t, says(answer("", "data"))), MaxResponseBytes: limit})
		if fits {
			require.NoError(t, err)
		} else {
			requireFault(t, err, fault.Unreachable, "more than the "+strconv.FormatInt(limit, 10)+" bytes")
		}
	}
}
