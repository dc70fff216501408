package front_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/front/edge"
	"github.com/picloud/picloud/host/realtime"
)

// stream is a subscription as a client sees it.
type stream struct {
	*http.Response
	t     testing.TB
	lines *bufio.Reader
}

// subscribe expects that a stream begins.
func (s *site) subscribe(t testing.TB, path string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	resp, err := http.DefaultClient.Do(s.Request("GET", "/realtime/topics/"+path, "", headers...).WithContext(ctx))
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(t, 200, resp.StatusCode)
	return &stream{resp, t, bufio.NewReader(resp.Body)}
}

// next returns the next event: its lines.
func (s *stream) next() (event []string) {
	s.t.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		require.NoError(s.t, err)
		if line == "\n" {
			return event
		}
		event = append(event, strings.TrimSuffix(line, "\n"))
	}
}

// message expects one and returns its id.
func (s *stream) message(data string) (id string) {
	s.t.Helper()
	event := s.next()
	require.Len(s.t, event, 3)
	require.Equal(s.t, []string{"event: message", "data: " + data}, event[1:])
	id, found := strings.CutPrefix(event[0], "id: ")
	require.True(s.t, found)
	return id
}

// end expects the stream to end in order.
func (s *stream) end() {
	s.t.Helper()
	rest, err := io.ReadAll(s.lines)
	require.NoError(s.t, err)
	require.Empty(s.t, string(rest))
}

func (s *site) topic(app, topic, access string) wire.Topic {
	return do[wire.Topic](s, "PUT", "apps/"+app+"/topics/"+url.PathEscape(topic), wire.TopicSet{Access: access}, 200)
}

func (s *site) publish(app wire.App, topic, message string) {
	s.T.Helper()
	_, err := s.Events.Publish(s.T.Context(), app.ID, topic, json.RawMessage(message))
	require.NoError(s.T, err)
}

func TestSubscribe(t *testing.T) {
	s := newSite(t)
	shop, standard := s.App("shop"), s.App("default")
	s.topic("shop", "prices/é ü", "public")
	s.topic("default", "news", "public")
	path := url.PathEscape("prices/é ü") + "?app=shop"
	live, other := s.subscribe(t, path), s.subscribe(t, "news")
	assert.Equal(t, []string{"text/event-stream", "no-store", "no"},
		[]string{live.Header.Get("Content-Type"), live.Header.Get("Cache-Control"), live.Header.Get("X-Accel-Buffering")})

	s.publish(shop, "prices/é ü", "{\n  \"a\": [1, \"x\\ny\"]\n}")
	oldest := live.message(`{"a":[1,"x\ny"]}`)
	s.publish(standard, "prices/é ü", `"of another app"`)
	s.publish(shop, "internal", `"not registered"`)
	s.publish(shop, "prices/é ü", `2`)
	second := live.message(`2`)
	s.publish(standard, "news", `"n"`)
	other.message(`"n"`)

	// Who comes back gets what it has missed, once, and then what comes.
	for i, back := range []*stream{s.subscribe(t, path, "Last-Event-ID: "+oldest), s.subscribe(t, path+"&last_event_id="+oldest)} {
		require.Equal(t, second, back.message(`2`), i)
	}
	back := s.subscribe(t, path, "Last-Event-ID: "+second)
	s.publish(shop, "prices/é ü", `3`)
	require.Equal(t, live.message(`3`), back.message(`3`))
	require.NoError(t, back.Body.Close())
	unknown := s.subscribe(t, path+"&last_event_id=01900000-0000-7000-8000-000000000000")
	require.Equal(t, oldest, unknown.message(`{"a":[1,"x\ny"]}`), "all that is kept")

	// A topic that has changed ends its streams; one that has not does not.
	s.topic("default", "news", "public")
	s.topic("shop", "prices/é ü", "token")
	live.end()
	s.publish(standard, "news", `3`)
	other.message(`3`)
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", "apps/default/topics/news", "").StatusCode)
	other.end()
	got := s.Fetch("GET", "/realtime/topics/news", "")
	s.Refused(got, 404, "", "topic not found")

	last := s.topic("default", "last", "public")
	alive := s.subscribe(t, last.Topic)
	require.NoError(t, s.Hub.Stop(t.Context()))
	alive.end()
	s.Refused(s.Fetch("GET", "/realtime/topics/last", ""), 503, "", "stopping")
}

