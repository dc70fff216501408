package abi

import (
	"errors"
	"strings"

	"github.com/tinylib/msgp/msgp"
)

// How plugins are driven, and how they call the host: with the messages of this
// package as JSON.

// PluginFunction returns the name under which plugins import an operation, from module
// "extism:host/user": kv_get for kv.get.
func PluginFunction(operation string) string { return strings.ReplaceAll(operation, ".", "_") }

// PluginInput returns an invocation as JSON, what a plugin's handle finds as its input.
// What is not there has no key. The error is a [*ValueError].
func PluginInput(inv Invocation) ([]byte, error) {
	encoded := inv.Append(nil, ReadsAll)
	return AppendJSON(make([]byte, 0, 2*len(encoded)), encoded)
}

// PluginCall performs an operation for a plugin. The request is JSON, empty for none, and what it
// returns is JSON, too: {"result": response} or {"error": {"code", "message"}}.
func PluginCall(row Operation, request []byte, perform func(request []byte) (response []byte, err *OpError)) []byte {
	if len(request) == 0 {
		request = []byte("{}")
	}
	invalid := func(what string, err error) []byte {
		return pluginError(&OpError{Code: OpCodeInvalid, Message: row.Name + ": the " + what + ": " + err.Error()})
	}
	value, err := AppendFromJSON(nil, request)
	if err == nil && msgp.NextType(value) != msgp.MapType {
		err = errors.New("must be an object")
	}
	if err != nil {
		return invalid("request is not right", err)
	}
	if row.Request == "" {
		value = nil
	}
	response, failure := perform(value)
	if failure != nil {
		return pluginError(failure)
	}
	out := append(make([]byte, 0, 2*len(response)+16), `{"result":`...)
	if len(response) == 0 {
		return append(out, "null}"...)
	}
	if out, err = AppendJSON(out, response); err != nil {
		return invalid("response is not JSON", err)
	}
	return append(out, '}')
}

func pluginError(failure *OpError) []byte {
	shown := OpError{Code: failure.Code, Message: strings.ToValidUTF8(failure.Message, "\uFFFD")}
	encoded, err := shown.MarshalMsg(nil)
	out := []byte(`{"error":`)
	if err == nil {
		out, err = AppendJSON(out, encoded)
	}
	if err != nil { // two strings of valid UTF-8 have a JSON
		panic(err)
	}
	return append(out, '}')
}
