package content

import (
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const stored = "0123456789"

var modified = time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)

// ask returns the status, the body and the Content-Range of a GET unless the fields begin with a
// method; fields are "Name: value".
func ask(t testing.TB, text string, fields ...string) (answer Answer, body string) {
	t.Helper()
	method, now := "GET", modified.Add(time.Hour)
	header := http.Header{}
	for _, field := range fields {
		name, value, isField := strings.Cut(field, ": ")
		switch {
		case isField:
			header.Add(name, value)
		case field == "at once":
			now = modified.Add(300 * time.Millisecond)
		default:
			method = field
		}
	}
	c := Content{ETag: `"tag"`, Modified: modified, Size: int64(len(text)), Type: "text/plain"}
	answer = c.Decide(method, func(name string) []string { return header[http.CanonicalHeaderKey(name)] }, now)
	if answer.Status == 200 || answer.Status == 206 {
		all, err := io.ReadAll(answer.Body(strings.NewReader(text)))
		require.NoError(t, err)
		require.EqualValues(t, len(all), answer.Length)
		body = string(all)
	}
	return answer, body
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		asked  string
		status int
		ranges string
		body   string
	}{
		{"bytes=0-0", 206, "bytes 0-0/10", "0"},
		{"bytes=2-4", 206, "bytes 2-4/10", "234"},
		{"BYTES=2-4", 206, "bytes 2-4/10", "234"},
		{"bytes= 2-4 ,", 206, "bytes 2-4/10", "234"},
		{"bytes=8-", 206, "bytes 8-9/10", "89"},
		{"bytes=-3", 206, "bytes 7-9/10", "789"},
		{"bytes=-30", 206, "bytes 0-9/10", stored},
		{"bytes=8-99999999999999999999999999", 206, "bytes 8-9/10", "89"},
		{"bytes=0-3,2-5", 206, "bytes 0-5/10", "012345"},
		{"bytes=4-5,0-3", 206, "bytes 0-5/10", "012345"},
		{"bytes=1-2,50-60", 206, "bytes 1-2/10", "12"},
		{"bytes=10-", 416, "bytes */10", ""},
		{"bytes=10-20,-0", 416, "bytes */10", ""},
		{"bytes=-0", 416, "bytes */10", ""},
		{"bytes=99999999999999999999-", 416, "bytes */10", ""},
		{"items=0-1", 200, "", stored},
		{"bytes 0-1", 200, "", stored},
		{"bytes=", 200, "", stored},
		{"bytes=,", 200, "", stored},
		{"bytes=4-2", 200, "", stored},
		{"bytes=-", 200, "", stored},
		{"bytes=a-b", 200, "", stored},
		{"bytes=+1-2", 200, "", stored},
		{"bytes=--1", 200, "", stored},
		{"bytes=0-0,4-2", 200, "", stored},
		{"bytes=" + strings.Repeat("0-0,", MaxRanges+1), 200, "", stored},
	} {
		answer, body := ask(t, stored, "Range: "+c.asked)
		assert.Equal(t, c.status, answer.Status, c.asked)
		assert.Equal(t, c.ranges, answer.Header.Get("Content-Range"), c.asked)
		assert.Equal(t, c.body, body, c.asked)
	}
	for asked, status := range map[string]int{"bytes=0-0": 416, "bytes=0-": 416, "bytes=-5": 200, "bytes=-0": 416} {
		answer, _ := ask(t, "", "Range: "+asked)
		assert.Equal(t, status, answer.Status, "%s of nothing", asked)
	}
	for _, fields := range [][]string{{"HEAD", "Range: bytes=0-1"}, {"Range: bytes=0-1", "Range: bytes=0-1"}} {
		answer, _ := ask(t, stored, fields...)
		assert.Equal(t, 200, answer.Status, "%v", fields)
	}
}

