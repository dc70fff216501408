package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/client"
)

// Exit statuses of the command line.
const (
	exitOK     = 0
	exitFailed = 1 // the server refused, could not be reached, or the script failed
	exitUsage  = 2 // the command line, an environment variable or a manifest is wrong
	exitPartly = 3 // done but for what is damaged on the server

	exitInterrupted = 130 // by Ctrl-C, as shells have it
)

// errInterrupted is the error of a command that was interrupted before it had done what it is for.
var errInterrupted = errors.New("interrupted")

// A usageError is a mistake on the command line that the parser cannot see.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// A partlyError tells that all was done but for what is damaged on the server, which was told of.
type partlyError struct{ error }

// Run parses the process's arguments into commands, a struct for kong, runs the command they name
// and returns the exit status of the process. An error is printed as it is, the lines below a place
// in a script included. The parser ends the process itself for --help.
func Run(ctx context.Context, commands any, more ...kong.Option) (status int) {
	notices := &notices{w: os.Stderr, json: wantsJSON(os.Args[1:])}
	parser := kong.Must(commands, slices.Concat(options(), more, []kong.Option{
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(notices),
	})...)
	command, err := parser.Parse(shieldNumbers(os.Args[1:]))
	if err == nil {
		err = checkVariables(parser.Model, os.Environ(), notices)
	}
	if err == nil {
		err = command.Run()
	}
	if err == nil {
		return exitOK
	}
	var wrong *kong.ParseError
	if errors.As(err, &wrong) {
		if !notices.json {
			parser.Stdout = os.Stderr
			_ = kong.DefaultShortHelpPrinter(kong.HelpOptions{}, wrong.Context)
		}
		err = &usageError{errors.New(strings.ReplaceAll(err.Error(), shield, ""))}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	nameFlag(command, err)
	notices.fail(err)
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	var partly *partlyError
	if errors.As(err, &partly) {
		return exitPartly
	}
	return exitFailed
}

// options are what the parser needs for any commands.
func options() []kong.Option {
	return []kong.Option{
		kong.Name("picloud"),
		kong.Description("A self-hosted function host: upload a script, call it over HTTP."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		numbersAsArguments(),
		showExamples(),
	}
}

// nameFlag has the server's refusal of a field name the flag or argument that it came from, if the command has
// one of that name.
func nameFlag(command *kong.Context, err error) {
	var refused *client.Error
	if !errors.As(err, &refused) || err.Error() != refused.Error() || command == nil || command.Selected() == nil || len(refused.Errors) == 0 {
		return
	}
	field := strings.TrimPrefix(refused.Errors[0].Location, "body.")
	rest, ok := strings.CutPrefix(strings.TrimPrefix(refused.Detail, "body."), field+": ")
	if !ok {
		return
	}
	name := strings.ReplaceAll(field[strings.LastIndexByte(field, '.')+1:], "_", "-")
	for _, argument := range command.Selected().Positional {
		if argument.Name == name {
			refused.Detail = strings.ToUpper(name) + ": " + rest
			return
		}
	}
	for _, flag := range command.Flags() {
		if flag.Name == name {
			refused.Detail = "--" + name + ": " + rest
			return
		}
	}
}
