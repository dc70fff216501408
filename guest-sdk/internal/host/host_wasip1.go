// Package host is the way to the host: in a plugin the functions that it imports, in
// a native test what package sdktest puts in their place.
package host

import pdk "github.com/extism/go-pdk"

// Operation is a function that the host offers: from the offset of a block with
// the request, 0 for none, to the offset of one with the response.
type Operation func(request uint64) (response uint64)

// call hands a request over, nil for none.
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

// Input is what the plugin was called with.
func Input() []byte { return pdk.Input() }

// Output sets what the plugin answers.
func Output(text []byte) { pdk.Output(text) }

// Fail sets why the plugin failed.
func Fail(message string) { pdk.SetErrorString(message) }
