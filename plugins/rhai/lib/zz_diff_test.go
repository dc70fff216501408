package lib

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

type zhost struct{}

func (zhost) Print(string)                  {}
func (zhost) Debug(string, syntax.Position) {}
func (zhost) MonotonicNow() int64           { return 1 }
func (zhost) Yield()                        {}

type zv struct {
	src string
	v   func() vm.Value
}

func zvals() []zv {
	var out []zv
	add := func(src string, f func() vm.Value) { out = append(out, zv{src, f}) }
	for _, i := range []int64{0, 1, -1, 2, 3, 7, -7, 10, 63, 64, 65, -64, -65, 255, 256, 4294967295, 4294967296, 3037000500, 9007199254740993, math.MaxInt64, math.MinInt64} {
		src := fmt.Sprint(i)
		if i == math.MinInt64 {
			src = "(-9223372036854775807 - 1)"
		}
		add(src, func() vm.Value { return vm.Int(i) })
	}
	for _, s := range []string{"0.0", "-0.0", "1.0", "-1.0", "0.5", "2.0", "1.5", "2.5", "-2.5", "0.1", "0.2", "0.3", "3.7", "-3.2", "1e-4", "1e-5", "1e-13", "9e-14", "5e-324", "1e-300", "9999999827968.0", "1e13", "1e15", "1e16", "123456789012345680.0", "1e19", "1e300", "123.456", "10.0", "1.7976931348623157e308"} {
		var f float64
		fmt.Sscan(s, &f)
		add(s, func() vm.Value { return vm.Float(f) })
	}
	add("(1.0/0.0)", func() vm.Value { return vm.Float(math.Inf(1)) })
	add("(-1.0/0.0)", func() vm.Value { return vm.Float(math.Inf(-1)) })
	add("(0.0/0.0)", func() vm.Value { return vm.Float(math.NaN()) })
	for _, c := range []rune{'a', 'b', 'é', '😀'} {
		add("'"+string(c)+"'", func() vm.Value { return vm.Char(c) })
	}
	for _, s := range []string{"", "a", "ab", "abc", "é", "b", " 12 ", "0x1f", "-7", "1.5", "\t\x01\u200b\u0301\U0001f600\\'"} {
		b, _ := json.Marshal(s)
		src := string(b)
		if strings.Contains(src, "u0001") {
			src = `"\t\x01\u200b\u0301😀\\'"`
		}
		add(src, func() vm.Value { return vm.String(s) })
	}
	add("true", func() vm.Value { return vm.Bool(true) })
	add("false", func() vm.Value { return vm.Bool(false) })
	add("()", func() vm.Value { return vm.Unit })
	arr := func(v ...vm.Value) vm.Value { return vm.NewArray(v) }
	add("[]", func() vm.Value { return arr() })
	add("[1]", func() vm.Value { return arr(vm.Int(1)) })
	add("[1.0]", func() vm.Value { return arr(vm.Float(1)) })
	add("[1, 2e14]", func() vm.Value { return arr(vm.Int(1), vm.Float(2e14)) })
	add("['a', \"b\\n\", ()]", func() vm.Value { return arr(vm.Char('a'), vm.String("b\n"), vm.Unit) })
	add("[[1], 1..3]", func() vm.Value { return arr(arr(vm.Int(1)), vm.NewRange(1, 3, false)) })
	add("[[1], 1..=3]", func() vm.Value { return arr(arr(vm.Int(1)), vm.NewRange(1, 3, true)) })
	add("[u(1)]", func() vm.Value { return arr(vm.U8(1)) })
	add("[Fn(\"abs\")]", func() vm.Value { return arr(vm.NewFn(&vm.FnPtr{Name: "abs"})) })
	mp := func(kv ...any) vm.Value {
		m := vm.NewMap(4)
		for i := 0; i < len(kv); i += 2 {
			m.Set(kv[i].(string), kv[i+1].(vm.Value))
		}
		return vm.NewMapValue(m)
	}
	add("#{}", func() vm.Value { return mp() })
	add("#{a: 1}", func() vm.Value { return mp("a", vm.Int(1)) })
	add("#{a: 1.0}", func() vm.Value { return mp("a", vm.Float(1)) })
	add("#{b: 'x', a: u(1)}", func() vm.Value { return mp("b", vm.Char('x'), "a", vm.U8(1)) })
	add("#{a: 1..3, \"é\\n\": \"q\"}", func() vm.Value { return mp("a", vm.NewRange(1, 3, false), "é\n", vm.String("q")) })
	add("#{a: 1..=3, \"é\\n\": \"q\"}", func() vm.Value { return mp("a", vm.NewRange(1, 3, true), "é\n", vm.String("q")) })
	add("blob()", func() vm.Value { return vm.NewBlob(nil) })
	add("blob(2, 65)", func() vm.Value { return vm.NewBlob([]byte("AA")) })
	add("blob(9, 200)", func() vm.Value { return vm.NewBlob([]byte(strings.Repeat("\xc8", 9))) })
	rng := func(a, b int64, i bool) func() vm.Value { return func() vm.Value { return vm.NewRange(a, b, i) } }
	add("(1..3)", rng(1, 3, false))
	add("(1..=3)", rng(1, 3, true))
	add("(5..2)", rng(5, 2, false))
	add("(2..=2)", rng(2, 2, true))
	add("(60..99)", rng(60, 99, false))
	add("(60..=99)", rng(60, 99, true))
	add("(-3..=-1)", rng(-3, -1, true))
	add("(-3..4)", rng(-3, 4, false))
	add("(0..=63)", rng(0, 63, true))
	add("(2..)", rng(2, math.MaxInt64, false))
	add("(2..=)", rng(2, math.MaxInt64, true))
	add("u(0)", func() vm.Value { return vm.U8(0) })
	add("u(3)", func() vm.Value { return vm.U8(3) })
	add("u(200)", func() vm.Value { return vm.U8(200) })
	add("Fn(\"abs\")", func() vm.Value { return vm.NewFn(&vm.FnPtr{Name: "abs"}) })
	add("range(0, 5, 2)", func() vm.Value { return vm.NewIterator(&vm.Iterator{}) })
	add("timestamp()", func() vm.Value { return vm.Timestamp(1) })
	return out
}

