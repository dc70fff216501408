package hostcalls

import (
	"context"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fetch"
)

func httpHandlers(client *fetch.Client) map[abi.Op]Handler {
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
