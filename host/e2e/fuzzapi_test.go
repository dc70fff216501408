package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// What `make fuzz-api` sets: the directory of schemathesis, and for how long it goes on.
const (
	fuzzAPI    = "PICLOUD_FUZZ_API"
	fuzzAPIFor = "PICLOUD_FUZZ_API_FOR"
)

// ofPeople are the operations that would end the session which all others are tried with, and those of sessions and
// people that [TestFuzzAPIOfPeople] has.
const ofPeople = `^/api/v1/admin/(auth/logout|me/sessions|me/password|me/totp|users/\{id\}:)`

// checked begins schemathesis.toml: what it looks at in an answer, and by which methods it asks.
const checked = `[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_headers_conformance.enabled = true
response_schema_conformance.enabled = true

[phases.coverage]
unexpected-methods = ["GET", "PUT", "POST", "PATCH", "DELETE"] # not TRACE, which no server of ours has
`

// fuzzing returns the directory of schemathesis, and for how long it goes on.
func fuzzing(t *testing.T) (programs string, length time.Duration) {
	t.Helper()
	programs = os.Getenv(fuzzAPI)
	if programs == "" {
		t.Skip("make fuzz-api has it")
	}
	length, err := time.ParseDuration(os.Getenv(fuzzAPIFor))
	require.NoError(t, err, fuzzAPIFor)
	return programs, length
}

// fuzzed is what schemathesis says of a run.
type fuzzed struct {
	Operations struct{ Selected, Tested, Errored int }
	TestCases  struct {
		Generated int
		Failures  int `json:"with_failures"`
	} `json:"test_cases"`
	Errors []struct{ Title string }
}

// fuzz has schemathesis make requests as the arguments say, which are its own, and with what schemathesis.toml says, and
// fails if one is answered 5xx, or otherwise than the document says. That file begins with [checked]. It may take
// somewhat longer than length.
func fuzz(t *testing.T, d *daemon, p *place, programs, token string, length time.Duration, what ...string) (report fuzzed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length+patience)
	defer cancel()
	args := append([]string{"--config-file", "schemathesis.toml",
		"run", d.url + "/api/v1/openapi.json", "--header", "Authorization: Bearer " + token,
		"--phases", "coverage,fuzzing", "--workers", "2", "--continue-on-failure",
		"--warnings", "off", "--report", "json", "--report-json-path", "report.json"}, what...)
	c := exec.CommandContext(ctx, filepath.Join(programs, "schemathesis"), args...)
	c.Dir, c.Env = p.dir, p.env
	told, err := c.CombinedOutput()                                                 // its status tells of its own mistakes, too: what it found is in the report
	out := regexp.MustCompile(`(?m)^(.{300}).+$`).ReplaceAll(told, []byte("$1...")) // which a test can show
	text, unread := os.ReadFile(filepath.Join(p.dir, "report.json"))
	require.NoError(t, unread, "%v: %s", err, out)
	require.NoError(t, json.Unmarshal(text, &report))
	require.Zero(t, report.TestCases.Failures, "%s", out)
	require.Positive(t, report.Operations.Tested, "%s", out) // as many as a busy machine has time for
	require.LessOrEqual(t, report.Operations.Errored, max(report.Operations.Tested/10, 1), "%s", out)
	for _, mistake := range report.Errors {
		t.Logf("schemathesis: %s", mistake.Title)
	}
	require.Greater(t, report.TestCases.Generated, report.Operations.Tested, "%s", out)
	return report
}

