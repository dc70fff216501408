package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/catalog"
)

func TestScripts(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	script := do[wire.Script](s, "POST", "apps/app/scripts", wire.ScriptCreate{
		Name: "greet", Source: `"hello"`, Limits: &abi.Limits{TimeoutMS: 500},
	}, 201)
	assert.Equal(t, app.ID, script.AppID)
	assert.Equal(t, abi.KindEndpoint, script.Kind)
	assert.EqualValues(t, 1, script.Version)
	assert.EqualValues(t, 500, script.Limits.TimeoutMS)
	assert.Equal(t, script, do[wire.Script](s, "GET", "scripts/"+script.ID, nil, 200))

	changed := do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"source":"\"bye\""}`, 200)
	assert.EqualValues(t, 2, changed.Version)
	assert.Equal(t, "greet", changed.Name, "what is not named stays")
	assert.EqualValues(t, 500, changed.Limits.TimeoutMS)
	assert.True(t, changed.UpdatedAt.After(script.UpdatedAt))
	changed = do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"name":"lib/greet.v2","kind":"module","source":"fn greet() { 1 }","limits":{}}`, 200)
	assert.Equal(t, "lib/greet.v2", changed.Name)
	assert.Equal(t, abi.KindModule, changed.Kind)
	assert.Zero(t, changed.Limits)

	list := do[wire.Page[wire.Script]](s, "GET", "apps/app/scripts", nil, 200)
	require.Len(t, list.Items, 1)
	assert.Empty(t, list.Items[0].Source, "listings are short")

	do[any](s, "DELETE", "scripts/"+script.ID, nil, 204)
	s.Refused(s.Admin(s.Token, "GET", "scripts/"+script.ID, ""), 404, "", "script not found")
}

func TestScriptsRefuse(t *testing.T) {
	s := newSite(t)
	s.App("app")
	first := s.Script("app", "taken", "1")
	second := s.Script("app", "second", "1")
	create := func(body string) answer { return s.Admin(s.Token, "POST", "apps/app/scripts", body) }
	update := func(body string) answer { return s.Admin(s.Token, "PUT", "scripts/"+second.ID, body) }
	p := s.Refused(create(`{"name":"taken","source":"1"}`), 409, "body.name", "already in use")
	assert.Equal(t, first.ID, p.Other)
	s.Refused(update(`{"name":"taken"}`), 409, "body.name", "already in use")
	s.Refused(create(`{"name":"x"}`), 422, "body.source", "missing")
	s.Refused(create(`{"name":"x","source":7}`), 422, "body.source", "must be a string")
	s.Refused(create(`{"name":"x","source":"1","speed":9}`), 422, "body.speed", "no such field")
	s.Refused(create(`{"name":"x","source":"1","kind":"daemon"}`), 422, "body.kind", "one of")
	s.Refused(create(`{"name":"x","source":"1","limits":{"timeout":1}}`), 422, "body.limits.timeout", "no such field")
	s.Refused(create(`{"name":"x","source":"1","limits":{"timeout_ms":"1s"}}`), 422, "body.limits.timeout_ms", "must be an integer")
	s.Refused(create(`{"name":"x","source":"1","limits":{"timeout_ms":300001}}`), 422, "body.limits.timeout_ms", "at most 300000")
	s.Refused(create(`{"name":"x","source":"1","limits":{"memory_mb":-1}}`), 422, "body.limits.memory_mb", "at least 1")
	s.Refused(update(`{"limits":{"max_operations":100000001}}`), 422, "body.limits.max_operations", "100000000")
	s.Refused(create(`{"name":"x","source":"print(1);","kind":"module"}`), 422, "body.source", "module")
	s.Refused(create(`{"name":"x","source":"1\u0000"}`), 422, "body.source", "without NUL")
	for _, name := range []string{"", "1a", "a b", "/a", "a/", "a//b", "a/../b", "é", strings.Repeat("x", 129)} {
		encoded, err := json.Marshal(wire.ScriptCreate{Name: name, Source: "1"})
		require.NoError(t, err)
		s.Refused(create(string(encoded)), 422, "body.name", "must be")
	}
	s.Refused(s.Admin(s.Token, "POST", "apps/none/scripts", `{"name":"x","source":"1"}`), 404, "", "app not found")
	for _, id := range []string{"nope", "01a20970-f805-7922-8ded-6d329840dbfc", "%00"} {
		s.Refused(s.Admin(s.Token, "GET", "scripts/"+id, ""), 404, "", "script not found")
	}
	stale := s.Refused(update(`{"source":"2","version":7}`), 409, "body.version", "is at version 1, not at version 7")
	assert.Equal(t, "conflict", stale.Code)
	assert.EqualValues(t, 1, do[wire.Script](s, "GET", "scripts/"+second.ID, nil, 200).Version, "nothing was changed")
}

