package api_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
)

func (s *site) uploadRequest(token, method, path, contentType string, content io.Reader) *http.Request {
	s.T.Helper()
	r, err := http.NewRequest(method, s.URL+"/api/v1/admin/"+path, content)
	require.NoError(s.T, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// store makes a file.
func (s *site) store(app, collection, name, contentType, content string) wire.File {
	s.T.Helper()
	path := "apps/" + app + "/files/" + collection + "?name=" + url.QueryEscape(name)
	got := s.Send(s.uploadRequest(s.Token, "POST", path, contentType, strings.NewReader(content)))
	require.Equal(s.T, 201, got.StatusCode, "%s", got.Content)
	var file wire.File
	require.NoError(s.T, json.Unmarshal(got.Content, &file))
	return file
}

func (s *site) download(path string, headers ...string) answer {
	s.T.Helper()
	return s.Fetch("GET", "/api/v1/admin/"+path, "", append(headers, "Authorization: Bearer "+s.Token)...)
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestFiles(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	content := "hello\x00\xff world"
	file := s.store("shop", "c", "a.bin", "image/PNG", content)
	assert.Equal(t, wire.File{
		ID: file.ID, Name: "a.bin", ContentType: "image/png", Size: int64(len(content)), SHA256: digest(content),
		CreatedAt: file.CreatedAt, UpdatedAt: file.UpdatedAt,
	}, file)
	path := "apps/shop/files/c/" + file.ID
	assert.Equal(t, file, do[wire.File](s, "GET", path+"/metadata", nil, 200))

	got := s.download(path)
	assert.Equal(t, 200, got.StatusCode)
	assert.Equal(t, content, string(got.Content))
	for name, want := range map[string]string{
		"Content-Type": "image/png", "Etag": `"` + file.SHA256 + `"`, "Content-Length": fmt.Sprint(len(content)),
		"Content-Disposition": "attachment; filename=a.bin", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Accept-Ranges": "bytes",
	} {
		assert.Equal(t, want, got.Header.Get(name), name)
	}
	head := s.Fetch("HEAD", "/api/v1/admin/"+path, "", "Authorization: Bearer "+s.Token)
	assert.Equal(t, 200, head.StatusCode)
	assert.Empty(t, head.Content)
	assert.EqualValues(t, len(content), head.ContentLength)
	assert.Equal(t, `"`+file.SHA256+`"`, head.Header.Get("ETag"))

	renamed := do[wire.File](s, "PATCH", path, `{"name":"b.txt","content_type":"text/plain; charset=utf-8"}`, 200)
	assert.Equal(t, "b.txt", renamed.Name)
	assert.Equal(t, file.SHA256, renamed.SHA256)
	replaced := s.Send(s.uploadRequest(s.Token, "PUT", path, "text/html", strings.NewReader("<p>")))
	require.Equal(t, 200, replaced.StatusCode, "%s", replaced.Content)
	got = s.download(path)
	assert.Equal(t, "<p>", string(got.Content))
	assert.Equal(t, "text/html", got.Header.Get("Content-Type"))
	assert.Equal(t, "attachment; filename=b.txt", got.Header.Get("Content-Disposition"))

	empty := s.store("shop", "c", "empty", "", "")
	assert.Zero(t, empty.Size)
	assert.Equal(t, "application/octet-stream", empty.ContentType)
	got = s.download("apps/shop/files/c/" + empty.ID)
	assert.Equal(t, 200, got.StatusCode)
	assert.Empty(t, got.Content)

	listed := do[wire.Page[wire.File]](s, "GET", "apps/shop/files/c?limit=1", nil, 200)
	require.Len(t, listed.Items, 1)
	assert.Equal(t, file.ID, listed.Items[0].ID)
	listed = do[wire.Page[wire.File]](s, "GET", "apps/shop/files/c?limit=1&cursor="+url.QueryEscape(listed.Cursor), nil, 200)
	assert.Equal(t, empty.ID, listed.Items[0].ID)
	assert.Equal(t, []wire.FilesCollection{{Name: "c", Files: 2, Bytes: 3}},
		do[wire.Page[wire.FilesCollection]](s, "GET", "apps/shop/files", nil, 200).Items)

	do[struct{}](s, "DELETE", path, nil, 204)
	s.Refused(s.download(path), 404, "", "file not found")
	s.Refused(s.Admin(s.Token, "DELETE", path, ""), 404, "", "file not found")
}

func TestRangesAndConditions(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	const content = "0123456789"
	file := s.store("shop", "c", "digits", "text/plain", content)
	path, tag := "apps/shop/files/c/"+file.ID, `"`+file.SHA256+`"`
	for _, c := range []struct {
		header       string
		status       int
		body, ranges string
	}{
		{"Range: bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"Range: bytes=8-", 206, "89", "bytes 8-9/10"},
		{"Range: bytes=-3", 206, "789", "bytes 7-9/10"},
		{"Range: bytes=5-100", 206, "56789", "bytes 5-9/10"},
		{"Range: bytes=2-3,0-2", 206, "0123", "bytes 0-3/10"},
		{"Range: lines=0-3", 200, content, ""},
		{"Range: bytes=10-", 416, "", "bytes */10"},
		{"Range: bytes=3-1", 200, content, ""},
		{"If-None-Match: " + tag, 304, "", ""},
		{"If-None-Match: *", 304, "", ""},
		{`If-None-Match: "other"`, 200, content, ""},
		{`If-Match: "other"`, 412, "", ""},
		{"If-Match: " + tag, 200, content, ""},
	} {
		got := s.download(path, c.header)
		assert.Equal(t, c.status, got.StatusCode, c.header)
		switch c.status {
		case 412:
			s.Refused(got, 412, "", "not the one that the request is for")
		case 416:
			s.Refused(got, 416, "", "the range lies outside the file")
		default:
			assert.Equal(t, c.body, string(got.Content), c.header)
		}
		assert.Equal(t, c.ranges, got.Header.Get("Content-Range"), c.header)
	}
	got := s.download(path, "Range: bytes=0-0,-1")
	assert.Equal(t, 206, got.StatusCode)
	assert.Contains(t, got.Header.Get("Content-Type"), "multipart/byteranges; boundary=")
	assert.Contains(t, string(got.Content), "Content-Range: bytes 9-9/10\r\n\r\n9\r\n--")
	got = s.download(path, "Range: bytes=0-3", "If-Range: "+tag)
	assert.Equal(t, 206, got.StatusCode)
	got = s.download(path, "Range: bytes=0-3", `If-Range: "older"`)
	assert.Equal(t, content, string(got.Content), "of another version all is sent")
}

// Whoever says which bytes a change is for does not overwrite others.
func TestFilesIfMatch(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	file := s.store("shop", "c", "a.txt", "text/plain", "one")
	path := "apps/shop/files/c/" + file.ID
	change := func(method, match, content string) answer {
		r := s.uploadRequest(s.Token, method, path, "text/plain", strings.NewReader(content))
		r.Header.Set("If-Match", match)
		return s.Send(r)
	}
	tag := func(content string) string { return `"` + digest(content) + `"` }
	s.Refused(change("PUT", tag("other"), "two"), 412, "header.If-Match", digest("one"))
	s.Refused(s.change("PATCH", path, tag("other"), `{"name":"b.txt"}`), 412, "header.If-Match", digest("one"))
	s.Refused(s.change("DELETE", path, tag("other"), ""), 412, "header.If-Match", digest("one"))
	for _, wrong := range []string{digest("one"), `"1"`, "W/" + tag("one"), tag("one") + ", " + tag("two")} {
		s.Refused(change("PUT", wrong, "two"), 422, "header.If-Match", "one ETag")
	}
	assert.Equal(t, "one", string(s.download(path).Content))

	assert.Equal(t, 200, change("PUT", tag("one"), "two").StatusCode)
	assert.Equal(t, 200, change("PUT", "*", "three").StatusCode)
	assert.Equal(t, 200, s.change("PATCH", path, tag("three"), `{"name":"b.txt"}`).StatusCode)
	s.Refused(s.change("DELETE", path, tag("two"), ""), 412, "header.If-Match", digest("three"))
	assert.Equal(t, 204, s.change("DELETE", path, tag("three"), "").StatusCode)
	s.Refused(change("PUT", "*", "four"), 404, "", "file not found")
}

func TestContentDispositionCannotBeAbused(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	for _, name := range []string{
		"plain.txt", `quote".html`, "semi;colon; filename=evil.exe", "päge 日本.txt", "%41%22.txt", "a'b'c", " space ", "utf-8''x", "=?utf-8?q?x?=", "-", "filename*=utf-8''evil.html",
	} {
		file := s.store("shop", "c", name, "text/html", "x")
		got := s.download("apps/shop/files/c/" + file.ID)
		disposition := got.Header.Get("Content-Disposition")
		kind, parameters, err := mime.ParseMediaType(disposition)
		require.NoError(t, err, disposition)
		assert.Equal(t, "attachment", kind)
		assert.Equal(t, map[string]string{"filename": name}, parameters, disposition)
		assert.Contains(t, disposition, "; filename=", "also for what knows no encoded names")
		for _, b := range []byte(disposition) {
			assert.True(t, b >= 0x20 && b < 0x7f, "%q", disposition)
		}
	}
}

func TestUploadRefuses(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	upload := func(path, contentType, content string) answer {
		return s.Send(s.uploadRequest(s.Token, "POST", "apps/shop/files/"+path, contentType, strings.NewReader(content)))
	}
	s.Refused(upload("c", "text/plain", "x"), 422, "query.name", "missing")
	s.Refused(upload("c?name=a%2Fb", "text/plain", "x"), 422, "query.name", "path separators")
	s.Refused(upload("c?name=..", "text/plain", "x"), 422, "query.name", "neither . nor ..")
	s.Refused(upload("c?name=a%0d%0aSet-Cookie:x", "text/plain", "x"), 422, "query.name", "control characters")
	s.Refused(upload("c?name="+strings.Repeat("n", 256), "text/plain", "x"), 422, "query.name", "got 256")
	s.Refused(upload("%01?name=a", "text/plain", "x"), 422, "path.collection", "control characters")
	s.Refused(upload("c?name=a", "nonsense", "x"), 422, "header.Content-Type", "nonsense")
	s.Refused(upload("c?name=a", "text/plain", strings.Repeat("x", apitest.MaxFile+1)), 413, "body", fmt.Sprint(apitest.MaxFile))
	r := s.uploadRequest(s.Token, "POST", "apps/shop/files/c?name=a", "text/plain", strings.NewReader("x"))
	r.Header.Set("Content-Encoding", "gzip")
	s.Refused(s.Send(r), 415, "", "compressed")
	s.Refused(s.Send(s.uploadRequest(s.Token, "PUT", "apps/shop/files/c/01a20970-f805-7922-8ded-6d329840dbfc", "", strings.NewReader("x"))), 404, "", "file not found")
	s.Refused(s.Send(s.uploadRequest("pcs_wrong", "POST", "apps/shop/files/c?name=a", "", strings.NewReader(strings.Repeat("x", apitest.MaxFile)))), 401, "", "unknown")
	for i := range 3 {
		s.store("shop", "c", fmt.Sprint(i), "", strings.Repeat("x", apitest.MaxFile))
	}
	p := s.Refused(upload("c?name=d", "", "one more"), 507, "", fmt.Sprint(3*apitest.MaxFile))
	assert.Equal(t, "quota_exceeded", p.Code)
}

// A body that ends early, or is not taken, must neither become a file nor the next request.
func TestUploadsThatBreakOff(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	s.Deploy("/echo", `ctx.request.body`)
	head := func(token, length string) string {
		return "POST /api/v1/admin/apps/shop/files/c?name=a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n" + length + "\r\n\r\n"
	}
	const smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct {
		name, raw string
		half      bool // the client ends its side
		status    string
		closes    bool
	}{
		{"shorter than its length", head(s.Token, "Content-Length: 100") + "short", true, "400", true},
		{"shorter than its length, beyond what is read ahead", head(s.Token, "Content-Length: 100000") + strings.Repeat("x", 50_000), true, "400", true},
		{"chunks that end early", head(s.Token, "Transfer-Encoding: chunked") + "5\r\nhello\r\n", true, "400", true},
		{"not chunks", head(s.Token, "Transfer-Encoding: chunked") + "zz\r\nhello\r\n", true, "400", true},
		{"not an upload, shorter than its length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort", true, "400", true},
		{"not an upload, chunks that end early", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, "400", true},
		{"not an upload, not chunks", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true, "400", true},
		{"not an upload, chunked, and another request", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + smuggled, false, "200", false},
		{"to nowhere, and another request", "POST /any HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + smuggled, false, "404", false},
		{"to nowhere, chunked", "POST /any HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + smuggled, false, "404", true},
		{"refused, with a request in its body", head("pcs_wrong", fmt.Sprintf("Content-Length: %d", len(smuggled))) + smuggled + smuggled, false, "401", false},
		{"refused, chunked", head("pcs_wrong", "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled), false, "401", true},
		{"whole, chunked, and another request", head(s.Token, "Transfer-Encoding: chunked") + "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n" + smuggled, false, "201", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			reader := s.Raw(t, c.raw, c.half, c.status)
			if c.closes {
				_, err := reader.ReadByte()
				assert.ErrorIs(t, err, io.EOF, "the connection must end")
				return
			}
			second, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			assert.Equal(t, 200, second.StatusCode)
			_, err = io.Copy(io.Discard, second.Body)
			require.NoError(t, err)
			assert.Zero(t, reader.Buffered(), "there is no third answer")
		})
	}
	listed := do[wire.Page[wire.File]](s, "GET", "apps/shop/files/c", nil, 200)
	require.Len(t, listed.Items, 1)
	assert.Equal(t, "hello!", string(s.download("apps/shop/files/c/"+listed.Items[0].ID).Content))
}

func TestDamagedFileIsNotSent(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	file := s.store("shop", "c", "a", "", strings.Repeat("content", 1000))
	damaged := 0
	err := filepath.WalkDir(s.Files, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		damaged++
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("X"), 100)
		return joinClose(err, f)
	})
	require.NoError(t, err)
	require.Equal(t, 1, damaged)
	p := s.Refused(s.download("apps/shop/files/c/"+file.ID), 500, "", "")
	assert.Equal(t, "corrupted", p.Code)
}

func joinClose(err error, f *os.File) error {
	if closing := f.Close(); err == nil {
		return closing
	}
	return err
}

// A file larger than any other body may be comes in and goes out whole, in chunks.
func TestLargeFilesStream(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	seed := make([]byte, 64<<10)
	_, err := rand.Read(seed)
	require.NoError(t, err)
	hash := sha256.New()
	source := io.TeeReader(io.LimitReader(repeating{seed}, apitest.MaxFile), hash)
	got := s.Send(s.uploadRequest(s.Token, "POST", "apps/shop/files/c?name=large", "", source)) // chunked: the length is not known
	require.Equal(t, 201, got.StatusCode, "%s", got.Content)
	var file wire.File
	require.NoError(t, json.Unmarshal(got.Content, &file))
	assert.EqualValues(t, apitest.MaxFile, file.Size)
	assert.Equal(t, hex.EncodeToString(hash.Sum(nil)), file.SHA256)
	resp, err := http.DefaultClient.Do(s.uploadRequest(s.Token, "GET", "apps/shop/files/c/"+file.ID, "", nil))
	require.NoError(t, err)
	defer resp.Body.Close()
	back := sha256.New()
	n, err := io.Copy(back, resp.Body)
	require.NoError(t, err)
	assert.EqualValues(t, apitest.MaxFile, n)
	assert.Equal(t, file.SHA256, hex.EncodeToString(back.Sum(nil)))
}

// repeating is a block without end.
type repeating struct{ block []byte }

func (r repeating) Read(p []byte) (int, error) { return copy(p, r.block), nil }
