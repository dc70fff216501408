package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judges is the directory of the programs redbot and httplint, which judge the built server; see
// `make conformance`. Without it they do not.
const judges = "PICLOUD_CONFORMANCE"

// accepted are the warnings that are not heeded, and why.
var accepted = map[string]string{
	"This response allows caches to assign their own freshness lifetimes to it.": "a script says itself how long its answer is fresh",
	"This response is partial, but doesn't have a Content-Range header.":         "one of several ranges has none, but each of its parts (RFC 9110, section 15.3.7.2)",
	"The server didn't understand the request.":                                  "it is not to be understood",
	"Cache-Control: public is probably not necessary.":                           "it says the same of requests with credentials, and is what hosts of static sites send",
}

// judged is a note of a judge that is not about what is right.
type judged struct{ Level, Summary string }

// faults are the notes that are not accepted.
func faults(notes []judged) (faults []judged) {
	for _, note := range notes {
		if (note.Level == "BAD" || note.Level == "WARN") && accepted[note.Summary] == "" {
			faults = append(faults, note)
		}
	}
	return faults
}

// judge runs a judge and returns what it writes.
func judge(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(os.Getenv(judges), name), args...)
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = bytes.NewReader(stdin), &stderr
	out, err := c.Output()
	require.NoError(t, err, "%s %v: %s", name, args, stderr.String())
	return out
}

// redbot has REDbot visit a URL, in all the ways that it knows: with validators, ranges and codings.
// It returns the ids of what it found, and its notes.
func redbot(t *testing.T, url string) (ids map[string]bool, notes []judged) {
	t.Helper()
	var har struct {
		Log struct {
			Entries []struct {
				Messages []struct {
					ID string `json:"note_id"`
					judged
				} `json:"_red_messages"`
			}
		}
	}
	out := judge(t, nil, "redbot", "-o", "har", url)
	require.NoError(t, json.Unmarshal(out, &har), "%s", out)
	ids = map[string]bool{}
	for _, entry := range har.Log.Entries {
		for _, note := range entry.Messages {
			ids[note.ID] = true
			notes = append(notes, note.judged)
		}
	}
	require.NotEmpty(t, notes, "%s", out)
	return ids, notes
}

// An exchanged is a request and the response to it, as bytes.
type exchanged struct {
	Request  []byte `json:"request"`
	Response []byte `json:"response"`
	At       int64  `json:"at"` // Unix seconds
}

// httplint has httplint judge the responses of exchanges.
func httplint(t *testing.T, exchanges ...exchanged) (notes [][]judged) {
	t.Helper()
	in, err := json.Marshal(exchanges)
	require.NoError(t, err)
	script, err := filepath.Abs("testdata/judge.py")
	require.NoError(t, err)
	out := judge(t, in, "python", script)
	require.NoError(t, json.Unmarshal(out, &notes), "%s", out)
	require.Len(t, notes, len(exchanges))
	return notes
}

