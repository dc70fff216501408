package front_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestWhereARequestComesFrom(t *testing.T) {
	s := newSite(t)
	s.Deploy("/see/:id", `ctx.request`)
	host := strings.TrimPrefix(s.URL, "http://")
	request := seen(t, s.Fetch("GET", "/see/a%2Fb?tag=a&tag=b&x=%26", "", "Cookie: sid=1; theme=dark", "X-Two: a", "X-Two: b"))
	assert.Equal(t, map[string]any{"tag": []any{"a", "b"}, "x": []any{"&"}}, request["query_all"])
	assert.Equal(t, map[string]any{"tag": "b", "x": "&"}, request["query"])
	assert.Equal(t, "tag=a&tag=b&x=%26", request["raw_query"])
	assert.Equal(t, "http://"+host+"/see/a%2Fb?tag=a&tag=b&x=%26", request["url"])
	assert.Equal(t, []any{"http", host, "127.0.0.1"}, []any{request["scheme"], request["host"], request["remote_addr"]})
	assert.Equal(t, map[string]any{"sid": "1", "theme": "dark"}, request["cookies"])
	assert.Equal(t, []any{"a", "b"}, request["headers_all"].(map[string]any)["x-two"])
	assert.Equal(t, map[string]any{}, request["form"])

	// Each alone is what it is in the whole.
	for _, name := range []string{"query_all", "raw_query", "url", "cookies", "path", "method", "params"} {
		s.Deploy("/one/"+name, `#{v: ctx.request.`+name+`}`)
		one := seen(t, s.Fetch("GET", "/one/"+name+"?a=1&a=2", "", "Cookie: a=b"))["v"]
		assert.NotNil(t, one, name)
	}
}

// No way of looking shows a script a credential of PiCloud.
func TestCredentialsAreInNoPartOfARequest(t *testing.T) {
	s := newSite(t)
	s.Deploy("/see", `ctx`)
	got := s.Fetch("GET", "/see?a=1&token="+s.Token+"&b=2&c="+strings.ReplaceAll(s.Token, "_", "%5F"), "",
		"Cookie: sid=1; session="+s.Token, "Authorization: Bearer "+s.Token, "X-Token: "+s.Token, "X-Kept: yes")
	request := seen(t, got)["request"].(map[string]any)
	assert.NotContains(t, string(got.Content), s.Token[10:])
	assert.Equal(t, "a=1&b=2", request["raw_query"])
	assert.Equal(t, map[string]any{"a": "1", "b": "2"}, request["query"])
	assert.Equal(t, s.URL+"/see?a=1&b=2", request["url"])
	assert.Equal(t, map[string]any{"sid": "1"}, request["cookies"])
	assert.Equal(t, []any{"yes"}, request["headers_all"].(map[string]any)["x-kept"])
}

// upload is a form with a field and files.
func upload(t *testing.T, files map[string][]byte) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.WriteField("title", "Grüße"))
	for name, data := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name="f"; filename=%q`, name)}, "Content-Type": {"image/png"},
		})
		require.NoError(t, err)
		_, err = part.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

func TestForms(t *testing.T) {
	s := newSite(t)
	s.Deploy("/form", `#{form: ctx.request.form, all: ctx.request.form_all}`)
	form := seen(t, s.Fetch("POST", "/form", "a=1&b=x+y&a=2", "Content-Type: application/x-www-form-urlencoded"))
	assert.Equal(t, map[string]any{"a": "2", "b": "x y"}, form["form"])
	assert.Equal(t, map[string]any{"a": []any{"1", "2"}, "b": []any{"x y"}}, form["all"])

	body, contentType := upload(t, map[string][]byte{"a.png": {1, 2}})
	form = seen(t, s.Fetch("POST", "/form", body, contentType))["form"].(map[string]any)
	assert.Equal(t, "Grüße", form["title"])
	assert.Equal(t, map[string]any{"name": "f", "filename": "a.png", "content_type": "image/png", "size": 2.0, "data": map[string]any{"$blob": "AQI="}}, form["f"])

	malformed := s.Fetch("POST", "/form", "--x", "Content-Type: multipart/form-data; boundary=b")
	assert.Equal(t, map[string]any{}, seen(t, malformed)["form"], "what is malformed is no form")
}

