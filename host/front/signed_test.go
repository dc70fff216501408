package front_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/events"
)

func signature(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// How each sender signs, with the key "k-123456", so many seconds after now.
var senders = map[string]func(body string, after int64) []string{
	"github": func(body string, _ int64) []string {
		return []string{fmt.Sprintf("X-Hub-Signature-256: sha256=%x", signature("k-123456", body))}
	},
	"stripe": func(body string, after int64) []string {
		at := time.Now().Unix() + after
		return []string{fmt.Sprintf("Stripe-Signature: t=%d,v1=%064d,v1=%x", at, 0, signature("k-123456", fmt.Sprintf("%d.%s", at, body)))}
	},
	"standard_webhooks": func(body string, after int64) []string {
		at := time.Now().Unix() + after
		text := base64.StdEncoding.EncodeToString(signature("k-123456", fmt.Sprintf("msg_1.%d.%s", at, body)))
		return []string{"webhook-id: msg_1", fmt.Sprint("webhook-timestamp: ", at), "webhook-signature: v1,AAAA v1," + text}
	},
}

// keysOf is what the app's secret has for each of them: an older key, and the one above.
func keysOf(scheme string) string {
	if scheme == "standard_webhooks" {
		return "whsec_b2xkZXI=\nwhsec_" + base64.StdEncoding.EncodeToString([]byte("k-123456"))
	}
	return "older\nk-123456"
}

// A route that demands a signature runs nothing without one, answered at once or later.
func TestSignedRoutes(t *testing.T) {
	for scheme, sign := range senders {
		for _, dispatch := range []string{"sync", "async"} {
			t.Run(scheme+" "+dispatch, func(t *testing.T) {
				s := newSite(t)
				s.App("app")
				script := s.Script("app", "s", `kv::collection("seen").incr("runs", 1); ctx.request.body`)
				do[wire.Secret](s, "PUT", "apps/app/secrets/hook", wire.SecretSet{Value: keysOf(scheme)}, 200)
				tolerance := map[string]int{"github": 0}
				create := wire.RouteCreate{Method: "POST", Path: "/hook", Dispatch: dispatch, Signature: &wire.Signature{Scheme: scheme, Secret: "hook"}}
				route := do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", create, 201)
				if _, none := tolerance[scheme]; !none {
					tolerance[scheme] = 300
				}
				assert.Equal(t, &wire.Signature{Scheme: scheme, Secret: "hook", Tolerance: tolerance[scheme]}, route.Signature)
				assert.Empty(t, route.Warning)
				accepted := map[string]int{"sync": 200, "async": 202}[dispatch]

				const body = `{"n":1}`
				post := func(body string, headers []string) answer {
					return s.Fetch("POST", "/hook", body, append(headers, "Content-Type: application/json")...)
				}
				got := post(body, sign(body, 0))
				require.Equal(t, accepted, got.StatusCode, "%s", got.Content)
				if dispatch == "sync" {
					assert.JSONEq(t, body, string(got.Content))
				}
				refused := func(what string, got answer) {
					t.Helper()
					assert.Equal(t, 401, got.StatusCode, what)
					assert.JSONEq(t, `{"error":{"code":"unauthorized","message":"the request is not signed as this route demands"}}`, string(got.Content), what)
					assert.Equal(t, "Signature", got.Header.Get("WWW-Authenticate"), what)
				}
				refused("no signature", post(body, nil))
				refused("another body", post(body+" ", sign(body, 0)))
				refused("no body", post("", sign(body, 0)))
				refused("another method", s.Fetch("POST", "/hook", "", "Authorization: Bearer "+s.Token))
				if scheme != "github" {
					assert.Equal(t, accepted, post(body, sign(body, -290)).StatusCode)
					refused("too old", post(body, sign(body, -310)))
					refused("too early", post(body, sign(body, 320)))
				}

				var packed bytes.Buffer
				w := gzip.NewWriter(&packed)
				_, err := w.Write([]byte(body))
				require.NoError(t, err)
				require.NoError(t, w.Close())
				got = post(packed.String(), append(sign(packed.String(), 0), "Content-Encoding: gzip"))
				if scheme == "standard_webhooks" && dispatch == "async" { // the same id with another body
					assert.Equal(t, 409, got.StatusCode)
				} else {
					assert.Equal(t, accepted, got.StatusCode, "what is signed is what was sent")
				}
				refused("what was unpacked", post(packed.String(), append(sign(body, 0), "Content-Encoding: gzip")))

				runs := map[string]int{"github": 2, "stripe": 3, "standard_webhooks": 3}[scheme]
				if scheme == "standard_webhooks" && dispatch == "async" {
					runs = 1 // an id is taken once
				}
				require.Eventually(t, func() bool {
					got := s.Admin(s.Token, "GET", "apps/app/kv/seen/runs", "")
					var entry wire.KVEntry
					return got.StatusCode == 200 && json.Unmarshal(got.Content, &entry) == nil && string(entry.Value) == fmt.Sprint(runs)
				}, 5*time.Second, 5*time.Millisecond, "what is refused does not run")

				changed := do[wire.Route](s, "PUT", "routes/"+route.ID, wire.RouteUpdate{}, 200)
				assert.Equal(t, route.Signature, changed.Signature, "what is not told stays")
				refused("as before", post(body, nil))
				changed = do[wire.Route](s, "PUT", "routes/"+route.ID, `{"signature":{"scheme":"none"}}`, 200)
				assert.Nil(t, changed.Signature)
				assert.Equal(t, accepted, post(body, nil).StatusCode)
			})
		}
	}
}

// A Standard Webhook that is sent again is accepted once, by its id.
func TestWebhookIDIsIdempotent(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `1`)
	do[wire.Secret](s, "PUT", "apps/app/secrets/hook", wire.SecretSet{Value: keysOf("standard_webhooks")}, 200)
	create := wire.RouteCreate{Path: "/hook", Dispatch: "async", Signature: &wire.Signature{Scheme: "standard_webhooks", Secret: "hook"}}
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", create, 201)
	var ids []string
	for i, headers := range [][]string{
		senders["standard_webhooks"]("{}", -9), senders["standard_webhooks"]("{}", 0), // its time and its signature are new
		append(senders["standard_webhooks"]("{}", 0), "Idempotency-Key: of whoever has seen it"), // which is not signed
	} {
		got := s.Fetch("POST", "/hook", "{}", headers...)
		require.Equal(t, 202, got.StatusCode, "%s", got.Content)
		assert.Equal(t, i > 0, got.Header.Get("Idempotency-Replayed") == "true")
		var accepted events.Accepted
		require.NoError(t, json.Unmarshal(got.Content, &accepted))
		ids = append(ids, accepted.ExecutionID)
	}
	assert.Equal(t, ids[0], ids[1])
	assert.Equal(t, ids[0], ids[2])
}

