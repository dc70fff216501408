// Package apitest runs a whole server for the tests of its HTTP surface: over a real database and
// sandbox, on a real listener, with an owner who is logged in.
package apitest

import (
	"bufio"
	"bytes"
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
	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/archive"
	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/backup"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/dispatch"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/identity"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/realtime"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// Limits of a [Site], in bytes but for the first, and its users' password.
const (
	MaxConcurrent = 8 // executions; one app has half of them
	MaxBody       = 3 << 20
	MaxFile       = 9 << 20
	MaxPlugin     = 1 << 20
	MaxArchive    = 64 << 20
	MaxDepth      = 4   // of events that cause one another
	MaxPending    = 500 // events of an app

	MaxSubscribers = 5 // of an app

	AdminPassword = "correct horse"
)

var box *sandbox.Sandbox // shared: compiling the guest takes longer than the tests

// Main is the TestMain of a package whose tests use a [Site].
func Main(m *testing.M) {
	var err error
	if box, err = sandbox.New(context.Background(), sandbox.Config{MaxConcurrent: MaxConcurrent, Logger: slog.New(slog.DiscardHandler)}); err != nil {
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

// Site is a whole server on a real listener, over a real database of the kind that [eachtest.EnvStore] names, with an
// owner who is logged in.
type Site struct {
	T       testing.TB
	URL     string
	DB      store.Store
	Files   string // the directory of the files' bytes
	Token   string // the owner's
	Auth    *authz.Authority
	Events  *events.Emitter
	Hub     *realtime.Hub
	Secrets *secrets.Service
	Audit   *audit.Service
}

// New starts a server for the time of a test, whose output has what it logs of errors. Its front may
// be made otherwise by changes.
func New(t testing.TB, changes ...func(*front.Config)) *Site {
	t.Helper()
	return NewLogging(t, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), changes...)
}

// NewLogging is [New] with another log.
func NewLogging(t testing.TB, log *slog.Logger, changes ...func(*front.Config)) *Site {
	t.Helper()
	return NewOn(t, log, eachtest.New(t).Open, changes...)
}

// NewOn is [NewLogging] with another database.
func NewOn(t testing.TB, log *slog.Logger, open eachtest.Opener, changes ...func(*front.Config)) *Site {
	t.Helper()
	ctx := context.Background()
	triggers := events.NewTable()
	quotas := quota.NewApps(quota.Limits{Executions: MaxConcurrent / 2, FilesBytes: 3 * MaxFile, PendingEvents: MaxPending})
	emitter := events.NewEmitter(events.Config{
		Table: triggers, MaxDepth: MaxDepth, MaxPending: func(appID string) int { return int(quotas.Of(appID).PendingEvents) }, Log: log,
	})
	listeners := emitter.Registry()
	db, err := open(listeners)
	require.NoError(t, err)
	emitter.Bind(db)
	s := &Site{T: t, DB: db, Files: filepath.Join(t.TempDir(), "files")}
	registry := prometheus.NewRegistry()
	stored, err := files.New(files.Config{Store: db.Files(), Root: s.Files, MaxFileSize: MaxFile, Log: log, Quota: func(appID string) int64 { return quotas.Of(appID).FilesBytes }})
	require.NoError(t, err)
	usage := func(of func(store.AppUsage) int64) func(context.Context, string) (int64, error) {
		return func(ctx context.Context, appID string) (int64, error) {
			used, err := db.Apps().Usage(ctx, appID, time.Now())
			return of(used), err
		}
	}
	s.Secrets, err = secrets.New(ctx, secrets.Config{Store: db.Secrets(), Factors: db.SecondFactors(), File: filepath.Join(t.TempDir(), secrets.FileName), Log: log})
	require.NoError(t, err)
	s.Auth = authz.New(db, time.Hour, authz.Hashing(cheap), authz.Sealing(s.Secrets))
	services := hostcalls.Services{
		KV: kv.New(kv.Config{Store: db.KV(), Log: log, Admit: quota.NewMeter("kv entries",
			func(appID string) int64 { return quotas.Of(appID).KVBytes }, usage(func(u store.AppUsage) int64 { return u.KV })).Admit}), Docs: docs.New(docs.Config{Store: db.Docs(), Quota: func(appID string) int64 { return quotas.Of(appID).DocsBytes }}),
		Files: stored, HTTP: fetch.New(fetch.Config{Version: "test"}), Events: emitter, Transactions: db, Secrets: s.Secrets,
	}
	services.Docs.Follow(db.Revisions())
	indexer := services.Docs.Indexer()
	runs := executions.New(executions.Config{
		Store: db, Sandbox: box, Dispatcher: hostcalls.New(hostcalls.Config{Services: services, Log: log}), Ceiling: abi.DefaultCeiling,
		ScriptCacheSize: 64, Logger: log, Registerer: registry,
		Share: func(appID string) int { return int(quotas.Of(appID).Executions) },
		CPU: quota.NewCPU(func(appID string) int64 { return quotas.Of(appID).CPUMillis }, func(ctx context.Context, appID string) (time.Duration, error) {
			used, err := db.Apps().Usage(ctx, appID, time.Now())
			return used.CPU, err
		}),
	})
	runs.Start()
	retry := store.Retry{MaxAttempts: 3, Backoff: store.BackoffConstant, Base: time.Millisecond, Max: time.Second}
	dispatcher := dispatch.New(dispatch.Config{
		Store: db, Table: triggers, Emitter: emitter, Runner: runs, Registrant: s.Auth.Registrant,
		Concurrency: MaxConcurrent / 2, PerApp: MaxConcurrent / 4, CallConcurrency: 4, CallRetry: retry, Log: log,
	})
	hub := realtime.New(realtime.Config{Store: db, MaxSubscribers: MaxSubscribers, Log: log})
	emitter.OnPublish(hub.Published)
	apps, err := catalog.New(ctx, catalog.Config{
		Store: db, Executions: runs, Logger: log, Registry: listeners, Triggers: triggers, TriggersChanged: dispatcher.Changed, TopicChanged: hub.Changed, Quotas: quotas,
		SecretsChanged: s.Secrets.Changed,
		IndexesChanged: services.Docs.IndexesChanged,
		RightsChanged:  s.Auth.Changed,
	})
	require.NoError(t, err)
	record := audit.New(audit.Config{Store: db, Show: api.Shown, Log: log})
	admin := api.New(api.Config{
		Archive: archive.New(archive.Config{
			Store: db, Catalog: apps, KV: services.KV, Docs: services.Docs, Files: services.Files,
			MaxBytes: MaxArchive, MaxPluginBytes: MaxPlugin, Version: "test", Log: log,
		}),
		Store: db, Authority: s.Auth, Audit: record, Identity: identity.New(identity.Config{Store: db, Authority: s.Auth}), Executions: runs, Catalog: apps,
		KV: services.KV, Docs: services.Docs, Files: services.Files, Secrets: s.Secrets, Backup: backup.New(backup.Config{Store: db, Files: stored, Version: "test", Log: log}),
		MaxBodyBytes: MaxBody, MaxPluginBytes: MaxPlugin, Quotas: quotas, ReservedHosts: []string{"server.test", "*.ours.test"}, Metrics: registry, Version: "test", Logger: log,
		Events: emitter, QueueRate: dispatcher.QueueRate, TriggerRetry: retry, TriggerConcurrency: 4,
	})
	dispatcher.Start()
	hub.Start()
	indexer.Start()
	config := front.Config{
		Store: db, Authority: s.Auth, Executions: runs, Files: stored, Routes: apps.Routes(), Quotas: quotas, Events: emitter, Realtime: hub, Secrets: s.Secrets, Audit: record,
		MaxBodyBytes: MaxBody, Version: "test", Logger: log, Registry: registry,
		Mount: admin.Mount, Streams: api.Streams,
	}
	for _, change := range changes {
		change(&config)
	}
	s.Events, s.Hub, s.Audit = emitter, hub, record
	server := front.New(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.URL = "http://" + listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = server.Shutdown(ctx)
		require.NoError(t, hub.Stop(ctx))
		require.NoError(t, indexer.Stop(ctx))
		<-served
		require.NoError(t, dispatcher.Stop(ctx))
		require.NoError(t, runs.Stop(ctx))
		require.NoError(t, db.Close())
	})
	s.Token = s.User("owner", store.RoleOwner)
	return s
}

// User makes a user and logs in.
func (s *Site) User(name string, role store.InstanceRole) (token string) {
	s.T.Helper()
	_, err := s.DB.Users().Create(context.Background(), store.User{Username: name, PasswordHash: passwordHash(), Role: role})
	require.NoError(s.T, err)
	login, err := s.Auth.Login(context.Background(), authz.LoginRequest{Username: name, Password: AdminPassword})
	require.NoError(s.T, err)
	return login.Token
}

// cheap is how passwords are hashed here.
var cheap = &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// passwordHash is that of AdminPassword, cheap to compare.
var passwordHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(AdminPassword, cheap)
	if err != nil {
		panic(err)
	}
	return hash
})

