package lib

import "github.com/picloud/picloud/plugins/rhai/vm"

// registerFnPtrs adds the properties of function pointers.
func registerFnPtrs(l *vm.Library) {
	both(l, "name", fnName, vm.KindFn)
	both(l, "is_anonymous", fnIsAnonymous, vm.KindFn)
}

func fnName(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.String(args[0].AsFn().Name), nil
}

func fnIsAnonymous(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Bool(args[0].AsFn().IsClosure()), nil
}
