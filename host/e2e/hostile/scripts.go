package hostile

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// scripts answer below /attack/. The first are what attacks by connections ask for, the others are
// attacks themselves.
var scripts = map[string]string{
	"echo":   `ctx.request.body`,
	"form":   `ctx.request.form.len()`,
	"large":  `let s = "x"; s.pad(1000000, 'x'); [s, s, s, s, s, s, s, s]`,
	"stream": `#{ statusCode: 200, stream: |out| { let s = "x"; s.pad(100000, 'x'); for i in 0..1000 { out.write(s) } } }`,
	"hidden": `kv::collection("hidden").set("request", "was seen")`,

	"sleep":   `sleep(5)`,
	"throw":   `let s = "x"; s.pad(900000, 'x'); throw s`,
	"log":     `let s = "x"; s.pad(10000, 'x'); loop { print(s) }`,
	"spin":    `loop { }`,
	"hoard":   `let a = []; loop { let s = "x"; s.pad(500000, 'x'); a.push(s + a.len()) }`,
	"recurse": `fn f(n) { f(n + 1) + f(n + 2) } f(0)`,
	"eval":    `let n = 0; loop { n += 1; eval("switch " + n + " { 1 => 2, 3 => 4, _ => " + n + " }") }`,
	"compile": `let s = "0"; for i in 0..100000 { s += "+1" } eval(s)`,
	"invoke":  `invoke("invoke", #{}); invoke("invoke", #{})`,
	"regex":   `let s = "a"; s.pad(100000, 'a'); loop { regex::find_all("(a*)*b", s) }`,
	"sort":    `let a = []; for i in 0..90000 { a.push(-i) } loop { let b = a; b.sort() }`,
	"split":   `let s = "a"; s.pad(1000000, ','); loop { s.split(",") }`,
	"parse":   `let s = "["; s.pad(900000, '['); json::parse(s)`,
	"write":   `let s = "x"; s.pad(900000, 'x'); let c = kv::collection("flood"); for i in 0..20 { c.set("" + i, s) }`,
	"create":  `let c = docs::collection("flood"); for i in 0..200 { c.create(#{ i: i, s: "x" }) }`,
	"hold":    `transaction(|| { kv::collection("flood").set("held", 1); loop { } })`,
	"fetch":   `http::get("http://" + ctx.request.headers.host + "/attack/fetch")`,
	"random":  `loop { random::bytes(1000000) }`,
}

// limits let the scripts go as far as the operator lets anybody.
var limits = abi.Limits{MaxOperations: abi.DefaultCeiling.MaxOperations, TimeoutMS: 2000}

// Deploy makes an app that attacks. Its scripts answer below /attack/.
func Deploy(ctx context.Context, c *client.Client, app string) error {
	if _, err := c.CreateApp(ctx, wire.AppCreate{Slug: app}); err != nil {
		return err
	}
	for name, source := range scripts {
		script, err := c.CreateScript(ctx, app, wire.ScriptCreate{Name: name, Source: source, Limits: &limits})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := c.CreateRoute(ctx, script.ID, wire.RouteCreate{Path: "/attack/" + name}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	plugin, err := c.CreatePlugin(ctx, app, wire.ScriptCreate{Name: "deep", Limits: &limits}, bytes.NewReader(wasmtest.RecursiveWithLargeFrames()))
	if err != nil {
		return fmt.Errorf("deep: %w", err)
	}
	_, err = c.CreateRoute(ctx, plugin.ID, wire.RouteCreate{Path: "/attack/deep"})
	return err
}

// Scripts are attacks by running what [Deploy] has made.
var Scripts = func() (attacks []Attack) {
	for _, name := range []string{
		"sleep", "throw", "log", "spin", "hoard", "recurse", "eval", "compile", "invoke", "regex", "sort", "split", "parse",
		"write", "create", "hold", "fetch", "random", "deep",
	} {
		attacks = append(attacks, Attack{Name: "script " + name, Do: func(ctx context.Context, c Client) { c.get(ctx, "/attack/"+name) }})
	}
	return attacks
}()

// get asks, and waits for the answer.
func (c Client) get(ctx context.Context, path string) {
	if conn := c.connect(ctx); conn != nil {
		defer conn.close()
		conn.send("GET %s HTTP/1.1\nHost: a\nConnection: close\n\n", path)
		conn.drain(hold)
	}
}

// Uploads are attacks by what somebody uploads who may.
var Uploads = []Attack{
	source("a switch of many cases", func(b *strings.Builder) {
		b.WriteString("switch 1 {")
		repeat(b, 80_000, "%d=>0,")
		b.WriteString("}")
	}),
	source("many imports", func(b *strings.Builder) { repeat(b, 40_000, "import \"m\" as a%d;") }),
	source("many functions", func(b *strings.Builder) { repeat(b, 50_000, "fn f%d() { 1 }\n") }),
	source("many variables", func(b *strings.Builder) { repeat(b, 90_000, "let a%d=1;") }),
	source("deep parentheses", func(b *strings.Builder) { b.WriteString(strings.Repeat("(", 500_000)) }),
	source("deep texts", func(b *strings.Builder) { b.WriteString(strings.Repeat("`${", 300_000)) }),
	plugin("a plugin that takes long to compile", wasmtest.SlowToCompile),
	plugin("a plugin that takes memory to compile", wasmtest.LargeToCompile),
}

func repeat(b *strings.Builder, n int, format string) {
	for i := range n {
		fmt.Fprintf(b, format, i)
	}
}

// source is an attack by a source; a number in it keeps it from being known already.
func source(name string, write func(*strings.Builder)) Attack {
	return Attack{Name: name, Upload: true, Do: func(ctx context.Context, c Client) {
		var b strings.Builder
		n := rand.Int32()
		fmt.Fprintf(&b, "// %d\n", n)
		write(&b)
		_, _ = c.Admin.CreateScript(ctx, c.App, wire.ScriptCreate{Name: fmt.Sprint("upload-", n), Source: b.String()}) // may be refused
	}}
}

func plugin(name string, module func(n int32) []byte) Attack {
	return Attack{Name: name, Upload: true, Do: func(ctx context.Context, c Client) {
		n := rand.Int32()
		_, _ = c.Admin.CreatePlugin(ctx, c.App, wire.ScriptCreate{Name: fmt.Sprint("upload-", n)}, bytes.NewReader(module(n))) // refused
	}}
}
