package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// LoginCmd logs in and saves the session.
type LoginCmd struct {
	Remote
	Username      string `short:"u" default:"admin" help:"User to log in as."`
	PasswordStdin bool   `help:"Read the password from standard input, up to the first line feed; the code of a second factor, if one is needed, from the next line."`
	Code          string `help:"Code of the second factor, or a recovery code; asked for when it is needed."`
}

// Run is `picloud login`.
func (cmd *LoginCmd) Run(ctx context.Context, r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		saved = credentials{} // to be replaced anyway
	}
	c, name, err := cmd.server(r, saved)
	if err != nil {
		return err
	}
	r.warnUnencrypted(c)
	from := r.asker(cmd.PasswordStdin)
	password, err := from.ask(ctx, "password", fmt.Sprintf("Password of %s at %s: ", cmd.Username, c.Address()))
	if err != nil {
		return err
	}
	before, _ := saved.find(func(l login) bool { return l.URL == c.Address() && l.Username == cmd.Username })
	as := wire.Login{Username: cmd.Username, Password: password, Code: cmd.Code, Device: before.Device}
	session, err := c.Login(ctx, as)
	if as.Code == "" && client.NeedsCode(err) {
		if as.Code, err = from.ask(ctx, "code", "Code of the second factor: "); err != nil {
			return err
		}
		session, err = c.Login(ctx, as)
	}
	if err != nil {
		return err
	}
	saved.use(login{
		Name: name, URL: c.Address(), Username: cmd.Username, Token: session.Token, ExpiresAt: session.ExpiresAt, Device: session.Device,
	})
	path, err := saved.save()
	if err != nil {
		return err
	}
	if r.Output == "json" { // without the token: outputs end up in logs
		return r.printJSON(map[string]any{"url": c.Address(), "username": cmd.Username, "expires_at": session.ExpiresAt, "context": name, "file": path})
	}
	fmt.Fprintf(r.stdout, "Logged in to %s as %s until %s.\n",
		c.Address(), cmd.Username, session.ExpiresAt.Local().Format(time.DateTime))
	return nil
}

// server returns a client of the server to log in to, and the name of the context that the login
// gets: a given one, that of an earlier login there, or the server's.
func (cmd *LoginCmd) server(r *Remote, saved credentials) (*client.Client, string, error) {
	at := Remote{URL: r.URL, Context: r.Context}
	if _, err := saved.inContext(r.Context); r.URL != "" || err != nil {
		at.Context = "" // is only the name of the new one
	}
	if at.URL == "" && at.Context == "" && saved.URL == "" {
		at.URL = defaultAddress
	}
	server, err := at.login(saved)
	if err != nil {
		return nil, "", err
	}
	c, err := client.New(server.URL, "")
	if err != nil {
		return nil, "", &usageError{err}
	}
	name := r.Context
	if name == "" {
		name = server.context()
	}
	return c, name, nil
}

// warnUnencrypted warns before a password is sent over a network in the clear.
func (r *Remote) warnUnencrypted(c *client.Client) {
	if base, _ := client.ParseAddress(c.Address()); base.Scheme == "http" && !loopback(base.Hostname()) {
		r.notices.warn("%s is not encrypted: the password can be read on the way", c.Address())
	}
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
	if err != nil {
		return err
	}
	server, err := r.login(saved)
	if err != nil {
		return err
	}
	if _, known := saved.at(server.URL); !known {
		if r.URL != "" {
			return &notLoggedInError{Address: server.URL, To: saved.URL}
		}
		return nil
	}
	if server.validToken() != "" {
		var c *client.Client
		if c, err = client.New(server.URL, server.Token); err == nil {
			err = c.Logout(ctx)
		}
	}
	saved.remove(server.context())
	if _, forgotten := saved.save(); forgotten != nil {
		return forgotten
	}
	if err != nil {
		return fmt.Errorf("forgotten here, but the server still holds the session: %w", err)
	}
	return nil
}
