package lib

import "github.com/picloud/picloud/plugins/rhai/vm"

// registerDebug adds what makes text of values and what prints it.
func registerDebug(l *vm.Library) {
	l.Func("print", printLine)
	l.Func("print", printLine, vm.KindAny)
	l.Func("debug", debugLine)
	l.Func("debug", debugLine, vm.KindAny)
	l.Func("to_string", toString, vm.KindAny)
	l.Func("to_debug", toDebug, vm.KindAny)
}

func printLine(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := ""
	if len(args) > 0 {
		var err *vm.Error
		if text, err = t.Display(args[0]); err != nil {
			return vm.Unit, err
		}
	}
	t.Print(text)
	return vm.Unit, nil
}

func debugLine(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := ""
	if len(args) > 0 {
		var err *vm.Error
		if text, err = t.DebugText(args[0]); err != nil {
			return vm.Unit, err
		}
	}
	t.Debug(text)
	return vm.Unit, nil
}

func toString(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return t.Text(args[0])
}

func toDebug(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return t.DebugForm(args[0])
}
