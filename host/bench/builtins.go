package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// builtin is a function or an operator of the language that is measured by itself.
type builtin struct {
	name  string // "split", with what it is called on if there are several: "split, of short text"
	setup string
	code  string // an expression, evaluated again and again
	turns int    // of the loop, each of which evaluates code callsPerTurn times
	value string // what both engines must agree on in the end; "": the last value of code
}

// callsPerTurn keeps the loop itself small beside what is measured.
const callsPerTurn = 8

// What the subjects of the built-ins are.
const (
	longText  = `let t = ""; t.pad(20_000, "The quick brown fox, "); `
	wideText  = `let t = ""; t.pad(5_000, "Größe – Величина, 日本 "); `
	shortText = `let t = "Grace Brewster Hopper"; `
	array     = `let a = []; for i in 0..1_000 { a.push(i * 7919 % 1000); } `
	items     = `let a = []; for i in 0..10_000 { a.push(i); } `
	names     = `let a = []; for i in 0..1_000 { a.push("name" + i * 7919 % 1000); } `
	object    = `let m = #{}; for i in 0..100 { m["key" + i] = i; } `
	blob      = `let b = blob(1_000, 7); `
	float     = `let x = 0.7310585786300049; `
	largest   = `let x = 12345.6789; `
	integer   = `let n = 1_234_567; `
)

// How many turns take some milliseconds, for a call that takes less than a microsecond, some
// microseconds, tens of them.
const (
	quick = 5_000
	some  = 300
	slow  = 40
)

