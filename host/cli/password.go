package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// AskNewPassword returns a password that a user is to get: one typed twice at the terminal, without
// being shown, or the first line of standard input.
func AskNewPassword(ctx context.Context, username string, fromStdin bool) (string, error) {
	return asker{lines: linesOf(os.Stdin), stderr: os.Stderr, fromStdin: fromStdin}.newPassword(ctx, username)
}

// An asker reads secrets: from lines of standard input, or from the terminal without showing them.
type asker struct {
	lines     *bufio.Reader
	stderr    io.Writer
	fromStdin bool
}

// asker makes the asker of a command.
func (r *Remote) asker(fromStdin bool) asker {
	return asker{lines: linesOf(r.stdin), stderr: r.stderr, fromStdin: fromStdin}
}

func linesOf(stdin io.Reader) *bufio.Reader { return bufio.NewReader(io.LimitReader(stdin, 4096)) }

// ask reads a secret, called what it is: the next line of standard input, or what is typed after a
// prompt.
func (a asker) ask(ctx context.Context, what, prompt string) (string, error) {
	if a.fromStdin {
		line, err := a.lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the %s: %w", what, err)
		}
		secret := strings.TrimRight(line, "\r\n")
		if secret == "" {
			return "", &usageError{fmt.Errorf("no %s on standard input", what)}
		}
		return secret, nil
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		use := "--password-stdin"
		if what == "passphrase" {
			use = "--passphrase-file"
		}
		return "", &usageError{errors.New("standard input is not a terminal: use " + use)}
	}
	fmt.Fprint(a.stderr, prompt)
	defer fmt.Fprintln(a.stderr)
	return readSilently(ctx, fd)
}

// newPassword reads a password that a user is to get, at the terminal twice.
func (a asker) newPassword(ctx context.Context, username string) (string, error) {
	return a.twice(ctx, "password", "New password of "+username+": ")
}

// twice reads a secret that will be asked for later, at the terminal twice.
func (a asker) twice(ctx context.Context, what, prompt string) (string, error) {
	secret, err := a.ask(ctx, what, prompt)
	if err != nil || a.fromStdin {
		return secret, err
	}
	again, err := a.ask(ctx, what, "The same again: ")
	if err == nil && again != secret {
		err = fmt.Errorf("the two %ss differ: nothing is changed", what)
	}
	return secret, err
}

// readSilently reads a line from a terminal without showing it. The terminal is as before when it
// returns, also when ctx ends first.
func readSilently(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		password, err := term.ReadPassword(fd)
		answers <- answer{password, err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.Join(errInterrupted, term.Restore(fd, before))
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("read the password: %w", a.err)
		}
		return string(a.password), nil
	}
}

// PasswordCmd groups the commands on the user's own password.
type PasswordCmd struct {
	Remote
	Change PasswordChangeCmd `cmd:"" help:"Change your password; your other sessions end."`
	Accept PasswordAcceptCmd `cmd:"" help:"Set a password by an invite, which works once."`
}

// PasswordChangeCmd is `picloud password change`.
type PasswordChangeCmd struct {
	PasswordStdin bool `help:"Read the old and the new password from standard input, a line each."`
}

// Run changes the password.
func (cmd *PasswordChangeCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	me, err := c.Me(ctx)
	if err != nil {
		return err
	}
	from := r.asker(cmd.PasswordStdin)
	old, err := from.ask(ctx, "password", "Old password of "+client.Printable(me.Username)+": ")
	if err != nil {
		return err
	}
	password, err := from.newPassword(ctx, client.Printable(me.Username))
	if err != nil {
		return err
	}
	if err := c.ChangePassword(ctx, wire.PasswordChange{OldPassword: old, NewPassword: password}); err != nil {
		return err
	}
	return r.printDone(me, "%s has a new password. Other sessions have ended.", client.Printable(me.Username))
}

// PasswordAcceptCmd is `picloud password accept`.
type PasswordAcceptCmd struct {
	Invite        string `arg:"" placeholder:"URL" help:"The invite, as whoever made it was shown it."`
	PasswordStdin bool   `help:"Read the new password from standard input, up to the first line feed."`
}

// What ends the address of an invite, before the # and its token: as the API makes it, and as the dashboard shows it,
// which has the API beside it.
const (
	invitePath = "/api/v1/admin/auth/invite"
	invitePage = "/invite"
)

// Run sets the password, at the server that the invite names.
func (cmd *PasswordAcceptCmd) Run(ctx context.Context, r *Remote) error {
	address, token, _ := strings.Cut(cmd.Invite, "#")
	server, ok := strings.CutSuffix(address, invitePath)
	if !ok {
		server, ok = strings.CutSuffix(address, invitePage)
	}
	if !ok || token == "" {
		return &usageError{fmt.Errorf("an invite is an address that ends in %s#pcv_... or %s#pcv_..., and this is another", invitePath, invitePage)}
	}
	c, err := client.New(server, "")
	if err != nil {
		return &usageError{err}
	}
	r.warnUnencrypted(c)
	password, err := r.asker(cmd.PasswordStdin).newPassword(ctx, "the invited user")
	if err != nil {
		return err
	}
	accepted, err := c.AcceptInvite(ctx, wire.InviteAccept{Token: token, Password: password})
	if err != nil {
		return err
	}
	return r.printDone(accepted, "The password of %s is set. Log in: picloud login --url %s --username %s",
		client.Printable(accepted.Username), c.Address(), client.Printable(accepted.Username))
}
