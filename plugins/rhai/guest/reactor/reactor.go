// Package reactor is the guest's side of the ABI (see package abi): the
// functions the host calls and the one through which the guest calls the host.
package reactor

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/guest/heap"
)

// An Interpreter is what a guest does with scripts. An instance loads one
// script and may then run it, once or, in tests, more often.
type Interpreter interface {
	Load(r *abi.LoadRequest) abi.LoadResult
	Run(r *abi.RunRequest) abi.RunResult
}

// interpreter is what [Serve] was given.
var interpreter Interpreter

// Serve sets the interpreter that the host reaches. Call it from an init
// function: the host runs initialisers only, never main.
func Serve(i Interpreter) { interpreter = i }

// interrupt is the interrupt word.
var interrupt uint32

// Interrupt returns the address of the interrupt word. The host writes it while
// the guest runs: poll it with sync/atomic, which no compiler hoists out of a
// loop. See [abi.InterruptTimeout] and its neighbours for what it says.
func Interrupt() *uint32 { return &interrupt }

// load decodes a load request, loads, and encodes the result.
func load(message []byte) []byte {
	var r abi.LoadRequest
	var answer abi.LoadResult
	if _, err := r.UnmarshalMsg(message); err != nil {
		answer.Error = malformed("load request", err)
	} else {
		heap.SetLimit(r.Limits.MemoryMB << 20)
		answer = interpreter.Load(&r)
	}
	encoded, err := answer.MarshalMsg(nil)
	if err != nil {
		answer = abi.LoadResult{Error: malformed("load result", err)}
		encoded, _ = answer.MarshalMsg(nil)
	}
	return encoded
}

// run decodes a run request, runs, and encodes the result.
func run(message []byte) []byte {
	var r abi.RunRequest
	var answer abi.RunResult
	if _, err := r.UnmarshalMsg(message); err != nil {
		answer.Error = malformed("run request", err)
	} else {
		answer = interpreter.Run(&r)
	}
	encoded, err := answer.Encode()
	if err != nil {
		answer = abi.RunResult{Error: malformed("run result", err), Operations: answer.Operations}
		encoded, _ = answer.Encode()
	}
	return encoded
}

func malformed(what string, err error) *abi.ScriptError {
	return &abi.ScriptError{Code: abi.CodeInternal, Message: "malformed " + what + ": " + err.Error()}
}
