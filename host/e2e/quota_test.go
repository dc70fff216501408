package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// An app that has as much as it may is refused more, whoever asks, and goes on with what it has.
func TestQuotas(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, args ...string) {
		d := launch(t, newPlace(t), append(args, "--kv-quota", "5000", "--docs-quota", "5000", "--log-quota", "5000")...)
		token := d.login()
		d.deploy(token, "keep", `
			let s = "x"; s.pad(ctx.request.body.size, 'x');
			switch ctx.request.body.what {
				"kv" => kv::collection("c").set(ctx.request.body.key, s),
				"incr" => kv::collection("c").incr(ctx.request.body.key, 1),
				"docs" => docs::collection("c").create(#{ s: s }).len(),
				"log" => print(s),
			}`)
		d.deploy(token, "drop", `for e in kv::collection("c").list().items { kv::collection("c").delete(e.key) }`)
		keep := func(what, key string, size int) string {
			t.Helper()
			body, err := json.Marshal(map[string]any{"what": what, "key": key, "size": size})
			require.NoError(t, err)
			_, answer := d.fetch("POST", "/keep", token, string(body))
			return string(answer)
		}
		assert.NotContains(t, keep("kv", "a", 4000), "error")
		assert.NotContains(t, keep("incr", "n", 0), "error")
		assert.Contains(t, keep("kv", "b", 4000), "the kv entries of the app may have 5000 bytes in all: they have ")
		assert.NotContains(t, keep("kv", "a", 4000), "error", "as long as before")
		assert.NotContains(t, keep("incr", "n", 0), "error")
		assert.NotContains(t, keep("docs", "", 4000), "error", "documents have a quota of their own")
		assert.Contains(t, keep("docs", "", 4000), "the documents of the app may have 5000 bytes in all")
		status, answer := d.fetch("PUT", "/api/v1/admin/apps/default/quota", token, `{"docs_bytes":9000,"kv_bytes":5000}`)
		assert.Equal(t, 200, status, "%s", answer)
		assert.NotContains(t, keep("docs", "", 4000), "error", "an administrator allows more, at once")
		assert.Contains(t, keep("docs", "", 4000), "the documents of the app may have 9000 bytes in all")
		status, answer = d.fetch("PUT", "/api/v1/admin/apps/default/quota", token, `{}`)
		assert.Equal(t, 200, status, "%s", answer)
		status, answer = d.fetch("PUT", "/api/v1/admin/apps/default/kv/c/b", token, `{"value":"`+strings.Repeat("x", 4000)+`"}`)
		assert.Equal(t, 507, status, "%s", answer)

		_, answer = d.fetch("GET", "/api/v1/admin/apps/default/usage", token, "")
		var usage wire.Usage
		require.NoError(t, json.Unmarshal(answer, &usage))
		assert.EqualValues(t, 5000, usage.KV.Quota)
		assert.InDelta(t, 4010, usage.KV.Bytes, 10)
		assert.InDelta(t, 8020, usage.Docs.Bytes, 20)
		assert.Equal(t, "80 % of the quota are used", usage.KV.Warning)

		const deploy = "/api/v1/admin/apps/default:deploy"
		status, answer = d.fetch("POST", deploy, token, `{"changes":[{"operation":"set-kv","collection":"c","id":"seed","body":{"value":1}}]}`)
		assert.Equal(t, 200, status, "entries have room where documents have none: %s", answer)
		status, answer = d.fetch("POST", deploy, token, `{"changes":[{"operation":"create-doc","collection":"c","body":{"data":{"a":1}}}]}`)
		assert.Equal(t, 507, status, "%s", answer)

		d.fetch("POST", "/drop", token, "")
		assert.Eventually(t, func() bool { return keep("kv", "b", 4000) == "" || keep("kv", "b", 4000) == "true" }, patience, 100*time.Millisecond, "there is room again")

		require.Eventually(t, func() bool {
			keep("log", "", 2000) // counts when it is recorded
			_, logs := d.fetch("GET", "/api/v1/admin/apps/default/scripts", token, "")
			var scripts wire.Page[wire.Script]
			require.NoError(t, json.Unmarshal(logs, &scripts))
			for _, s := range scripts.Items {
				if s.Name == "keep" {
					_, logs = d.fetch("GET", "/api/v1/admin/scripts/"+s.ID+"/logs", token, "")
				}
			}
			return strings.Contains(string(logs), "1 lines are left out today: the log lines of a day of the app may have 5000 bytes")
		}, patience, 50*time.Millisecond)
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
	})
}
