package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var (
	kvSetOptions  = []property{{name: "if_absent", is: isBool}, {name: "ttl_ms", is: isInteger}}
	kvListOptions = []property{{name: "cursor", is: isString}, {name: "limit", is: isInteger}, {name: "prefix", is: isString}}
)

// registerKV adds kv::collection and its methods:
//
//	get(key)                             the value; () when there is none
//	set(key, value [, #{ttl_ms, if_absent}])   whether it was set
//	has(key), delete(key)                whether there was such a key
//	list([#{prefix, cursor, limit}])     #{items: [#{key, value}], cursor}; no more pages: cursor is ""
//	incr(key, by)                        the sum; a missing key counts as 0
//	compare_and_set(key, old, new)       whether it was set; () as old: the key must be missing, as new: delete it
func registerKV(l *vm.Library) {
	const c, s = kvCollection, vm.KindString
	registerCollection(l, "kv", c, "KvCollection")

	onKey := func(op abi.Op, answer string) vm.NativeFunc {
		return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return on(t, op, args[0]).string("key", args[1]).one(answer)
		}
	}
	l.Func("get", onKey(abi.OpKVGet, "value"), c, s)
	l.Func("has", onKey(abi.OpKVHas, "found"), c, s)
	l.Func("delete", onKey(abi.OpKVDelete, "found"), c, s)

	set := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpKVSet, args[0]).string("key", args[1]).value("value", args[2]).properties(options(args, 3), kvSetOptions).one("set")
	}
	l.Func("set", set, c, s, vm.KindAny)
	l.Func("set", set, c, s, vm.KindAny, vm.KindMap)

	list := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpKVList, args[0]).properties(options(args, 1), kvListOptions).all()
	}
	l.Func("list", list, c)
	l.Func("list", list, c, vm.KindMap)

	l.Func("incr", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpKVIncr, args[0]).string("key", args[1]).integer("by", args[2].AsInt()).one("value")
	}, c, s, vm.KindInt)
	l.Func("compare_and_set", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpKVCompareAndSet, args[0]).string("key", args[1]).value("old", args[2]).value("new", args[3]).one("set")
	}, c, s, vm.KindAny, vm.KindAny)
}
