package lib

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// TestLimits: what a function makes is checked against the limits before it is made.
func TestLimits(t *testing.T) {
	limits := abi.Limits{MaxStringSize: 100, MaxArraySize: 10, MaxBlobSize: 10, MaxMapSize: 3}
	const tooLong, tooMany = "Length of string too large", "Size of array/BLOB too large"
	tests := []struct{ script, want string }{
		{`let s = ""; s.pad(100, 'x'); s.len`, ""},
		{`let s = ""; s.pad(101, 'x')`, tooLong},
		{`let s = ""; s.pad(51, 'é')`, tooLong}, // 51 characters, 102 bytes
		{`let s = ""; s.pad(9223372036854775807, "ab")`, tooLong},
		{`let s = "aaaaaaaaaa"; s.replace("a", "0123456789"); s.len`, ""},
		{`let s = "aaaaaaaaaa"; s.replace("a", "0123456789x")`, tooLong},
		{`let s = "aaaaaaaaaa"; s.replace("", "0123456789")`, tooLong},
		{`let s = ""; s.pad(100, 'x'); s.append(())`, ""},
		{`let s = ""; s.pad(100, 'x'); s.append(1)`, tooLong},
		{`let s = ""; s.pad(34, 'ﬃ')`, tooLong},
		{`let s = ""; s.pad(33, 'ΐ'); s.to_upper()`, tooLong}, // each becomes three characters
		{`let s = ""; s.pad(100, 'x'); s.set(0, 'é')`, tooLong},
		{`"0,1,2,3,4,5,6,7,8,9".split(",").len`, ""},
		{`"0,1,2,3,4,5,6,7,8,9,10".split(",")`, tooMany},
		{`"0 1 2 3 4 5 6 7 8 9 10".split()`, tooMany},
		{`"0,1,2,3,4,5,6,7,8,9,10".split_rev(",", 11)`, tooMany},
		{`"0,1,2,3,4,5,6,7,8,9,10".split(",", 2).len`, ""},
		{`"abcdefghijk".to_chars()`, tooMany},
		{`"abcdefghijk".to_blob()`, tooMany},
		{`let a = []; a.pad(10, 1); a.len`, ""},
		{`let a = []; a.pad(11, 1)`, tooMany},
		{`let a = []; a.pad(9223372036854775807, 1)`, tooMany},
		{`let a = []; a.pad(10, 1); a.push(1)`, tooMany},
		{`let a = []; a.pad(10, 1); a.insert(0, 1)`, tooMany},
		{`let a = []; a.pad(6, 1); a.append(a)`, tooMany},
		{`let a = []; a.pad(10, 1); a.splice(0, 1, [1, 2])`, tooMany},
		{`let a = []; a.pad(10, 1); a.splice(0, 2, [1, 2]); a.len`, ""},
		{`blob(10).len`, ""},
		{`blob(11)`, tooMany},
		{`blob(9223372036854775807)`, tooMany},
		{`let b = blob(); b.pad(11, 1)`, "Size of BLOB too large"},
		{`let b = blob(10); b.push(1)`, tooMany},
		{`let b = blob(10); b.insert(1, 1)`, tooMany},
		{`let b = blob(8); b.append("abc")`, tooMany},
		{`let b = blob(8); b.append('€')`, tooMany},
		{`let b = blob(8); b.splice(0, 1, blob(4))`, tooMany},
		{`let m = #{a: 1, b: 2, c: 3}; m.set("a", 9); m.len()`, ""},
		{`let m = #{a: 1, b: 2, c: 3}; m.set("d", 9)`, "Size of object map too large"},
		{`let m = #{a: 1, b: 2}; m.mixin(#{c: 1, d: 1})`, "Size of object map too large"},
		{`let m = #{a: 1, b: 2}; m.fill_with(#{a: 1, c: 1}); m.len()`, ""},
		{`#{a: "0123456789", b: [1, 2, 3]}.to_json().len`, ""},
		{`let a = [1, 2, 3, 4, 5, 6]; let b = [a, a, a, a, a, a]; #{c: [b, b, b, b, b, b]}.to_json()`, tooLong},
		{`parse_json("{\"a\": [1,2,3,4,5,6,7,8,9]}").a.len`, ""},
	}
	for _, test := range tests {
		_, _, err := run(t, test.script, "", limits)
		got := ""
		if err != nil {
			got = err.Text
		}
		if got != test.want {
			t.Errorf("%s\n got %q\nwant %q", test.script, got, test.want)
		}
	}
}

func TestDeepJSON(t *testing.T) {
	script := `let a = []; for i in 0..200 { a = [a]; } #{a: a}.to_json()`
	if _, _, err := run(t, script, "", abi.Limits{}); err == nil || err.Text != "Nesting of value too large" {
		t.Errorf("%s\n got %v", script, err)
	}
}

