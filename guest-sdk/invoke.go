package sdk

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Invoke runs another script or plugin of the app by name, in a sandbox of its own, and returns its
// value as a T. A structured response is the map with statusCode that the callee returned. The
// callee sees args as ctx.args. If it fails, the error is an [*Error] that names it; its code is
// [CodeNotFound] when there is no script of this name. Invocations nest 8 deep.
func Invoke[T any](name string, args any) (T, error) {
	response, err := host.Call[struct {
		Value T `json:"value"`
	}](host.Invoke, struct {
		Name string `json:"name"`
		Args any    `json:"args"`
	}{name, args})
	return response.Value, err
}

// InvokeAsync has another script or plugin of the app run after a delay of at most 30 days, with what
// this one may do, and returns the id of that execution. What it returns is for nobody; if it fails, it
// is run again. The error is [CodeNotFound] when there is no script of this name; args have at most
// 256 KiB as JSON.
func InvokeAsync(name string, args any, delay time.Duration) (executionID string, err error) {
	response, err := host.Call[struct {
		ExecutionID string `json:"execution_id"`
	}](host.InvokeAsync, struct {
		Name  string `json:"name"`
		Args  any    `json:"args"`
		Delay int64  `json:"delay_ms,omitzero"`
	}{name, args, delay.Milliseconds()})
	return response.ExecutionID, err
}
