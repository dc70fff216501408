package bridge

import (
	"strconv"
	"strings"
	"sync"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// TestLibrary returns [Library] with the functions of tests. It is built once and must not be changed.
func TestLibrary() *vm.Library { return testLibrary() }

var testLibrary = sync.OnceValue(func() *vm.Library {
	l := testedLibrary().Extend()
	l.Calling(registerTesting)
	return l
})

// registerTesting adds what only tests have, see `picloud test`:
//
//	assert(condition [, message])        throws unless it is true
//	assert_eq(got, want), assert_ne      throw when the values differ, or do not; the error tells where they do
//	assert_throws(|| ... [, pattern])    throws unless the function does, with an error that has the pattern: the error
//	call(script or route [, request])    asks a script, or a route: the response, #{statusCode, headers, body}
//	fire(trigger or script [, event])    runs a script with an event: #{outcome, value, message}
//	deliver()                            delivers what is due: an array of what became of each
//	fake_http(pattern, |request| ...)    answers requests of scripts to other servers
//	clock::set(time), clock::advance(ms) stop the clock at a time, move it on
func registerTesting(l *vm.Library) {
	const s, m, f, any = vm.KindString, vm.KindMap, vm.KindFn, vm.KindAny
	l.Func("assert", assertTrue, any)
	l.Func("assert", assertTrue, any, any)
	l.Func("assert_eq", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		equal, err := t.Equal(args[0], args[1])
		if err != nil || equal {
			return vm.Unit, err
		}
		return vm.Unit, vm.RuntimeError(vm.String("assert_eq: " + difference(t, args[0], args[1])))
	}, any, any)
	l.Func("assert_ne", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		equal, err := t.Equal(args[0], args[1])
		if err != nil || !equal {
			return vm.Unit, err
		}
		return vm.Unit, vm.RuntimeError(vm.String("assert_ne: both are " + shortly(args[0])))
	}, any, any)
	l.Func("assert_throws", assertThrows, f)
	l.Func("assert_throws", assertThrows, f, s)

	ask := func(do abi.TestAction) vm.NativeFunc {
		return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) { return testAsk(t, do, args...) }
	}
	l.Func("call", ask(abi.TestCall), s)
	l.Func("call", ask(abi.TestCall), s, m)
	l.Func("fire", ask(abi.TestFire), s)
	l.Func("fire", ask(abi.TestFire), s, m)
	l.Func("deliver", ask(abi.TestDeliver))
	l.Func("clock::set", ask(abi.TestSet), s)
	l.Func("clock::advance", ask(abi.TestAdvance), vm.KindInt)
	l.Func("fake_http", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		v, err := testAsk(t, abi.TestFake, args[0])
		if err == nil {
			h := hostOf(t)
			h.fakes = append(h.fakes, args[1].AsFn())
		}
		return v, err
	}, s, f)
}

// testAsk asks whoever runs the test.
func testAsk(t *vm.Thread, do abi.TestAction, args ...vm.Value) (vm.Value, *vm.Error) {
	r := open(t, abi.OpTest)
	r.name = string(do)
	return r.text("do", string(do)).value("args", vm.NewArray(args)).one("value")
}

func assertTrue(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if args[0].Kind() == vm.KindBool && args[0].AsBool() {
		return vm.Unit, nil
	}
	text := "assert: it is " + shortly(args[0])
	if len(args) > 1 {
		message, err := t.Display(args[1])
		if err != nil {
			return vm.Unit, err
		}
		text = "assert: " + message
	}
	return vm.Unit, vm.RuntimeError(vm.String(text))
}

