package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// part makes a change of a deploy; a body of "" is none.
func part(operation, id, body string) wire.DeployChange {
	change := wire.DeployChange{Operation: operation, ID: id}
	if body != "" {
		change.Body = json.RawMessage(body)
	}
	return change
}

// triggerPart makes a change that creates a trigger.
func triggerPart(kind, body string) wire.DeployChange {
	change := part("create-trigger", "", body)
	change.Kind = kind
	return change
}

func deployOf(changes ...wire.DeployChange) string {
	text, err := json.Marshal(wire.Deploy{Changes: changes})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// What a deploy makes can be used by what it makes then: modules by importers, scripts by routes and
// triggers, domains by routes, triggers by triggers. Nothing of it was there before.
func TestDeploy(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	s.Refused(s.Admin(s.Token, "POST", "apps/none:deploy", deployOf(part("update-app", "", `{"name":"x"}`))), 404, "", "app not found")
	deployed := do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(
		part("update-app", "", `{"name":"The shop"}`),
		part("create-script", "", `{"name":"prices","kind":"module","source":"fn of(x) { x * 2 }"}`),
		part("create-script", "", `{"name":"cart","source":"import \"prices\" as p; p::of(21)"}`),
		part("create-domain", "", `{"host":"shop.example"}`),
		part("create-route", "cart", `{"method":"GET","path":"/cart"}`),
		part("create-route", "cart", `{"method":"GET","host":"shop.example","path":"/cart"}`),
		triggerPart("queue", `{"script":"cart","name":"q","topic":"t"}`),
		triggerPart("dead_letter", `{"script":"cart","name":"failed","failed_trigger":"q","failed_script":"cart"}`),
		part("set-topic", "news", `{"access":"public"}`),
		part("create-index", "", `{"collection":"orders","path":"total"}`),
	), 200)
	require.Len(t, deployed.Results, 10)
	assert.Equal(t, app.ID, deployed.Results[0].ID)
	assert.EqualValues(t, 1, deployed.Results[2].Version)
	got := s.Fetch("GET", "/cart", "")
	assert.Equal(t, "42", string(got.Content))
	failed := do[wire.Trigger](s, "GET", "triggers/"+deployed.Results[7].ID, nil, 200)
	assert.Equal(t, deployed.Results[6].ID, *failed.FailedTrigger)
	assert.Equal(t, deployed.Results[2].ID, *failed.FailedScript)

	// Each change is in the record, by the same request.
	entries := map[string]int{}
	page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{AppID: app.ID, Page: store.PageRequest{Limit: 1000}})
	require.NoError(t, err)
	for _, e := range page.Items {
		entries[e.Action+" "+e.Kind]++
		assert.Equal(t, store.OutcomeDone, e.Outcome)
		assert.NotEmpty(t, e.UserID)
	}
	for action, n := range map[string]int{
		"update-app app": 1, "create-script script": 2, "create-domain domain": 1, "create-route route": 2, "create-trigger trigger": 2, "set-topic topic": 1, "create-index index": 1,
	} {
		assert.Equal(t, n, entries[action], "%s, in %v", action, entries)
	}

	// Changes and deletions, the importer after its module.
	do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(
		part("delete-trigger", deployed.Results[7].ID, ""), part("delete-trigger", deployed.Results[6].ID, ""),
		part("create-script", "", `{"name":"other","source":"1"}`),
		part("delete-script", deployed.Results[1].ID, ""), part("delete-script", deployed.Results[2].ID, ""),
		part("delete-domain", deployed.Results[3].ID, ""), part("delete-topic", "news", ""),
		part("delete-index", deployed.Results[9].ID, ""),
		part("create-route", "other", `{"method":"GET","path":"/cart"}`),
	), 200)
	assert.Equal(t, "1", string(s.Fetch("GET", "/cart", "").Content))
}

