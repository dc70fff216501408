package api_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
)

// isolationBodies are good bodies for the operations that take one: what is refused is the place,
// not the body.
var isolationBodies = map[string]string{
	"rename-app":             `{"slug":"guessed"}`,
	"update-app":             `{"name":"x"}`,
	"deploy-app":             `{"changes":[{"operation":"update-app","body":{"name":"x"}}]}`,
	"import-app":             `guessed`,
	"create-script":          `{"name":"x","source":"1"}`,
	"update-script":          `{"source":"2"}`,
	"validate-script":        `{"source":"1"}`,
	"validate-source":        `{"source":"1"}`,
	"restore-script-version": `{}`,
	"set-script-cases":       `{"items":[]}`,
	"create-route":           `{"path":"/guessed"}`,
	"update-route":           `{}`,
	"preview-schedule":       `{"schedule":"@daily"}`,
	"match-route":            `{"path":"/mine"}`,
	"run-script":             `{}`,
	"set-kv":                 `{"value":2}`,
	"create-doc":             `{"data":{"a":2}}`,
	"put-doc":                `{"data":{"a":2}}`,
	"patch-doc":              `{"data":{"a":2}}`,
	"upload-file":            `guessed`,
	"replace-file":           `guessed`,
	"update-file":            `{"name":"guessed"}`,
	// Of the caller alone.
	"create-app": "", "create-api-key": "", "login": "", "accept-invite": "", "create-user": "", "change-password": "",
	"begin-totp": "", "confirm-totp": "", "disable-totp": "", "renew-recovery-codes": "",
	"update-user":                `{"role":"owner"}`,
	"rotate-api-key":             `{}`,
	"set-member":                 `{"role":"viewer"}`,
	"reset-password":             `{}`,
	"create-kv-trigger":          `{"script":"hidden","collection":"c"}`,
	"create-docs-trigger":        `{"script":"hidden","collection":"c"}`,
	"create-files-trigger":       `{"script":"hidden","collection":"c"}`,
	"create-cron-trigger":        `{"script":"hidden","schedule":"@daily"}`,
	"create-queue-trigger":       `{"script":"hidden","topic":"t"}`,
	"create-pubsub-trigger":      `{"script":"hidden","topic":"t"}`,
	"create-dead-letter-trigger": `{"script":"hidden"}`,
	"update-trigger":             `{"enabled":false}`,
	"fire-trigger":               `{}`,
	"push-message":               `{"message":1}`,
	"publish-message":            `{"message":1}`,
	"replay-dead-letters":        `{}`,
	"purge-dead-letters":         `{}`,
	"resolve-dead-letter":        `{}`,
	"set-topic":                  `{"access":"public"}`,
	"set-secret":                 `{"value":"guessed"}`,
	"create-subscriber-token":    `{}`,
	"set-quota":                  `{}`,
	"create-domain":              `{"host":"guessed.example"}`,
	"create-index":               `{"collection":"c","path":"guessed"}`,
}