func assertThrows(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	v, err := t.Call(args[0].AsFn(), nil)
	if err == nil {
		return vm.Unit, vm.RuntimeError(vm.String("assert_throws: nothing was thrown; the value is " + shortly(v)))
	}
	caught, ok := err.Caught()
	if !ok || len(args) == 1 {
		if ok {
			err = nil
		}
		return caught, err
	}
	text, err := messageOf(t, caught)
	if err != nil {
		return vm.Unit, err
	}
	m, err := newMatches(t, "assert_throws", []vm.Value{args[1], vm.String(text)}, 0)
	if err != nil {
		return vm.Unit, err
	}
	if found := m.matcher.Matches(); m.err != nil || found {
		return caught, m.err
	}
	return vm.Unit, vm.RuntimeError(vm.String("assert_throws: the error does not match " + quoted(args[1].AsString()) + ": " + text))
}

// messageOf is what an error says that catch sees: its message, or what was thrown.
func messageOf(t *vm.Thread, caught vm.Value) (string, *vm.Error) {
	if caught.Kind() == vm.KindMap {
		if message, _ := caught.AsMap().Get("message"); message.Kind() == vm.KindString {
			return message.AsString(), nil
		}
	}
	return t.Display(caught)
}

// tests reports whether an operation of a test may ask other servers, so that its response is an
// [abi.TestResponse].
func tests(op abi.Op) bool { return op == abi.OpTest || op == abi.OpHTTPRequest || op == abi.OpInvoke }

// answered goes on with such an operation: while what it does asks another server, a fake of the test
// answers for that.
func (r *request) answered(response []byte) ([]byte, *vm.Error) {
	t := r.e.work.t
	vm.Keep(t, r)
	for {
		own, ask, err := readTestResponse(response)
		if err != nil {
			return nil, r.misread(err)
		}
		if ask == nil {
			return own, nil
		}
		fake, about, err := readTestAsk(ask)
		if err != nil || fake < 0 || fake >= int64(len(r.host.fakes)) {
			return nil, failure(r.name, abi.OpCodeInternal, "malformed response")
		}
		value, thrown := t.Call(r.host.fakes[fake], nil, about)
		if thrown != nil {
			if _, caught := thrown.Caught(); !caught {
				return nil, thrown
			}
		}
		args := []vm.Value{value}
		if thrown != nil {
			args = []vm.Value{vm.Unit, vm.String(thrown.Error())}
		}
		answer := open(t, abi.OpTest).text("do", string(abi.TestAnswer)).valueOf("args", "the answer of fake_http", vm.NewArray(args))
		if answer.name = "fake_http"; answer.err != nil {
			return nil, answer.err
		}
		var failed error
		if response, failed = r.host.call(abi.OpTest, answer.e.b); failed != nil {
			if ended := t.Charge(0); ended != nil {
				return nil, ended
			}
			return nil, operationError(r.name, failed)
		}
	}
}

// readTestResponse reads an [abi.TestResponse]; ask is nil if there is none.
func readTestResponse(b []byte) (own, ask []byte, err error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	for ; n > 0 && err == nil; n-- {
		var key []byte
		if key, b, err = msgp.ReadStringZC(b); err != nil {
			break
		}
		switch {
		case msgp.IsNil(b):
			b, err = msgp.ReadNilBytes(b)
		case string(key) == "response":
			own, b, err = msgp.ReadBytesZC(b)
		default:
			ask = b
			b, err = msgp.Skip(b)
		}
	}
	return own, ask, err
}

// readTestAsk reads an [abi.TestAsk].
func readTestAsk(b []byte) (fake int64, about vm.Value, err error) {
	v, _, err := Decode(b)
	if err != nil || v.Kind() != vm.KindMap {
		return -1, vm.Unit, err
	}
	number, _ := v.AsMap().Get("fake")
	about, _ = v.AsMap().Get("request")
	if number.Kind() != vm.KindInt {
		return -1, vm.Unit, nil
	}
	return number.AsInt(), about, nil
}

// Bounds of what is told of a difference.
const (
	maxDifferences = 20
	maxShown       = 200 // bytes of a value
)