// When one change is refused none is made, in the database or in memory, and the answer says which it was.
func TestDeployIsAllOrNothing(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	cart := s.Script("shop", "cart", `"old"`)
	route := do[wire.Route](s, "POST", "scripts/"+cart.ID+"/routes", `{"method":"GET","path":"/cart"}`, 201)
	before := []wire.DeployChange{
		part("update-script", cart.ID, `{"source":"\"new\"","version":1}`),
		part("delete-route", route.ID, ""),
		part("create-script", "", `{"name":"more","source":"1"}`),
		part("create-route", "more", `{"method":"GET","path":"/more"}`),
		triggerPart("kv", `{"script":"more","name":"t","collection":"c"}`),
	}
	for _, c := range []struct {
		name     string
		change   wire.DeployChange
		status   int
		location string
		says     string
	}{
		{"does not compile", part("create-script", "", `{"name":"wrong","source":"let x = ;"}`), 422, "body.changes[5].body.source", ""},
		{"is in the way", part("create-route", "cart", `{"method":"GET","path":"/more"}`), 409, "body.changes[5].body.path", "conflicts with GET /more"},
		{"another version", part("update-script", cart.ID, `{"source":"3","version":1}`), 409, "body.changes[5].body.version", ""},
		{"no such script", part("create-route", "none", `{"path":"/x"}`), 422, "body.changes[5].id", "is no script of the app"},
		{"not there", part("delete-trigger", "01890a5d-ac96-774b-bcce-b302099a8057", ""), 404, "body.changes[5]", "trigger not found"},
		{"no body", part("create-script", "", ""), 422, "body.changes[5].body", "is missing"},
		{"a body too many", part("delete-topic", "t", `{}`), 422, "body.changes[5].body", "must be absent"},
		{"a body of another", part("set-topic", "t", `{"name":"x"}`), 422, "body.changes[5].body.name", ""},
		{"no id", part("delete-script", "", ""), 422, "body.changes[5].id", "is missing"},
		{"no kind", part("create-trigger", "", `{"script":"more","collection":"c"}`), 422, "body.changes[5].kind", "is missing"},
		{"a plugin without a module", part("create-script", "", `{"name":"p","kind":"plugin","source":""}`), 422, "body.changes[5].module", "is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(append(before[:len(before):len(before)], c.change)...))
			s.Refused(got, c.status, c.location, c.says)
			assert.Equal(t, "old", string(s.Fetch("GET", "/cart", "").Content), "the route and the script are as before")
			assert.Equal(t, 404, s.Fetch("GET", "/more", "").StatusCode)
			assert.Len(t, do[wire.Page[wire.Script]](s, "GET", "apps/shop/scripts", nil, 200).Items, 1)
			assert.Empty(t, do[wire.Page[wire.Trigger]](s, "GET", "apps/shop/triggers", nil, 200).Items)
			page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{Action: "update-script"})
			require.NoError(t, err)
			assert.Empty(t, page.Items, "what was undone is in the record")
		})
	}
	dry := do[wire.Deployed](s, "POST", "apps/shop:deploy", strings.Replace(deployOf(before...), `{`, `{"dry_run":true,`, 1), 200)
	assert.EqualValues(t, 2, dry.Results[0].Version)
	assert.Equal(t, "old", string(s.Fetch("GET", "/cart", "").Content), "a dry run has changed something")
	do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(before...), 200)
	assert.Equal(t, 404, s.Fetch("GET", "/cart", "").StatusCode)
	assert.Equal(t, "1", string(s.Fetch("GET", "/more", "").Content))
}

