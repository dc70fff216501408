package sandbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// busy are scripts that work long in different ways for ever: first once for what they
// work on, then in a loop.
var busy = []struct{ name, setup, loop string }{
	{"nothing", ``, ``},
	{"while", `let x = 0;`, `while x < 1000000000 { x += 1; }`},
	{"for", ``, `for i in 0..1000000000 {}`},
	{"recursion", `fn f(n) { if n == 0 { 0 } else { f(n - 1) + 1 } }`, `f(50);`},
	{"closures", `let f = |x| x + 1; let x = 0;`, `x = f.call(x);`},
	{"throw and catch", ``, `try { throw 1; } catch (e) { }`},
	{"eval of a large text", `let s = "[";` + fill("s", `"1234567,"`, 60000) + `s += "1]";`, `eval(s);`},
	{"eval of many statements", `let s = "";` + fill("s", `"1 + 2;"`, 60000), `eval(s);`},
	{"eval of a long comment", `let s = "/*"; s.pad(1048570, ' '); s += "*/";`, `eval(s);`},

	{"string pad", ``, `let s = ""; s.pad(1048576, "abc");`},
	{"string pad with é", ``, `let s = ""; s.pad(524288, 'é');`},
	{"string replace, all", text, `let c = s; c.replace("a", "b");`},
	{"string replace, none", text, `s.replace("y", "x");`},
	{"string replace of words", words, `let c = s; c.replace("a ", "b ");`},
	{"string remove", words, `let c = s; c.remove("a ");`},
	{"string -", words, `s - "a ";`},
	{"string contains", text, `s.contains("ab");`},
	{"string contains, worst", text, `s.contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");`},
	{"string index_of", text, `s.index_of("ab");`},
	{"string index_of é", accents, `s.index_of("x");`},
	{"string split at spaces", `let s = "a "; s.pad(199990, "a ");`, `s.split();`},
	{"string split", `let s = "a,"; s.pad(199990, "a,");`, `s.split(",");`},
	{"string split_rev", `let s = "a,"; s.pad(199990, "a,");`, `s.split_rev(",");`},
	{"string split_rev, none", text, `s.split_rev("ab");`},
	{"string split into characters", `let s = ""; s.pad(99990, 'a');`, `s.split("");`},
	{"string to_chars", `let s = ""; s.pad(99990, 'a');`, `s.to_chars();`},
	{"string characters", accents, `for c in s {}`},
	{"string index at the end", accents, `s[524287];`},
	{"string set", text, `s.set(1000, 'b');`},
	{"string trim", spaces, `let c = s; c.trim();`},
	{"string to_upper", text, `s.to_upper();`},
	{"string to_upper é", accents, `s.to_upper();`},
	{"string to_lower é", accents, `s.to_lower();`},
	{"string to_lower sigmas", `let s = ""; s.pad(524288, 'Σ');`, `s.to_lower();`},
	{"string to_lower of sigma and dots", `let s = ""; s.pad(200000, "Σ.");`, `s.to_lower();`},
	{"string sub_string", accents, `s.sub_string(100000, 400000);`},
	{"string to_blob", `let s = ""; s.pad(99990, 'a');`, `s.to_blob();`},
	{"string +", text, `s.truncate(500000); s + s;`},
	{"string ==", text + `let r = s; r.set(1048575, 'b');`, `s == r;`},
	{"string <", text + `let r = s; r.set(1048575, 'b');`, `s < r;`},
	{"string in", text, `"ab" in s;`},
	{"string interpolation", text + `s.truncate(500000);`, "`${s}${s}`;"},
	{"string to_debug", text + `s.truncate(500000);`, `s.to_debug();`},
	{"string to_debug é", accents + `s.truncate(250000);`, `s.to_debug();`},
	{"string += in a loop", ``, `let s = ""; while s.len() < 1000000 { s += "abcdefgh"; }`},
	{"string as a key", text + `let m = #{};`, `m[s] = 1;`},
	{"parse_int of a long text", `let s = ""; s.pad(1048576, '0');`, `try { parse_int(s); } catch {}`},
	{"parse_float of a long text", `let s = ""; s.pad(1048576, '1');`, `try { parse_float(s); } catch {}`},

	{"array pad", ``, `let a = []; a.pad(100000, 1);`},
	{"array sort", numbers, `let b = a; b.sort();`},
	{"array sort_desc", numbers, `let b = a; b.sort_desc();`},
	{"array sort by", numbers, `let b = a; b.sort(|x, y| x - y);`},
	{"array sort of long strings", longStrings, `let b = a; b.sort();`},
	{"array order", numbers, `a.order();`},
	{"array reverse", numbers, `a.reverse();`},
	{"array +", numbers + `a.truncate(49999);`, `a + a;`},
	{"array append", numbers + `a.truncate(49999);`, `let b = a; b.append(a);`},
	{"array insert", numbers + `a.truncate(99990);`, `a.insert(0, 1); a.remove(0);`},
	{"array splice", numbers + `a.truncate(49999);`, `let b = a; b.splice(0, 1, a);`},
	{"array extract", numbers, `a.extract(0, 100000);`},
	{"array drain", numbers, `let b = a; b.drain(0, 99999);`},
	{"array retain", numbers, `let b = a; b.retain(1, 99998);`},
	{"array map", numbers, `a.map(|x| x + 1);`},
	{"array filter", numbers, `a.filter(|x| x > 1);`},
	{"array reduce", numbers, `a.reduce(|s, x| s + x, 0);`},
	{"array zip", numbers, `a.zip(a, |x, y| x + y);`},
	{"array dedup", numbers, `let b = a; b.dedup();`},
	{"array dedup of long strings", longStrings, `let b = a; b.dedup();`},
	{"array contains", numbers, `a.contains(-1);`},
	{"array contains a long string", longStrings + `let s = a[0]; s.set(1000, 'b');`, `a.contains(s);`},
	{"array index_of", numbers, `a.index_of(-1);`},
	{"array ==", numbers + `let b = a; b[99999] = -1;`, `a == b;`},
	{"array of long strings ==", longStrings + `let b = a; b[99997] = "";`, `a == b;`},
	{"array to_string", numbers, `a.to_string();`},
	{"array print", numbers, `print(a);`},
	{"range to_array", ``, `let a = []; for i in range(0, 100000) { a.push(i); }`},

	{"blob", ``, `blob(100000, 7);`},
	{"blob ==", bytes100k + `let c = b; c[99999] = 1;`, `b == c;`},
	{"blob to_array", bytes100k, `b.to_array();`},
	{"blob as_string", bytes100k, `b.as_string();`},
	{"blob as_string, no UTF-8", `let b = blob(100000, 255);`, `b.as_string();`},
	{"blob reverse", bytes100k, `b.reverse();`},
	{"blob to_string", bytes100k, `b.to_string();`},
	{"blob append", bytes100k, `let c = blob(); c.append(b);`},
	{"blob insert", `let b = blob(99990, 7);`, `b.insert(0, 1); b.remove(0);`},

	{"map keys", properties, `m.keys();`},
	{"map keys after a change", properties, `m.x = 1; m.remove("x"); m.keys();`},
	{"map values", properties, `m.values();`},
	{"map +", properties, `m + #{x: 1};`},
	{"map copied", properties, `let c = m; c.x = 1;`},
	{"map mixin", properties, `let c = #{}; c.mixin(m);`},
	{"map fill_with", properties, `let c = #{}; c.fill_with(m);`},
	{"map ==", properties + `let c = m; c.k9 = -1;`, `m == c;`},
	{"map filter", properties, `m.filter(|k, v| true);`},
	{"map to_json", writable, `m.to_json();`},
	{"map to_string", writable, `m.to_string();`},
	{"to_json of a long string", text + `s.truncate(1000000); let m = #{s: s};`, `m.to_json();`},
	{"to_json of long strings", `let s = ""; s.pad(100000, '"'); let m = #{a: [s, s, s, s, s]};`, `m.to_json();`},
	{"parse_json", `let s = "{\"a\":[";` + fill("s", `"123456,"`, 90000) + `s += "1]}";`, `parse_json(s);`},
	{"parse_json of objects", `let s = "{\"a\":[";` + fill("s", `"{\"a\":1,\"b\":[true]},"`, 40000) + `s += "1]}";`, `parse_json(s);`},
	{"parse_json of an expression", `let s = "{\"a\":[";` + fill("s", `"1+2,"`, 50000) + `s += "1]}";`, `parse_json(s);`},
	{"parse_json of a long string", `let s = "{\"a\":\""; s.pad(1048570, 'x'); s += "\"}";`, `parse_json(s);`},
	{"parse_json of white space", `let s = "{"; s.pad(1048570, ' '); s += "}";`, `parse_json(s);`},
	{"parse_json of a long number", `let s = "{\"a\":"; s.pad(1048570, '1'); s += "}";`, `parse_json(s);`},
	{"string starts_with", text, `s.starts_with(s);`},
	{"string split in two", accents, `s.split(500000);`},
	{"string switch", text, `switch s { "a" => 1, _ => 2 }`},
	{"collection", properties + `let b = []; for i in 0..90000 { b.push([i]); }`, `let c = []; for i in 0..90000 { c.push([i]); }`},

	{"json::parse", `let s = "["; ` + fill("s", `"123456,"`, 90000) + `s += "1]";`, `json::parse(s);`},
	{"json::parse of objects", `let s = "["; ` + fill("s", `"{\"a\":1,\"b\":[true]},"`, 40000) + `s += "1]";`, `json::parse(s);`},
	{"json::parse of a long string", `let s = "\""; s.pad(1048570, 'x'); s += "\"";`, `json::parse(s);`},
	{"json::stringify", numbers, `json::stringify(a);`},
	{"json::stringify of a map", writable, `json::stringify(m, 2);`},
	{"json::stringify of a long string", text + `s.truncate(1000000);`, `json::stringify(s);`},
	{"base64::encode", text + `s.truncate(750000);`, `base64::encode(s);`},
	{"base64::decode", `let s = ""; s.pad(133000, 'a');`, `base64::decode(s);`},
	{"hex::encode", text + `s.truncate(500000);`, `hex::encode(s);`},
	{"hex::decode", `let s = ""; s.pad(199990, 'a');`, `hex::decode(s);`},
	{"url::encode", text, `url::encode(s);`},
	{"url::decode", `let s = ""; s.pad(1048500, "%41");`, `url::decode(s);`},
	{"url::parse", `let s = "http://a/?"; s.pad(1048500, "a=%41%41%41%41&");`, `url::parse(s);`},
	{"crypto::sha256", text, `crypto::sha256(s);`},
	{"crypto::sha512", text, `crypto::sha512(s);`},
	{"crypto::hmac_sha256", text, `crypto::hmac_sha256(s, s);`},
	{"crypto::constant_time_eq", text, `crypto::constant_time_eq(s, s);`},
	{"random::bytes", ``, `random::bytes(100000);`},
	{"random::string", ``, `random::string(1000000);`},
	{"random::shuffle", numbers, `random::shuffle(a);`},
	{"regex::is_match", text, `regex::is_match("a*b", s);`},
	{"regex::find_all", words, `regex::find_all("[a-z]", s.sub_string(0, 180000));`},
	{"regex::replace", words, `regex::replace("a", s, "b");`},
	{"regex::split", words, `regex::split(" ", s.sub_string(0, 180000));`},
}

