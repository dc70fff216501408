package catalog

import (
	"context"
	"fmt"

	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// Whose routes answer on hosts that no app has claimed.
const (
	UnclaimedAll     = "all"     // all apps'
	UnclaimedDefault = "default" // those of the app [DefaultApp]
)

// DefaultApp is the slug of the app that answers for hosts of nobody, where the operator wants that.
const DefaultApp = "default"

// ClaimDomain gives a host to an app, exact or a wildcard (see package domains). The names below a
// wildcard of another app are that app's: one of them is given away for whom may decide for both, where
// from is that other app's id; "" is for none. What is another app's is [fault.Conflict], which does not
// tell whose.
func (c *Catalog) ClaimDomain(ctx context.Context, appID, host, from string) (claim store.Domain, err error) {
	name, err := domains.ParseClaim(host)
	if err != nil {
		return store.Domain{}, err
	}
	wanted := store.Domain{AppID: appID, Host: name}
	err = c.change(ctx, func(tx store.Store) error {
		if there, ok := c.routes.ClaimOf(name); ok && there.Host == name {
			if there.AppID == appID {
				return taken(name, "is claimed by the app already", there.ID)
			}
			return taken(name, "is claimed by another app", "")
		}
		if around, ok := c.routes.ClaimAround(name); ok && around.AppID != appID && around.AppID != from {
			return taken(name, "is below a wildcard that another app has claimed", "")
		}
		if route, ok := c.routes.StrandedBy(wanted, false); ok && route.AppID != appID {
			return taken(name, "has routes of another app", "")
		}
		n, err := tx.Domains().Count(ctx, appID)
		if err != nil {
			return err
		}
		if n >= domains.MaxPerApp {
			return fault.Refuse("host", "would be more than the %d that an app may claim", domains.MaxPerApp)
		}
		claim, err = tx.Domains().Create(ctx, wanted)
		return err
	})
	return claim, err
}

// ReleaseDomain takes a host away from the app that has claimed it. Routes of the app that name it would
// answer nowhere any more: while there are any it is refused.
func (c *Catalog) ReleaseDomain(ctx context.Context, id string) error {
	return c.change(ctx, func(tx store.Store) error {
		claim, err := tx.Domains().Get(ctx, id)
		if err != nil {
			return err
		}
		if route, ok := c.routes.StrandedBy(claim, true); ok {
			reason := "is needed by the route " + describe(route) + ": delete that first"
			return &fault.Error{Code: fault.Conflict, Text: "the host " + claim.Host + " " + reason, Field: "id", Reason: reason, Value: id, Other: route.ID}
		}
		return tx.Domains().Delete(ctx, id)
	})
}

func taken(host, reason, other string) error {
	return &fault.Error{Code: fault.Conflict, Text: fmt.Sprintf("the host %s %s", host, reason), Field: "host", Reason: reason, Value: host, Other: other}
}

// needClaim refuses a route of a host that is not its app's.
func (c *Catalog) needClaim(route store.Route) error {
	if route.HostKind == store.HostAny {
		return nil
	}
	if claim, ok := c.routes.ClaimOf(route.Host); ok && claim.AppID == route.AppID {
		return nil
	}
	const reason = "is not claimed by the app: add it to the app's domains first"
	return &fault.Error{Code: fault.Conflict, Text: fmt.Sprintf("the host %s %s", route.Host, reason), Field: "host", Reason: reason, Value: route.Host}
}

// readUnclaimed finds the app that hosts of nobody are for.
func (c *Catalog) readUnclaimed(ctx context.Context, s store.Store) error {
	if c.unclaimedHosts != UnclaimedDefault {
		return nil
	}
	app, err := s.Apps().GetBySlug(ctx, DefaultApp)
	if fault.Of(err) == fault.NotFound { // it may be called otherwise now
		app, err = s.Apps().GetByAlias(ctx, DefaultApp)
	}
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	c.routes.SetUnclaimed(routing.Unclaimed{Only: true, AppID: app.ID})
	return nil
}

// tellStranded warns of routes of named hosts that are not their apps': when hosts came to be claimed, those
// of which several apps had routes went to the app that was first.
func (c *Catalog) tellStranded() {
	for _, route := range c.routes.Stranded() {
		c.log.Warn("a route does not answer: its app has not claimed the host", "route_id", route.ID, "app_id", route.AppID, "host", route.Host)
	}
}

// maxTold is how many hosts the log names at once.
const maxTold = 20

// tellTaken warns, at the first start after hosts came to be claimed, of hosts that the routes of other apps
// answered on that name none, and do not any more.
func (c *Catalog) tellTaken(ctx context.Context) error {
	claims, err := c.store.Domains().Untold(ctx)
	if err != nil || len(claims) == 0 {
		return err
	}
	routes, err := c.store.Routes().All(ctx)
	if err != nil {
		return err
	}
	taken := map[string]int{} // routes that name no host, by app
	var all int
	for _, route := range routes {
		if route.Host == "" {
			taken[route.AppID]++
			all++
		}
	}
	var hosts []string
	for _, claim := range claims {
		if n := all - taken[claim.AppID]; n > 0 {
			hosts = append(hosts, fmt.Sprintf("%s (claimed by app %s: %d routes of others)", claim.Host, claim.AppID, n))
		}
	}
	if len(hosts) > 0 {
		c.log.Warn("hosts that routes name belong to one app each now: routes of other apps that name no host do not answer there any more; `picloud domains` shows and changes it",
			"hosts", hosts[:min(len(hosts), maxTold)], "count", len(hosts))
	}
	return nil
}
