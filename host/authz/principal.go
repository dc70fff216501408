package authz

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Principal is an authenticated caller.
type Principal struct {
	User      store.User
	Key       *store.APIKey // nil for a session
	SessionID string        // "" for a key
	Expires   time.Time     // of the session, unless it is used until then, or of the key; zero: never

	tokenHash string // of the session
}

// scoped reports whether the credential itself permits a capability.
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

// May reports whether the caller holds a capability on the instance. A key bound to an app holds
// none.
func (p *Principal) May(c Capability) bool {
	return p != nil && (p.Key == nil || p.Key.AppID == "") && p.scoped(c) && ofInstanceRole[p.User.Role].has(c)
}

// SeesAllApps reports whether the caller may read every app, as admins do.
func (p *Principal) SeesAllApps() bool { return p.May(AppRead) }

// MayIn reports whether the caller holds a capability in an app. The error is the store's.
func (a *Authority) MayIn(ctx context.Context, p *Principal, appID string, c Capability) (bool, error) {
	if p == nil || !p.scoped(c) || p.Key != nil && p.Key.AppID != "" && p.Key.AppID != appID {
		return false, nil
	}
	if ofInstanceRole[p.User.Role].has(c) {
		return true, nil
	}
	role, err := a.store.Apps().Member(ctx, appID, p.User.ID)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return ofAppRole[role].has(c), err
}

// Denied refuses what needs a capability that the caller lacks.
func Denied(c Capability) error {
	return fault.New(fault.Forbidden, "this needs the capability %s, which you or your API key do not have", c)
}

// Require returns nil for a caller who holds a capability in an app, and otherwise [Denied], or
// [fault.Missing] of the resource: an app that the caller may not even see does not exist for them,
// nor does anything in it.
func (a *Authority) Require(ctx context.Context, p *Principal, appID, resource string, c Capability) error {
	ok, err := a.MayIn(ctx, p, appID, c)
	if err != nil || ok {
		return err
	}
	if ok, err = a.MayIn(ctx, p, appID, AppRead); err != nil {
		return err
	}
	if !ok {
		return fault.Missing(resource)
	}
	return Denied(c)
}
