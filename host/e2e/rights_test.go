package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestMemberCommands(t *testing.T) {
	p, _ := loggedIn(t)
	p.must(t, "apps", "create", "shop")
	p.must(t, "users", "create", "ada")
	assert.Equal(t, "ada is editor of the app shop.\n", p.must(t, "members", "set", "ADA", "editor", "--app", "shop"))
	table := p.must(t, "members", "list", "--app", "shop")
	assert.Regexp(t, `^USER  ROLE    ID\nada   editor  [0-9a-f-]{36}\n$`, table)
	ada := decode[[]wire.Member](t, p, "members", "list", "--app", "shop")[0]
	assert.Equal(t, "viewer", decode[wire.Member](t, p, "members", "set", ada.UserID, "viewer", "--app", "shop").Role)
	assert.Equal(t, "ada has no role in the app shop any more.\n", p.must(t, "members", "remove", "--yes", "ada", "--app", "shop"))
	assert.Empty(t, decode[[]wire.Member](t, p, "members", "list", "--app", "shop"))
	p.fails(t, exitFailed, "member not found", "members", "remove", "--yes", "ada", "--app", "shop")
	p.fails(t, exitFailed, "user not found", "members", "set", "bob", "viewer", "--app", "shop")
	p.fails(t, exitUsage, "must be one of", "members", "set", "ada", "owner", "--app", "shop")
	assert.Contains(t, p.must(t, "apps", "list"), "YOU ARE")
}

func TestKeyCommands(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "apps", "create", "shop")
	created := p.run(t, "", "keys", "create", "ci", "--scope", "script:read,log:read", "--app", "shop", "--expires", "2h")
	require.Equal(t, exitOK, created.status, created)
	assert.Regexp(t, `^pic_[A-Za-z0-9_-]{43}\n$`, created.stdout, "the key alone, to be kept without being seen")
	assert.Regexp(t, `^The key ci \([0-9a-f-]{36}\), which is shown only now:\n$`, created.stderr)
	old := decode[[]wire.APIKey](t, p, "keys", "list")[0]
	assert.Equal(t, []string{"script:read", "log:read"}, old.Scopes)
	rotated := decode[wire.APIKey](t, p, "keys", "rotate", old.ID, "--overlap", "0s")
	assert.NotEmpty(t, rotated.Key)
	p.fails(t, exitFailed, "rotated already", "keys", "rotate", old.ID)
	works := func(key string) bool {
		p := &place{dir: p.dir, env: append(p.env, "PICLOUD_URL="+server.url, "PICLOUD_TOKEN="+key)}
		return p.run(t, "", "scripts", "list", "--app", "shop").status == exitOK
	}
	assert.False(t, works(strings.TrimSpace(created.stdout)))
	assert.True(t, works(rotated.Key))
	if table := p.must(t, "keys", "list"); !regexp.MustCompile(`(?m)^ci +pic_.{6} +script:read,log:read +\S+ +\S+ \S+ +(\S+ \S+|-) +` + rotated.ID).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	p.must(t, "keys", "revoke", "--yes", rotated.ID)
	assert.False(t, works(rotated.Key))
	p.fails(t, exitFailed, "API key not found", "keys", "revoke", "--yes", rotated.ID)
	p.fails(t, exitUsage, "must be one of", "keys", "create", "x", "--scope", "everything")
	p.fails(t, exitFailed, "future", "keys", "create", "x", "--scope", "log:read", "--expires", "-1h")

	// An admin sees and ends those of others.
	assert.Len(t, decode[[]wire.APIKey](t, p, "keys", "list", "--user", "admin"), 1)
	p.must(t, "keys", "revoke", "--yes", old.ID, "--user", "admin")
	assert.Empty(t, decode[[]wire.APIKey](t, p, "keys", "list"))
}
