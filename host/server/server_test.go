package server

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
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/reference"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
)

// compiled is the compilation cache of all servers under test: the first would otherwise take as long
// as each other.
var compiled string

func TestMain(m *testing.M) {
	if os.Getenv(envRestoreTo) != "" {
		restoreHalf()
	}
	os.Exit(func() int {
		var err error
		if compiled, err = os.MkdirTemp("", "picloud-server"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(compiled)
		return m.Run()
	}())
}

// settings are those of a server on an empty data directory and a free port.
func settings(t *testing.T) *config.Config {
	t.Helper()
	c := &config.Config{
		Location:        config.Location{Data: filepath.Join(t.TempDir(), "data")},
		Addr:            "127.0.0.1:0",
		AdminUsername:   "admin",
		ScriptCacheSize: 8, MaxConcurrentExecutions: 4, MaxBodyBytes: 1 << 20, MaxFileBytes: 1 << 20,
		MaxSubscribers: 10, SessionTTL: time.Hour, LogRetention: time.Hour, ShutdownGrace: 10 * time.Second,
		LogFormat: "text", LogLevel: "info",
	}
	require.NoError(t, os.Mkdir(c.Data, 0o700))
	require.NoError(t, os.Symlink(compiled, filepath.Join(c.Data, "cache")))
	return c
}

// databases are the settings on each kind of database.
var databases = map[string]func(t *testing.T) *config.Config{
	"sqlite": settings,
	"postgres": func(t *testing.T) *config.Config {
		c := settings(t)
		c.DatabaseURL = pgtest.URL(t)
		return c
	},
}

// A site is a running server under test.
type site struct {
	*Server
	t     *testing.T
	out   *strings.Builder
	end   context.CancelFunc
	ended chan error
}

func (c *Config) quiet(t *testing.T) (*Server, error) {
	t.Helper()
	if c.Out == nil {
		c.Out = io.Discard
	}
	c.Version, c.Log = "test", slog.New(slog.DiscardHandler)
	return New(t.Context(), *c)
}

// start makes a server and runs it.
func start(t *testing.T, c *config.Config) *site {
	t.Helper()
	s := &site{t: t, out: new(strings.Builder), ended: make(chan error, 1)}
	var err error
	s.Server, err = (&Config{Settings: c, Out: s.out}).quiet(t)
	require.NoError(t, err)
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	go func() { s.ended <- s.Run(ctx) }()
	t.Cleanup(func() { s.end(); assert.NoError(t, s.Stop()) })
	status, _ := s.get("/healthz") // so that it runs
	require.Equal(t, 200, status)
	return s
}

// stopped ends the context of Run and waits until Run returns.
func (s *site) stopped() {
	s.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	s.end()
	require.NoError(s.t, <-s.ended)
}

func (s *site) get(path string) (status int, body string) {
	return s.answer(http.Get("http://" + s.Addr().String() + path))
}

func (s *site) answer(resp *http.Response, err error) (status int, body string) {
	s.t.Helper()
	require.NoError(s.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, string(text)
}

// login returns the status of a login.
func (s *site) login(username, password string) int {
	s.t.Helper()
	status, _ := s.answer(http.Post("http://"+s.Addr().String()+"/api/v1/admin/auth/login", "application/json",
		strings.NewReader(fmt.Sprintf(`{"username":%q,"password":%q}`, username, password))))
	return status
}

var printedPassword = regexp.MustCompile(`(?m)^ +([A-Z2-7]{26})$`)

// password returns the one that the start printed, or "".
func (s *site) password() string {
	if found := printedPassword.FindStringSubmatch(s.out.String()); found != nil {
		return found[1]
	}
	return ""
}

// inStore does something in the database of a server that does not run.
func inStore(t *testing.T, c *config.Config, do func(db store.Store)) {
	t.Helper()
	db, err := OpenStore(t.Context(), &c.Location, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	do(db)
}

// addRoute makes a script that answers a path of the default app.
func addRoute(t *testing.T, c *config.Config, path, source string) (id string) {
	inStore(t, c, func(db store.Store) {
		app, err := db.Apps().GetBySlug(t.Context(), "default")
		require.NoError(t, err)
		script, err := db.Scripts().Create(t.Context(), store.Script{AppID: app.ID, Name: path[1:], Kind: abi.KindEndpoint, Source: source,
			Limits: abi.Limits{MaxOperations: 100_000_000, TimeoutMS: 60_000}})
		require.NoError(t, err)
		route, err := routing.Parse("GET", "", "", path, "")
		require.NoError(t, err)
		route.AppID, route.ScriptID, route.Dispatch = app.ID, script.ID, store.DispatchSync
		_, err = db.Routes().Create(t.Context(), route)
		require.NoError(t, err)
		id = script.ID
	})
	return id
}

// A first start makes an app that answers; what was executed is recorded when the server has stopped;
// and the next start finds all of it.
func TestServesAndStops(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			s := start(t, c)
			status, body := s.get("/hello?name=you")
			assert.Equal(t, 200, status)
			assert.JSONEq(t, `{"message":"Hello, you!"}`, body)
			assert.Contains(t, s.out.String(), fmt.Sprintf("PiCloud test listens on http://%s (try http://%[1]s/hello)", s.Addr()))
			s.stopped()
			_, err := net.Dial("tcp", s.Addr().String())
			require.Error(t, err, "nobody listens any more")

			inStore(t, c, func(db store.Store) {
				app, err := db.Apps().GetBySlug(t.Context(), "default")
				require.NoError(t, err)
				scripts, err := db.Scripts().List(t.Context(), app.ID, store.PageRequest{})
				require.NoError(t, err)
				recorded, err := db.Executions().List(t.Context(), store.ExecutionQuery{ScriptID: scripts.Items[0].ID, AppID: scripts.Items[0].AppID})
				require.NoError(t, err)
				assert.Len(t, recorded.Items, 1)
			})
			s = start(t, c)
			status, _ = s.get("/hello")
			assert.Equal(t, 200, status)
			s.stopped()
		})
	}
}

