package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// DomainsCmd groups the commands on the hosts that an app has claimed.
type DomainsCmd struct {
	Remote
	InApp
	List   DomainsListCmd   `cmd:"" help:"List the hosts that the app has claimed."`
	Add    DomainsAddCmd    `cmd:"" help:"Claim a host: only the app's routes answer there."`
	Remove DomainsRemoveCmd `cmd:"" help:"Give a claimed host back."`
}

var domainColumns = []column[wire.Domain]{
	{"HOST", func(d wire.Domain) string { return d.Host }},
	{"KIND", func(d wire.Domain) string { return d.Kind }},
	{"CREATED", func(d wire.Domain) string { return localTime(d.CreatedAt) }},
	{"ID", func(d wire.Domain) string { return d.ID }},
}

// DomainsListCmd is `picloud domains list`.
type DomainsListCmd struct{}

// Run lists the domains.
func (DomainsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	domains, err := client.Collect(c.Domains(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, domains, domainColumns)
}

// DomainsAddCmd is `picloud domains add`.
type DomainsAddCmd struct {
	Host string `arg:"" help:"The host, as in api.example.com, or *.example.com for all below it."`
}

// Run claims the host.
func (cmd *DomainsAddCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	domain, err := c.CreateDomain(ctx, in.App, wire.DomainCreate{Host: cmd.Host})
	if err != nil {
		return err
	}
	return r.printDone(domain, "Domain %s is the app's.", domain.Host)
}

// DomainsRemoveCmd is `picloud domains remove`.
type DomainsRemoveCmd struct {
	Confirmation
	Host string `arg:"" help:"The host as it was added, or its id." complete:"domains"`
}

// Run gives the host back.
func (cmd *DomainsRemoveCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	domains, err := client.Collect(c.Domains(ctx, in.App))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(domains, func(d wire.Domain) bool { return d.ID == cmd.Host || manifest.SameHost(d.Host, cmd.Host) })
	if i < 0 {
		return fmt.Errorf("app %s has no domain %q", in.App, cmd.Host)
	}
	if err := cmd.confirm(ctx, r, "Give the domain %s back? Any app may claim it then.", domains[i].Host); err != nil {
		return err
	}
	if err := c.DeleteDomain(ctx, in.App, domains[i].ID); err != nil {
		return err
	}
	return r.printDone(domains[i], "Domain %s is nobody's.", domains[i].Host)
}
