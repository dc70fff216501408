package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// SecretsCmd groups the commands on secrets.
type SecretsCmd struct {
	Remote
	InApp
	List   SecretsListCmd   `cmd:"" help:"List the app's secrets, without their values."`
	Set    SecretsSetCmd    `cmd:"" help:"Set a secret to what standard input or a file has."`
	Delete SecretsDeleteCmd `cmd:"" help:"Delete a secret."`
	Rotate SecretsRotateCmd `cmd:"" help:"Seal the secrets of all apps anew."`
}

// maxSecret is how much is read of a value, in bytes: more than it may have, so that the server says how
// many that is.
const maxSecret = 1 << 20

var secretColumns = []column[wire.Secret]{
	{"SECRET", func(s wire.Secret) string { return s.Name }},
	{"BYTES", func(s wire.Secret) string { return strconv.Itoa(s.Size) }},
	{"SET", func(s wire.Secret) string { return localTime(s.UpdatedAt) }},
}

// SecretsListCmd is `picloud secrets list`.
type SecretsListCmd struct{}

// Run lists the secrets.
func (SecretsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	listed, err := client.Collect(c.Secrets(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, listed, secretColumns)
}

// SecretsSetCmd is `picloud secrets set`.
type SecretsSetCmd struct {
	Name string `arg:"" help:"Name of the secret: letters, digits, and _ - and . that do not come first." complete:"secrets"`
	File string `placeholder:"FILE" help:"Read the value from a file; else it comes from standard input, or is asked for at a terminal." complete:"files"`
}

// Help is shown by --help.
func (SecretsSetCmd) Help() string {
	return `The value is never an argument: others could see it, and the shell would keep it.
A line break at its end is not part of it.`
}

// Run sets the secret.
func (cmd *SecretsSetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	value, err := cmd.read(ctx, r)
	if err != nil {
		return err
	}
	set, err := c.SetSecret(ctx, in.App, cmd.Name, value)
	if err != nil {
		return err
	}
	return r.printDone(set, "Secret %s set (%s).", set.Name, plural(set.Size, "byte"))
}

// read returns the value.
func (cmd *SecretsSetCmd) read(ctx context.Context, r *Remote) (string, error) {
	from := r.stdin
	switch stdin, ok := r.stdin.(*os.File); {
	case cmd.File != "":
		file, err := os.Open(cmd.File)
		if err != nil {
			return "", &usageError{err}
		}
		defer file.Close()
		from = file
	case ok && term.IsTerminal(int(stdin.Fd())):
		return r.asker(false).ask(ctx, "value", "Value of "+cmd.Name+": ")
	}
	text, err := io.ReadAll(io.LimitReader(from, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read the value: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return "", &usageError{errors.New("the value is empty")}
	}
	return value, nil
}

// SecretsDeleteCmd is `picloud secrets delete`.
type SecretsDeleteCmd struct {
	Confirmation
	Name string `arg:"" help:"Name of the secret." complete:"secrets"`
}

// Run deletes the secret.
func (cmd *SecretsDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if err := cmd.confirm(ctx, r, "Delete the secret %s of the app %s?", cmd.Name, in.App); err != nil {
		return err
	}
	if err := c.DeleteSecret(ctx, in.App, cmd.Name); err != nil {
		return err
	}
	return r.printDone(struct {
		Deleted string `json:"deleted"`
	}{cmd.Name}, "Secret %s deleted.", cmd.Name)
}

// SecretsRotateCmd is `picloud secrets rotate`.
type SecretsRotateCmd struct{}

// Help is shown by --help.
func (SecretsRotateCmd) Help() string {
	return `Where the server generated its key, it generates another, seals all secrets with
that, and forgets the old one. Where the key is a setting, it seals them with the
first key of PICLOUD_SECRET_KEY: put the new one before the old one, restart the
servers, rotate, and then take the old one away. The apps go on meanwhile.`
}

// Run seals the secrets anew.
func (SecretsRotateCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	done, err := c.RotateSecrets(ctx)
	if err != nil {
		return err
	}
	if done.Left > 0 {
		r.notices.warn("%d secrets are as they were, because the server does not have their key: set them again, and reset second factors (users reset-totp); its log names them", done.Left)
	}
	r.notices.warn("keep a copy of the new key; backups made until now need the one before")
	return r.printDone(done, "%s sealed anew, with the key %s.", plural(done.Resealed, "secret"), done.KeyID)
}
