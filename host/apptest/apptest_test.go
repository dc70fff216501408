package apptest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

func TestRead(t *testing.T) {
	file, err := Read("a_test.rhai", `
fn before_each() { }
fn test_a() { }
fn test_of(x) { }
fn helper() { let test_b = || 1; }
private fn test_c() { }
`)
	require.NoError(t, err)
	assert.Equal(t, []Test{{"test_a", 3}, {"test_c", 6}}, file.Tests)
	assert.True(t, file.Before)
	assert.True(t, strings.HasSuffix(file.Runnable(), "\n;before_each();switch ctx.args[0] { \"test_a\" => test_a(), \"test_c\" => test_c(), _ => () } ;ctx.args[1]\n"))

	_, err = Read("b_test.rhai", "fn test_a() {\n    let = 1;\n}")
	var failed *abi.ScriptError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, 2, failed.Line)
	assert.Equal(t, 9, failed.Column)
}

// What is told of a failure is what the test's author can see: not the call that runs the test.
func TestFailed(t *testing.T) {
	for _, c := range []struct {
		name string
		in   abi.ScriptError
		want Failure
	}{
		{"in the test", abi.ScriptError{Message: "Runtime error: no (line 3, position 5)\nin call to function 'test_a' (line 9, position 1)", Line: 9, Column: 1, Inside: &abi.Place{Line: 3, Column: 5}},
			Failure{Message: "no", Line: 3, Column: 5}},
		{"in a function of it", abi.ScriptError{Message: "Runtime error: no (line 3, position 5)\nin call to function 'help' (line 6, position 2)\nin call to function 'test_a' (line 9, position 1)", Inside: &abi.Place{Line: 3, Column: 5}},
			Failure{Message: "no\nin call to function 'help' (line 6, position 2)", Line: 3, Column: 5}},
		{"in a module", abi.ScriptError{Message: "Runtime error: no @ 'm' (line 3, position 5)\nin call to function 'f' (from 'm') (line 6, position 2)\nin call to function 'test_a' (line 9, position 1)", Inside: &abi.Place{Module: "m", Line: 3, Column: 5}},
			Failure{Message: "no\nin call to function 'f' (from 'm') (line 6, position 2)", Module: "m", Line: 3, Column: 5}},
		{"before it", abi.ScriptError{Message: "Runtime error: no (line 1, position 5)\nin call to function 'before_each' (line 9, position 1)", Inside: &abi.Place{Line: 1, Column: 5}},
			Failure{Message: "no", Line: 1, Column: 5}},
		{"nowhere", abi.ScriptError{Message: "memory limit exceeded: 64 MiB", Code: abi.CodeLimitExceeded}, Failure{Message: "memory limit exceeded: 64 MiB", Code: abi.CodeLimitExceeded}},
		{"with lines", abi.ScriptError{Message: "Runtime error: a\n  (line of it) (line 3, position 5)\nin call to function 'test_a' (line 9, position 1)", Inside: &abi.Place{Line: 3, Column: 5}},
			Failure{Message: "a\n  (line of it)", Line: 3, Column: 5}},
	} {
		assert.Equal(t, c.want, *Failed(&c.in, "test_a"), c.name)
	}
}

func TestCover(t *testing.T) {
	c := Cover("a.rhai", "let a = 1;\n\nif a > 1 {\n    a = 2;\n}\n", false, map[int]int64{1: 3, 3: 3})
	assert.Equal(t, Coverage{"a.rhai", []CoveredLine{{1, 3}, {3, 3}, {4, 0}}}, c)
	assert.Equal(t, 2, c.Reached())
	assert.InDelta(t, 66.7, Percent(2, 3), 0.1)
	assert.InDelta(t, 100, Percent(0, 0), 0)
	assert.Empty(t, Cover("b.rhai", "let", false, nil).Lines)
	assert.Equal(t, []CoveredLine{{2, 0}}, Cover("m.rhai", "fn f() {\n    1\n}", true, nil).Lines)
	var b strings.Builder
	require.NoError(t, LCOV(&b, []Coverage{c}))
	assert.Equal(t, "TN:\nSF:a.rhai\nDA:1,3\nDA:3,3\nDA:4,0\nLF:3\nLH:2\nend_of_record\n", b.String())
}
