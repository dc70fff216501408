package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestKV(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	set := func(key, body string) wire.KVEntry {
		t.Helper()
		return do[wire.KVEntry](s, "PUT", "apps/shop/kv/stock/"+url.PathEscape(key), body, 200)
	}
	for _, c := range []struct{ key, value string }{
		{"integer", `9223372036854775807`},
		{"null", `null`},
		{"text", `"ünï\u0001"`},
		{"blob", `{"$blob":"AAEC"}`},
		{"nested", `{"b":[1,1.0,-0.5,true],"a":{}}`},
		{"a/b?c=d&e%#", `1`},
		{"..", `2`},
		{"schön 😀", `3`},
	} {
		entry := set(c.key, `{"value":`+c.value+`}`)
		assert.Equal(t, c.key, entry.Key)
		assert.Equal(t, c.value, string(entry.Value), "what comes back is what was stored")
		assert.Equal(t, c.value, string(do[wire.KVEntry](s, "GET", "apps/shop/kv/stock/"+url.PathEscape(c.key), nil, 200).Value))
	}

	var keys []string
	for cursor, pages := "", 0; ; pages++ {
		page := do[wire.Page[wire.KVEntry]](s, "GET", "apps/shop/kv/stock?limit=3&cursor="+url.QueryEscape(cursor), nil, 200)
		for _, entry := range page.Items {
			keys = append(keys, entry.Key)
		}
		if cursor = page.Cursor; cursor == "" {
			assert.Equal(t, 2, pages)
			break
		}
	}
	assert.Equal(t, []string{"..", "a/b?c=d&e%#", "blob", "integer", "nested", "null", "schön 😀", "text"}, keys)
	prefixed := do[wire.Page[wire.KVEntry]](s, "GET", "apps/shop/kv/stock?prefix=n", nil, 200)
	assert.Len(t, prefixed.Items, 2)

	collections := do[wire.Page[wire.KVCollection]](s, "GET", "apps/shop/kv", nil, 200)
	assert.Equal(t, []wire.KVCollection{{Name: "stock", Entries: 8}}, collections.Items)

	do[struct{}](s, "DELETE", "apps/shop/kv/stock/null", nil, 204)
	s.Refused(s.Admin(s.Token, "DELETE", "apps/shop/kv/stock/null", ""), 404, "", "key not found")
	s.Refused(s.Admin(s.Token, "GET", "apps/shop/kv/stock/null", ""), 404, "", "key not found")
}

func TestKVExpiryAndConditions(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	before := time.Now()
	entry := do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/ttl", `{"value":1,"ttl_ms":3600000}`, 200)
	require.NotNil(t, entry.ExpiresAt)
	assert.WithinRange(t, *entry.ExpiresAt, before.Add(time.Hour-time.Second), time.Now().Add(time.Hour+time.Second))
	at := time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)
	entry = do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/ttl", wire.KVSet{Value: json.RawMessage("2"), ExpiresAt: &at}, 200)
	require.NotNil(t, entry.ExpiresAt)
	assert.True(t, at.Equal(*entry.ExpiresAt), "%s", entry.ExpiresAt)
	s.Refused(s.Admin(s.Token, "PUT", "apps/shop/kv/c/ttl", `{"value":3,"if_absent":true}`), 409, "path.key", "there is such a key")
	do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/new", `{"value":3,"if_absent":true}`, 200)
	assert.Equal(t, "2", string(do[wire.KVEntry](s, "GET", "apps/shop/kv/c/ttl", nil, 200).Value))
}

func TestKVRefuses(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	large := strings.Repeat("x", 1<<20)
	for _, c := range []struct {
		method, path, body, location, says string
		status                             int
	}{
		{"PUT", "kv/c/k", `{}`, "body.value", "missing", 422},
		{"PUT", "kv/c/k", `{"value":1,"ttl":5}`, "body.ttl", "no such field", 422},
		{"PUT", "kv/c/k", `{"value":1,"ttl_ms":0}`, "body.ttl_ms", "0", 422},
		{"PUT", "kv/c/k", `{"value":1,"ttl_ms":5,"expires_at":"2100-01-01T00:00:00Z"}`, "body.expires_at", "beside", 422},
		{"PUT", "kv/c/k", `{"value":"` + large + `"}`, "body.value", fmt.Sprint(1 << 20), 422},
		{"PUT", "kv/c/k", `{"value":1e999}`, "body.value", "", 422},
		{"PUT", "kv/c/" + strings.Repeat("k", 513), `{"value":1}`, "path.key", "got 513", 422},
		{"PUT", "kv/" + strings.Repeat("c", 513) + "/k", `{"value":1}`, "path.collection", "got 513", 422},
		{"PUT", "kv/c/%01", `{"value":1}`, "path.key", "control characters", 422},
		{"PUT", "kv/c/%ff", `{"value":1}`, "path.key", "UTF-8", 422},
		{"GET", "kv/c?cursor=nonsense", "", "query.cursor", "", 422},
		{"GET", "kv/c?limit=0", "", "query.limit", "", 422},
		{"GET", "kv/c?limit=1001", "", "query.limit", "", 422},
		{"GET", "kv/c?surprise=1", "", "query.surprise", "", 422},
		{"GET", "kv/c?prefix=" + strings.Repeat("p", 513), "", "query.prefix", "got 513", 422},
		{"GET", "kv/c?prefix=%00", "", "query.prefix", "control characters", 422},
	} {
		s.Refused(s.Admin(s.Token, c.method, "apps/shop/"+c.path, c.body), c.status, c.location, c.says)
	}
	assert.Equal(t, 404, s.Admin(s.Token, "PUT", "apps/shop/kv/c/", `{"value":1}`).StatusCode, "a key has at least one byte")
	got := s.Admin(s.Token, "GET", "apps/shop/kv/c", "")
	assert.JSONEq(t, `{"items":[]}`, string(got.Content), "nothing was kept")
}