// Sessions, passwords, second factors and people themselves are tried by a user of their own, who logs in anew for each
// operation that ends the session.
func TestFuzzAPIOfPeople(t *testing.T) {
	programs, length := fuzzing(t)
	p := newPlace(t)
	d := launch(t, p)
	admin := d.login()
	user := func(name string) (id, token string) {
		t.Helper()
		credentials := fmt.Sprintf(`{"username":%q,"password":"correct horse of %s"}`, name, name)
		status, answer := d.fetch("POST", "/api/v1/admin/users", admin, strings.TrimSuffix(credentials, "}")+`,"role":"owner"}`)
		require.Equal(t, 201, status, "%s", answer)
		var made wire.User
		require.NoError(t, json.Unmarshal(answer, &made))
		status, answer = d.fetch("POST", "/api/v1/admin/auth/login", "", credentials)
		require.Equal(t, 200, status, "%s", answer)
		var login wire.Token
		require.NoError(t, json.Unmarshal(answer, &login))
		return made.ID, login.Token
	}
	other, _ := user("other") // of whom the operations are
	p.write(t, "schemathesis.toml", checked+fmt.Sprintf(`
[[operations]]
include-path-regex = '^/api/v1/admin/users/'
parameters = { "path.id" = %q }
`, other))
	for i, operations := range [][]string{
		{"--include-path-regex", `^/api/v1/admin/(me/totp|users/\{id\}:)`, "--include-operation-id", "list-sessions"},
		{"--include-operation-id", "change-password"},
		{"--include-operation-id", "end-session"},
		{"--include-operation-id", "end-sessions"},
		{"--include-operation-id", "logout"},
	} {
		_, token := user(fmt.Sprint("thrown-away-", i))
		most := max(int(length.Seconds())/6, 1) // for each operation of its second phase
		report := fuzz(t, d, p, programs, token, 2*length, append(operations, "--max-examples", fmt.Sprint(most))...)
		require.Equal(t, report.Operations.Selected, report.Operations.Tested)
		t.Logf("%d requests of %d operations", report.TestCases.Generated, report.Operations.Tested)
	}
	status, _ := d.fetch("GET", "/api/v1/admin/me", admin, "")
	require.Equal(t, 200, status, "nobody else's session has ended")
}

// TestFuzzAPI has schemathesis make requests of the API's document, good ones and others, to the built
// server: none is answered 5xx, nor otherwise than the document says.
func TestFuzzAPI(t *testing.T) {
	programs, length := fuzzing(t)
	p := newPlace(t)
	server := launch(t, p)
	token := server.login()
	made := func(path, body string) (id string) {
		t.Helper()
		status, answer := server.fetch("POST", "/api/v1/admin/"+path, token, body)
		require.Less(t, status, 300, "%s: %s", path, answer)
		var object struct {
			ID          string `json:"id"`
			EventID     string `json:"event_id"`
			ExecutionID string `json:"execution_id"`
		}
		require.NoError(t, json.Unmarshal(answer, &object))
		return object.ID + object.EventID + object.ExecutionID
	}
	made("apps", `{"slug":"fuzzed"}`)
	made("apps", `{"slug":"bounded"}`)
	made("apps", `{"slug":"renamed"}`)
	script := made("apps/fuzzed/scripts", `{"name":"main","source":"1"}`)
	// Most requests are about what there is; else all would be answered 404.
	config := checked + `
[parameters]
"path.app" = "fuzzed"
"path.collection" = "c"
"path.topic" = "t"

[[operations]]
include-operation-id = "delete-app"
parameters = { "path.app" = "another" }

[[operations]] # or all others were redirected
include-operation-id = "rename-app"
parameters = { "path.app" = "renamed" }

[[operations]] # a file has the bytes and the type that somebody gave it, whether they agree or not
include-operation-id = "download-file"
checks.response_schema_conformance.enabled = false

[[operations]] # or there were no room for anything
include-operation-id = "set-quota"
parameters = { "path.app" = "bounded" }
`
	for prefix, id := range map[string]string{
		"scripts":    script,
		"routes":     made("scripts/"+script+"/routes", `{"path":"/fuzzed"}`),
		"triggers":   made("apps/fuzzed/triggers/kv", `{"script":"main","collection":"other"}`),
		"executions": made("scripts/"+script+"/run", `{}`),
		"events":     made("apps/fuzzed/queues/kept/messages", `{"message":1}`),
		"me/keys":    made("me/keys", `{"name":"k","scopes":["log:read"]}`),
	} {
		config += fmt.Sprintf("\n[[operations]]\ninclude-path-regex = '^/api/v1/admin/%s/'\nexclude-method = \"DELETE\"\nparameters = { \"path.id\" = %q }\n", prefix, id)
	}
	p.write(t, "schemathesis.toml", config)

	report := fuzz(t, server, p, programs, token, length, "--max-time", fmt.Sprint(int(length.Seconds())), "--exclude-path-regex", ofPeople)
	if length >= time.Minute { // in which a busy machine has tried them all
		require.Greater(t, report.Operations.Tested, 100)
	}
	status, _ := server.fetch("GET", "/api/v1/admin/me", token, "")
	require.Equal(t, 200, status, "or the session has ended, and most requests were refused")
	t.Logf("%d requests of %d of %d operations", report.TestCases.Generated, report.Operations.Tested, report.Operations.Selected)
}
