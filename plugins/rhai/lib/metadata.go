package lib

import "github.com/picloud/picloud/plugins/rhai/vm"

// registerMetadata adds what a script can learn of its own functions.
func registerMetadata(l *vm.Library) {
	l.Func("get_fn_metadata_list", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return metadata(t, func(*vm.Function) bool { return true }), nil
	})
	l.Func("get_fn_metadata_list", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		name := args[0].AsString()
		return metadata(t, func(f *vm.Function) bool { return f.Name == name }), nil
	}, vm.KindString)
	l.Func("get_fn_metadata_list", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		name, params := args[0].AsString(), args[1].AsInt()
		return metadata(t, func(f *vm.Function) bool { return f.Name == name && int64(f.Params) == params }), nil
	}, vm.KindString, vm.KindInt)
}

// metadata describes the script functions that are wanted, each as a map.
func metadata(t *vm.Thread, wanted func(*vm.Function) bool) vm.Value {
	var list []vm.Value
	for _, f := range t.Functions() {
		if !wanted(f) {
			continue
		}
		params := make([]vm.Value, len(f.ParamNames))
		for i, p := range f.ParamNames {
			params[i] = vm.String(p)
		}
		access := "public"
		if f.Private {
			access = "private"
		}
		m := vm.NewMap(5)
		m.Set("access", vm.String(access))
		m.Set("is_anonymous", vm.Bool(false))
		m.Set("name", vm.String(f.Name))
		m.Set("params", vm.NewArray(params))
		if f.ThisType != "" {
			m.Set("this_type", vm.String(f.ThisType))
		}
		list = append(list, vm.NewMapValue(m))
	}
	return vm.NewArray(list)
}
