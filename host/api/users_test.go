package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

// login logs in as somebody, whose password is that of all.
func (s *site) loggedIn(name string) (token string) {
	s.T.Helper()
	return s.login(wire.Login{Username: name, Password: apitest.AdminPassword}).Token
}

func (s *site) login(as wire.Login) wire.Token {
	s.T.Helper()
	return do[wire.Token](s, "POST", "auth/login", as, 200)
}

// as performs a request as somebody, expects a status and decodes the answer.
func as[T any](s *site, token, method, path, body string, status int) (out T) {
	s.T.Helper()
	got := s.Admin(token, method, path, body)
	require.Equal(s.T, status, got.StatusCode, "%s %s: %s", method, path, got.Content)
	if len(got.Content) > 0 {
		require.NoError(s.T, json.Unmarshal(got.Content, &out), "%s", got.Content)
	}
	return out
}

// begun makes a user who has begun a second factor, and is logged in.
func (s *site) begun(name string) (token string, key wire.TOTPKey) {
	s.T.Helper()
	token = s.User(name, store.RoleMember)
	return token, as[wire.TOTPKey](s, token, "POST", "me/totp", `{"password":"`+apitest.AdminPassword+`"}`, 200)
}

// withFactor makes a user who has a second factor, and is logged in.
func (s *site) withFactor(name string) (id, token string) {
	s.T.Helper()
	token = s.User(name, store.RoleMember)
	id = as[wire.Me](s, token, "GET", "me", "", 200).UserID
	require.NoError(s.T, s.DB.SecondFactors().Begin(s.T.Context(), store.SecondFactor{UserID: id, Secret: "JBSWY3DPEHPK3PXP"}))
	require.NoError(s.T, s.DB.SecondFactors().Confirm(s.T.Context(), id))
	return id, token
}

func codeAt(t testing.TB, key wire.TOTPKey, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(key.Secret, at)
	require.NoError(t, err)
	return code
}

// codeNow is a code that can be used now.
func codeNow(t testing.TB, key wire.TOTPKey) string { return codeAt(t, key, time.Now()) }

// tokenOf is the token of an invite.
func tokenOf(user wire.User) string {
	_, token, _ := strings.Cut(user.InviteURL, "#")
	return token
}

func TestUsers(t *testing.T) {
	s := newSite(t)
	ada := do[wire.User](s, "POST", "users", `{"username":"Ada","password":"engine of 1843","role":"admin"}`, 201)
	assert.Equal(t, wire.User{ID: ada.ID, Username: "Ada", Role: "admin", State: "active", CreatedAt: ada.CreatedAt, UpdatedAt: ada.UpdatedAt}, ada)
	token := s.login(wire.Login{Username: "ada", Password: "engine of 1843"}).Token
	assert.Equal(t, "admin", as[wire.Me](s, token, "GET", "me", "", 200).Role)

	changed := do[wire.User](s, "PATCH", "users/"+ada.ID, `{"username":"lovelace","role":"member"}`, 200)
	assert.Equal(t, []string{"lovelace", "member"}, []string{changed.Username, changed.Role})
	assert.Equal(t, "member", as[wire.Me](s, token, "GET", "me", "", 200).Role, "at once")
	assert.Equal(t, changed, do[wire.User](s, "GET", "users/"+ada.ID, nil, 200))

	for _, name := range []string{"b", "c", "d"} {
		do[wire.User](s, "POST", "users", `{"username":"`+name+`","role":"member"}`, 201)
	}
	var names []string
	for page := (wire.Page[wire.User]{}); ; {
		page = do[wire.Page[wire.User]](s, "GET", "users?limit=2&cursor="+page.Cursor, nil, 200)
		for _, user := range page.Items {
			names = append(names, user.Username)
		}
		if page.Cursor == "" {
			break
		}
	}
	assert.Equal(t, []string{"b", "c", "d", "lovelace", "owner"}, names)

	do[any](s, "DELETE", "users/"+ada.ID, nil, 204)
	s.Refused(s.Admin(s.Token, "GET", "users/"+ada.ID, ""), 404, "", "user not found")
	s.Refused(s.Admin(token, "GET", "me", ""), 401, "", "unknown, expired or revoked")
}

