package sdk

import "github.com/picloud/picloud/guest-sdk/internal/host"

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
