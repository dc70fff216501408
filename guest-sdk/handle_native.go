//go:build !wasip1

package sdk

import "github.com/picloud/picloud/guest-sdk/internal/host"

func init() { host.Handle = serve }