// A file goes from the form to the files, and from there to a client, without passing through the
// script: it is larger than the script's memory allows.
func TestFilesPassScriptsBy(t *testing.T) {
	s := newSite(t)
	s.App("pics")
	in := s.Script("pics", "in", `
		if ctx.request.form.f.data != () { throw "so small?" }
		let f = ctx.request.save_file("f", "pics");
		#{ statusCode: 201, headers: #{ location: "/pics/" + f.id }, body: f }`)
	out := s.Script("pics", "out", `#{ statusCode: 200, file: #{ collection: "pics", id: ctx.request.params.id, download: ctx.request.query.name } }`)
	gone := s.Script("pics", "gone", `#{ statusCode: 404, headers: #{ "cache-control": "no-store" }, file: #{ collection: "pics", id: ctx.request.query.id } }`)
	s.Route(in, "POST", "/pics")
	s.Route(out, "GET", "/pics/:id")
	s.Route(gone, "GET", "/gone")

	picture := bytes.Repeat([]byte("0123456789abcdef"), 2<<16) // 2 MiB
	body, contentType := upload(t, map[string][]byte{"cat.png": picture})
	created := s.Fetch("POST", "/pics", body, contentType)
	require.Equal(t, 201, created.StatusCode, "%s", created.Content)
	at := created.Header.Get("Location")

	got := s.Fetch("GET", at, "")
	assert.Equal(t, 200, got.StatusCode)
	assert.Equal(t, picture, got.Content)
	assert.Equal(t, []string{"image/png", "inline; filename=cat.png", "nosniff", "bytes"}, []string{
		got.Header.Get("Content-Type"), got.Header.Get("Content-Disposition"), got.Header.Get("X-Content-Type-Options"), got.Header.Get("Accept-Ranges"),
	})
	tag := got.Header.Get("Etag")
	assert.Len(t, tag, 66)
	assert.NotEmpty(t, got.Header.Get("X-Execution-Id"))

	got = s.Fetch("GET", at+"?name=my%20cat.png", "", "Range: bytes=16-19")
	assert.Equal(t, []any{206, "0123", "bytes 16-19/2097152", `attachment; filename="my cat.png"`},
		[]any{got.StatusCode, string(got.Content), got.Header.Get("Content-Range"), got.Header.Get("Content-Disposition")})
	got = s.Fetch("GET", at, "", "If-None-Match: "+tag)
	assert.Equal(t, []any{304, 0}, []any{got.StatusCode, len(got.Content)})
	got = s.Fetch("HEAD", at, "")
	assert.Equal(t, []any{200, int64(2 << 20), tag}, []any{got.StatusCode, got.ContentLength, got.Header.Get("Etag")})
	got = s.Fetch("GET", at, "", "Range: bytes=9999999-")
	assert.Equal(t, []any{416, "bytes */2097152"}, []any{got.StatusCode, got.Header.Get("Content-Range")})
	assert.Contains(t, string(got.Content), "the range lies outside the file")

	got = s.Fetch("GET", "/gone?id="+strings.TrimPrefix(at, "/pics/"), "", "If-None-Match: "+tag, "Range: bytes=0-1")
	assert.Equal(t, []any{404, len(picture), "no-store"}, []any{got.StatusCode, len(got.Content), got.Header.Get("Cache-Control")}, "whole, whatever was asked for")
	got = s.Fetch("GET", "/pics/01a20970-f805-7922-8ded-6d329840dbfc", "")
	assert.Equal(t, 404, got.StatusCode)
	assert.Contains(t, string(got.Content), `"not_found"`)
}

// An app's script does not reach another app's file by its id.
func TestFilesOfOtherApps(t *testing.T) {
	s := newSite(t)
	s.App("theirs")
	make := s.Script("theirs", "make", `files::collection("c").create(#{name: "a", content_type: "text/plain", data: "secret"}).id`)
	s.Route(make, "", "/make")
	id := string(s.Fetch("GET", "/make", "").Content)
	s.Deploy("/take", `#{ statusCode: 200, file: #{ collection: "c", id: ctx.request.query.id } }`)
	got := s.Fetch("GET", "/take?id="+id, "")
	assert.Equal(t, 404, got.StatusCode)
	assert.NotContains(t, string(got.Content), "secret")
}

