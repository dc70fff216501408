// Package authz knows who a caller is and what the caller may do.
//
// A user has one role on the instance and at most one in each app; roles are sets of capabilities.
// A session may do what its user may. An API key may do what its user may, its scopes cover, and,
// when it is bound to an app, touches that app:
//
//	key capabilities = role capabilities ∩ scope capabilities ∩ app binding
package authz

import (
	"slices"

	"github.com/picloud/picloud/host/store"
)

// Capability is one thing a caller may do.
type Capability string

// Capabilities in an app.
const (
	AppRead       Capability = "app.read" // see that the app exists
	AppUpdate     Capability = "app.update"
	AppDelete     Capability = "app.delete"
	MembersManage Capability = "members.manage"
	DomainsManage Capability = "domains.manage"
	ScriptRead    Capability = "script.read" // the source too
	ScriptWrite   Capability = "script.write"
	ScriptDelete  Capability = "script.delete"
	ScriptExecute Capability = "script.execute" // the execute endpoint and test runs
	RouteRead     Capability = "route.read"
	RouteWrite    Capability = "route.write"
	LogRead       Capability = "log.read" // executions, log lines, full error texts
	DataRead      Capability = "data.read"
	DataWrite     Capability = "data.write"
	SecretRead    Capability = "secret.read" // which secrets there are; nobody sees a value
	SecretWrite   Capability = "secret.write"
	AuditRead     Capability = "audit.read" // what was changed, and by whom
)

// Capabilities on the instance.
const (
	AppCreate    Capability = "app.create"
	UsersManage  Capability = "users.manage"
	OwnersManage Capability = "owners.manage"  // make and unmake owners
	KeysManage   Capability = "keys.manage"    // one's own API keys
	SecretRotate Capability = "secret.rotate"  // seal all secrets anew
	AuditReadAll Capability = "audit.read_all" // of all apps, and of what belongs to none
)

// Scope is a bundle of capabilities that an API key may carry.
type Scope string

// The scopes.
const (
	ScopeScriptRead    Scope = "script:read"
	ScopeScriptWrite   Scope = "script:write"
	ScopeRouteWrite    Scope = "route:write"
	ScopeLogRead       Scope = "log:read"
	ScopeDomainManage  Scope = "domain:manage"
	ScopeAppAdmin      Scope = "app:admin"
	ScopeInstanceAdmin Scope = "instance:admin"
)

// Scopes lists all scopes.
var Scopes = []Scope{
	ScopeScriptRead, ScopeScriptWrite, ScopeRouteWrite, ScopeLogRead,
	ScopeDomainManage, ScopeAppAdmin, ScopeInstanceAdmin,
}

type capabilitySet []Capability

func (s capabilitySet) has(c Capability) bool { return slices.Contains(s, c) }

var (
	viewer   = capabilitySet{AppRead, ScriptRead, RouteRead, LogRead, DataRead}
	editor   = slices.Concat(viewer, capabilitySet{ScriptWrite, ScriptDelete, ScriptExecute, RouteWrite, DataWrite, SecretRead})
	appAdmin = slices.Concat(editor, capabilitySet{AppUpdate, AppDelete, MembersManage, DomainsManage, SecretWrite, AuditRead})

	member = capabilitySet{KeysManage}
	admin  = slices.Concat(member, appAdmin, capabilitySet{AppCreate, UsersManage, SecretRotate, AuditReadAll}) // in every app
	owner  = slices.Concat(admin, capabilitySet{OwnersManage})
)

var ofAppRole = map[store.AppRole]capabilitySet{
	store.RoleViewer: viewer, store.RoleEditor: editor, store.RoleAppAdmin: appAdmin,
}

var ofInstanceRole = map[store.InstanceRole]capabilitySet{
	store.RoleMember: member, store.RoleAdmin: admin, store.RoleOwner: owner,
}

// No scope holds KeysManage: a leaked key must not be able to make others.
var ofScope = map[Scope]capabilitySet{
	ScopeScriptRead:    {AppRead, ScriptRead, RouteRead},
	ScopeScriptWrite:   {AppRead, ScriptRead, RouteRead, ScriptWrite, ScriptDelete, ScriptExecute, DataRead, DataWrite}, // see execution.go
	ScopeRouteWrite:    {AppRead, RouteRead, RouteWrite},
	ScopeLogRead:       {AppRead, LogRead},
	ScopeDomainManage:  {AppRead, RouteRead, DomainsManage},
	ScopeAppAdmin:      appAdmin,
	ScopeInstanceAdmin: {AppRead, AppCreate, UsersManage, OwnersManage, SecretRotate, AuditReadAll},
}
