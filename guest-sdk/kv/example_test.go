package kv_test

import (
	"fmt"
	"time"

	"github.com/picloud/picloud/guest-sdk/kv"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

type Session struct {
	User string `json:"user"`
}

func ExampleCollection() {
	sessions := kv.Collection[Session]("sessions")
	sdktest.Run(func(*sdktest.Host) {
		set, err := sessions.SetWith("s1", Session{User: "ada"}, kv.Options{TTL: time.Hour, IfAbsent: true})
		fmt.Println(set, err)
		session, found, err := sessions.Get("s1")
		fmt.Println(session.User, found, err)
		_, found, err = sessions.Get("s2")
		fmt.Println(found, err)
	})
	// Output:
	// true <nil>
	// ada true <nil>
	// false <nil>
}

func ExampleCollection_All() {
	visits := kv.Collection[int64]("visits")
	sdktest.Run(func(*sdktest.Host) {
		for _, page := range []string{"/a", "/b", "/a"} {
			if _, err := visits.Incr(page, 1); err != nil {
				fmt.Println(err)
			}
		}
		for item, err := range visits.All("/") {
			fmt.Println(item.Key, item.Value, err)
		}
	})
	// Output:
	// /a 2 <nil>
	// /b 1 <nil>
}

func ExampleCollection_CompareAndSet() {
	leaders := kv.Collection[string]("leaders")
	sdktest.Run(func(*sdktest.Host) {
		ada, grace := "ada", "grace"
		set, err := leaders.CompareAndSet("team", nil, &ada)
		fmt.Println(set, err)
		set, err = leaders.CompareAndSet("team", nil, &grace) // ada leads already
		fmt.Println(set, err)
	})
	// Output:
	// true <nil>
	// false <nil>
}
