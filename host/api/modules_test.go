package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store/eachtest"
)

func (s *site) module(app, name, source string) wire.Script {
	s.T.Helper()
	return do[wire.Script](s, "POST", "apps/"+app+"/scripts", wire.ScriptCreate{Name: name, Kind: "module", Source: source}, 201)
}

// upload tries to create a script.
func (s *site) upload(app, name, kind, source string) answer {
	s.T.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "kind": kind, "source": source})
	require.NoError(s.T, err)
	return s.Admin(s.Token, "POST", "apps/"+app+"/scripts", string(body))
}

// replace tries to give a script another source.
func (s *site) replace(script wire.Script, source string) answer {
	s.T.Helper()
	body, err := json.Marshal(wire.ScriptUpdate{Source: &source})
	require.NoError(s.T, err)
	return s.Admin(s.Token, "PUT", "scripts/"+script.ID, string(body))
}

func TestModules(t *testing.T) {
	s := newSite(t)
	s.App("app")
	base := s.module("app", "base", `fn one() { 1 }`)
	s.module("app", "lib", `import "base" as base; fn two() { base::one() + 1 }`)
	s.Route(s.Script("app", "main", `import "lib" as lib; lib::two()`), "GET", "/two")
	require.Equal(t, "2", string(s.Fetch("GET", "/two", "").Content))

	do[wire.Script](s, "PUT", "scripts/"+base.ID, `{"source":"fn one() { 41 }"}`, 200)
	assert.Equal(t, "42", string(s.Fetch("GET", "/two", "").Content), "the next execution sees a changed module of a module")

	valid := do[wire.Validation](s, "POST", "scripts/"+base.ID+"/validate", `{"source":"import \"lib\" as l;"}`, 200)
	assert.False(t, valid.Valid)
	require.NotNil(t, valid.Error)
	assert.Contains(t, valid.Error.Message, "Import cycle: lib -> base -> lib")
	assert.Equal(t, "import \"lib\" as l;", valid.Line)
}

func TestModuleShape(t *testing.T) {
	s := newSite(t)
	s.App("app")
	for _, source := range []string{"", "// nothing", `const A = 1; export const B = A + 1; fn f() { 1 } private fn g() { 2 }`} {
		assert.Equal(t, 201, s.upload("app", "m"+randomName(), "module", source).StatusCode, source)
	}
	for source, column := range map[string]int{`let x = 1;`: 1, `fn f() {} print(1);`: 11, `const A = 1; A`: 14, `if true {}`: 1, `export const A = 1; loop {}`: 21} {
		p := s.Refused(s.upload("app", "wrong", "module", source), 422, "body.source", "A module may contain only constants, functions and imports")
		assert.Equal(t, "script_invalid", p.Code)
		require.NotNil(t, p.Script, source)
		assert.Equal(t, 1, p.Script.Line, source)
		assert.Equal(t, column, p.Script.Column, source)
	}
	endpoint := s.Script("app", "endpoint", `let x = 1;`)
	s.Refused(s.Admin(s.Token, "PUT", "scripts/"+endpoint.ID, `{"kind":"module"}`), 422, "body.source", "only constants")
}

func TestUnknownImport(t *testing.T) {
	s := newSite(t)
	s.App("app")
	s.App("other")
	s.module("other", "secret", `fn f() { 1 }`)
	s.Script("app", "endpoint", `1`)
	for _, name := range []string{"nope", "secret", "endpoint", "other/secret", "../other/secret", "é", "a b"} {
		p := s.Refused(s.upload("app", "x", "endpoint", fmt.Sprintf("let a = 1;\n  import %q as m;", name)), 422, "body.source", "Module not found: "+name)
		assert.Equal(t, "script_invalid", p.Code)
		require.NotNil(t, p.Script, name)
		assert.Equal(t, []int{2, 10}, []int{p.Script.Line, p.Script.Column}, name)
		assert.Equal(t, fmt.Sprintf("  import %q as m;", name), p.Script.SourceLine)
	}
	s.Refused(s.upload("app", "x", "endpoint", `let n = "m"; import n as m;`), 422, "body.source", "string literal")

	// One that is missing when the script runs: it was removed behind our back.
	lib := s.module("app", "lib", `fn f() { 1 }`)
	main := s.Script("app", "main", `import "lib" as m; m::f()`)
	s.Route(main, "GET", "/main")
	require.Equal(t, "1", string(s.Fetch("GET", "/main", "").Content))
	require.NoError(t, s.DB.Scripts().Delete(context.Background(), lib.ID))
	s.Script("app", "another", `1`) // so that the server looks again
	got := s.Fetch("GET", "/main", "")
	assert.Equal(t, 422, got.StatusCode)
	assert.Contains(t, string(got.Content), `"code":"script_invalid"`)
	assert.NotContains(t, string(got.Content), "lib")
	run := do[wire.RunResult](s, "POST", "scripts/"+main.ID+"/run", `{}`, 200)
	require.NotNil(t, run.Error)
	assert.Contains(t, run.Error.Message, "Module not found: lib")
	assert.Equal(t, []int{1, 8}, []int{run.Error.Line, run.Error.Column})
}