// differs is what may differ between two answers to the same question: ids and times that the
// server makes.
var differs = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[0-9:.]+Z`)

// Every operation of the admin API answers who guesses what another app has as it answers to what
// nobody has; the lists name nothing of the other app.
func TestEveryOperationIsolatesApps(t *testing.T) {
	s := newSite(t)
	victim, other := s.App("former"), s.App("other")
	victim = do[wire.App](s, "POST", "apps/former:rename", `{"slug":"victim"}`, 200)
	script := s.Script("victim", "hidden", `"hidden"`)
	route := s.Route(script, "GET", "/mine")
	run := do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	do[wire.KVEntry](s, "PUT", "apps/victim/kv/c/k", `{"value":1}`, 200)
	doc := do[wire.Document](s, "POST", "apps/victim/docs/c", `{"data":{"a":1}}`, 201)
	file := s.store("victim", "c", "f.txt", "text/plain", "hello")
	trigger := do[wire.Trigger](s, "POST", "apps/victim/triggers/docs", `{"script":"hidden","collection":"hidden"}`, 201)
	event := do[wire.EventMade](s, "POST", "apps/victim/queues/t/messages", `{"message":"hidden"}`, 202).EventID
	letter := s.deadLetter(victim.ID)
	do[wire.Secret](s, "PUT", "apps/victim/secrets/hidden", `{"value":"v"}`, 200)
	ownerKey := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: []string{"log:read"}}, 201)

	every := []string{"script:read", "script:write", "route:write", "log:read", "domain:manage", "app:admin", "instance:admin"}
	bound := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "bound", Scopes: every, App: other.ID}, 201).Key
	editor := s.Member(other.ID, "editor")

	owner := do[wire.Me](s, "GET", "me", nil, 200)
	somebody := do[wire.User](s, "POST", "users", wire.UserCreate{Username: "hidden", Role: "member"}, 201)
	session := do[wire.Page[wire.Session]](s, "GET", "me/sessions", nil, 200).Items[0]

	const none = "01a20970-f805-7922-8ded-6d329840dbfc"
	// What {id} is, by how the path begins.
	hidden := map[string]string{
		"/scripts/": script.ID, "/routes/": route.ID, "/executions/": run.ExecutionID, "/me/keys/": ownerKey.ID,
		"/triggers/": trigger.ID, "/events/": event, "/dead-letters/": letter,
		"/apps/{app}/domains/":      do[wire.Domain](s, "POST", "apps/victim/domains", `{"host":"hidden.example"}`, 201).ID,
		"/apps/{app}/docs-indexes/": do[wire.Index](s, "POST", "apps/victim/docs-indexes", `{"collection":"c","path":"hidden"}`, 201).ID,
		"/apps/{app}/docs/":         doc.ID, "/apps/{app}/files/": file.ID, "/users/": somebody.ID, "/me/sessions/": session.ID,
	}
	fill := func(path, app, collection, key, id string) string {
		return strings.NewReplacer("{app}", app, "{collection}", collection, "{key}", key, "{topic}", "t", "{name}", "hidden", "{slug}", "former", "{n}", "1", "{id}", id, "{user}", owner.UserID, "{api_key}", ownerKey.ID).Replace(path)
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string          `json:"operationId"`
			RequestBody json.RawMessage `json:"requestBody"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(s.Fetch("GET", "/api/v1/openapi.json", "").Content, &document))
	guesses := 0
	for full, methods := range document.Paths {
		path := strings.TrimPrefix(full, api.AdminPrefix)
		for method, operation := range methods {
			method = strings.ToUpper(method)
			content, known := isolationBodies[operation.OperationID]
			if len(operation.RequestBody) > 0 {
				require.True(t, known, "%s has no body to try it with", operation.OperationID)
			}
			ask := func(token, path string) (status int, body string) {
				t.Helper()
				if operation.OperationID == "upload-file" {
					path += "?name=guessed"
				}
				headers := []string{"Authorization: Bearer " + token}
				if content != "" {
					headers = append(headers, "Content-Type: application/json")
				}
				got := s.Fetch(method, whole(path), content, headers...)
				assert.Less(t, got.StatusCode, 500, "%s %s", method, path)
				return got.StatusCode, string(got.Content)
			}
			same := func(token, guessed, nobodys string, mayBeThere bool) {
				t.Helper()
				guesses++
				wantStatus, want := ask(token, nobodys)
				status, got := ask(token, guessed)
				assert.Equal(t, wantStatus, status, "%s %s: %s", method, guessed, got)
				assert.Equal(t, differs.ReplaceAllString(want, "..."), differs.ReplaceAllString(got, "..."), "%s %s", method, guessed)
				if !mayBeThere {
					assert.Contains(t, []int{403, 404}, status, "%s %s: %s", method, guessed, got)
				}
			}
			for _, token := range []string{bound, editor} {
				id := ""
				for prefix, of := range hidden {
					if strings.HasPrefix(path, prefix) {
						id = of
					}
				}
				if strings.Contains(path, "{id}") {
					require.NotEmpty(t, id, "%s has an {id} of what is not known here", path)
				}
				switch {
				case strings.Contains(path, "{app}"):
					for _, app := range []string{"victim", victim.ID} {
						nobody := map[bool]string{true: none, false: "nobodys"}[app == victim.ID]
						same(token, fill(path, app, "c", "k", id), fill(path, nobody, "c", "k", id), false)
					}
					// In one's own app, what another has is as what nobody has.
					if strings.Contains(path, "{id}") {
						putBefore := strings.HasPrefix(path, "/apps/{app}/docs/") // both, by put-doc
						same(token, fill(path, "other", "c", "", id), fill(path, "other", "c", "", none), putBefore)
					}
				case strings.Contains(path, "{id}"):
					same(token, fill(path, "", "", "", id), fill(path, "", "", "", none), false)
				case method == "GET":
					_, shown := ask(token, path)
					for _, secret := range []string{"victim", victim.ID, script.ID, "hidden"} {
						assert.NotContains(t, shown, secret, path)
					}
				}
			}
		}
	}
	assert.Greater(t, guesses, 100)
	for _, token := range []string{bound, editor} {
		of := func(id string) (int, string) {
			got := s.Fetch("POST", "/api/v1/execute/"+id, "", "Authorization: Bearer "+token)
			return got.StatusCode, differs.ReplaceAllString(string(got.Content), "...")
		}
		wantStatus, want := of(none)
		status, got := of(script.ID)
		assert.Equal(t, 404, status)
		assert.Equal(t, wantStatus, status)
		assert.Equal(t, want, got)
	}

	// Nothing of the victim has changed.
	kept, err := s.Secrets.Get(t.Context(), victim.ID, "hidden")
	require.NoError(t, err)
	assert.Equal(t, "v", kept)
	assert.Equal(t, owner, do[wire.Me](s, "GET", "me", nil, 200))
	somebody.InviteURL, somebody.InviteExpiresAt = "", nil
	assert.Equal(t, somebody, do[wire.User](s, "GET", "users/"+somebody.ID, nil, 200))
	assert.Equal(t, victim, do[wire.App](s, "GET", "apps/victim", nil, 200))
	assert.Equal(t, script, do[wire.Script](s, "GET", "scripts/"+script.ID, nil, 200))
	assert.Equal(t, route, do[wire.Route](s, "GET", "routes/"+route.ID, nil, 200))
	assert.Equal(t, trigger, do[wire.Trigger](s, "GET", "triggers/"+trigger.ID, nil, 200))
	assert.Equal(t, "waiting", do[wire.Event](s, "GET", "events/"+event, nil, 200).State)
	assert.Empty(t, do[wire.DeadLetter](s, "GET", "dead-letters/"+letter, nil, 200).Resolution)
	assert.Equal(t, run.ExecutionID, do[wire.Execution](s, "GET", "executions/"+run.ExecutionID, nil, 200).ID)
	assert.Len(t, do[wire.Page[wire.KVEntry]](s, "GET", "apps/victim/kv/c", nil, 200).Items, 1)
	assert.Equal(t, "1", string(do[wire.KVEntry](s, "GET", "apps/victim/kv/c/k", nil, 200).Value))
	assert.Equal(t, doc, do[wire.Document](s, "GET", "apps/victim/docs/c/"+doc.ID, nil, 200))
	assert.Equal(t, file, do[wire.File](s, "GET", "apps/victim/files/c/"+file.ID+"/metadata", nil, 200))
	assert.Equal(t, "hello", string(s.Admin(s.Token, "GET", "apps/victim/files/c/"+file.ID, "").Content))
}

// deadLetter makes one of an app.
func (s *site) deadLetter(appID string) (id string) {
	s.T.Helper()
	id = uuid.NewString()
	event := store.Event{ID: uuid.NewString(), AppID: appID, Lane: events.QueueLane(appID, "dead-"+id), Source: store.EventQueue, Payload: json.RawMessage(`{}`)}
	require.NoError(s.T, s.DB.Outbox().Add(s.T.Context(), []store.Event{event}))
	claim := store.Claim{Lane: event.Lane, Token: "t", Limit: 1, MaxRunning: 1}
	_, err := s.DB.Outbox().Turn(s.T.Context(), store.Turn{Lease: time.Minute, Claims: []store.Claim{claim}})
	require.NoError(s.T, err)
	_, err = s.DB.Outbox().Turn(s.T.Context(), store.Turn{Lease: time.Minute, Settlements: []store.Settlement{{
		EventID: event.ID, AppID: appID, Token: "t", Dead: &store.DeadLetter{ID: id, AppID: appID, EventID: event.ID, Lane: event.Lane, Source: event.Source, Payload: event.Payload, LastError: "what the handler said"},
	}}})
	require.NoError(s.T, err)
	return id
}
