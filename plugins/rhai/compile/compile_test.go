package compile_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var update = flag.Bool("update", false, "write what the programs of testdata compile to now")

// TestDisassembly compiles the programs of testdata and compares their code. A file is about one
// topic; each program in it has a title, its source, its code and its value or error:
//
//	=== title
//	source
//	---
//	code
//	value
//
// "go test ./plugins/rhai/compile -update" writes the code and values anew.
func TestDisassembly(t *testing.T) {
	var all strings.Builder
	for _, file := range files(t, "testdata/*.txt") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var written strings.Builder
			chunks := strings.Split("\n"+string(text), "\n=== ")
			if len(chunks) < 2 || chunks[0] != "" {
				t.Fatalf("%s does not begin with a title", file)
			}
			for _, chunk := range chunks[1:] {
				title, rest, _ := strings.Cut(chunk, "\n")
				source, want, _ := strings.Cut(rest, "\n---")
				got := disassembled(t, source, filepath.Base(file) == "covered.txt") + "\n"
				if want = strings.Trim(want, "\n") + "\n"; got != want && !*update {
					t.Errorf("%s: %s\n%s\n got:\n%s\nwant:\n%s", file, title, source, got, want)
				}
				written.WriteString("=== " + title + "\n" + source + "\n---\n" + got + "\n")
				all.WriteString(got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(strings.TrimSuffix(written.String(), "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if t.Failed() {
		return
	}
	// Each opcode is in some program: none goes untested, or is there for nothing.
	code := regexp.MustCompile(`(?m)^ +\d+ +[\d:]* +([a-z]+)`).FindAllStringSubmatch(all.String(), -1)
	used := map[string]bool{}
	for _, line := range code {
		used[line[1]] = true
	}
	for op := vm.Op(0); !strings.HasPrefix(op.String(), "opcode"); op++ {
		if !used[op.String()] && op != vm.OpPoll { // that is in long code only, see TestLongCodePolls
			t.Errorf("no program in testdata has the opcode %v", op)
		}
	}
}

// disassembled returns the code of a script and of its evals, and its value or error. It can
// import the module "m". Lines are counted if cover says so.
func disassembled(t *testing.T, source string, cover bool) string {
	compiler := rhai.Compiler{Library: lib.Standard(), Variables: []string{"ctx"}, Cover: cover}
	p, err := compiler.Script(source)
	if err != nil {
		t.Fatalf("%s\n%v", source, err)
	}
	err = compiler.Link(p, rhai.Modules{Source: func(name string) (string, bool) {
		return "export const ANSWER = 42; fn twice(x) { x * 2 }", name == "m"
	}})
	if err != nil {
		t.Fatalf("%s\n%v", source, err)
	}
	var code bytes.Buffer
	if err := vm.Disassemble(&code, p); err != nil {
		t.Fatal(err)
	}
	thread := vm.NewThread(p, &conformance.Recorder{}, conformance.Limits, nil, 1)
	rhai.Prepare(thread)
	compileEval := thread.CompileEval
	thread.CompileEval = func(source string, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
		out, err := compileEval(source, fn, site)
		if out != nil {
			vm.DisassembleFunction(&code, "eval", out)
		}
		return out, err
	}
	compileScoped := thread.CompileScoped
	thread.CompileScoped = func(callee, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
		out, err := compileScoped(callee, fn, site)
		if out != nil {
			vm.DisassembleFunction(&code, callee.Name+"!", out)
		}
		return out, err
	}
	v, err := thread.Run(vm.NewMapValue(vm.NewMap(0)))
	if err != nil {
		return code.String() + "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return code.String() + "value: " + vm.Debug(v)
}

// TestNumbersAreWithinBounds looks at the code of all golden cases: no instruction names a register
// or constant that there is not, or jumps out of its function.
func TestNumbersAreWithinBounds(t *testing.T) {
	function := regexp.MustCompile(`^function .*: \d+ parameters, (\d+) registers`)
	instruction := regexp.MustCompile(`^ +(\d+) `)
	number := regexp.MustCompile(`(?:\b[RK]|-> )-?\d+`)
	programs := 0
	for _, file := range files(t, "../conformance/*.jsonl") {
		cases, err := conformance.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			p, err := rhai.Compile(c.Script)
			if err != nil {
				continue
			}
			programs++
			var code bytes.Buffer
			if err := vm.Disassemble(&code, p); err != nil {
				t.Fatal(err)
			}
			registers, constants, last := 0, 0, 0
			var jumps []int
			for _, line := range strings.Split(code.String(), "\n") {
				switch {
				case line == "":
					for _, to := range jumps {
						if to < 0 || to > last {
							t.Errorf("%s: a jump to %d of %d in\n%s", c.ID, to, last, code.String())
						}
					}
				case strings.HasPrefix(line, "  K"):
					constants++
				case function.MatchString(line):
					registers, _ = strconv.Atoi(function.FindStringSubmatch(line)[1])
					constants, jumps = 0, nil
				case instruction.MatchString(line):
					last, _ = strconv.Atoi(instruction.FindStringSubmatch(line)[1])
					text, _, _ := strings.Cut(line, `"`) // names may look like anything
					for _, s := range number.FindAllString(text, -1) {
						n, _ := strconv.Atoi(strings.TrimLeft(s, "RK-> "))
						if s[0] == 'R' && n >= registers || s[0] == 'K' && n >= constants {
							t.Errorf("%s: %s, of %d registers and %d constants, in %s", c.ID, s, registers, constants, line)
						}
						if s[0] == '-' {
							jumps = append(jumps, n)
						}
					}
				}
			}
		}
	}
	if programs < 5000 {
		t.Errorf("looked at %d programs only", programs)
	}
}

func files(t *testing.T, pattern string) []string {
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return names
}
