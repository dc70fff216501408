package sdk

import (
	"sync"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Library is Rhai's standard library and the modules of PiCloud. It is built once
// and must not be changed.
func Library() *vm.Library { return library() }

var library = sync.OnceValue(func() *vm.Library {
	l := lib.Standard().Extend()
	registerLog(l)
	return l
})

// registerLog adds log::trace, info, warn and error: (message) and (message, data).
func registerLog(l *vm.Library) {
	for _, level := range []abi.LogLevel{abi.LogTrace, abi.LogInfo, abi.LogWarn, abi.LogError} {
		write := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			var data []byte
			if len(args) == 2 {
				var err *vm.Error
				if data, err = Encode(nil, args[1]); err != nil {
					return vm.Unit, err
				}
			}
			if err := t.Charge(int64(1 + len(data)/64)); err != nil {
				return vm.Unit, err
			}
			message, verr := t.Display(args[0])
			if verr != nil {
				return vm.Unit, verr
			}
			if err := hostOf(t).log(level, message, data); err != nil {
				return vm.Unit, vm.RuntimeError(vm.String(err.Error()))
			}
			return vm.Unit, nil
		}
		name := "log::" + string(level)
		l.Func(name, write, vm.KindAny)
		l.Func(name, write, vm.KindAny, vm.KindAny)
	}
}

func hostOf(t *vm.Thread) *host {
	if h, ok := t.Host().(*host); ok {
		return h
	}
	return &host{}
}