// difference tells where two values differ: a line for each place, or for each line of a text.
func difference(t *vm.Thread, got, want vm.Value) string {
	d := differences{t: t}
	d.values("", got, want, 0)
	var b strings.Builder
	b.WriteString("got is not what is wanted")
	for i, line := range d.lines {
		if i == maxDifferences {
			b.WriteString("\n  … and " + strconv.Itoa(len(d.lines)-maxDifferences) + " more")
			break
		}
		b.WriteString("\n  " + line)
	}
	return b.String()
}

type differences struct {
	t     *vm.Thread
	lines []string
}

func (d *differences) add(path, text string) {
	if path != "" {
		text = path + ": " + text
	}
	d.lines = append(d.lines, text)
}

// values adds where got and want differ.
func (d *differences) values(path string, got, want vm.Value, depth int) {
	if len(d.lines) > 10*maxDifferences {
		return
	}
	switch gk, wk := got.Kind(), want.Kind(); {
	case depth > abi.MaxNesting: // which the comparison has refused
	case gk == vm.KindMap && wk == vm.KindMap:
		d.maps(path, got.AsMap(), want.AsMap(), depth)
	case gk == vm.KindArray && wk == vm.KindArray:
		d.arrays(path, got.AsArray().Items, want.AsArray().Items, depth)
	case gk == vm.KindString && wk == vm.KindString && strings.Contains(got.AsString()+want.AsString(), "\n"):
		d.texts(path, strings.Split(got.AsString(), "\n"), strings.Split(want.AsString(), "\n"))
	case gk != wk:
		d.add(path, "got "+shortly(got)+" ("+got.TypeName()+"), want "+shortly(want)+" ("+want.TypeName()+")")
	default:
		d.add(path, "got "+shortly(got)+", want "+shortly(want))
	}
}

// differ reports whether two parts of values differ, or cannot be compared.
func (d *differences) differ(got, want vm.Value) bool {
	equal, err := d.t.Equal(got, want)
	return err != nil || !equal
}

func (d *differences) maps(path string, got, want *vm.Map, depth int) {
	for _, n := range want.Order() {
		key, w := want.Entry(n)
		at := pathTo(path, key)
		g, there := got.Get(key)
		switch {
		case !there:
			d.add(at, "missing, want "+shortly(*w))
		case d.differ(g, *w):
			d.values(at, g, *w, depth+1)
		}
	}
	for _, n := range got.Order() {
		key, g := got.Entry(n)
		if _, there := want.Get(key); !there {
			d.add(pathTo(path, key), "got "+shortly(*g)+", want nothing")
		}
	}
}

func (d *differences) arrays(path string, got, want []vm.Value, depth int) {
	for i := range max(len(got), len(want)) {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(got):
			d.add(at, "missing, want "+shortly(want[i]))
		case i >= len(want):
			d.add(at, "got "+shortly(got[i])+", want nothing")
		case d.differ(got[i], want[i]):
			d.values(at, got[i], want[i], depth+1)
		}
	}
}

// texts compares lines: those that both begin and end with are left out.
func (d *differences) texts(path string, got, want []string) {
	first := 0
	for first < len(got) && first < len(want) && got[first] == want[first] {
		first++
	}
	last := 0
	for last < len(got)-first && last < len(want)-first && got[len(got)-1-last] == want[len(want)-1-last] {
		last++
	}
	d.add(path, "from line "+strconv.Itoa(first+1)+" on (- got, + want)")
	for _, line := range got[first : len(got)-last] {
		d.lines = append(d.lines, "  - "+line)
	}
	for _, line := range want[first : len(want)-last] {
		d.lines = append(d.lines, "  + "+line)
	}
}

// pathTo is the path to a property.
func pathTo(path, key string) string {
	for i, c := range key {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return path + "[" + quoted(key) + "]"
		}
	}
	return strings.TrimPrefix(path+"."+key, ".")
}

// shortly shows a value in debug form, cut off.
func shortly(v vm.Value) string {
	text := vm.Debug(v)
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