// A dry run of an app that is not there finds what its deploy would be refused for, and leaves no app.
func TestDryRunOfANewApp(t *testing.T) {
	s := newSite(t)
	other := s.App("other")
	do[wire.Domain](s, "POST", "apps/other/domains", `{"host":"other.example"}`, 201)
	dry := func(slug string, changes ...wire.DeployChange) answer {
		text, err := json.Marshal(wire.Deploy{DryRun: true, NewApp: true, Changes: changes})
		require.NoError(t, err)
		return s.Admin(s.Token, "POST", "apps/"+slug+":deploy", string(text))
	}
	plugin := part("create-script", "", `{"name":"plugin","kind":"plugin","source":""}`)
	plugin.Module = catalog.Awaited
	good := []wire.DeployChange{
		part("create-script", "", `{"name":"lib","kind":"module","source":"fn f() { 1 }"}`),
		part("create-script", "", `{"name":"main","source":"import \"lib\" as l; l::f()"}`),
		part("create-script", "", `{"name":"page","kind":"static","source":"{\"files\":{\"index.html\":\"`+catalog.Awaited+`\"}}"}`),
		plugin,
		part("create-route", "plugin", `{"path":"/plugin"}`),
		part("create-route", "main", `{"path":"/"}`),
		triggerPart("cron", `{"script":"main","name":"t","schedule":"@daily"}`),
	}
	for range 2 {
		got := dry("shop", good...)
		require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	}
	for _, c := range []struct {
		name     string
		change   wire.DeployChange
		status   int
		location string
		says     string
	}{
		{"syntax", part("create-script", "", `{"name":"wrong","source":"let x = ;"}`), 422, "body.changes[7].body.source", ""},
		{"a schedule", triggerPart("cron", `{"script":"main","schedule":"every full moon"}`), 422, "body.changes[7].body.schedule", ""},
		{"a filter", triggerPart("docs", `{"script":"main","collection":"c","filter":{"a":{"$near":1}}}`), 422, "body.changes[7].body.filter.a.$near", "unknown operator"},
		{"a host", part("create-domain", "", `{"host":"other.example"}`), 409, "body.changes[7].body.host", ""},
		{"a route", part("create-route", "main", `{"path":"/plugin"}`), 409, "body.changes[7].body.path", "conflicts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Refused(dry("shop", append(good[:len(good):len(good)], c.change)...), c.status, c.location, c.says)
		})
	}
	s.Refused(dry("other", good...), 409, "path.app", "already in use")
	s.Refused(dry("Shop", good...), 422, "path.app", "lower-case")
	s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", `{"new_app":true,"changes":[{"operation":"update-app","body":{}}]}`),
		422, "body.new_app", "is of a dry run only")
	s.Refused(s.Admin(s.Member(other.ID, "app_admin"), "POST", "apps/shop:deploy", `{"dry_run":true,"new_app":true,"changes":[{"operation":"update-app","body":{}}]}`), 403, "", "")
	// Who may not make a change is refused before others have to wait: that the slug is taken is not found yet.
	key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: []string{string(authz.ScopeInstanceAdmin)}}, 201).Key
	for _, change := range []wire.DeployChange{part("update-app", "", `{"name":"Other"}`), good[0]} {
		text, err := json.Marshal(wire.Deploy{DryRun: true, NewApp: true, Changes: []wire.DeployChange{change}})
		require.NoError(t, err)
		s.Refused(s.Admin(key, "POST", "apps/other:deploy", string(text)), 403, "", "scope")
	}
	s.Refused(s.Admin(s.Token, "POST", "apps/other:deploy", deployOf(plugin)), 422, "body.changes[0].module", "must be the id of a file")
	assert.Equal(t, 404, s.Admin(s.Token, "GET", "apps/shop", "").StatusCode, "a dry run has made an app")
	assert.Equal(t, 404, s.Fetch("GET", "/plugin", "").StatusCode, "a dry run has made a route")
}

// Each change needs the right that it needs by itself, and is of the app alone.
func TestDeployNeedsRights(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	s.App("other")
	foreign := s.Script("other", "theirs", "1")
	route := do[wire.Route](s, "POST", "scripts/"+foreign.ID+"/routes", `{"path":"/theirs"}`, 201)
	trigger := do[wire.Trigger](s, "POST", "apps/other/triggers/kv", `{"script":"theirs","collection":"c"}`, 201)
	domain := do[wire.Domain](s, "POST", "apps/other/domains", `{"host":"other.example"}`, 201)
	for _, change := range []wire.DeployChange{
		part("update-script", foreign.ID, `{"source":"2"}`), part("delete-script", foreign.ID, ""), part("update-route", route.ID, `{}`),
		part("delete-route", route.ID, ""), part("update-trigger", trigger.ID, `{"enabled":false}`), part("delete-trigger", trigger.ID, ""),
		part("delete-domain", domain.ID, ""),
	} {
		s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(change)), 404, "body.changes[0]", "not found")
	}
	s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(part("create-route", foreign.ID, `{"path":"/x"}`))), 422, "body.changes[0].id", "is no script of the app")

	viewer, editor := s.Member(app.ID, "viewer"), s.Member(app.ID, "editor")
	create := part("create-script", "", `{"name":"a","source":"1"}`)
	s.Refused(s.Admin(viewer, "POST", "apps/shop:deploy", deployOf(create)), 403, "body.changes[0]", "")
	s.Refused(s.Admin(editor, "POST", "apps/shop:deploy", deployOf(create, part("create-domain", "", `{"host":"x.example"}`))), 403, "body.changes[1]", "")
	assert.Empty(t, do[wire.Page[wire.Script]](s, "GET", "apps/shop/scripts", nil, 200).Items, "an editor's script is there without the domain")
	assert.Equal(t, 200, s.Admin(editor, "POST", "apps/shop:deploy", deployOf(create)).StatusCode)
}

