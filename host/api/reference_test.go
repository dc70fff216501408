package api_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/reference"
)

// The reference is read by anybody: as Markdown by programs, as HTML by browsers.
func TestReferenceIsServed(t *testing.T) {
	s := newSite(t)
	for _, page := range append(reference.Pages(), reference.Page{Name: reference.Index}) {
		plain := s.Fetch("GET", "/api/v1/reference/"+page.Name, "")
		require.Equal(t, 200, plain.StatusCode, page.Name)
		assert.Equal(t, "text/markdown; charset=utf-8", plain.Header.Get("Content-Type"))
		assert.Equal(t, "public, no-cache", plain.Header.Get("Cache-Control"))
		assert.Equal(t, "nosniff", plain.Header.Get("X-Content-Type-Options"))
		text, _ := reference.Markdown(page.Name)
		assert.Equal(t, text, string(plain.Content))
		assert.Equal(t, text, string(s.Fetch("GET", "/api/v1/reference/"+page.Name+".md", "", "Accept: text/html").Content))

		shown := s.Fetch("GET", "/api/v1/reference/"+page.Name, "", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
		require.Equal(t, 200, shown.StatusCode)
		assert.Equal(t, "text/html; charset=utf-8", shown.Header.Get("Content-Type"))
		assert.Contains(t, shown.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
		assert.Contains(t, shown.Header.Get("Vary"), "Accept")
		assert.NotEqual(t, plain.Header.Get("ETag"), shown.Header.Get("ETag"))
		again := s.Fetch("GET", "/api/v1/reference/"+page.Name, "", "Accept: text/html", "If-None-Match: "+shown.Header.Get("ETag"))
		assert.Equal(t, 304, again.StatusCode)
		assert.Empty(t, again.Content)
	}
	head := s.Fetch(http.MethodHead, "/api/v1/reference/kv", "")
	assert.Equal(t, 200, head.StatusCode)
	assert.Empty(t, head.Content)
	assert.Contains(t, string(s.Fetch("GET", "/api/v1/reference", "").Content), "# Reference")
	for _, none := range []string{"nope", "kv.txt", "..%2Fsdk", "index.md.md", "%00"} {
		s.Refused(s.Fetch("GET", "/api/v1/reference/"+none, ""), 404, "", "the reference has no page")
	}
	s.Refused(s.Fetch("POST", "/api/v1/reference/kv", ""), 405, "", "there is no POST /api/v1/reference/kv")
}

// Editors have all of it as JSON, and as definitions.
func TestSDKIsServed(t *testing.T) {
	s := newSite(t)
	got := s.Fetch("GET", "/api/v1/sdk", "")
	require.Equal(t, 200, got.StatusCode)
	var sdk reference.SDK
	require.NoError(t, json.Unmarshal(got.Content, &sdk))
	assert.Equal(t, reference.Read(), &sdk)
	assert.Equal(t, "public, no-cache", got.Header.Get("Cache-Control"))
	assert.Equal(t, 304, s.Fetch("GET", "/api/v1/sdk", "", "If-None-Match: "+got.Header.Get("ETag")).StatusCode)
	assert.Equal(t, reference.Definitions(), string(s.Fetch("GET", "/api/v1/picloud.d.rhai", "").Content))
}

// An error of a function that there is not says which was meant, in the answer and in the log, and only there: a script
// that catches it sees the language's own.
func TestErrorsAdvise(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	for source, want := range map[string]string{
		`kv::collection("c").gett("k")`:                   "did you mean KvCollection.get(key: string) -> any?",
		`kv::colection("c")`:                              "did you mean kv::collection(name: string) -> KvCollection?",
		`fn f() { kv::collection("c").incr("k") } f()`:    "there is KvCollection.incr(key: string, by: int) -> int\nin call to function 'f'",
		`jsno::parse("1")`:                                "did you mean json?",
		`"text".sub_strng(1)`:                             "did you mean sub_string(string: string, range: range | int) -> string",
		`try { no_such(1) } catch (e) { throw e; }`:       "",
		`throw "Function not found: gett (KvCollection)"`: "",
	} {
		script := s.Script("shop", "f"+strconv.Itoa(len(source)), source)
		run := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
		require.NotNil(t, run.Error, source)
		if want == "" {
			assert.NotContains(t, run.Error.Message, "did you mean", source)
			assert.NotContains(t, run.Error.Message, "there is", source)
			continue
		}
		assert.Contains(t, run.Error.Message, "; "+want, source)
		assert.Contains(t, run.Logs[len(run.Logs)-1].Message, want, source)
	}
}
