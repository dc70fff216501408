package cli

import (
	"context"
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

// defaultApp is the slug of the app that there is at first.
const defaultApp = "default"

// AppsRenameCmd is `picloud apps rename`.
type AppsRenameCmd struct {
	App  string `arg:"" help:"Slug or id." complete:"apps"`
	Slug string `arg:"" help:"The new slug: lower-case letters, digits and hyphens."`
}

// Run renames the app.
func (cmd *AppsRenameCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	before, err := c.App(ctx, cmd.App)
	if err != nil {
		return err
	}
	app, err := c.RenameApp(ctx, before.ID, cmd.Slug)
	if err != nil {
		return err
	}
	if before.Slug == defaultApp && app.Slug != defaultApp {
		r.notices.warn("no app is called %s any more: a server with PICLOUD_UNCLAIMED_HOSTS=default answers on hosts that no app has claimed "+
			"with the routes of that app alone. Commands without --app find this one by its old slug until another app has it", defaultApp)
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
	of := func(used, quota int64, write func(int64) string) string {
		if quota == 0 {
			return write(used)
		}
		return write(used) + " of " + write(quota)
	}
	return printOne(r, usage, []column[wire.Usage]{
		{"KV", func(u wire.Usage) string { return of(u.KV.Bytes, u.KV.Quota, size) }},
		{"DOCS", func(u wire.Usage) string { return of(u.Docs.Bytes, u.Docs.Quota, size) }},
		{"FILES", func(u wire.Usage) string { return of(u.Files.Bytes, u.Files.Quota, size) }},
		{"LOG TODAY", func(u wire.Usage) string { return of(u.Log.Bytes, u.Log.Quota, size) }},
		{"PROCESSOR TIME TODAY", func(u wire.Usage) string { return of(u.CPU.Used, u.CPU.Quota, processorTime) }},
		{"PENDING EVENTS", func(u wire.Usage) string { return of(u.Events.Used, u.Events.Quota, number) }},
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