// A key does by a deploy what its scopes let it do one by one, whatever its user may do.
func TestDeployNeedsScopes(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	cart := s.Script("shop", "cart", `"old"`)
	s.Route(cart, "GET", "/cart")
	user, err := s.DB.Users().GetByUsername(t.Context(), "owner")
	require.NoError(t, err)
	key := func(appID string, scopes ...authz.Scope) string {
		key, _, err := s.Auth.CreateKey(t.Context(), user.ID, "k", scopes, appID, time.Time{})
		require.NoError(t, err)
		return key
	}
	update := part("update-script", cart.ID, `{"source":"\"new\"","version":1}`)
	route := part("create-route", "cart", `{"method":"GET","path":"/more"}`)
	for _, c := range []struct {
		name   string
		scopes []authz.Scope
		change wire.DeployChange
		needs  string
	}{
		{"a route", []authz.Scope{authz.ScopeScriptWrite}, route, "route.write"},
		{"a topic", []authz.Scope{authz.ScopeScriptWrite}, part("set-topic", "t", `{"access":"public"}`), "route.write"},
		{"a topic's end", []authz.Scope{authz.ScopeScriptWrite}, part("delete-topic", "t", ""), "route.write"},
		{"a domain", []authz.Scope{authz.ScopeScriptWrite, authz.ScopeRouteWrite}, part("create-domain", "", `{"host":"x.example"}`), "domains.manage"},
		{"a secret's end", []authz.Scope{authz.ScopeScriptWrite, authz.ScopeRouteWrite}, part("delete-secret", "s", ""), "secret.write"},
		{"the app", []authz.Scope{authz.ScopeScriptWrite, authz.ScopeRouteWrite}, part("update-app", "", `{"name":"x"}`), "app.update"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, appID := range []string{"", app.ID} {
				got := s.Admin(key(appID, append(c.scopes, authz.ScopeScriptRead)...), "POST", "apps/shop:deploy", deployOf(update, c.change))
				s.Refused(got, 403, "body.changes[1]", c.needs)
			}
			assert.Equal(t, "old", string(s.Fetch("GET", "/cart", "").Content), "the change that the key may make was made")
		})
	}
	routes := key("", authz.ScopeRouteWrite, authz.ScopeScriptRead)
	s.Refused(s.Admin(routes, "POST", "apps/shop:deploy", deployOf(route, update)), 403, "body.changes[1]", "script.write")
	s.Refused(s.Admin(routes, "POST", "apps/shop:deploy", deployOf(route, inCollection("c", part("set-kv", "k", `{"value":1}`)))), 403, "body.changes[1]", "data.write")
	s.Refused(s.Admin(routes, "POST", "apps/shop:deploy", deployOf(route, triggerPart("kv", `{"script":"cart","collection":"c"}`))), 403, "body.changes[1]", "trigger.write")
	assert.Equal(t, 404, s.Fetch("GET", "/more", "").StatusCode, "the route that the key may make was made")
	assert.Equal(t, 404, s.Admin(key(s.App("other").ID, authz.ScopeAppAdmin), "POST", "apps/shop:deploy", deployOf(route)).StatusCode, "a key of another app")
	page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{Action: "update-script"})
	require.NoError(t, err)
	assert.Empty(t, page.Items)

	got := s.Admin(key(app.ID, authz.ScopeScriptRead, authz.ScopeScriptWrite, authz.ScopeRouteWrite), "POST", "apps/shop:deploy", deployOf(update, route))
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Equal(t, "new", string(s.Fetch("GET", "/more", "").Content))
}

