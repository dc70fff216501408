// Command picloud is the PiCloud server and the command line to work with it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/config"
)

// CLI is the whole command line.
type CLI struct {
	Serve   ServeCmd   `cmd:"" help:"Run the server."`
	Version VersionCmd `cmd:"" help:"Print the version."`

	ClientCommands
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var cli CLI
	options := append(config.KongOptions(),
		kong.Name("picloud"),
		kong.Description("A self-hosted function host: upload a script, call it over HTTP."),
		kong.ShortUsageOnError(),
		kong.Exit(func(status int) {
			if status != exitOK { // only the parser ends the process this way
				status = exitUsage
			}
			exit(status)
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err := kong.Parse(&cli, options...).Run(); err != nil {
		fail(err)
	}
}
