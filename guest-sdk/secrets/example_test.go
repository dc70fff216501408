package secrets_test

import (
	"fmt"

	"github.com/picloud/picloud/guest-sdk/log"
	"github.com/picloud/picloud/guest-sdk/sdktest"
	"github.com/picloud/picloud/guest-sdk/secrets"
)

func Example() {
	sdktest.Run(func(host *sdktest.Host) {
		host.SetSecret("mail-key", "k-123456")
		key, found, err := secrets.Get("mail-key")
		fmt.Println(key, found, err)
		_, found, err = secrets.Get("other-key")
		fmt.Println(found, err)
		fmt.Println(secrets.List())
		log.Info("the key is "+key, nil)
		fmt.Println(host.Log()[0].Message)
	})
	// Output:
	// k-123456 true <nil>
	// false <nil>
	// [mail-key] <nil>
	// the key is ***
}