// A deploy has no need of another connection while it has one, else a few of them at once could wait for ever.
func TestDeployOnOneConnection(t *testing.T) {
	at := pgtest.URL(t)
	with := "?"
	if strings.Contains(at, "?") {
		with = "&"
	}
	s := &site{apitest.NewOn(t, slog.New(slog.DiscardHandler), func(listeners store.Listeners) (store.Store, error) {
		return postgres.Open(context.Background(), postgres.Config{URL: at + with + "pool_max_conns=1", Listeners: listeners})
	})}
	app := s.App("shop")
	admin := s.Member(app.ID, store.RoleAppAdmin)
	file := s.store(app.ID, catalog.Uploads, "p.wasm", "application/wasm", string(pluginModule("")))
	plugin := part("create-script", "", `{"name":"p","source":""}`)
	plugin.Module = file.ID
	got := s.Admin(admin, "POST", "apps/shop:deploy", deployOf(
		part("update-app", "", `{"name":"The shop"}`),
		part("create-domain", "", `{"host":"*.shop.example"}`),
		part("create-domain", "", `{"host":"a.shop.example"}`),
		part("create-script", "", `{"name":"cart","source":"1"}`), plugin,
		part("create-route", "cart", `{"path":"/cart","signature":{"scheme":"standard_webhooks","secret":"hook"}}`),
		triggerPart("queue", `{"script":"cart","name":"q","topic":"t"}`),
		part("set-topic", "news", `{"access":"public"}`), part("delete-topic", "news", ""),
		part("create-index", "", `{"collection":"orders","path":"total"}`),
		inCollection("c", part("set-kv", "k", `{"value":1}`)), inCollection("c", part("create-doc", "", `{"data":{}}`)),
	))
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Contains(t, string(got.Content), "the secret hook is not set")
	do[wire.Secret](s, "PUT", "apps/shop/secrets/hook", `{"value":"x"}`, 200)
	got = s.Admin(admin, "POST", "apps/shop:deploy", deployOf(part("create-route", "cart", `{"path":"/again","signature":{"scheme":"standard_webhooks","secret":"hook"}}`)))
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.NotContains(t, string(got.Content), "warning")
}

// inCollection makes a change one of data of a collection.
func inCollection(name string, change wire.DeployChange) wire.DeployChange {
	change.Collection = name
	return change
}

