package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/picloud/picloud/host/client"
)

// ContextCmd groups the commands on contexts.
type ContextCmd struct {
	Remote
	List ContextListCmd `cmd:"" help:"List the servers that you are logged in to."`
	Use  ContextUseCmd  `cmd:"" help:"Make a context the one that commands use."`

	Add    ContextAddCmd    `cmd:"" help:"Make a context of a server and an API key."`
	Remove ContextRemoveCmd `cmd:"" help:"Forget a context; its session goes on until it ends, or picloud logout."`
}

// Help is shown by --help.
func (ContextCmd) Help() string {
	return `A context is a login under a name. Each login makes one, named after the server
or as --context says, and makes it the current one, which commands use when
neither --context nor --url says otherwise. They are kept in a file that only you
can read.`
}

// A savedContext is what is shown of a login: not its token.
type savedContext struct {
	Name      string    `json:"name"`
	Current   bool      `json:"current"`
	URL       string    `json:"url"`
	Username  string    `json:"username"`
	ExpiresAt time.Time `json:"expires_at"`
}

var contextColumns = []column[savedContext]{
	{"CURRENT", func(c savedContext) string {
		if c.Current {
			return "*"
		}
		return ""
	}},
	{"NAME", func(c savedContext) string { return c.Name }},
	{"SERVER", func(c savedContext) string { return c.URL }},
	{"USER", func(c savedContext) string { return c.Username }},
	{"EXPIRES", func(c savedContext) string {
		if c.ExpiresAt.Equal(noExpiry) {
			return "as the key"
		}
		return localTime(c.ExpiresAt)
	}},
}

// ContextListCmd is `picloud context list`.
type ContextListCmd struct{}

// Run lists the contexts in the order of their names.
func (ContextListCmd) Run(r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	var contexts []savedContext
	for _, name := range saved.names() {
		l, err := saved.inContext(name)
		if err != nil {
			return err
		}
		contexts = append(contexts, savedContext{
			Name: name, Current: saved.URL != "" && saved.context() == name,
			URL: l.URL, Username: l.Username, ExpiresAt: l.ExpiresAt,
		})
	}
	return printAll(r, contexts, contextColumns)
}

// ContextUseCmd is `picloud context use`.
type ContextUseCmd struct {
	Name string `arg:"" help:"Name of the context." complete:"contexts"`
}

// Run makes the context the current one.
func (cmd *ContextUseCmd) Run(r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	l, err := saved.inContext(cmd.Name)
	if err != nil {
		return err
	}
	saved.use(l)
	if _, err := saved.save(); err != nil {
		return err
	}
	return r.printDone(savedContext{cmd.Name, true, l.URL, l.Username, l.ExpiresAt},
		"Commands use %s as %s.", l.URL, client.Printable(l.Username))
}

// noExpiry is when a context of an API key expires: only the server knows.
var noExpiry = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// ContextAddCmd is `picloud context add`.
type ContextAddCmd struct {
	Name       string `arg:"" help:"Name of the context."`
	Server     string `arg:"" help:"The server, as in https://cloud.example.com."`
	TokenStdin bool   `help:"Read the API key from standard input, up to the first line feed; else it is asked for."`
}

// Help is shown by --help.
func (ContextAddCmd) Help() string {
	return `The key is tried first. To log in with a password instead: picloud login --url URL --context NAME.`
}

// Run tries the key, and makes the context the current one.
func (cmd *ContextAddCmd) Run(ctx context.Context, r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	if _, err := saved.inContext(cmd.Name); err == nil {
		return &usageError{fmt.Errorf("there is a context %q already: remove it first", cmd.Name)}
	}
	address, err := client.ParseAddress(cmd.Server)
	if err != nil {
		return &usageError{err}
	}
	if !cmd.TokenStdin && !term.IsTerminal(int(os.Stdin.Fd())) {
		return &usageError{errors.New("standard input is not a terminal: use --token-stdin")}
	}
	key, err := r.asker(cmd.TokenStdin).ask(ctx, "token", "API key for "+address.String()+": ")
	if err != nil {
		return err
	}
	c, err := client.New(address.String(), key)
	if err != nil {
		return &usageError{err}
	}
	r.warnUnencrypted(c)
	me, err := c.Me(ctx)
	if err != nil {
		return err
	}
	added := login{Name: cmd.Name, URL: c.Address(), Username: me.Username, Token: key, ExpiresAt: noExpiry}
	saved.use(added)
	if _, err := saved.save(); err != nil {
		return err
	}
	return r.printDone(savedContext{cmd.Name, true, added.URL, added.Username, added.ExpiresAt},
		"Context %s added: commands use %s as %s.", client.Printable(cmd.Name), added.URL, client.Printable(added.Username))
}

// ContextRemoveCmd is `picloud context remove`.
type ContextRemoveCmd struct {
	Confirmation
	Name string `arg:"" help:"Name of the context." complete:"contexts"`
}

// Run forgets the context.
func (cmd *ContextRemoveCmd) Run(ctx context.Context, r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	l, err := saved.inContext(cmd.Name)
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Forget the context %s, with its API key or session?", cmd.Name); err != nil {
		return err
	}
	saved.remove(cmd.Name)
	if _, err := saved.save(); err != nil {
		return err
	}
	return r.printDone(savedContext{cmd.Name, false, l.URL, l.Username, l.ExpiresAt}, "Context %s removed.", client.Printable(cmd.Name))
}
