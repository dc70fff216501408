package log_test

import (
	"fmt"

	"github.com/picloud/picloud/guest-sdk/log"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

func ExampleInfo() {
	sdktest.Run(func(host *sdktest.Host) {
		log.Info("order accepted", map[string]any{"item": "tea", "count": 2})
		log.Warn("stock is low")
		for _, line := range host.Log() {
			fmt.Println(line.Level, line.Message, line.Data)
		}
	})
	// Output:
	// info order accepted {"count":2,"item":"tea"}
	// warn stock is low null
}
