package api_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

// Who may see an app is sent from its old slugs to the present one, with the rest of the address as it was;
// for all others there is nothing.
func TestRenamedApp(t *testing.T) {
	s := newSite(t)
	app := s.App("one")
	script := s.Script("one", "s", "1")
	viewer := s.Member(app.ID, store.RoleViewer)
	stranger := s.User("stranger", store.RoleMember)

	renamed := do[wire.App](s, "POST", "apps/one:rename", wire.AppRename{Slug: "two"}, 200)
	assert.Equal(t, "two", renamed.Slug)
	assert.Equal(t, []string{"one"}, renamed.Aliases)
	renamed = do[wire.App](s, "POST", "apps/two:rename", wire.AppRename{Slug: "three"}, 200)
	assert.Equal(t, []string{"one", "two"}, renamed.Aliases)
	assert.Equal(t, renamed, do[wire.App](s, "GET", "apps/"+app.ID, nil, 200))

	unfollowed := func(token, method, path, body string) answer {
		r := s.Request(method, api.AdminPrefix+"/"+path, body, "Authorization: Bearer "+token, "Content-Type: application/json")
		resp, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		content, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return answer{Response: resp, Content: content}
	}
	for _, old := range []string{"one", "two"} { // both straight to the present one
		for _, c := range []struct{ method, rest, body string }{
			{"GET", "", ""},
			{"HEAD", "/files/c/f", ""},
			{"PUT", "", `{"name":"x"}`},
			{"DELETE", "", ""},
			{"GET", "/scripts?limit=1", ""},
			{"POST", ":rename", `{"slug":"four"}`},
			{"PUT", "/kv/c/a%2Fb", `{"value":1}`},
			{"POST", "/dead-letters:purge", `{}`},
		} {
			for _, token := range []string{s.Token, viewer} {
				got := unfollowed(token, c.method, "apps/"+old+c.rest, c.body)
				require.Equal(t, 308, got.StatusCode, "%s %s: %s", c.method, c.rest, got.Content)
				assert.Equal(t, api.AdminPrefix+"/apps/three"+c.rest, got.Header.Get("Location"))
			}
			got := unfollowed(stranger, c.method, "apps/"+old+c.rest, c.body)
			assert.NotEqual(t, 308, got.StatusCode, "%s %s", c.method, c.rest)
			assert.Empty(t, got.Header.Get("Location"))
		}
		for _, other := range []string{"/api/v1/%61dmin/apps/" + old, "/api/v1/admin/apps/%6f" + old[1:], "/api/v1/admin//apps/" + old} {
			assert.NotEqual(t, 308, s.Fetch("DELETE", other+"/kv/c/k", "", "Authorization: Bearer "+s.Token).StatusCode, other)
		}
		p := s.Refused(unfollowed(s.Token, "GET", "apps/"+old, ""), 308, "", "the app "+old+" is now called three")
		assert.Equal(t, "moved", p.Code)
		hidden, unknown := s.Admin(stranger, "GET", "apps/"+old, ""), s.Admin(stranger, "GET", "apps/never", "")
		assert.Equal(t, unknown.StatusCode, hidden.StatusCode)
		assert.Equal(t, string(unknown.Content), string(hidden.Content))
		assert.Equal(t, 401, s.Fetch("GET", api.AdminPrefix+"/apps/"+old, "").StatusCode)
	}
	assert.Equal(t, script.ID, do[wire.Page[wire.Script]](s, "GET", "apps/three/scripts", nil, 200).Items[0].ID)

	// Where the app is not in the path, the old slug is as good as the present one.
	do[wire.APIKey](s, "POST", "me/keys", map[string]any{"name": "k", "scopes": []string{"log:read"}, "app": "one"}, 201)
	entries := do[wire.Page[wire.AuditEntry]](s, "GET", "audit?app=one&action=rename-app", nil, 200).Items
	require.Len(t, entries, 2)
	assert.Contains(t, string(entries[0].Before), `"slug":"two"`)
	assert.Contains(t, string(entries[0].After), `"slug":"three"`)

	s.App("other")
	p := s.Refused(s.Admin(s.Token, "POST", "apps/other:rename", `{"slug":"one"}`), 409, "body.slug", `app slug \"one\" is already in use`)
	assert.Equal(t, app.ID, p.Other)
	other := s.Member(do[wire.App](s, "GET", "apps/other", nil, 200).ID, store.RoleAppAdmin)
	for _, slug := range []string{"three", "one"} { // that it is taken has to be said, not by whom
		p := s.Refused(s.Admin(other, "POST", "apps/other:rename", `{"slug":"`+slug+`"}`), 409, "body.slug", "already in use")
		assert.Empty(t, p.Other)
	}
	s.Refused(s.Admin(s.Token, "POST", "apps", `{"slug":"two"}`), 409, "body.slug", "already in use")
	s.Refused(s.Admin(viewer, "POST", "apps/three:rename", `{"slug":"mine"}`), 403, "", "app.update")
	s.Refused(s.Admin(s.Token, "POST", "apps/three:rename", `{"slug":"01a20970-f805-7922-8ded-6d329840dbfc"}`), 422, "body.slug", "id")

	s.Refused(s.Admin(s.Token, "DELETE", "apps/three/aliases/other", ""), 404, "", "alias not found")
	s.Refused(s.Admin(viewer, "DELETE", "apps/three/aliases/one", ""), 403, "", "app.update")
	do[any](s, "DELETE", "apps/three/aliases/one", nil, 204)
	s.Refused(s.Admin(s.Token, "GET", "apps/one", ""), 404, "", "app not found")
	released := do[wire.Page[wire.AuditEntry]](s, "GET", "audit?app=three&action=release-alias", nil, 200).Items[0]
	assert.Equal(t, []string{"alias", "one"}, []string{released.Kind, released.Object})
	do[wire.App](s, "POST", "apps/other:rename", wire.AppRename{Slug: "one"}, 200)

	assert.Equal(t, []string{"three"}, do[wire.App](s, "POST", "apps/three:rename", wire.AppRename{Slug: "two"}, 200).Aliases, "back to one of its own")
	do[any](s, "DELETE", "apps/two", nil, 204)
	s.App("three") // it is free with the app
}

