//go:build tinygo || wasm

// Command toy is a guest for the sandbox's tests. Its scripts are one command
// with an argument, most of them things no well-made guest does.
package main

import (
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/guest/heap"
	"github.com/picloud/picloud/plugins/rhai/guest/reactor"
	"github.com/tinylib/msgp/msgp"
)

func init() { reactor.Serve(new(toy)) }

func main() {}

type toy struct {
	name, argument string
	runs           int64    // of this instance
	kept           [][]byte // by allocate
}

func (t *toy) Load(r *abi.LoadRequest) abi.LoadResult {
	t.name, t.argument, _ = strings.Cut(r.Source, " ")
	switch t.name {
	case "invalid":
		return abi.LoadResult{Error: &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: t.argument, Line: 1, Column: 9}}
	case "trap-load":
		panic("trap")
	case "deaf-load":
		deaf()
	case "allocate-load":
		t.allocate()
	case "import":
		return abi.LoadResult{Imports: strings.Fields(t.argument)}
	}
	return abi.LoadResult{Reads: abi.ReadsAll}
}

func (t *toy) Run(r *abi.RunRequest) (result abi.RunResult) {
	t.runs++
	result.Operations = 7
	n, _ := strconv.Atoi(t.argument)
	switch t.name {
	case "text": // answer the argument
		result.Value = msgp.AppendString(nil, t.argument)
	case "runs": // answer how often this instance ran, which must be 1
		result.Value = msgp.AppendInt64(nil, t.runs)
	case "echo": // answer the invocation
		result.Value = r.Invocation
	case "big": // answer a string of so many bytes
		result.Value = msgp.AppendString(nil, strings.Repeat("x", n))
	case "entropy":
		result.Value = msgp.AppendBytes(nil, r.Entropy[:])
	case "time":
		result.Value = msgp.AppendInt64(nil, r.UnixNano)
	case "fail":
		result.Error = &abi.ScriptError{Code: abi.CodeScriptError, Message: t.argument, Line: 3, Column: 4}
	case "spin": // until interrupted
		for atomic.LoadUint32(reactor.Interrupt()) == abi.InterruptNone {
			_, _ = reactor.Call(abi.OpYield, nil)
		}
		result.Error = interrupted()
	case "deaf": // until killed: heeds no interrupt
		deaf()
	case "trap":
		panic("trap")
	case "recurse": // until the stack is full
		result.Value = msgp.AppendInt64(nil, int64(recurse(1)))
	case "allocate": // until the memory is full
		t.allocate()
	case "garbage": // so many MiB of it
		for range n << 10 {
			t.kept = [][]byte{make([]byte, 1000)}
			if *heap.Due() != 0 {
				heap.Collect()
			}
		}
		result.Value = msgp.AppendBool(nil, true)
	case "touch": // dirty so many MiB
		for range n {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 0xaa
			}
			t.kept = append(t.kept, b)
		}
		result.Value = msgp.AppendBool(nil, true)
	case "clean": // answer whether so many MiB of new memory are zero
		clean := true
		for range n {
			b := make([]byte, 1<<20)
			for i := range b {
				clean = clean && b[i] == 0
			}
			t.kept = append(t.kept, b)
		}
		result.Value = msgp.AppendBool(nil, clean)
	case "call": // call the host: a number, a space, the request
		number, request, _ := strings.Cut(t.argument, " ")
		op, _ := strconv.Atoi(number)
		response, err := reactor.Call(abi.Op(op), []byte(request))
		if err != nil {
			result.Error = &abi.ScriptError{Code: abi.CodeScriptError, Message: err.Error()}
			if word := atomic.LoadUint32(reactor.Interrupt()); word != abi.InterruptNone {
				result.Error = interrupted()
			}
			return result
		}
		result.Value = msgp.AppendBytes(nil, response)
	default:
		result.Error = &abi.ScriptError{Code: abi.CodeInternal, Message: "no such command: " + t.name}
	}
	return result
}

func interrupted() *abi.ScriptError {
	switch atomic.LoadUint32(reactor.Interrupt()) {
	case abi.InterruptTimeout:
		return &abi.ScriptError{Code: abi.CodeTimeout, Message: "timeout"}
	default:
		return &abi.ScriptError{Code: abi.CodeCancelled, Message: "cancelled"}
	}
}

func deaf() {
	for {
		_, _ = reactor.Call(abi.OpYield, nil)
	}
}

func (t *toy) allocate() {
	for {
		t.kept = append(t.kept, make([]byte, 4000))
	}
}

//go:noinline
func recurse(n int) int {
	var room [64]int
	room[n%64] = n
	return recurse(n+1) + room[n%7]
}
