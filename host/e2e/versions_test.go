package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// The versions of a script are listed, shown, compared and restored.
func TestVersionCommands(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "lib.rhai", "fn word() { \"hello\" }\n")
	p.must(t, "deploy", "lib.rhai", "--kind", "module")
	first := "import \"lib\" as l;\nl::word()\n"
	p.write(t, "greet.rhai", first)
	p.must(t, "deploy", "greet.rhai")
	p.must(t, "routes", "add", "greet", "GET", "/greet")
	p.fails(t, exitFailed, "greet has one version", "scripts", "diff", "greet")
	p.write(t, "greet.rhai", "let x = 1;\n\"bye\"\n")
	p.must(t, "deploy", "greet.rhai")

	const diff = "--- greet version 1\n+++ greet version 2\n@@ -1,2 +1,2 @@\n-import \"lib\" as l;\n-l::word()\n+let x = 1;\n+\"bye\"\n"
	for _, args := range [][]string{{}, {"1"}, {"1", "2"}} {
		assert.Equal(t, diff, p.must(t, append([]string{"scripts", "diff", "greet"}, args...)...))
	}
	assert.Equal(t, "Version 2 is the same as version 2.\n", p.must(t, "scripts", "diff", "greet", "2", "2"))
	told := decode[struct {
		From, To wire.ScriptVersion
		Diff     string
	}](t, p, "scripts", "diff", "greet")
	assert.Equal(t, []any{int64(1), int64(2), diff, "", ""}, []any{told.From.Version, told.To.Version, told.Diff, told.From.Source, told.To.Source})
	p.fails(t, exitFailed, "version 9: version not found", "scripts", "diff", "greet", "9")

	assert.Equal(t, first, p.must(t, "scripts", "show", "greet", "--version", "1", "--source"))
	assert.Equal(t, first, decode[wire.ScriptVersion](t, p, "scripts", "show", "greet", "--version", "1").Source)
	assert.Regexp(t, `(?m)^VERSION +1\n(.*\n)+LIMITS +defaults$`, p.must(t, "scripts", "show", "greet", "--version", "1"))
	p.fails(t, exitFailed, "version not found", "scripts", "show", "greet", "--version", "3")
	for _, n := range []string{"0", "-1"} {
		p.fails(t, exitFailed, "must be at least 1, got "+n, "scripts", "show", "greet", "--version", n)
		p.fails(t, exitFailed, "must be at least 1, got "+n, "scripts", "diff", "greet", n)
		p.fails(t, exitFailed, "must be at least 1, got "+n, "scripts", "restore", "greet", n, "-y")
	}
	p.fails(t, exitUsage, `"x"`, "scripts", "restore", "greet", "x")

	p.fails(t, exitUsage, "Make the script greet again what it was in version 1? Standard input is not a terminal to ask on: pass --yes", "scripts", "restore", "greet", "1")
	assert.Equal(t, "Script greet is what it was in version 1, as version 3.\n", p.must(t, "scripts", "restore", "greet", "1", "--yes"))
	status, _, body := request(t, "GET", server.url+"/greet", "")
	assert.Equal(t, []any{200, "hello"}, []any{status, body})
	list := p.must(t, "scripts", "versions", "greet")
	assert.Regexp(t, `^VERSION +NAME +KIND +BYTES +CREATED +BY +RESTORED FROM\n3 +greet +endpoint +29 .* admin +1\n2 +greet +endpoint +17 .* admin *\n1 +greet +endpoint +29 .* admin *\n$`, list)
	versions := decode[[]wire.ScriptVersion](t, p, "scripts", "versions", "greet")
	require.Len(t, versions, 3)
	assert.Equal(t, []any{int64(3), int64(1), "admin", ""}, []any{versions[0].Version, versions[0].RestoredFrom, versions[0].CreatedBy, versions[0].Source})

	// What ran is told.
	executions := p.must(t, "executions", "list", "greet")
	assert.Regexp(t, `^ID +VERSION +TYPE .*\n[0-9a-f-]+ +3 +http +ok `, executions)
	assert.True(t, strings.HasPrefix(p.must(t, "invoke", "greet"), "200  (version 3, "))
	assert.EqualValues(t, 3, decode[wire.RunResult](t, p, "invoke", "greet").ScriptVersion)

	// A version that does not compile any more is refused, with its place; nothing is changed.
	p.must(t, "scripts", "restore", "greet", "2", "-y")
	p.must(t, "scripts", "delete", "lib", "-y")
	p.fails(t, exitFailed, "greet version 1:1:8: Module not found: lib", "scripts", "restore", "greet", "1", "-y")
	p.fails(t, exitFailed, "version not found", "scripts", "restore", "greet", "9", "-y")
	assert.EqualValues(t, 4, decode[wire.Script](t, p, "scripts", "show", "greet").Version)
}

// Of plugins the modules are kept, too.
func TestVersionCommandsOfPlugins(t *testing.T) {
	p, _ := loggedIn(t)
	one, two := wasmAnswering("first"), wasmAnswering("second one")
	p.write(t, "echo.wasm", one)
	p.must(t, "deploy", "echo.wasm")
	p.write(t, "echo.wasm", two)
	p.must(t, "deploy", "echo.wasm")
	assert.Equal(t, one, p.must(t, "scripts", "show", "echo", "--version", "1", "--source"))
	differs := regexp.MustCompile(`^module: [0-9a-f]{64} \(` + strconv.Itoa(len(one)) + ` bytes\) -> [0-9a-f]{64} \(` + strconv.Itoa(len(two)) + ` bytes\)\n$`)
	assert.Regexp(t, differs, p.must(t, "scripts", "diff", "echo"))
	p.must(t, "scripts", "restore", "echo", "1", "-y")
	assert.Equal(t, one, p.must(t, "scripts", "show", "echo", "--source"))
	assert.Equal(t, "Version 3 is the same as version 1.\n", p.must(t, "scripts", "diff", "echo", "1"))
}