// A deletion is told before, and afterwards nothing is there.
func TestDeletionIsTold(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	assert.Equal(t, wire.AppDeletion{}, do[wire.AppDeletion](s, "GET", "apps/shop:deletion", nil, 200))
	script := s.Script("shop", "s", `kv::collection("c").set("k", 1); "here"`)
	s.Route(script, "GET", "/shop")
	require.Equal(t, 200, s.Fetch("GET", "/shop", "").StatusCode)
	viewer := s.Member(app.ID, store.RoleViewer)
	do[wire.Document](s, "POST", "apps/shop/docs/d", `{"data":{"a":1}}`, 201)
	s.store(app.ID, "c", "f.txt", "text/plain", "hello")
	do[any](s, "GET", "scripts/"+script.ID+"/logs", nil, 200) // which waits for what has just been executed
	assert.Equal(t, wire.ScriptDeletion{Routes: 1, Executions: 1}, do[wire.ScriptDeletion](s, "GET", "scripts/"+script.ID+":deletion", nil, 200))
	assert.Equal(t, wire.AppDeletion{
		Scripts: 1, Routes: 1, Members: 1, KVEntries: 1, Documents: 1, Files: 1, FileBytes: 5, Executions: 1,
	}, do[wire.AppDeletion](s, "GET", "apps/shop:deletion", nil, 200))
	s.Refused(s.Admin(viewer, "GET", "apps/shop:deletion", ""), 403, "", "app.delete")
	s.Refused(s.Admin(viewer, "GET", "scripts/"+script.ID+":deletion", ""), 403, "", "script.delete")

	do[any](s, "DELETE", "scripts/"+script.ID, nil, 204)
	s.Refused(s.Admin(s.Token, "GET", "scripts/"+script.ID, ""), 404, "", "script not found")
	assert.Equal(t, 404, s.Fetch("GET", "/shop", "").StatusCode)
	do[any](s, "DELETE", "apps/shop", nil, 204)
	for _, path := range []string{"apps/shop", "apps/" + app.ID, "apps/shop/kv/c", "apps/" + app.ID + ":deletion", "apps/" + app.ID + "/files/c"} {
		s.Refused(s.Admin(s.Token, "GET", path, ""), 404, "", "app not found")
	}
	deletions := do[wire.Page[wire.AuditEntry]](s, "GET", "audit?action=delete-app", nil, 200).Items
	require.Len(t, deletions, 1)
	assert.Equal(t, app.ID, deletions[0].Object)
}

// An execution that runs when its app is deleted cannot write any more, and fails by that.
func TestAnExecutionOutlivesItsAppInVain(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	s.Route(s.Script("shop", "s", `let c = kv::collection("c"); while true { c.incr("n", 1) }`), "GET", "/count")
	answered := make(chan answer, 1)
	go func() { answered <- s.Fetch("GET", "/count", "") }()
	require.Eventually(t, func() bool {
		counts, err := s.DB.KV().Has(t.Context(), app.ID, "c", "n")
		return err == nil && counts
	}, time.Minute, time.Millisecond)
	do[any](s, "DELETE", "apps/shop", nil, 204)
	got := <-answered
	assert.Equal(t, 502, got.StatusCode, "%s", got.Content)
	_, err := s.DB.Deletions().Remove(t.Context(), 1000) // as is done in the background
	require.NoError(t, err)
	found, err := s.DB.KV().Has(t.Context(), app.ID, "c", "n")
	require.NoError(t, err)
	assert.False(t, found)
}