func TestUsersRefuse(t *testing.T) {
	s := newSite(t)
	create := func(body string) answer { return s.Admin(s.Token, "POST", "users", body) }
	s.Refused(create(`{"username":"OWNER","role":"member"}`), 409, "body.username", "already in use")
	s.Refused(create(`{"username":"a b","role":"member"}`), 422, "body.username", "without spaces")
	s.Refused(create(`{"username":"019aa000-0000-7000-8000-000000000000","role":"member"}`), 422, "body.username", "must not look like an id")
	s.Refused(create(`{"username":"x","role":"root"}`), 422, "body.role", "one of")
	s.Refused(create(`{"username":"x"}`), 422, "body.role", "missing")
	got := create(`{"username":"x","role":"member","password":"tooshrt"}`)
	s.Refused(got, 422, "body.password", "at least 8")
	assert.NotContains(t, string(got.Content), "tooshrt", "a password is never echoed")
	s.Refused(create(`{"username":"x","role":"member","email":"x@example.org"}`), 422, "body.email", "no such field")
	for _, id := range []string{"nobody", "019aa000-0000-7000-8000-000000000000", "owner"} {
		s.Refused(s.Admin(s.Token, "GET", "users/"+id, ""), 404, "", "user not found")
	}
}

func TestInvites(t *testing.T) {
	s := newSite(t)
	ada := do[wire.User](s, "POST", "users", `{"username":"ada","role":"member"}`, 201)
	assert.Equal(t, "invited", ada.State)
	assert.WithinDuration(t, time.Now().Add(72*time.Hour), *ada.InviteExpiresAt, time.Minute)
	require.True(t, strings.HasPrefix(ada.InviteURL, s.URL+"/api/v1/admin/auth/invite#pcv_"), ada.InviteURL)
	assert.Empty(t, do[wire.User](s, "GET", "users/"+ada.ID, nil, 200).InviteURL, "it is shown once")
	for _, password := range []string{"", "x", apitest.AdminPassword} {
		got := s.Admin("", "POST", "auth/login", `{"username":"ada","password":"`+password+`x"}`)
		s.Refused(got, 401, "", "wrong username or password")
	}

	again := do[wire.User](s, "POST", "users/"+ada.ID+":invite", nil, 200)
	accept := func(token, password string) answer {
		encoded, err := json.Marshal(wire.InviteAccept{Token: token, Password: password})
		require.NoError(t, err)
		return s.Admin("", "POST", "auth/invite", string(encoded))
	}
	const unusable = "the invite is unknown, expired or was used already"
	s.Refused(accept(tokenOf(ada), "engine of 1843"), 401, "", unusable)
	s.Refused(accept(tokenOf(again), "short"), 422, "body.password", "at least 8")
	s.Refused(accept(s.Token, "engine of 1843"), 401, "", unusable)

	var wait sync.WaitGroup
	statuses := make(chan int, 8)
	for range cap(statuses) {
		wait.Go(func() { statuses <- accept(tokenOf(again), "engine of 1843").StatusCode })
	}
	wait.Wait()
	close(statuses)
	counted := map[int]int{}
	for status := range statuses {
		counted[status]++
	}
	assert.Equal(t, map[int]int{200: 1, 401: 7}, counted, "of several at once one uses it")
	s.login(wire.Login{Username: "ada", Password: "engine of 1843"})
	s.Refused(s.Admin(s.Token, "POST", "users/"+ada.ID+":invite", ""), 409, "", "has a password")
	assert.Equal(t, "active", do[wire.User](s, "GET", "users/"+ada.ID, nil, 200).State)
}

// An invite leads to where the server was asked, also behind a proxy that speaks HTTPS for it.
func TestInvitesBehindAProxy(t *testing.T) {
	s := &site{apitest.New(t, func(c *front.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })}
	r := s.Request("POST", "/api/v1/admin/users", `{"username":"ada","role":"member"}`, "Authorization: Bearer "+s.Token, "Content-Type: application/json",
		"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")
	r.Host = "cloud.example.com"
	got := s.Send(r)
	require.Equal(t, 201, got.StatusCode, "%s", got.Content)
	var ada wire.User
	require.NoError(t, json.Unmarshal(got.Content, &ada))
	assert.True(t, strings.HasPrefix(ada.InviteURL, "https://cloud.example.com/api/v1/admin/auth/invite#pcv_"), ada.InviteURL)
}

