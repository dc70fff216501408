package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/picloud/picloud/host/api/wire"
)

// A visit is one request to an example.
type visit struct {
	request string // METHOD PATH
	body    string
	status  int
	want    string // the body, or a part of it after "..."
}

func (s visit) check(t *testing.T, url string) (http.Header, string) {
	t.Helper()
	method, path, _ := strings.Cut(s.request, " ")
	status, header, body := request(t, method, url+path, s.body)
	part, ok := strings.CutPrefix(s.want, "...")
	if status != s.status || ok && !strings.Contains(body, part) || !ok && body != s.want {
		t.Errorf("%s %s\ngot  %d %s\nwant %d %s", s.request, s.body, status, body, s.status, s.want)
	}
	return header, body
}

func TestGuestbookExample(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/guestbook")
	for _, s := range []visit{
		{"GET /guestbook", "", 200, `{"count":0,"entries":[]}`},
		{"POST /guestbook", `{"name":"Ada"}`, 422, `{"error":"message must be a string"}`},
		{"POST /guestbook", `{"name":"","message":"x"}`, 422, `{"error":"name must have between 1 and 50 characters, got 0"}`},
		{"POST /guestbook", `[]`, 422, `{"error":"the body must be a JSON object"}`},
		{"GET /guestbook/none", "", 404, `{"error":"there is no entry none"}`},
		{"GET /guestbook?cursor=none", "", 400, `{"error":"there is no such page"}`},
	} {
		s.check(t, server.url)
	}
	for i := range 12 {
		header, body := visit{"POST /guestbook", fmt.Sprintf(`{"name":"guest %d","message":"héllo %d"}`, i%3, i), 201, "..."}.check(t, server.url)
		_, stored := visit{"GET " + header.Get("Location"), "", 200, "..."}.check(t, server.url)
		if stored != body {
			t.Errorf("stored %s, answered %s", stored, body)
		}
		// The next entry is later by the clock they are sorted by, which has milliseconds.
		for written := time.Now().UnixMilli(); time.Now().UnixMilli() == written; {
			runtime.Gosched()
		}
	}
	var page struct {
		Count   int
		Entries []struct{ Message string }
		Next    string
	}
	read := func(path string) (messages []string) {
		t.Helper()
		_, body := visit{"GET " + path, "", 200, "..."}.check(t, server.url)
		page.Entries, page.Next = nil, ""
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Entries {
			messages = append(messages, strings.TrimPrefix(entry.Message, "héllo "))
		}
		return messages
	}
	all := read("/guestbook")
	if page.Count != 12 || len(all) != 10 {
		t.Errorf("%d entries on the first page of %d", len(all), page.Count)
	}
	all = append(all, read(page.Next)...)
	if got, want := strings.Join(all, " "), "11 10 9 8 7 6 5 4 3 2 1 0"; got != want || page.Next != "" {
		t.Errorf("read %s, want %s, and then %q", got, want, page.Next)
	}
	if got := strings.Join(read("/guestbook?name=guest%201"), " "); got != "10 7 4 1" {
		t.Errorf("guest 1 wrote %s", got)
	}
	if docs := decode[[]wire.Document](t, p, "docs", "list", "entries", "--app", "guestbook"); len(docs) != 12 {
		t.Errorf("%d documents on the command line", len(docs))
	}
}