// Data are a part of the deploy: the triggers that it makes hear of them, and where it is refused there are none.
func TestDeployData(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		app := s.App("shop")
		const id = "01890a5d-ac96-774b-bcce-b302099a8057"
		keep := func(upload wire.File, instead string) wire.DeployChange {
			change := inCollection("pictures", part("keep-file", instead, ""))
			change.Upload = upload.ID
			return change
		}
		old := s.store(app.ID, "pictures", "a.png", "image/png", "old")
		fresh, other := s.store(app.ID, catalog.Uploads, "a.png", "image/png", "new"), s.store(app.ID, catalog.Uploads, "b.txt", "text/plain", "b")
		do[wire.Secret](s, "PUT", "apps/shop/secrets/gone", `{"value":"x"}`, 200)
		changes := []wire.DeployChange{
			part("create-script", "", `{"name":"told","source":"kv::collection(\"heard\").incr(ctx.event.source + ctx.event.operation, 1)"}`),
			triggerPart("kv", `{"script":"told","name":"kv","collection":"settings"}`),
			triggerPart("docs", `{"script":"told","name":"docs","collection":"*"}`),
			triggerPart("files", `{"script":"told","name":"files","collection":"*"}`),
			part("delete-secret", "gone", ""),
			inCollection("settings", part("set-kv", "motd", `{"value":"Welcome"}`)),
			inCollection("products", part("create-doc", "", `{"data":{"n":1}}`)),
			inCollection("products", part("put-doc", id, `{"data":{"n":2}}`)),
			keep(fresh, old.ID), keep(other, ""),
		}
		names := func(collection string) (files []string) {
			for _, f := range do[wire.Page[wire.File]](s, "GET", "apps/shop/files/"+collection, nil, 200).Items {
				files = append(files, f.Name)
			}
			return files
		}
		for _, c := range []struct {
			change   wire.DeployChange
			location string
			says     string
		}{
			{inCollection("settings", part("set-kv", "motd", `{"value":1,"ttl_ms":-1}`)), "body.changes[10].body.ttl_ms", ""},
			{inCollection("products", part("create-doc", "", `{"data":1}`)), "body.changes[10].body.data", ""},
			{part("set-kv", "motd", `{"value":1}`), "body.changes[10].collection", "is missing"},
			{inCollection("c", part("delete-topic", "t", "")), "body.changes[10].collection", "is of data only"},
			{inCollection("c", part("keep-file", "", "")), "body.changes[10].upload", "is missing"},
			{keep(old, ""), "body.changes[10].upload", "must be the id of a file in @static"},
			{keep(wire.File{ID: catalog.Awaited}, ""), "body.changes[10].upload", "must be the id of a file in @static"},
			{part("delete-secret", "none", ""), "body.changes[10]", "secret not found"},
		} {
			got := s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(append(changes[:len(changes):len(changes)], c.change)...))
			assert.Contains(t, []int{404, 422}, got.StatusCode, "%s", got.Content)
			s.Refused(got, got.StatusCode, c.location, c.says)
		}
		// A dry run writes no data, and finds the same wrong with them.
		dry := func(changes ...wire.DeployChange) string {
			return strings.Replace(deployOf(changes...), `{`, `{"dry_run":true,`, 1)
		}
		for location, wrong := range map[string]wire.DeployChange{
			"body.changes[0].body.ttl_ms": inCollection("settings", part("set-kv", "motd", `{"value":1,"ttl_ms":-1}`)),
			"body.changes[0].body.value":  inCollection("settings", part("set-kv", "motd", `{"value":"`+strings.Repeat("x", 1<<20)+`"}`)),
			"body.changes[0].body.data":   inCollection("products", part("create-doc", "", `{"data":{"a":"`+strings.Repeat("x", 1<<20)+`"}}`)),
			"body.changes[0].id":          inCollection("products", part("put-doc", "7", `{"data":{}}`)),
		} {
			for _, body := range []string{dry(wrong), deployOf(wrong)} {
				s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", body), 422, location, "")
			}
		}
		before := s.usage(app.ID)
		do[wire.Deployed](s, "POST", "apps/shop:deploy", dry(changes...), 200)
		assert.Equal(t, before, s.usage(app.ID))
		s.Refused(s.Admin(s.Member(app.ID, "viewer"), "POST", "apps/shop:deploy", dry(changes[5])), 403, "body.changes[0]", "data.write")
		do[wire.KVEntry](s, "PUT", "apps/shop/kv/once/k", `{"value":1}`, 200)
		once := inCollection("once", part("set-kv", "k", `{"value":2,"if_absent":true}`))
		s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", dry(once)), 409, "", "there is such a key")

		assert.Empty(t, do[wire.Page[wire.KVEntry]](s, "GET", "apps/shop/kv/settings", nil, 200).Items)
		assert.Equal(t, []string{"a.png", "b.txt"}, names(catalog.Uploads))
		assert.Len(t, do[wire.Page[wire.Secret]](s, "GET", "apps/shop/secrets", nil, 200).Items, 1)

		deployed := do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(changes...), 200)
		assert.Equal(t, old.ID, deployed.Results[8].ID)
		assert.JSONEq(t, `"Welcome"`, string(do[wire.KVEntry](s, "GET", "apps/shop/kv/settings/motd", nil, 200).Value))
		assert.JSONEq(t, `{"n":2}`, string(do[wire.Document](s, "GET", "apps/shop/docs/products/"+id, nil, 200).Data))
		assert.Equal(t, "new", string(s.Admin(s.Token, "GET", "apps/shop/files/pictures/"+old.ID, "").Content))
		assert.Equal(t, "b", string(s.Admin(s.Token, "GET", "apps/shop/files/pictures/"+deployed.Results[9].ID, "").Content))
		assert.Equal(t, []string{"a.png", "b.txt"}, names("pictures"))
		assert.Empty(t, names(catalog.Uploads))
		assert.Empty(t, do[wire.Page[wire.Secret]](s, "GET", "apps/shop/secrets", nil, 200).Items)

		require.Eventually(t, func() bool {
			heard := map[string]string{}
			for _, e := range do[wire.Page[wire.KVEntry]](s, "GET", "apps/shop/kv/heard", nil, 200).Items {
				heard[e.Key] = string(e.Value)
			}
			return maps.Equal(heard, map[string]string{"kvcreate": "1", "docscreate": "2", "filescreate": "1", "filesupdate": "1"})
		}, 10*time.Second, 10*time.Millisecond, "the triggers hear of the data")
		entries := map[string]int{}
		page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{AppID: app.ID, Page: store.PageRequest{Limit: 1000}})
		require.NoError(t, err)
		for _, e := range page.Items {
			entries[e.Action+" "+e.Kind]++
		}
		for action, n := range map[string]int{"set-kv kv": 2, "create-doc docs": 1, "put-doc docs": 1, "keep-file files": 2, "delete-secret secret": 1} {
			assert.Equal(t, n, entries[action], "%s, in %v", action, entries)
		}
	})
}