func TestPasswordResets(t *testing.T) {
	s := newSite(t)
	token := s.User("ada", store.RoleMember)
	id := as[wire.Me](s, token, "GET", "me", "", 200).UserID

	do[wire.User](s, "POST", "users/"+id+":reset-password", `{"password":"another horse"}`, 200)
	s.Refused(s.Admin(token, "GET", "me", ""), 401, "", "revoked")
	token = s.login(wire.Login{Username: "ada", Password: "another horse"}).Token

	reset := do[wire.User](s, "POST", "users/"+id+":reset-password", `{}`, 200)
	assert.Equal(t, "invited", reset.State)
	s.Refused(s.Admin(token, "GET", "me", ""), 401, "", "revoked")
	s.Refused(s.Admin("", "POST", "auth/login", `{"username":"ada","password":"another horse"}`), 401, "", "wrong")
	accepted := as[wire.InviteAccepted](s, "", "POST", "auth/invite", `{"token":"`+tokenOf(reset)+`","password":"third horse"}`, 200)
	assert.Equal(t, "ada", accepted.Username)
	token = s.login(wire.Login{Username: "ada", Password: "third horse"}).Token

	me := do[wire.Me](s, "GET", "me", nil, 200)
	s.Refused(s.Admin(s.Token, "POST", "users/"+me.UserID+":reset-password", `{"password":"taken over"}`), 403, "", "needs your password")

	// By oneself: the old password is needed, and other sessions end.
	other := s.login(wire.Login{Username: "ada", Password: "third horse"}).Token
	s.Refused(s.Admin(token, "PUT", "me/password", `{"old_password":"wrong","new_password":"fourth horse"}`), 422, "body.old_password", "is not your password")
	as[any](s, token, "PUT", "me/password", `{"old_password":"third horse","new_password":"fourth horse"}`, 204)
	as[wire.Me](s, token, "GET", "me", "", 200)
	s.Refused(s.Admin(other, "GET", "me", ""), 401, "", "revoked")
	s.login(wire.Login{Username: "ada", Password: "fourth horse"})
}

func TestDeactivation(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	s.Script("shop", "main", "1")
	editor := s.Member(app.ID, store.RoleEditor)
	me := as[wire.Me](s, editor, "GET", "me", "", 200)
	trigger := as[wire.Trigger](s, editor, "POST", "apps/shop/triggers/queue", `{"script":"main","topic":"t","retry":{"max_attempts":1}}`, 201)
	assert.Empty(t, trigger.Stopped)
	key := as[wire.APIKey](s, editor, "POST", "me/keys", `{"name":"k","scopes":["script:write"]}`, 201)

	gone := do[wire.User](s, "POST", "users/"+me.UserID+":deactivate", nil, 200)
	assert.Equal(t, "deactivated", gone.State)
	assert.NotNil(t, gone.DeactivatedAt)
	for _, token := range []string{editor, key.Key} {
		s.Refused(s.Admin(token, "GET", "me", ""), 401, "", "unknown, expired or revoked")
		assert.Equal(t, 401, s.Fetch("POST", "/api/v1/execute/"+trigger.ScriptID, "", "Authorization: Bearer "+token).StatusCode)
	}
	s.Refused(s.Admin("", "POST", "auth/login", `{"username":"editor","password":"`+apitest.AdminPassword+`"}`), 401, "", "wrong username or password")
	s.Refused(s.Admin(s.Token, "POST", "users/"+me.UserID+":reset-password", `{}`), 409, "", "deactivated")

	const why = "whoever registered the trigger is deactivated"
	assert.Equal(t, why, do[wire.Trigger](s, "GET", "triggers/"+trigger.ID, nil, 200).Stopped)
	listed := do[wire.Page[wire.Trigger]](s, "GET", "apps/shop/triggers", nil, 200).Items
	assert.Equal(t, why, listed[0].Stopped)
	do[wire.EventMade](s, "POST", "apps/shop/queues/t/messages", `{"message":1}`, 202)
	require.Eventually(t, func() bool {
		dead := do[wire.Page[wire.DeadLetter]](s, "GET", "apps/shop/dead-letters", nil, 200).Items
		return len(dead) == 1 && dead[0].Error == why
	}, 10*time.Second, 10*time.Millisecond, "its events become dead letters that say so")

	back := do[wire.User](s, "POST", "users/"+me.UserID+":reactivate", nil, 200)
	assert.Equal(t, "active", back.State)
	assert.Nil(t, back.DeactivatedAt)
	for _, token := range []string{editor, key.Key} {
		s.Refused(s.Admin(token, "GET", "me", ""), 401, "", "unknown, expired or revoked")
	}
	s.loggedIn("editor")
	assert.Empty(t, do[wire.Trigger](s, "GET", "triggers/"+trigger.ID, nil, 200).Stopped)

	s.Refused(s.Admin(s.Token, "DELETE", "users/"+me.UserID, ""), 409, "", "editor has 1 triggers (shop/main-queue)")
	do[any](s, "DELETE", "triggers/"+trigger.ID, nil, 204)
	do[any](s, "DELETE", "users/"+me.UserID, nil, 204)
}

