package bridge_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// A streamed response is an operation for its head and one for each part, and no value.
func TestStreams(t *testing.T) {
	for _, c := range []struct{ name, script, operations, fails string }{
		{"parts", `#{statusCode: 201, stream: |out| { out.write("a"); out.write(#{b: [1.0]}); out.write(blob(1)); out.write(()); }}`,
			`stream.start {"head":{"statusCode":201}}; stream.write {"value":"a"}; stream.write {"value":{"b":[1.0]}}; stream.write {"value":{"$blob":"AA=="}}; stream.write {"value":null}`, ""},
		{"events", `#{statusCode: 200, headers: #{a: 1}, stream: |out| for i in 0..2 { out.event(#{event: "n", id: i.to_string(), data: #{i: i}, retry: 10}); }}`,
			`stream.start {"head":{"headers":{"a":1},"statusCode":200}}; stream.event {"data":{"i":0},"event":"n","id":"0","retry":10}; stream.event {"data":{"i":1},"event":"n","id":"1","retry":10}`, ""},
		{"nothing", `#{statusCode: 200, stream: |out| ()}`, `stream.start {"head":{"statusCode":200}}`, ""},
		{"what the script had", `let a = ["x", "y"]; let n = 0; #{statusCode: 200, stream: |out| { for s in a { n += 1; out.write(s + n); } out.write(ctx.app_id) }}`,
			`stream.start {"head":{"statusCode":200}}; stream.write {"value":"x1"}; stream.write {"value":"y2"}; stream.write {"value":"app"}`, ""},
		{"a function by name", `fn made(out) { out.write("made"); } #{statusCode: 200, stream: Fn("made")}`, `stream.start {"head":{"statusCode":200}}; stream.write {"value":"made"}`, ""},
		{"a curried one", `fn made(a, out) { out.write(a); } #{statusCode: 200, stream: Fn("made").curry("c")}`, `stream.start {"head":{"statusCode":200}}; stream.write {"value":"c"}`, ""},
		{"out is passed on", `fn twice(out, s) { out.write(s); out.write(s); } #{statusCode: 200, stream: |out| { twice(out, "t"); } }`,
			`stream.start {"head":{"statusCode":200}}; stream.write {"value":"t"}; stream.write {"value":"t"}`, ""},
		{"it is a type", `#{statusCode: 200, stream: |out| out.write(type_of(out))}`, `stream.start {"head":{"statusCode":200}}; stream.write {"value":"ResponseStream"}`, ""},
		{"exit", `#{statusCode: 200, stream: |out| { out.write("a"); exit(); out.write("b"); } }`, `stream.start {"head":{"statusCode":200}}; stream.write {"value":"a"}`, ""},
		{"an error", `#{statusCode: 200, stream: |out| { out.write("a"); throw "no"; } }`, `stream.start {"head":{"statusCode":200}}; stream.write {"value":"a"}`, "Runtime error: no (line 1, position 52)"},
		{"an error of a part", `#{statusCode: 200, stream: |out| { out.write(0.0/0.0); } }`, `stream.start {"head":{"statusCode":200}}`, "stream.write: value cannot leave the script: NaN (line 1, position 40)"},
		{"an unknown part of an event", `#{statusCode: 200, stream: |out| { out.event(#{name: "x"}); } }`, `stream.start {"head":{"statusCode":200}}`, `unknown property "name"; there are event, id, data, retry`},
		{"no function", `#{statusCode: 200, stream: "x"}`, ``, "invalid response: stream must be a function, got string"},
		{"too many parameters", `#{statusCode: 200, stream: |out, more| ()}`, `stream.start {"head":{"statusCode":200}}`, "Function not found"},
		{"limits go on", `#{statusCode: 200, stream: |out| loop {} }`, `stream.start {"head":{"statusCode":200}}`, "Too many operations"},
		{"no stream", `#{statusCode: 200, stream: ()}`, ``, ""},
		{"no response", `#{stream: || 1}`, ``, "stream cannot leave the script: Fn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var operations []string
			s := bridge.Session{Call: func(op abi.Op, request []byte) ([]byte, error) {
				if row, _ := abi.Lookup(op); strings.HasPrefix(row.Name, "stream.") {
					operations = append(operations, row.Name+" "+asJSON(t, request))
				}
				return nil, nil
			}}
			loaded := s.Load(&abi.LoadRequest{Source: c.script, Limits: abi.Limits{MaxOperations: 10_000}})
			if !assert.Nil(t, loaded.Error) {
				return
			}
			result := s.Run(&abi.RunRequest{Invocation: (&abi.Invocation{AppID: "app"}).Append(nil, loaded.Reads)})
			assert.Equal(t, c.operations, strings.Join(operations, "; "))
			if c.fails != "" {
				if assert.NotNil(t, result.Error) {
					assert.Contains(t, result.Error.Message, c.fails)
				}
				return
			}
			assert.Nil(t, result.Error)
		})
	}
}

