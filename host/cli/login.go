package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/picloud/picloud/host/client"
)

// LoginCmd logs in and saves the session.
type LoginCmd struct {
	Remote
	Username      string `short:"u" default:"admin" help:"User to log in as."`
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line feed."`
}

// Run is `picloud login`.
func (cmd *LoginCmd) Run(ctx context.Context, r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		saved = credentials{} // to be replaced anyway
	}
	c, err := client.New(r.address(saved), "")
	if err != nil {
		return &usageError{err}
	}
	if base, _ := client.ParseAddress(c.Address()); base.Scheme == "http" && !loopback(base.Hostname()) {
		r.notices.warn("%s is not encrypted: the password can be read on the way", c.Address())
	}
	prompt := fmt.Sprintf("Password of %s at %s: ", cmd.Username, c.Address())
	password, err := askPassword(ctx, r.stdin, r.stderr, cmd.PasswordStdin, prompt)
	if err != nil {
		return err
	}
	session, err := c.Login(ctx, cmd.Username, password)
	if err != nil {
		return err
	}
	path, err := credentials{
		URL: c.Address(), Username: cmd.Username, Token: session.Token, ExpiresAt: session.ExpiresAt,
	}.save()
	if err != nil {
		return err
	}
	if r.Output == "json" { // without the token: outputs end up in logs
		return r.printJSON(map[string]any{"url": c.Address(), "username": cmd.Username, "expires_at": session.ExpiresAt, "file": path})
	}
	fmt.Fprintf(r.stdout, "Logged in to %s as %s until %s.\n",
		c.Address(), cmd.Username, session.ExpiresAt.Local().Format(time.DateTime))
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// LogoutCmd ends the saved session.
type LogoutCmd struct{ Remote }

// Run is `picloud logout`. The session is forgotten here even when the server cannot be told. One
// of another server than the one that is meant stays.
func (cmd *LogoutCmd) Run(ctx context.Context, r *Remote) error {
	saved, err := loadCredentials()
	if err == nil && r.URL != "" {
		meant, err := client.ParseAddress(r.URL)
		if err != nil {
			return &usageError{err}
		}
		if meant.String() != saved.URL {
			return &notLoggedInError{Address: meant.String(), To: saved.URL}
		}
	}
	if err == nil && saved.Token != "" {
		var c *client.Client
		if c, err = client.New(saved.URL, saved.Token); err == nil {
			err = c.Logout(ctx)
		}
	}
	if forgotten := forgetCredentials(); forgotten != nil {
		return forgotten
	}
	if err != nil {
		return fmt.Errorf("forgotten here, but the server still holds the session: %w", err)
	}
	return nil
}
