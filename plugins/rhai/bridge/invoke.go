package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var invokeAsyncOptions = []property{{name: "delay_ms", is: isInteger}}

// registerInvoke adds
//
//	invoke(name [, args])                        runs the endpoint or plugin of this app that has the name: its value
//	invoke_async(name [, args [, #{delay_ms}]])  has it run later: the id of that execution
//
// What is invoked runs in a sandbox of its own, with limits of its own but no longer than its
// caller, and may do what its caller may. It sees args as ctx.args. Its value comes as it is: a
// structured response is the map with statusCode. Its errors can be caught like those of any
// operation, and read `invoke "name": ...`:
//
//	failed           it threw, or it does not compile
//	timeout          it took longer than its timeout_ms
//	limit_exceeded   it exceeded another of its limits, or abi.MaxInvokeDepth
//	not_found        there is no endpoint or plugin of that name
//
// Of what runs later only the last is an error here.
func registerInvoke(l *vm.Library) {
	invoke := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		r := open(t, abi.OpInvoke).string("name", args[0])
		if len(args) > 1 {
			r.value("args", args[1])
		}
		return r.one("value")
	}
	l.Func("invoke", invoke, vm.KindString)
	l.Func("invoke", invoke, vm.KindString, vm.KindAny)

	later := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		r := open(t, abi.OpInvokeAsync).string("name", args[0])
		if len(args) > 1 {
			r.value("args", args[1])
		}
		return r.properties(options(args, 2), invokeAsyncOptions).one("execution_id")
	}
	l.Func("invoke_async", later, vm.KindString)
	l.Func("invoke_async", later, vm.KindString, vm.KindAny)
	l.Func("invoke_async", later, vm.KindString, vm.KindAny, vm.KindMap)
}