var builtins = []builtin{
	// Text.
	{"len, text", shortText, `t.len()`, quick, ""},
	{"is_empty, text", shortText, `t.is_empty()`, quick, ""},
	{"bytes", shortText, `t.bytes()`, quick, ""},
	{"get, text", shortText, `t.get(7)`, quick, ""},
	{"get, beyond ASCII", wideText, `t.get(4_000)`, some, ""},
	{"index, text", shortText, `t[7]`, quick, ""},
	{"index, beyond ASCII", wideText, `t[i]`, some, ""},
	{"set, text", shortText, `t.set(3, 'x')`, quick, "t"},
	{"contains, character", shortText, `t.contains('H')`, quick, ""},
	{"contains, long text", longText, `t.contains("slow")`, slow, ""},
	{"contains, nearly everywhere", longText, `t.contains("fox, the")`, slow, ""},
	{"starts_with", shortText, `t.starts_with("Grace")`, quick, ""},
	{"ends_with", shortText, `t.ends_with("Hopper")`, quick, ""},
	{"index_of, short text", shortText, `t.index_of("Hop")`, quick, ""},
	{"index_of, long text", longText + `t += "end";`, `t.index_of("end")`, slow, ""},
	{"index_of, beyond ASCII", wideText + `t += "end";`, `t.index_of("end")`, slow, ""},
	{"sub_string", shortText, `t.sub_string(6, 8)`, quick, ""},
	{"sub_string, beyond ASCII", wideText, `t.sub_string(2_000, 10)`, some, ""},
	{"crop", shortText, `{ let c = t; c.crop(6, 8); c }`, quick, ""},
	{"truncate, text", shortText, `{ let c = t; c.truncate(6); c }`, quick, ""},
	{"clear, text", shortText, `{ let c = t; c.clear(); c }`, quick, ""},
	{"pop, text", longText, `t.pop()`, 300, "t.len()"},
	{"append, text", `let t = "";`, `t.append("ab")`, quick, "t.len()"},
	{"append, characters", `let t = "";`, `{ t += 'x' }`, quick, "t.len()"},
	{"append, characters beyond ASCII", `let t = "";`, `{ t += 'é' }`, quick, "t.len()"},
	{"+, characters", shortText, `t + 'x'`, quick, ""},
	{"+, texts", shortText, `t + t`, quick, ""},
	{"-, texts", shortText, `t - "e"`, quick, ""},
	{"remove, text", longText, `{ let c = t; c.remove("fox"); c }`, slow, ""},
	{"replace, short text", shortText, `{ let c = t; c.replace("e", "i"); c }`, quick, ""},
	{"replace, long text", longText, `{ let c = t; c.replace("fox", "badger"); c }`, slow, ""},
	{"replace, characters", longText, `{ let c = t; c.replace(',', ';'); c }`, slow, ""},
	{"pad, text", shortText, `{ let c = t; c.pad(40, '.'); c }`, quick, ""},
	{"trim", `let t = "   Grace Hopper   ";`, `{ let c = t; c.trim(); c }`, quick, ""},
	{"to_upper, short text", shortText, `t.to_upper()`, quick, ""},
	{"to_upper, long text", longText, `t.to_upper()`, slow, ""},
	{"to_upper, beyond ASCII", wideText, `t.to_upper()`, slow, ""},
	{"to_upper, character", `let c = 'é';`, `c.to_upper()`, quick, ""},
	{"to_lower, short text", shortText, `t.to_lower()`, quick, ""},
	{"to_lower, long text", longText, `t.to_lower()`, slow, ""},
	{"to_lower, beyond ASCII", wideText, `t.to_lower()`, slow, ""},
	{"make_upper", longText, `{ let c = t; c.make_upper(); c }`, slow, ""},
	{"make_lower", longText, `{ let c = t; c.make_lower(); c }`, slow, ""},
	{"split", longText, `t.split()`, slow, ""},
	{"split, at commas", longText, `t.split(",")`, slow, ""},
	{"split, at text", longText, `t.split(", The ")`, slow, ""},
	{"split, short text", shortText, `t.split(' ')`, quick, ""},
	{"split, beyond ASCII", wideText, `t.split(" ")`, slow, ""},
	{"split_rev", longText, `t.split_rev(",")`, slow, ""},
	{"to_chars", longText, `t.to_chars()`, slow, ""},
	{"to_chars, beyond ASCII", wideText, `t.to_chars()`, slow, ""},
	{"chars", longText, `{ let n = 0; for c in t.chars() { if c == 'x' { n += 1 } } n }`, 4, ""},
	{"for, characters", longText, `{ let n = 0; for c in t { if c == 'x' { n += 1 } } n }`, 4, ""},
	{"to_blob", shortText, `t.to_blob()`, quick, ""},
	{"interpolation", shortText + integer, "`${t}: ${n}`", quick, ""},

	// Numbers.
	{"abs", integer, `n.abs()`, quick, ""},
	{"sign", float, `x.sign()`, quick, ""},
	{"is_zero", integer, `n.is_zero()`, quick, ""},
	{"is_odd", integer, `n.is_odd()`, quick, ""},
	{"is_even", integer, `n.is_even()`, quick, ""},
	{"to_hex", integer, `n.to_hex()`, quick, ""},
	{"to_octal", integer, `n.to_octal()`, quick, ""},
	{"to_binary", integer, `n.to_binary()`, quick, ""},
	{"to_int", largest, `x.to_int()`, quick, ""},
	{"to_float", integer, `n.to_float()`, quick, ""},
	{"parse_int", `let t = "1234567";`, `parse_int(t)`, quick, ""},
	{"parse_float", `let t = "12345.6789";`, `parse_float(t)`, quick, ""},
	{"to_string, integer", integer, `n.to_string()`, quick, ""},
	{"to_string, float", float, `x.to_string()`, quick, ""},
	{"to_string, short float", largest, `x.to_string()`, quick, ""},
	{"to_debug", float, `x.to_debug()`, quick, ""},
	{"max", integer, `max(n, i)`, quick, ""},
	{"min", integer, `min(n, i)`, quick, ""},
	{"PI", "", `PI()`, quick, ""},
	{"E", "", `E()`, quick, ""},
	{"**, integers", `let n = 7;`, `n ** 9`, quick, ""},
	{"**, floats", float, `x ** 1.7`, quick, ""},
	{"sqrt", float, `x.sqrt()`, quick, ""},
	{"exp", float, `x.exp()`, quick, ""},
	{"ln", float, `x.ln()`, quick, ""},
	{"log", float, `x.log()`, quick, ""},
	{"sin", float, `x.sin()`, quick, ""},
	{"sin, of a large angle", largest, `x.sin()`, quick, ""},
	{"cos", float, `x.cos()`, quick, ""},
	{"tan", float, `x.tan()`, quick, ""},
	{"asin", float, `x.asin()`, quick, ""},
	{"acos", float, `x.acos()`, quick, ""},
	{"atan", float, `x.atan()`, quick, ""},
	{"sinh", float, `x.sinh()`, quick, ""},
	{"cosh", float, `x.cosh()`, quick, ""},
	{"tanh", float, `x.tanh()`, quick, ""},
	{"asinh", float, `x.asinh()`, quick, ""},
	{"acosh", largest, `x.acosh()`, quick, ""},
	{"atanh", float, `x.atanh()`, quick, ""},
	{"hypot", float, `hypot(x, 2.5)`, quick, ""},
	{"to_radians", float, `x.to_radians()`, quick, ""},
	{"to_degrees", float, `x.to_degrees()`, quick, ""},
	{"floor", largest, `x.floor()`, quick, ""},
	{"ceiling", largest, `x.ceiling()`, quick, ""},
	{"round", largest, `x.round()`, quick, ""},
	{"int", largest, `x.int()`, quick, ""},
	{"fraction", largest, `x.fraction()`, quick, ""},
	{"is_nan", float, `x.is_nan()`, quick, ""},
	{"is_finite", float, `x.is_finite()`, quick, ""},
	{"is_infinite", float, `x.is_infinite()`, quick, ""},
	{"get_bit", integer, `n.get_bit(5)`, quick, ""},
	{"set_bit", integer, `n.set_bit(5, true)`, quick, "n"},
	{"get_bits", integer, `n.get_bits(4, 8)`, quick, ""},
	{"set_bits", integer, `n.set_bits(4, 8, 77)`, quick, "n"},
	{"bits", integer, `{ let c = 0; for bit in n.bits() { if bit { c += 1 } } c }`, 100, ""},

	// Ranges.
	{"range", "", `{ let c = 0; for k in range(0, 100, 3) { c += k } c }`, 100, ""},
	{"start", `let r1 = 3..9;`, `r1.start()`, quick, ""},
	{"end", `let r1 = 3..9;`, `r1.end()`, quick, ""},
	{"is_inclusive", `let r1 = 3..9;`, `r1.is_inclusive()`, quick, ""},
	{"is_exclusive", `let r1 = 3..9;`, `r1.is_exclusive()`, quick, ""},
	{"contains, range", `let r1 = 3..9;`, `r1.contains(5)`, quick, ""},

	// Arrays.
	{"push", `let a = [];`, `a.push(i)`, quick, "a.len()"},
	{"pop", items, `a.pop()`, 1_000, "a.len()"},
	{"shift", items, `a.shift()`, 1_000, "a.len()"},
	{"insert, in front", `let a = [];`, `a.insert(0, i)`, some, "a.len()"},
	{"remove, in front", items, `a.remove(0)`, 1_000, "a.len()"},
	{"get, array", array, `a.get(7)`, quick, ""},
	{"set, array", array, `a.set(7, i)`, quick, "a"},
	{"append, array", array, `{ let c = []; c.append(a); c.len() }`, slow, ""},
	{"contains, array", array, `a.contains(-1)`, slow, ""},
	{"index_of, array", array, `a.index_of(-1)`, slow, ""},
	{"index_of, function", array, `a.index_of(|v| v == -1)`, slow, ""},
	{"chop", array, `{ let c = a; c.chop(500); c.len() }`, slow, ""},
	{"clear", `let a = [1, 2, 3];`, `{ let c = a; c.clear(); c.len() }`, quick, ""},
	{"pad, array", "", `{ let c = []; c.pad(1_000, 7); c.len() }`, slow, ""},
	{"truncate", array, `{ let c = a; c.truncate(500); c.len() }`, slow, ""},
	{"reverse", array, `a.reverse()`, some, "a"},
	{"splice", array, `a.splice(100, 50, [1, 2, 3])`, 2, "a"},
	{"extract", array, `a.extract(100, 500)`, some, ""},
	{"split, array", array, `{ let c = a; c.split(500) }`, slow, ""},
	{"drain", array, `{ let c = a; c.drain(100, 500) }`, slow, ""},
	{"retain", array, `{ let c = a; c.retain(|v| v > 500); c.len() }`, slow, ""},
	{"for_each", array, `a.for_each(|| this += 1)`, slow, "a"},
	{"map", array, `a.map(|v| v + 1)`, slow, ""},
	{"filter", array, `a.filter(|v| v > 500)`, slow, ""},
	{"some", array, `a.some(|v| v > 5000)`, slow, ""},
	{"all", array, `a.all(|v| v < 5000)`, slow, ""},
	{"find", array, `a.find(|v| v > 5000)`, slow, ""},
	{"find_map", array, `a.find_map(|v| if v > 5000 { v })`, slow, ""},
	{"reduce", array, `a.reduce(|s, v| s + v, 0)`, slow, ""},
	{"reduce_rev", array, `a.reduce_rev(|s, v| s + v, 0)`, slow, ""},
	{"zip", array, `a.zip(a, |v, w| v + w)`, slow, ""},
	{"dedup", array, `{ let c = a; c.dedup(); c.len() }`, slow, ""},
	{"sort", array, `{ let c = a; c.sort(); c }`, slow, ""},
	{"sort, texts", names, `{ let c = a; c.sort(); c }`, slow, ""},
	{"sort, function", array, `{ let c = a; c.sort(|v, w| w - v); c }`, 4, ""},
	{"sort_by", array, `{ let c = a; c.sort_by(|v, w| w - v); c }`, 4, ""},
	{"sort_desc", array, `{ let c = a; c.sort_desc(); c }`, slow, ""},
	{"order", array, `a.order()`, slow, ""},
	{"order_by", array, `a.order_by(|v, w| w - v)`, 4, ""},
	{"order_desc", array, `a.order_desc()`, slow, ""},

	// Maps.
	{"get, map", object, `m.get("key50")`, quick, ""},
	{"set, map", object, `m.set("key50", i)`, quick, "m.len()"},
	{"contains, map", object, `m.contains("key50")`, quick, ""},
	{"remove, map", object, `{ m.key50 = 1; m.remove("key50") }`, quick, ""},
	{"keys", object, `m.keys()`, some, ""},
	{"values", object, `m.values()`, some, ""},
	{"mixin", object, `{ let c = #{a: 1}; c.mixin(m); c.len() }`, slow, ""},
	{"fill_with", object, `{ let c = #{a: 1}; c.fill_with(m); c.len() }`, slow, ""},
	{"to_json", object, `m.to_json()`, slow, ""},
	{"parse_json", "let t = `{\"a\": [1, 2.5, \"text\"], \"b\": {\"c\": true, \"d\": null}}`;", `parse_json(t)`, some, ""},

	// Blobs.
	{"blob", "", `blob(1_000, 7)`, some, ""},
	{"to_array", blob, `b.to_array()`, slow, ""},
	{"as_string", blob, `b.as_string()`, some, ""},
	{"push, blob", `let b = blob();`, `b.push(7)`, quick, "b.len()"},
	{"reverse, blob", blob, `b.reverse()`, some, "b.len()"},
	{"contains, blob", blob, `b.contains(8)`, some, ""},
	{"parse_le_int", blob, `b.parse_le_int(8, 8)`, quick, ""},
	{"parse_be_int", blob, `b.parse_be_int(8, 8)`, quick, ""},
	{"parse_le_float", blob, `b.parse_le_float(8, 8)`, quick, ""},
	{"parse_be_float", blob, `b.parse_be_float(8, 8)`, quick, ""},
	{"write_le", blob, `b.write_le(8, 8, i)`, quick, "b.len()"},
	{"write_be", blob, `b.write_be(8, 8, i)`, quick, "b.len()"},
	{"write_utf8", blob, `b.write_utf8(8, 8, "Grace")`, quick, "b.len()"},
	{"write_ascii", blob, `b.write_ascii(8, 8, "Grace")`, quick, "b.len()"},

	// The language.
	{"type_of", integer, `type_of(n)`, quick, ""},
	{"tag", integer, `n.tag()`, quick, ""},
	{"set_tag", integer, `n.set_tag(3)`, quick, "n"},
	{"take", integer, `{ let c = n; c.take() }`, quick, ""},
	{"name", `let f = Fn("abs");`, `f.name()`, quick, ""},
	{"is_anonymous", `let f = Fn("abs");`, `f.is_anonymous()`, quick, ""},
	{"throw and catch", "", `{ let c = 0; try { throw "no" } catch (e) { c = e } c }`, quick, ""},
	{"throw and catch, through a call", `fn fail() { throw "no" } `, `{ let c = 0; try { fail() } catch (e) { c = e } c }`, quick, ""},
	{"catch, of a built-in's error", "", `{ let c = 0; try { parse_int("x") } catch (e) { c = e.error } c }`, quick, ""},
	{"eval, the same text", integer, `eval("n + 1")`, some, ""},
	{"eval, another text each time", "", `eval("1 + " + i)`, some, ""},
	{"switch", integer, `switch i % 20 { 0 => 1, 1 => 2, 5 if n > 9 => 4, 7 => 6, 2..5 => 3, 6..=9 if n < 9 => 5, 10..15 => 7, _ => 8 }`, quick, ""},
	{"switch, texts", shortText, `switch t { "a" => 1, "b" => 2, "c" => 3, "Grace Brewster Hopper" => 4, _ => 5 }`, quick, ""},
}

