package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// UsersCmd groups the commands on users.
type UsersCmd struct {
	Remote
	List          UsersListCmd          `cmd:"" help:"List all users."`
	Show          UsersShowCmd          `cmd:"" help:"Show a user."`
	Create        UsersCreateCmd        `cmd:"" help:"Make a user; without a password an invite is printed, which lets set one."`
	Rename        UsersRenameCmd        `cmd:"" help:"Give a user another name."`
	Role          UsersRoleCmd          `cmd:"" help:"Give a user another role."`
	Invite        UsersInviteCmd        `cmd:"" help:"Print another invite of a user who has no password; the one before ends."`
	Deactivate    UsersDeactivateCmd    `cmd:"" help:"Have nobody act as a user any more: sessions and API keys end, triggers that the user registered stop."`
	Reactivate    UsersReactivateCmd    `cmd:"" help:"Undo a deactivation; sessions and API keys do not come back."`
	ResetPassword UsersResetPasswordCmd `cmd:"" help:"Set a user's password, or print an invite that lets set one; the user's sessions end."`
	ResetTOTP     UsersResetTOTPCmd     `cmd:"" name:"reset-totp" help:"Take away the second factor of a user who has lost it."`
	Delete        UsersDeleteCmd        `cmd:"" help:"Delete a user who owns nothing."`
}

