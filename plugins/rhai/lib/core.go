package lib

import (
	"math"
	"strconv"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerCore adds the functions of the language itself that are not operators
// of the compiler.
func registerCore(l *vm.Library) {
	l.Func("exit", exit)
	l.Func("exit", exit, vm.KindAny)
	l.Reader("take", take, vm.KindAny)
	l.Func("type_of", typeOf, vm.KindAny)
	l.Func("tag", tag, vm.KindAny)
	l.Getter("tag", tag, vm.KindAny)
	l.Reader("set_tag", setTag, vm.KindAny, vm.KindInt)
	l.Setter("tag", setTag, vm.KindAny, vm.KindInt)
	l.Func("sleep", sleep, vm.KindInt)
	l.Func("sleep", sleep, vm.KindFloat)
}

// exit ends the script with a value.
func exit(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if len(args) == 0 {
		return vm.Unit, vm.Exit(vm.Unit)
	}
	return vm.Unit, vm.Exit(args[0])
}

// take moves a value out of its variable, which becomes ().
func take(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	v := args[0]
	args[0] = vm.Unit
	return v, nil
}

func typeOf(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.String(args[0].TypeName()), nil
}

func tag(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(t.Tag(args[0]))), nil
}

func setTag(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n := args[1].AsInt()
	misfit := ""
	switch {
	case n < math.MinInt32:
		misfit = "small"
	case n > math.MaxInt32:
		misfit = "large"
	}
	if misfit != "" {
		return vm.Unit, vm.ArithmeticError(strconv.FormatInt(n, 10) + " is too " + misfit +
			" to fit into a tag (must be between -2147483648 and 2147483647)")
	}
	args[0] = t.WithTag(args[0], int32(n))
	return vm.Unit, nil
}

// sleepPerOperation is how long a sleep may last for one operation counted, in
// sleep waits for a number of seconds, in the host. What bounds it is the script's time limit.
func sleep(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	seconds := float64(args[0].AsInt())
	if args[0].Kind() == vm.KindFloat {
		seconds = args[0].AsFloat()
	}
	if !(seconds > 0) || math.IsInf(seconds, 1) || seconds < 0x1p-1022 {
		return vm.Unit, nil
	}
	length := int64(math.MaxInt64)
	if seconds < math.MaxInt64/1e9 {
		length = int64(seconds * 1e9)
	}
	return vm.Unit, t.Sleep(length)
}