func TestReservedHostsAreHosts(t *testing.T) {
	c := settings(t)
	c.ReservedHosts = []string{"server.example", "10.0.0.1"}
	_, err := (&Config{Settings: c}).quiet(t)
	require.ErrorContains(t, err, `reserved_hosts: must be names of hosts, or *.example.com, got "10.0.0.1"`)
}

// No app has the name by which people open the dashboard, unless whoever runs the instance gives it to one.
func TestHostsOfTheDashboardAreReserved(t *testing.T) {
	c := settings(t)
	c.SessionIdle = time.Hour
	c.DashboardURL, c.DashboardHosts = "https://Dash.example:8443", []string{"10.0.0.1", "board.example"}
	s := start(t, c)
	token, err := s.OpenSession(t.Context())
	require.NoError(t, err)
	send := func(token, method, path, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+"/api/v1/admin/"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		return s.answer(http.DefaultClient.Do(r))
	}
	status, body := send(token, "POST", "users", `{"username":"ada","password":"long enough for all","role":"member"}`)
	require.Equal(t, 201, status, body)
	var made struct{ ID, Token string }
	require.NoError(t, json.Unmarshal([]byte(body), &made))
	status, body = send(token, "PUT", "apps/default/members/"+made.ID, `{"role":"app_admin"}`)
	require.Less(t, status, 300, body)
	status, body = send("", "POST", "auth/login", `{"username":"ada","password":"long enough for all"}`)
	require.Equal(t, 200, status, body)
	require.NoError(t, json.Unmarshal([]byte(body), &made))
	for _, host := range []string{"dash.example", "board.example", "*.example"} {
		status, body = send(made.Token, "POST", "apps/default/domains", `{"host":"`+host+`"}`)
		assert.Equal(t, 403, status, body)
		assert.Contains(t, body, "is reserved")
	}
	status, body = send(made.Token, "POST", "apps/default/domains", `{"host":"shop.example"}`)
	assert.Equal(t, 201, status, body)
	status, body = send(token, "POST", "apps/default/domains", `{"host":"board.example"}`)
	assert.Equal(t, 201, status, body)
	s.stopped()
}

// With the port taken nothing is done of what only a first start does.
func TestPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	c := settings(t)
	c.Addr = taken.Addr().String()
	_, err = (&Config{Settings: c}).quiet(t)
	require.ErrorContains(t, err, "addr: listen tcp "+c.Addr)
	require.ErrorContains(t, err, "choose another address with --addr")
	inStore(t, c, func(db store.Store) {
		n, err := db.Users().Count(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	})
	c.Addr = "127.0.0.1:0"
	s := start(t, c)
	assert.Equal(t, 200, s.login("admin", s.password()))
	s.stopped()
}

