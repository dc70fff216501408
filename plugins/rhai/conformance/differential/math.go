package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/conformance"
)

// measured are the functions of floats that are compared in many arguments: how they are called on
// x and y, and where their interesting arguments lie.
var measured = []struct {
	call     string
	from, to float64
}{
	{"x.sin()", -1000, 1000}, {"x.cos()", -1000, 1000}, {"x.tan()", -1000, 1000},
	{"x.asin()", -1, 1}, {"x.acos()", -1, 1}, {"x.atan()", -20, 20}, {"x.atan(y)", -100, 100},
	{"x.sinh()", -40, 40}, {"x.cosh()", -40, 40}, {"x.tanh()", -3, 3},
	{"x.asinh()", -40, 40}, {"x.acosh()", 1, 40}, {"x.atanh()", -1, 1},
	{"x.exp()", -745, 710}, {"x.ln()", 0, 1000}, {"x.log()", 0, 1000}, {"x.log(y)", 0, 100},
	{"x ** y", -30, 30}, {"x ** (y.to_int())", -30, 30}, {"x.hypot(y)", -100, 100}, {"x.sqrt()", 0, 100}, {"x % y", -100, 100},
	{"x.to_degrees()", -10, 10}, {"x.to_radians()", -1000, 1000},
}

// perScript is how many arguments one script computes.
const perScript = 1000

// argument draws mostly from the interesting range, and sometimes from all there is.
func argument(random *rand.Rand, from, to float64) float64 {
	switch random.IntN(8) {
	case 0:
		for {
			if x := math.Float64frombits(random.Uint64()); !math.IsNaN(x) && !math.IsInf(x, 0) {
				return x
			}
		}
	case 1:
		return math.Copysign(math.Exp2(random.Float64()*40-30), random.Float64()-0.5)
	case 2:
		return float64(random.IntN(20001)-10000) / 8
	case 3:
		return float64(random.IntN(2000001)-1000000) / 1000
	}
	return from + random.Float64()*(to-from)
}

// mathScript returns a script that applies a function to many arguments, drawn by a seed.
func mathScript(seed uint64, which int, part uint64) (source string, arguments [][2]float64) {
	random := rand.New(rand.NewPCG(seed, uint64(which)<<32|part))
	f := measured[which]
	arguments = make([][2]float64, perScript)
	lists := [2][]string{}
	for i := range arguments {
		for k := range 2 {
			x := argument(random, f.from, f.to)
			if k == 1 && strings.Contains(f.call, "to_int") {
				x = math.Trunc(math.Mod(x, 1000))
			}
			arguments[i][k] = x
			lists[k] = append(lists[k], literal(x))
		}
	}
	return fmt.Sprintf("let xs = [%s];\nlet ys = [%s];\nlet out = [];\nfor i in 0..%d { let x = xs[i]; let y = ys[i]; out.push(%s); }\nout",
		strings.Join(lists[0], ","), strings.Join(lists[1], ","), perScript, f.call), arguments
}

func literal(x float64) string {
	s := strconv.FormatFloat(x, 'e', -1, 64)
	if mantissa, exponent, ok := strings.Cut(s, "e"); ok && !strings.Contains(mantissa, ".") {
		s = mantissa + ".0e" + exponent
	}
	return s
}

// compareMath compares n arguments of each function and prints those that differ. With rhai, the
// path of the command of that name, the scripts run in the sandbox. It reports whether all were the
// same.
func compareMath(o *oracle, seed, n uint64, rhai string) (same bool, err error) {
	same = true
	for which, f := range measured {
		differences := 0
		const piece = 50 // scripts
		for first := uint64(0); first < (n+perScript-1)/perScript; first += piece {
			var sources []string
			var arguments [][][2]float64
			for part := first; part < min(first+piece, (n+perScript-1)/perScript); part++ {
				source, args := mathScript(seed, which, part)
				sources, arguments = append(sources, source), append(arguments, args)
			}
			all, err := outcomes(sources, rhai)
			if err != nil {
				return false, err
			}
			for i, got := range all {
				want, err := o.run(sources[i], nil)
				if err != nil {
					return false, err
				}
				if want.Equal(got) {
					continue
				}
				w, g := strings.Split(strings.Trim(want.Value, "[]"), ", "), strings.Split(strings.Trim(got.Value, "[]"), ", ")
				if len(w) != perScript || len(g) != perScript {
					return false, fmt.Errorf("%s: got %+v, want %+v", f.call, got, want)
				}
				for k := range w {
					if w[k] == g[k] {
						continue
					}
					if differences++; differences <= 5 {
						fmt.Printf("%s for x = %v, y = %v: got %s, want %s\n", f.call, arguments[i][k][0], arguments[i][k][1], g[k], w[k])
					}
				}
			}
		}
		fmt.Printf("%-18s %d of %d differ\n", f.call, differences, (n+perScript-1)/perScript*perScript)
		same = same && differences == 0
	}
	return same, nil
}

// outcomes returns what our engine makes of scripts: in this process or, with the command rhai, in
// the sandbox.
func outcomes(sources []string, rhai string) (all []conformance.Outcome, err error) {
	if rhai == "" {
		for _, s := range sources {
			all = append(all, ours(s, nil))
		}
		return all, nil
	}
	file, err := os.CreateTemp("", "differential")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	lines := json.NewEncoder(file)
	for _, s := range sources {
		if err := lines.Encode(map[string]string{"script": s}); err != nil {
			return nil, err
		}
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	command := exec.Command(rhai, "batch", "--sandbox", file.Name())
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	answers := json.NewDecoder(bufio.NewReader(out))
	for range sources {
		var o conformance.Outcome
		if err := answers.Decode(&o); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, command.Wait()
}