// What goes with a static site or a topic goes after the commit, and is no deed of its own.
func TestDeployLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		app := s.App("shop")
		upload := func(name string) string {
			return s.store(app.ID, catalog.Uploads, name, "text/plain", name).ID
		}
		source := func(name, id string) string {
			text, err := json.Marshal(sites.Site{Files: map[string]string{name: id}})
			require.NoError(t, err)
			return string(text)
		}
		body := func(fields map[string]any) string {
			text, err := json.Marshal(fields)
			require.NoError(t, err)
			return string(text)
		}
		first, second, third := upload("1.txt"), upload("2.txt"), upload("3.txt")
		made := do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(
			part("create-script", "", body(map[string]any{"name": "changed", "kind": "static", "source": source("1.txt", first)})),
			part("create-script", "", body(map[string]any{"name": "deleted", "kind": "static", "source": source("2.txt", second)})),
			part("set-topic", "news", `{"access":"public"}`), part("set-topic", "kept", `{"access":"public"}`),
		), 200)
		messages := func(topic string) int {
			now, err := s.DB.Published().Now(t.Context())
			require.NoError(t, err)
			found, err := s.DB.Published().Between(t.Context(), store.PublishedQuery{To: now, AppID: app.ID, Topic: topic, Limit: 100})
			require.NoError(t, err)
			return len(found)
		}
		for _, topic := range []string{"news", "kept"} {
			kept, err := s.DB.Published().Add(t.Context(), store.Published{ID: uuid.NewString(), AppID: app.ID, Topic: topic, Message: json.RawMessage(`1`)})
			require.NoError(t, err)
			require.True(t, kept)
		}
		changes := []wire.DeployChange{
			part("update-script", made.Results[0].ID, body(map[string]any{"source": source("3.txt", third)})),
			part("delete-script", made.Results[1].ID, ""), part("delete-topic", "news", ""),
		}
		refused := append(changes[:3:3], part("delete-topic", "none", ""))
		s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(refused...)), 404, "body.changes[3]", "topic not found")
		files := func() (names []string) {
			for _, file := range do[wire.Page[wire.File]](s, "GET", "apps/shop/files/"+catalog.Uploads, nil, 200).Items {
				names = append(names, file.Name)
			}
			slices.Sort(names)
			return names
		}
		assert.Equal(t, []string{"1.txt", "2.txt", "3.txt"}, files())
		assert.Equal(t, 1, messages("news"))

		do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(changes...), 200)
		assert.Equal(t, []string{"3.txt"}, files())
		_, err := s.DB.Deletions().Remove(t.Context(), 100) // as is done in the background
		require.NoError(t, err)
		assert.Equal(t, []int{0, 1}, []int{messages("news"), messages("kept")})
		page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{Action: "deploy-app"})
		require.NoError(t, err)
		for _, entry := range page.Items {
			assert.NotEqual(t, store.OutcomeDone, entry.Outcome, "%+v", entry)
		}
	})
}