// A generated password is shown by each start, always another, until somebody has logged in with it.
func TestGeneratedPasswordIsShownUntilItWasUsed(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			s := start(t, c)
			first := s.password()
			require.NotEmpty(t, first)
			s.stopped()

			c.AdminUsername = "renamed" // the admin has a name already
			s = start(t, c)
			second := s.password()
			assert.Contains(t, s.out.String(), "Log in as admin with this password")
			require.NotEmpty(t, second)
			assert.NotEqual(t, first, second)
			assert.Equal(t, 401, s.login("admin", first))
			assert.Equal(t, 200, s.login("admin", second))
			s.stopped()

			s = start(t, c)
			assert.Empty(t, s.password())
			assert.Equal(t, 200, s.login("admin", second))
			s.stopped()
			inStore(t, c, func(db store.Store) {
				users, err := db.Users().List(t.Context(), store.PageRequest{})
				require.NoError(t, err)
				require.Len(t, users.Items, 1)
				assert.True(t, users.Items[0].PasswordGiven, "nobody has set another")
			})
		})
	}
}

func TestPasswordOfTheSettings(t *testing.T) {
	c := settings(t)
	s := start(t, c)
	require.NotEmpty(t, s.password())
	s.stopped()

	c.AdminPassword = "of the settings"
	s = start(t, c)
	assert.Empty(t, s.password(), "whoever sets it knows it")
	s.stopped()

	c.AdminPassword = ""
	s = start(t, c)
	assert.Empty(t, s.password(), "it is not a generated one, though nobody has used it")
	assert.Equal(t, 200, s.login("admin", "of the settings"))
	s.stopped()

	c.AdminPassword = "another one"
	s = start(t, c)
	assert.Equal(t, 401, s.login("admin", "another one"), "it is for the first start")
	s.stopped()
}

