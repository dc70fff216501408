//go:build !wasip1

// Package host is the SDK's way to the host, the server that runs a plugin: in a plugin the
// functions it imports, in a native test what package sdktest puts in their place.
package host

import "errors"

//go:generate go run generate.go

// Operation is the name of an operation: "kv.get".
type Operation string

// Serve performs operations, with the JSON that [abi.PluginCall] describes; nil when there is no
// host.
var Serve func(operation string, request []byte) (response []byte)

// Handle runs the plugin's handler on JSON and returns JSON, as the export "handle" does; nil
// unless package sdk is linked.
var Handle func(input []byte) (output []byte, err error)

// call sends a request, nil for none, and returns the response.
func (o Operation) call(request []byte) (response []byte, err error) {
	if Serve == nil {
		return nil, errNoHost
	}
	return Serve(string(o), request), nil
}

var errNoHost = errors.New("there is no host: outside of PiCloud a plugin's code runs in tests, after sdktest.New(t)")
