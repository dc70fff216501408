package sdk

import "github.com/picloud/picloud/guest-sdk/internal/host"

// handle is called by the host for each execution.
//
//go:wasmexport handle
func handle() int32 {
	output, err := serve(host.Input())
	if err != nil {
		host.Fail(failureText(err))
		return 1
	}
	if output != nil {
		host.Output(output)
	}
	return 0
}
