package sandbox

import (
	"bytes"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/stretchr/testify/require"
)

// BenchmarkHello is a whole execution of a small script, gate to result.
func BenchmarkHello(b *testing.B) {
	s := newToy(b, Config{})
	for b.Loop() {
		if _, err := s.Execute(b.Context(), toy("text hello"), abi.Invocation{}, NewWorld(echo)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHelloParallel is the same from all processors.
func BenchmarkHelloParallel(b *testing.B) {
	s := newToy(b, Config{})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Execute(b.Context(), toy("text hello"), abi.Invocation{}, NewWorld(echo)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSlot is taking a slot, restoring a script's image and putting it
// back, with nothing run.
func BenchmarkSlot(b *testing.B) {
	s := newReal(b, Config{})
	key := rhai(`"Hello, world!"`)
	key.Limits = abi.DefaultLimits
	_, err := s.Execute(b.Context(), key, abi.Invocation{}, NewWorld(echo))
	require.NoError(b, err)
	ready, err := s.scripts.get(nil, key, nil)
	require.NoError(b, err)
	image := ready.(*image)
	for b.Loop() {
		slot, err := s.guest.take(b.Context(), false)
		if err != nil {
			b.Fatal(err)
		}
		if err := slot.restore(image); err != nil {
			b.Fatal(err)
		}
		s.guest.put(slot)
	}
	b.ReportMetric(float64(image.Held()), "image-bytes")
}

// BenchmarkNewSlot is making a slot, as for the first execution or after a trap.
func BenchmarkNewSlot(b *testing.B) {
	s := newReal(b, Config{})
	for b.Loop() {
		slot, err := s.guest.take(b.Context(), false)
		if err != nil {
			b.Fatal(err)
		}
		slot.broken = true
		s.guest.put(slot)
	}
}

// BenchmarkLoad is the first execution of a script after upload.
func BenchmarkLoad(b *testing.B) {
	s := newReal(b, Config{})
	script := rhai(`"Hello, world!"`)
	script.ID = "" // never cached
	for b.Loop() {
		if _, err := s.Execute(b.Context(), script, abi.Invocation{}, NewWorld(echo)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStart is making a sandbox with the guest in the compilation cache.
func BenchmarkStart(b *testing.B) {
	if s, err := New(b.Context(), Config{CacheDir: cacheDir}); err != nil || s.Close(b.Context()) != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := New(b.Context(), Config{CacheDir: cacheDir})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScript runs real scripts in the real guest.
func BenchmarkScript(b *testing.B) {
	s := newReal(b, Config{})
	for _, c := range []struct{ name, source string }{
		{"hello", `"Hello, world!"`},
		{"response", `#{statusCode: 200, headers: #{"x-a": "b"}, body: #{message: "Hello " + ctx.script_name, items: [1, 2, 3]}}`},
		{"fib27", fib + "fib(27)"},
		{"for3M", "let x = 0; for i in 0..3000000 { x += i % 7; } x"},
		{"while1M", "let x = 1000000; while x > 0 { x -= 1; } x"},
		{"append100k", `let a = []; for i in 0..100000 { a.push("x" + i); } a.len()`},
	} {
		b.Run(c.name, func(b *testing.B) {
			script := rhai(c.source)
			script.Limits.MaxOperations = 1 << 40
			for b.Loop() {
				if _, err := s.Execute(b.Context(), script, abi.Invocation{}, NewWorld(echo)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRequest is an execution for a browser's request, by what the script reads of it.
func BenchmarkRequest(b *testing.B) {
	s := newReal(b, Config{})
	headers := abi.Lists{}
	for _, name := range []string{"accept", "accept-encoding", "accept-language", "cache-control", "cookie", "dnt", "host", "referer", "sec-fetch-dest", "user-agent"} {
		headers[name] = []string{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"}
	}
	request := &abi.Request{
		Method: "GET", Path: "/greet/Ada", Headers: headers, Params: map[string]string{"name": "Ada"},
		Query: abi.Lists{"a": {"1"}, "b": {"2", "3"}},
	}
	for name, source := range map[string]string{
		"nothing": `"Hello, world!"`, "param": `ctx.request.params.name`, "all": `let r = ctx.request; r.params.name`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Execute(b.Context(), rhai(source), abi.Invocation{Request: request}, NewWorld(echo)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBody is an execution with 64 KiB of text that come, go or both.
func BenchmarkBody(b *testing.B) {
	s := newReal(b, Config{})
	for _, c := range []struct{ name, source, of string }{
		{"unread", `"x"`, "x"},
		{"read", `ctx.request.body.len()`, "x"},
		{"read, letters with accents", `ctx.request.body.len()`, "é"},
		{"read, a letter with an accent in 32", `ctx.request.body.len()`, "é and plain text, which goes on"},
		{"read, ideographs", `ctx.request.body.len()`, "日"},
		{"returned", `let text = ""; text.pad(65536, "x"); text`, "x"},
		{"echoed", `ctx.request.body_raw`, "x"},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := &abi.Request{Method: "POST", Path: "/", Body: bytes.Repeat([]byte(c.of), 64<<10/len(c.of))}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Execute(b.Context(), rhai(c.source), abi.Invocation{Request: request}, NewWorld(echo)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