// A script lets somebody subscribe, and publishes.
func TestScriptsAndSubscribers(t *testing.T) {
	s := newSite(t)
	s.App("default")
	s.topic("default", "orders.7", "token")
	script := s.Script("default", "orders", `switch ctx.request.method {
		"GET" => pubsub::subscriber_token("orders.7", 60_000),
		"POST" => transaction(|| { pubsub::publish("orders.7", ctx.request.body); () })
	}`)
	s.Route(script, "", "/orders")
	got := s.Fetch("GET", "/orders", "")
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	live := s.subscribe(t, "orders.7?token="+string(got.Content))
	require.Equal(t, 204, s.Fetch("POST", "/orders", `{"state": "paid"}`, "Content-Type: application/json").StatusCode)
	live.message(`{"state":"paid"}`)
}

func TestSubscribeRefused(t *testing.T) {
	s := newSite(t)
	app := s.App("default")
	s.App("shop")
	s.topic("default", "open", "public")
	s.topic("default", "closed", "token")
	s.topic("default", "other", "token")
	token := func(topic string, ms int64) string {
		return do[wire.SubscriberToken](s, "POST", "apps/default/topics/"+topic+":token", wire.TokenCreate{TTLMS: ms}, 201).Token
	}
	good := token("closed", 60_000)
	for _, c := range []struct {
		path, header string
		status       int
		field, says  string
	}{
		{"open?last_event_id=x", "", 422, "query.last_event_id", "must be the id of a message"},
		{"none", "", 404, "", "topic not found"},
		{"open?app=shop", "", 404, "", "topic not found"},
		{"open?app=none", "", 404, "", "topic not found"},
		{"open?app=%00", "", 404, "", "topic not found"},
		{"%ff", "", 404, "", "topic not found"},
		{"closed", "", 401, "", "needs a subscriber token"},
		{"closed?token=x", "", 401, "", "is not a subscriber token"},
		{"closed", "Authorization: Bearer " + s.Token, 401, "", "is not a subscriber token"},
		{"closed?token=" + token("other", 60_000), "", 401, "", "is not for this topic"},
	} {
		got := s.Fetch("GET", "/realtime/topics/"+c.path, "", cmp.Or(c.header, "Accept: text/event-stream"))
		s.Refused(got, c.status, c.field, c.says)
		if c.status == 401 {
			assert.Equal(t, `Bearer realm="picloud"`, got.Header.Get("WWW-Authenticate"))
		}
	}
	require.NoError(t, s.subscribe(t, "closed?token="+good).Body.Close())
	require.NoError(t, s.subscribe(t, "closed", "Authorization: Bearer "+good).Body.Close())

	// A stream is no longer than its token.
	short := s.subscribe(t, "closed?token="+token("closed", 1_000))
	short.end()

	// Made anew it is another topic.
	require.Equal(t, 204, s.Admin(s.Token, "DELETE", "apps/default/topics/closed", "").StatusCode)
	s.topic("default", "closed", "token")
	s.Refused(s.Fetch("GET", "/realtime/topics/closed?token="+good, ""), 401, "", "is not for this topic")

	got := s.Fetch("POST", "/realtime/topics/open", "{}")
	s.Refused(got, 405, "", "answers GET only")
	assert.Equal(t, "GET, HEAD, OPTIONS", got.Header.Get("Allow"))
	got = s.Fetch("HEAD", "/realtime/topics/open", "")
	assert.Equal(t, []any{200, "text/event-stream"}, []any{got.StatusCode, got.Header.Get("Content-Type")})
	assert.Equal(t, 404, s.Fetch("GET", "/realtime/topics/", "").StatusCode)
	assert.Equal(t, 404, s.Fetch("GET", "/realtime/topics/open/more", "").StatusCode)
	old := quiet(t, s, "open", "1.0")
	s.publish(app, "open", `"of old"`)
	reader := bufio.NewReader(old)
	for _, want := range []string{"id: ", "event: message", `data: "of old"`, ""} {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		assert.Contains(t, line, want)
	}
	require.NoError(t, old.Close())

	// Those that hold a place have to leave before others come.
	s.topic("shop", "full", "public")
	var streams []*stream
	for range apitest.MaxSubscribers {
		streams = append(streams, s.subscribe(t, "full?app=shop"))
	}
	got = s.Fetch("GET", "/realtime/topics/full?app=shop", "")
	s.Refused(got, 503, "", "as many subscribers as it may")
	assert.Equal(t, "10", got.Header.Get("Retry-After"))
	require.NoError(t, streams[0].Body.Close())
	require.Eventually(t, func() bool {
		return s.Fetch("HEAD", "/realtime/topics/full?app=shop", "").StatusCode == 200
	}, 10*time.Second, 10*time.Millisecond, "a client that goes gives its place back, without a message or a heartbeat")
}

