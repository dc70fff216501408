// Command caller is a plugin that asks another plugin of its app.
package main

import (
	sdk "github.com/picloud/picloud/guest-sdk"
	_ "github.com/picloud/picloud/guest-sdk/snapshot"
)

func init() {
	sdk.Handle(func(_ sdk.Context, req sdk.Request) (sdk.Response, error) {
		answer, err := sdk.Invoke[map[string]any](req.Query["of"], map[string]any{"key": "lovelace", "limit": 1, "window": 86400})
		if err != nil {
			return sdk.JSON(502, map[string]any{"code": sdk.ErrorCode(err), "error": err.Error()}), nil
		}
		return sdk.OK(answer["allowed"]), nil
	})
}

func main() {}