const (
	text        = `let s = ""; s.pad(1048576, 'a');`
	words       = `let s = ""; s.pad(1048576, "a ");`
	spaces      = `let s = ""; s.pad(1048576, ' ');`
	accents     = `let s = ""; s.pad(524288, 'é');`
	numbers     = `let a = []; for i in 0..100000 { a.push(i * 7919 % 100003); }`
	longStrings = `let one = ""; one.pad(1000000, 'a'); let two = one; two.set(999999, 'b');
		let a = []; while a.len() < 99998 { a.push(one); a.push(two); }`
	bytes100k  = `let b = blob(100000, 65);`
	properties = `let m = #{}; for i in 0..99000 { m["k" + i] = i; }`
	writable   = `let m = #{}; for i in 0..50000 { m["k" + i] = i; }` // as a text within the limit of strings
)

// fill is the code that appends what to a string n times.
func fill(name, what string, n int) string {
	return fmt.Sprintf("for i in 0..%d { %s += %s; }", n, name, what)
}

// onPrint is a world in which do is called whenever a script prints.
func onPrint(do func()) World {
	return NewWorld(performer(func(_ context.Context, op abi.Op, _ []byte) ([]byte, error) {
		if op == abi.OpLogWrite {
			do()
		}
		return nil, nil
	}))
}

