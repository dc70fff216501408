package hostcalls

import (
	"context"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// HTTP performs the requests of an app's scripts to other servers: a [fetch.Client].
type HTTP interface {
	Do(ctx context.Context, appID, scriptID string, request *abi.HTTPRequest) (*abi.HTTPResponse, error)
}

func httpHandlers(client HTTP) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpHTTPRequest: handle(abi.OpHTTPRequest, func(ctx context.Context, scope *Scope, request *abi.HTTPRequest) (msgp.Marshaler, error) {
			response, err := client.Do(ctx, scope.AppID, scope.ScriptID, request)
			if err != nil {
				return nil, err
			}
			return response, nil
		}),
	}
}