var userColumns = []column[wire.User]{
	{"NAME", func(u wire.User) string { return u.Username }},
	{"ROLE", func(u wire.User) string { return u.Role }},
	{"STATE", func(u wire.User) string { return u.State }},
	{"SECOND FACTOR", func(u wire.User) string { return yesOrNo(u.SecondFactor) }},
	{"CREATED", func(u wire.User) string { return localTime(u.CreatedAt) }},
	{"ID", func(u wire.User) string { return u.ID }},
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// A UserArg is the argument that names a user. The Run method of a command that embeds it receives the
// user.
type UserArg struct {
	User string `arg:"" help:"Name or id." complete:"users"`
}

// ProvideUser finds the user.
func (arg *UserArg) ProvideUser(ctx context.Context, c *client.Client) (wire.User, error) {
	return findUser(ctx, c, arg.User)
}

// findUser finds the user that a person means by ref: an id, or a name in whatever case.
func findUser(ctx context.Context, c *client.Client, ref string) (wire.User, error) {
	if uuid.Validate(ref) == nil {
		return c.User(ctx, ref)
	}
	for user, err := range c.Users(ctx) {
		if err != nil {
			return wire.User{}, err
		}
		if strings.EqualFold(user.Username, ref) {
			return user, nil
		}
	}
	return wire.User{}, fmt.Errorf("there is no user %q", ref)
}

// printUser prints what was done with a user, and an invite if there is one.
func (r *Remote) printUser(user wire.User, format string) error {
	if err := r.printDone(user, format, client.Printable(user.Username)); err != nil || r.Output == "json" || user.InviteURL == "" {
		return err
	}
	_, err := fmt.Fprintf(r.stdout, "Whoever has this invite sets the password, once, until %s:\n\n    picloud password accept '%s'\n",
		user.InviteExpiresAt.Local().Format(time.DateTime), client.Printable(user.InviteURL))
	return err
}

// NewPassword has the flags of commands that may set another user's password.
type NewPassword struct {
	AskPassword   bool `xor:"password" help:"Ask for the password, and make no invite."`
	PasswordStdin bool `xor:"password" help:"Read the password from standard input, up to the first line feed, and make no invite."`
}

// get returns the password, nil for an invite.
func (p *NewPassword) get(ctx context.Context, r *Remote, username string) (*string, error) {
	if !p.AskPassword && !p.PasswordStdin {
		return nil, nil
	}
	password, err := r.asker(p.PasswordStdin).newPassword(ctx, client.Printable(username))
	return &password, err
}

// UsersListCmd is `picloud users list`.
type UsersListCmd struct{}

// Run lists the users.
func (UsersListCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	users, err := client.Collect(c.Users(ctx))
	if err != nil {
		return err
	}
	return printAll(r, users, userColumns)
}

// UsersShowCmd is `picloud users show`.
type UsersShowCmd struct{ UserArg }

// Run shows the user.
func (UsersShowCmd) Run(r *Remote, user wire.User) error { return printOne(r, user, userColumns) }

// UsersCreateCmd is `picloud users create`.
type UsersCreateCmd struct {
	NewPassword
	Username string `arg:"" help:"Name to log in by."`
	Role     string `enum:"owner,admin,member" default:"member" help:"What the user may do on the instance: ${enum} (default ${default}). Members do what their apps let them."`
}

// Run makes the user.
func (cmd *UsersCreateCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	password, err := cmd.get(ctx, r, cmd.Username)
	if err != nil {
		return err
	}
	user, err := c.CreateUser(ctx, wire.UserCreate{Username: cmd.Username, Password: password, Role: cmd.Role})
	if err != nil {
		return err
	}
	return r.printUser(user, "User %s created.")
}

// UsersRenameCmd is `picloud users rename`.
type UsersRenameCmd struct {
	UserArg
	Username string `arg:"" help:"The new name."`
}

// Run renames the user.
func (cmd *UsersRenameCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	user, err := c.UpdateUser(ctx, user.ID, wire.UserUpdate{Username: &cmd.Username})
	if err != nil {
		return err
	}
	return r.printDone(user, "The user is %s now.", client.Printable(user.Username))
}

// UsersRoleCmd is `picloud users role`.
type UsersRoleCmd struct {
	UserArg
	Role string `arg:"" enum:"owner,admin,member" help:"The new role: ${enum}."`
}

// Run changes the role.
func (cmd *UsersRoleCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	user, err := c.UpdateUser(ctx, user.ID, wire.UserUpdate{Role: &cmd.Role})
	if err != nil {
		return err
	}
	return r.printUser(user, "User %s is "+user.Role+" now.")
}

// UsersInviteCmd is `picloud users invite`.
type UsersInviteCmd struct{ UserArg }

// Run makes an invite.
func (UsersInviteCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	user, err := c.InviteUser(ctx, user.ID)
	if err != nil {
		return err
	}
	return r.printUser(user, "User %s is invited again.")
}

// UsersDeactivateCmd is `picloud users deactivate`.
type UsersDeactivateCmd struct{ UserArg }

// Run deactivates the user.
func (UsersDeactivateCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	user, err := c.DeactivateUser(ctx, user.ID)
	if err != nil {
		return err
	}
	return r.printUser(user, "User %s is deactivated.")
}

// UsersReactivateCmd is `picloud users reactivate`.
type UsersReactivateCmd struct{ UserArg }

// Run reactivates the user.
func (UsersReactivateCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	user, err := c.ReactivateUser(ctx, user.ID)
	if err != nil {
		return err
	}
	return r.printUser(user, "User %s is active.")
}

// UsersResetPasswordCmd is `picloud users reset-password`.
type UsersResetPasswordCmd struct {
	UserArg
	NewPassword
}

// Run resets the password.
func (cmd *UsersResetPasswordCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	password, err := cmd.get(ctx, r, user.Username)
	if err != nil {
		return err
	}
	if user, err = c.ResetPassword(ctx, user.ID, wire.PasswordReset{Password: password}); err != nil {
		return err
	}
	return r.printUser(user, "The password of %s is reset.")
}

// UsersResetTOTPCmd is `picloud users reset-totp`.
type UsersResetTOTPCmd struct{ UserArg }

// Run takes away the second factor.
func (UsersResetTOTPCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	user, err := c.ResetTOTP(ctx, user.ID)
	if err != nil {
		return err
	}
	return r.printUser(user, "User %s logs in without a second factor now.")
}

// UsersDeleteCmd is `picloud users delete`.
type UsersDeleteCmd struct {
	Confirmation
	UserArg
}

// Run deletes the user.
func (cmd *UsersDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, user wire.User) error {
	if err := cmd.confirm(ctx, r, "Delete the user %s?", user.Username); err != nil {
		return err
	}
	if err := c.DeleteUser(ctx, user.ID); err != nil {
		return err
	}
	return r.printUser(user, "User %s deleted.")
}