// A page of an app needs not name it, on the app's own host.
func TestSubscribeByHost(t *testing.T) {
	s := newSite(t)
	shop, standard := s.App("shop"), s.App("default")
	do[wire.App](s, "PUT", "apps/"+shop.ID, wire.AppUpdate{CORS: &wire.CORS{Origins: []string{"https://a.example"}}}, 200)
	page := do[wire.Script](s, "POST", "apps/shop/scripts", wire.ScriptCreate{Name: "page", Source: "1"}, 201)
	for _, host := range []string{"shop.example", "*.shop.example"} {
		do[wire.Route](s, "POST", "scripts/"+page.ID+"/routes", wire.RouteCreate{Host: host, Path: "/"}, 201)
	}
	s.topic("shop", "prices", "public")
	s.topic("shop", "own", "public")
	s.topic("default", "prices", "public")

	own, wild := s.subscribe(t, "prices", "Host: shop.example"), s.subscribe(t, "prices", "Host: www.SHOP.example:8080")
	named, other := s.subscribe(t, "prices?app=default", "Host: shop.example"), s.subscribe(t, "prices")
	s.publish(shop, "prices", `"of shop"`)
	s.publish(standard, "prices", `"of default"`)
	own.message(`"of shop"`)
	wild.message(`"of shop"`)
	named.message(`"of default"`)
	other.message(`"of default"`)

	for _, c := range []struct {
		path, host string
		status     int
		shared     string
	}{
		{"own", "shop.example", 200, "Allow-Origin: https://a.example"},
		{"own", "other.example", 404, ""},
		{"own?app=shop", "other.example", 200, "Allow-Origin: https://a.example"},
		{"internal", "shop.example", 404, "Allow-Origin: https://a.example"},
		{"prices?app=default", "shop.example", 200, ""},
		{"prices?app=none", "shop.example", 404, ""},
	} {
		got := s.Fetch("HEAD", "/realtime/topics/"+c.path, "", "Host: "+c.host, "Origin: https://a.example")
		assert.Equal(t, []any{c.status, c.shared}, []any{got.StatusCode, shared(got)}, "%s at %s", c.path, c.host)
	}
	asked := s.Fetch("OPTIONS", "/realtime/topics/own", "", "Host: shop.example", "Origin: https://a.example", "Access-Control-Request-Method: GET")
	assert.Equal(t, "Allow-Origin: https://a.example; Allow-Methods: GET, HEAD", shared(asked))
}

