package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestAuditCommands(t *testing.T) {
	p, _ := loggedIn(t)
	p.must(t, "apps", "create", "shop")
	p.must(t, "kv", "put", "--app", "shop", "c", "k", `"private"`)
	actions := func(args ...string) string {
		t.Helper()
		var all []string
		for _, e := range decode[[]wire.AuditEntry](t, p, append([]string{"audit", "list"}, args...)...) {
			all = append(all, e.Action)
		}
		return strings.Join(all, " ")
	}
	assert.Equal(t, "set-kv create-app login first-start create-route create-script create-app", actions())
	for want, args := range map[string][]string{
		"set-kv create-app": {"--app", "shop"},
		"set-kv":            {"-n", "1"},
		"login":             {"--action", "login", "--user", "admin", "--since", "1h"},
		"":                  {"--until", "1h"},
	} {
		assert.Equal(t, want, actions(args...), args)
	}
	table := p.must(t, "audit", "list", "--object", "c/k")
	want := regexp.MustCompile(`^TIME +WHO +FROM +ACTION +KIND +OBJECT +APP
[0-9-]+ [0-9:]+ +admin +127\.0\.0\.1 +set-kv +kv +c/k +shop
$`)
	assert.Regexp(t, want, table)
	p.fails(t, exitUsage, `--until must be a duration such as 10m or a time`, "audit", "list", "--until", "tomorrow")
	p.fails(t, exitUsage, `--limit must be at least 0, got -1`, "audit", "tail", "-n", "-1")

	lines := strings.Split(strings.TrimSpace(p.must(t, "audit", "export")), "\n")
	require.Len(t, lines, 7)
	var last wire.AuditEntry
	require.NoError(t, json.Unmarshal([]byte(lines[6]), &last))
	assert.Equal(t, []string{"create-app", "system"}, []string{last.Action, last.Actor})

	// Following shows the newest first, and then each entry once.
	follower := p.command(t, "audit", "tail", "-n", "1")
	stdout, err := follower.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, follower.Start())
	followed := bufio.NewScanner(stdout)
	for _, step := range []struct {
		do   func()
		says string
	}{
		{func() {}, "admin set-kv kv c/k from 127.0.0.1"},
		{func() { p.must(t, "apps", "create", "other") }, "admin create-app app "},
		{func() { p.must(t, "apps", "delete", "other", "--yes") }, "admin delete-app app "},
	} {
		step.do()
		require.True(t, followed.Scan())
		assert.Contains(t, followed.Text(), step.says)
	}
	require.NoError(t, follower.Process.Signal(os.Interrupt))
	assert.False(t, followed.Scan(), "nothing more: %s", followed.Text())
	require.NoError(t, follower.Wait())
}
