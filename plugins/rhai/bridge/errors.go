package bridge

import (
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// ErrorOperation is an operation that failed, or a function of these modules that was given what it
// cannot take. A script's catch, also around a function that it happened in, gets a map as for
// Rhai's own errors, with code (an [abi.OpCode]) and operation beside error, message, line and
// position.
const ErrorOperation = vm.ErrorOperation

// failure returns an error of the function or operation with a name: "kv.set", "regex::find". The
// message may begin with it.
func failure(name string, code abi.OpCode, message string) *vm.Error {
	if rest, ok := strings.CutPrefix(message, name); !ok || !strings.HasPrefix(rest, ": ") && !strings.HasPrefix(rest, " \"") {
		message = name + ": " + message
	}
	return &vm.Error{Variant: ErrorOperation, Text: message, Fields: []vm.Field{
		{Name: "code", Value: vm.String(string(code))},
		{Name: "operation", Value: vm.String(name)},
	}}
}

// invalid returns the failure of a function that was given what it cannot take.
func invalid(name, message string) *vm.Error { return failure(name, abi.OpCodeInvalid, message) }

// operationError returns what a script gets of an error from the host.
func operationError(name string, err error) *vm.Error {
	if e, ok := err.(*abi.OpError); ok {
		return failure(name, e.Code, e.Message)
	}
	return failure(name, abi.OpCodeInternal, "the operation failed")
}

// quoted returns a text as Rhai's debug form shows it.
func quoted(text string) string { return vm.Debug(vm.String(text)) }
