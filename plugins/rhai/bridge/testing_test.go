package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// loadTest loads a script of tests.
func loadTest(t *testing.T, call bridge.Caller, r abi.LoadRequest) *bridge.Session {
	t.Helper()
	s := &bridge.Session{Call: call}
	r.Limits = abi.DefaultLimits
	loaded := s.Load(&r)
	require.Nil(t, loaded.Error)
	return s
}

func TestAssertions(t *testing.T) {
	for _, test := range []struct{ script, fails string }{
		{`assert(true)`, ""},
		{`assert(1)`, "assert: it is 1"},
		{`assert(false, "no " + 1)`, "assert: no 1"},
		{`assert_eq(1, 1.0)`, ""},
		{`assert_eq([1, #{a: ()}], [1, #{a: ()}])`, ""},
		{`assert_eq(1, 2)`, "got 1, want 2"},
		{`assert_eq(1, "1")`, `got 1 (i64), want "1" (string)`},
		{`assert_eq(#{a: #{b: [1, 2]}, c: 1.0}, #{a: #{b: [1, 3]}, c: 1, d: 4})`, "a.b[1]: got 2, want 3\n  d: missing, want 4"},
		{`assert_eq(#{"a b": 1, "1": 2}, #{})`, "[\"1\"]: got 2, want nothing\n  [\"a b\"]: got 1, want nothing"},
		{`assert_eq([1], [1, 2])`, "[1]: missing, want 2"},
		{`assert_eq("a\nb\nc", "a\nc")`, "from line 2 on (- got, + want)\n    - b"},
		{`let s = "x"; s.pad(1000, "x"); assert_eq(s, "")`, "x…, want \"\""},
		{`let a = []; for i in 0..30 { a.push(i); } assert_eq(a, [])`, "… and 10 more"},
		{`assert_eq([|| 1], [|| 1])`, "Function not found"},
		{`assert_ne(1, 2)`, ""},
		{`assert_ne([1], [1])`, "assert_ne: both are [1]"},
		{`assert_eq(assert_throws(|| throw "no"), "no")`, ""},
		{`assert_throws(|| throw #{message: "not found", code: 4}, "^not.found$")`, ""},
		{`assert_throws(|| 1 / 0, "ivision by zero")`, ""},
		{`assert_throws(|| throw "yes", "no")`, `the error does not match "no": yes`},
		{`assert_throws(|| throw "yes", "(")`, "invalid pattern"},
		{`assert_throws(|| 5)`, "nothing was thrown; the value is 5"},
		{`let f = |x| x; call(f, 1) + call(|| 2)`, ""}, // which the language has
		{`call(1, 2)`, "i64 (expecting Fn)"},
	} {
		result := loadTest(t, nil, abi.LoadRequest{Source: test.script, Testing: true}).Run(&abi.RunRequest{})
		switch {
		case test.fails == "":
			assert.Nil(t, result.Error, "%s", test.script)
		case assert.NotNil(t, result.Error, "%s", test.script):
			assert.Contains(t, result.Error.Message, test.fails, "%s", test.script)
		}
	}
}

// What only tests have, other scripts do not.
func TestAssertionsAreOfTestsAlone(t *testing.T) {
	for _, script := range []string{`assert_eq(1, 1)`, `fire("a")`, `deliver()`, `clock::advance(1)`, `fake_http("*", || 1)`} {
		s := &bridge.Session{}
		result := s.Load(&abi.LoadRequest{Source: script, Limits: abi.DefaultLimits})
		if result.Error == nil {
			result.Error = s.Run(&abi.RunRequest{}).Error
		}
		require.NotNil(t, result.Error, script)
		assert.Regexp(t, "Function not found|Module not found", result.Error.Message, script)
	}
	result := loadTest(t, nil, abi.LoadRequest{Source: `call("a", #{})`}).Run(&abi.RunRequest{})
	require.NotNil(t, result.Error)
	assert.Contains(t, result.Error.Message, "Data type incorrect: string (expecting Fn)")
}

