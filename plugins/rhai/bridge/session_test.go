package bridge_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// recorder is a host that keeps log lines.
type recorder struct{ lines []string }

func (r *recorder) call(op abi.Op, request []byte) ([]byte, error) {
	if op != abi.OpLogWrite {
		return nil, nil
	}
	var e abi.LogEntry
	if _, err := e.UnmarshalMsg(request); err != nil {
		return nil, err
	}
	line := string(e.Level) + " " + e.Message
	if len(e.Data) > 0 {
		var json strings.Builder
		if _, err := msgp.UnmarshalAsJSON(&json, e.Data); err != nil {
			return nil, err
		}
		line += " " + json.String()
	}
	r.lines = append(r.lines, line)
	return nil, nil
}

func TestSession(t *testing.T) {
	invocation := abi.Invocation{SDKVersion: "1.0", AppID: "app", Request: &abi.Request{
		Method: "GET", Path: "/x", Params: map[string]string{"name": "Ada"},
	}}
	ctx := invocation.Append(nil, abi.ReadsAll)
	tests := []struct {
		name, script string
		limits       abi.Limits
		want         string // the value as JSON
		fails        abi.ErrorCode
		limit        string
		lines        string
	}{
		{name: "value", script: `#{b: [1, 2.5, "x", ()], a: true}`, want: `{"a":true,"b":[1,2.5,"x",null]}`},
		{name: "ctx", script: "`${ctx.request.method} ${ctx.request.params.name}`", want: `"GET Ada"`},
		{name: "ctx in a function", script: `fn path() { ctx.request.path } path()`, want: `"/x"`},
		{name: "ctx in a closure", script: `let f = || ctx.app_id; f.call()`, want: `"app"`},
		{name: "methods of ctx", script: `ctx.request.params.name.split("d") + [ctx.request.params.keys()]`, want: `["A","a",["name"]]`},
		{name: "methods of ctx in a function", script: `fn f() { let p = ctx.request.params; p.name.trim(); ctx.request.params.name.make_upper(); [ctx.request.params.name, p] } f()`,
			want: `["ADA",{"name":"Ada"}]`},
		{name: "methods of ctx in a closure", script: `[1].map(|i| { ctx.request.params.name.pad(5, "!"); ctx.request.params.name })[0]`, want: `"Ada!!"`},
		{name: "methods of ctx with a closure that sees ctx", script: `ctx.request.params.keys().map(|k| ctx.request.params[k])`, want: `["Ada"]`},
		{name: "a changed ctx changes nothing elsewhere", script: `fn name() { ctx.request.params.name } fn change() { ctx.request.params.name = "Eve"; ctx.request.params.name }
			ctx.request.params.name = "Bob"; let f = || ctx.request.params.name; [change(), name(), f.call(), ctx.request.params.name]`, want: `["Eve","Ada","Ada","Bob"]`},
		{name: "assignment to ctx", script: `ctx = 1; fn f() { ctx.app_id } let g = || ctx.app_id; [ctx, f(), g.call()]`, want: `[1,"app","app"]`},
		{name: "another variable named ctx", script: `let before = ctx.app_id; let ctx = 5; let f = || ctx + 1; fn g(ctx) { ctx + 2 } [before, f.call(), g(1)]`, want: `["app",6,3]`},
		{name: "ctx in eval", script: `fn f() { eval("ctx.app_id") } fn g() { h!() } fn h() { ctx.app_id } [eval("ctx.app_id"), f(), g(), is_def_var("ctx")]`, want: `["app","app","app",true]`},
		{name: "64 bits", script: `9223372036854775807`, want: `9223372036854775807`},
		{name: "char", script: `'c'`, want: `"c"`},
		{name: "log", script: `log::warn("w", #{n: 1}); log::info(42); print("p"); debug("d");`, want: `null`,
			lines: "warn w {\"n\":1}|info 42|info p|debug 1:53 | \"d\""},
		{name: "syntax", script: `let = 1`, fails: abi.CodeScriptInvalid},
		{name: "unknown import", script: `import "m" as m;`, fails: abi.CodeScriptInvalid},
		{name: "throw", script: `throw "no"`, fails: abi.CodeScriptError},
		{name: "function as the value", script: `#{f: [|x| x]}`, fails: abi.CodeScriptError},
		{name: "not a number as the value", script: `0.0 / 0.0`, fails: abi.CodeScriptError},
		{name: "nested too deep", script: `let a = []; for i in 0..70 { a = [a]; } a`, fails: abi.CodeScriptError},
		{name: "operations", script: `loop {}`, limits: abi.Limits{MaxOperations: 1000}, fails: abi.CodeLimitExceeded, limit: "max_operations"},
		{name: "calls", script: `fn f() { f() } f()`, fails: abi.CodeLimitExceeded, limit: "max_call_levels"},
		{name: "string size", script: `let s = "x"; loop { s += s; }`, limits: abi.Limits{MaxStringSize: 1000}, fails: abi.CodeLimitExceeded, limit: "max_string_size"},
		{name: "array size", script: `let a = [1]; loop { a += a; }`, limits: abi.Limits{MaxArraySize: 1000}, fails: abi.CodeLimitExceeded, limit: "max_array_size"},
		{name: "map size", script: `let m = #{}; let i = 0; loop { m["k" + i] = i; i += 1; }`, limits: abi.Limits{MaxMapSize: 100}, fails: abi.CodeLimitExceeded, limit: "max_map_size"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := &recorder{}
			s := bridge.Session{Call: host.call}
			failure := s.Load(&abi.LoadRequest{Name: "test", Source: test.script, Kind: abi.KindEndpoint, Limits: test.limits}).Error
			var result abi.RunResult
			if failure == nil {
				result = s.Run(&abi.RunRequest{Invocation: ctx})
				failure = result.Error
			}
			if test.fails != "" {
				if failure == nil || failure.Code != test.fails || failure.Limit != test.limit {
					t.Fatalf("%s: got %+v, want %s %s", test.script, failure, test.fails, test.limit)
				}
				return
			}
			if failure != nil {
				t.Fatalf("%s: %+v", test.script, failure)
			}
			var json strings.Builder
			if _, err := msgp.UnmarshalAsJSON(&json, result.Value); err != nil {
				t.Fatal(err)
			}
			if json.String() != test.want {
				t.Errorf("%s: got %s, want %s", test.script, json.String(), test.want)
			}
			if lines := strings.Join(host.lines, "|"); lines != test.lines {
				t.Errorf("%s: logged %s, want %s", test.script, lines, test.lines)
			}
		})
	}
}

