package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/bench/process"
	"github.com/picloud/picloud/host/client"
)

// helloSource is the script that PiCloud runs where it is compared with others:
// it does what their handlers do.
const helloSource = `#{ message: "Hello, world!" }`

// helloPath is its route; /hello is that of the first start's own script.
const helloPath = "/message"

// startPiCloud starts the server on a data directory, new or used.
func startPiCloud(ctx context.Context, s settings, data string) (*process.Process, error) {
	binary, err := filepath.Abs(filepath.Join(s.root, serverBinary))
	if err != nil {
		return nil, err
	}
	return process.PiCloud(ctx, binary, data, os.Stderr, "PICLOUD_LOG_LEVEL=warn",
		// The gate refuses rather than queues: let every connection in.
		fmt.Sprintf("PICLOUD_MAX_CONCURRENT_EXECUTIONS=%d", slices.Max(connectionCounts)))
}

// deployHello binds the script to its route on a server.
func deployHello(ctx context.Context, server *process.Process) error {
	c, err := client.New(server.Address, "")
	if err != nil {
		return err
	}
	if _, err := c.Login(ctx, "admin", process.AdminPassword); err != nil {
		return err
	}
	script, err := c.CreateScript(ctx, "default", wire.ScriptCreate{Name: "message", Source: helloSource})
	if err != nil {
		return err
	}
	_, err = c.CreateRoute(ctx, script.ID, wire.RouteCreate{Method: "GET", Path: helloPath})
	return err
}