// Who is no member of an app, or holds a key of another, cannot tell what the app has from what it
// has not.
func TestDataIsOfItsApp(t *testing.T) {
	s := newSite(t)
	mine, other := s.App("mine"), s.App("other")
	do[wire.KVEntry](s, "PUT", "apps/mine/kv/c/k", `{"value":1}`, 200)
	doc := do[wire.Document](s, "POST", "apps/mine/docs/c", `{"data":{"a":1}}`, 201)
	file := s.store("mine", "c", "f.txt", "text/plain", "hello")

	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: []string{"app:admin"}, App: other.ID}, 201).Key
	stranger := s.User("stranger", "member")
	for _, token := range []string{key, stranger} {
		for _, app := range []string{"mine", mine.ID, "there-is-none"} {
			for _, path := range []string{"kv", "kv/c", "kv/c/k", "docs", "docs/c", "docs/c/" + doc.ID, "files", "files/c", "files/c/" + file.ID, "files/c/" + file.ID + "/metadata"} {
				s.Refused(s.Admin(token, "GET", "apps/"+app+"/"+path, ""), 404, "", "app not found")
			}
			s.Refused(s.Admin(token, "PUT", "apps/"+app+"/kv/c/k", `{"value":2}`), 404, "", "app not found")
			s.Refused(s.Admin(token, "DELETE", "apps/"+app+"/docs/c/"+doc.ID, ""), 404, "", "app not found")
			s.Refused(s.Admin(token, "DELETE", "apps/"+app+"/files/c/"+file.ID, ""), 404, "", "app not found")
		}
	}
	// In an app of one's own, another's ids are ids that do not exist.
	const none = "01a20970-f805-7922-8ded-6d329840dbfc"
	for _, c := range []struct{ method, guessed, missing, body string }{
		{"GET", "kv/c/k", "kv/c/none", ""},
		{"DELETE", "kv/c/k", "kv/c/none", ""},
		{"GET", "docs/c/" + doc.ID, "docs/c/" + none, ""},
		{"PATCH", "docs/c/" + doc.ID, "docs/c/" + none, `{"data":{"a":2}}`},
		{"DELETE", "docs/c/" + doc.ID, "docs/c/" + none, ""},
		{"GET", "files/c/" + file.ID, "files/c/" + none, ""},
		{"GET", "files/c/" + file.ID + "/metadata", "files/c/" + none + "/metadata", ""},
		{"PATCH", "files/c/" + file.ID, "files/c/" + none, `{"name":"x"}`},
		{"DELETE", "files/c/" + file.ID, "files/c/" + none, ""},
		{"GET", "kv/c", "kv/none", ""},
		{"GET", "docs/c", "docs/none", ""},
		{"GET", "files/c", "files/none", ""},
	} {
		guessed, missing := s.Admin(key, c.method, "apps/other/"+c.guessed, c.body), s.Admin(key, c.method, "apps/other/"+c.missing, c.body)
		assert.Equal(t, missing.StatusCode, guessed.StatusCode, "%s %s", c.method, c.guessed)
		assert.Equal(t, string(missing.Content), string(guessed.Content), "%s %s", c.method, c.guessed)
	}
	assert.Equal(t, "1", string(do[wire.KVEntry](s, "GET", "apps/mine/kv/c/k", nil, 200).Value))
	assert.JSONEq(t, `{"a":1}`, string(do[wire.Document](s, "GET", "apps/mine/docs/c/"+doc.ID, nil, 200).Data))
	assert.Equal(t, "hello", string(s.Admin(s.Token, "GET", "apps/mine/files/c/"+file.ID, "").Content))
}

// Roles: a viewer reads data, an editor writes it; the scope script:read is not for data.
func TestDataNeedsCapabilities(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/k", `{"value":1}`, 200)
	tokens := map[string]string{"viewer": s.Member(app.ID, "viewer"), "editor": s.Member(app.ID, "editor")}
	for _, scope := range []string{"script:read", "script:write", "log:read"} {
		tokens[scope] = do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: scope, Scopes: []string{scope}}, 201).Key
	}
	for who, want := range map[string]struct{ read, write int }{
		"viewer": {200, 403}, "editor": {200, 200}, "script:read": {403, 403}, "script:write": {200, 200}, "log:read": {403, 403},
	} {
		token := tokens[who]
		for _, path := range []string{"kv", "kv/c", "kv/c/k", "docs", "docs/c", "files", "files/c"} {
			assert.Equal(t, want.read, s.Admin(token, "GET", "apps/shop/"+path, "").StatusCode, "%s GET %s", who, path)
		}
		assert.Equal(t, want.write, s.Admin(token, "PUT", "apps/shop/kv/c/k", `{"value":2}`).StatusCode, who)
		created := s.Admin(token, "POST", "apps/shop/docs/c", `{"data":{}}`)
		assert.Equal(t, map[int]int{200: 201, 403: 403}[want.write], created.StatusCode, who)
		uploaded := s.Send(s.uploadRequest(token, "POST", "apps/shop/files/c?name=x", "text/plain", strings.NewReader("x")))
		assert.Equal(t, map[int]int{200: 201, 403: 403}[want.write], uploaded.StatusCode, who)
	}
}
