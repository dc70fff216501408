package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerTransaction adds
//
//	transaction(|| ...)   runs the function with what it does in kv and docs all or nothing: its value
//
// An error that the function throws undoes what it did and is thrown on. If another transaction was
// in the way, the function runs again: what it does elsewhere, as to variables around it, is not
// undone. Transactions do not nest; http, changes of files, invoke, streams, passwords and sleep are
// refused within. Errors are those of any operation, and read "transaction.commit: ...":
//
//	timeout       it has taken longer than it may, all told or, where others wait, once
//	conflict      others were in the way each time
//	unavailable   the storage fails
func registerTransaction(l *vm.Library) {
	l.Calling(func(l *vm.Library) { l.Func("transaction", transaction, vm.KindFn) })
}

func transaction(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	for {
		if _, err := open(t, abi.OpTransactionBegin).send(); err != nil {
			return vm.Unit, err
		}
		v, err := t.Call(args[0].AsFn(), nil)
		end := abi.OpTransactionCommit
		if err != nil && !err.IsExit() {
			end = abi.OpTransactionRollback
		}
		again, failed := open(t, end).one("again")
		switch {
		case failed != nil && end == abi.OpTransactionCommit:
			return vm.Unit, failed
		case failed != nil || again.Kind() != vm.KindBool || !again.AsBool():
			return v, err
		}
	}
}