// TestLoadCompilesOnce: a script, and each module that it or others import, is compiled once, also
// when it is loaded without its modules first. What is compiled shows in the operations counted.
func TestLoadCompilesOnce(t *testing.T) {
	long := func(name string) (text string) {
		for i := range 100 {
			text += "fn " + name + strconv.Itoa(i) + "() { if 1 > 2 { [1, 2, 3] } else { #{a: 1} } }\n"
		}
		return text
	}
	script := abi.LoadRequest{Name: "s", Kind: abi.KindEndpoint, Source: `import "a" as a; import "b" as b; ` + long("s")}
	a := abi.Module{Name: "a", Source: `import "b" as b; ` + long("a")}
	b := abi.Module{Name: "b", Source: long("b")}
	operations := func(load *abi.LoadRequest) int64 {
		return new(bridge.Session).Load(load).Operations
	}
	alone := func(source string) int64 {
		return operations(&abi.LoadRequest{Kind: abi.KindEndpoint, Source: source})
	}
	once := alone(script.Source) + alone(a.Source) + alone(b.Source)
	if once < 1000 {
		t.Fatalf("compiling counts %d operations: too few to tell", once)
	}
	check := func(what string, got, want int64) {
		t.Helper()
		if got < want-5 || got > want+5 { // of each budget a part of an operation is left
			t.Errorf("%s counts %d operations, want %d", what, got, want)
		}
	}

	linked := script
	linked.Modules = []abi.Module{a, b}
	check("loading with modules", operations(&linked), once)

	var s bridge.Session
	first := s.Load(&script)
	if first.Error == nil || !slices.Equal(first.Imports, []string{"a", "b"}) {
		t.Errorf("without modules: %+v", first)
	}
	second := s.Load(&linked)
	if second.Error != nil || !slices.Equal(second.Imports, []string{"a", "b"}) {
		t.Errorf("then with modules: %+v", second)
	}
	check("loading without modules and then with them", first.Operations+second.Operations, once)

	module := abi.LoadRequest{Kind: abi.KindModule, Source: b.Source}
	check("loading a module itself", operations(&module), alone(b.Source))

	other := linked
	other.Source = "fn other() { 1 } " + linked.Source
	s.Load(&script)
	if r := s.Load(&other); r.Error != nil || r.Operations < once {
		t.Errorf("another source after one without modules: %+v, want it to be compiled", r)
	}
}

// TestLoadIsBounded: loading looks at the interrupt word, lets the host have its turn, and ends
// when it takes more operations than it may.
func TestLoadIsBounded(t *testing.T) {
	yields := 0
	var s *bridge.Session
	call := func(op abi.Op, _ []byte) ([]byte, error) {
		if op == abi.OpYield {
			if yields++; yields == 5 {
				*s.Interrupt = abi.InterruptTimeout
			}
		}
		return nil, nil
	}
	s = &bridge.Session{Call: call, Interrupt: new(uint32)}
	long := strings.Repeat("let x = [1, 2, 3];\n", 30_000)
	if err := s.Load(&abi.LoadRequest{Source: long}).Error; err == nil || err.Code != abi.CodeTimeout || yields != 5 {
		t.Errorf("interrupted: got %+v after %d yields", err, yields)
	}
	*s.Interrupt = 0
	if r := s.Load(&abi.LoadRequest{Source: long}); r.Error != nil || yields < 50 {
		t.Errorf("not interrupted: got %+v after %d yields", r.Error, yields)
	}

	r := s.Load(&abi.LoadRequest{Source: strings.Repeat(";", 9<<20), Limits: abi.Limits{MaxOperations: 1000}})
	if r.Error == nil || r.Error.Code != abi.CodeScriptInvalid || r.Error.Limit != "max_operations" {
		t.Errorf("a script of 9 MiB: got %+v", r.Error)
	}
}

