package bridge

import (
	"strconv"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerWeb adds what a script needs of requests and responses beside values:
//
//	redirect(url [, status])                        a response that leads elsewhere: 302 unless status is
//	                                                301, 303, 307 or 308
//	ctx.request.save_file(field, collection [, n])  stores a file of the form without passing it through
//	                                                the script: the last one of the field, or that of
//	                                                number n from 0. Its metadata, as of files
//
// and the methods of out in #{statusCode: 200, stream: |out| ...}, which wait until the client takes
// what was sent before:
//
//	write(value)                      sends a string as text, a blob as its bytes, else JSON
//	event(#{event, id, data, retry})  sends a server-sent event (HTML Standard, section 9.2)
func registerWeb(l *vm.Library) {
	redirect := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		status := int64(302)
		if len(args) > 1 {
			status = args[1].AsInt()
		}
		switch status {
		case 301, 302, 303, 307, 308:
		default:
			return vm.Unit, invalid("redirect", "status must be 301, 302, 303, 307 or 308, got "+strconv.FormatInt(status, 10))
		}
		if args[0].AsString() == "" {
			return vm.Unit, invalid("redirect", "url must not be empty")
		}
		headers, response := vm.NewMap(1), vm.NewMap(2)
		headers.Set("location", args[0])
		response.Set("statusCode", vm.Int(status))
		response.Set("headers", vm.NewMapValue(headers))
		return vm.NewMapValue(response), nil
	}
	l.Func("redirect", redirect, vm.KindString)
	l.Func("redirect", redirect, vm.KindString, vm.KindInt)

	save := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		r := open(t, abi.OpRequestSaveFile).string("field", args[1]).string("collection", args[2])
		if len(args) > 3 {
			r.integer("index", args[3].AsInt())
		}
		return r.one("file")
	}
	l.Func("save_file", save, vm.KindMap, vm.KindString, vm.KindString)
	l.Func("save_file", save, vm.KindMap, vm.KindString, vm.KindString, vm.KindInt)

	l.Func("write", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		_, err := open(t, abi.OpStreamWrite).value("value", args[1]).send()
		return vm.Unit, err
	}, responseStream, vm.KindAny)
	l.Func("event", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		_, err := open(t, abi.OpStreamEvent).properties(args[1].AsMap(), eventFields).send()
		return vm.Unit, err
	}, responseStream, vm.KindMap)
}

var eventFields = []property{{name: "event", is: isString}, {name: "id", is: isString}, {name: "data", is: isAnything}, {name: "retry", is: isInteger}}

// streamed returns the value of a script, unless that is a response with a stream: then it is made now,
// and there is no other value.
func streamed(t *vm.Thread, v vm.Value) (vm.Value, *vm.Error) {
	if v.Kind() != vm.KindMap {
		return v, nil
	}
	m := v.AsMap()
	stream := m.At("stream")
	if stream == nil || stream.IsUnit() || m.At("statusCode") == nil {
		return v, nil
	}
	if stream.Kind() != vm.KindFn {
		return vm.Unit, vm.RuntimeError(vm.String("invalid response: stream must be a function, got " + stream.TypeName()))
	}
	vm.Keep(t, &v)
	out := vm.NewHandle(responseStream, &vm.Handle{Type: "ResponseStream"})
	vm.Keep(t, &out)
	head := vm.NewMap(m.Len())
	for _, n := range m.Order() {
		if name, value := m.Entry(n); name != "stream" {
			head.Set(name, *value)
		}
	}
	if _, err := open(t, abi.OpStreamStart).value("head", vm.NewMapValue(head)).send(); err != nil {
		return vm.Unit, err
	}
	_, err := t.RunFunction(stream.AsFn(), out)
	return vm.Unit, err
}
