// Package conformance holds golden cases: scripts and what the real Rhai makes of them. The program
// in the folder oracle asks it, which is on crate rhai 1.24. The cases run against this interpreter
// natively and in the sandbox.
package conformance

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Case is one line of a file of cases.
type Case struct {
	ID      string            `json:"id"`
	Area    string            `json:"area,omitempty"`
	Topic   string            `json:"topic,omitempty"`
	Script  string            `json:"script"`
	Modules map[string]string `json:"modules,omitempty"` // that it imports, by name
	Expect  Outcome           `json:"expect"`
}

// Outcome is what a script came to. To conform, all fields must be equal.
type Outcome struct {
	OK      bool     `json:"ok"`
	Type    string   `json:"type,omitempty"`    // of the value, as type_of
	Value   string   `json:"value,omitempty"`   // in debug form
	Display string   `json:"display,omitempty"` // in string form
	Stdout  []string `json:"stdout,omitempty"`  // lines of print and debug
	Kind    string   `json:"kind,omitempty"`    // of an error: "parse" or "runtime"
	Error   string   `json:"error,omitempty"`   // the whole text
	Line    int      `json:"line,omitempty"`    // from 1; 0 when there is none
	Column  int      `json:"col,omitempty"`
}

// Equal reports whether two outcomes are the same to the letter.
func (o Outcome) Equal(p Outcome) bool {
	if len(o.Stdout) == 0 && len(p.Stdout) == 0 {
		o.Stdout, p.Stdout = nil, nil
	}
	return reflect.DeepEqual(o, p)
}

// Limits are those the oracle runs under: as the default engine, with 5,000,000
// operations.
var Limits = abi.Limits{MaxOperations: 5_000_000, MaxStringSize: 1 << 28, MaxArraySize: 1 << 26, MaxBlobSize: 1 << 26, MaxMapSize: 1 << 24, MemoryMB: 512, TimeoutMS: 60_000}.Or(abi.DefaultLimits)

// Load reads a file of cases, one JSON object a line.
func Load(path string) ([]Case, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var cases []Case
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		cases = append(cases, c)
	}
	return cases, lines.Err()
}

// Native runs a script in this process.
func Native(script string, modules map[string]string) Outcome {
	return NativeWithin(Limits, script, modules)
}

// NativeWithin runs a script in this process under other limits.
func NativeWithin(limits abi.Limits, script string, modules map[string]string) Outcome {
	compiler := &rhai.Compiler{Library: lib.Standard()}
	program, err := compiler.Script(script)
	if err == nil {
		source := func(name string) (string, bool) { text, ok := modules[name]; return text, ok }
		err = compiler.Link(program, rhai.Modules{Source: source, Lazy: true})
	}
	if err != nil {
		return failure(err, nil)
	}
	host := &Recorder{}
	t := vm.NewThread(program, host, limits, nil, 1)
	rhai.Prepare(t)
	v, verr := t.Run()
	if verr != nil {
		return failure(verr, host.Lines)
	}
	return Outcome{OK: true, Type: v.TypeName(), Value: vm.Debug(v), Display: vm.Display(v), Stdout: host.Lines}
}

func failure(err *vm.Error, stdout []string) Outcome {
	o := Outcome{Kind: "runtime", Error: err.Error(), Line: int(err.Position.Line), Column: int(err.Position.Column), Stdout: stdout}
	for ; err.Inner != nil; err = err.Inner {
	}
	if err.Variant == vm.ErrorParsing {
		o.Kind = "parse"
	}
	return o
}

// Recorder is a host that keeps what is printed.
type Recorder struct {
	Lines []string
	now   int64
}

// Print keeps a line.
func (r *Recorder) Print(text string) { r.Lines = append(r.Lines, text) }

// Debug keeps a line as the default engine prints it.
func (r *Recorder) Debug(text, at string) {
	r.Lines = append(r.Lines, at+" | "+text)
}

// Yield does nothing.
func (r *Recorder) Yield() {}

// Sleep lets the time pass.
func (r *Recorder) Sleep(nanoseconds int64) *vm.Error {
	r.now += nanoseconds
	return nil
}

// MonotonicNow counts the calls in milliseconds.
func (r *Recorder) MonotonicNow() int64 {
	r.now += 1e6
	return r.now
}
