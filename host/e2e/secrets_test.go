package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store/eachtest"
)

// Secrets are set from standard input or a file, listed, needed by picloud.yaml, and sealed anew while the
// server runs.
func TestSecretsFromTheCommandLine(t *testing.T) {
	p, _ := loggedIn(t)
	set := func(value string, args ...string) string {
		t.Helper()
		r := p.run(t, value, append([]string{"secrets", "set"}, args...)...)
		require.Equal(t, exitOK, r.status, "%v", r)
		return r.stdout
	}
	assert.Equal(t, "Secret mail-key set (8 bytes).\n", set("hunter22\n", "mail-key"))
	p.write(t, "key.pem", "first line\nsecond line\n")
	assert.Equal(t, "Secret tls set (22 bytes).\n", set("", "tls", "--file", "key.pem"))
	p.fails(t, exitUsage, "the value is empty", "secrets", "set", "none")
	p.fails(t, exitUsage, "unexpected argument hunter22", "secrets", "set", "mail-key", "hunter22")
	p.fails(t, exitFailed, "must be letters", "secrets", "set", ".x", "--file", "key.pem")
	listed := decode[[]wire.Secret](t, p, "secrets", "list")
	require.Len(t, listed, 2)
	assert.Equal(t, []any{"mail-key", 8}, []any{listed[0].Name, listed[0].Size})

	p.write(t, "app/picloud.yaml", `app: shop
scripts:
  - name: hook
    routes:
      - route: POST /hook
        signature: {scheme: github, secret: hook-key}
secrets: [hook-key]
`)
	p.write(t, "app/hook.rhai", `secrets::get("hook-key")`)
	r := p.run(t, "", "deploy", "app")
	require.Equal(t, exitOK, r.status, "%v", r)
	assert.Contains(t, r.stderr, "secret hook-key: is not set, and the app needs it: picloud secrets set hook-key --app shop")
	assert.Contains(t, r.stdout, "hook-key    missing")
	set("It's a Secret to Everybody", "hook-key", "--app", "shop")
	r = p.run(t, "", "deploy", "app")
	assert.Empty(t, r.stderr)
	assert.Contains(t, r.stdout, "route   POST /hook  unchanged")
	assert.Contains(t, p.must(t, "routes", "list", "--app", "shop"), "any exact signed")
	assert.Contains(t, p.must(t, "routes", "signature", "POST /hook", "--app", "shop"), "github")
	r = p.run(t, "", "routes", "signature", "POST /hook", "--app", "shop", "--signature", "standard-webhooks", "--secret", "other", "--tolerance", "1m")
	assert.Contains(t, r.stderr, "the secret other is not set")
	assert.Contains(t, r.stdout, "1m0s")
	p.fails(t, exitUsage, "--secret is missing", "routes", "signature", "POST /hook", "--app", "shop", "--signature", "github")
	assert.Contains(t, p.must(t, "routes", "signature", "POST /hook", "--off", "--app", "shop"), "takes unsigned requests")
	assert.Contains(t, p.must(t, "deploy", "app"), "updated: signature")

	t.Run("rotate", func(t *testing.T) {
		eachtest.SQLiteOnly(t, "on PostgreSQL the keys are in a setting, which only the operator changes")
		file := filepath.Join(p.dir, "data", "secret.key")
		before, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, p.must(t, "secrets", "rotate"), "3 secrets sealed anew, with the key ")
		after, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.NotEqual(t, string(before), string(after))
		assert.Equal(t, strings.Count(string(before), "\n"), strings.Count(string(after), "\n"), "the old key is forgotten")
	})
	p.must(t, "secrets", "delete", "--yes", "tls")
	p.fails(t, exitFailed, "secret not found", "secrets", "delete", "--yes", "tls")

	p.write(t, "show.rhai", `let m = #{}; m.key = secrets::get("mail-key"); log::info("it is " + m.key); m`)
	p.must(t, "deploy", "show.rhai")
	r = p.run(t, "", "invoke", "show")
	assert.Contains(t, r.stdout, "hunter22", "what a script answers is its own affair")
	assert.Contains(t, r.stderr, "it is ***")

	// Nor is a value kept that somebody has sent in the path.
	p.must(t, "invoke", "show", "--path", "/hooks/hunter22")
	var kept string
	require.Eventually(t, func() bool {
		kept = p.must(t, "executions", "list", "--app", "default", "--output", "json")
		return strings.Contains(kept, "/hooks/")
	}, patience, 10*time.Millisecond)
	assert.Contains(t, kept, "/hooks/***")
	assert.NotContains(t, kept, "hunter22")
}
