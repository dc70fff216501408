package cli

import (
	"context"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// MembersCmd groups the commands on who works on an app.
type MembersCmd struct {
	Remote
	InApp
	List   MembersListCmd   `cmd:"" help:"List who works on the app, and as what."`
	Set    MembersSetCmd    `cmd:"" help:"Give somebody a role in the app."`
	Remove MembersRemoveCmd `cmd:"" help:"Take somebody's role in the app away, or leave it yourself."`
}

var memberColumns = []column[wire.Member]{
	{"USER", func(m wire.Member) string { return m.Username }},
	{"ROLE", func(m wire.Member) string { return m.Role }},
	{"ID", func(m wire.Member) string { return m.UserID }},
}

// MembersListCmd is `picloud members list`.
type MembersListCmd struct{}

// Run lists the members.
func (MembersListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	members, err := client.Collect(c.Members(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, members, memberColumns)
}

// MembersSetCmd is `picloud members set`.
type MembersSetCmd struct {
	User string `arg:"" help:"User name or id." complete:"users"`
	Role string `arg:"" enum:"app_admin,editor,viewer" help:"What the user may do in the app: ${enum}."`
}

// Run gives the role.
func (cmd *MembersSetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	member, err := c.SetMember(ctx, in.App, cmd.User, wire.MemberSet{Role: cmd.Role})
	if err != nil {
		return err
	}
	return r.printDone(member, "%s is %s of the app %s.", member.Username, member.Role, in.App)
}

// MembersRemoveCmd is `picloud members remove`.
type MembersRemoveCmd struct {
	Confirmation
	User string `arg:"" help:"User name or id." complete:"members"`
}

// Run takes the role away.
func (cmd *MembersRemoveCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if err := cmd.confirm(ctx, r, "Take the role in the app %s away from %s?", in.App, cmd.User); err != nil {
		return err
	}
	if err := c.RemoveMember(ctx, in.App, cmd.User); err != nil {
		return err
	}
	return r.printDone(map[string]string{"removed": cmd.User}, "%s has no role in the app %s any more.", cmd.User, in.App)
}