// Nodes that start for the first time at the same time make one admin, whose password one of them
// knows.
func TestFirstStartsAtTheSameTime(t *testing.T) {
	c := databases["postgres"](t)
	c.FilesRoot = t.TempDir()
	var nodes [3]*Server
	var all sync.WaitGroup
	for i := range nodes {
		own := *c
		own.Data = t.TempDir()
		require.NoError(t, os.Symlink(compiled, filepath.Join(own.Data, "cache")))
		all.Go(func() {
			var err error
			nodes[i], err = (&Config{Settings: &own}).quiet(t)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	valid := 0
	inStore(t, c, func(db store.Store) {
		users, err := db.Users().List(t.Context(), store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, users.Items, 1)
		for _, node := range nodes {
			require.NotNil(t, node)
			if node.admin != nil {
				if _, err := authz.New(db, time.Hour).Login(t.Context(), authz.LoginRequest{Username: node.admin.username, Password: node.admin.password}); err == nil {
					valid++
				}
			}
			require.NoError(t, node.Stop())
		}
	})
	assert.Equal(t, 1, valid)
}

func TestOneServerForADirectory(t *testing.T) {
	c := settings(t)
	s := start(t, c)
	second := *c
	_, err := (&Config{Settings: &second}).quiet(t)
	require.EqualError(t, err, fmt.Sprintf("data: %s is in use by process %d: stop that server first, or name another directory with --data", c.Data, os.Getpid()))
	status, _ := s.get("/hello")
	assert.Equal(t, 200, status, "the first goes on")
	s.stopped()
	s = start(t, &second)
	s.stopped()
}

// Servers on one database that keep files in different places would not find each other's.
func TestNodesShareTheFilesRoot(t *testing.T) {
	first := databases["postgres"](t)
	s := start(t, first)
	second := settings(t)
	second.DatabaseURL = first.DatabaseURL
	_, err := (&Config{Settings: second}).quiet(t)
	require.ErrorContains(t, err, "files_root: "+second.FilesDir()+" is not where this database's files are")
	require.ErrorContains(t, err, "All servers on one database need the same files_root")
	second.FilesRoot = first.FilesDir()
	other := start(t, second)
	status, _ := other.get("/hello")
	assert.Equal(t, 200, status)
	other.stopped()
	s.stopped()
}

// A message that one node publishes reaches the subscribers of the other. A topic that one changes ends the
// streams of both, and so does a stop, at once.
func TestNodesTellSubscribers(t *testing.T) {
	first := databases["postgres"](t)
	second := settings(t)
	second.DatabaseURL, second.FilesRoot = first.DatabaseURL, first.FilesDir()
	nodes := []*site{start(t, first), start(t, second)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	app, err := nodes[0].store.Apps().GetBySlug(ctx, "default")
	require.NoError(t, err)
	for i, name := range []string{"news", "other"} { // with its own change the second node learns of the first one's
		_, err = nodes[i].catalog.SetTopic(ctx, store.Topic{AppID: app.ID, Name: name, Access: store.AccessPublic})
		require.NoError(t, err)
	}
	subscribe := func(s *site, topic string) *bufio.Reader {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.Addr().String()+"/realtime/topics/"+topic, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		require.Equal(t, 200, resp.StatusCode)
		return bufio.NewReader(resp.Body)
	}
	event := func(r *bufio.Reader) (lines string) {
		for !strings.HasSuffix(lines, "\n\n") {
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			lines += line
		}
		return lines
	}
	end := func(r *bufio.Reader) {
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Empty(t, string(rest))
	}
	var streams, others []*bufio.Reader
	for _, node := range nodes {
		streams, others = append(streams, subscribe(node, "news")), append(others, subscribe(node, "other"))
	}
	for i, node := range nodes {
		for range 3 {
			_, err := node.emitter.Publish(ctx, app.ID, "news", json.RawMessage(fmt.Sprintf(`{"of": %d}`, i)))
			require.NoError(t, err)
			got := event(streams[0])
			require.Contains(t, got, fmt.Sprintf("\ndata: {\"of\":%d}\n\n", i))
			require.Equal(t, got, event(streams[1]))
		}
	}
	require.NoError(t, nodes[1].catalog.DeleteTopic(ctx, app.ID, "news"))
	for _, stream := range streams {
		end(stream)
	}
	for i, node := range nodes {
		began := time.Now()
		node.stopped()
		require.Less(t, time.Since(began), first.ShutdownGrace, "a stream does not hold up a stop")
		end(others[i])
	}
}

// A stop lets a running execution finish within the grace and interrupts one that does not; both are
// answered and recorded.
func TestStopAndRunningExecutions(t *testing.T) {
	for _, c := range []struct {
		name, source string
		grace        time.Duration
		status       int
		outcome      abi.ErrorCode
	}{
		{"finishes", `let x = 0; while x < 20_000_000 { x += 1; } x`, time.Minute, 200, ""},
		{"is interrupted", `loop {}`, 50 * time.Millisecond, 503, abi.CodeCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := settings(t)
			settings.ShutdownGrace = c.grace
			start(t, settings).stopped()
			script := addRoute(t, settings, "/slow", c.source)
			s := start(t, settings)
			answered := make(chan int, 1)
			go func() {
				resp, err := http.Get("http://" + s.Addr().String() + "/slow")
				if !assert.NoError(t, err) {
					answered <- 0
					return
				}
				resp.Body.Close()
				answered <- resp.StatusCode
			}()
			require.Eventually(t, func() bool {
				_, metrics := s.get("/metrics")
				return strings.Contains(metrics, "picloud_executions_running 1\n")
			}, time.Minute, time.Millisecond)
			s.stopped()
			assert.Equal(t, c.status, <-answered)
			inStore(t, settings, func(db store.Store) {
				of, err := db.Scripts().Get(t.Context(), script)
				require.NoError(t, err)
				recorded, err := db.Executions().List(t.Context(), store.ExecutionQuery{AppID: of.AppID, ScriptID: script})
				require.NoError(t, err)
				require.Len(t, recorded.Items, 1)
				assert.Equal(t, c.outcome, recorded.Items[0].Outcome)
			})
		})
	}
}

// Run and Stop, in each order and many times.
func TestLifecycle(t *testing.T) {
	t.Run("Stop without Run", func(t *testing.T) {
		c := settings(t)
		for range 2 { // the second finds the directory and nothing in its way
			s, err := (&Config{Settings: c}).quiet(t)
			require.NoError(t, err)
			require.NoError(t, s.Stop())
			require.NoError(t, s.Stop())
			require.NoError(t, s.Run(t.Context()), "what was stopped does not run")
		}
	})
	t.Run("Run with a context that has ended", func(t *testing.T) {
		s, err := (&Config{Settings: settings(t)}).quiet(t)
		require.NoError(t, err)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, s.Run(ended))
	})
	t.Run("Stop ends Run", func(t *testing.T) {
		s := start(t, settings(t))
		http.DefaultClient.CloseIdleConnections()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { assert.NoError(t, s.Stop()) })
		}
		all.Wait()
		require.NoError(t, <-s.ended)
	})
}

