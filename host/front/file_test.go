package front_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/sites"
)

// decoded is a body out of its coding.
func decoded(t *testing.T, got answer) string {
	t.Helper()
	plain, err := io.Reader(bytes.NewReader(got.Content)), error(nil)
	switch got.Header.Get("Content-Encoding") {
	case "gzip":
		plain, err = gzip.NewReader(plain)
	case "br":
		plain = brotli.NewReader(plain)
	case "zstd":
		plain, err = zstd.NewReader(plain)
	}
	require.NoError(t, err)
	content, err := io.ReadAll(plain)
	require.NoError(t, err)
	return string(content)
}

// upload stores a file and returns its id.
func (s *site) upload(app, collection, name, contentType, content string) string {
	s.T.Helper()
	r := s.Request("POST", "/api/v1/admin/apps/"+app+"/files/"+collection+"?name="+url.QueryEscape(name), content,
		"Authorization: Bearer "+s.Token, "Content-Type: "+contentType)
	got := s.Send(r)
	require.Equal(s.T, 201, got.StatusCode, "%s", got.Content)
	var file wire.File
	require.NoError(s.T, json.Unmarshal(got.Content, &file))
	return file.ID
}

// Files are compressed as other answers are, those of static sites and those that a script answers
// with: each coding is a representation with a tag of its own, and ranges are of the file itself.
func TestFilesAreCompressed(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	text := strings.Repeat("all the same ", 1000)
	files := map[string]string{
		"page.html":  s.upload("shop", sites.Collection, "page.html", "text/html; charset=utf-8", text),
		"photo.png":  s.upload("shop", sites.Collection, "photo.png", "image/png", text),
		"short.html": s.upload("shop", sites.Collection, "short.html", "text/html; charset=utf-8", "short"),
		"large.txt":  s.upload("shop", sites.Collection, "large.txt", "text/plain", strings.Repeat("0123456789abcdef", (8<<20)/16)+"."),
		"404.html":   s.upload("shop", sites.Collection, "404.html", "text/html; charset=utf-8", text),
	}
	source, err := json.Marshal(sites.Site{Files: files})
	require.NoError(t, err)
	static := do[wire.Script](s, "POST", "apps/shop/scripts", wire.ScriptCreate{Name: "static", Kind: abi.KindStatic, Source: string(source)}, 201)
	do[wire.Route](s, "POST", "scripts/"+static.ID+"/routes", wire.RouteCreate{Method: "GET", Path: "/site/*", CORS: &wire.CORS{Origins: []string{"https://a.example"}}}, 201)
	id := s.upload("shop", "docs", "text.txt", "text/plain", text)
	answers := func(path, more string) {
		s.Route(s.Script("shop", strings.TrimPrefix(path, "/"), `#{ statusCode: 200, file: #{ collection: "docs", id: "`+id+`" }`+more+` }`), "", path)
	}
	answers("/file", "")
	answers("/vary", `, headers: #{ vary: "accept" }`)
	answers("/as-it-is", `, headers: #{ "cache-control": "no-transform" }`)
	answers("/own-tag", `, headers: #{ etag: "\"mine\"" }`)
	answers("/encoded", `, headers: #{ "content-encoding": "br" }`)
	answers("/other-type", `, headers: #{ "content-type": "image/png" }`)

	for _, c := range []struct {
		path, accept, coding string
		status               int
		varies               bool
	}{
		{"/site/page.html", "gzip", "gzip", 200, true},
		{"/site/page.html", "gzip, deflate, br, zstd", "zstd", 200, true},
		{"/site/page.html", "br", "br", 200, true},
		{"/site/page.html", "identity", "", 200, true},
		{"/site/nothing", "br", "br", 404, true},
		{"/site/photo.png", "br", "", 200, false},
		{"/site/short.html", "br", "", 200, false},
		{"/site/large.txt", "br", "", 200, false},
		{"/file", "gzip", "gzip", 200, true},
		{"/file", "*;q=0", "", 200, true},
		{"/vary", "br", "br", 200, true},
		{"/as-it-is", "br", "", 200, false},
		{"/own-tag", "br", "", 200, false},
		{"/encoded", "gzip", "br", 200, false},
		{"/other-type", "gzip", "", 200, false},
	} {
		got := s.Fetch("GET", c.path, "", "Accept-Encoding: "+c.accept)
		require.Equal(t, c.status, got.StatusCode, "%v: %s", c, got.Content)
		assert.Equal(t, c.coding, got.Header.Get("Content-Encoding"), "%v", c)
		assert.Equal(t, c.varies, strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Accept-Encoding"), "%v", c)
		assert.EqualValues(t, len(got.Content), got.ContentLength, "%v", c)
		if c.coding != "" && c.path != "/encoded" {
			assert.Equal(t, text, decoded(t, got), "%v", c)
			assert.Less(t, len(got.Content), len(text)/10, "%v", c)
		}
	}
	got := s.Fetch("GET", "/site/page.html", "", "Accept-Encoding: br", "Origin: https://a.example")
	assert.Equal(t, "Origin, Accept-Encoding", strings.Join(got.Header.Values("Vary"), ", "))
	got = s.Fetch("GET", "/vary", "", "Accept-Encoding: br")
	assert.Equal(t, "accept, Accept-Encoding", strings.Join(got.Header.Values("Vary"), ", "))

	for _, path := range []string{"/site/page.html", "/file"} {
		whole := s.Fetch("GET", path, "", "Accept-Encoding: identity")
		packed := s.Fetch("GET", path, "", "Accept-Encoding: br")
		tag, packedTag := whole.Header.Get("Etag"), packed.Header.Get("Etag")
		assert.Equal(t, strings.TrimSuffix(tag, `"`)+`-br"`, packedTag)
		assert.Equal(t, "bytes", whole.Header.Get("Accept-Ranges"))
		assert.Empty(t, packed.Header.Get("Accept-Ranges"), "there are none of it")
		head := s.Fetch("HEAD", path, "", "Accept-Encoding: br")
		for _, name := range []string{"Content-Length", "Content-Encoding", "Content-Type", "Etag", "Vary", "Last-Modified", "Cache-Control"} {
			assert.Equal(t, packed.Header.Get(name), head.Header.Get(name), "%s of %s", name, path)
		}
		for _, c := range []struct {
			status int
			coding string
			body   string // "": all of it
			fields []string
		}{
			{304, "", "-", []string{"Accept-Encoding: br", "If-None-Match: " + packedTag}},
			{304, "", "-", []string{"Accept-Encoding: br", "If-None-Match: " + tag + ", " + packedTag}},
			{200, "br", "", []string{"Accept-Encoding: br", "If-None-Match: " + tag}},
			{200, "gzip", "", []string{"Accept-Encoding: gzip", "If-None-Match: " + packedTag}},
			{304, "", "-", []string{"Accept-Encoding: identity", "If-None-Match: " + tag}},
			{200, "", "", []string{"Accept-Encoding: identity", "If-None-Match: " + packedTag}},
			{412, "", "-", []string{"Accept-Encoding: br", `If-Match: "another"`}},
			{200, "br", "", []string{"Accept-Encoding: br", "If-Match: " + packedTag}},
			{206, "", "the", []string{"Accept-Encoding: br", "Range: bytes=4-6"}},
			{206, "", "the", []string{"Accept-Encoding: br", "Range: bytes=4-6", "If-Range: " + tag}},
			{200, "", "", []string{"Accept-Encoding: br", "Range: bytes=4-6", "If-Range: " + packedTag}},
			{416, "", "-", []string{"Accept-Encoding: br", "Range: bytes=99999-"}},
		} {
			got := s.Fetch("GET", path, "", c.fields...)
			assert.Equal(t, c.status, got.StatusCode, "%s %v", path, c.fields)
			assert.Equal(t, c.coding, got.Header.Get("Content-Encoding"), "%s %v", path, c.fields)
			assert.Contains(t, strings.Join(got.Header.Values("Vary"), ","), "Accept-Encoding", "%s %v", path, c.fields)
			switch c.body {
			case "-":
			case "":
				assert.Equal(t, text, decoded(t, got), "%s %v", path, c.fields)
			default:
				assert.Equal(t, c.body, string(got.Content), "%s %v", path, c.fields)
			}
		}
	}
	assert.Empty(t, s.Admin(s.Token, "GET", "apps/shop/files/docs/"+id, "").Header.Get("Content-Encoding"))

	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			got := s.Fetch("GET", "/site/page.html", "", "Accept-Encoding: "+[]string{"br", "gzip", "zstd"}[i%3])
			assert.Equal(t, text, decoded(t, got))
		})
	}
	all.Wait()
}