func TestCookiesAndRedirects(t *testing.T) {
	s := newSite(t)
	s.Deploy("/in", `#{ statusCode: 200, cookies: #{ sid: #{ value: "a1", max_age: 60 }, "__Host-t": #{ value: 7 } }, headers: #{ "set-cookie": "x=y", vary: ["a", "b"] }, body: "ok" }`)
	got := s.Fetch("GET", "/in", "")
	assert.Equal(t, []string{"x=y", "__Host-t=7; Path=/; HttpOnly; Secure; SameSite=Lax", "sid=a1; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"}, got.Header.Values("Set-Cookie"))
	assert.Equal(t, []string{"a", "b"}, got.Header.Values("Vary"))

	s.Deploy("/old", `redirect("/in")`)
	s.Deploy("/see-other", `redirect("https://example.com/?a=b", 303)`)
	for path, want := range map[string]string{"/old": "302 /in", "/see-other": "303 https://example.com/?a=b"} {
		response, err := http.DefaultTransport.RoundTrip(s.Request("GET", path, ""))
		require.NoError(t, err)
		_ = response.Body.Close()
		assert.Equal(t, want, fmt.Sprint(response.StatusCode, " ", response.Header.Get("Location")))
	}

	for source, says := range map[string]string{
		`#{ statusCode: 200, status: 404 }`:                                "status: is not a part of a response",
		`#{ status: 404, body: "x" }`:                                      "status: the status of a response is given as statusCode",
		`#{ statusCode: 200, cookies: #{ a: #{ value: "b; Domain=x" } } }`: "cookies.a.value: must not have the character",
		`#{ statusCode: 200, file: #{ id: "x" } }`:                         "file.collection: is missing",
		`#{ statusCode: 200, stream: 5 }`:                                  "stream must be a function, got i64",
		`#{ statusCode: 200, body: "x", stream: |out| out.write("y") }`:    "body: cannot be given together with stream",
	} {
		path := fmt.Sprintf("/wrong-%d", time.Now().UnixNano())
		script := s.Deploy(path, source)
		assert.Equal(t, 502, s.Fetch("GET", path, "").StatusCode, source)
		logs := do[wire.Page[wire.LogLine]](s, "GET", "scripts/"+script.ID+"/logs", nil, 200)
		require.NotEmpty(t, logs.Items, source)
		assert.Contains(t, logs.Items[0].Message, says, source)
	}
}

func TestEntityTags(t *testing.T) {
	s := newSite(t)
	s.Deploy("/made", `#{ statusCode: 200, headers: #{ etag: true }, body: "body of " + ctx.request.query.v }`)
	s.Deploy("/own", `#{ statusCode: 200, headers: #{ ETag: "\"v1\"", "Cache-Control": "no-cache" }, body: "x" }`)
	first, again, other := s.Fetch("GET", "/made?v=1", ""), s.Fetch("GET", "/made?v=1", ""), s.Fetch("GET", "/made?v=2", "")
	tag := first.Header.Get("Etag")
	assert.Len(t, tag, 26)
	assert.Equal(t, tag, again.Header.Get("Etag"))
	assert.NotEqual(t, tag, other.Header.Get("Etag"))
	for _, c := range []struct {
		method, path, matches string
		status                int
	}{
		{"GET", "/made?v=1", tag, 304},
		{"HEAD", "/made?v=1", tag, 304},
		{"GET", "/made?v=1", `"x", W/` + tag, 304},
		{"GET", "/made?v=1", "*", 304},
		{"GET", "/made?v=2", tag, 200},
		{"POST", "/made?v=1", tag, 200},
		{"GET", "/made?v=1", "nonsense", 200},
		{"GET", "/own", `"v1"`, 304},
		{"GET", "/own", `"v2"`, 200},
	} {
		got := s.Fetch(c.method, c.path, "", "If-None-Match: "+c.matches)
		assert.Equal(t, c.status, got.StatusCode, "%v", c)
		assert.NotEmpty(t, got.Header.Get("Etag"), "%v", c)
		if c.status == 304 {
			assert.Empty(t, got.Content)
			assert.Empty(t, got.Header.Get("Content-Type"))
		}
	}
	assert.Equal(t, "no-cache", s.Fetch("GET", "/own", "", `If-None-Match: "v1"`).Header.Get("Cache-Control"), "what a 200 would have said")
}