// TestCosts: container functions called often on something large stay within operations
// that only their documented costs allow.
func TestCosts(t *testing.T) {
	tests := []struct {
		name, script string
		most         int64
	}{
		{"a queue", `let a = []; a.pad(50000, 1); let n = 0; while !a.is_empty() { n += a.shift(); a.push(0); a.pop(); } n`, 1_200_000},
		{"a queue of bytes", `let b = blob(50000, 1); let n = 0; while !b.is_empty() { n += b.shift(); } n`, 700_000},
		{"a stack", `let a = []; for i in 0..50000 { a.push(i); } for i in 0..50000 { a.pop(); } 50000`, 500_000},
		{"a set", `let m = #{}; for i in 0..50000 { m.set("k" + i, i); } for i in 0..25000 { m.remove("k" + i); } m.len() * 2`, 900_000},
		{"a text", `let s = ""; for i in 0..50000 { s.append('x'); } s.len`, 300_000},
		{"taking a text apart", `let s = ""; s.pad(50000, 'x'); let n = 0; while s.len > 0 { s.pop(); n += 1; } n`, 600_000},
		{"looking at a text", `let s = ""; s.pad(50000, 'x'); let n = 0; for i in 0..25000 { if s.sub_string(i, 1) == "x" && s.get(i) == 'x' && s.index_of('x', i) == i { n += 2; } } n`, 900_000},
		{"the end of an array", `let a = []; a.pad(50000, 1); for i in 0..10000 { a.splice(-1, 1, [2]); a.insert(50000, 1); a.drain(-1, 1); } a.len`, 600_000},
		{"keys", `let m = #{}; for i in 0..5000 { m.set("k" + i, i); } let n = 0; for i in 0..10 { n += m.keys().len; } n`, 300_000},
	}
	for _, test := range tests {
		v, operations, err := run(t, test.script, "", abi.Limits{MaxOperations: 10_000_000})
		if err != nil || v.Kind() != vm.KindInt || v.AsInt() != 50000 {
			t.Errorf("%s: %v, %v", test.name, vm.Debug(v), err)
		}
		if operations > test.most {
			t.Errorf("%s: %d operations, at most %d expected", test.name, operations, test.most)
		}
	}
}

// TestWorkIsCharged: a few calls that do much end at the limit of operations.
func TestWorkIsCharged(t *testing.T) {
	text := strings.Repeat("ab,", 300_000)
	limits := abi.Limits{MaxOperations: 200_000, MaxStringSize: 16 << 20, MaxArraySize: 10_000_000, MaxBlobSize: 10_000_000}
	tests := []string{
		`for i in 0..100 { text.contains("x") }`,
		`for i in 0..100 { text.index_of("x") }`,
		`for i in 0..100 { text.to_upper() }`,
		`let s = text; for i in 0..100 { s.replace("ab", "ba"); }`,
		`for i in 0..100 { let s = text; s.remove(","); }`,
		`for i in 0..100 { text.sub_string(5) }`,
		`text.to_chars()`,
		`let s = text; s.split(",")`,
		`for i in 0..100 { text.to_blob().as_string(); }`,
		`let a = []; a.pad(1000000, 1); for i in 0..1000 { a.insert(0, 1); }`,
		`let a = []; a.pad(1000000, 1); for i in 0..1000 { a.extract(0); }`,
		`let a = []; a.pad(1000000, 1); a.contains(2)`,
		`let a = []; a.pad(1000000, 1); a.sort()`,
		`let a = []; a.pad(1000000, 1); a.dedup()`,
		`let b = blob(1000000); for i in 0..100 { b.contains(1); }`,
		`let b = blob(1000000); for i in 0..100 { b.reverse(); }`,
		`for i in 0..100 { parse_json("{\"a\": \"" + text + "\"}"); }`,
	}
	for _, script := range tests {
		if _, _, err := run(t, script, text, limits); err == nil || err.Variant != vm.ErrorTooManyOperations {
			t.Errorf("%s\n got %v, want too many operations", script, err)
		}
	}
}

