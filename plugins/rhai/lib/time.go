package lib

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerTime adds timestamps, points in a clock that only moves forward. Their
// arithmetic is in package vm.
func registerTime(l *vm.Library) {
	l.Func("timestamp", timestamp)
	both(l, "elapsed", elapsed, vm.KindTimestamp)
}

func timestamp(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
	return vm.Timestamp(t.MonotonicNow()), nil
}

// elapsed returns how many seconds ago a timestamp was.
func elapsed(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	now := vm.Timestamp(t.MonotonicNow())
	if args[0].AsTimestamp() > now.AsTimestamp() {
		return vm.Unit, vm.ArithmeticError("Time-stamp is later than now")
	}
	return t.Binary(syntax.OpSub, now, args[0])
}
