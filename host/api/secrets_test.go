package api_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

func TestSecrets(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	set := do[wire.Secret](s, "PUT", "apps/shop/secrets/stripe-key", `{"value":"sk_live_1"}`, 200)
	assert.Equal(t, wire.Secret{Name: "stripe-key", Size: 9, CreatedAt: set.CreatedAt, UpdatedAt: set.UpdatedAt}, set)
	again := do[wire.Secret](s, "PUT", "apps/shop/secrets/stripe-key", `{"value":"sk_live_22"}`, 200)
	assert.Equal(t, []any{10, set.CreatedAt}, []any{again.Size, again.CreatedAt})
	do[wire.Secret](s, "PUT", "apps/"+app.ID+"/secrets/A.b_c", `{"value":"line\n"}`, 200)
	listed := s.Admin(s.Token, "GET", "apps/shop/secrets", "")
	assert.NotContains(t, string(listed.Content), "sk_live")
	page := do[wire.Page[wire.Secret]](s, "GET", "apps/shop/secrets", nil, 200)
	assert.Equal(t, []string{"A.b_c", "stripe-key"}, []string{page.Items[0].Name, page.Items[1].Name})
	assert.Equal(t, again, page.Items[1])

	read := s.Script("shop", "read", `[secrets::get("stripe-key"), secrets::get("none"), secrets::has("A.b_c"), secrets::has("none"), secrets::list()]`)
	run := func() string {
		return string(do[wire.RunResult](s, "POST", "scripts/"+read.ID+"/run", `{}`, 200).Body)
	}
	assert.JSONEq(t, `["sk_live_22",null,true,false,["A.b_c","stripe-key"]]`, run())
	do[wire.Secret](s, "PUT", "apps/shop/secrets/stripe-key", `{"value":"sk_live_3"}`, 200)
	assert.JSONEq(t, `["sk_live_3",null,true,false,["A.b_c","stripe-key"]]`, run(), "the next execution sees it")

	for _, c := range []struct{ path, body, location, says string }{
		{"apps/shop/secrets/-a", `{"value":"hunter2"}`, "path.name", "must be letters"},
		{"apps/shop/secrets/" + strings.Repeat("n", 129), `{"value":"hunter2"}`, "path.name", "128"},
		{"apps/shop/secrets/a", `{"value":""}`, "body.value", "got 0"},
		{"apps/shop/secrets/a", `{"value":"` + strings.Repeat("hunter2", 10_000) + `"}`, "body.value", "65536"},
		{"apps/shop/secrets/a", `{"value":7215551212}`, "body.value", "must be a string"},
		{"apps/shop/secrets/a", `{"value":{"password":"hunter2"}}`, "body.value", "got object"},
		{"apps/shop/secrets/a", `{"value":"hunter2","note":1}`, "body.note", "no such field"},
	} {
		got := s.Admin(s.Token, "PUT", c.path, c.body)
		s.Refused(got, 422, c.location, c.says)
		assert.NotContains(t, string(got.Content), "hunter2", "a value is not told")
		assert.NotContains(t, string(got.Content), "7215551212", "a value is not told")
	}
	s.Refused(s.Admin(s.Token, "PUT", "apps/none/secrets/a", `{"value":"v"}`), 404, "", "app not found")
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", "apps/shop/secrets/stripe-key", "").StatusCode)
	s.Refused(s.Admin(s.Token, "DELETE", "apps/shop/secrets/stripe-key", ""), 404, "", "secret not found")
	assert.JSONEq(t, `[null,null,true,false,["A.b_c"]]`, run())

	rotated := do[wire.SecretsRotated](s, "POST", "secrets:rotate", nil, 200)
	assert.Equal(t, wire.SecretsRotated{KeyID: rotated.KeyID, Resealed: 1}, rotated)
	assert.Len(t, rotated.KeyID, 16)
	assert.JSONEq(t, `[null,null,true,false,["A.b_c"]]`, run())
}

