package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

const (
	maxConcurrent = 4
	maxBody       = 3 << 20
	maxFile       = 8 << 20
	maxPlugin     = 1 << 20
	adminPassword = "correct horse"
)

var box *sandbox.Sandbox // shared: compiling the guest takes longer than the tests

func TestMain(m *testing.M) {
	var err error
	if box, err = sandbox.New(context.Background(), sandbox.Config{MaxConcurrent: maxConcurrent, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := box.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// site is a whole server on a real listener, over a real database, with an
// owner who is logged in.
type site struct {
	t      testing.TB
	url    string
	db     store.Store
	dbPath string
	token  string // the owner's
	auth   *authz.Authority
}

func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteLogging(t, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})))
}

func newSiteLogging(t testing.TB, log *slog.Logger) *site {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	db, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	require.NoError(t, err)
	s := &site{t: t, db: db, dbPath: path, auth: authz.New(db, time.Hour)}
	registry := prometheus.NewRegistry()
	stored, err := files.New(files.Config{Store: db.Files(), Root: filepath.Join(filepath.Dir(path), "files"), MaxFileSize: maxFile, Quota: 3 * maxFile, Log: log})
	require.NoError(t, err)
	services := hostcalls.Services{
		KV: kv.New(kv.Config{Store: db.KV(), Log: log}), Docs: docs.New(docs.Config{Store: db.Docs()}),
		Files: stored, HTTP: fetch.New(fetch.Config{Version: "test"}),
	}
	runs := executions.New(executions.Config{
		Store: db, Sandbox: box, Dispatcher: hostcalls.New(hostcalls.Config{Services: services, Log: log}), Ceiling: abi.DefaultCeiling,
		ScriptCacheSize: 64, Logger: log, Registerer: registry,
	})
	server := New(Config{
		Store: db, Authority: s.auth, Executions: runs, Routes: routing.NewTable(nil),
		KV: services.KV, Docs: services.Docs, Files: services.Files,
		MaxBodyBytes: maxBody, MaxPluginBytes: maxPlugin, Version: "test", Logger: log, Registry: registry,
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		<-served
		require.NoError(t, runs.Stop(ctx))
		require.NoError(t, db.Close())
	})
	s.token = s.user("owner", store.RoleOwner)
	return s
}

// user makes a user and logs in.
func (s *site) user(name string, role store.InstanceRole) (token string) {
	s.t.Helper()
	_, err := s.db.Users().Create(context.Background(), store.User{Username: name, PasswordHash: passwordHash(), Role: role})
	require.NoError(s.t, err)
	token, _, err = s.auth.Login(context.Background(), name, adminPassword, "test")
	require.NoError(s.t, err)
	return token
}

// passwordHash is that of adminPassword, cheap to compare.
var passwordHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(adminPassword, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})

// answer is a response, read whole.
type answer struct {
	*http.Response
	body []byte
}

// send performs a request as it is.
func (s *site) send(r *http.Request) answer {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.NotEmpty(s.t, resp.Header.Get("X-Request-Id"))
	return answer{resp, body}
}

// request makes one; headers are "name: value".
func (s *site) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// fetch performs a request of the data plane.
func (s *site) fetch(method, path, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request(method, path, body, headers...))
}

// admin performs a request of the admin API with a token.
func (s *site) admin(token, method, path, body string) answer {
	s.t.Helper()
	r := s.request(method, "/api/v1/admin/"+path, body, "Authorization: Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.send(r)
}

// do performs a request as the owner, expects a status and decodes the answer.
func do[T any](s *site, method, path string, in any, status int) T {
	s.t.Helper()
	var body string
	if text, ok := in.(string); ok {
		body = text
	} else if in != nil {
		encoded, err := json.Marshal(in)
		require.NoError(s.t, err)
		body = string(encoded)
	}
	got := s.admin(s.token, method, path, body)
	require.Equal(s.t, status, got.StatusCode, "%s %s: %s", method, path, got.body)
	var out T
	if len(got.body) > 0 {
		require.NoError(s.t, json.Unmarshal(got.body, &out), "%s", got.body)
	}
	return out
}

// refused expects a problem that names a field.
func (s *site) refused(got answer, status int, location, says string) wire.Problem {
	s.t.Helper()
	require.Equal(s.t, status, got.StatusCode, "%s", got.body)
	assert.Equal(s.t, "application/problem+json", got.Header.Get("Content-Type"))
	var p wire.Problem
	require.NoError(s.t, json.Unmarshal(got.body, &p), "%s", got.body)
	assert.Equal(s.t, status, p.Status)
	assert.NotEmpty(s.t, p.Code)
	assert.Contains(s.t, string(got.body), says)
	if location != "" {
		var locations []string
		for _, field := range p.Errors {
			locations = append(locations, field.Location)
		}
		assert.Contains(s.t, locations, location, "%s", got.body)
	}
	return p
}

// app, script and route are the steps of the main job.
func (s *site) app(slug string) wire.App {
	s.t.Helper()
	return do[wire.App](s, "POST", "apps", wire.AppCreate{Slug: slug}, 201)
}

func (s *site) script(app, name, source string) wire.Script {
	s.t.Helper()
	return do[wire.Script](s, "POST", "apps/"+app+"/scripts", wire.ScriptCreate{Name: name, Source: source}, 201)
}

func (s *site) route(script wire.Script, method, path string) wire.Route {
	s.t.Helper()
	return do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Method: method, Path: path}, 201)
}

// deploy makes an app with one script on a path, for any method.
func (s *site) deploy(path, source string) wire.Script {
	s.t.Helper()
	slug := fmt.Sprintf("app-%d", time.Now().UnixNano())
	s.app(slug)
	script := s.script(slug, "main", source)
	s.route(script, "", path)
	return script
}

