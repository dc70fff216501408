package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// unchanged are operations whose sample changes nothing, and why. TestAuditOfMany has other requests
// for them.
var unchanged = map[string]string{
	"clear-queue":         "there is no message",
	"set-topic":           "it is so already",
	"deploy-app":          "each of its changes has an entry of its own",
	"replay-dead-letters": "none is of the source",
	"purge-dead-letters":  "none is of the source",
}

// checkRecorded looks for what the sample of an operation, whose request has the operation's id, has
// left in the record: exactly one entry if it changes something, which has no secret, and else none.
func checkRecorded(t *testing.T, s *site, op operation) {
	t.Helper()
	page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{Action: op.id, Page: store.PageRequest{Limit: 1000}})
	require.NoError(t, err)
	entries := slices.DeleteFunc(page.Items, func(e store.AuditEntry) bool { return e.RequestID != op.id })
	if op.method == "GET" || op.method == "HEAD" || slices.Contains(*api.ReadOnly, op.id) || unchanged[op.id] != "" {
		assert.Empty(t, entries, "%s changes nothing", op.id)
		return
	}
	if !assert.Len(t, entries, 1, "%s changes something", op.id) {
		return
	}
	e := entries[0]
	assert.Equal(t, store.OutcomeDone, e.Outcome, op.id)
	if op.id == "accept-invite" { // whoever has it
		assert.Equal(t, store.ActorUnknown, e.Actor)
	} else {
		assert.NotEmpty(t, e.Username, op.id)
		assert.NotEmpty(t, e.UserID, op.id)
	}
	assert.Equal(t, "127.0.0.1", e.Address, op.id)
	assert.NotEmpty(t, e.Kind, op.id)
	if strings.HasPrefix(op.path, "/apps/{app}") {
		assert.NotEmpty(t, e.AppID, op.id)
	}
	for _, secret := range []string{apitest.AdminPassword, "argon2", s.Token} {
		assert.NotContains(t, string(e.Before)+string(e.After), secret, op.id)
	}
	assert.False(t, authz.HoldsToken(string(e.Before)+string(e.After)), op.id)
}

// record is what GET audit answers to the owner.
func (s *site) record(query string) []wire.AuditEntry {
	s.T.Helper()
	return do[wire.Page[wire.AuditEntry]](s, "GET", "audit"+query, nil, 200).Items
}

