package api_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

func TestLoginMeLogout(t *testing.T) {
	s := newSite(t)
	token := do[wire.Token](s, "POST", "auth/login", wire.Login{Username: "Owner", Password: apitest.AdminPassword}, 200)
	assert.WithinDuration(t, time.Now().Add(time.Hour), token.ExpiresAt, time.Minute)
	s.Token = token.Token
	me := do[wire.Me](s, "GET", "me", nil, 200)
	assert.Equal(t, "owner", me.Username)
	assert.Equal(t, "owner", me.Role)
	do[any](s, "POST", "auth/logout", nil, 204)
	s.Refused(s.Admin(token.Token, "GET", "me", ""), 401, "", "unknown, expired or revoked")
}

func TestLoginRefuses(t *testing.T) {
	s := newSite(t)
	login := func(body string) answer { return s.Admin("", "POST", "auth/login", body) }
	s.Refused(login(`{"username":"owner"}`), 422, "body.password", "missing")
	s.Refused(login(`{"username":7,"password":"x"}`), 422, "body.username", "must be a string")
	s.Refused(login(`{"username":"owner","password":"x","otp":"1"}`), 422, "body.otp", "no such field")
	s.Refused(login(`{"Username":"owner","password":"x"}`), 422, "body.Username", "no such field")
	got := login(`{"username":"owner","password":["secret-in-the-wrong-type"]}`)
	s.Refused(got, 422, "body.password", "must be a string")
	assert.NotContains(t, string(got.Content), "secret", "a password is never echoed")
	unknown, wrong := login(`{"username":"nobody","password":"xxxxxxxx"}`), login(`{"username":"owner","password":"xxxxxxxx"}`)
	s.Refused(unknown, 401, "", "wrong username or password")
	assert.Equal(t, string(unknown.Content), string(wrong.Content), "an unknown name and a wrong password look the same")
}

func TestLoginIsThrottled(t *testing.T) {
	s := newSite(t)
	var got answer
	for range 50 {
		if got = s.Admin("", "POST", "auth/login", `{"username":"owner","password":"wrong-one"}`); got.StatusCode == 429 {
			break
		}
	}
	s.Refused(got, 429, "", "too many failed logins")
	seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
	require.NoError(t, err)
	assert.Positive(t, seconds)
}

func TestAPIKeys(t *testing.T) {
	s := newSite(t)
	mine, other := s.App("mine"), s.App("other")
	script := s.Script("mine", "s", "1")
	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "ci", Scopes: []string{"script:write"}, App: "mine"}, 201)
	require.NotEmpty(t, key.Key)
	assert.Equal(t, mine.ID, key.AppID)

	list := do[wire.Page[wire.APIKey]](s, "GET", "me/keys", nil, 200)
	require.Len(t, list.Items, 1)
	assert.Empty(t, list.Items[0].Key, "the key is shown once")
	assert.Equal(t, key.Prefix, list.Items[0].Prefix)

	as := func(method, path, body string) answer { return s.Admin(key.Key, method, path, body) }
	assert.Equal(t, 200, as("GET", "scripts/"+script.ID, "").StatusCode)
	assert.Equal(t, 200, as("PUT", "scripts/"+script.ID, `{"source":"2"}`).StatusCode)
	assert.Contains(t, string(as("GET", "apps", "").Content), mine.ID)
	assert.NotContains(t, string(as("GET", "apps", "").Content), other.ID)
	assert.Contains(t, string(as("GET", "me", "").Content), key.ID)
	s.Refused(as("GET", "apps/other", ""), 404, "", "app not found")
	s.Refused(as("POST", "apps", `{"slug":"new"}`), 403, "", "app.create")
	s.Refused(as("POST", "scripts/"+script.ID+"/routes", `{"path":"/x"}`), 403, "", "route.write")
	s.Refused(as("GET", "scripts/"+script.ID+"/logs", ""), 403, "", "log.read")
	s.Refused(as("POST", "me/keys", `{"name":"more","scopes":["script:read"]}`), 403, "", "keys.manage")
	s.Refused(as("DELETE", "apps/mine", ""), 403, "", "app.delete")

	// In the place of a key comes another; the old one ends after the overlap.
	rotate := func(id, body string) answer { return s.Admin(s.Token, "POST", "me/keys/"+id+":rotate", body) }
	s.Refused(rotate(key.ID, `{"overlap":-1}`), 422, "body.overlap", "at least 0")
	s.Refused(rotate(key.ID, `{"overlap":2592001}`), 422, "body.overlap", "at most 2592000")
	s.Refused(rotate(key.ID, `{"expires_at":"2020-01-01T00:00:00Z"}`), 422, "body.expires_at", "future")
	second := decoded[wire.APIKey](s, rotate(key.ID, `{"overlap":3600}`), 201)
	assert.NotEqual(t, key.Key, second.Key)
	assert.Equal(t, []any{key.Name, key.Scopes, key.AppID}, []any{second.Name, second.Scopes, second.AppID})
	s.Refused(rotate(key.ID, `{}`), 409, "", "rotated already")
	list = do[wire.Page[wire.APIKey]](s, "GET", "me/keys", nil, 200)
	require.Len(t, list.Items, 2)
	assert.Equal(t, second.ID, list.Items[0].ReplacedBy)
	assert.WithinDuration(t, time.Now().Add(time.Hour), *list.Items[0].ExpiresAt, time.Minute)
	assert.Equal(t, 200, as("GET", "me", "").StatusCode, "in the overlap")
	now := decoded[wire.APIKey](s, rotate(second.ID, `{"overlap":0}`), 201)
	assert.Equal(t, 401, s.Admin(second.Key, "GET", "me", "").StatusCode, "without one")
	assert.Equal(t, 200, s.Admin(now.Key, "GET", "me", "").StatusCode)

	stranger := s.User("stranger", store.RoleMember)
	s.Refused(s.Admin(stranger, "DELETE", "me/keys/"+key.ID, ""), 404, "", "API key not found")
	do[any](s, "DELETE", "me/keys/"+key.ID, nil, 204)
	s.Refused(as("GET", "me", ""), 401, "", "unknown, expired or revoked")
	s.Refused(s.Admin(s.Token, "DELETE", "me/keys/"+key.ID, ""), 404, "", "API key not found")
}

