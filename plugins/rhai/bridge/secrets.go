package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerSecrets adds the functions of secrets, which read what an administrator has set:
//
//	get(name)      the value, a string; () when there is none
//	has(name)      whether there is one
//	list()         the names of all, in their order
func registerSecrets(l *vm.Library) {
	named := func(op abi.Op, answer string) vm.NativeFunc {
		return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return open(t, op).string("name", args[0]).one(answer)
		}
	}
	l.Func("secrets::get", named(abi.OpSecretsGet, "value"), vm.KindString)
	l.Func("secrets::has", named(abi.OpSecretsHas, "found"), vm.KindString)
	l.Func("secrets::list", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpSecretsList).one("names")
	})
}