func TestAudit(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	script := s.Script("shop", "main", "let password = `in the source`; 1")
	do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"source":"2","name":"renamed"}`, 200)
	do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/k", `{"value":"private"}`, 200)
	do[any](s, "DELETE", "scripts/"+script.ID, nil, 204)

	var told []string
	for _, e := range s.record("?app=shop") {
		assert.Equal(t, "owner", e.Username)
		assert.Equal(t, "user", e.Actor)
		assert.Equal(t, "done", e.Outcome)
		assert.Equal(t, app.ID, e.AppID)
		assert.Equal(t, "127.0.0.1", e.Address)
		assert.NotEmpty(t, e.RequestID)
		assert.WithinDuration(t, time.Now(), e.At, time.Minute)
		told = append(told, e.Action+" "+e.Kind+" "+e.Object)
	}
	assert.Equal(t, []string{
		"delete-script script " + script.ID, "set-kv kv c/k", "update-script script " + script.ID, "create-script script " + script.ID,
		"create-app app " + app.ID,
	}, told)
	update := s.record("?action=update-script")[0]
	was, is := fieldsOf(t, update.Before), fieldsOf(t, update.After)
	assert.Equal(t, "main", was["name"])
	assert.Equal(t, "renamed", is["name"])
	assert.Equal(t, float64(1), was["version"])
	assert.Equal(t, map[string]any{"sha256": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35", "size": float64(1)}, is["source"])
	assert.NotContains(t, was, "id", "what stays as it is is left out")
	raw := string(s.Admin(s.Token, "GET", "audit", "").Content)
	assert.NotContains(t, raw, "in the source")
	assert.NotContains(t, raw, "private")

	for query, want := range map[string]int{
		"?user=owner": 5, "?user=" + update.UserID: 5, "?user=nobody": 0, "?object=" + script.ID: 3, "?object=c/k": 1, "?action=set-kv": 1,
		"?app=" + app.ID: 5, "?app=none": 0, "?limit=2": 2,
		"?from=" + url.QueryEscape(update.At.Format(time.RFC3339Nano)): 3, "?to=" + url.QueryEscape(update.At.Format(time.RFC3339Nano)): 2,
	} {
		assert.Len(t, s.record(query), want, query)
	}
	first := do[wire.Page[wire.AuditEntry]](s, "GET", "audit?limit=3", nil, 200)
	rest := s.record("?limit=3&cursor=" + first.Cursor)
	assert.Equal(t, s.record(""), append(first.Items, rest...))

	// The app goes, its record stays.
	do[any](s, "DELETE", "apps/shop", nil, 204)
	gone := s.record("?app=" + app.ID)
	require.Len(t, gone, 6)
	assert.Equal(t, "shop", fieldsOf(t, gone[0].Before)["slug"])
	assert.Empty(t, gone[0].After)

	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		assert.Contains(t, []int{404, 405}, s.Admin(s.Token, method, "audit", "").StatusCode, "nothing changes the record")
		assert.Contains(t, []int{404, 405}, s.Admin(s.Token, method, "audit/"+update.ID, "").StatusCode)
	}
}

func fieldsOf(t *testing.T, text json.RawMessage) (fields map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &fields))
	return fields
}

// Who administers the instance reads the whole record, who administers an app that of the app.
func TestAuditIsForAdmins(t *testing.T) {
	s := newSite(t)
	shop, other := s.App("shop"), s.App("other")
	admin, member := s.User("root", store.RoleAdmin), s.User("passer-by", store.RoleMember)
	appAdmin, editor := s.Member(shop.ID, store.RoleAppAdmin), s.Member(shop.ID, store.RoleEditor)
	key := func(app string, scopes ...string) string {
		return do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: scopes, App: app}, 201).Key
	}
	for name, c := range map[string]struct {
		token                    string
		whole, ofShop, ofAnother int
	}{
		"owner":                   {s.Token, 200, 200, 200},
		"admin":                   {admin, 200, 200, 200},
		"app admin":               {appAdmin, 403, 200, 404},
		"editor":                  {editor, 403, 403, 404},
		"member":                  {member, 403, 404, 404},
		"key of the instance":     {key("", "instance:admin"), 200, 200, 200},
		"key of apps":             {key("", "app:admin"), 200, 200, 200},
		"key of the app":          {key("shop", "app:admin"), 403, 200, 404},
		"key without the scope":   {key("", "script:read"), 403, 403, 403},
		"whoever has no token":    {"", 401, 401, 401},
		"bound key of everything": {key("shop", "app:admin", "instance:admin"), 403, 200, 404},
	} {
		t.Run(name, func(t *testing.T) {
			for path, want := range map[string]int{"": c.whole, "?app=shop": c.ofShop, "?app=" + other.ID: c.ofAnother} {
				for _, operation := range []string{"audit", "audit:export"} {
					got := s.Admin(c.token, "GET", operation+path, "")
					assert.Equal(t, want, got.StatusCode, "%s%s: %s", operation, path, got.Content)
				}
			}
		})
	}
	ofShop := do[wire.Page[wire.AuditEntry]](s, "GET", "audit?app=shop&limit=1000", nil, 200)
	for _, e := range ofShop.Items {
		assert.Equal(t, shop.ID, e.AppID)
	}
}

// Logins, failed ones and refusals are recorded; a flood of them is counted.
func TestAuditOfRefusals(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	editor := s.Member(app.ID, store.RoleEditor)
	login := func(name, password string) int {
		return s.Admin("", "POST", "auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password)).StatusCode
	}
	require.Equal(t, 200, login("OWNER", apitest.AdminPassword))
	entry := s.record("?action=login")[0]
	assert.Equal(t, []string{"user", "owner", "done", "session"}, []string{entry.Actor, entry.Username, entry.Outcome, entry.Kind})
	assert.NotEmpty(t, entry.UserID)

	require.Equal(t, 401, login("owner", "wrong horse"))
	require.Equal(t, 401, login("my-password-in-the-wrong-field", "x"))
	failed := s.record("?action=login&limit=2")
	assert.Equal(t, []string{"unknown", "", "failed", "wrong username or password"}, []string{failed[0].Actor, failed[0].Username, failed[0].Outcome, failed[0].Reason})
	assert.Equal(t, []string{"user", "owner", "failed", "wrong username or password"}, []string{failed[1].Actor, failed[1].Username, failed[1].Outcome, failed[1].Reason})
	for range 200 {
		login("someone", "wrong horse")
	}
	assert.Less(t, len(s.record("?action=login")), 10, "the throttled ones too")

	for range 20 {
		require.Equal(t, 403, s.Admin(editor, "DELETE", "apps/shop", "").StatusCode)
		require.Equal(t, 403, s.Admin(editor, "GET", "audit?app=shop", "").StatusCode)
		require.Equal(t, 404, s.Admin(editor, "DELETE", "apps/none", "").StatusCode)
	}
	var refused []string
	for _, e := range s.record("?app=shop") {
		if e.Outcome == "refused" {
			refused = append(refused, e.Username+" "+e.Action+" "+e.Object)
			assert.Contains(t, e.Reason, "this needs the role app_admin")
		}
	}
	assert.ElementsMatch(t, []string{"editor delete-app ", "editor list-audit "}, refused)

	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "ci", Scopes: []string{"script:write"}}, 201)
	created := do[wire.Script](&site{&apitest.Site{T: t, URL: s.URL, Token: key.Key}}, "POST", "apps/shop/scripts", `{"name":"by-key","source":"1"}`, 201)
	byKey := s.record("?object=" + created.ID)[0]
	assert.Equal(t, []string{"key", "owner", key.ID}, []string{byKey.Actor, byKey.Username, byKey.APIKey})
	made := s.record("?object=" + key.ID)[0]
	assert.Equal(t, "create-api-key", made.Action)
	assert.NotContains(t, string(made.After), key.Key)
}

// Tokens that do not count, and executions that are refused, are recorded; whoever has no token has tried nothing.
func TestAuditOfTokens(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	script := s.Script("shop", "main", "1")
	viewer, stranger := s.Member(app.ID, store.RoleViewer), s.User("stranger", store.RoleMember)
	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "ci", Scopes: []string{"log:read"}}, 201)
	execute := func(token, id string) int {
		request, err := http.NewRequest("POST", s.URL+"/api/v1/execute/"+id, strings.NewReader(`{}`))
		require.NoError(t, err)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	before := len(s.record("?limit=1000"))
	for _, c := range []struct {
		want int
		got  func() int
	}{
		{401, func() int { return s.Admin("", "GET", "apps", "").StatusCode }},
		{401, func() int { return execute("", script.ID) }},
		{404, func() int { return execute(stranger, script.ID) }},
		{404, func() int { return execute(s.Token, uuid.NewString()) }},
		{200, func() int { return execute(s.Token, script.ID) }},
	} {
		require.Equal(t, c.want, c.got())
	}
	require.Len(t, s.record("?limit=1000"), before, "none of these is a refusal to be recorded")

	wrong := "pcs_" + strings.Repeat("x", 43)
	require.Equal(t, 401, s.Admin(wrong, "GET", "scripts/"+wrong, "").StatusCode)
	require.Equal(t, 401, s.Admin(wrong, "DELETE", "apps/shop", "").StatusCode)
	require.Equal(t, 401, execute(wrong, script.ID))
	require.Equal(t, 403, execute(viewer, script.ID))
	require.Equal(t, 403, execute(key.Key, script.ID))
	var told []string
	for _, e := range s.record("?limit=1000")[:5] {
		assert.Equal(t, "refused", e.Outcome)
		assert.Equal(t, "127.0.0.1", e.Address)
		assert.NotEmpty(t, e.RequestID)
		told = append(told, fmt.Sprint(e.Actor, " ", e.Username, " ", e.Action, " ", e.Kind, " ", e.Object, " ", e.AppID, ": ", e.Reason))
	}
	slices.Reverse(told)
	assert.Equal(t, []string{
		"unknown  get-script script  : the token is unknown, expired or revoked",
		"unknown  delete-app app  : the token is unknown, expired or revoked",
		"unknown  execute script  : the token is unknown, expired or revoked",
		"user viewer execute script " + script.ID + " " + app.ID + ": this needs the role editor (script.execute); you are viewer",
		"key owner execute script " + script.ID + " " + app.ID + ": this needs an API key with the scope script:write or app:admin (script.execute); yours has log:read",
	}, told)

	before = len(s.record("?limit=1000"))
	for range 100 {
		require.Equal(t, 401, s.Admin(wrong, "DELETE", "apps/shop", "").StatusCode)
		require.Equal(t, 401, s.Admin("Basic nonsense", "GET", "apps", "").StatusCode)
		require.Equal(t, 401, execute(wrong, script.ID))
	}
	assert.LessOrEqual(t, len(s.record("?limit=1000")), before+1)
	require.NoError(t, s.Audit.Flush(t.Context()))
	sum := 0
	for _, e := range s.record("?limit=1000") {
		if e.Actor == "unknown" {
			sum += e.Count
		}
	}
	assert.Equal(t, 3+300, sum)
}

// A program that changes data often has few entries, which say how often; what is configured has one each.
func TestAuditOfBursts(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	const many = 120
	for i := range many {
		do[wire.KVEntry](s, "PUT", fmt.Sprintf("apps/shop/kv/c/k%d", i), `{"value":1}`, 200)
		do[wire.App](s, "PUT", "apps/shop", fmt.Sprintf(`{"name":"Shop %d"}`, i), 200)
	}
	require.NoError(t, s.Audit.Flush(t.Context()))
	assert.Len(t, s.record("?action=update-app&limit=1000"), many)
	entries := s.record("?action=set-kv&limit=1000")
	assert.Less(t, len(entries), many)
	sum := 0
	for _, e := range entries {
		sum += e.Count
		assert.Equal(t, "owner", e.Username)
	}
	assert.Equal(t, many, sum)
	assert.Equal(t, "c/", entries[0].Object)
}

// The operations that are counted are those that change data, and no others.
func TestOfDataIsData(t *testing.T) {
	var data []string
	for _, op := range documentOf(t, newSite(t)).operations() {
		changes := op.method != "GET" && op.method != "HEAD"
		if changes && (strings.Contains(op.path, "/kv/") || strings.Contains(op.path, "/docs/") || strings.Contains(op.path, "/files/")) || op.id == "push-message" || op.id == "publish-message" {
			data = append(data, op.id)
		}
	}
	assert.ElementsMatch(t, data, api.OfData)
}

// What is done to many things at a time, in as many transactions, is one entry.
func TestAuditOfMany(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	s.Script("shop", "main", "1")
	for range 3 {
		do[wire.EventMade](s, "POST", "apps/shop/queues/kept/messages", `{"message":1}`, 202)
	}
	for _, c := range []struct{ action, method, path, body, kind, object string }{
		{"clear-queue", "DELETE", "apps/shop/queues/kept/messages", "", "message", "kept"},
		{"clear-queue", "DELETE", "apps/shop/queues/kept/messages", "", "", ""}, // of which nothing is left
		{"set-topic", "PUT", "apps/shop/topics/news", `{"access":"public"}`, "topic", "news"},
		{"set-topic", "PUT", "apps/shop/topics/news", `{"access":"public"}`, "", ""},
		{"replay-dead-letters", "POST", "apps/shop/dead-letters:replay", `{}`, "dead-letter", "the first"},
		{"purge-dead-letters", "POST", "apps/shop/dead-letters:purge", `{"resolved":true}`, "dead-letter", ""},
		{"purge-dead-letters", "POST", "apps/shop/dead-letters:purge", `{"resolved":true}`, "", ""},
	} {
		if c.action == "replay-dead-letters" {
			c.object = slices.Max([]string{s.deadLetter(app.ID), s.deadLetter(app.ID), s.deadLetter(app.ID)}) // the first to be listed
		}
		before := s.record("?limit=1000")
		got := s.Admin(s.Token, c.method, c.path, c.body)
		require.Less(t, got.StatusCode, 300, "%s", got.Content)
		after := s.record("?limit=1000")
		if c.kind == "" {
			assert.Equal(t, before, after, "%s changes nothing", c.action)
			continue
		}
		require.Len(t, after, len(before)+1, c.action)
		assert.Equal(t, []string{c.action, c.kind, c.object, app.ID}, []string{after[0].Action, after[0].Kind, after[0].Object, after[0].AppID})
	}
}

// What a script does is told by its execution, and not as a deed of who runs it.
func TestAuditLeavesOutScripts(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	script := s.Script("shop", "main", `kv::collection("c").set("k", 1); 1`)
	before := len(s.record(""))
	do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	assert.Len(t, s.record(""), before)
	assert.Equal(t, 200, s.Admin(s.Token, "GET", "apps/shop/kv/c/k", "").StatusCode)
}

// The export has the whole record, entry by entry, and a refusal is a refusal.
func TestAuditExport(t *testing.T) {
	s := newSite(t)
	for i := range 250 { // more than are read at once
		s.App(fmt.Sprintf("app-%03d", i))
	}
	got := s.Admin(s.Token, "GET", "audit:export?action=create-app", "")
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Equal(t, "application/jsonl", got.Header.Get("Content-Type"))
	assert.Equal(t, []string{"chunked"}, got.TransferEncoding)
	var exported []wire.AuditEntry
	for lines := bufio.NewScanner(bytes.NewReader(got.Content)); lines.Scan(); {
		var e wire.AuditEntry
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		exported = append(exported, e)
	}
	assert.Equal(t, s.record("?action=create-app&limit=1000"), exported)
	assert.Empty(t, s.Admin(s.Token, "GET", "audit:export?user=nobody", "").Content)
	s.Refused(s.Admin(s.Token, "GET", "audit:export?from=yesterday", ""), 422, "query.from", "")
	s.Refused(s.Admin(s.Token, "GET", "audit:export?limit=1", ""), 422, "query.limit", "")
}

// Nothing that is secret comes into the record, whatever is done with it.
func TestAuditHasNoSecrets(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	do[wire.Secret](s, "PUT", "apps/shop/secrets/token", `{"value":"the first value"}`, 200)
	do[wire.Secret](s, "PUT", "apps/shop/secrets/token", `{"value":"another value!"}`, 200)
	do[any](s, "DELETE", "apps/shop/secrets/token", nil, 204)
	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "ci", Scopes: []string{"log:read"}}, 201)
	login := do[wire.Token](s, "POST", "auth/login", wire.Login{Username: "owner", Password: apitest.AdminPassword}, 200)
	do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/k", `{"value":"kept by kv"}`, 200)
	do[wire.Document](s, "POST", "apps/shop/docs/c", `{"data":{"a":"kept by docs"}}`, 201)
	s.store("shop", "c", "f.txt", "text/plain", "kept by files")
	do[wire.EventMade](s, "POST", "apps/shop/queues/q/messages", `{"message":"kept by a queue"}`, 202)

	exported := string(s.Admin(s.Token, "GET", "audit:export", "").Content)
	for _, action := range []string{"set-secret", "delete-secret", "create-api-key", "login", "set-kv", "create-doc", "upload-file", "push-message"} {
		assert.Contains(t, exported, action)
	}
	for _, secret := range []string{"first value", "another value", key.Key, login.Token, apitest.AdminPassword, "argon2", "kept by"} {
		assert.NotContains(t, exported, secret)
	}
	assert.False(t, authz.HoldsToken(exported))
	set := s.record("?action=set-secret&limit=1")[0]
	assert.Equal(t, float64(14), fieldsOf(t, set.After)["size"], "%s", set.After)
}

// What a claim, giving it back, and a quota change is told.
func TestAuditOfDomainsAndQuotas(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	told := func(action, kind, object string) (before, after json.RawMessage) {
		t.Helper()
		e := s.record("?action=" + action)[0]
		assert.Equal(t, []string{kind, object, app.ID}, []string{e.Kind, e.Object, e.AppID}, action)
		return e.Before, e.After
	}
	claim := do[wire.Domain](s, "POST", "apps/shop/domains", `{"host":"*.shop.example"}`, 201)
	before, after := told("create-domain", "domain", claim.ID)
	assert.Empty(t, before)
	is := fieldsOf(t, after)
	assert.Equal(t, []any{"*.shop.example", "wildcard"}, []any{is["host"], is["kind"]})
	do[any](s, "DELETE", "apps/shop/domains/"+claim.ID, nil, 204)
	before, after = told("delete-domain", "domain", claim.ID)
	assert.Equal(t, "*.shop.example", fieldsOf(t, before)["host"])
	assert.Empty(t, after)

	for _, c := range []struct{ set, before, after string }{
		{`{"kv_bytes":100,"executions":2}`, "", `{"kv_bytes":100,"executions":2}`},
		{`{"kv_bytes":200,"executions":2}`, `{"kv_bytes":100}`, `{"kv_bytes":200}`},
		{`{}`, `{"kv_bytes":200,"executions":2}`, `{}`},
	} {
		do[wire.Quota](s, "PUT", "apps/shop/quota", c.set, 200)
		before, after = told("set-quota", "quota", app.ID)
		if c.before == "" {
			assert.Empty(t, before, "nothing was set")
		} else {
			assert.JSONEq(t, c.before, string(before))
		}
		assert.JSONEq(t, c.after, string(after))
	}
}

// sessionless is a store that makes no session while it is broken.
type sessionless struct {
	store.Store
	broken *atomic.Bool
}

type noSessions struct {
	store.Sessions
	broken *atomic.Bool
}

func (s sessionless) InTx(ctx context.Context, fn func(store.Store) error) error {
	return s.Store.InTx(ctx, func(tx store.Store) error { return fn(sessionless{tx, s.broken}) })
}

func (s sessionless) Sessions() store.Sessions { return noSessions{s.Store.Sessions(), s.broken} }

func (s noSessions) Create(ctx context.Context, session store.Session) (store.Session, error) {
	if s.broken.Load() {
		return store.Session{}, errors.New("there is no room")
	}
	return s.Sessions.Create(ctx, session)
}

// A login with a code is one entry, of the session and not of the code: without a session there is none.
func TestAuditOfLoginWithCode(t *testing.T) {
	var broken atomic.Bool
	database := eachtest.New(t)
	s := &site{apitest.NewOn(t, slog.New(slog.DiscardHandler), func(listeners store.Listeners) (store.Store, error) {
		db, err := database.Open(listeners)
		return sessionless{db, &broken}, err
	})}
	id, _ := s.withFactor("ada")
	codes, hashes := authz.NewRecoveryCodes()
	require.NoError(t, s.DB.SecondFactors().SetRecoveryCodes(t.Context(), id, hashes))
	key := wire.TOTPKey{Secret: "JBSWY3DPEHPK3PXP"}
	now := time.Now()
	for i, c := range []struct {
		code   string
		broken bool
		leaves int
	}{
		{codeAt(t, key, now), false, 1},
		{codes[0], false, 1},
		{codes[1], true, 0},
		{codeAt(t, key, now.Add(authz.CodePeriod)), true, 0},
		{codes[2], false, 1},
	} {
		broken.Store(c.broken)
		before := len(s.record("?user=ada"))
		got := s.Admin("", "POST", "auth/login", fmt.Sprintf(`{"username":"ada","password":%q,"code":%q}`, apitest.AdminPassword, c.code))
		assert.Equal(t, map[bool]int{false: 200, true: 500}[c.broken], got.StatusCode, "%d: %s", i, got.Content)
		entries := s.record("?user=ada")
		if assert.Len(t, entries, before+c.leaves, "%d", i) && c.leaves > 0 {
			e := entries[0]
			assert.Equal(t, []string{"login", "done", "session", id}, []string{e.Action, e.Outcome, e.Kind, e.UserID})
		}
	}
}
