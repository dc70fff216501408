package cli

import (
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/client"
)

const defaultAddress = "http://127.0.0.1:8080"

// Remote holds what every client command needs: which server, as whom, and how to print. A command
// embeds it; its Run method receives it, and the [*client.Client] made of it if it asks for one.
//
// The server is --url, else PICLOUD_URL, else the one last logged in to, else the default of
// `picloud serve`. The token is PICLOUD_TOKEN, else that of the login, which is never sent to a
// server other than its own.
type Remote struct {
	URL    string `placeholder:"URL" env:"PICLOUD_URL" help:"Server to talk to; else the one logged in to, else http://127.0.0.1:8080."`
	Output string `short:"o" enum:"table,json" default:"table" help:"Print a table or JSON: ${enum}."`

	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer // for people: progress, questions, a script's log
	notices *notices
}

// tokenVariable holds a token that is used instead of a login's.
const tokenVariable = "PICLOUD_TOKEN"

// AfterApply makes the Remote and its client arguments of the command's Run method.
func (r *Remote) AfterApply(command *kong.Context, notices *notices) error {
	r.stdin, r.stdout, r.stderr = os.Stdin, command.Stdout, command.Stderr
	r.notices = notices
	notices.json = r.Output == "json"
	command.Bind(r)
	return command.BindSingletonProvider(r.connect)
}

// address returns the server to talk to, given what was saved at login.
func (r *Remote) address(saved credentials) string {
	switch {
	case r.URL != "":
		return r.URL
	case saved.URL != "":
		return saved.URL
	default:
		return defaultAddress
	}
}

// connect makes the client for the command.
func (r *Remote) connect() (*client.Client, error) {
	saved, err := loadCredentials()
	if err != nil {
		return nil, err
	}
	c, err := client.New(r.address(saved), "")
	if err != nil {
		return nil, &usageError{err}
	}
	token := os.Getenv(tokenVariable)
	if token == "" && c.Address() == saved.URL {
		token = saved.Token
	}
	if token == "" {
		return nil, &notLoggedInError{Address: c.Address()}
	}
	return client.New(c.Address(), token)
}

// A notLoggedInError means that there is no token to send to a server.
type notLoggedInError struct {
	Address string
	To      string // the server of a logout that is logged in to instead; "" for none and for others
}

func (e *notLoggedInError) Error() string {
	if e.To != "" {
		return "not logged in to " + e.Address + ", but to " + e.To
	}
	return "not logged in to " + e.Address + ": run `picloud login --url " + e.Address + "` or set " + tokenVariable
}
