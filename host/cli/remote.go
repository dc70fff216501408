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
// The server is that of --context, else --url, else PICLOUD_URL, else the one of the current
// context, else the default of `picloud serve`. The token is PICLOUD_TOKEN, else that of the login
// there: a token is never sent to a server other than its own.
type Remote struct {
	URL     string `placeholder:"URL" env:"PICLOUD_URL" help:"Server to talk to; else the one logged in to, else http://127.0.0.1:8080."`
	Context string `placeholder:"NAME" complete:"contexts" help:"Login to use, see picloud context; wins over --url."`
	Output  string `short:"o" enum:"table,json" default:"table" help:"Print a table or JSON: ${enum}."`

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

// login returns the server to talk to, with the session there if there is one.
func (r *Remote) login(saved credentials) (login, error) {
	switch {
	case r.Context != "":
		return saved.inContext(r.Context)
	case r.URL != "":
		address, err := client.ParseAddress(r.URL)
		if err != nil {
			return login{}, &usageError{err}
		}
		if there, ok := saved.at(address.String()); ok {
			return there, nil
		}
		return login{URL: address.String()}, nil
	case saved.URL != "":
		return saved.login, nil
	case len(saved.Others) > 0:
		return login{}, &noSuchContextError{Names: saved.names()}
	}
	return login{URL: defaultAddress}, nil
}

// connect makes the client for the command.
func (r *Remote) connect() (*client.Client, error) {
	saved, err := loadCredentials()
	if err != nil {
		return nil, err
	}
	server, err := r.login(saved)
	if err != nil {
		return nil, err
	}
	token := os.Getenv(tokenVariable)
	r.notices.login = "look at what " + tokenVariable + " holds"
	if token == "" {
		token = server.validToken()
		r.notices.login = "run `picloud login --url " + server.URL + "`"
	}
	if token == "" {
		return nil, &notLoggedInError{Address: server.URL, Expired: server.Token != ""}
	}
	c, err := client.New(server.URL, token)
	if err == nil {
		c.OnRename(func(before, now string) { r.notices.warn("the app %s is now called %s", before, now) })
	}
	return c, err
}

// A notLoggedInError means that there is no token to send to a server.
type notLoggedInError struct {
	Address string
	To      string // the server of a logout that is logged in to instead; "" for none and for others
	Expired bool   // there was a session
}

func (e *notLoggedInError) Error() string {
	if e.To != "" {
		return "not logged in to " + e.Address + ", but to " + e.To
	}
	if e.Expired {
		return "not logged in to " + e.Address + " any more: the session has expired; run `picloud login --url " + e.Address + "`"
	}
	return "not logged in to " + e.Address + ": run `picloud login --url " + e.Address + "` or set " + tokenVariable
}
