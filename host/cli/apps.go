package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// AppsCmd groups the commands on apps.
type AppsCmd struct {
	Remote
	List    AppsListCmd    `cmd:"" help:"List the apps you may see."`
	Create  AppsCreateCmd  `cmd:"" help:"Create an app."`
	Show    AppsShowCmd    `cmd:"" help:"Show an app."`
	Usage   AppsUsageCmd   `cmd:"" help:"Show what an app uses of its quotas."`
	Stats   AppsStatsCmd   `cmd:"" help:"Show what ran in an app, or in all, over time."`
	CORS    AppsCORSCmd    `cmd:"" name:"cors" help:"Show or change which pages of other origins may use an app."`
	Rename  AppsRenameCmd  `cmd:"" help:"Give an app another slug; the one before leads to it."`
	Release AppsReleaseCmd `cmd:"" help:"Have a slug be free that an app had before."`
	Export  AppsExportCmd  `cmd:"" help:"Write an app with all that it has to one archive."`
	Import  AppsImportCmd  `cmd:"" help:"Make an app of an archive, or fill an empty one."`
	Delete  AppsDeleteCmd  `cmd:"" help:"Delete an app with all it holds, which is told first."`
}

var appColumns = []column[wire.App]{
	{"SLUG", func(a wire.App) string { return a.Slug }},
	{"NAME", func(a wire.App) string { return a.Name }},
	{"YOU ARE", func(a wire.App) string { return a.MyRole }},
	{"CREATED", func(a wire.App) string { return localTime(a.CreatedAt) }},
	{"ID", func(a wire.App) string { return a.ID }},
}

// AppsListCmd is `picloud apps list`.
type AppsListCmd struct{}

// Run lists the apps.
func (AppsListCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	apps, err := client.Collect(c.Apps(ctx))
	if err != nil {
		return err
	}
	return printAll(r, apps, appColumns)
}

// AppsCreateCmd is `picloud apps create`.
type AppsCreateCmd struct {
	Slug string `arg:"" help:"Unique name: lower-case letters, digits and hyphens."`
	Name string `help:"Name for people; the slug when absent."`
}

// Run creates the app.
func (cmd *AppsCreateCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	app, err := c.CreateApp(ctx, wire.AppCreate{Slug: cmd.Slug, Name: cmd.Name})
	if err != nil {
		return err
	}
	return r.printDone(app, "App %s created.", app.Slug)
}

// AppsShowCmd is `picloud apps show`.
type AppsShowCmd struct {
	App string `arg:"" help:"Slug or id." complete:"apps"`
}

// Run shows the app.
func (cmd *AppsShowCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	app, err := c.App(ctx, cmd.App)
	if err != nil {
		return err
	}
	columns := appColumns
	if len(app.Aliases) > 0 {
		columns = append(columns[:len(columns):len(columns)],
			column[wire.App]{"BEFORE", func(a wire.App) string { return strings.Join(a.Aliases, ", ") }})
	}
	return printOne(r, app, columns)
}

// AppsRenameCmd is `picloud apps rename`.
type AppsRenameCmd struct {
	App  string `arg:"" help:"Slug or id." complete:"apps"`
	Slug string `arg:"" help:"The new slug: lower-case letters, digits and hyphens."`
}

// Run renames the app.
func (cmd *AppsRenameCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	app, err := c.RenameApp(ctx, cmd.App, cmd.Slug)
	if err != nil {
		return err
	}
	return r.printDone(app, "App %s is now called %s.", cmd.App, app.Slug)
}

// AppsReleaseCmd is `picloud apps release`.
type AppsReleaseCmd struct {
	App  string `arg:"" help:"Slug or id." complete:"apps"`
	Slug string `arg:"" help:"The slug that it had before."`
}

// Run releases the slug.
func (cmd *AppsReleaseCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	if err := c.ReleaseAlias(ctx, cmd.App, cmd.Slug); err != nil {
		return err
	}
	app, err := c.App(ctx, cmd.App)
	if err != nil {
		return err
	}
	return r.printDone(app, "The slug %s is free.", cmd.Slug)
}

// AppsUsageCmd is `picloud apps usage`.
type AppsUsageCmd struct {
	App string `arg:"" help:"Slug or id." complete:"apps"`
}

// Run shows the usage.
func (cmd *AppsUsageCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	usage, err := c.Usage(ctx, cmd.App)
	if err != nil {
		return err
	}
	warnUsage(r, usage)
	used := func(of func(wire.Usage) wire.Used) func(wire.Usage) string {
		return func(u wire.Usage) string {
			text := strconv.FormatInt(of(u).Bytes, 10)
			if quota := of(u).Quota; quota > 0 {
				text += fmt.Sprintf(" of %d", quota)
			}
			return text
		}
	}
	return printOne(r, usage, []column[wire.Usage]{
		{"KV", used(func(u wire.Usage) wire.Used { return u.KV })},
		{"DOCS", used(func(u wire.Usage) wire.Used { return u.Docs })},
		{"FILES", used(func(u wire.Usage) wire.Used { return u.Files })},
		{"LOG TODAY", used(func(u wire.Usage) wire.Used { return u.Log })},
		{"MS OF PROCESSOR TODAY", used(func(u wire.Usage) wire.Used { return wire.Used{Bytes: u.CPU.Used, Quota: u.CPU.Quota} })},
		{"EVENTS THAT WAIT", used(func(u wire.Usage) wire.Used { return wire.Used{Bytes: u.Events.Used, Quota: u.Events.Quota} })},
		{"DEAD LETTERS", func(u wire.Usage) string { return number(u.DeadLetters) }},
	})
}

// AppsDeleteCmd is `picloud apps delete`.
type AppsDeleteCmd struct {
	Confirmation
	App string `arg:"" help:"Slug or id." complete:"apps"`
}

// Run deletes the app.
func (cmd *AppsDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	app, err := c.App(ctx, cmd.App)
	if err != nil {
		return err
	}
	contents, err := c.AppDeletion(ctx, app.ID)
	if err != nil {
		return err
	}
	const most = wire.MaxContents
	goes := present([]amount{
		{n: contents.Scripts, kind: "script"}, {n: contents.Routes, kind: "route"}, {n: contents.Triggers, kind: "trigger"}, {n: contents.Topics, kind: "topic"},
		{n: contents.Domains, kind: "domain"}, {n: contents.Members, kind: "member"}, {n: contents.Keys, kind: "API key"}, {n: contents.Secrets, kind: "secret"},
		{contents.KVEntries, "kv key", most}, {contents.Documents, "document", most}, {contents.Files, "file", most}, {n: contents.FileBytes, kind: "byte"},
		{contents.Executions, "execution", most}, {contents.Events, "event", most}, {contents.DeadLetters, "dead letter", most},
	})
	if len(goes) == 0 {
		err = cmd.confirm(ctx, r, "Delete the app %s (%s), which is empty?", app.Slug, app.Name)
	} else {
		err = cmd.confirmName(ctx, r, app.Slug, "This deletes the app %s (%s) with %s.", app.Slug, app.Name, strings.Join(goes, ", "))
	}
	if err != nil {
		return err
	}
	if err := c.DeleteApp(ctx, app.ID); err != nil {
		return err
	}
	return r.printDone(app, "App %s deleted.", app.Slug)
}