func TestImportCyclesAndDepth(t *testing.T) {
	s := newSite(t)
	s.App("app")
	s.Refused(s.upload("app", "self", "module", `import "self" as s;`), 422, "body.source", "Import cycle: self -> self")
	c := s.module("app", "c", `fn f() { 3 }`)
	s.module("app", "b", `import "c" as c; fn f() { c::f() }`)
	s.module("app", "a", `import "b" as b; fn f() { b::f() }`)
	p := s.Refused(s.replace(c, "const X = 1;\nimport \"a\" as a;"), 422, "body.source", "Import cycle: a -> b -> c -> a")
	assert.Equal(t, "script_invalid", p.Code)
	assert.Equal(t, `fn f() { 3 }`, do[wire.Script](s, "GET", "scripts/"+c.ID, nil, 200).Source, "nothing was changed")

	s.module("app", "d1", `const DEPTH = 1;`)
	for depth := 2; depth <= 8; depth++ {
		s.module("app", fmt.Sprintf("d%d", depth), fmt.Sprintf(`import "d%d" as d; const X = 1;`, depth-1))
	}
	s.Script("app", "deep", `import "d8" as d;`)
	s.module("app", "d9", `import "d8" as d;`)
	s.Refused(s.upload("app", "deeper", "endpoint", `import "d9" as d;`), 422, "body.source", "Imports nested more than 8 deep: d9 -> d8")
}

// A module that is imported must stay what it is until nobody imports it any more.
func TestImportedModuleStays(t *testing.T) {
	s := newSite(t)
	s.App("app")
	s.App("other")
	lib := s.module("app", "lib", `fn f() { 1 }`)
	first := s.Script("app", "first", `import "lib" as l; l::f()`)
	second := s.module("app", "second", `import "lib" as l;`)
	do[any](s, "DELETE", "scripts/"+s.module("other", "lib", `fn f() { 2 }`).ID, nil, 204)

	const by = "imported by first, second"
	path := "scripts/" + lib.ID
	p := s.Refused(s.Admin(s.Token, "DELETE", path, ""), 409, "path.id", by)
	assert.Equal(t, first.ID, p.Other)
	assert.Equal(t, "conflict", p.Code)
	s.Refused(s.Admin(s.Token, "PUT", path, `{"name":"lib2"}`), 409, "body.name", by)
	s.Refused(s.Admin(s.Token, "PUT", path, `{"kind":"endpoint"}`), 409, "body.kind", by)
	do[wire.Script](s, "PUT", path, `{"name":"lib","kind":"module","source":"fn f() { 3 }"}`, 200)

	// The table of imports follows each update.
	require.Equal(t, 200, s.replace(first, `1`).StatusCode)
	s.Refused(s.Admin(s.Token, "DELETE", path, ""), 409, "path.id", "imported by second")
	do[any](s, "DELETE", "scripts/"+second.ID, nil, 204)
	do[wire.Script](s, "PUT", path, `{"name":"lib2"}`, 200)
	s.Refused(s.replace(first, `import "lib" as l;`), 422, "body.source", "Module not found: lib")
	require.Equal(t, 200, s.replace(first, `import "lib2" as l; l::f()`).StatusCode)
	s.Refused(s.Admin(s.Token, "DELETE", path, ""), 409, "path.id", "imported by first")
	do[any](s, "DELETE", "scripts/"+first.ID, nil, 204)
	do[any](s, "DELETE", path, nil, 204)

	many := s.module("app", "many", `const X = 1;`)
	for i := range 12 {
		s.Script("app", fmt.Sprintf("i%02d", i), `import "many" as m;`)
	}
	s.Refused(s.Admin(s.Token, "DELETE", "scripts/"+many.ID, ""), 409, "path.id", "imported by i00, i01, i02, i03, i04, i05, i06, i07, i08, i09 and 2 more")
	do[any](s, "DELETE", "apps/app", nil, 204)
}

// What the store says when imports cannot be read is for the log only.
func TestStoreErrorBehindAnImport(t *testing.T) {
	var log bytes.Buffer
	database := eachtest.New(t)
	s := &site{apitest.NewOn(t, slog.New(slog.NewTextHandler(&log, nil)), database.Open)}
	s.App("app")
	s.module("app", "lib", `fn f() { 1 }`)
	main := s.Script("app", "main", `import "lib" as m; m::f()`)
	s.Route(main, "GET", "/main")

	_, err := database.SQL().Exec("ALTER TABLE script_imports RENAME TO hidden_imports")
	require.NoError(t, err)

	for _, got := range []answer{
		s.Fetch("GET", "/main", ""),
		s.Fetch("GET", "/main", "", "Authorization: Bearer "+s.Token),
		s.Admin(s.Token, "POST", "scripts/"+main.ID+"/run", `{}`),
	} {
		assert.Equal(t, 503, got.StatusCode, "%s", got.Content)
		assert.Contains(t, string(got.Content), "the storage is not available just now")
		for _, secret := range []string{"script_imports", "SQL", "table", "relation", os.TempDir()} {
			assert.NotContains(t, string(got.Content), secret)
		}
	}
	missing := map[string]string{eachtest.SQLite: "no such table: script_imports", eachtest.Postgres: "SQLSTATE 42P01"}[s.DB.Kind()]
	assert.Equal(t, 3, strings.Count(log.String(), missing), log.String())
}