// Answer is a response, read whole.
type Answer struct {
	*http.Response
	Content []byte // the body
}

// Send performs a request as it is.
func (s *Site) Send(r *http.Request) Answer {
	s.T.Helper()
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.T, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.T, err)
	require.NotEmpty(s.T, resp.Header.Get("X-Request-Id"))
	return Answer{resp, body}
}

// Request makes one; headers are "name: value".
func (s *Site) Request(method, path, body string, headers ...string) *http.Request {
	s.T.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	require.NoError(s.T, err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	return r
}

// Fetch performs a request of the data plane.
func (s *Site) Fetch(method, path, body string, headers ...string) Answer {
	s.T.Helper()
	return s.Send(s.Request(method, path, body, headers...))
}

// Admin performs a request of the admin API with a token.
func (s *Site) Admin(token, method, path, body string) Answer {
	s.T.Helper()
	r := s.Request(method, "/api/v1/admin/"+path, body, "Authorization: Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.Send(r)
}

// Do performs a request as the owner, expects a status and decodes the Answer.
func Do[T any](s *Site, method, path string, in any, status int) T {
	s.T.Helper()
	var body string
	if text, ok := in.(string); ok {
		body = text
	} else if in != nil {
		encoded, err := json.Marshal(in)
		require.NoError(s.T, err)
		body = string(encoded)
	}
	got := s.Admin(s.Token, method, path, body)
	require.Equal(s.T, status, got.StatusCode, "%s %s: %s", method, path, got.Content)
	var out T
	if len(got.Content) > 0 {
		require.NoError(s.T, json.Unmarshal(got.Content, &out), "%s", got.Content)
	}
	return out
}

// Refused expects a problem that names a field.
func (s *Site) Refused(got Answer, status int, location, says string) wire.Problem {
	s.T.Helper()
	require.Equal(s.T, status, got.StatusCode, "%s", got.Content)
	assert.Equal(s.T, "application/problem+json", got.Header.Get("Content-Type"))
	var p wire.Problem
	require.NoError(s.T, json.Unmarshal(got.Content, &p), "%s", got.Content)
	assert.Equal(s.T, status, p.Status)
	assert.NotEmpty(s.T, p.Code)
	assert.Contains(s.T, string(got.Content), says)
	if location != "" {
		var locations []string
		for _, field := range p.Errors {
			locations = append(locations, field.Location)
		}
		assert.Contains(s.T, locations, location, "%s", got.Content)
	}
	return p
}

// App makes an app.
func (s *Site) App(slug string) wire.App {
	s.T.Helper()
	return Do[wire.App](s, "POST", "apps", wire.AppCreate{Slug: slug}, 201)
}

// Script makes a script.
func (s *Site) Script(app, name, source string) wire.Script {
	s.T.Helper()
	return Do[wire.Script](s, "POST", "apps/"+app+"/scripts", wire.ScriptCreate{Name: name, Source: source}, 201)
}

// Route binds requests to a script.
func (s *Site) Route(script wire.Script, method, path string) wire.Route {
	s.T.Helper()
	return Do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Method: method, Path: path}, 201)
}

// Deploy makes an app with one script on a path, for any method.
func (s *Site) Deploy(path, source string) wire.Script {
	s.T.Helper()
	slug := fmt.Sprintf("app-%d", time.Now().UnixNano())
	s.App(slug)
	script := s.Script(slug, "main", source)
	s.Route(script, "", path)
	return script
}

// Raw sends bytes on a connection of their own, ends the client's side if half, and reads one
// response, which must have the status. What comes after it is for the caller to read.
func (s *Site) Raw(t testing.TB, request string, half bool, status string) *bufio.Reader {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
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

// Member makes a user with a role in an app and logs in.
func (s *Site) Member(appID string, role store.AppRole) (token string) {
	s.T.Helper()
	token = s.User(string(role), store.RoleMember)
	p, err := s.Auth.Authenticate(s.T.Context(), token)
	require.NoError(s.T, err)
	require.NoError(s.T, s.DB.Apps().SetMember(s.T.Context(), appID, p.User.ID, role))
	return token
}

// Log takes a log that several goroutines write.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