func TestEveryOperationNeedsACredential(t *testing.T) {
	s := newSite(t)
	resp := s.fetch("GET", "/api/v1/openapi.json", "")
	require.Equal(t, 200, resp.StatusCode)
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(resp.body, &document))
	assert.True(t, strings.HasPrefix(document.OpenAPI, "3.1"))
	operations := 0
	for path, methods := range document.Paths {
		for method := range methods {
			if path == "/api/v1/admin/auth/login" {
				continue
			}
			operations++
			path = strings.NewReplacer("{app}", "x", "{id}", "x", "{collection}", "x", "{key}", "x").Replace(path)
			for _, header := range []string{"X-None: x", "Authorization: Bearer pcs_unknown", "Authorization: Bearer pic_unknown", "Authorization: Basic b3duZXI6cHc=", "Authorization: " + s.token} {
				got := s.fetch(strings.ToUpper(method), path, "", header)
				if method == "head" { // whose answer has no body
					assert.Equal(t, 401, got.StatusCode)
					continue
				}
				s.refused(got, 401, "", "unknown, expired or revoked")
				assert.Contains(t, got.Header.Get("WWW-Authenticate"), "Bearer")
			}
		}
	}
	assert.Greater(t, operations, 20)
}

func TestBodiesThatAreNoBodies(t *testing.T) {
	s := newSite(t)
	create := func(body string, headers ...string) answer {
		return s.fetch("POST", "/api/v1/admin/apps", body, append(headers, "Authorization: Bearer "+s.token)...)
	}
	jsonType := "Content-Type: application/json"
	s.refused(create("", jsonType), 400, "", "body is required")
	s.refused(create(`{"slug":`, jsonType), 400, "body", "unexpected end of JSON")
	s.refused(create(`{"slug":"a"}}`, jsonType), 400, "body", "invalid character")
	s.refused(create(`[]`, jsonType), 422, "body", "expected object")
	s.refused(create("{\"slug\":\"a\",\"name\":\"\xff\"}", jsonType), 400, "", "not valid UTF-8")
	s.refused(create(`{"slug":"a"}`, "Content-Type: text/yaml"), 415, "", "text/yaml")
	s.refused(create(`{"slug":"a"}`, "Content-Type: ;;"), 415, "", "application/json")
	s.refused(create(`{"slug":"a"}`, jsonType, "Content-Encoding: gzip"), 415, "", "compressed")
	s.refused(create(strings.Repeat("[", 20_000), jsonType), 400, "body", "depth")
	assert.Equal(t, 201, create(`{"slug":"a"}`, "Content-Type: application/json; charset=utf-8").StatusCode)
	assert.Equal(t, 201, create(`{"slug":"b"}`).StatusCode, "JSON is what a body without a type is taken for")
}

func TestBodyLimit(t *testing.T) {
	s := newSite(t)
	large := strings.Repeat("x", maxBody+1)
	got := s.fetch("POST", "/anything", large)
	assert.Equal(t, 413, got.StatusCode)
	assert.JSONEq(t, fmt.Sprintf(`{"error":{"code":"body_too_large","message":"the body of a request must not be larger than %d bytes"}}`, maxBody), string(got.body))
	s.refused(s.fetch("POST", "/api/v1/admin/apps", large, "Authorization: Bearer "+s.token), 413, "", fmt.Sprint(maxBody))
	assert.Equal(t, 200, s.fetch("GET", "/healthz", "").StatusCode, "the server survives")
}

func TestMalformedHTTP(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct{ name, raw, status string }{
		{"not HTTP", "hello\r\n\r\n", "400"},
		{"unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"bad length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", "400"},
		{"large head", "GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("x", maxHeaderBytes) + "\r\n\r\n", "431"},
		{"no path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"control character", "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"path that is not UTF-8", "GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"path with dots", "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
		{"escape", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = io.WriteString(conn, c.raw)
			require.NoError(t, err)
			line := make([]byte, 12)
			_, err = io.ReadFull(conn, line)
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1 "+c.status, string(line))
		})
	}
	assert.Equal(t, 200, s.fetch("GET", "/healthz", "").StatusCode)
}

func TestUnknownPaths(t *testing.T) {
	s := newSite(t)
	s.refused(s.fetch("GET", "/api/v1/nope", ""), 404, "", "nothing at GET /api/v1/nope")
	s.refused(s.fetch("GET", "/api", ""), 404, "", "nothing at")
	s.refused(s.admin(s.token, "POST", "apps/x/routesXmatch", "{}"), 404, "", "nothing at")
	for _, path := range []string{"/", "/admin/x", "/realtime/x", "/Healthz", "/%61pi/v1/openapi.json"} {
		got := s.fetch("GET", path, "")
		assert.Equal(t, 404, got.StatusCode, path)
		assert.Contains(t, string(got.body), `"code":"not_found"`, path)
	}
}

func TestRequestID(t *testing.T) {
	s := newSite(t)
	assert.Equal(t, "my-id.1:2_3", s.fetch("GET", "/healthz", "", "X-Request-Id: my-id.1:2_3").Header.Get("X-Request-Id"))
	for _, wrong := range []string{"a b", "a\"b", strings.Repeat("x", 129)} {
		got := s.fetch("GET", "/healthz", "", "X-Request-Id: "+wrong).Header.Get("X-Request-Id")
		assert.NotEqual(t, wrong, got)
		assert.Len(t, got, 36)
	}
}

// raw sends bytes on a connection of their own, ends the client's side if half, and reads one response, which must have the
// status. What comes after it is for the caller to read.
func (s *site) raw(t *testing.T, request string, half bool, status string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	if half {
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Contains(t, response.Status, status, "%s", body)
	return reader
}