const zpre = "fn u(n) { for x in blob(1, n) { return x; } }\n"

type zjob struct {
	ID     int    `json:"id"`
	Script string `json:"script"`
	run    func(t *vm.Thread) (vm.Value, *vm.Error)
}

func zrun(t *testing.T, jobs []zjob, name string) {
	in := "/tmp/liba/diff/" + name + ".in"
	f, _ := os.Create(in)
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, j := range jobs {
		e.Encode(j)
	}
	w.Flush()
	f.Close()
	out, err := exec.Command("rhai-oracle", "--opt", "none", "--batch", in).Output()
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile("/tmp/liba/diff/"+name+".out", out, 0o644)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(jobs) {
		t.Fatal(len(lines), len(jobs))
	}
	th := vm.NewThread(&vm.Program{Native: Standard()}, zhost{}, abi.Limits{MaxOperations: 1 << 40, MaxStringSize: 1 << 20, MaxArraySize: 100000, MaxMapSize: 100000, MaxCallLevels: 64}, nil, 1)
	bad := map[string]int{}
	shown, badn := 0, 0
	for i, j := range jobs {
		var want map[string]any
		json.Unmarshal([]byte(lines[i]), &want)
		v, er := j.run(th)
		var got string
		var w string
		if want["ok"] == true {
			w = fmt.Sprint(want["type"], " ", want["value"], " ", want["display"])
		} else {
			w = fmt.Sprint(want["error"])
			if x, ok := want["inner"]; ok {
				w = "INNER " + fmt.Sprint(x)
			}
		}
		if er != nil {
			er.At(syntax.Position{})
			got = strings.TrimSuffix(er.Error(), "\nin call to function 'range'")
			if strings.Contains(w, "range::Range<u8>") {
				continue
			}
			if k := strings.LastIndex(w, " (line"); k >= 0 {
				w = w[:k]
			}
			w = strings.TrimPrefix(w, "INNER ")
		} else {
			got = v.TypeName() + " " + vm.Debug(v) + " " + vm.Display(v)
		}
		if got != w && !strings.Contains(w, "Range<u8>") {
			badn++
			key := j.Script
			bad[key]++
			if shown < 400 {
				shown++
				t.Logf("%s\n   want %s\n   got  %s", strings.TrimPrefix(j.Script, zpre), w, got)
			}
		}
	}
	t.Logf("%s: %d jobs, %d differ", name, len(jobs), badn)
}

func TestZBinary(t *testing.T) {
	vals := zvals()
	var jobs []zjob
	for op := syntax.OpAdd; op <= syntax.OpGe; op++ {
		for _, a := range vals {
			for _, b := range vals {
				if strings.HasPrefix(a.src, "time") && strings.HasPrefix(b.src, "time") {
					continue
				}
				jobs = append(jobs, zjob{len(jobs), zpre + a.src + " " + op.String() + " " + b.src, func(t *vm.Thread) (vm.Value, *vm.Error) { return t.Binary(op, a.v(), b.v()) }})
			}
		}
	}
	zrun(t, jobs, "binary")
}

