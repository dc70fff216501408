package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// AppsCmd groups the commands on apps.
type AppsCmd struct {
	Remote
	List   AppsListCmd   `cmd:"" help:"List the apps you may see."`
	Create AppsCreateCmd `cmd:"" help:"Create an app."`
	Show   AppsShowCmd   `cmd:"" help:"Show an app."`
	Usage  AppsUsageCmd  `cmd:"" help:"Show what an app uses of its quotas."`
	CORS   AppsCORSCmd   `cmd:"" name:"cors" help:"Show or change which pages of other origins may use an app."`
	Export AppsExportCmd `cmd:"" help:"Write an app with all that it has to one archive."`
	Import AppsImportCmd `cmd:"" help:"Make an app of an archive, or fill an empty one."`
	Delete AppsDeleteCmd `cmd:"" help:"Delete an app with all it holds."`
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
	return printOne(r, app, appColumns)
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
	if err := cmd.confirm(ctx, r, "Delete the app %s (%s) with its scripts, routes, logs and data?", app.Slug, app.Name); err != nil {
		return err
	}
	if err := c.DeleteApp(ctx, app.ID); err != nil {
		return err
	}
	return r.printDone(app, "App %s deleted.", app.Slug)
}