// Somebody else has a trigger run whose registrant is gone.
func TestTriggersAreAdopted(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	s.Script("shop", "main", "1")
	editor, viewer, admin := s.Member(app.ID, store.RoleEditor), s.Member(app.ID, store.RoleViewer), s.Member(app.ID, store.RoleAppAdmin)
	leaver, heir := as[wire.Me](s, editor, "GET", "me", "", 200), as[wire.Me](s, admin, "GET", "me", "", 200)
	trigger := as[wire.Trigger](s, editor, "POST", "apps/shop/triggers/queue", `{"script":"main","topic":"t"}`, 201)
	do[wire.User](s, "POST", "users/"+leaver.UserID+":deactivate", nil, 200)

	as[wire.Trigger](s, admin, "PATCH", "triggers/"+trigger.ID, `{"adopt":false,"concurrency":2}`, 200)
	assert.NotEmpty(t, do[wire.Trigger](s, "GET", "triggers/"+trigger.ID, nil, 200).Stopped, "a change alone adopts nothing")
	s.Refused(s.Admin(viewer, "PATCH", "triggers/"+trigger.ID, `{"adopt":true}`), 403, "", "this needs the role editor (trigger.write); you are viewer")
	assert.Equal(t, heir.UserID, as[wire.Trigger](s, admin, "PATCH", "triggers/"+trigger.ID, `{"adopt":true}`, 200).RegisteredBy)
	assert.Empty(t, do[wire.Trigger](s, "GET", "triggers/"+trigger.ID, nil, 200).Stopped)
	do[any](s, "DELETE", "users/"+leaver.UserID, nil, 204)
}

// What one may not see does not exist, whether it does or not.
func TestOthersDoNotExist(t *testing.T) {
	s := newSite(t)
	member, other := s.User("member", store.RoleMember), s.User("other", store.RoleMember)
	mine, theirs := as[wire.Me](s, member, "GET", "me", "", 200).UserID, as[wire.Me](s, other, "GET", "me", "", 200).UserID
	const nobody = "019aa000-0000-7000-8000-000000000000"
	for _, c := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"PATCH", "", `{"role":"owner"}`}, {"DELETE", "", ""}, {"POST", ":deactivate", ""}, {"POST", ":reactivate", ""},
		{"POST", ":reset-password", `{}`}, {"POST", ":invite", ""}, {"DELETE", "/totp", ""},
	} {
		there, missing := s.Admin(member, c.method, "users/"+theirs+c.path, c.body), s.Admin(member, c.method, "users/"+nobody+c.path, c.body)
		s.Refused(there, 404, "", "user not found")
		assert.Equal(t, string(missing.Content), string(there.Content), "%s %s", c.method, c.path)
		if own := s.Admin(member, c.method, "users/"+mine+c.path, c.body); c.method == "GET" {
			assert.Equal(t, 200, own.StatusCode)
		} else {
			s.Refused(own, 403, "", "users.manage")
		}
	}
	s.Refused(s.Admin(member, "GET", "users", ""), 403, "", "users.manage")
	s.Refused(s.Admin(member, "POST", "users", `{"username":"x","role":"member"}`), 403, "", "users.manage")
	sessions := as[wire.Page[wire.Session]](s, other, "GET", "me/sessions", "", 200).Items
	s.Refused(s.Admin(member, "DELETE", "me/sessions/"+sessions[0].ID, ""), 404, "", "session not found")
	as[wire.Me](s, other, "GET", "me", "", 200)
}

