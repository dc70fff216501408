package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Principal is an authenticated caller. It is shared by requests and must not be changed.
type Principal struct {
	User      store.User
	Key       *store.APIKey // nil for a session
	SessionID string        // "" for a key
	Expires   time.Time     // of the session, unless it is used until then, or of the key; zero: never

	tokenHash string // of the session
}

// Sign notes in an entry of the audit who does something; of nil, that nobody knows.
func (p *Principal) Sign(entry *store.AuditEntry) {
	if p == nil {
		entry.Actor = store.ActorUnknown
		return
	}
	entry.Actor, entry.UserID, entry.Username = store.ActorUser, p.User.ID, p.User.Username
	if p.Key != nil {
		entry.Actor, entry.KeyID = store.ActorKey, p.Key.ID
	}
}

// A realm is where something is to be done: an app, or the instance.
type realm struct {
	appID string        // "" for the instance
	role  store.AppRole // the caller's in the app; "" for none
}

// can is the one decision: role ∩ scopes ∩ binding. Who may do what by it is listed, for every
// operation of the API, in host/api/testdata/matrix.txt.
func can(p *Principal, in realm, c Capability) bool {
	return p != nil && p.bound(in) && p.scoped(c) && (ofInstanceRole[p.User.Role].has(c) || ofAppRole[in.role].has(c))
}