// A route that cannot check signatures says so, and the log says why, once in a while.
func TestUncheckableSignatures(t *testing.T) {
	var log apitest.Log
	s := &site{apitest.NewLogging(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})))}
	s.App("app")
	script := s.Script("app", "s", `1`)
	route := do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", `{"path":"/hook","signature":{"scheme":"standard_webhooks","secret":"hook"}}`, 201)
	assert.Equal(t, "the secret hook is not set: until it is, the route answers 503", route.Warning)
	unavailable := func() {
		t.Helper()
		got := s.Fetch("POST", "/hook", "{}", senders["standard_webhooks"]("{}", 0)...)
		assert.Equal(t, 503, got.StatusCode)
		assert.JSONEq(t, `{"error":{"code":"unavailable","message":"this route cannot check signatures: its secret is missing, or no key of the scheme"}}`, string(got.Content))
	}
	unavailable()
	unavailable()
	assert.Equal(t, 1, strings.Count(log.String(), `msg="a route cannot check the signature that it demands"`))
	assert.Contains(t, log.String(), "route_id="+route.ID)
	assert.Contains(t, log.String(), `reason="secret not found"`)
	do[wire.Secret](s, "PUT", "apps/app/secrets/hook", `{"value":"of GitHub?"}`, 200)
	unavailable()
	do[wire.Secret](s, "PUT", "apps/app/secrets/hook", wire.SecretSet{Value: keysOf("standard_webhooks")}, 200)
	assert.Equal(t, 200, s.Fetch("POST", "/hook", "{}", senders["standard_webhooks"]("{}", 0)...).StatusCode)
}

func TestSignaturesAreChecked(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `1`)
	route := s.Route(script, "POST", "/there")
	for _, c := range []struct{ signature, location, says string }{
		{`{"scheme":"acme","secret":"hook"}`, "body.signature.scheme", "must be one of"},
		{`{"secret":"hook"}`, "body.signature.scheme", "is missing"},
		{`{"scheme":"stripe"}`, "body.signature.secret", "must be 1 to 128 bytes, got 0"},
		{`{"scheme":"stripe","secret":"a b"}`, "body.signature.secret", "must be letters"},
		{`{"scheme":"stripe","secret":"hook","tolerance":0}`, "body.signature.tolerance", "must be at least 1"},
		{`{"scheme":"stripe","secret":"hook","tolerance":86401}`, "body.signature.tolerance", "must be at most 86400"},
		{`{"scheme":"github","secret":"hook","tolerance":300}`, "body.signature.tolerance", "github signs no time"},
	} {
		s.Refused(s.Admin(s.Token, "POST", "scripts/"+script.ID+"/routes", `{"path":"/x","signature":`+c.signature+`}`), 422, c.location, c.says)
		s.Refused(s.Admin(s.Token, "PUT", "routes/"+route.ID, `{"signature":`+c.signature+`}`), 422, c.location, c.says)
	}
	public := do[wire.Script](s, "POST", "apps/app/scripts", wire.ScriptCreate{Name: "public", Kind: "static", Source: `{}`}, 201)
	s.Refused(s.Admin(s.Token, "POST", "scripts/"+public.ID+"/routes", `{"path":"/*","signature":{"scheme":"github","secret":"hook"}}`), 422, "body.signature", "static site")
}
