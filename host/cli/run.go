package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

// Exit statuses of the command line.
const (
	exitOK     = 0
	exitFailed = 1 // the server refused, could not be reached, or the script failed
	exitUsage  = 2 // the command line, an environment variable or a manifest is wrong
)

// A usageError is a mistake on the command line that the parser cannot see.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// Run parses the process's arguments into commands, a struct for kong, runs the command they name
// and returns the exit status of the process. An error is printed as it is, the lines below a place
// in a script included. The parser ends the process itself where it has nothing to run: for --help,
// or a wrong command line.
func Run(ctx context.Context, commands any, options ...kong.Option) (status int) {
	err := kong.Parse(commands, append(options,
		kong.Name("picloud"),
		kong.Description("A self-hosted function host: upload a script, call it over HTTP."),
		kong.ShortUsageOnError(),
		kong.Exit(func(status int) {
			if status != exitOK { // the parser has a status of its own for each of its errors
				status = exitUsage
			}
			os.Exit(status)
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)...).Run()
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "picloud: error: "+err.Error())
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
