package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var (
	filesCreateFields = []property{
		{name: "name", is: isString, required: true}, {name: "content_type", is: isString, required: true}, {name: "data", is: isBytes, required: true},
	}
	filesUpdateFields = []property{{name: "name", is: isString}, {name: "content_type", is: isString}, {name: "data", is: isBytes}}
	filesGetOptions   = []property{{name: "length", is: isInteger}, {name: "offset", is: isInteger}}
	filesListOptions  = []property{{name: "cursor", is: isString}, {name: "limit", is: isInteger}}
)

// registerFiles adds files::collection and its methods. Metadata is #{id, name, content_type, size,
// sha256, created_at, updated_at}; data is a blob, or a string for its UTF-8.
//
//	create(#{name, content_type, data})          the metadata
//	head(id)                                     the metadata; () when there is none
//	get(id[, #{offset, length}])                 the bytes, or those of a part, a blob; () when there is no file
//	update(id, #{name, content_type, data})      changes what is given: the metadata now
//	delete(id)                                   whether there was such a file
//	list([#{cursor, limit}])                     an array of metadata
//	page([#{cursor, limit}])                     #{items, cursor}; no more pages: cursor is ""
func registerFiles(l *vm.Library) {
	const c, s, m = filesCollection, vm.KindString, vm.KindMap
	registerCollection(l, "files", c, "FilesCollection")

	onID := func(op abi.Op, answer string) vm.NativeFunc {
		return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return on(t, op, args[0]).string("id", args[1]).one(answer)
		}
	}
	l.Func("head", onID(abi.OpFilesHead, "file"), c, s)
	l.Func("delete", onID(abi.OpFilesDelete, "found"), c, s)
	get := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpFilesGet, args[0]).string("id", args[1]).properties(options(args, 2), filesGetOptions).oneIf("found", "data")
	}
	l.Func("get", get, c, s)
	l.Func("get", get, c, s, m)

	l.Func("create", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpFilesCreate, args[0]).properties(args[1].AsMap(), filesCreateFields).one("file")
	}, c, m)
	l.Func("update", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return on(t, abi.OpFilesUpdate, args[0]).string("id", args[1]).properties(args[2].AsMap(), filesUpdateFields).one("file")
	}, c, s, m)

	list := func(t *vm.Thread, args []vm.Value) *request {
		return on(t, abi.OpFilesList, args[0]).properties(options(args, 1), filesListOptions)
	}
	items := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) { return list(t, args).one("items") }
	page := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) { return list(t, args).all() }
	l.Func("list", items, c)
	l.Func("list", items, c, m)
	l.Func("page", page, c)
	l.Func("page", page, c, m)
}
