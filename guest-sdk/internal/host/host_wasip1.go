// Package host is the SDK's way to the host, the server that runs a plugin: in a plugin the
// functions it imports, in a native test what package sdktest puts in their place.
package host

import pdk "github.com/extism/go-pdk"

// Operation is a function that the host offers. It takes the offset of a block with the request, 0
// for none, and returns the offset of a block with the response.
type Operation func(request uint64) (response uint64)

// call sends a request, nil for none, and returns the response.
func (o Operation) call(request []byte) (response []byte, err error) {
	var at uint64
	if request != nil {
		block := pdk.AllocateBytes(request)
		defer block.Free()
		at = block.Offset()
	}
	answer := pdk.FindMemory(o(at))
	defer answer.Free()
	return answer.ReadBytes(), nil
}

// Input returns what the plugin was called with.
func Input() []byte { return pdk.Input() }

// Output sets what the plugin returns.
func Output(text []byte) { pdk.Output(text) }

// Fail sets why the plugin failed.
func Fail(message string) { pdk.SetErrorString(message) }
