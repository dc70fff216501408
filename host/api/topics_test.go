package api_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestTopics(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	name := "prices/é 1:token"
	path := "apps/shop/topics/" + strings.ReplaceAll(url.PathEscape(name), ":", "%3A")
	set := do[wire.Topic](s, "PUT", path, `{"access":"public"}`, 200)
	assert.Equal(t, wire.Topic{AppID: app.ID, Topic: name, Access: "public", CreatedAt: set.CreatedAt}, set)
	set.Access = "token"
	assert.Equal(t, set, do[wire.Topic](s, "PUT", path, `{"access":"token"}`, 200))
	assert.Equal(t, set, do[wire.Topic](s, "GET", path, nil, 200))
	other := do[wire.Topic](s, "PUT", "apps/shop/topics/other", `{"access":"public"}`, 200)
	page := do[wire.Page[wire.Topic]](s, "GET", "apps/shop/topics?limit=1", nil, 200)
	assert.Equal(t, []wire.Topic{other}, page.Items)
	page = do[wire.Page[wire.Topic]](s, "GET", "apps/shop/topics?limit=1&cursor="+page.Cursor, nil, 200)
	assert.Equal(t, []wire.Topic{set}, page.Items)
	assert.Empty(t, page.Cursor)

	token := do[wire.SubscriberToken](s, "POST", path+":token", `{"ttl_ms":60000}`, 201)
	assert.WithinDuration(t, time.Now().Add(time.Minute), token.ExpiresAt, 10*time.Second)
	token = do[wire.SubscriberToken](s, "POST", path+":token", `{}`, 201)
	assert.WithinDuration(t, time.Now().Add(time.Hour), token.ExpiresAt, 10*time.Second, "an hour when absent")
	s.Refused(s.Admin(s.Token, "POST", path+":token", `{"ttl_ms":86400001}`), 422, "body.ttl_ms", "")
	s.Refused(s.Admin(s.Token, "POST", "apps/shop/topics/none:token", `{}`), 404, "", "topic not found")
	s.Refused(s.Admin(s.Token, "PUT", "apps/shop/topics/x", `{"access":"all"}`), 422, "body.access", "")
	s.Refused(s.Admin(s.Token, "PUT", "apps/shop/topics/%0a", `{"access":"public"}`), 422, "path.topic", "control characters")
	s.Refused(s.Admin(s.Token, "GET", "apps/shop/topics/none", ""), 404, "", "topic not found")

	s.Script("shop", "hears", "1")
	do[wire.Trigger](s, "POST", "apps/shop/triggers/pubsub", `{"name":"heard","script":"hears","topic":"news.*"}`, 201)
	assert.Equal(t, 1, do[wire.MessagePublished](s, "POST", "apps/shop/topics/news.today:publish", `{"message":{"to":"a hidden place"}}`, 200).Delivered, "no topic has to be open for it")
	assert.Zero(t, do[wire.MessagePublished](s, "POST", path+":publish", `{"message":null}`, 200).Delivered, "nobody listens")
	s.Refused(s.Admin(s.Token, "POST", path+":publish", `{}`), 422, "body.message", "")
	s.Refused(s.Admin(s.Token, "POST", path+":publish", `{"message":"`+strings.Repeat("x", 256<<10)+`"}`), 422, "body.message", "")
	s.Refused(s.Admin(s.Token, "POST", "apps/shop/topics/%0a:publish", `{"message":1}`), 422, "path.topic", "control characters")
	require.NoError(t, s.Audit.Flush(t.Context()))
	entry := s.record("?action=publish-message")[0]
	assert.Equal(t, []string{"topic", app.ID, "owner"}, []string{entry.Kind, entry.AppID, entry.Username})
	assert.NotContains(t, string(entry.After), "a hidden place", "no message")

	viewer := s.Member(app.ID, "viewer")
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "apps/shop/topics", "", 200},
		{"GET", path, "", 200},
		{"PUT", path, `{"access":"public"}`, 403},
		{"DELETE", path, "", 403},
		{"POST", path + ":token", `{}`, 403},
		{"POST", path + ":publish", `{"message":1}`, 403},
	} {
		assert.Equal(t, c.status, s.Admin(viewer, c.method, c.path, c.body).StatusCode, "%s %s", c.method, c.path)
	}
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", path, "").StatusCode)
	s.Refused(s.Admin(s.Token, "DELETE", path, ""), 404, "", "topic not found")
}