// exchange sends a request, a head without Host and, behind an empty line, a body.
func exchange(t *testing.T, url, request string) exchanged {
	t.Helper()
	address := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	head, body, _ := strings.Cut(request, "\n\n")
	e := exchanged{Request: []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\nHost: " + address + "\r\nConnection: close\r\n\r\n" + body)}
	_, err = conn.Write(e.Request)
	require.NoError(t, err)
	e.At = time.Now().Unix()
	e.Response, err = io.ReadAll(conn)
	require.NoError(t, err)
	return e
}

// What others have written to judge HTTP servers finds nothing wrong with this one: REDbot, which asks
// as caches and browsers do, and httplint, which reads what REDbot does not ask for.
func TestConformance(t *testing.T) {
	if os.Getenv(judges) == "" {
		t.Skip("make conformance has it")
	}
	wrong := exchanged{
		Request:  []byte("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
		Response: []byte("HTTP/1.1 200 OK\r\nDate: today\r\nCache-Control: no-store\r\nContent-Length: 3\r\n\r\nfour"),
		At:       time.Now().Unix(),
	}
	require.ElementsMatch(t, []judged{
		{"BAD", "The Date header's value isn't a valid date."}, {"BAD", "The Content-Length header is incorrect."},
	}, faults(httplint(t, wrong)[0]), "or it judges nothing")
	p, server := loggedIn(t)
	text := strings.Repeat("all the same ", 1000)
	for name, content := range map[string]string{
		"picloud.yaml": `app: judged
static: {from: public/, to: /}
cors: {origins: [https://a.example], expose: [x-total], credentials: true, max_age: 600}
scripts:
  - {name: json, routes: [GET /json, POST /json]}
  - {name: text, routes: [GET /text]}
  - {name: empty, routes: [GET /empty]}
  - {name: cookies, routes: [GET /cookies]}
  - {name: moved, routes: [GET /moved]}
  - {name: stream, routes: [GET /stream]}
  - {name: fails, routes: [GET /fails]}
  - {name: file, routes: ["GET /file/:id", "GET /saved/:id"]}
`,
		"json.rhai":    `let n = []; for i in 0..500 { n.push(i) } #{ statusCode: 200, headers: #{ "cache-control": "no-cache", "x-total": "500", etag: true }, body: n }`,
		"text.rhai":    `"hello"`,
		"empty.rhai":   `()`,
		"cookies.rhai": `#{ statusCode: 200, headers: #{ "cache-control": "no-store" }, cookies: #{ sid: #{ value: "1", max_age: 60, http_only: true, same_site: "lax", path: "/" } }, body: "set" }`,
		"moved.rhai":   `redirect("/json")`,
		"stream.rhai":  `#{ statusCode: 200, headers: #{ "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }, stream: |out| { for i in 0..3 { out.write("part "); } } }`,
		"fails.rhai":   `throw "no"`,
		"file.rhai": `let file = #{ collection: "docs", id: ctx.request.params.id };
			if ctx.request.path.starts_with("/saved") { file.download = "ünï.txt"; }
			#{ statusCode: 200, headers: #{ "cache-control": "max-age=60" }, file: file }`,
		"docs/a.txt":        text,
		"public/index.html": "<!doctype html><title>Judged</title>" + text, "public/404.html": "<!doctype html><title>Not here</title>" + text,
		"public/about/index.html": "<!doctype html><title>About</title>", "public/assets/app.3f9a1c2b.js": "// " + text,
		"public/style.css": "/* " + text + " */", "public/picture.png": "\x89PNG\r\n\x1a\n" + text,
	} {
		p.write(t, filepath.Join("judged", name), content)
	}
	p.must(t, "deploy", "judged")
	file := decode[struct{ ID string }](t, p, "files", "put", "docs", "judged/docs/a.txt", "--app", "judged").ID
	require.Eventually(t, func() bool { // which a file of the last two seconds has not
		response, err := http.Head(server.url + "/assets/app.3f9a1c2b.js")
		return err == nil && response.Body.Close() == nil && response.Header.Get("Last-Modified") != ""
	}, patience, 50*time.Millisecond)

	for _, c := range []struct {
		path  string
		finds []string // of what REDbot knows, by its ids
	}{
		{"/", []string{"CONNEG_GZIP_GOOD", "INM_304", "RANGE_CORRECT"}},
		{"/assets/app.3f9a1c2b.js", []string{"CONNEG_GZIP_GOOD", "INM_304", "IMS_304", "RANGE_CORRECT", "FRESHNESS_FRESH"}},
		{"/style.css", []string{"CONNEG_GZIP_GOOD", "INM_304", "RANGE_CORRECT"}},
		{"/picture.png", []string{"INM_304", "RANGE_CORRECT"}},
		{"/nothing", nil},
		{"/json", []string{"CONNEG_GZIP_GOOD", "INM_304"}},
		{"/text", nil},
		{"/file/" + file, []string{"CONNEG_GZIP_GOOD", "INM_304", "RANGE_CORRECT"}},
		{"/saved/" + file, []string{"CONNEG_GZIP_GOOD", "INM_304", "RANGE_CORRECT"}},
		{"/api/v1/openapi.json", nil},
		{"/api/v1/reference/kv", []string{"INM_304"}},
		{"/api/v1/sdk", []string{"INM_304"}},
	} {
		t.Run("redbot "+c.path, func(t *testing.T) {
			t.Parallel()
			ids, notes := redbot(t, server.url+c.path)
			assert.Empty(t, faults(notes))
			for _, id := range c.finds {
				assert.Contains(t, ids, id, "%v", notes)
			}
		})
	}
	requests := []struct{ status, request string }{
		{"204", "OPTIONS /json HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: POST\nAccess-Control-Request-Headers: content-type"},
		{"204", "OPTIONS /json HTTP/1.1\nOrigin: https://b.example\nAccess-Control-Request-Method: POST"},
		{"204", "OPTIONS /style.css HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: GET\nAccess-Control-Request-Headers: range"},
		{"204", "OPTIONS /text HTTP/1.1"},
		{"204", "OPTIONS * HTTP/1.1"},
		{"200", "GET /json HTTP/1.1\nOrigin: https://a.example"},
		{"200", "GET /json HTTP/1.1\nOrigin: https://b.example\nAccept-Encoding: br"},
		{"200", "POST /json HTTP/1.1\nOrigin: https://a.example\nContent-Type: application/json\nContent-Length: 2\n\n{}"},
		{"502", "GET /fails HTTP/1.1\nOrigin: https://a.example"},
		{"200", "GET /style.css HTTP/1.1\nOrigin: https://a.example\nAccept-Encoding: zstd"},
		{"206", "GET /style.css HTTP/1.1\nOrigin: https://a.example\nAccept-Encoding: br\nRange: bytes=0-9"},
		{"206", "GET /style.css HTTP/1.1\nRange: bytes=0-9,20-29"},
		{"206", "GET /file/" + file + " HTTP/1.1\nRange: bytes=-5"},
		{"416", "GET /style.css HTTP/1.1\nRange: bytes=99999-"},
		{"304", "GET /style.css HTTP/1.1\nIf-None-Match: *"},
		{"304", "GET /file/" + file + " HTTP/1.1\nAccept-Encoding: br\nIf-None-Match: *"},
		{"412", "GET /style.css HTTP/1.1\nIf-Match: \"another\""},
		{"405", "POST /style.css HTTP/1.1\nContent-Length: 0"},
		{"405", "PUT /text HTTP/1.1\nContent-Length: 0"},
		{"501", "BREW /text HTTP/1.1"},
		{"400", "GET /a%zz HTTP/1.1"},
		{"401", "POST /api/v1/admin/apps HTTP/1.1\nContent-Length: 0"},
		{"200", "GET /stream HTTP/1.0"},
		{"431", "GET /text HTTP/1.1\nX-Long: " + strings.Repeat("x", 40<<10)},
		{"308", "GET /about HTTP/1.1"},
		{"204", "GET /empty HTTP/1.1"},
		{"200", "GET /cookies HTTP/1.1"},
		{"302", "GET /moved HTTP/1.1"},
		{"200", "GET /healthz HTTP/1.1"},
		{"200", "GET /version HTTP/1.1\nAccept-Encoding: gzip"},
		{"401", "GET /api/v1/admin/apps HTTP/1.1"},
		{"200", "HEAD /style.css HTTP/1.1\nAccept-Encoding: br"},
		{"200", "HEAD /json HTTP/1.1\nAccept-Encoding: br"},
	}
	t.Run("httplint", func(t *testing.T) {
		t.Parallel()
		var exchanges []exchanged
		for _, r := range requests {
			e := exchange(t, server.url, r.request)
			require.Regexp(t, "^HTTP/1.1 "+r.status+" ", string(e.Response))
			exchanges = append(exchanges, e)
		}
		for i, notes := range httplint(t, exchanges...) {
			head, _, _ := bytes.Cut(exchanges[i].Response, []byte("\r\n\r\n"))
			assert.NotEmpty(t, notes)
			assert.Empty(t, faults(notes), "%.200s\n\n%s", requests[i].request, head)
		}
	})
}
