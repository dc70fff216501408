package deadletters_test

import (
	"fmt"

	"github.com/picloud/picloud/guest-sdk/deadletters"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

// What failed because another server was down is delivered again.
func ExampleAll() {
	sdktest.Run(func(host *sdktest.Host) {
		for _, lastError := range []string{"shop is down", "no such order"} {
			if _, err := host.Bury("queue", lastError, nil); err != nil {
				fmt.Println(err)
			}
		}
		for letter, err := range deadletters.All(deadletters.Query{Unresolved: true}) {
			switch {
			case err != nil:
				fmt.Println(err)
			case letter.Error == "shop is down":
				_, err = deadletters.Replay(letter.ID)
				fmt.Println("again:", letter.Error, err)
			default:
				letter, err = deadletters.Resolve(letter.ID, deadletters.Ignored)
				fmt.Println(letter.Resolution+":", letter.Error, err)
			}
		}
	})
	// Output:
	// ignored: no such order <nil>
	// again: shop is down <nil>
}