func TestAPIKeyRefuses(t *testing.T) {
	s := newSite(t)
	create := func(body string) answer { return s.Admin(s.Token, "POST", "me/keys", body) }
	s.Refused(create(`{"name":"k","scopes":[]}`), 422, "body.scopes", "at least 1 item")
	s.Refused(create(`{"name":"k","scopes":["script:read","script:read"]}`), 422, "body.scopes", "same item twice")
	s.Refused(create(`{"name":"k","scopes":["all"]}`), 422, "body.scopes[0]", "one of")
	s.Refused(create(`{"name":"","scopes":["script:read"]}`), 422, "body.name", "at least 1 character")
	s.Refused(create(`{"name":"k","scopes":["script:read"],"app":"none"}`), 404, "", "app not found")
	s.Refused(create(`{"name":"k","scopes":["script:read"],"expires_at":"2020-01-01T00:00:00Z"}`), 422, "body.expires_at", "future")
	s.Refused(create(`{"name":"k","scopes":["script:read"],"expires_at":"tomorrow"}`), 422, "body.expires_at", "RFC 3339")
}

func TestRolesThroughTheAPI(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	s.App("hidden")
	script := s.Script("app", "s", "1")
	tokens := map[string]string{"": s.User("nobody", store.RoleMember)}
	for _, role := range []store.AppRole{store.RoleViewer, store.RoleEditor, store.RoleAppAdmin} {
		tokens[string(role)] = s.User(string(role), store.RoleMember)
		user, err := s.DB.Users().GetByUsername(t.Context(), string(role))
		require.NoError(t, err)
		require.NoError(t, s.DB.Apps().SetMember(t.Context(), app.ID, user.ID, role))
	}
	for _, c := range []struct {
		method, path, body               string
		nobody, viewer, editor, appAdmin int
	}{
		{"GET", "apps/app", "", 404, 200, 200, 200},
		{"GET", "apps/hidden", "", 404, 404, 404, 404},
		{"GET", "scripts/" + script.ID, "", 404, 200, 200, 200},
		{"GET", "scripts/" + script.ID + "/logs", "", 404, 200, 200, 200},
		{"GET", "scripts/" + script.ID + "/executions", "", 404, 200, 200, 200},
		{"GET", "apps/app/routes", "", 404, 200, 200, 200},
		{"POST", "apps/app/triggers:preview", `{"schedule":"@daily"}`, 404, 200, 200, 200},
		{"POST", "apps/app/routes:match", `{"path":"/x"}`, 404, 200, 200, 200},
		{"POST", "scripts/" + script.ID + "/validate", `{}`, 404, 200, 200, 200},
		{"POST", "apps/app/scripts:validate", `{"source":"1"}`, 404, 200, 200, 200},
		{"POST", "scripts/" + script.ID + "/run", `{}`, 404, 403, 200, 200},
		{"PUT", "scripts/" + script.ID, `{"source":"2"}`, 404, 403, 200, 200},
		{"PUT", "apps/app", `{"name":"App"}`, 404, 403, 403, 200},
		{"POST", "apps", `{"slug":"new"}`, 403, 403, 403, 403},
		{"DELETE", "apps/hidden", "", 404, 404, 404, 404},
	} {
		for role, want := range map[string]int{"": c.nobody, "viewer": c.viewer, "editor": c.editor, "app_admin": c.appAdmin} {
			got := s.Admin(tokens[role], c.method, c.path, c.body)
			assert.Equal(t, want, got.StatusCode, "%q: %s %s: %s", role, c.method, c.path, got.Content)
		}
	}
	for role, want := range map[string]int{"": 0, "viewer": 1} {
		got := s.Admin(tokens[role], "GET", "apps", "")
		assert.Contains(t, string(got.Content), map[int]string{0: `"items":[]`, 1: app.ID}[want], role)
	}
	execute := func(role string) int {
		return s.Fetch("POST", "/api/v1/execute/"+script.ID, "", "Authorization: Bearer "+tokens[role]).StatusCode
	}
	assert.Equal(t, []int{404, 403, 200}, []int{execute(""), execute("viewer"), execute("editor")}, fmt.Sprint(tokens))
}