func TestRedirect(t *testing.T) {
	for script, want := range map[string]string{
		`redirect("/there")`:      `{"headers":{"location":"/there"},"statusCode":302}`,
		`redirect("/there", 303)`: `{"headers":{"location":"/there"},"statusCode":303}`,
		`redirect("/there", 200)`: `error: redirect: status must be 301, 302, 303, 307 or 308, got 200`,
		`redirect("")`:            `error: redirect: url must not be empty`,
	} {
		got, failure := run(t, &wire{}, script, abi.Limits{})
		if failure != nil {
			got = "error: " + strings.Split(failure.Message, " (line")[0]
		}
		assert.Equal(t, want, got, script)
	}
}

// What a script reads of its invocation is what it is sent of it.
func TestReads(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{`42`, ``},
		{`ctx.request.params.name`, `request.params`},
		{`ctx.request["params"]["name"]`, `request.params`},
		{`ctx.request.query.a + ctx.request.query.b + ctx.app_id`, `request.query app_id`},
		{`let r = ctx.request; r.path`, `request`},
		{`ctx.request.body.items.len()`, `request.body`},
		{`ctx.request.keys()`, `request`},
		{`ctx.request.save_file("a", ctx.request.query.c)`, `request.save_file request.query`},
		{`ctx.keys()`, `*`},
		{`ctx`, `*`},
		{`ctx[name()]; fn name() { "request" }`, `*`},
		{`json::stringify(ctx.request)`, `request`},
		{`fn f() { ctx.request.path } f()`, `request.path`},
		{`let f = || ctx.request.host; f.call()`, `request.host`},
		{"`${ctx.request.url}`", `request.url`},
		{`eval("c" + "tx")`, `*`},
		{`let f = Fn("eval"); 1`, `*`},
		{`ctx.event.kv.key`, `event.kv`},
		{`ctx.args`, `args`},
		{`ctx?.request?.path`, `request.path`},
		{`if ctx.request.method == "GET" { ctx.request.rest } else { switch ctx.request.path { _ => 1 } }`, `request.method request.rest request.path`},
		{`let ctx = 1; ctx`, `*`},
		{`let x = 1; x += ctx.request.query_all.a.len(); x`, `request.query_all`},
	} {
		s := bridge.Session{}
		loaded := s.Load(&abi.LoadRequest{Source: c.script})
		if assert.Nil(t, loaded.Error, c.script) {
			assert.Equal(t, c.want, strings.Join(loaded.Reads, " "), c.script)
		}
	}
	s := bridge.Session{}
	loaded := s.Load(&abi.LoadRequest{Source: `import "m" as m; ctx.app_id`, Modules: []abi.Module{{Name: "m", Source: `fn path() { ctx.request.path }`}}})
	if assert.Nil(t, loaded.Error) {
		assert.ElementsMatch(t, []string{"app_id", "request.path"}, loaded.Reads)
	}
}