func TestSeveralRanges(t *testing.T) {
	answer, body := ask(t, stored, "Range: bytes=8-,0-1,4-4,1-2")
	require.Equal(t, 206, answer.Status)
	assert.Empty(t, answer.Header.Get("Content-Range"))
	media, parameters, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	require.NoError(t, err)
	assert.Equal(t, "multipart/byteranges", media)
	var got []string
	for reader := multipart.NewReader(strings.NewReader(body), parameters["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		text, err := io.ReadAll(part)
		require.NoError(t, err)
		got = append(got, part.Header.Get("Content-Type")+" "+part.Header.Get("Content-Range")+" "+string(text))
	}
	assert.Equal(t, []string{"text/plain bytes 8-9/10 89", "text/plain bytes 0-2/10 012", "text/plain bytes 4-4/10 4"}, got)
}

func TestPreconditions(t *testing.T) {
	at := func(d time.Duration) string { return modified.Add(d).Format(http.TimeFormat) }
	same, before, after := at(0), at(-time.Second), at(time.Second)
	for _, c := range []struct {
		status int
		fields []string
	}{
		{304, []string{`If-None-Match: "tag"`}},
		{304, []string{`If-None-Match: W/"tag"`}},
		{304, []string{`If-None-Match: "a,b", W/"c" ,, "tag"`}},
		{304, []string{`If-None-Match: "a"`, `If-None-Match: "tag"`}},
		{304, []string{`If-None-Match: *`}},
		{304, []string{"HEAD", `If-None-Match: *`}},
		{412, []string{"PUT", `If-None-Match: *`}},
		{200, []string{`If-None-Match: "other"`}},
		{200, []string{`If-None-Match: tag`}},
		{200, []string{`If-None-Match: "other"`, "If-Modified-Since: " + same}}, // the first wins
		{304, []string{"If-Modified-Since: " + same}},
		{304, []string{"If-Modified-Since: " + after}},
		{200, []string{"If-Modified-Since: " + before}},
		{200, []string{"If-Modified-Since: yesterday"}},
		{200, []string{"PUT", "If-Modified-Since: " + same}},
		{200, []string{`If-Match: "tag"`}},
		{200, []string{`If-Match: *`}},
		{412, []string{`If-Match: W/"tag"`}},
		{412, []string{`If-Match: "other"`}},
		{412, []string{`If-Match: "other"`, `If-None-Match: "tag"`}},
		{304, []string{`If-Match: "tag"`, `If-None-Match: "tag"`}},
		{412, []string{"If-Unmodified-Since: " + before}},
		{200, []string{"If-Unmodified-Since: " + same}},
		{200, []string{`If-Match: "tag"`, "If-Unmodified-Since: " + before}},
		{304, []string{`If-None-Match: "tag"`, "Range: bytes=0-1"}},
		{206, []string{`If-Range: "tag"`, "Range: bytes=0-1"}},
		{200, []string{`If-Range: W/"tag"`, "Range: bytes=0-1"}},
		{200, []string{`If-Range: "other"`, "Range: bytes=50-"}},
		{206, []string{"If-Range: " + same, "Range: bytes=0-1"}},
		{200, []string{"If-Range: " + same, "Range: bytes=0-1", "at once"}},
		{200, []string{"If-Range: " + after, "Range: bytes=0-1"}},
		{200, []string{"If-Range: soon", "Range: bytes=0-1"}},
		{200, []string{`If-Range: "tag"`}},
	} {
		answer, _ := ask(t, stored, c.fields...)
		assert.Equal(t, c.status, answer.Status, "%v", c.fields)
		assert.Equal(t, `"tag"`, answer.Header.Get("Etag"))
	}
}

// Where ServeContent is as the RFC has it, it answers the same.
func TestAsServeContent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	for range 5000 {
		var fields []string
		for _, field := range []string{
			"If-Match: " + pick(`"tag"`, `"x"`, `*`, `W/"tag"`, `"x", "tag"`),
			"If-None-Match: " + pick(`"tag"`, `"x"`, `*`, `W/"tag"`, `"x", "tag"`),
			"If-Modified-Since: " + modified.Add(time.Duration(r.IntN(3)-1)*time.Second).Format(http.TimeFormat),
			"If-Unmodified-Since: " + modified.Add(time.Duration(r.IntN(3)-1)*time.Second).Format(http.TimeFormat),
			"If-Range: " + pick(`"tag"`, `"x"`, `W/"tag"`, modified.Format(http.TimeFormat)),
			"Range: bytes=" + pick(fmt.Sprintf("%d-", r.IntN(12)), fmt.Sprintf("-%d", 1+r.IntN(12)), fmt.Sprintf("%d-%d", r.IntN(5), 5+r.IntN(8))),
		} {
			if r.IntN(3) == 0 {
				fields = append(fields, field)
			}
		}
		request := httptest.NewRequest("GET", "/", nil)
		for _, field := range fields {
			name, value, _ := strings.Cut(field, ": ")
			request.Header.Set(name, value)
		}
		want := httptest.NewRecorder()
		want.Header().Set("Etag", `"tag"`)
		want.Header().Set("Content-Type", "text/plain")
		http.ServeContent(want, request, "", modified, strings.NewReader(stored))
		got, body := ask(t, stored, fields...)
		require.Equal(t, want.Code, got.Status, "%v", fields)
		require.Equal(t, want.Header().Get("Content-Range"), got.Header.Get("Content-Range"), "%v", fields)
		if want.Code < 300 {
			require.Equal(t, want.Body.String(), body, "%v", fields)
		}
	}
}