func TestImagesExample(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/images")
	picture := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00\xff", 300_000)
	upload := func(query, contentType, body string) (*http.Response, string) {
		t.Helper()
		resp, err := http.Post(server.url+"/images"+query, contentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	for _, test := range []struct {
		query, contentType, body string
		status                   int
		says                     string
	}{
		{"?name=x.svg", "image/svg+xml", "<svg/>", 415, "content type must be one of"},
		{"?name=x.png", "image/png", "text", 422, "not an image"},
		{"?name=a/b", "image/png", picture, 422, "must not contain path separators"},
		{"", "image/png", picture + strings.Repeat("\xff", 5_000_000), 413, "an image may have 5000000 bytes"},
	} {
		if resp, body := upload(test.query, test.contentType, test.body); resp.StatusCode != test.status || !strings.Contains(body, test.says) {
			t.Errorf("upload of %s as %s: %d %s, want %d %s", test.query, test.contentType, resp.StatusCode, body, test.status, test.says)
		}
	}
	resp, body := upload("?name=cat.png", "image/png", picture)
	if resp.StatusCode != 201 || !strings.Contains(body, `"name":"cat.png","size":600008`) {
		t.Fatalf("upload: %d %s", resp.StatusCode, body)
	}
	location := resp.Header.Get("Location")
	status, header, shown := request(t, "GET", server.url+location, "")
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(picture)))
	if status != 200 || shown != picture || header.Get("Content-Type") != "image/png" || header.Get("ETag") != tag {
		t.Errorf("shown: %d, %d bytes, %v, want etag %s", status, len(shown), header, tag)
	}
	again, err := http.NewRequest("GET", server.url+location, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("If-None-Match", tag)
	resp, err = http.DefaultClient.Do(again)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 304 {
		t.Errorf("with the tag: %d, want 304", resp.StatusCode)
	}
	visit{"GET /images", "", 200, `...[{"content_type":"image/png","id":"` + strings.TrimPrefix(location, "/images/") + `"`}.check(t, server.url)
	visit{"DELETE " + location, "", 204, ""}.check(t, server.url)
	visit{"DELETE " + location, "", 404, "...there is no image"}.check(t, server.url)
	visit{"GET " + location, "", 404, "...there is no image"}.check(t, server.url)
	visit{"GET /images", "", 200, "[]"}.check(t, server.url)
}

func TestShortenerExample(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/shortener")
	follow := func(code string, status int, location string) {
		t.Helper()
		noRedirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := noRedirect.Get(server.url + "/s/" + code)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status || resp.Header.Get("Location") != location {
			t.Errorf("following %s: %d %s, want %d %s", code, resp.StatusCode, resp.Header.Get("Location"), status, location)
		}
	}
	const address = "https://example.com/a?b=c#d"
	for _, s := range []visit{
		{"POST /links", `{"url":"` + address + `","code":"short"}`, 201, `{"code":"short","url":"` + address + `"}`},
		{"POST /links", `{"url":"https://example.com/","code":"short"}`, 409, `{"error":"short is taken"}`},
		{"POST /links", `{"url":"https://example.com/","code":"../x"}`, 422, "...code must be"},
		{"POST /links", `{"url":"javascript:alert(1)"}`, 422, "...must begin with http"},
		{"POST /links", `{"url":"https://"}`, 422, "...url"},
		{"POST /links", `{"url":7}`, 422, "...url must be a string"},
		{"POST /links", `{"url":"` + strings.Repeat("x", 2001) + `"}`, 422, "...got 2001"},
		{"GET /links/short", "", 200, `{"code":"short","hits":0,"url":"` + address + `"}`},
		{"GET /links/none", "", 404, `{"error":"there is no link none"}`},
	} {
		s.check(t, server.url)
	}
	follow("short", 302, address)
	follow("none", 404, "")
	_, body := visit{"POST /links", `{"url":"http://example.org"}`, 201, "..."}.check(t, server.url)
	var made struct{ Code string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || len(made.Code) != 7 {
		t.Fatalf("made %s", body)
	}
	follow(made.Code, 302, "http://example.org")

	// Many at once are all counted.
	const clients, visits = 16, 8
	done := make(chan int, clients)
	for range clients {
		go func() {
			counted := 0
			for range visits {
				resp, err := http.DefaultTransport.RoundTrip(must(http.NewRequest("GET", server.url+"/s/short", nil)))
				if err != nil {
					break
				}
				resp.Body.Close()
				if resp.StatusCode == 302 { // else it may be one of too many at once
					counted++
				}
			}
			done <- counted
		}()
	}
	total := 1
	for range clients {
		total += <-done
	}
	if total < 2 {
		t.Error("no visit succeeded")
	}
	visit{"GET /links/short", "", 200, fmt.Sprintf(`...{"code":"short","hits":%d,`, total)}.check(t, server.url)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestWeatherExample(t *testing.T) {
	var asked atomic.Int32
	answer := atomic.Pointer[string]{}
	set := func(text string) { answer.Store(&text) }
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/v1/forecast" || r.URL.Query().Get("current") != "temperature_2m,wind_speed_10m" || !strings.HasPrefix(r.UserAgent(), "PiCloud/") {
			t.Errorf("asked for %s by %s", r.URL, r.UserAgent())
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, *answer.Load(), r.URL.Query().Get("latitude"))
	}))
	defer upstream.Close()
	p, server := loggedIn(t, "PICLOUD_HTTP_ALLOW_PRIVATE=true")
	p.must(t, "deploy", "examples/weather")
	p.must(t, "kv", "put", "settings", "upstream", `"`+upstream.URL+`"`, "--app", "weather")

	set(`{"current":{"temperature_2m":%s,"wind_speed_10m":3.5}}`) // the latitude is as good as any temperature
	for i, cache := range []string{"miss", "hit", "hit"} {
		header, _ := visit{"GET /weather/berlin", "", 200, `..."celsius":52.52,"city":"berlin","wind_kmh":3.5}`}.check(t, server.url)
		if header.Get("X-Cache") != cache {
			t.Errorf("request %d is a cache %s, want %s", i, header.Get("X-Cache"), cache)
		}
	}
	visit{"GET /weather/lima", "", 200, `..."celsius":-12.05`}.check(t, server.url)
	if asked.Load() != 2 {
		t.Errorf("the weather service was asked %d times, want 2", asked.Load())
	}
	entry := decode[wire.KVEntry](t, p, "kv", "get", "cache", "berlin", "--app", "weather")
	if entry.ExpiresAt == nil || time.Until(*entry.ExpiresAt) > 10*time.Minute || time.Until(*entry.ExpiresAt) < 5*time.Minute {
		t.Errorf("the weather is kept until %v", entry.ExpiresAt)
	}
	visit{"GET /weather/atlantis", "", 404, "...there is no atlantis here"}.check(t, server.url)
	set(`{"error":true,"reason":"%s"}`)
	visit{"GET /weather/tokyo", "", 502, `{"error":"the weather service gives no weather"}`}.check(t, server.url)
	upstream.Close()
	visit{"GET /weather/tokyo", "", 502, `{"error":"the weather service cannot be reached"}`}.check(t, server.url)
	visit{"GET /weather/berlin", "", 200, `..."celsius":52.52`}.check(t, server.url)
	if log := p.must(t, "logs", "weather", "--app", "weather"); !strings.Contains(log, "the weather service cannot be reached") {
		t.Errorf("the log is\n%s", log)
	}
}

// Unless the operator allows it, no script reaches this machine.
func TestPrivateAddressesAreRefused(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the listener was reached") }))
	defer upstream.Close()
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/weather")
	p.must(t, "kv", "put", "settings", "upstream", `"`+upstream.URL+`"`, "--app", "weather")
	visit{"GET /weather/tokyo", "", 502, `{"error":"the weather service cannot be reached"}`}.check(t, server.url)
	if log := p.must(t, "logs", "weather", "--app", "weather", "-o", "json"); !strings.Contains(log, "private network address") {
		t.Errorf("the log is\n%s", log)
	}
}