// script returns what both engines run.
func (b builtin) script() string {
	value := b.value
	if value == "" {
		value = "result"
	}
	call := "    result = " + b.code + ";\n"
	return fmt.Sprintf("%s\nlet result = ();\nfor i in 0..%d {\n%s}\n%s\n", b.setup, b.turns, strings.Repeat(call, callsPerTurn), value)
}

// measureBuiltins compares each built-in with that of native Rhai, as measureEngine compares
// workloads.
func measureBuiltins(ctx context.Context, s settings, r *report) (err error) {
	native, version, err := buildOracle(ctx, s.root)
	if err != nil {
		return err
	}
	if native == "" {
		r.note("not compared with native Rhai: cargo is not installed")
		return nil
	}
	ours, err := filepath.Abs(filepath.Join(s.root, engineBinary))
	if err != nil {
		return err
	}
	box, err := newSandbox(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	dir, err := os.MkdirTemp("", "builtins")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for i, b := range builtins {
		file := filepath.Join(dir, fmt.Sprintf("builtin%d.rhai", i)) // its name is the script's, which the sandbox keeps compiled
		e := engines{group: groupBuiltins, ours: ours, native: native, file: file}
		if err := os.WriteFile(e.file, []byte(b.script()), 0o600); err != nil {
			return err
		}
		if err := e.agree(ctx, box); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		us, them, err := e.rounds(ctx, s, func(m measurement) float64 { return m.EvalMS })
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		e.report(r, workload{name: b.name, reach: "not slower"}, version, us, them)
	}
	return nil
}
