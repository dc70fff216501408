package clock_test

import (
	"fmt"
	"time"

	"github.com/picloud/picloud/guest-sdk/clock"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

func ExampleIn() {
	sdktest.Run(func(*sdktest.Host) {
		t, err := clock.In(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), "Asia/Tokyo")
		fmt.Println(t, err)
		t, err = clock.Date(2026, time.December, 24, 18, 0, 0, 0, "Europe/Rome")
		fmt.Println(t.UTC(), err)
	})
	// Output:
	// 2026-07-01 21:00:00 +0900 JST <nil>
	// 2026-12-24 17:00:00 +0000 UTC <nil>
}
