package lib

import "github.com/picloud/picloud/plugins/rhai/vm"

// registerCharacters adds the functions of single characters. All are constant in
// time. A character whose other case is more than one character stays as it is.
func registerCharacters(l *vm.Library) {
	const c = vm.KindChar
	l.Func("to_int", charToInt, c)
	l.Func("to_upper", charToUpper, c)
	l.Func("to_lower", charToLower, c)
	l.Method("make_upper", changes(charToUpper), c)
	l.Method("make_lower", changes(charToLower), c)
}

func charToInt(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(args[0].AsChar())), nil
}

func charToUpper(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	r := args[0].AsChar()
	if expandedUpper(r) != "" {
		return vm.Char(r), nil
	}
	return vm.Char(newerCases.ToUpper(r)), nil
}

func charToLower(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	r := args[0].AsChar()
	if r == dottedI {
		return vm.Char(r), nil
	}
	return vm.Char(newerCases.ToLower(r)), nil
}
