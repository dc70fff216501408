package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// KeysCmd groups the commands on API keys.
type KeysCmd struct {
	Remote
	List   KeysListCmd   `cmd:"" help:"List your API keys, or another's."`
	Create KeysCreateCmd `cmd:"" help:"Make an API key and print it, once."`
	Rotate KeysRotateCmd `cmd:"" help:"Make a key in the place of one of yours and print it, once; the old one ends after an overlap."`
	Revoke KeysRevokeCmd `cmd:"" help:"End an API key of yours, or of another's."`
}

func orDash(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return localTime(*t)
}

var keyColumns = []column[wire.APIKey]{
	{"NAME", func(k wire.APIKey) string { return k.Name }},
	{"BEGINS", func(k wire.APIKey) string { return k.Prefix }},
	{"SCOPES", func(k wire.APIKey) string { return strings.Join(k.Scopes, ",") }},
	{"APP", func(k wire.APIKey) string { return k.AppID }},
	{"EXPIRES", func(k wire.APIKey) string { return orDash(k.ExpiresAt) }},
	{"LAST USED", func(k wire.APIKey) string { return orDash(k.LastUsedAt) }},
	{"REPLACED BY", func(k wire.APIKey) string { return k.ReplacedBy }},
	{"ID", func(k wire.APIKey) string { return k.ID }},
}

// OfUser is the flag of commands on another's keys.
type OfUser struct {
	User string `placeholder:"USER" complete:"users" help:"Those of this user, by name or id, for admins of the instance; yours when absent."`
}

// KeysListCmd is `picloud keys list`.
type KeysListCmd struct{ OfUser }

// Run lists the keys.
func (cmd *KeysListCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	listing := c.Keys(ctx)
	if cmd.User != "" {
		user, err := findUser(ctx, c, cmd.User)
		if err != nil {
			return err
		}
		listing = c.KeysOf(ctx, user.ID)
	}
	keys, err := client.Collect(listing)
	if err != nil {
		return err
	}
	return printAll(r, keys, keyColumns)
}

// KeysCreateCmd is `picloud keys create`.
type KeysCreateCmd struct {
	Name    string        `arg:"" help:"What the key is for, for people."`
	Scope   []string      `required:"" enum:"script:read,script:write,route:write,log:read,domain:manage,app:admin,instance:admin" help:"What the key may do, of what you may: ${enum}. Several with commas."`
	App     string        `placeholder:"APP" complete:"apps" help:"The only app that the key may touch, by slug or id; all of yours when absent."`
	Expires time.Duration `placeholder:"DURATION" help:"How long the key is good, such as 720h; for ever when absent."`
}

// Run makes the key.
func (cmd *KeysCreateCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	key, err := c.CreateKey(ctx, wire.APIKeyCreate{Name: cmd.Name, Scopes: cmd.Scope, App: cmd.App, ExpiresAt: after(cmd.Expires)})
	if err != nil {
		return err
	}
	return r.printKey(key)
}

// KeysRotateCmd is `picloud keys rotate`.
type KeysRotateCmd struct {
	ID      string        `arg:"" help:"Id of the key." complete:"keys"`
	Overlap time.Duration `default:"24h" help:"How long the old key is good beside the new one, up to 720h (default ${default})."`
	Expires time.Duration `placeholder:"DURATION" help:"How long the new key is good; as long as the old one was when absent."`
}

// Run rotates the key.
func (cmd *KeysRotateCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	key, err := c.RotateKey(ctx, cmd.ID, wire.APIKeyRotate{Overlap: new(int64(cmd.Overlap / time.Second)), ExpiresAt: after(cmd.Expires)})
	if err != nil {
		return err
	}
	return r.printKey(key)
}

// after is the time so long from now; nil for no time.
func after(d time.Duration) *time.Time {
	if d == 0 {
		return nil
	}
	return new(time.Now().Add(d))
}

// printKey prints a key that is shown only now: alone on standard output, so that it can be kept without
// being seen.
func (r *Remote) printKey(key wire.APIKey) error {
	if r.Output == "json" {
		return r.printJSON(key)
	}
	fmt.Fprintf(r.stderr, "The key %s (%s), which is shown only now:\n", client.Printable(key.Name), key.ID)
	_, err := fmt.Fprintln(r.stdout, key.Key)
	return err
}

// KeysRevokeCmd is `picloud keys revoke`.
type KeysRevokeCmd struct {
	Confirmation
	OfUser
	ID string `arg:"" help:"Id of the key." complete:"keys"`
}

// Run ends the key.
func (cmd *KeysRevokeCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	revoke := c.RevokeKey
	if cmd.User != "" {
		user, err := findUser(ctx, c, cmd.User)
		if err != nil {
			return err
		}
		revoke = func(ctx context.Context, id string) error { return c.RevokeKeyOf(ctx, user.ID, id) }
	}
	if err := cmd.confirm(ctx, r, "Revoke the API key %s? What uses it is refused from then on.", cmd.ID); err != nil {
		return err
	}
	if err := revoke(ctx, cmd.ID); err != nil {
		return err
	}
	return r.printDone(map[string]string{"revoked": cmd.ID}, "The key %s is revoked.", cmd.ID)
}
