package sdk

import "github.com/picloud/picloud/guest-sdk/internal/host"

// Invoke runs another script or plugin of the app by name, in a sandbox of its
// own, and answers its value as a T: of a structured response the map with
// statusCode that it is. The callee sees args as ctx.args. Its failure is an
// [*Error] that names it; [CodeNotFound] when there is none of this name.
// Invocations nest 8 deep.
func Invoke[T any](name string, args any) (T, error) {
	response, err := host.Call[struct {
		Value T `json:"value"`
	}](host.Invoke, struct {
		Name string `json:"name"`
		Args any    `json:"args"`
	}{name, args})
	return response.Value, err
}