// A module that a test imports has what it has when a script imports it.
func TestModulesOfTestsHaveNoAssertions(t *testing.T) {
	modules := []abi.Module{{Name: "m", Source: "fn f() { assert_eq(1, 1); }"}}
	result := loadTest(t, nil, abi.LoadRequest{Testing: true, Modules: modules, Source: `import "m" as m; assert_eq(1, 1); m::f()`}).Run(&abi.RunRequest{})
	require.NotNil(t, result.Error)
	assert.Contains(t, result.Error.Message, "Function not found: assert_eq (i64, i64) @ 'm'")
}

// A request waits for the fake that it is for, which may ask for another.
func TestFakesAnswer(t *testing.T) {
	var asked []abi.TestAction
	var answers []string
	host := func(op abi.Op, request []byte) ([]byte, error) {
		response := abi.TestResponse{Response: []byte{0x80}}
		switch op {
		case abi.OpHTTPRequest:
			response = abi.TestResponse{Ask: &abi.TestAsk{Fake: 1, Request: msgp.AppendMapStrStr(nil, map[string]string{"url": "u"})}}
		case abi.OpTest:
			var r abi.TestRequest
			_, err := r.UnmarshalMsg(request)
			require.NoError(t, err)
			asked = append(asked, r.Do)
			switch r.Do {
			case abi.TestCall:
				response = abi.TestResponse{Ask: &abi.TestAsk{Fake: 0, Request: msgp.AppendNil(nil)}}
			case abi.TestAnswer:
				text, err := abi.AppendJSON(nil, r.Args)
				require.NoError(t, err)
				answers = append(answers, string(text))
				response.Response = msgp.AppendMapStrStr(nil, map[string]string{"value": "done", "body": "sent"})
			}
		}
		encoded, err := response.MarshalMsg(nil)
		return encoded, err
	}
	modules := []abi.Module{{Name: "m", Source: `fn get(url) { http::get(url).body }`}}
	s := loadTest(t, host, abi.LoadRequest{Testing: true, Modules: modules, Source: `import "m" as m;
		fake_http("inner", |r| "inner " + r);
		fake_http("outer", |r| r.url + call("script"));
		fake_http("never", |r| 1);
		[m::get("https://a.example/"), assert_throws(|| call("x").y)]`})
	result := s.Run(&abi.RunRequest{})
	require.Nil(t, result.Error)
	assert.Equal(t, []abi.TestAction{abi.TestFake, abi.TestFake, abi.TestFake, abi.TestCall, abi.TestAnswer, abi.TestAnswer, abi.TestCall, abi.TestAnswer}, asked)
	assert.Equal(t, []string{`["inner "]`, `["udone"]`, `["inner "]`}, answers)
}

func TestCoverage(t *testing.T) {
	modules := []abi.Module{{Name: "m", Source: "const A = 1;\nfn f(n) {\n    if n > 1 {\n        return 1;\n    }\n    n\n}\nfn g() {\n    2\n}\n"}}
	s := loadTest(t, nil, abi.LoadRequest{Cover: true, Modules: modules, Source: `import "m" as m;
let sum = 0;
for i in 0..3 {
    sum += m::f(i);
}
let f = || {
    sum = 9;
};
if sum > 100 { throw "never"; }
switch sum {
    2 => print("two"),
    _ => print("other")
}
throw sum;
`})
	for range 2 {
		result := s.Run(&abi.RunRequest{})
		require.NotNil(t, result.Error)
		require.Len(t, result.Covered, 2)
		assert.Equal(t, abi.Covered{Lines: []int64{1, 1, 2, 1, 3, 1, 4, 3, 6, 1, 9, 1, 10, 1, 11, 1, 14, 1}}, result.Covered[0])
		assert.Equal(t, abi.Covered{Module: "m", Lines: []int64{1, 1, 3, 3, 4, 1, 6, 2}}, result.Covered[1])
	}
	assert.Empty(t, loadTest(t, nil, abi.LoadRequest{Source: "1"}).Run(&abi.RunRequest{}).Covered)
}