func TestSessions(t *testing.T) {
	s := newSite(t)
	send := func(token, agent, method, path, body string) answer {
		r := s.Request(method, "/api/v1/admin/"+path, body, "User-Agent: "+agent)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		return s.Send(r)
	}
	s.User("ada", store.RoleMember)
	var tokens []string
	for _, agent := range []string{"one/1.0", "two/2.0 " + strings.Repeat("x", 1000), "three/3.0"} {
		got := send("", agent, "POST", "auth/login", `{"username":"ada","password":"`+apitest.AdminPassword+`"}`)
		require.Equal(t, http.StatusOK, got.StatusCode, "%s", got.Content)
		var made wire.Token
		require.NoError(t, json.Unmarshal(got.Content, &made))
		tokens = append(tokens, made.Token)
	}
	list := func(token string) []wire.Session {
		t.Helper()
		return as[wire.Page[wire.Session]](s, token, "GET", "me/sessions", "", 200).Items
	}
	sessions := list(tokens[0])
	require.Len(t, sessions, 4) // and the one of s.User
	byAgent := map[string]wire.Session{}
	for _, session := range sessions {
		name, _, _ := strings.Cut(session.UserAgent, "/")
		byAgent[name] = session
		assert.Equal(t, name == "one", session.Current, name)
		assert.LessOrEqual(t, len(session.UserAgent), 256)
		assert.WithinDuration(t, time.Now(), session.LastUsedAt, time.Minute)
		assert.False(t, session.ExpiresAt.After(session.EndsAt))
	}
	assert.Equal(t, "127.0.0.1", byAgent["one"].Address)
	raw := s.Admin(tokens[0], "GET", "me/sessions", "")
	for _, token := range tokens {
		assert.NotContains(t, string(raw.Content), token)
	}

	as[any](s, tokens[0], "DELETE", "me/sessions/"+byAgent["two"].ID, "", 204)
	s.Refused(s.Admin(tokens[1], "GET", "me", ""), 401, "", "revoked")
	s.Refused(s.Admin(tokens[0], "DELETE", "me/sessions/"+byAgent["two"].ID, ""), 404, "", "session not found")
	assert.Equal(t, int64(2), as[wire.SessionsEnded](s, tokens[0], "DELETE", "me/sessions?others=true", "", 200).Ended)
	assert.Len(t, list(tokens[0]), 1)
	assert.Equal(t, int64(1), as[wire.SessionsEnded](s, tokens[0], "DELETE", "me/sessions", "", 200).Ended)
	s.Refused(s.Admin(tokens[0], "GET", "me", ""), 401, "", "revoked")
	do[wire.Me](s, "GET", "me", nil, 200)
}

// An API key may not what makes a login of it.
func TestKeysAreNoLogins(t *testing.T) {
	s := newSite(t)
	s.User("ada", store.RoleMember)
	ada, err := s.DB.Users().GetByUsername(t.Context(), "ada")
	require.NoError(t, err)
	key := do[wire.APIKey](s, "POST", "me/keys", `{"name":"k","scopes":["app:admin","instance:admin","script:write"]}`, 201).Key
	for _, c := range []struct{ method, path, body, lacks string }{
		{"PUT", "me/password", `{"old_password":"x","new_password":"another horse"}`, "account.manage"},
		{"GET", "me/sessions", "", "account.manage"},
		{"DELETE", "me/sessions", "", "account.manage"},
		{"DELETE", "me/sessions/x", "", "account.manage"},
		{"GET", "me/totp", "", "account.manage"},
		{"POST", "me/totp", `{"password":"x"}`, "account.manage"},
		{"POST", "me/totp:confirm", `{"code":"x"}`, "account.manage"},
		{"POST", "me/totp:disable", `{"code":"x"}`, "account.manage"},
		{"POST", "me/totp:recovery-codes", `{"code":"x"}`, "account.manage"},
		{"POST", "users", `{"username":"x","role":"owner"}`, "credentials.manage"},
		{"PATCH", "users/" + ada.ID, `{"role":"admin"}`, "credentials.manage"},
		{"POST", "users/" + ada.ID + ":reset-password", `{}`, "credentials.manage"},
		{"POST", "users/" + ada.ID + ":invite", ``, "credentials.manage"},
		{"DELETE", "users/" + ada.ID + "/totp", ``, "credentials.manage"},
	} {
		s.Refused(s.Admin(key, c.method, c.path, c.body), 403, "", c.lacks)
	}
	as[wire.Page[wire.User]](s, key, "GET", "users", "", 200)
	as[wire.User](s, key, "POST", "users/"+ada.ID+":deactivate", "", 200)
	as[wire.User](s, key, "POST", "users", `{"username":"new","role":"member"}`, 201)
}

