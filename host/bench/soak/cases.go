package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/picloud/picloud/abi"
)

// A soakCase is a script, what is asked of it, and the only right answer.
type soakCase struct {
	name   string
	source string
	limits abi.Limits
	status int
	code   abi.ErrorCode   // of the error, when status is one
	body   func(n int) any // sent as JSON; nil for none
	want   func(n int) any // the answer, compared as JSON; nil when only the status counts
	kind   abi.Kind        // "" for an endpoint
	leave  bool            // the client goes away before there is an answer
}

// isGood reports whether the script answers with a value.
func (c *soakCase) isGood() bool { return c.want != nil }

// constant returns an answer that does not depend on the request.
func constant(value any) func(int) any { return func(int) any { return value } }

// cases are the scripts of every app. The good ones would notice if anything of another execution
// were left; the hostile ones try to leave something, or to take the host down.
var cases = []soakCase{
	{
		name: "lib", kind: abi.KindModule,
		source: `export const ANSWER = 42; fn double(x) { x * 2 }`,
	},

	// Good.
	{
		name: "hello", source: `#{ message: "Hello, world!" }`,
		status: http.StatusOK, want: constant(map[string]any{"message": "Hello, world!"}),
	},
	{
		name: "echo", source: `#{ n: ctx.request.body.n, twice: ctx.request.body.n * 2, method: ctx.request.method }`,
		body:   func(n int) any { return map[string]any{"n": n} },
		status: http.StatusOK, want: func(n int) any { return map[string]any{"n": n, "twice": 2 * n, "method": "POST"} },
	},
	{
		name: "module", source: `import "lib" as lib; #{ answer: lib::double(21) }`,
		status: http.StatusOK, want: constant(map[string]any{"answer": 42}),
	},
	{
		name: "fib", source: `fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } #{ fib: fib(17) }`,
		status: http.StatusOK, want: constant(map[string]any{"fib": 1597}),
	},
	{
		name: "fresh", // a counter, a captured variable and a map: all as on the first day
		source: `let seen = #{}; let n = 0;
			let count = || { n += 1; n };
			if "mark" in seen { throw "somebody was here" }
			seen.mark = true;
			count.call();
			#{ n: count.call(), keys: seen.len() }`,
		status: http.StatusOK, want: constant(map[string]any{"n": 2, "keys": 1}),
	},
	{
		name: "collect", // more garbage than its memory limit, so that the guest's heap collects
		source: `let total = 0;
			for i in 0..20000 {
				let text = "";
				for k in 0..4 { text += "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
				total += text.len();
			}
			#{ total: total }`,
		limits: abi.Limits{MemoryMB: 8},
		status: http.StatusOK, want: constant(map[string]any{"total": 20000 * 256}),
	},
	{
		name: "sorted",
		source: `let a = []; let seed = 7;
			for i in 0..2000 { seed = (seed * 1103515245 + 12345) % 2147483648; a.push(seed) }
			a.sort();
			let wrong = 0;
			for i in 1..a.len() { if a[i - 1] > a[i] { wrong += 1 } }
			#{ wrong: wrong, len: a.len() }`,
		status: http.StatusOK, want: constant(map[string]any{"wrong": 0, "len": 2000}),
	},
	{
		name: "created", source: `for i in 0..20 { print("line " + i) } #{ statusCode: 201, headers: #{ "x-soak": "yes" }, body: [1, 2.5, "three", true, ()] }`,
		status: http.StatusCreated, want: constant([]any{1, 2.5, "three", true, nil}),
	},
	{
		name: "caught", source: `let got = ""; try { let a = [1]; a[7] } catch (e) { got = "caught" } #{ got: got }`,
		status: http.StatusOK, want: constant(map[string]any{"got": "caught"}),
	},

	// Hostile.
	{
		name: "endless", source: `loop { }`,
		limits: abi.Limits{MaxOperations: abi.DefaultCeiling.MaxOperations, TimeoutMS: 30},
		status: http.StatusGatewayTimeout, code: abi.CodeTimeout,
	},
	{
		name: "runaway", source: `let x = 0; loop { x += 1 }`, limits: abi.Limits{MaxOperations: 200_000},
		status: http.StatusInsufficientStorage, code: abi.CodeLimitExceeded,
	},
	{
		name: "hoard", source: `let all = []; loop { let s = ""; s.pad(65536, "x"); s += all.len(); all.push(s) }`,
		limits: abi.Limits{MemoryMB: 8, MaxOperations: abi.DefaultCeiling.MaxOperations},
		status: http.StatusInsufficientStorage, code: abi.CodeLimitExceeded,
	},
	{
		name: "double", source: `let s = "x"; loop { s += s }`,
		status: http.StatusInsufficientStorage, code: abi.CodeLimitExceeded,
	},
	{
		name: "deep", source: `fn down(n) { down(n + 1) + 1 } down(0)`,
		status: http.StatusInsufficientStorage, code: abi.CodeLimitExceeded,
	},
	{
		name: "throws", source: `let m = #{ secret: [1, 2, 3] }; throw m`,
		status: http.StatusBadGateway, code: abi.CodeScriptError,
	},
	{
		name: "nonsense", source: `#{ statusCode: 9999, body: "?" }`,
		status: http.StatusBadGateway, code: abi.CodeScriptError,
	},
	{
		name: "busywork", source: `let a = []; for i in 0..20000 { a.push(20000 - i) } loop { let b = a; b.sort(); b.reverse() }`,
		limits: abi.Limits{MaxOperations: abi.DefaultCeiling.MaxOperations, TimeoutMS: 30},
		status: http.StatusGatewayTimeout, code: abi.CodeTimeout,
	},
	{
		name: "deserted", source: `loop { }`, leave: true,
		limits: abi.Limits{MaxOperations: abi.DefaultCeiling.MaxOperations, TimeoutMS: 2000},
	},
}

// check compares an answer with the right one.
func (c *soakCase) check(n, status int, body []byte) error {
	if status != c.status {
		return fmt.Errorf("%s answered %d %.200s, want %d", c.name, status, body, c.status)
	}
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("%s answered %.200s: %w", c.name, body, err)
	}
	if c.code != "" {
		if code := errorCode(body); code != c.code {
			return fmt.Errorf("%s answered the error %q, want %q", c.name, code, c.code)
		}
		return nil
	}
	want, err := json.Marshal(c.want(n))
	if err != nil {
		return err
	}
	again, err := json.Marshal(got) // keys in order
	if err != nil {
		return err
	}
	if string(again) != string(want) {
		return fmt.Errorf("%s answered %s, want %s", c.name, again, want)
	}
	return nil
}

// errorCode returns the code in the body of a failed execution, "" if there is none.
func errorCode(body []byte) abi.ErrorCode {
	var answer struct {
		Error struct {
			Code abi.ErrorCode `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // not an error of ours: no code
	return answer.Error.Code
}
