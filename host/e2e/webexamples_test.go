package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sign(secret, message string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// Senders sign in different ways, and what is forged, old or sent again is not taken.
func TestWebhooksExample(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/webhooks")
	key := base64.StdEncoding.EncodeToString([]byte("standard secret"))
	for sender, secret := range map[string]string{"github": "g", "stripe": "older\ns\n", "other": "whsec_" + key} {
		if r := p.run(t, secret+"\n", "secrets", "set", sender, "--app", "webhooks"); r.status != exitOK {
			t.Fatal(r)
		}
	}
	post := func(sender, body string, headers map[string]string) string {
		t.Helper()
		r, err := http.NewRequest("POST", server.url+"/webhooks/"+sender, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return fmt.Sprint(resp.StatusCode, " ", string(text))
	}
	github := func(secret, signed string) map[string]string {
		return map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sign(secret, signed)), "X-GitHub-Delivery": "d1"}
	}
	stripe := func(at int64, signed string) map[string]string {
		return map[string]string{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%064d,v1=%x,v0=x", at, 0, sign("s", fmt.Sprintf("%d.%s", at, signed)))}
	}
	standard := func(at int64, signed string) map[string]string {
		return map[string]string{
			"webhook-id": "m1", "webhook-timestamp": fmt.Sprint(at),
			"webhook-signature": "v1a,x v1," + base64.StdEncoding.EncodeToString(sign("standard secret", fmt.Sprintf("m1.%d.%s", at, signed))),
		}
	}
	now := time.Now().Unix()
	const body = `{"id":"evt_1","é":1}`
	const refused = `401 {"error":{"code":"unauthorized","message":"the request is not signed as this route demands"}}`
	for _, c := range []struct {
		sender, want string
		headers      map[string]string
	}{
		{"github", `200 {"received":"d1"}`, github("g", body)},
		{"github", `200 {"again":true,"received":"d1"}`, github("g", body)},
		{"github", refused, github("wrong", body)},
		{"github", refused, github("g", body+" ")},
		{"github", refused, nil},
		{"stripe", `200 {"received":"evt_1"}`, stripe(now, body)},
		{"stripe", `200 {"again":true,"received":"evt_1"}`, stripe(now, body)},
		{"stripe", refused, stripe(now, "else")},
		{"stripe", refused, stripe(now-320, body)},
		{"stripe", refused, stripe(now+400, body)},
		{"stripe", refused, nil},
		{"other", `200 {"received":"m1"}`, standard(now, body)},
		{"other", `200 {"again":true,"received":"m1"}`, standard(now, body)},
		{"other", refused, standard(now, "else")},
		{"other", refused, standard(now-320, body)},
	} {
		assert.Equal(t, c.want, post(c.sender, body, c.headers), c.sender)
	}
	visit{"GET /webhooks", "", 200, `[{"message":"m1","sender":"other"},{"message":"evt_1","sender":"stripe"},{"message":"d1","sender":"github"}]`}.check(t, server.url)
}

// A browser posts forms, is led on, sees what it did once, and what others write is only text.
func TestSiteExample(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/site")
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	read := func(resp *http.Response, err error) (int, string) {
		t.Helper()
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	status, page := read(browser.Get(server.url + "/board"))
	assert.Equal(t, 200, status)
	assert.Contains(t, page, "Nobody has written anything yet.")
	assert.NotContains(t, page, `class="flash"`)

	hostile := `"><script>alert(1)</script>`
	status, page = read(browser.PostForm(server.url+"/board", url.Values{"name": {"Ada " + hostile}, "note": {"Hello & " + hostile}}))
	assert.Equal(t, 200, status, "it was led to the page")
	assert.Contains(t, page, `<p class="flash">Your note is on the board.</p>`)
	assert.Contains(t, page, `<b>Ada &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</b>: Hello &amp; `)
	assert.NotContains(t, page, "<script>")
	_, page = read(browser.Get(server.url + "/board"))
	assert.NotContains(t, page, `class="flash"`, "it is told once")

	status, page = read(browser.PostForm(server.url+"/board", url.Values{"name": {strings.Repeat("x", 51)}, "note": {`a"b`}}))
	assert.Equal(t, 422, status)
	assert.Contains(t, page, `<p class="error">A name has 1 to 50 characters.</p>`)
	assert.Contains(t, page, `<textarea name="note">a&quot;b</textarea>`, "what was written is still there")

	upload := func(name, content string) (int, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile("file", name)
		require.NoError(t, err)
		_, _ = io.WriteString(part, content)
		require.NoError(t, w.Close())
		return read(browser.Post(server.url+"/board/files", w.FormDataContentType(), &b))
	}
	large := strings.Repeat("0123456789", 300_000)
	status, page = upload("large.txt", large)
	assert.Equal(t, 200, status, page)
	assert.Contains(t, page, "large.txt is there.")
	_, id, _ := strings.Cut(page, `href="/board/files/`)
	id, _, _ = strings.Cut(id, `"`)
	status, got := read(browser.Get(server.url + "/board/files/" + id))
	assert.Equal(t, 200, status)
	assert.Equal(t, large, got)
	r, err := http.NewRequest("GET", server.url+"/board/files/"+id, nil)
	require.NoError(t, err)
	r.Header.Set("Range", "bytes=5-9")
	status, got = read(browser.Do(r))
	assert.Equal(t, 206, status)
	assert.Equal(t, "56789", got)

	status, page = read(browser.PostForm(server.url+"/board/files", url.Values{"file": {"text"}}))
	assert.Equal(t, 422, status)
	assert.Contains(t, page, "Choose a file first.")
	status, _ = read(browser.Get(server.url + "/board/files/none"))
	assert.Equal(t, 404, status)
}
