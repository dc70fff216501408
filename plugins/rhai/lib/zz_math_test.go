package lib

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	el "github.com/picloud/picloud/plugins/rhai/elementary"
)

func TestZMath(t *testing.T) {
	fns := map[string]func(float64) float64{"sin": el.Sin, "cos": el.Cos, "tan": el.Tan, "asin": el.Asin, "acos": el.Acos, "atan": el.Atan, "sinh": el.Sinh, "cosh": el.Cosh, "tanh": el.Tanh, "exp": el.Exp, "ln": el.Log, "log": el.Log10, "asinh": asinh, "acosh": acosh, "atanh": atanh}
	std := map[string]func(float64) float64{"sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "asin": math.Asin, "acos": math.Acos, "atan": math.Atan, "sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh, "exp": math.Exp, "ln": math.Log, "log": math.Log10, "asinh": math.Asinh, "acosh": math.Acosh, "atanh": math.Atanh}
	two := map[string]func(x, y float64) float64{"hypot": el.Hypot, "atan": el.Atan2, "pow": el.Pow}
	twostd := map[string]func(x, y float64) float64{"hypot": math.Hypot, "atan": math.Atan2, "pow": math.Pow}
	r := rand.New(rand.NewSource(7))
	lit := func(x float64) string {
		s := strconv.FormatFloat(x, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	gen := func(name string, i int) float64 {
		switch name {
		case "asin", "acos", "atanh":
			switch i % 4 {
			case 0:
				return 1 - math.Ldexp(r.Float64(), -r.Intn(50))
			case 1:
				return math.Ldexp(r.Float64(), -r.Intn(30))
			}
			return r.Float64()*2 - 1
		case "exp", "sinh", "cosh", "tanh":
			switch i % 3 {
			case 0:
				return (r.Float64()*2 - 1) * 700
			case 1:
				return math.Ldexp(r.Float64()*2-1, -r.Intn(30))
			}
			return (r.Float64()*2 - 1) * 10
		case "ln", "log":
			switch i % 3 {
			case 0:
				return math.Ldexp(r.Float64(), r.Intn(1000)-500)
			case 1:
				return 1 + math.Ldexp(r.Float64()-0.5, -r.Intn(40))
			}
			return r.Float64() * 1000
		case "acosh":
			return 1 + math.Ldexp(r.Float64(), r.Intn(60)-30)
		}
		switch i % 4 {
		case 0:
			return math.Ldexp(r.Float64()*2-1, r.Intn(600)-100)
		case 1:
			return float64(r.Intn(1000)) / 10
		}
		return (r.Float64()*2 - 1) * 100
	}
	type cs struct {
		name     string
		got, std float64
	}
	var cases []cs
	f, _ := os.Create("/tmp/liba/diff/m.in")
	w := bufio.NewWriter(f)
	put := func(src string) { fmt.Fprintf(w, "{\"id\":%d,\"script\":\"to_debug(%s)\"}\n", len(cases), src) }
	for name, fn := range fns {
		for i := 0; i < 3000; i++ {
			x := gen(name, i)
			put(name + "(" + lit(x) + ")")
			cases = append(cases, cs{name, fn(x), std[name](x)})
		}
	}
	for name, fn := range two {
		for i := 0; i < 3000; i++ {
			x, y := gen("", i), gen("", r.Intn(4))
			src := name + "(" + lit(x) + ", " + lit(y) + ")"
			if name == "pow" {
				x, y = math.Abs(gen("", 1+r.Intn(3))), (r.Float64()*2-1)*20
				if i%3 == 0 {
					x, y = float64(r.Intn(1000))/10, float64(r.Intn(100))/10
				}
				src = lit(x) + " ** " + lit(y)
			}
			put(src)
			cases = append(cases, cs{name + "2", fn(x, y), twostd[name](x, y)})
		}
	}
	w.Flush()
	out, _ := exec.Command("rhai-oracle", "--opt", "none", "--batch", "/tmp/liba/diff/m.in").Output()
	bad, badstd, n, shown := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for i, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var m map[string]any
		json.Unmarshal([]byte(l), &m)
		d, _ := m["display"].(string)
		want, _ := strconv.ParseFloat(d, 64)
		c := cases[i]
		n[c.name]++
		same := func(a, b float64) bool { return a == b || a != a && b != b }
		if !same(want, c.got) {
			bad[c.name]++
			if shown[c.name] < 1 || math.Abs(want-c.got) > 1e-14*math.Abs(want) && shown[c.name] < 4 {
				shown[c.name]++
				t.Log(c.name, strings.Split(l, ",")[0], want, c.got)
			}
		}
		if !same(want, c.std) {
			badstd[c.name]++
		}
	}
	for k := range n {
		t.Logf("%-8s %d  ours differ %d  math differ %d", k, n[k], bad[k], badstd[k])
	}
}

var bs float64

func BenchmarkZ(b *testing.B) {
	b.Run("pow", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			bs = el.Pow(1.5, 2.3)
		}
	})
	b.Run("sin", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			bs = el.Sin(1.5)
		}
	})
	b.Run("ln", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			bs = el.Log(1.5)
		}
	})
	b.Run("exp", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			bs = el.Exp(1.5)
		}
	})
}
