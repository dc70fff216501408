package manifest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

const withEnvironments = `
app: shop
name: Shop
domains: [shop.example]
scripts:
  - {name: cart, limits: {timeout_ms: 500, memory_mb: 32}, routes: [GET shop.example/cart]}
  - {name: mail}
triggers:
  - {name: nightly, kind: cron, script: mail, schedule: 0 3 * * *}
topics: [{topic: news, access: public}]
environments:
  staging:
    app: shop-staging
    domains: [staging.example]
    scripts:
      - {name: cart, limits: {timeout_ms: 900}, routes: [GET staging.example/cart]}
      - {name: probe, routes: [/probe]}
    triggers: [{name: nightly, enabled: false}]
    topics: [{topic: news, access: token}]
  bare: {}
`

func TestEnvironments(t *testing.T) {
	files := map[string]string{"picloud.yaml": withEnvironments, "cart.rhai": "1", "mail.rhai": "2", "probe.rhai": "3"}
	dir := folder(t, files)
	base, err := Read(dir, "")
	require.NoError(t, err)
	assert.Equal(t, "shop", base.Ref)
	assert.Len(t, base.Scripts, 2)
	assert.True(t, *base.Triggers[0].Fields.Enabled)

	bare, err := Read(dir, "bare")
	require.NoError(t, err)
	bare.file = base.file // whose lines are not those of what is laid over it
	assert.Equal(t, base, bare)

	staging, err := Read(dir, "staging")
	require.NoError(t, err)
	assert.Equal(t, "shop-staging", staging.Ref)
	assert.Equal(t, "Shop", staging.Name, "what is not otherwise is as it is")
	assert.Equal(t, []string{"staging.example"}, staging.Domains)
	require.Len(t, staging.Scripts, 3)
	cart := staging.Scripts[0]
	assert.EqualValues(t, 900, cart.Limits.TimeoutMS)
	assert.EqualValues(t, 32, cart.Limits.MemoryMB)
	assert.Equal(t, []wire.RouteCreate{{Method: "GET", Host: "staging.example", Path: "/cart"}}, cart.Routes)
	assert.Equal(t, "probe", staging.Scripts[2].Name)
	assert.False(t, *staging.Triggers[0].Fields.Enabled)
	assert.Equal(t, "0 3 * * *", *staging.Triggers[0].Fields.Schedule)
	assert.Equal(t, []Topic{{"news", "token"}}, staging.Topics)

	for says, change := range map[string]func(string) (text, environment string){
		`has no environment "production": it has bare, staging`: func(text string) (string, string) { return text, "production" },
		`has no environments, and "x" is asked for`: func(text string) (string, string) {
			base, _, _ := strings.Cut(text, "environments:")
			return base, "x"
		},
		// Those that are not asked for are read, too.
		"environments.staging: line": func(text string) (string, string) {
			return strings.Replace(text, "app: shop-staging", "ap: x", 1), ""
		},
		"environments.bare: line 20: must be a mapping": func(text string) (string, string) { return strings.Replace(text, "bare: {}", "bare: [x]", 1), "" },
		"an environment has none of its own": func(text string) (string, string) {
			return strings.Replace(text, "bare: {}", "bare: {environments: {}}", 1), ""
		},
	} {
		var environment string
		files["picloud.yaml"], environment = change(withEnvironments)
		_, err := Read(folder(t, files), environment)
		if assert.Error(t, err, says) {
			assert.Contains(t, err.Error(), says)
		}
	}
}
