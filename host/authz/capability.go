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
	LogRead       Capability = "log.read"  // executions, log lines, full error texts
	DataRead      Capability = "data.read" // events with what they carry too
	DataWrite     Capability = "data.write"
	MembersRead   Capability = "members.read"
	TriggerRead   Capability = "trigger.read"
	TriggerWrite  Capability = "trigger.write"
	EventManage   Capability = "event.manage" // have events wait, be delivered again, or go
	SecretRead    Capability = "secret.read"  // names, never values
	SecretWrite   Capability = "secret.write"
	AuditRead     Capability = "audit.read"   // on the instance: of all apps
	QuotaManage   Capability = "quota.manage" // what an app may have, which is not the app's to decide
)

// Capabilities on the instance.
const (
	AppCreate    Capability = "app.create"
	UsersManage  Capability = "users.manage"
	OwnersManage Capability = "owners.manage" // make and unmake owners
	KeysManage   Capability = "keys.manage"   // one's own API keys
	SecretRotate Capability = "secret.rotate" // seal all secrets anew
	BackupCreate Capability = "backup.create" // have all that there is
	HealthRead   Capability = "health.read"   // how a node is

	AccountManage     Capability = "account.manage"     // one's own password, second factor and sessions
	CredentialsManage Capability = "credentials.manage" // set others' passwords, and take away their second factors
)

// InApp lists the capabilities in an app.
var InApp = []Capability{
	AppRead, AppUpdate, AppDelete, MembersRead, MembersManage, DomainsManage, ScriptRead, ScriptWrite, ScriptDelete, ScriptExecute,
	RouteRead, RouteWrite, TriggerRead, TriggerWrite, EventManage, LogRead, DataRead, DataWrite, SecretRead, SecretWrite, AuditRead, QuotaManage,
}

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

// A capabilitySet is what a role or a scope holds.
type capabilitySet []Capability

func (s capabilitySet) has(c Capability) bool { return slices.Contains(s, c) }

var (
	viewer   = capabilitySet{AppRead, MembersRead, ScriptRead, RouteRead, TriggerRead, LogRead, DataRead}
	editor   = slices.Concat(viewer, capabilitySet{ScriptWrite, ScriptDelete, ScriptExecute, RouteWrite, TriggerWrite, EventManage, DataWrite, SecretRead})
	appAdmin = slices.Concat(editor, capabilitySet{AppUpdate, AppDelete, MembersManage, DomainsManage, SecretWrite, AuditRead})

	member = capabilitySet{KeysManage, AccountManage}
	admin  = slices.Concat(member, appAdmin, capabilitySet{QuotaManage, AppCreate, UsersManage, CredentialsManage, SecretRotate, HealthRead}) // in every app
	owner  = slices.Concat(admin, capabilitySet{BackupCreate, OwnersManage})
)

var ofAppRole = map[store.AppRole]capabilitySet{
	store.RoleViewer: viewer, store.RoleEditor: editor, store.RoleAppAdmin: appAdmin,
}

var ofInstanceRole = map[store.InstanceRole]capabilitySet{
	store.RoleMember: member, store.RoleAdmin: admin, store.RoleOwner: owner,
}

// No scope holds KeysManage, AccountManage or CredentialsManage: a leaked key must not be able to make
// others, nor to become a login.
var ofScope = map[Scope]capabilitySet{
	ScopeScriptRead: {AppRead, ScriptRead, RouteRead, TriggerRead},
	ScopeScriptWrite: { // with the data: see execution.go
		AppRead, ScriptRead, ScriptWrite, ScriptDelete, ScriptExecute, RouteRead, TriggerRead, TriggerWrite, EventManage, DataRead, DataWrite,
	},
	ScopeRouteWrite:    {AppRead, RouteRead, RouteWrite},
	ScopeLogRead:       {AppRead, LogRead},
	ScopeDomainManage:  {AppRead, RouteRead, DomainsManage},
	ScopeAppAdmin:      slices.Concat(appAdmin, capabilitySet{QuotaManage}),
	ScopeInstanceAdmin: {AppRead, AppCreate, UsersManage, OwnersManage, SecretRotate, BackupCreate, AuditRead, HealthRead},
}