// The module of a plugin is uploaded before.
func TestDeployPlugin(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	file := s.store(app.ID, catalog.Uploads, "p.wasm", "application/wasm", string(pluginModule("")))
	create := part("create-script", "", `{"name":"p","source":""}`)
	create.Module = file.ID
	deployed := do[wire.Deployed](s, "POST", "apps/shop:deploy", deployOf(create, part("create-route", "p", `{"path":"/p"}`)), 200)
	script := do[wire.Script](s, "GET", "scripts/"+deployed.Results[0].ID, nil, 200)
	assert.EqualValues(t, "plugin", script.Kind)
	assert.EqualValues(t, len(pluginModule("")), script.Wasm.Size)

	broken := s.store(app.ID, catalog.Uploads, "p.wasm", "application/wasm", "\x00asm and no more")
	update := part("update-script", script.ID, `{"version":1}`)
	update.Module = broken.ID
	s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(update)), 422, "body.changes[0].body", "")
	update.Module = "01890a5d-ac96-774b-bcce-b302099a8057"
	s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(update)), 422, "body.changes[0].module", "must be the id of a file")
	update.Module = s.store(app.ID, catalog.Uploads, "p.wasm", "application/wasm", strings.Repeat("x", apitest.MaxPlugin+1)).ID
	s.Refused(s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(update)), 413, "body.changes[0].module", "must not be larger than 1048576 bytes, this one has 1048577")
}

// A deploy compiles while executions of the app, which it keeps from writing, have all places that they may have.
func TestDeployUnderLoad(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.App("shop")
		s.Route(s.Script("shop", "write", `kv::collection("c").incr("n", 1);`), "POST", "/write")
		ctx, cancel := context.WithCancel(t.Context())
		var load sync.WaitGroup
		var served atomic.Int64
		for range 2 * apitest.MaxConcurrent {
			load.Go(func() {
				for ctx.Err() == nil {
					answer, err := http.DefaultClient.Do(s.Request("POST", "/write", ""))
					if err == nil {
						served.Add(1)
						_ = answer.Body.Close()
					}
				}
			})
		}
		defer load.Wait()
		defer cancel()
		require.Eventually(t, func() bool { return served.Load() > 100 }, time.Minute, time.Millisecond)
		for i := range 3 {
			var changes []wire.DeployChange
			for j := range 20 {
				name := fmt.Sprintf("s%d_%d", i, j)
				changes = append(changes, part("create-script", "", `{"name":"`+name+`","source":"1"}`))
			}
			got := s.Admin(s.Token, "POST", "apps/shop:deploy", deployOf(changes...))
			require.Equal(t, 200, got.StatusCode, "%s", got.Content)
		}
	})
}

// usage is what an app has.
func (s *site) usage(appID string) store.AppUsage {
	usage, err := s.DB.Apps().Usage(context.Background(), appID, time.Now())
	if err != nil {
		panic(err)
	}
	return usage
}

// Deploys with data of several apps come one after the other, each whole.
func TestDeploysOfDataTakeTurns(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		var all sync.WaitGroup
		for i := range 3 {
			app := fmt.Sprint("app", i)
			s.App(app)
			for j := range 4 {
				all.Go(func() {
					var changes []wire.DeployChange
					for k := range 20 {
						changes = append(changes, inCollection("c", part("set-kv", fmt.Sprint(k), fmt.Sprintf(`{"value":%d}`, j))))
					}
					got := s.Admin(s.Token, "POST", "apps/"+app+":deploy", deployOf(changes...))
					assert.Equal(t, 200, got.StatusCode, "%s", got.Content)
				})
			}
		}
		all.Wait()
		for i := range 3 {
			entries := do[wire.Page[wire.KVEntry]](s, "GET", fmt.Sprintf("apps/app%d/kv/c", i), nil, 200).Items
			require.Len(t, entries, 20)
			for _, e := range entries {
				assert.Equal(t, string(entries[0].Value), string(e.Value), "of another deploy than the first")
			}
		}
	})
}
