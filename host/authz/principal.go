package authz

import (
	"context"
	"errors"
	"time"

	"github.com/picloud/picloud/host/store"
)

// Principal is an authenticated caller.
type Principal struct {
	User    store.User
	Key     *store.APIKey // nil for a session
	Expires time.Time     // of the session or key; zero: never

	tokenHash string // of the session
}

// scoped tells whether the credential itself permits a capability.
func (p *Principal) scoped(c Capability) bool {
	if p.Key == nil {
		return true
	}
	for _, scope := range p.Key.Scopes {
		if ofScope[Scope(scope)].has(c) {
			return true
		}
	}
	return false
}

// May tells whether the caller holds a capability on the instance. A key bound
// to an app holds none.
func (p *Principal) May(c Capability) bool {
	return p != nil && (p.Key == nil || p.Key.AppID == "") && p.scoped(c) && ofInstanceRole[p.User.Role].has(c)
}

// SeesAllApps tells whether the caller may read every app, as admins do.
func (p *Principal) SeesAllApps() bool { return p.May(AppRead) }

// MayIn tells whether the caller holds a capability in an app. The error is the
// store's.
func (a *Authority) MayIn(ctx context.Context, p *Principal, appID string, c Capability) (bool, error) {
	if p == nil || !p.scoped(c) || p.Key != nil && p.Key.AppID != "" && p.Key.AppID != appID {
		return false, nil
	}
	if ofInstanceRole[p.User.Role].has(c) {
		return true, nil
	}
	role, err := a.store.Apps().Member(ctx, appID, p.User.ID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return ofAppRole[role].has(c), err
}