func TestCompression(t *testing.T) {
	s := newSite(t)
	text := strings.Repeat("all the same ", 1000)
	source := func(headers string) string {
		return `let s = ""; for i in 0..1000 { s += "all the same "; }
			#{ statusCode: 200, headers: #{` + headers + `}, body: s }`
	}
	s.Deploy("/text", source(``))
	s.Deploy("/tagged", source(`etag: true`))
	s.Deploy("/image", source(`"content-type": "image/png"`))
	s.Deploy("/encoded", source(`"content-encoding": "br"`))
	s.Deploy("/as-it-is", source(`"cache-control": "no-transform"`))
	s.Deploy("/short", `"short"`)
	for _, c := range []struct{ path, accept, coding string }{
		{"/text", "gzip", "gzip"},
		{"/text", "x-gzip", "gzip"},
		{"/text", "br", "br"},
		{"/text", "zstd", "zstd"},
		{"/text", "gzip, deflate, br, zstd", "zstd"},
		{"/text", "gzip;q=1.0, br;q=0.5, zstd;q=0", "gzip"},
		{"/text", "*", "zstd"},
		{"/text", "*;q=0.1, br", "br"},
		{"/text", "identity, gzip;q=0.5", ""},
		{"/text", "deflate", ""},
		{"/text", "gzip;q=0", ""},
		{"/text", "gzip;q=nonsense", ""},
		{"/text", "identity", ""},
		{"/image", "gzip", ""},
		{"/encoded", "gzip", "br"},
		{"/as-it-is", "gzip", ""},
		{"/short", "gzip", ""},
	} {
		got := s.Fetch("GET", c.path, "", "Accept-Encoding: "+c.accept)
		require.Equal(t, 200, got.StatusCode, "%s", got.Content)
		assert.Equal(t, c.coding, got.Header.Get("Content-Encoding"), "%v", c)
		if c.path != "/text" {
			assert.NotContains(t, got.Header.Values("Vary"), "Accept-Encoding", "%v", c)
			continue
		}
		assert.Contains(t, got.Header.Values("Vary"), "Accept-Encoding", "%v", c)
		plain := io.Reader(bytes.NewReader(got.Content))
		var err error
		switch c.coding {
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
		assert.Equal(t, text, string(content), "%v", c)
	}
	whole, packed := s.Fetch("GET", "/tagged", "", "Accept-Encoding: identity").Header.Get("Etag"), s.Fetch("GET", "/tagged", "", "Accept-Encoding: br").Header.Get("Etag")
	assert.NotEqual(t, whole, packed, "another representation has another tag")
	assert.Equal(t, 304, s.Fetch("GET", "/tagged", "", "Accept-Encoding: br", "If-None-Match: "+packed).StatusCode)
	assert.Equal(t, 200, s.Fetch("GET", "/tagged", "", "Accept-Encoding: br", "If-None-Match: "+whole).StatusCode)
}

// A streamed response comes while it is made.
func TestStreamParts(t *testing.T) {
	s := newSite(t)
	s.App("live")
	live := s.Script("live", "live", `
		#{ statusCode: 201, headers: #{ "x-a": "b" }, stream: |out| {
			let steps = kv::collection("steps");
			for i in 1..=3 {
				out.event(#{ id: i.to_string(), data: #{ n: i } });
				while steps.get("s") < i { sleep(0.005); }
			}
		} }`)
	s.Route(live, "", "/live")
	step := s.Script("live", "step", `kv::collection("steps").set("s", ctx.request.query.n.parse_int())`)
	s.Route(step, "", "/step")
	s.Fetch("GET", "/step?n=0", "")

	response, err := http.DefaultClient.Do(s.Request("GET", "/live", ""))
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, []any{201, "text/event-stream", "no-cache", "b", []string{"chunked"}}, []any{
		response.StatusCode, response.Header.Get("Content-Type"), response.Header.Get("Cache-Control"), response.Header.Get("X-A"), response.TransferEncoding,
	})
	assert.NotEmpty(t, response.Header.Get("X-Execution-Id"))
	lines := bufio.NewReader(response.Body)
	for i := 1; i <= 3; i++ { // each comes before the script goes on
		var event strings.Builder
		for range 3 {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			event.WriteString(line)
		}
		assert.Equal(t, fmt.Sprintf("id: %d\ndata: {\"n\":%d}\n\n", i, i), event.String())
		s.Fetch("GET", fmt.Sprintf("/step?n=%d", i), "")
	}
	_, err = lines.ReadByte()
	assert.Equal(t, io.EOF, err)
}