func TestWhoMaySeeAndSetSecrets(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	do[wire.Secret](s, "PUT", "apps/shop/secrets/a", `{"value":"v"}`, 200)
	key := func(scope string) string {
		return do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: scope, Scopes: []string{scope}}, 201).Key
	}
	for _, c := range []struct {
		who, token              string
		list, set, drop, rotate int
	}{
		{"viewer", s.Member(app.ID, "viewer"), 403, 403, 403, 403},
		{"editor", s.Member(app.ID, "editor"), 200, 403, 403, 403},
		{"app_admin", s.Member(app.ID, "app_admin"), 200, 200, 204, 403},
		{"stranger", s.User("stranger", "member"), 404, 404, 404, 403},
		{"admin", s.User("admin", "admin"), 200, 200, 204, 200},
		{"script:write", key("script:write"), 403, 403, 403, 403},
		{"app:admin", key("app:admin"), 200, 200, 204, 403},
		{"instance:admin", key("instance:admin"), 403, 403, 403, 200},
	} {
		assert.Equal(t, c.list, s.Admin(c.token, "GET", "apps/shop/secrets", "").StatusCode, c.who)
		assert.Equal(t, c.set, s.Admin(c.token, "PUT", "apps/shop/secrets/b", `{"value":"v"}`).StatusCode, c.who)
		do[wire.Secret](s, "PUT", "apps/shop/secrets/b", `{"value":"v"}`, 200)
		assert.Equal(t, c.drop, s.Admin(c.token, "DELETE", "apps/shop/secrets/b", "").StatusCode, c.who)
		assert.Equal(t, c.rotate, s.Admin(c.token, "POST", "secrets:rotate", "").StatusCode, c.who)
	}
}

// A route that demands a signature of a secret which is not set has a warning, but only for who may see
// which secrets there are.
func TestMissingSecretIsToldToWhoMaySee(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	script := s.Script("shop", "main", "1")
	key := func(scopes ...string) string {
		return do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: scopes}, 201).Key
	}
	const signature = `"signature":{"scheme":"standard_webhooks","secret":"hook"}`
	warnings := func(token, path string) []string {
		route := as[wire.Route](s, token, "POST", "scripts/"+script.ID+"/routes", `{"path":"`+path+`",`+signature+`}`, 201)
		changed := as[wire.Route](s, token, "PUT", "routes/"+route.ID, `{"dispatch":"sync",`+signature+`}`, 200)
		return []string{route.Warning, changed.Warning}
	}
	const warning = "the secret hook is not set: until it is, the route answers 503"
	editor, routes, admin := s.Member(app.ID, store.RoleEditor), key("route:write"), key("app:admin")
	assert.Equal(t, []string{warning, warning}, warnings(s.Token, "/owner"))
	assert.Equal(t, []string{warning, warning}, warnings(editor, "/editor"))
	assert.Equal(t, []string{warning, warning}, warnings(admin, "/key"))
	assert.Equal(t, []string{"", ""}, warnings(routes, "/routes"))
	do[wire.Secret](s, "PUT", "apps/shop/secrets/hook", `{"value":"v"}`, 200)
	assert.Equal(t, []string{"", ""}, warnings(s.Token, "/set"))
	assert.Equal(t, []string{"", ""}, warnings(routes, "/as-set"))
}

