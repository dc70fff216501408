package api_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func TestMembers(t *testing.T) {
	s := newSite(t)
	app := s.App("club")
	s.App("other")
	ann, ed := s.User("ann", store.RoleMember), s.User("ed", store.RoleMember)
	member := do[wire.Member](s, "PUT", "apps/club/members/ANN", wire.MemberSet{Role: "app_admin"}, 200)
	assert.Equal(t, wire.Member{UserID: member.UserID, Username: "ann", Role: "app_admin"}, member)
	s.Token = ann
	assert.Equal(t, "editor", do[wire.Member](s, "PUT", "apps/"+app.ID+"/members/ed", wire.MemberSet{Role: "editor"}, 200).Role)
	list := do[wire.Page[wire.Member]](s, "GET", "apps/club/members", nil, 200).Items
	require.Len(t, list, 2)
	assert.Equal(t, member, list[0])

	set := func(token, user, body string) answer { return s.Admin(token, "PUT", "apps/club/members/"+user, body) }
	s.Refused(set(ann, "ed", `{"role":"owner"}`), 422, "body.role", "one of")
	s.Refused(set(ann, "ed", `{}`), 422, "body.role", "missing")
	s.Refused(set(ann, "nobody", `{"role":"viewer"}`), 404, "", "user not found")
	s.Refused(set(ed, "ed", `{"role":"app_admin"}`), 403, "", "members.manage")
	s.Refused(s.Admin(ann, "PUT", "apps/other/members/ann", `{"role":"viewer"}`), 404, "", "app not found")
	s.Refused(s.Admin(ed, "DELETE", "apps/club/members/ann", ""), 403, "", "members.manage")

	assert.Equal(t, 204, s.Admin(ed, "DELETE", "apps/club/members/ed", "").StatusCode, "one may leave")
	s.Refused(s.Admin(ed, "GET", "apps/club", ""), 404, "", "app not found")
	do[any](s, "DELETE", "apps/club/members/"+member.UserID, nil, 204)
	s.Refused(s.Admin(ann, "GET", "apps/club/members", ""), 404, "", "app not found")
}

// What a client needs to know to hide what would be refused.
func TestMyRights(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	s.App("another")
	editor := s.Member(app.ID, store.RoleEditor)
	me, err := s.Auth.Authenticate(t.Context(), editor)
	require.NoError(t, err)
	key := func(appID string, scopes ...authz.Scope) string {
		key, _, err := s.Auth.CreateKey(t.Context(), me.User.ID, "k", scopes, appID, me.Expires)
		require.NoError(t, err)
		return key
	}
	every := make([]string, len(authz.InApp))
	for i, c := range authz.InApp {
		every[i] = string(c)
	}
	editors := []string{"app.read", "members.read", "script.read", "script.write", "script.delete", "script.execute", "route.read", "route.write",
		"trigger.read", "trigger.write", "event.manage", "log.read", "data.read", "data.write", "secret.read"}
	for name, c := range map[string]struct {
		token, role string
		may         []string
	}{
		"owner":                   {s.Token, "owner", every},
		"admin":                   {s.User("admin", store.RoleAdmin), "admin", every},
		"editor":                  {editor, "editor", editors},
		"viewer":                  {s.Member(app.ID, store.RoleViewer), "viewer", []string{"app.read", "members.read", "script.read", "route.read", "trigger.read", "log.read", "data.read"}},
		"editor with a key":       {key("", authz.ScopeLogRead, authz.ScopeRouteWrite), "editor", []string{"app.read", "route.read", "route.write", "log.read"}},
		"editor with a bound key": {key(app.ID, authz.Scopes...), "editor", editors},
	} {
		s.Token = c.token
		listed := do[wire.Page[wire.App]](s, "GET", "apps?limit=1000", nil, 200).Items
		single := do[wire.App](s, "GET", "apps/app", nil, 200)
		assert.Equal(t, c.role, single.MyRole, name)
		assert.Equal(t, c.may, single.MyCapabilities, name)
		assert.Contains(t, listed, single, name)
		assert.Equal(t, len(every) == len(c.may), len(listed) > 1, "%s sees another app", name)
	}
	s.Token = editor
	assert.Equal(t, editors, do[wire.App](s, "POST", "apps/app/events:pause", nil, 200).MyCapabilities)
}

// Why a handler has failed is told to those alone who may read the log.
func TestErrorsOfEvents(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	letter := s.deadLetter(app.ID)
	told := func(scopes ...string) string {
		key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: scopes}, 201).Key
		listed := decoded[wire.DeadLetters](s, s.Admin(key, "GET", "apps/app/dead-letters", ""), 200).Items
		single := decoded[wire.DeadLetter](s, s.Admin(key, "GET", "dead-letters/"+letter, ""), 200)
		require.Len(t, listed, 1)
		assert.Equal(t, single, listed[0])
		return single.Error
	}
	assert.Equal(t, "what the handler said", told("app:admin"))
	assert.Equal(t, "what the handler said", told("script:write", "log:read"))
	assert.Empty(t, told("script:write"))
}