// bound reports whether the credential is good in a realm: a key of one app is good nowhere else.
func (p *Principal) bound(in realm) bool {
	return p.Key == nil || p.Key.AppID == "" || p.Key.AppID == in.appID
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
func (p *Principal) May(c Capability) bool { return can(p, realm{}, c) }

// SeesAllApps reports whether the caller may read every app, as admins do.
func (p *Principal) SeesAllApps() bool { return p.May(AppRead) }

// MayIn reports whether the caller holds a capability in an app. The error is the store's.
func (a *Authority) MayIn(ctx context.Context, p *Principal, appID string, c Capability) (bool, error) {
	in := realm{appID: appID}
	if p == nil || can(p, in, c) {
		return p != nil, nil
	}
	var err error
	in.role, err = a.roleIn(ctx, p, appID)
	return err == nil && can(p, in, c), err
}

// In returns an authority that decides by what a transaction reads, and remembers nothing from before. It is for
// decisions alone.
func (a *Authority) In(tx store.Store) *Authority {
	within := &Authority{store: tx, now: a.now}
	within.roles = newMemory[string, map[string]store.AppRole](1, &within.changes, a.now)
	return within
}

// roleIn returns the caller's role in an app, "" for none. The error is the store's.
func (a *Authority) roleIn(ctx context.Context, p *Principal, appID string) (store.AppRole, error) {
	roles, err := a.roles.get(p.User.ID, func() (map[string]store.AppRole, error) {
		return a.store.Apps().RolesOf(ctx, p.User.ID)
	})
	return roles[appID], err
}

// Rights are what a caller has in an app.
type Rights struct {
	// Role is the store.InstanceRole of who has one in every app, and otherwise the store.AppRole; ""
	// for none.
	Role         string
	Capabilities []Capability // in the order of [InApp]
}

// RightsIn returns what the caller has in an app. The error is the store's.
func (a *Authority) RightsIn(ctx context.Context, p *Principal, appID string) (Rights, error) {
	role, err := a.roleIn(ctx, p, appID)
	if err != nil {
		return Rights{}, err
	}
	return rightsOf(p, appID, role), nil
}

// Again returns the caller as it is in a transaction, where nothing is remembered from before: [ErrToken] when
// the user, the session or the key has ended since.
func (a *Authority) Again(ctx context.Context, tx store.Store, p *Principal) (*Principal, error) {
	now := *p
	var err error
	if now.User, err = tx.Users().Get(ctx, p.User.ID); err != nil {
		return nil, orToken(err)
	}
	if !now.User.Active() {
		return nil, ErrToken
	}
	switch {
	case p.Key != nil:
		key, err := tx.APIKeys().Get(ctx, p.Key.ID)
		if err != nil {
			return nil, orToken(err)
		}
		now.Key = &key
	case p.tokenHash != "":
		if _, err := tx.Sessions().Get(ctx, p.tokenHash, a.now()); err != nil {
			return nil, orToken(err)
		}
	}
	return &now, nil
}

// RightsAgain is RightsIn of a caller within a transaction: see [Authority.Again].
func (a *Authority) RightsAgain(ctx context.Context, tx store.Store, p *Principal, appID string) (Rights, error) {
	p, err := a.Again(ctx, tx, p)
	if err != nil {
		return Rights{}, err
	}
	role, err := tx.Apps().Member(ctx, appID, p.User.ID)
	if err != nil && fault.Of(err) != fault.NotFound {
		return Rights{}, err
	}
	return rightsOf(p, appID, role), nil
}

func rightsOf(p *Principal, appID string, role store.AppRole) Rights {
	rights := Rights{Role: string(role)}
	if ofInstanceRole[p.User.Role].has(AppRead) {
		rights.Role = string(p.User.Role)
	}
	for _, c := range InApp {
		if can(p, realm{appID, role}, c) {
			rights.Capabilities = append(rights.Capabilities, c)
		}
	}
	return rights
}

// Hold reports whether a capability is among the rights.
func (r Rights) Hold(c Capability) bool { return slices.Contains(r.Capabilities, c) }

// CheckGrant refuses to give a role in the app, or to take it away, to whoever may not manage members or
// lacks a capability of the role, by [Denied]. A role that does not exist is [fault.Invalid].
func (r Rights) CheckGrant(role store.AppRole) error {
	gives, known := ofAppRole[role]
	if !known {
		return fault.Refuse("role", "must be app_admin, editor or viewer, got %.40q", string(role))
	}
	for _, c := range append(capabilitySet{MembersManage}, gives...) {
		if !r.Hold(c) {
			return denied(c, true, r.Role)
		}
	}
	return nil
}

// Denied refuses what needs a capability, of which it names the least role that has it. [Principal.Denied] also says
// what the caller has instead.
func Denied(c Capability) error { return denied(c, true, "") }

// Denied refuses what needs a capability on the instance that the caller lacks.
func (p *Principal) Denied(c Capability) error { return p.deniedIn(realm{}, c) }

// deniedIn refuses what needs a capability in a realm that the caller lacks.
func (p *Principal) deniedIn(in realm, c Capability) error {
	role := string(p.User.Role)
	if in.appID != "" && !ofInstanceRole[p.User.Role].has(AppRead) {
		role = string(in.role)
	}
	switch {
	case p.scoped(c) && !p.bound(in):
		return fault.New(fault.Forbidden, "this needs an API key that is not bound to an app, as yours is (%s)", c)
	case p.scoped(c):
		return denied(c, in.appID != "", role)
	}
	var scopes []string
	for _, scope := range Scopes {
		if ofScope[scope].has(c) {
			scopes = append(scopes, string(scope))
		}
	}
	if len(scopes) == 0 {
		return fault.New(fault.Forbidden, "this needs a login: no API key may do it (%s)", c)
	}
	return fault.New(fault.Forbidden, "this needs an API key with the scope %s (%s); yours has %s",
		strings.Join(scopes, " or "), c, strings.Join(p.Key.Scopes, ", "))
}

func denied(c Capability, inApp bool, role string) error {
	text := fmt.Sprintf("this needs the role %s (%s)", leastRole(c, inApp), c)
	if role != "" {
		text += "; you are " + role
	}
	return fault.New(fault.Forbidden, "%s", text)
}

// leastRole returns the role with the fewest capabilities of those that have one: of an app's, if that is meant
// and one of them has it, or of the instance's.
func leastRole(c Capability, inApp bool) string {
	for _, role := range []store.AppRole{store.RoleViewer, store.RoleEditor, store.RoleAppAdmin} {
		if inApp && ofAppRole[role].has(c) {
			return string(role)
		}
	}
	for _, role := range []store.InstanceRole{store.RoleMember, store.RoleAdmin} {
		if ofInstanceRole[role].has(c) {
			return string(role)
		}
	}
	return string(store.RoleOwner)
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
	in := realm{appID: appID}
	if in.role, err = a.roleIn(ctx, p, appID); err != nil {
		return err
	}
	return p.deniedIn(in, c)
}