func TestZAssign(t *testing.T) {
	vals := zvals()
	var jobs []zjob
	for op := syntax.OpAdd; op <= syntax.OpBitXor; op++ {
		for _, a := range vals {
			for _, b := range vals {
				jobs = append(jobs, zjob{len(jobs), zpre + "let x = " + a.src + "; x.set_tag(5); x " + op.String() + "= " + b.src + "; [x, x.tag()]", func(t *vm.Thread) (vm.Value, *vm.Error) {
					v := t.WithTag(a.v(), 5)
					if err := t.OpAssign(op, &v, b.v()); err != nil {
						return vm.Unit, err
					}
					return vm.NewArray([]vm.Value{v, vm.Int(int64(t.Tag(v)))}), nil
				}})
			}
		}
	}
	zrun(t, jobs, "assign")
}

func TestZUnary(t *testing.T) {
	vals := zvals()
	var jobs []zjob
	for op := syntax.OpNot; op <= syntax.OpPos; op++ {
		for _, a := range vals {
			jobs = append(jobs, zjob{len(jobs), zpre + "let x = " + a.src + "; " + op.String() + "x", func(t *vm.Thread) (vm.Value, *vm.Error) { return t.Unary(op, a.v()) }})
		}
	}
	zrun(t, jobs, "unary")
}

func TestZFuncs(t *testing.T) {
	vals := zvals()
	var jobs []zjob
	seen := map[string]bool{}
	mine := NewMine()
	mine.Functions(func(n *vm.Native) {
		if n.Name == "sleep" || n.Name == "exit" || n.Name == "timestamp" || n.Name == "print" || n.Name == "debug" || n.Name == "elapsed" || seen[n.Name+fmt.Sprint(len(n.Params))] {
			return
		}
		seen[n.Name+fmt.Sprint(len(n.Params))] = true
		var rec func(args []zv)
		rec = func(args []zv) {
			if len(args) == len(n.Params) {
				if len(args) > 2 {
					// only well-typed
					ok := false
					mine.Functions(func(m *vm.Native) {
						if m.Name == n.Name && len(m.Params) == len(args) {
							all := true
							for i := range args {
								if m.Params[i] != vm.KindAny && args[i].v().Kind() != m.Params[i] {
									all = false
								}
							}
							ok = ok || all
						}
					})
					if !ok || len(jobs)%7 != 0 && len(args) == 4 {
						return
					}
				}
				var srcs []string
				for _, a := range args {
					srcs = append(srcs, a.src)
				}
				as := append([]zv(nil), args...)
				call := n.Name + "(" + strings.Join(srcs, ", ") + ")"
				mut := n.Mutates && n.Name != "contains"
				src := zpre + call
				if n.Name == "range" || n.Name == "bits" {
					src = zpre + "let r = " + call + "; let out = []; if type_of(r) == \"range\" && is_iter(r) { for x in r { out.push(x); if out.len > 20 {break;} } out } else { r }"
					src = zpre + "let r = " + call + "; if `${r}` == \"range\" { let out = []; for x in r { out.push(x); if out.len > 20 {break;} } out } else { r }"
				}
				if mut {
					src = zpre + "let x = " + srcs[0] + "; let r = x." + n.Name + "(" + strings.Join(srcs[1:], ", ") + "); [x, r, x.tag()]"
				}
				jobs = append(jobs, zjob{len(jobs), src, func(t *vm.Thread) (vm.Value, *vm.Error) {
					var av []vm.Value
					for _, a := range as {
						av = append(av, a.v())
					}
					v, err := t.CallNamed(n.Name, av)
					if err != nil {
						return v, err
					}
					if mut {
						return vm.NewArray([]vm.Value{av[0], v, vm.Int(int64(t.Tag(av[0])))}), nil
					}
					if v.Kind() == vm.KindIterator {
						var out []vm.Value
						next := v.AsIterator().Start()
						for {
							x, ok := next()
							if !ok {
								break
							}
							out = append(out, x)
							if len(out) > 20 {
								break
							}
						}
						return vm.NewArray(out), nil
					}
					return v, nil
				}})
				return
			}
			for _, v := range vals {
				rec(append(args, v))
			}
		}
		if len(n.Params) >= 4 {
			keep := vals
			var few []zv
			for i, v := range vals {
				if v.v().Kind() == vm.KindInt && i%2 == 1 {
					few = append(few, v)
				}
			}
			vals = few
			rec(nil)
			vals = keep
			return
		}
		rec(nil)
	})
	zrun(t, jobs, "funcs")
}

func NewMine() *vm.Library {
	l := vm.NewLibrary()
	registerCore(l)
	registerDebug(l)
	registerNumbers(l)
	registerMinMax(l)
	registerMath(l)
	registerBits(l)
	registerRanges(l)
	registerFnPtrs(l)
	registerTime(l)
	return l
}