// Whatever way a script lets a secret out by accident, it is in no log, no record, no error and no dead
// letter, nor anywhere in the database.
func TestSecretsStayOutOfSight(t *testing.T) {
	const value, multiline = `tr0ub4dor&3 "<é>\`, "first-part-of-it-0123456789\nsecond-part-of-it-0123456789"
	leaks := []string{"tr0ub4dor", "dHIwdWI0ZG9y", "74723075623464", "first-part-of-it", "second-part-of-it"}
	var log apitest.Log
	database := eachtest.New(t)
	s := &site{Site: apitest.NewOn(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), database.Open)}
	app := s.App("shop")
	do[wire.Secret](s, "PUT", "apps/shop/secrets/pw", wire.SecretSet{Value: value}, 200)
	do[wire.Secret](s, "PUT", "apps/shop/secrets/key", wire.SecretSet{Value: multiline}, 200)
	s.Script("shop", "inner", `throw "inner " + secrets::get("pw")`)
	queued := s.Script("shop", "queued", `log::info("queued " + secrets::get("pw")); throw "queued " + secrets::get("pw")`)
	do[wire.Trigger](s, "POST", "apps/shop/triggers/queue", `{"script":"queued","topic":"jobs","retry":{"max_attempts":2,"base_ms":1}}`, 201)

	const head = `let s = secrets::get("pw"); `
	for _, c := range []struct{ name, source, want string }{
		{"message", `log::info("key " + s)`, "key ***"},
		{"data", `log::info("one", #{ key: s }); log::warn("two", [#{ nested: ["a " + s] }])`, `{"key":"***"}`},
		{"key of data", `let m = #{}; m[s] = 1; log::info("m", m)`, `{"***":1}`},
		{"print", `print(s)`, "***"},
		{"debug", `debug(#{ key: s })`, `***`},
		{"JSON as text", `log::info(json::stringify(#{ key: s }))`, `{"key":"***"}`},
		{"JSON as text in data", `log::info("x", #{ body: json::stringify(#{ key: s }) })`, `{"body":"{\"key\":\"***\"}"}`},
		{"base64", `log::info("Basic " + base64::encode("user:" + s))`, "Basic dXNlcjp***"},
		{"hexadecimal", `log::info(hex::encode(s.to_blob()))`, "***"},
		{"a URL", `log::info("https://a.example/?key=" + url::encode(s))`, "https://a.example/?key=***"},
		{"a line of it", `print(secrets::get("key").split("\n")[1])`, "***"},
		{"where a line is cut", `let m = "x"; m.pad(16370, 'x'); log::info(m + s)`, "***"},
		{"thrown", `throw "no " + s`, "no ***"},
		{"thrown where it is cut", `let m = "x"; m.pad(16315, 'x'); m += s; m.pad(900000, 'x'); throw m`, "x***xx"},
		{"thrown in a map", `throw #{ code: 1, key: s }`, "***"},
		{"in an error of ours", `kv::collection("c").get("k" + "\n" + s)`, "kv.get"},
		{"in a path of an error", `let m = #{}; m[s] = 0.0/0.0; kv::collection("c").set("k", m)`, "kv.set: value.*** cannot leave the script"},
		{"of another script", `invoke("inner", ())`, "inner ***"},
		{"of another script caught", `try { invoke("inner", ()) } catch(e) { log::error("caught " + e) }`, "inner ***"},
		{"an invalid response", `#{ statusCode: 200, headers: #{ "a\n": s }, surprise: s }`, "invalid response"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := s.Script("shop", strings.ReplaceAll(c.name, " ", "_"), head+c.source)
			shows := func(what, text string) {
				t.Helper()
				for _, leak := range leaks {
					assert.NotContains(t, text, leak, what)
				}
			}
			run := s.Admin(s.Token, "POST", "scripts/"+script.ID+"/run", `{}`)
			require.Equal(t, 200, run.StatusCode)
			shows("the answer of a test run", string(run.Content))
			s.Route(script, "GET", "/"+script.Name)
			answer := s.Fetch("GET", "/"+script.Name, "", "Authorization: Bearer "+s.Token) // who may read logs is told the error
			shows("the answer of a route", string(answer.Content))
			page := do[wire.Page[wire.LogLine]](s, "GET", "scripts/"+script.ID+"/logs", nil, 200)
			require.GreaterOrEqual(t, len(page.Items), 2, "of two executions")
			var lines strings.Builder
			for _, line := range page.Items {
				fmt.Fprintln(&lines, line.Message, string(line.Data))
			}
			shows("the log", lines.String())
			assert.Contains(t, lines.String(), c.want)
			executions := s.Admin(s.Token, "GET", "scripts/"+script.ID+"/executions", "")
			shows("the executions", string(executions.Content))
		})
	}

	do[wire.EventMade](s, "POST", "apps/shop/queues/jobs/messages", `{"message":1}`, 202)
	var letters wire.Page[wire.DeadLetter]
	require.Eventually(t, func() bool {
		letters = do[wire.Page[wire.DeadLetter]](s, "GET", "apps/shop/dead-letters", nil, 200)
		return len(letters.Items) == 1
	}, 10*time.Second, 5*time.Millisecond)
	assert.Contains(t, letters.Items[0].Error, "queued ***")
	assert.Equal(t, app.ID, letters.Items[0].AppID)
	assert.NotEmpty(t, do[wire.Page[wire.LogLine]](s, "GET", "scripts/"+queued.ID+"/logs", nil, 200).Items)

	kept := database.Text()
	assert.Contains(t, kept, "queued ***")
	assert.Contains(t, log.String(), "queued ***", "the server's own log tells of failures")
	for _, leak := range leaks {
		assert.NotContains(t, kept, leak, "the database")
		assert.NotContains(t, log.String(), leak, "the server's log")
	}
}

// A value that is replaced while an execution works with it stays out of that execution's log.
func TestSecretReplacedMeanwhile(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	do[wire.Secret](s, "PUT", "apps/shop/secrets/pw", `{"value":"the-old-one"}`, 200)
	script := s.Script("shop", "slow", `
		let old = secrets::get("pw");
		kv::collection("c").set("read", true);
		while secrets::get("pw") == old { sleep(0.005); }
		log::info("was " + old + ", is " + secrets::get("pw"));`)
	ran := make(chan wire.RunResult)
	go func() { ran <- do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200) }()
	require.Eventually(t, func() bool { return s.Admin(s.Token, "GET", "apps/shop/kv/c/read", "").StatusCode == 200 }, 10*time.Second, 5*time.Millisecond)
	do[wire.Secret](s, "PUT", "apps/shop/secrets/pw", `{"value":"the-new-one"}`, 200)
	result := <-ran
	require.Len(t, result.Logs, 1)
	assert.Equal(t, "was ***, is ***", result.Logs[0].Message)
}