// TestCallbacks shows what a function given to a container function is called with, by
// its number of parameters.
func TestCallbacks(t *testing.T) {
	tests := []struct{ script, want string }{
		{`["a", "b"].map(|x| x)`, `["a", "b"]`},
		{`["a", "b"].map(|x, i| [x, i])`, `[["a", 0], ["b", 1]]`},
		{`["a", "b"].map(|| this)`, `["a", "b"]`},
		{`let a = [1, 2]; a.for_each(|i| this += i); a`, `[1, 3]`},
		{`let a = [1, 2]; let b = a; a.for_each(|| this = 0); [a, b]`, `[[0, 0], [1, 2]]`},
		{`let a = [1, 2]; let b = a; a.map(|| { this = 0; 7 }); [a, b]`, `[[0, 0], [1, 2]]`},
		{`[1, 2].reduce(|sum, x| sum + x, 10)`, `13`},
		{`[1, 2].reduce(|sum| sum + this, 10)`, `13`},
		{`[1, 2].reduce(|sum, x, i| sum + x * i, 10)`, `12`},
		{`["a", "b"].reduce_rev(|s, x, i| s + x + i, "")`, `"b1a0"`},
		{`[1, 2].zip([3, 4, 5], |a, b, i| [a, b, i])`, `[[1, 3, 0], [2, 4, 1]]`},
		{`#{a: 1, b: 2}.filter(|k, v| v == 2)`, `#{"b": 2}`},
		{`#{a: 1, b: 2}.map(|k| k + this)`, `#{"a": "a1", "b": "b2"}`},
		{`let m = #{a: 1}; let n = m; m.map(|k| { this = 9; 0 }); [m, n]`, `[#{"a": 9}, #{"a": 1}]`},
		{`[-1, 2].map(Fn("abs"))`, `[1, 2]`},
		{`[-1, 2].map("abs")`, `[1, 2]`},
		{`fn dbl() { this * 2 } [1, 2].map(dbl)`, `[2, 4]`},
		{`[3, 1, 2].order(|a, b| a - b)`, `[1, 2, 3]`},
		{`[3, 1, 2].order(|a, b| a > b)`, `[3, 2, 1]`},
		{`[3, 1, 2].order(|a, b| throw "no")`, `[3, 1, 2]`},
		{`let a = [1, 2, 3]; try { a.drain(|x| if x == 3 { throw 0 } else { x == 1 }) } catch {} a`, `[2, 3]`},
		{`let m = #{a: 1, b: 2, c: 3, d: 4}; try { m.drain(|k, v| if v == 3 { throw 0 } else { v == 1 }) } catch {} m`, `#{"b": 2, "d": 4}`},
		{`const A = [1, 2]; A.map(|x| x + 1)`, `[2, 3]`},
	}
	for _, test := range tests {
		v, _, err := run(t, test.script, "", abi.Limits{})
		if err != nil || vm.Debug(v) != test.want {
			t.Errorf("%s\n got %s, %v\nwant %s", test.script, vm.Debug(v), err, test.want)
		}
	}
}

// TestSortLarge compares with a stable sort, for sizes around those where the
// method changes.
func TestSortLarge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 19, 20, 21, 39, 40, 41, 159, 161, 1000, 4097} {
		type pair struct{ key, at int }
		pairs := make([]pair, n)
		var source strings.Builder
		for i := range pairs {
			pairs[i] = pair{random.IntN(n/3 + 1), i}
			source.WriteString(strconv.Itoa(pairs[i].key) + ",")
		}
		slices.SortStableFunc(pairs, func(a, b pair) int { return a.key - b.key })
		var want strings.Builder
		for _, p := range pairs {
			want.WriteString(strconv.Itoa(p.at) + ",")
		}
		for _, comparer := range []string{"|x, y| x[0] - y[0]", "|x, y| x[0] < y[0]"} {
			v, _, err := run(t, `let a = [`+source.String()+`].map(|x, i| [x, i]); a.sort(`+comparer+`); a.reduce(|s, x| s + x[1] + ",", "")`, "", abi.Limits{MaxOperations: 10_000_000})
			if err != nil {
				t.Fatalf("%d items by %s: %v", n, comparer, err)
			}
			if got := v.AsString(); got != want.String() {
				t.Errorf("%d items by %s: not in order or not stable", n, comparer)
			}
		}
	}
}

// TestSortInconsistent: a comparer that makes no sense leaves all the items in some order.
func TestSortInconsistent(t *testing.T) {
	for _, comparer := range []string{"|x, y| -1", "|x, y| 1", "|x, y| true", "|x, y| x <= y", "|x, y| x * y % 3 - 1", `|x, y| if x % 2 == 0 { throw 1 } else { "?" }`} {
		v, _, err := run(t, `let a = []; for i in 0..500 { a.push(i * 7 % 100); } let b = a; a.sort(`+comparer+`); a.sort(); b.sort(); a == b`, "", abi.Limits{})
		if err != nil || !v.AsBool() {
			t.Errorf("%s: %s, %v", comparer, vm.Debug(v), err)
		}
	}
}

func BenchmarkSortInts(b *testing.B) {
	benchmark(b, `let a = []; for i in 0..100000 { a.push(i * 7919 % 100003); } a.sort(); a[99999]`)
}

func BenchmarkSortBy(b *testing.B) {
	benchmark(b, `let a = []; for i in 0..10000 { a.push(i * 7919 % 100003); } a.sort(|x, y| x - y); a[0]`)
}

func BenchmarkMapFilterReduce(b *testing.B) {
	benchmark(b, `let a = []; for i in 0..100000 { a.push(i); } a.map(|x| x * 2).filter(|x| x % 3 == 0).reduce(|s, x| s + x, 0)`)
}

func BenchmarkAppendText(b *testing.B) {
	benchmark(b, `let s = ""; for i in 0..100000 { s.append("x"); } s.len`)
}

func BenchmarkSplit(b *testing.B) {
	benchmark(b, `let s = text; s.split(",").len`)
}

func benchmark(b *testing.B, script string) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := run(b, script, strings.Repeat("ab,", 30_000), abi.Limits{MaxOperations: 100_000_000}); err != nil {
			b.Fatal(err)
		}
	}
}
