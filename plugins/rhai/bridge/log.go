package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerLog adds log::trace, info, warn and error: (message) and (message, data).
func registerLog(l *vm.Library) {
	for _, level := range []abi.LogLevel{abi.LogTrace, abi.LogInfo, abi.LogWarn, abi.LogError} {
		name := "log::" + string(level)
		write := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			var data []byte
			if len(args) == 2 {
				e := encoder{work: work{t: t}}
				if !e.value(args[1], 0) {
					if e.err == nil {
						e.err = invalid(name, e.refusal("data"))
					}
					return vm.Unit, e.err
				}
				data = e.b
			}
			if err := t.Charge(1); err != nil {
				return vm.Unit, err
			}
			message, verr := t.Display(args[0])
			if verr != nil {
				return vm.Unit, verr
			}
			if err := hostOf(t).log(level, message, data); err != nil {
				return vm.Unit, operationError("log.write", err)
			}
			return vm.Unit, nil
		}
		l.Func(name, write, vm.KindAny)
		l.Func(name, write, vm.KindAny, vm.KindAny)
	}
}

// hostOf returns the host of a thread that a [Session] has made.
func hostOf(t *vm.Thread) *host { return t.Host().(*host) }
