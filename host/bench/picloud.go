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

// helloSource is the script that PiCloud runs where it is compared with others. It does what their
// handlers do.
const helloSource = `#{ message: "Hello, world!" }`

// helloPath is its route; /hello is taken by the script of the first start.
const helloPath = "/message"

// startPiCloud starts the server on a data directory, new or used. More settings are those of
// [process.PiCloud].
func startPiCloud(ctx context.Context, s settings, data string, more ...string) (*process.Process, error) {
	binary, err := filepath.Abs(filepath.Join(s.root, serverBinary))
	if err != nil {
		return nil, err
	}
	return process.PiCloud(ctx, binary, data, os.Stderr, append([]string{"PICLOUD_LOG_LEVEL=warn",
		admit(slices.Max(connectionCounts))}, more...)...)
}

// admit is the setting that lets every one of so many connections in: the gate refuses rather than
// queues, and one app has half of it.
func admit(connections int) string {
	return fmt.Sprintf("PICLOUD_MAX_CONCURRENT_EXECUTIONS=%d", 2*connections)
}

// deployHello binds the script to its route on a server.
func deployHello(ctx context.Context, server *process.Process) error {
	return deploy(ctx, server, "default", "message", helloSource, "GET", helloPath)
}

// deploy makes a script of an app and binds it to a path.
func deploy(ctx context.Context, server *process.Process, app, name, source, method, path string) error {
	c, err := client.New(server.Address, "")
	if err != nil {
		return err
	}
	if _, err := c.Login(ctx, wire.Login{Username: "admin", Password: process.AdminPassword}); err != nil {
		return err
	}
	script, err := c.CreateScript(ctx, app, wire.ScriptCreate{Name: name, Source: source})
	if err != nil {
		return err
	}
	_, err = c.CreateRoute(ctx, script.ID, wire.RouteCreate{Method: method, Path: path})
	return err
}
