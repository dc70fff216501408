// Command differential makes programs from a grammar, runs each with the real engine
// and with ours, and writes those that do not come out the same, made as small as they
// can be, as lines of a file of golden cases.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/conformance"
)

func main() {
	var (
		n      = flag.Uint64("n", 20_000, "how many programs")
		seed   = flag.Uint64("seed", 1, "programs of one seed are always the same")
		first  = flag.Uint64("first", 0, "number of the first program")
		path   = flag.String("oracle", os.Getenv("RHAI_ORACLE"), "the oracle's binary")
		most   = flag.Int("most", 40, "stop after so many kinds of difference")
		each   = flag.Int("each", 1, "differences of one kind to show")
		show   = flag.Bool("show", false, "only print the programs")
		maths  = flag.Uint64("math", 0, "instead compare so many arguments of each function of floats")
		rhai   = flag.String("rhai", "", "with -math, the command rhai: ours runs in the sandbox")
		report = flag.String("out", "", "file of cases to write differences to")
	)
	flag.Parse()
	if *show {
		for i := *first; i < *first+*n; i++ {
			fmt.Printf("// %d\n%s\n\n", i, generate(*seed, i))
		}
		return
	}
	if *path == "" {
		*path = "plugins/rhai/conformance/oracle/target/release/rhai-oracle" // where make builds it
	}
	binary, err := exec.LookPath(*path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "differential: no oracle:", err)
		os.Exit(2)
	}
	o, err := startOracle(binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(2)
	}
	if *maths > 0 {
		same, err := compareMath(o, *seed, *maths, *rhai)
		o.stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, "differential:", err)
		}
		if !same {
			os.Exit(1)
		}
		return
	}
	c := &comparison{oracle: o, seed: *seed, kinds: map[string]int{}, excused: map[string]int{}, each: *each}
	if *report != "" {
		if c.out, err = os.Create(*report); err != nil {
			fmt.Fprintln(os.Stderr, "differential:", err)
			os.Exit(2)
		}
		defer c.out.Close()
	}
	start := time.Now()
	for i := *first; i < *first+*n && len(c.kinds) < *most; i++ {
		c.program(i)
	}
	o.stop()
	fmt.Printf("%d programs in %v: %d ended well, %d with an error; %d differences of %d kinds; not compared: %v\n",
		c.run, time.Since(start).Round(time.Second), c.well, c.run-c.well, c.differences, len(c.kinds), c.excused)
	if c.differences > 0 {
		os.Exit(1)
	}
}

// comparison is one run of the command.
type comparison struct {
	oracle      *oracle
	seed        uint64
	out         *os.File
	each        int
	run, well   int
	differences int
	kinds       map[string]int // differences by their kind
	excused     map[string]int // by reason
}

func (c *comparison) program(number uint64) {
	program := generate(c.seed, number)
	source := program.String()
	c.run++
	want, got, differ := c.compare(source)
	if want.OK {
		c.well++
	}
	if !differ {
		return
	}
	c.differences++
	kind := describe(want, got)
	c.kinds[kind]++
	if c.kinds[kind] > c.each {
		return
	}
	source = shrink(program, 10*time.Second, func(source string) bool {
		want, got, differ := c.compare(source)
		return differ && describe(want, got) == kind
	})
	want, got, _ = c.compare(source)
	fmt.Printf("--- %d:%d\n%s\n got %+v\nwant %+v\n\n", c.seed, number, source, got, want)
	if c.out != nil {
		script, modules := divide(source)
		line, err := json.Marshal(conformance.Case{ID: fmt.Sprintf("differential-%d-%d", c.seed, number), Area: "differential", Script: script, Modules: modules, Expect: want})
		if err == nil {
			c.out.Write(append(line, '\n'))
		}
	}
}

// compare runs a script with both engines and reports whether they differ.
func (c *comparison) compare(source string) (want, got conformance.Outcome, differ bool) {
	want, err := c.oracle.run(divide(source))
	if err != nil {
		c.excused[err.Error()]++
		return want, got, false
	}
	got = ours(divide(source))
	if masked(want).Equal(masked(got)) {
		return want, got, false
	}
	if reason := excuse(source, want, got); reason != "" {
		c.excused[reason]++
		return want, got, false
	}
	return want, got, true
}

var limits = abi.Limits{MaxOperations: 1_000_000, MaxStringSize: 1 << 28, MaxArraySize: 1 << 26, MaxBlobSize: 1 << 26, MaxMapSize: 1 << 24}.Or(abi.DefaultLimits)

// ours returns what this interpreter makes of a script. One that does not end ends the command.
func ours(source string, modules map[string]string) (o conformance.Outcome) {
	watch := time.AfterFunc(time.Minute, func() {
		panic("hangs:\n" + source)
	})
	defer watch.Stop()
	defer func() {
		if e := recover(); e != nil {
			stack := strings.Split(string(debug.Stack()), "\n")
			o = conformance.Outcome{Kind: "panic", Error: fmt.Sprint(e, "\n", strings.Join(stack[min(7, len(stack)):min(19, len(stack))], "\n"))}
		}
	}()
	return conformance.NativeWithin(limits, source, modules)
}

// describe returns the kind of a difference, the same for all that have one cause.
func describe(want, got conformance.Outcome) string {
	aspect := func(o conformance.Outcome) string {
		if o.OK {
			return "ok"
		}
		line, _, _ := strings.Cut(o.Error, "\n")
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ':' || r == '\'' || r == '(' })
		return o.Kind + " " + strings.Join(words[:min(3, len(words))], " ")
	}
	kind := aspect(want) + " / " + aspect(got)
	switch {
	case want.OK && got.OK && (want.Type != got.Type || want.Value != got.Value):
		kind += " value"
	case want.OK && got.OK && want.Display != got.Display:
		kind += " display"
	case want.Error == got.Error && !want.OK:
		kind += " position"
	}
	for i := range want.Stdout {
		if i < len(got.Stdout) && want.Stdout[i] != got.Stdout[i] {
			return kind + " stdout"
		}
	}
	return kind
}