func TestSubscribeCORS(t *testing.T) {
	s := newSite(t)
	app := s.App("default")
	s.topic("default", "open", "public")
	preflight := func(origin string) answer {
		return s.Fetch("OPTIONS", "/realtime/topics/open", "", "Origin: "+origin, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
	}
	assert.Equal(t, "", shared(preflight("https://a.example")), "no policy")
	do[wire.App](s, "PUT", "apps/"+app.ID, wire.AppUpdate{CORS: &wire.CORS{Origins: []string{"https://a.example"}, MaxAge: 60}}, 200)
	for origin, want := range map[string]string{
		"https://a.example": "Allow-Origin: https://a.example; Allow-Methods: GET, HEAD; Allow-Headers: authorization; Max-Age: 60",
		"https://b.example": "",
	} {
		assert.Equal(t, want, shared(preflight(origin)))
	}
	for origin, want := range map[string]string{"https://a.example": "Allow-Origin: https://a.example", "https://b.example": ""} {
		for path, status := range map[string]int{"open": 200, "none": 404} {
			got := s.Fetch("HEAD", "/realtime/topics/"+path, "", "Origin: "+origin)
			assert.Equal(t, status, got.StatusCode)
			assert.Equal(t, want, shared(got), path)
		}
	}
}

// quiet is a subscriber that does not read more than the head.
func quiet(t testing.TB, s *site, path, version string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "GET /realtime/topics/"+path+" HTTP/"+version+"\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	var head [1024]byte
	n := 0
	for !strings.HasSuffix(string(head[:n]), "\r\n\r\n") {
		m, err := conn.Read(head[n:])
		require.NoError(t, err)
		n += m
	}
	require.Contains(t, string(head[:n]), "HTTP/1.1 200 OK\r\n")
	return conn
}

func TestSlowSubscriber(t *testing.T) {
	s := newSite(t, func(c *front.Config) { c.Pace = edge.Pace{Window: 200 * time.Millisecond} })
	app := s.App("default")
	s.topic("default", "flood", "public")
	conn, ready := quiet(t, s, "flood", "1.1"), s.subscribe(t, "flood")
	message := `"` + strings.Repeat("x", 200<<10) + `"`
	const messages = 120
	for range messages { // the one who reads is in step with them
		s.publish(app, "flood", message)
		ready.message(message)
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	n, err := io.Copy(io.Discard, conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is cut off")
	assert.Less(t, n, int64(messages*len(message)))
}

// idle subscribes so often, and returns what each subscription costs the process: the heap and the stacks
// of the server, and little of the client in the same process.
func idle(t testing.TB, n int) (bytes float64) {
	s := newSite(t, func(c *front.Config) {
		c.Realtime = realtime.New(realtime.Config{Store: c.Store, MaxSubscribers: n})
		c.Limits = edge.Limits{Connections: n + 10, PerAddress: n + 10}
	})
	s.App("default")
	s.topic("default", "idle", "public")
	used := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapInuse + m.StackInuse)
	}
	for range 10 { // what is made once
		require.NoError(t, quiet(t, s, "idle", "1.1").Close())
	}
	before := used()
	for range n {
		quiet(t, s, "idle", "1.1")
	}
	time.Sleep(20 * time.Millisecond) // their connections are watched from 5 ms on
	return (used() - before) / float64(n)
}

// most is what an idle subscriber may cost: 2,000 of them less than 50 MiB.
const most = 50 << 20 / 2000

func TestIdleSubscribers(t *testing.T) {
	got := idle(t, 400)
	t.Logf("%.0f bytes per subscriber", got)
	assert.Less(t, got, float64(most))
}

// BenchmarkIdleSubscribers tells what 2,000 of them cost.
func BenchmarkIdleSubscribers(b *testing.B) {
	for range b.N {
		b.ReportMetric(idle(b, 2000), "B/subscriber")
	}
}
