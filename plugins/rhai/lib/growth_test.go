package lib

import (
	"fmt"
	"testing"

	"github.com/picloud/picloud/abi"
)

// growth are scripts that do one thing N times to a container of N items, N being the number put
// in. The benchmark reports the time for one: it must not grow with N, but for what the
// documentation calls linear.
var growth = []struct{ name, script string }{
	{"array push", `let a = []; for i in 0..N { a.push(i); } a.len()`},
	{"array pop", `let a = []; a.pad(N, 1); for i in 0..N { a.pop(); } a.len()`},
	{"array get", `let a = []; a.pad(N, 1); let s = 0; for i in 0..N { s += a[i]; } s`},
	{"array set", `let a = []; a.pad(N, 1); for i in 0..N { a[i] = i; } a.len()`},
	{"array iterate", `let a = []; a.pad(N, 1); let s = 0; for x in a { s += x; } s`},
	{"array map", `let a = []; a.pad(N, 1); a.map(|x| x + 1).len()`},
	{"array filter", `let a = []; a.pad(N, 1); a.filter(|x| x > 0).len()`},
	{"array reduce", `let a = []; a.pad(N, 1); a.reduce(|s, x| s + x, 0)`},
	{"array reverse", `let a = []; a.pad(N, 1); a.reverse(); a.len()`},
	{"array append", `let a = []; a.pad(N, 1); let b = []; b.append(a); b.len()`},
	{"array sort", `let a = []; for i in 0..N { a.push(i * 7919 % 100003); } a.sort(); a.len()`}, // n log n, or n
	{"array sort by", `let a = []; for i in 0..N { a.push(i * 7919 % 100003); } a.sort(|x, y| x - y); a.len()`},
	{"array dedup", `let a = []; a.pad(N, 1); a.dedup(); a.len()`},
	{"array copy, then one write", `let a = []; a.pad(N, 1); let b = a; b[0] = 2; b.len()`},
	{"blob push", `let b = blob(); for i in 0..N { b.push(i % 256); } b.len()`},
	{"map insert", `let m = #{}; for i in 0..N { m["k" + i] = i; } m.len()`},
	{"map get", `let m = #{}; for i in 0..N { m["k" + i] = i; } let s = 0; for i in 0..N { s += m["k" + i]; } s`},
	{"map remove", `let m = #{}; for i in 0..N { m["k" + i] = i; } for i in 0..N { m.remove("k" + i); } m.len()`},
	{"map keys", `let m = #{}; for i in 0..N { m["k" + i] = i; } m.keys().len()`},
	{"string append", `let s = ""; for i in 0..N { s += "x"; } s.len()`},
	{"string index", `let s = ""; s.pad(N, "x"); let n = 0; for i in 0..N { if s[i] == 'x' { n += 1; } } n`},
	{"string iterate", `let s = ""; s.pad(N, "x"); let n = 0; for c in s { n += 1; } n`},
	{"string split", `let s = ""; s.pad(N, "x,"); s.split(",").len()`},
	{"string replace", `let s = ""; s.pad(N, "x"); s.replace("x", "y"); s.len()`},
	{"string case", `let s = ""; s.pad(N, "x"); s.to_upper().len()`},
	{"to_json", `let m = #{}; for i in 0..N { m["k" + i] = i; } m.to_json().len()`},
	{"parse_json", `let m = #{}; for i in 0..N { m["k" + i] = i; } parse_json(m.to_json()).len()`},
}

func BenchmarkGrowth(b *testing.B) {
	for _, g := range growth {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", g.name, n), func(b *testing.B) {
				script := fmt.Sprintf("const N = %d; ", n) + g.script
				for b.Loop() {
					if _, _, err := run(b, script, "", abi.Limits{MaxOperations: 100_000_000, MaxStringSize: 1 << 30}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/item")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