// What runs in the background does its work, which here is to forget an expired session.
func TestBackground(t *testing.T) {
	c := settings(t)
	start(t, c).stopped()
	inStore(t, c, func(db store.Store) {
		admin, err := db.Users().GetByUsername(t.Context(), "admin")
		require.NoError(t, err)
		_, err = db.Sessions().Create(t.Context(), store.Session{TokenHash: "x", UserID: admin.ID, ExpiresAt: time.Now().Add(-time.Hour)})
		require.NoError(t, err)
	})
	s, err := (&Config{Settings: c}).quiet(t)
	require.NoError(t, err)
	defer s.Stop()
	var swept []*background.Subscription[int64]
	for _, service := range s.background {
		if sweep, ok := service.(*background.Sweep); ok {
			swept = append(swept, sweep.Swept())
		}
	}
	require.Len(t, swept, 10)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var removed []int64
	for _, s := range swept {
		n, err := s.Next(t.Context())
		require.NoError(t, err)
		removed = append(removed, n)
	}
	assert.Equal(t, []int64{0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, removed)
	end()
	require.NoError(t, <-ended)
}

// Apps are answered without the dashboard's listener, too.
func TestDashboardEnds(t *testing.T) {
	s := start(t, settings(t))
	require.NoError(t, s.dashboard.listener.Close())
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", s.dashboard.listener.Addr().String())
		return err != nil
	}, 10*time.Second, 10*time.Millisecond)
	status, _ := s.get("/hello")
	assert.Equal(t, 200, status)
	s.stopped()
}

// The usual address of the dashboard may be taken, one that is asked for may not.
func TestDashboardPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	c := settings(t)
	c.DashboardAddr = taken.Addr().String()
	_, err = (&Config{Settings: c}).quiet(t)
	require.ErrorContains(t, err, "dashboard_addr: listen tcp "+c.DashboardAddr)
}

// A port that was free is told from one that is the dashboard's at each start.
func TestDashboardPortIsPassing(t *testing.T) {
	for asked, passing := range map[string]bool{"127.0.0.1:8081": false, "[::1]:8081": false, "127.0.0.1:0": true, "127.0.0.1:8082": true} {
		assert.Equal(t, passing, !hasPort(asked, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081}), asked)
	}
}

// Invites lead to where people open the dashboard, which answers there.
func TestInvitesLeadToTheDashboard(t *testing.T) {
	c := settings(t)
	c.DashboardURL, c.SessionIdle, c.InviteTTL = "https://dash.example", time.Hour, time.Hour
	s := start(t, c)
	token, err := s.OpenSession(t.Context())
	require.NoError(t, err)
	for _, at := range []net.Addr{s.Addr(), s.dashboard.listener.Addr()} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+at.String()+"/api/v1/admin/users", strings.NewReader(
			fmt.Sprintf(`{"username":"ada-%s","role":"member"}`, at.String()[strings.LastIndex(at.String(), ":")+1:])))
		require.NoError(t, err)
		r.Host = "dash.example"
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		status, body := s.answer(http.DefaultClient.Do(r))
		require.Equal(t, 201, status, body)
		assert.Contains(t, body, `"https://dash.example/invite#pcv_`)
	}
	s.stopped()
}

// The reference is on the dashboard's listener, too, under its own policy: what is inline in its pages is named there.
func TestReferenceOnTheDashboard(t *testing.T) {
	s := start(t, settings(t))
	at := "http://" + s.dashboard.listener.Addr().String()
	for path, want := range map[string]string{
		"/api/v1/reference": "# Reference", "/api/v1/reference/kv": "# kv", "/api/v1/sdk": `"modules"`, "/api/v1/picloud.d.rhai": "fn collection(",
	} {
		status, body := s.answer(http.Get(at + path))
		assert.Equal(t, 200, status, path)
		assert.Contains(t, body, want, path)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", at+"/api/v1/reference/kv", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/html")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	status, body := s.answer(resp, nil)
	assert.Equal(t, 200, status)
	assert.Contains(t, body, "<h1")
	assert.Equal(t, []string{reference.Policy}, resp.Header.Values("Content-Security-Policy"))
	s.stopped()
}

// A server whose dashboard is off has none, and is otherwise as it was.
func TestDashboardIsOff(t *testing.T) {
	c := settings(t)
	c.DashboardAddr = config.DashboardOff
	s := start(t, c)
	assert.Nil(t, s.dashboard)
	status, _ := s.get("/hello")
	assert.Equal(t, 200, status)
	s.stopped()
}
