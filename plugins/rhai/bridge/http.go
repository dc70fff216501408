package bridge

import (
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

var httpOptions = []property{
	{name: "follow_redirects", is: isBool}, {name: "headers", is: isLists}, {name: "max_response_bytes", is: isInteger},
	{name: "query", is: isLists}, {name: "timeout_ms", is: isInteger},
}

// registerHTTP adds the functions of http. opts are #{headers, query, timeout_ms,
// max_response_bytes, follow_redirects}, where an array in headers or query repeats a name; the
// response is #{status, headers, headers_all, body, body_raw}, whatever the status, headers_all with
// an array of values for each name. A body that is a map or an array is sent as JSON, a string as text, a blob
// as its bytes, () not at all.
//
//	get(url [, opts]), head, delete, options
//	post(url, body [, opts]), put, patch
//	request(method, url [, body [, opts]])
func registerHTTP(l *vm.Library) {
	const s, m = vm.KindString, vm.KindMap
	request := func(t *vm.Thread, method, url string, body vm.Value, opts *vm.Map) (vm.Value, *vm.Error) {
		r := open(t, abi.OpHTTPRequest).text("method", method).text("url", url)
		if !body.IsUnit() {
			r.value("body", body)
		}
		return r.properties(opts, httpOptions).all()
	}
	for _, name := range []string{"get", "head", "delete", "options"} {
		method := strings.ToUpper(name)
		f := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return request(t, method, args[0].AsString(), vm.Unit, options(args, 1))
		}
		l.Func("http::"+name, f, s)
		l.Func("http::"+name, f, s, m)
	}
	for _, name := range []string{"post", "put", "patch"} {
		method := strings.ToUpper(name)
		f := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return request(t, method, args[0].AsString(), args[1], options(args, 2))
		}
		l.Func("http::"+name, f, s, vm.KindAny)
		l.Func("http::"+name, f, s, vm.KindAny, m)
	}
	f := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		body := vm.Unit
		if len(args) > 2 {
			body = args[2]
		}
		return request(t, args[0].AsString(), args[1].AsString(), body, options(args, 3))
	}
	l.Func("http::request", f, s, s)
	l.Func("http::request", f, s, s, vm.KindAny)
	l.Func("http::request", f, s, s, vm.KindAny, m)
}
