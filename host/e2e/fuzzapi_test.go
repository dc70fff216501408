package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What `make fuzz-api` sets: the directory of schemathesis, and for how long it goes on.
const (
	fuzzAPI    = "PICLOUD_FUZZ_API"
	fuzzAPIFor = "PICLOUD_FUZZ_API_FOR"
)

// unfuzzed are the operations that would end the session which all others are tried with.
const unfuzzed = `^/api/v1/admin/(auth/logout|me/sessions|me/password|me/totp|users/\{id\}:)`

// TestFuzzAPI has schemathesis make requests of the API's document, good ones and others, to the built
// server: none is answered 5xx, nor otherwise than the document says.
func TestFuzzAPI(t *testing.T) {
	programs := os.Getenv(fuzzAPI)
	if programs == "" {
		t.Skip("make fuzz-api has it")
	}
	length, err := time.ParseDuration(os.Getenv(fuzzAPIFor))
	require.NoError(t, err, fuzzAPIFor)
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
	config := `[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_headers_conformance.enabled = true
response_schema_conformance.enabled = true

[phases.coverage]
unexpected-methods = ["GET", "PUT", "POST", "PATCH", "DELETE"] # not TRACE, which no server of ours has

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

	ctx, cancel := context.WithTimeout(t.Context(), length+patience)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(programs, "schemathesis"), "--config-file", "schemathesis.toml",
		"run", server.url+"/api/v1/openapi.json", "--header", "Authorization: Bearer "+token, "--exclude-path-regex", unfuzzed,
		"--phases", "coverage,fuzzing", "--max-time", fmt.Sprint(int(length.Seconds())), "--workers", "2", "--continue-on-failure",
		"--warnings", "off", "--report", "json", "--report-json-path", "report.json")
	c.Dir, c.Env = p.dir, p.env
	told, err := c.CombinedOutput()                                                 // its status tells of its own mistakes, too: what it found is in the report
	out := regexp.MustCompile(`(?m)^(.{300}).+$`).ReplaceAll(told, []byte("$1...")) // which a test can show
	var report struct {
		Operations struct{ Selected, Tested, Errored int }
		TestCases  struct {
			Generated int
			Failures  int `json:"with_failures"`
		} `json:"test_cases"`
		Errors []struct{ Title string }
	}
	text, unread := os.ReadFile(filepath.Join(p.dir, "report.json"))
	require.NoError(t, unread, "%v: %s", err, out)
	require.NoError(t, json.Unmarshal(text, &report))
	require.Zero(t, report.TestCases.Failures, "%s", out)
	require.Positive(t, report.Operations.Tested, "%s", out) // as many as a busy machine has time for
	require.LessOrEqual(t, report.Operations.Errored, report.Operations.Tested/10, "%s", out)
	for _, mistake := range report.Errors {
		t.Logf("schemathesis: %s", mistake.Title)
	}
	require.Greater(t, report.TestCases.Generated, report.Operations.Tested, "%s", out)
	status, _ := server.fetch("GET", "/api/v1/admin/me", token, "")
	require.Equal(t, 200, status, "or the session has ended, and most requests were refused")
	t.Logf("%d requests of %d operations", report.TestCases.Generated, report.Operations.Tested)
}
