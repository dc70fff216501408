package routing

import (
	"strings"

	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/store"
)

// Claim adds an app's claim on a host. It replaces one with the same host or id.
func (t *Table) Claim(claim store.Domain) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims.Add(claim)
}

// Release removes the claim with an id, if there is one.
func (t *Table) Release(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims.Remove(id)
}

// ReleaseApp removes the claims of an app.
func (t *Table) ReleaseApp(appID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims.RemoveIf(func(claim store.Domain) bool { return claim.AppID == appID })
}

// SetUnclaimed says whose routes answer on hosts that no app has claimed; at first all apps' do.
func (t *Table) SetUnclaimed(rule Unclaimed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unclaimed = rule
}

// ClaimOf returns the most specific claim on a host, a name or a wildcard as [Parse] returns it.
func (t *Table) ClaimOf(host string) (store.Domain, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.claims.Of(host)
}

// ClaimAround returns the most specific claim on all names around a host, other than one on the host
// itself.
func (t *Table) ClaimAround(host string) (store.Domain, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.claims.Around(host)
}

// StrandedBy returns a route of a named host that answers and would answer nowhere any more after a
// change of the claims: this one comes, or it goes. One that comes must be of a host without a claim.
func (t *Table) StrandedBy(claim store.Domain, goes bool) (store.Route, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := map[string]string{} // owners of the hosts that routes name
	for _, named := range []map[string]*paths{t.strict, t.wildcard} {
		for host := range named {
			if strings.HasPrefix(host, ".") {
				host = "*" + host
			}
			if owner, ok := t.claims.Of(host); ok && domains.Covers(claim.Host, host) {
				before[host] = owner.AppID
			}
		}
	}
	if goes {
		t.claims.Remove(claim.ID)
		defer t.claims.Add(claim)
	} else {
		t.claims.Add(claim)
		defer t.claims.Remove(claim.ID)
	}
	for host, owner := range before {
		if after, _ := t.claims.Of(host); after.AppID == owner {
			continue
		}
		kind := store.HostStrict
		if strings.HasPrefix(host, "*") {
			kind = store.HostWildcard
		}
		for _, e := range t.pathsOf(kind, host, false).byID {
			if e.route.AppID == owner {
				return e.route, true
			}
		}
	}
	return store.Route{}, false
}

// anyApp and noApp are whose routes answer, where that is not one app's.
const (
	anyApp = ""
	noApp  = "-" // which no id is
)

// answering returns whose routes answer on a host in the form of [cleanHost], and whether it is claimed.
func (t *Table) answering(host string) (appID string, claimed bool) {
	if claim, ok := t.claims.Of(host); ok {
		return claim.AppID, true
	}
	switch {
	case !t.unclaimed.Only:
		return anyApp, false
	case t.unclaimed.AppID == "":
		return noApp, false
	}
	return t.unclaimed.AppID, false
}

// Stranded returns the routes of named hosts that their apps have not claimed, and which answer nowhere.
func (t *Table) Stranded() (stranded []store.Route) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, e := range t.byID {
		if e.route.HostKind == store.HostAny {
			continue
		}
		if claim, ok := t.claims.Of(e.route.Host); !ok || claim.AppID != e.route.AppID {
			stranded = append(stranded, e.route)
		}
	}
	return stranded
}