// TestInterrupt ends a script through the interrupt word.
func TestInterrupt(t *testing.T) {
	for word, want := range map[uint32]abi.ErrorCode{
		abi.InterruptTimeout: abi.CodeTimeout, abi.InterruptCancel: abi.CodeCancelled, abi.InterruptShutdown: abi.CodeCancelled,
	} {
		s := bridge.Session{Interrupt: new(uint32)}
		if err := s.Load(&abi.LoadRequest{Source: "loop {}"}).Error; err != nil {
			t.Fatal(err)
		}
		*s.Interrupt = word
		if err := s.Run(&abi.RunRequest{}).Error; err == nil || err.Code != want {
			t.Errorf("interrupt %d: got %+v, want %s", word, err, want)
		}
	}
}

// TestNestedInvocation runs a script with arguments nested as deep as what it may send itself, and
// deeper.
func TestNestedInvocation(t *testing.T) {
	const script = `let depth = 0; let a = ctx.args; while a.len() > 0 { a = a[0]; depth += 1; } depth`
	for depth, want := range map[int]string{
		64: `63`, // arrays around one without elements
		99: "ctx: value nested more than 64 deep",
	} {
		args := append(bytes.Repeat([]byte{0x91}, depth-1), 0x90)
		invocation := abi.Invocation{Args: args}
		ctx := invocation.Append(nil, abi.ReadsAll)
		s := bridge.Session{}
		if failure := s.Load(&abi.LoadRequest{Source: script}).Error; failure != nil {
			t.Fatal(failure)
		}
		result := s.Run(&abi.RunRequest{Invocation: ctx})
		if result.Error != nil {
			if result.Error.Code != abi.CodeScriptError || result.Error.Message != want {
				t.Errorf("%d deep: got %+v, want %s", depth, result.Error, want)
			}
			continue
		}
		if got, err := abi.AppendJSON(nil, result.Value); err != nil || string(got) != want {
			t.Errorf("%d deep: got %s, %v, want %s", depth, got, err, want)
		}
	}
}

// An error inside a function has the place of the call, as Rhai counts, and the place where it happened.
func TestPlaceOfError(t *testing.T) {
	const module = "fn half(x) {\n  x.nope()\n}\nfn ok() { 1 }"
	for _, test := range []struct {
		name, script string
		line, column int
		inside       *abi.Place
	}{
		{"at the top", "let x = 1;\nx.nope()", 2, 3, nil},
		{"in a function", "fn f(x) {\n  x.nope()\n}\nf(1)", 4, 1, &abi.Place{Line: 2, Column: 5}},
		{"in a function of a function", "fn g(x) { x.nope() }\nfn f(x) { g(x) }\nf(1)", 3, 1, &abi.Place{Line: 1, Column: 13}},
		{"in a closure", "let a = [1];\na.map(|x|\n  x.nope())", 2, 3, &abi.Place{Line: 3, Column: 5}},
		{"thrown", "fn f() {\n  throw 1\n}\nf()", 4, 1, &abi.Place{Line: 2, Column: 3}},
		{"thrown again", "fn f() {\n  throw 1\n}\ntry { f() } catch (e) { throw e }", 4, 25, nil},
		{"in a module", "import \"m\" as m;\nm::half(1)", 2, 4, &abi.Place{Module: "m", Line: 2, Column: 5}},
		{"in a function called by a module's value", "import \"m\" as m;\nfn f(x) {\n  m::ok() + x.nope()\n}\nf(1)", 5, 1, &abi.Place{Line: 3, Column: 15}},
		{"too many operations", "fn f() {\n  loop {}\n}\nf()", 4, 1, &abi.Place{Line: 2, Column: 8}},
		{"in what eval compiled", "fn f() {\n  eval(\"1.nope()\")\n}\nf()", 4, 1, &abi.Place{Line: 2, Column: 8}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := bridge.Session{Call: new(recorder).call}
			load := abi.LoadRequest{Name: "t", Source: test.script, Limits: abi.Limits{MaxOperations: 1000},
				Modules: []abi.Module{{Name: "m", Source: module}}}
			if result := s.Load(&load); result.Error != nil {
				t.Fatal(result.Error)
			}
			result := s.Run(new(abi.RunRequest))
			if result.Error == nil {
				t.Fatal("no error")
			}
			e := result.Error
			if e.Line != test.line || e.Column != test.column {
				t.Errorf("the error is at %d:%d, want %d:%d (%s)", e.Line, e.Column, test.line, test.column, e.Message)
			}
			if got, want := e.Inside, test.inside; (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("it happened at %+v, want %+v (%s)", got, want, e.Message)
			}
		})
	}
}
