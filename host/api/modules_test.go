package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestModules(t *testing.T) {
	s := newSite(t)
	s.app("app")
	s.app("other")
	module := func(app, name, source string) wire.Script {
		return do[wire.Script](s, "POST", "apps/"+app+"/scripts", wire.ScriptCreate{Name: name, Kind: "module", Source: source}, 201)
	}
	base := module("app", "base", `fn one() { 1 }`)
	module("app", "lib", `import "base" as base; fn two() { base::one() + 1 }`)
	s.route(s.script("app", "main", `import "lib" as lib; lib::two()`), "GET", "/two")
	got := s.fetch("GET", "/two", "", "Authorization: Bearer "+s.token)
	require.Equal(t, "2", string(got.body))

	do[wire.Script](s, "PUT", "scripts/"+base.ID, `{"source":"fn one() { 41 }"}`, 200)
	got = s.fetch("GET", "/two", "", "Authorization: Bearer "+s.token)
	assert.Equal(t, "42", string(got.body), "the next execution sees a changed module")

	body := `{"name":"x","source":"import \"lib\" as lib; lib::two()"}`
	s.refused(s.admin(s.token, "POST", "apps/other/scripts", body), 422, "body.source", "lib")
}
