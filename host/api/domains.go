package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountDomains(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/domains", "list-domains", "List the hosts that an app has claimed", http.StatusOK, a.listDomains)
	operation(a, admin, http.MethodPost, "/apps/{app}/domains", "create-domain", "Claim a host for an app", http.StatusCreated, a.createDomain)
	operation(a, admin, http.MethodDelete, "/apps/{app}/domains/{id}", "delete-domain", "Give a claimed host back", http.StatusNoContent, a.deleteDomain)
}

func (a *API) listDomains(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.Domain]], error) {
	app, err := a.findApp(ctx, in.App, authz.RouteRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Domains().List(ctx, app.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Domain]]{wirePage(page, wireDomain)}, nil
}

func (a *API) createDomain(ctx context.Context, in *struct {
	AppPath
	Body wire.DomainCreate
}) (*body[wire.Domain], error) {
	app, err := a.findApp(ctx, in.App, authz.DomainsManage)
	if err != nil {
		return nil, err
	}
	name, err := domains.ParseClaim(in.Body.Host)
	if err != nil {
		return nil, err
	}
	if err := a.mayClaim(ctx, app.ID, name); err != nil {
		return nil, err
	}
	from := "" // the app around whose names the caller may give away, too
	if around, ok := a.catalog.Routes().ClaimAround(name); ok {
		may, err := a.authority.MayIn(ctx, caller(ctx), around.AppID, authz.DomainsManage)
		if err != nil {
			return nil, err
		}
		if may {
			from = around.AppID
		}
	}
	claim, err := a.catalog.ClaimDomain(ctx, app.ID, name, from)
	if err != nil {
		return nil, a.claimed(ctx, app.ID, name, err)
	}
	return &body[wire.Domain]{wireDomain(claim)}, nil
}

// mayClaim refuses a host of which a part is reserved to whoever does not say what apps may have.
func (a *API) mayClaim(ctx context.Context, appID, name string) error {
	if !a.reservedPart(name) {
		return nil
	}
	if may, err := a.authority.MayIn(ctx, caller(ctx), appID, authz.QuotaManage); err != nil || may {
		return err
	}
	return reservedHost(name)
}

// reservedPart reports whether a part of a host is reserved.
func (a *API) reservedPart(name string) bool {
	return slices.ContainsFunc(a.reserved, func(reserved string) bool {
		return domains.Covers(name, reserved) || domains.Covers(reserved, name)
	})
}

func reservedHost(name string) error {
	return fault.New(fault.Forbidden, "the host %s is reserved: only an owner or admin may claim it for the app", name)
}

// claimed returns the refusal of a claim that names the app whose claim is in its way, where the caller
// may see that.
func (a *API) claimed(ctx context.Context, appID, host string, err error) error {
	refused := fault.From(err)
	if fault.Of(err) != fault.Conflict || refused.Other != "" {
		return err
	}
	claim, ok := a.catalog.Routes().ClaimOf(host)
	if !ok || claim.AppID == appID {
		return err
	}
	app, ok := a.seen(ctx, claim.AppID)
	if !ok {
		return err
	}
	named := *refused
	named.Reason = fmt.Sprintf("%s: the app %s has %s", refused.Reason, app.Slug, claim.Host)
	named.Text, named.Other = fmt.Sprintf("the host %s %s", host, named.Reason), claim.ID
	return &named
}

func (a *API) deleteDomain(ctx context.Context, in *struct {
	AppPath
	ID string `path:"id"`
}) (*none, error) {
	app, err := a.findApp(ctx, in.App, authz.DomainsManage)
	if err != nil {
		return nil, err
	}
	claim, err := a.store.Domains().Get(ctx, in.ID)
	if err != nil {
		return nil, unknown(err, "domain")
	}
	if claim.AppID != app.ID {
		return nil, fault.Missing("domain")
	}
	return nil, unknown(a.catalog.ReleaseDomain(ctx, claim.ID), "domain")
}

func wireDomain(d store.Domain) wire.Domain {
	kind := store.HostStrict
	if strings.HasPrefix(d.Host, "*.") {
		kind = store.HostWildcard
	}
	return wire.Domain{ID: d.ID, AppID: d.AppID, Host: d.Host, Kind: string(kind), CreatedAt: d.CreatedAt}
}
