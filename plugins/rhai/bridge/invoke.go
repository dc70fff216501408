package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerInvoke adds
//
//	invoke(name [, args])   runs the endpoint or plugin of this app that has the name: its value
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
}
