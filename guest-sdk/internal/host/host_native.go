//go:build !wasip1

// Package host is the way to the host: in a plugin the functions that it imports, in
// a native test what package sdktest puts in their place.
package host

import "errors"

//go:generate go run generate.go

// Operation is the name of an operation: "kv.get".
type Operation string

// Serve answers operations, JSON in and out as [abi.PluginCall] has them; nil when
// there is no host.
var Serve func(operation string, request []byte) (response []byte)

// Handle runs the plugin's handler from JSON to JSON, as the export "handle" does;
// nil unless package sdk is linked.
var Handle func(input []byte) (output []byte, err error)

// call hands a request over, nil for none.
func (o Operation) call(request []byte) (response []byte, err error) {
	if Serve == nil {
		return nil, errNoHost
	}
	return Serve(string(o), request), nil
}

var errNoHost = errors.New("there is no host: outside of PiCloud a plugin's code runs in tests, after sdktest.New(t)")