func TestSourceLimit(t *testing.T) {
	s := newSite(t)
	s.App("app")
	most := `"` + strings.Repeat("x", catalog.MaxSourceBytes-2) + `".len()`
	s.Script("app", "most", most[:catalog.MaxSourceBytes-7-1]+`"`)
	body, err := json.Marshal(wire.ScriptCreate{Name: "more", Source: "//" + strings.Repeat("x", catalog.MaxSourceBytes-1)})
	require.NoError(t, err)
	s.Refused(s.Admin(s.Token, "POST", "apps/app/scripts", string(body)), 422, "body.source", "must be at most 1048576 bytes, got 1048577")
}

func TestScriptThatDoesNotCompile(t *testing.T) {
	s := newSite(t)
	s.App("app")
	source := "let a = 1;\nlet x = ;\n"
	body, err := json.Marshal(wire.ScriptCreate{Name: "broken", Source: source})
	require.NoError(t, err)
	p := s.Refused(s.Admin(s.Token, "POST", "apps/app/scripts", string(body)), 422, "body.source", "line 2, position 9")
	assert.Equal(t, "script_invalid", p.Code)
	require.NotNil(t, p.Script)
	assert.Equal(t, 2, p.Script.Line)
	assert.Equal(t, 9, p.Script.Column)
	assert.Equal(t, "let x = ;", p.Script.SourceLine)

	script := s.Script("app", "good", "1")
	s.Refused(s.Admin(s.Token, "PUT", "scripts/"+script.ID, `{"source":"let x = ;"}`), 422, "body.source", "position 9")
	assert.Equal(t, "1", do[wire.Script](s, "GET", "scripts/"+script.ID, nil, 200).Source, "the old source stays")

	valid := do[wire.Validation](s, "POST", "scripts/"+script.ID+"/validate", nil, 200)
	assert.True(t, valid.Valid)
	invalid := do[wire.Validation](s, "POST", "scripts/"+script.ID+"/validate", wire.Validate{Source: &source}, 200)
	assert.False(t, invalid.Valid)
	require.NotNil(t, invalid.Error)
	assert.Equal(t, 2, invalid.Error.Line)
	assert.Equal(t, "let x = ;", invalid.Line)
}

// What is no script yet is compiled with the modules of the app, and nothing is kept.
func TestValidateSource(t *testing.T) {
	s := newSite(t)
	s.App("app")
	s.App("other")
	s.module("app", "prices", `fn of(x) { x * 2 }`)
	validate := func(app string, v wire.ValidateNew) wire.Validation {
		return do[wire.Validation](s, "POST", "apps/"+app+"/scripts:validate", v, 200)
	}
	const source = "import \"prices\" as p;\np::of(21)"
	assert.Equal(t, wire.Validation{Valid: true, Imports: []string{"prices"}}, validate("app", wire.ValidateNew{Source: source}))
	for _, c := range []struct {
		name, app    string
		of           wire.ValidateNew
		says         string
		line, column int
		sourceLine   string
	}{
		{"does not parse", "app", wire.ValidateNew{Source: "let x = 1;\nlet y = ;"}, "Unexpected ';'", 2, 9, "let y = ;"},
		{"the module is of another app", "other", wire.ValidateNew{Source: source}, "prices", 1, 8, `import "prices" as p;`},
		{"is no module", "app", wire.ValidateNew{Source: "1", Kind: "module"}, "A module may contain only", 1, 1, "1"},
		{"imports itself", "app", wire.ValidateNew{Source: `import "m" as m;`, Kind: "module", Name: "m"}, "Import cycle: m -> m", 1, 8, `import "m" as m;`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := validate(c.app, c.of)
			assert.False(t, got.Valid)
			require.NotNil(t, got.Error)
			assert.Contains(t, got.Error.Message, c.says)
			assert.Equal(t, []any{c.line, c.column, c.sourceLine}, []any{got.Error.Line, got.Error.Column, got.Line})
		})
	}
	s.Refused(s.Admin(s.Token, "POST", "apps/app/scripts:validate", `{"source":"1","kind":"plugin"}`), 422, "body.kind", "")
	assert.Len(t, do[wire.Page[wire.Script]](s, "GET", "apps/app/scripts", nil, 200).Items, 1, "something was kept")
}

// A change that was made for another version than there is is refused.
func TestScriptsOfVersions(t *testing.T) {
	s := newSite(t)
	script := s.Script(s.App("versions").Slug, "versioned", `1`)
	path := "/api/v1/admin/scripts/" + script.ID
	change := func(match, body string) answer {
		return s.Fetch("PUT", path, body, "Authorization: Bearer "+s.Token, "Content-Type: application/json", "If-Match: "+match)
	}
	assert.Equal(t, `"1"`, s.Fetch("GET", path, "", "Authorization: Bearer "+s.Token).Header.Get("ETag"))
	got := change(`"1"`, `{"source":"2"}`)
	assert.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Equal(t, `"2"`, got.Header.Get("ETag"))
	s.Refused(change(`"1"`, `{"source":"3"}`), 412, "header.If-Match", "version 2")
	s.Refused(change(`2`, `{"source":"3"}`), 422, "header.If-Match", "must be one version in quotes")
	s.Refused(change(`"2"`, `{"source":"3","version":2}`), 422, "body.version", "must not stand beside If-Match")
	assert.Equal(t, 200, change(`*`, `{"source":"3"}`).StatusCode)
}
