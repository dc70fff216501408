// Command picloud is the PiCloud server and the command line to work with it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/picloud/picloud/host/cli"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/server"
)

// commands is the whole command line.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Version versionCmd `cmd:"" help:"Print the version."`

	cli.Commands
}

// serveCmd runs the server until it is interrupted.
type serveCmd struct {
	config.Config
}

// Run serves until ctx ends, then stops in order.
func (c *serveCmd) Run(ctx context.Context) error {
	return server.Serve(ctx, &c.Config, version, os.Stdout)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Run(ctx, new(commands), config.KongOptions()...))
}