func TestStreamsOfManyKinds(t *testing.T) {
	s := newSite(t)
	for i, c := range []struct {
		name, source      string
		status            int
		contentType, body string
	}{
		{"text", `#{ statusCode: 200, stream: |out| { out.write("a"); out.write("b"); } }`, 200, "text/plain; charset=utf-8", "ab"},
		{"own type", `#{ statusCode: 200, headers: #{ "content-type": "text/csv" }, stream: |out| { out.write("a,b\n"); out.write("1,2\n"); } }`, 200, "text/csv", "a,b\n1,2\n"},
		{"large", `let part = ""; for i in 0..10000 { part += "0123456789"; } #{ statusCode: 200, stream: |out| for i in 0..30 { out.write(part); } }`, 200, "text/plain; charset=utf-8", strings.Repeat("0123456789", 300_000)},
		{"nothing", `#{ statusCode: 202, stream: |out| () }`, 202, "", ""},
		{"nothing of a type", `#{ statusCode: 202, headers: #{ "content-type": "text/csv" }, stream: |out| () }`, 202, "text/csv", ""},
		{"cookies", `#{ statusCode: 200, cookies: #{ a: #{ value: "b" } }, stream: |out| out.write("x") }`, 200, "text/plain; charset=utf-8", "x"},
		{"hidden", `let r = #{ statusCode: 200 }; r["str" + "eam"] = |out| { out.write("col"); out.write("lected"); }; r`, 200, "text/plain; charset=utf-8", "collected"},
		{"not streamed", `"stream"`, 200, "text/plain; charset=utf-8", "stream"},
		{"an error before the first part", `#{ statusCode: 200, stream: |out| throw "no" }`, 502, "application/json", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := fmt.Sprintf("/s%d", i)
			s.Deploy(path, c.source)
			got := s.Fetch("GET", path, "")
			assert.Equal(t, []any{c.status, c.contentType}, []any{got.StatusCode, got.Header.Get("Content-Type")})
			if c.status != 502 {
				assert.Equal(t, c.body, string(got.Content))
			}
			if c.name == "cookies" {
				assert.Equal(t, "a=b; Path=/; HttpOnly; SameSite=Lax", got.Header.Get("Set-Cookie"))
			}
		})
	}
}

// What goes wrong in the middle ends the connection: the client sees that the body is not whole.
func TestStreamsThatFail(t *testing.T) {
	s := newSite(t)
	script := s.Deploy("/fails", `#{ statusCode: 200, stream: |out| { out.write("begun"); throw "midway" } }`)
	response, err := http.DefaultClient.Do(s.Request("GET", "/fails", ""))
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "begun", string(content))
	logs := do[wire.Page[wire.LogLine]](s, "GET", "scripts/"+script.ID+"/logs", nil, 200)
	require.Len(t, logs.Items, 1)
	assert.Contains(t, logs.Items[0].Message, "midway")
}

// A client that goes away, or takes nothing, ends the execution: by its cancellation, or by its time
// limit.
func TestStreamsNobodyTakes(t *testing.T) {
	s := newSite(t)
	s.App("app")
	endless := func(name string, limits string) wire.Script {
		script := do[wire.Script](s, "POST", "apps/app/scripts", `{"name":"`+name+`","limits":`+limits+`,
			"source":"let part = \"\"; for i in 0..1000 { part += \"0123456789\"; } #{ statusCode: 200, stream: |out| loop { out.write(part); } }"}`, 201)
		s.Route(script, "", "/"+name)
		return script
	}
	for _, c := range []struct {
		name, limits, outcome string
		leaves                bool
	}{
		{"leaves", `{"max_operations":100000000}`, "cancelled", true},
		{"stalls", `{"timeout_ms":300,"max_operations":100000000}`, "timeout", false},
	} {
		script := endless(c.name, c.limits)
		response, err := http.DefaultClient.Do(s.Request("GET", "/"+c.name, ""))
		require.NoError(t, err)
		if c.leaves {
			require.NoError(t, response.Body.Close())
		}
		require.Eventually(t, func() bool {
			page := do[wire.Page[wire.Execution]](s, "GET", "scripts/"+script.ID+"/executions", nil, 200)
			return len(page.Items) == 1 && string(page.Items[0].Outcome) == c.outcome
		}, time.Minute, 20*time.Millisecond, c.name)
		_ = response.Body.Close()
	}
}

// An answer of a script that streams leaves the connection usable.
func TestStreamsKeepConnections(t *testing.T) {
	s := newSite(t)
	s.Deploy("/s", `#{ statusCode: 200, stream: |out| { out.write("a"); } }`)
	var b strings.Builder
	for range 3 {
		b.WriteString("GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	reader := s.Raw(t, b.String(), false, "200")
	for range 2 {
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, "a", string(body))
	}
	s.Raw(t, "GET /s HTTP/1.0\r\nHost: h\r\n\r\n", false, "200") // without chunks: collected
}
