package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var (
	docsFindOptions    = []property{{name: "cursor", is: isString}, {name: "explain", is: isBool}, {name: "limit", is: isInteger}, {name: "sort", is: isOrder}}
	docsPageOptions    = []property{{name: "cursor", is: isString}, {name: "limit", is: isInteger}, {name: "sort", is: isOrder}}
	docsFindOneOptions = []property{{name: "sort", is: isOrder}}
	docsUpdateOptions  = []property{{name: "if_version", is: isInteger}}
)

// registerDocs adds docs::collection and its methods. An envelope is #{id, data, created_at,
// updated_at, version}.
//
//	create(map)                              the new id
//	get(id)                                  the envelope; () when there is none
//	find(filter [, #{sort, limit, cursor}])  an array of envelopes; with explain: true how they are found
//	find_one(filter [, #{sort}])             the first envelope; () when there is none
//	list([opts])                             find without a filter
//	page(filter [, opts])                    #{items, cursor}; no more pages: cursor is ""
//	update(id, map [, #{if_version}])        replaces the data: the envelope now
//	patch(id, map [, #{if_version}])         merges into the data: the envelope now
//	delete(id)                               whether there was such a document
//	count([filter])                          how many there are
//	index(path)                              has a path indexed: #{path, state, built}
//	indexes()                                an array of such
func registerDocs(l *vm.Library) {
	const c, s, m = docsCollection, vm.KindString, vm.KindMap
	registerCollection(l, "docs", c, "DocsCollection")

	l.Func("create", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsCreate, args[0]).value("data", args[1]).one("id")
	}, c, m)
	l.Func("get", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsGet, args[0]).string("id", args[1]).one("document")
	}, c, s)
	l.Func("delete", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsDelete, args[0]).string("id", args[1]).one("found")
	}, c, s)

	find := func(t *vm.Thread, args []vm.Value, known []property) *request {
		return on(t, abi.OpDocsFind, args[0]).value("filter", args[1]).properties(options(args, 2), known)
	}
	both := func(name string, f vm.NativeFunc) {
		l.Func(name, f, c, m)
		l.Func(name, f, c, m, m)
	}
	both("find", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		answer := "items"
		if explain := options(args, 2).At("explain"); explain != nil && explain.Kind() == vm.KindBool && explain.AsBool() {
			answer = "explain"
		}
		return find(t, args, docsFindOptions).one(answer)
	})
	both("page", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return find(t, args, docsPageOptions).all()
	})
	both("find_one", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return find(t, args, docsFindOneOptions).integer("limit", 1).first("items")
	})
	list := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsFind, args[0]).properties(options(args, 1), docsPageOptions).one("items")
	}
	l.Func("list", list, c)
	l.Func("list", list, c, m)

	for name, op := range map[string]abi.Op{"update": abi.OpDocsUpdate, "patch": abi.OpDocsPatch} {
		update := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return on(t, op, args[0]).string("id", args[1]).value("data", args[2]).properties(options(args, 3), docsUpdateOptions).one("document")
		}
		l.Func(name, update, c, s, m)
		l.Func(name, update, c, s, m, m)
	}

	l.Func("count", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsCount, args[0]).one("count")
	}, c)
	l.Func("count", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsCount, args[0]).value("filter", args[1]).one("count")
	}, c, m)

	l.Func("index", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsIndex, args[0]).string("path", args[1]).one("index")
	}, c, s)
	l.Func("indexes", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpDocsIndexes, args[0]).one("items")
	}, c)
}
