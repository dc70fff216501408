// Command picloud is the PiCloud server and the command line to work with it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/cli"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/server"
)

// commands is the whole command line.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Passwd  passwdCmd  `cmd:"" help:"Give a user a new password, on the machine of a server that does not run."`
	Verify  verifyCmd  `cmd:"" help:"Check a backup, without a server."`
	Restore restoreCmd `cmd:"" help:"Bring a backup back, on the machine of a server that does not run."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Compile compileCmd `cmd:"" hidden:""`

	cli.Commands
}

// serveCmd runs the server until it is interrupted.
type serveCmd struct {
	config.Config
}

// Help is shown by --help.
func (serveCmd) Help() string {
	return `Examples:

    picloud serve
    picloud serve --addr 0.0.0.0:80 --data /var/lib/picloud
    PICLOUD_DATABASE_URL=postgres://picloud@db/picloud picloud serve --config picloud.yaml`
}

// Run serves until ctx ends, then stops in order.
func (c *serveCmd) Run(ctx context.Context) error {
	self, err := server.Self()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s, err := server.New(ctx, server.Config{
		Settings: &c.Config, Version: version, Out: os.Stdout, Compile: []string{self, "compile"},
	})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// compileCmd is what a server runs to compile a plugin.
type compileCmd struct {
	Dir      string        `required:""`
	CPU      time.Duration `name:"cpu" required:""`
	MemoryMB int64         `name:"memory-mb" required:""`
}

// Run compiles the plugin.
func (c *compileCmd) Run() error { return server.Compile(c.Dir, c.CPU, c.MemoryMB) }

// passwdCmd gives a user a new password.
type passwdCmd struct {
	config.Location
	User          string `arg:"" help:"Name of the user."`
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line feed."`
	ResetTOTP     bool   `name:"reset-totp" help:"Take away the user's second factor, too."`
}

// Help is shown by --help.
func (passwdCmd) Help() string {
	return `Examples:

    picloud passwd admin
    picloud passwd admin --reset-totp
    picloud passwd ada --data /var/lib/picloud --password-stdin < new-password`
}

// Run asks for the password and sets it.
func (c *passwdCmd) Run(ctx context.Context) error {
	password, err := cli.AskNewPassword(ctx, c.User, c.PasswordStdin)
	if err != nil {
		return err
	}
	if err := server.SetPassword(ctx, &c.Location, c.User, password, c.ResetTOTP); err != nil {
		return shown(err)
	}
	fmt.Printf("%s has a new password, and has to log in again.\n", c.User)
	return nil
}

// shown is an error with its cause: the server's machine is where that may be read.
func shown(err error) error {
	if cause := fault.Cause(err); cause != nil {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Run(ctx, new(commands), append(config.KongOptions(), kong.Bind(cli.Starter(startLocal)))...))
}
