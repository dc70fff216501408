package queue_test

import (
	"fmt"
	"time"

	"github.com/picloud/picloud/guest-sdk/queue"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

type Mail struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

func ExampleTopic() {
	mails := queue.Topic[Mail]("mails")
	sdktest.Run(func(host *sdktest.Host) {
		_, err := mails.Push(Mail{To: "ada", Text: "Hello"})
		fmt.Println(err)
		_, err = mails.PushWith(Mail{To: "grace", Text: "Your trial ends"}, queue.Options{Key: "grace", Dedupe: "trial of grace", Delay: 24 * time.Hour})
		fmt.Println(err)
		for _, pushed := range host.Pushed() {
			fmt.Println(pushed.Topic, pushed.Key, pushed.Delay, pushed.Body)
		}
	})
	// Output:
	// <nil>
	// <nil>
	// mails  0s {"to":"ada","text":"Hello"}
	// mails grace 24h0m0s {"to":"grace","text":"Your trial ends"}
}
