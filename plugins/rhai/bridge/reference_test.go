package bridge

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge/reference"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// typeNames are what the reference calls the kinds.
var typeNames = map[vm.Kind]string{
	vm.KindAny: "any", vm.KindBool: "bool", vm.KindInt: "int", vm.KindFloat: "float", vm.KindString: "string", vm.KindArray: "array",
	vm.KindMap: "map", vm.KindBlob: "blob", vm.KindFn: "Fn",
	kvCollection: "KvCollection", docsCollection: "DocsCollection", filesCollection: "FilesCollection", queueTopic: "QueueTopic", responseStream: "ResponseStream",
}

// documented returns the overloads that the reference has: a call with its types, as
// "kv::collection(string)" or "get(KvCollection, string)", to the parameters.
func documented() map[string][]reference.Param {
	all := map[string][]reference.Param{}
	for _, m := range reference.Modules {
		for _, r := range m.Rows {
			if r.IsProperty() {
				continue
			}
			name, receiver := m.Name+"::"+r.Name, []reference.Param(nil)
			switch {
			case r.On != "":
				name, receiver = r.Name[strings.LastIndexByte(r.Name, '.')+1:], []reference.Param{{Name: "this", Types: []string{r.On}}}
			case r.Global:
				name = r.Name
			}
			for _, params := range r.Overloads() {
				params = slices.Concat(receiver, params)
				each(params, func(types []string) { all[name+"("+strings.Join(types, ", ")+")"] = params })
			}
		}
	}
	return all
}

// each calls do with each combination of the parameters' types.
func each(params []reference.Param, do func(types []string)) {
	types := make([]string, len(params))
	var fill func(i int)
	fill = func(i int) {
		if i == len(params) {
			do(types)
			return
		}
		for _, types[i] = range params[i].Types {
			fill(i + 1)
		}
	}
	fill(0)
}

// registered returns the overloads that PiCloud adds to Rhai's library.
func registered(t *testing.T) map[string]*vm.Native {
	standard := map[*vm.Native]bool{}
	lib.Standard().Functions(func(n *vm.Native) { standard[n] = true })
	ours := map[string]*vm.Native{}
	TestLibrary().Functions(func(n *vm.Native) {
		if standard[n] {
			return
		}
		types := make([]string, len(n.Params))
		for i, kind := range n.Params {
			types[i] = typeNames[kind]
			require.NotEmpty(t, types[i], "%s takes a type that the reference has no name for", n.Name)
		}
		ours[n.Name+"("+strings.Join(types, ", ")+")"] = n
	})
	require.Greater(t, len(ours), 200)
	return ours
}

// Every function has a row, and every row a function, with the same types.
func TestReferenceIsComplete(t *testing.T) {
	have, told := registered(t), documented()
	for _, call := range slices.Sorted(maps.Keys(have)) {
		if _, ok := told[call]; !ok {
			t.Errorf("%s has no row in package reference", call)
		}
	}
	for _, call := range slices.Sorted(maps.Keys(told)) {
		if _, ok := have[call]; !ok {
			t.Errorf("%s has a row in package reference, and there is no such function", call)
		}
	}
}

var listed = regexp.MustCompile(`unknown property "no such"; there are ([a-z_, ]+)`)

// The properties that a row names are those that the function takes.
func TestReferenceNamesProperties(t *testing.T) {
	told := documented()
	unused := func(abi.Op, []byte) ([]byte, error) {
		return nil, &abi.OpError{Code: abi.OpCodeInternal, Message: "performed"}
	}
	for call, native := range registered(t) {
		params := told[call]
		if len(params) == 0 || params[len(params)-1].Properties == nil {
			continue
		}
		args := make([]vm.Value, len(native.Params))
		for i, kind := range native.Params {
			args[i] = sampleOf(kind)
		}
		asked := vm.NewMap(1)
		asked.Set("no such", vm.Int(1))
		args[len(args)-1] = vm.NewMapValue(asked)
		thread := vm.NewThread(&vm.Program{Native: TestLibrary()}, newHost(unused, &abi.RunRequest{}), abi.DefaultLimits, nil, 1)
		_, err := native.Func(thread, args)
		require.NotNil(t, err, call)
		found := listed.FindStringSubmatch(err.Text)
		if !assert.NotNil(t, found, "%s: %s", call, err.Text) {
			continue
		}
		var names []string
		for _, p := range params[len(params)-1].Properties {
			names = append(names, p.Name)
		}
		assert.ElementsMatch(t, strings.Split(found[1], ", "), names, call)
	}
}

func sampleOf(kind vm.Kind) vm.Value {
	switch kind {
	case vm.KindString:
		return vm.String("GET")
	case vm.KindArray:
		return vm.NewArray([]vm.Value{vm.Int(1)})
	case vm.KindMap:
		return vm.NewMapValue(vm.NewMap(0))
	case vm.KindBlob:
		return vm.NewBlob(nil)
	case vm.KindAny, vm.KindInt:
		return vm.Int(1)
	}
	return vm.NewHandle(kind, &vm.Handle{Type: typeNames[kind], Name: "c"})
}

// What the reference tells of ctx and ctx.request is what there is.
func TestReferenceOfCtx(t *testing.T) {
	full := abi.Invocation{Request: &abi.Request{}, Args: msgp.Raw{0xc0}}
	var have []string
	var walk func(prefix string, b msgp.Raw)
	walk = func(prefix string, b msgp.Raw) {
		n, rest, err := msgp.ReadMapHeaderBytes(b)
		require.NoError(t, err)
		for range n {
			var key []byte
			key, rest, err = msgp.ReadStringZC(rest)
			require.NoError(t, err)
			if name := prefix + string(key); name == "request" {
				walk("request.", msgp.Raw(rest))
			} else {
				have = append(have, name)
			}
			rest, err = msgp.Skip(rest)
			require.NoError(t, err)
		}
	}
	walk("", full.Append(nil, abi.ReadsAll))
	var told []string
	for _, m := range reference.Modules {
		for _, r := range m.Rows {
			if r.IsProperty() && !strings.HasPrefix(r.Name, "event.") {
				told = append(told, r.Name)
			}
		}
	}
	assert.ElementsMatch(t, have, told)
}

// What each row says is said, and short enough to be shown in a line.
func TestReferenceSaysEverything(t *testing.T) {
	operations := map[abi.Op]bool{}
	for _, m := range reference.Modules {
		assert.NotEmpty(t, m.Title, m.Name)
		assert.NotEmpty(t, strings.TrimSpace(m.About), m.Name)
		for _, r := range m.Rows {
			name := m.Full(r)
			operations[r.Op] = true
			assert.Regexp(t, `^[^\n]{5,250}[.]$`, r.Says, name)
			assert.Regexp(t, `// (prints|answers) `, r.Example, name)
			if r.Op != abi.OpYield {
				_, known := abi.Lookup(r.Op)
				assert.True(t, known, name)
			}
		}
	}
	// Those that no function of a name is for: what they do goes on behind others.
	behind := []abi.Op{abi.OpYield, abi.OpClockMonotonic, abi.OpTimeZone, abi.OpClockSleep, abi.OpStreamStart, abi.OpTransactionCommit, abi.OpTransactionRollback}
	for _, row := range abi.Operations {
		if !operations[row.Op] && !slices.Contains(behind, row.Op) {
			t.Errorf("no row of package reference performs %s", row.Name)
		}
	}
}
