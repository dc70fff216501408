package sandbox

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

// TestValidateResolvesImports: the modules that a script imports are asked for once it is known
// which, and what is wrong with them is the script's fault.
func TestValidateResolvesImports(t *testing.T) {
	s := newReal(t, Config{})
	modules := map[string]string{"a": `import "b" as b; fn f() { b::g() }`, "b": "fn g() { 1 }", "bad": "fn f( {"}
	unavailable := errors.New("the store is away")
	for _, test := range []struct {
		name, source string
		imports      []string
		err          string
	}{
		{"none", "1", nil, ""},
		{"one and what it imports", `import "a" as a; a::f()`, []string{"a"}, ""},
		{"in order of appearance", `import "b" as b; import "a" as a; import "b" as c;`, []string{"b", "a"}, ""},
		{"unknown", `import "b" as b; import "c" as c;`, []string{"b", "c"}, "Module not found: c"},
		{"one that does not compile", `import "bad" as b;`, []string{"bad"}, "in module 'bad'"},
		{"the script does not compile", `import "a" as a; let`, nil, "Expecting name of a variable"},
		{"the store fails", `import "away" as a;`, []string{"away"}, unavailable.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			script := rhai(test.source)
			asked := 0
			script.Resolve = func(_ context.Context, imports []string) (found []abi.Module, err error) {
				asked++
				assert.Equal(t, test.imports, imports)
				if imports[0] == "away" {
					return nil, unavailable
				}
				for name, source := range modules {
					found = append(found, abi.Module{Name: name, Source: source})
				}
				return found, nil
			}
			imports, err := s.Validate(t.Context(), script)
			assert.Equal(t, test.imports, imports)
			assert.Equal(t, min(len(test.imports), 1), asked)
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.err)
			}
		})
	}
}

// TestLoadingIsInterrupted: a script that takes long to compile ends with its execution, and is
// compiled again by the next one.
func TestLoadingIsInterrupted(t *testing.T) {
	s := newReal(t, Config{})
	script := rhai(strings.Repeat("[1, 2, 3];\n", 80_000) + "7")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Execute(ctx, script, abi.Invocation{}, NewWorld(echo))
	var failed *abi.ScriptError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, abi.CodeCancelled, failed.Code)

	short := script
	short.Limits.TimeoutMS = 20
	for range 2 {
		_, err = s.Execute(t.Context(), short, abi.Invocation{}, NewWorld(echo))
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, abi.CodeTimeout, failed.Code)
	}

	result, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
	require.NoError(t, err)
	assert.Equal(t, int64(7), decode(t, result))
}