// cancelling is a world that cancels a script at a random moment within the given time from
// when it first prints, and tells done when that was.
func cancelling(cancel func(), within time.Duration, done func(at time.Time)) World {
	var begun sync.Once
	return onPrint(func() {
		begun.Do(func() {
			time.AfterFunc(rand.N(within), func() {
				done(time.Now())
				cancel()
			})
		})
	})
}

func busyScript(setup, loop string) Script {
	script := rhai(setup + " print(1); { " + loop + " } print(2); loop { " + loop + " }")
	script.Limits = abi.Limits{MaxOperations: 1 << 40, TimeoutMS: 60_000, MemoryMB: 256}
	return script
}

// TestInterruption cancels scripts at work in all kinds of built-ins. How promptly
// they end is for BenchmarkInterruption; here they only must not go on.
func TestInterruption(t *testing.T) {
	s := newReal(t, Config{})
	for _, c := range busy {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var cancelled time.Time
			_, err := s.Execute(ctx, busyScript(c.setup, c.loop), abi.Invocation{},
				cancelling(cancel, 20*time.Millisecond, func(at time.Time) { cancelled = at }))
			var got *abi.ScriptError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, abi.CodeCancelled, got.Code, got.Message)
			assert.Less(t, time.Since(cancelled), time.Second)
		})
	}
}

