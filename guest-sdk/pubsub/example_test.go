package pubsub_test

import (
	"fmt"

	"github.com/picloud/picloud/guest-sdk/pubsub"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

func ExamplePublish() {
	sdktest.Run(func(host *sdktest.Host) {
		host.Subscribe("orders.paid", 2)
		delivered, err := pubsub.Publish("orders.paid", map[string]any{"order": 7})
		fmt.Println(delivered, err)
		fmt.Println(host.Published()[0].Message)
	})
	// Output:
	// 2 <nil>
	// {"order":7}
}