func TestSecondFactor(t *testing.T) {
	s := newSite(t)
	token, first := s.begun("ada")
	password := `{"password":"` + apitest.AdminPassword + `"}`
	assert.Equal(t, wire.TOTP{}, as[wire.TOTP](s, token, "GET", "me/totp", "", 200), "it counts for nothing yet")
	s.loggedIn("ada")
	key := as[wire.TOTPKey](s, token, "POST", "me/totp", password, 200) // begun again
	assert.NotEqual(t, first.Secret, key.Secret)
	assert.True(t, strings.HasPrefix(key.URL, "otpauth://totp/PiCloud:ada?"), key.URL)
	s.Refused(s.Admin(token, "POST", "me/totp:confirm", `{"code":"`+codeNow(t, first)+`"}`), 422, "body.code", "wrong")
	s.Refused(s.Admin(token, "POST", "me/totp", `{"password":"wrong"}`), 422, "body.password", "is not your password")

	now := time.Now()
	codes := as[wire.RecoveryCodes](s, token, "POST", "me/totp:confirm", `{"code":"`+codeAt(t, key, now)+`"}`, 200).Codes
	require.Len(t, codes, 10)
	s.Refused(s.Admin(token, "POST", "me/totp", password), 409, "", "disable it first")
	s.Refused(s.Admin(token, "POST", "me/totp:confirm", `{"code":"`+codeNow(t, key)+`"}`), 409, "", "already")
	state := as[wire.TOTP](s, token, "GET", "me/totp", "", 200)
	assert.True(t, state.Enabled)
	assert.Equal(t, 10, state.RecoveryCodes)
	assert.True(t, as[wire.Me](s, token, "GET", "me", "", 200).SecondFactor)

	login := func(password, code string) answer {
		encoded, err := json.Marshal(wire.Login{Username: "ada", Password: password, Code: code})
		require.NoError(t, err)
		return s.Admin("", "POST", "auth/login", string(encoded))
	}
	code := codeAt(t, key, now.Add(30*time.Second)) // of the next step, which is taken too
	s.Refused(login(apitest.AdminPassword, ""), 401, "body.code", "has a second factor")
	s.Refused(login(apitest.AdminPassword, "000000x"), 401, "body.code", "wrong, or was used")
	for _, wrong := range []string{"", code} {
		got := login("wrong password", wrong)
		s.Refused(got, 401, "", "wrong username or password")
		assert.NotContains(t, string(got.Content), "body.code", "the factor is not told to who has not the password")
	}
	require.Equal(t, 200, login(apitest.AdminPassword, code).StatusCode)
	s.Refused(login(apitest.AdminPassword, code), 401, "body.code", "was used already")
	require.Equal(t, 200, login(apitest.AdminPassword, strings.ToUpper(codes[0])).StatusCode)
	s.Refused(login(apitest.AdminPassword, codes[0]), 401, "body.code", "was used already")
	require.Equal(t, 200, login(apitest.AdminPassword, strings.ReplaceAll(codes[1], "-", "")).StatusCode)

	fresh := as[wire.RecoveryCodes](s, token, "POST", "me/totp:recovery-codes", `{"code":"`+codes[2]+`"}`, 200).Codes
	s.Refused(login(apitest.AdminPassword, codes[3]), 401, "body.code", "wrong, or was used")
	s.Refused(s.Admin(token, "POST", "me/totp:disable", `{}`), 422, "body.password", "or a code")
	s.Refused(s.Admin(token, "POST", "me/totp:disable", `{"password":"a","code":"b"}`), 422, "body.code", "absent beside a password")
	s.Refused(s.Admin(token, "POST", "me/totp:disable", `{"password":"wrong"}`), 422, "body.password", "is not your password")
	as[any](s, token, "POST", "me/totp:disable", `{"code":"`+fresh[0]+`"}`, 204)
	s.Refused(s.Admin(token, "POST", "me/totp:disable", password), 409, "", "no second factor")
	require.Equal(t, 200, login(apitest.AdminPassword, "").StatusCode)
}

func TestSecondFactorIsResetByAnAdmin(t *testing.T) {
	s := newSite(t)
	ada, _ := s.withFactor("ada")
	s.Refused(s.Admin("", "POST", "auth/login", `{"username":"ada","password":"`+apitest.AdminPassword+`"}`), 401, "body.code", "second factor")
	assert.True(t, do[wire.User](s, "GET", "users/"+ada, nil, 200).SecondFactor)
	assert.False(t, do[wire.User](s, "DELETE", "users/"+ada+"/totp", nil, 200).SecondFactor)
	s.loggedIn("ada")
	s.Refused(s.Admin(s.Token, "DELETE", "users/"+ada+"/totp", ""), 404, "", "second factor not found")
}