// BenchmarkInterruption reports how long guests go on after they have been told to end: the
// median and the 99th percentile, in microseconds, of so many attempts as -benchtime
// says (-benchtime 200x). Time in which the guest's thread had no processor does not count. What
// the host takes is reported apart: to tell the guest once the caller has gone, and to clean up
// behind it.
func BenchmarkInterruption(b *testing.B) {
	s := newReal(b, Config{})
	for _, c := range busy {
		b.Run(c.name, func(b *testing.B) {
			i := newInterrupted(b, s, busyScript(c.setup, c.loop))
			var guest, host []time.Duration
			for b.Loop() {
				told, ended, cleaned := i.once(b)
				guest, host = append(guest, ended), append(host, told+cleaned)
			}
			b.ReportMetric(0, "ns/op")
			for _, of := range []struct {
				name string
				took []time.Duration
			}{{"", guest}, {"host-", host}} {
				slices.Sort(of.took)
				b.ReportMetric(float64(of.took[len(of.took)/2].Microseconds()), of.name+"p50-µs")
				b.ReportMetric(float64(of.took[len(of.took)*99/100].Microseconds()), of.name+"p99-µs")
			}
		})
	}
}

// interrupted is a script that is run in order to be interrupted.
type interrupted struct {
	sandbox *Sandbox
	limits  abi.Limits
	image   *image
	within  time.Duration // what happens between its first two prints
}

// newInterrupted loads a script. It is interrupted anywhere between its first two prints, but
// within 20 ms at least and 300 ms at most.
func newInterrupted(b *testing.B, s *Sandbox, script Script) *interrupted {
	const shortest, longest = 20 * time.Millisecond, 300 * time.Millisecond
	e, err := s.gate.Enter(b.Context(), script.admission(NewWorld(nil)))
	require.NoError(b, err)
	defer s.gate.Leave(e)
	image, _, err := s.load(e, script, false)
	require.NoError(b, err)
	i := &interrupted{sandbox: s, limits: script.Limits, image: image, within: longest}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var begun time.Time
	_, _ = s.Execute(ctx, script, abi.Invocation{}, onPrint(func() {
		if begun.IsZero() {
			begun = time.Now()
			time.AfterFunc(longest, cancel)
			return
		}
		i.within = min(time.Since(begun), longest)
		cancel()
	}))
	i.within = max(i.within, shortest)
	return i
}

// once runs the script and interrupts it. It does what [Sandbox.run] does, and returns how
// long it took until the guest was told, until it returned, and until its slot was free.
func (i *interrupted) once(b *testing.B) (told, ended, cleaned time.Duration) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var cancelled time.Time
	var worked time.Duration // until then
	clock, done := threadClock()
	defer done()
	world := cancelling(cancel, i.within, func(at time.Time) { cancelled, worked = at, clock() })
	e, err := i.sandbox.gate.Enter(ctx, gate.Request{Limits: i.limits, World: world})
	require.NoError(b, err)
	defer i.sandbox.gate.Leave(e)
	var toldAt atomic.Int64 // as [interruptWatch] tells the guest
	defer context.AfterFunc(e.Context(), func() { toldAt.Store(time.Now().UnixNano()) })()
	slot, err := i.sandbox.guest.take(ctx, false)
	require.NoError(b, err)
	require.NoError(b, slot.restore(i.image))
	invocation := (&abi.Invocation{}).Append(nil, abi.ReadsAll)
	var answer abi.RunResult
	err = slot.call(e, slot.run, &abi.RunRequest{Invocation: invocation}, answer.Decode)
	end := time.Now()
	worked = clock() - worked
	i.sandbox.guest.put(slot)
	cleaned = time.Since(end)
	require.NoError(b, err)
	require.NotNil(b, answer.Error)
	require.Equal(b, abi.CodeCancelled, answer.Error.Code, answer.Error.Message)
	at := end // an operation told it
	if nano := toldAt.Load(); nano != 0 {
		at = time.Unix(0, nano)
	}
	return at.Sub(cancelled), min(end.Sub(at), worked), cleaned
}
