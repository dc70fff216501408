package authz

import (
	"context"
	"slices"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// What an execution may do with the app's data and the network follows from who started it.
//
// One that a route or a trigger starts has [AppExecution]: the app itself acts. One that a caller
// starts, through the execute endpoint or a test run, has what the caller may do in that app:
//
//	capability of the caller   capabilities of the execution
//	data.read                  AppKvRead AppDocsRead AppFilesRead AppEventsRead
//	data.write                 AppKvWrite AppDocsWrite AppFilesWrite AppEventsWrite
//	script.execute             AppHttpRequest AppSecretRead
//
// so that, with the roles and scopes of this package:
//
//	role or scope              reads data   writes data   starts executions
//	viewer                     yes          no            no
//	editor, app_admin          yes          yes           yes
//	admin, owner               yes          yes           yes, in every app
//	script:read                no           no            no
//	script:write               yes          yes           yes
//	app:admin                  yes          yes           yes
//	any other scope            no           no            no
//
// The scope script:write includes the data because it could not keep it back: whoever may change a
// script that a route runs makes that route read and write whatever they like.
//
// So it is with secrets, of which secret.read is only to know the names: whoever may change a script may
// make it use them.
//
// Of a script marked read-only an execution keeps the capabilities to read (see [ReadOnly]) whoever
// starts it.

// AppExecution is what an app's own executions may do: everything.
var AppExecution = []abi.Capability{
	abi.AppKVRead, abi.AppDocsRead, abi.AppFilesRead, abi.AppEventsRead,
	abi.AppKVWrite, abi.AppDocsWrite, abi.AppFilesWrite, abi.AppEventsWrite,
	abi.AppHTTPRequest, abi.AppSecretRead,
}

// readOnly has no HTTP requests, not even GET: a request can change something on another server,
// and its address alone can carry data away.
var readOnly = []abi.Capability{abi.AppKVRead, abi.AppDocsRead, abi.AppFilesRead, abi.AppEventsRead, abi.AppSecretRead}

// lent says which capability of a caller gives which to an execution.
var lent = []struct {
	by Capability
	to []abi.Capability
}{
	{DataRead, []abi.Capability{abi.AppKVRead, abi.AppDocsRead, abi.AppFilesRead, abi.AppEventsRead}},
	{DataWrite, []abi.Capability{abi.AppKVWrite, abi.AppDocsWrite, abi.AppFilesWrite, abi.AppEventsWrite}},
	{ScriptExecute, []abi.Capability{abi.AppHTTPRequest, abi.AppSecretRead}},
}

// Execution is what an execution that the caller starts in an app may do. The error is the store's.
func (a *Authority) Execution(ctx context.Context, p *Principal, appID string) ([]abi.Capability, error) {
	var capabilities []abi.Capability
	for _, l := range lent {
		may, err := a.MayIn(ctx, p, appID, l.by)
		if err != nil {
			return nil, err
		}
		if may {
			capabilities = append(capabilities, l.to...)
		}
	}
	return capabilities, nil
}

// ReadOnly is what of an execution's capabilities a script that is marked read-only has left.
func ReadOnly(capabilities []abi.Capability) []abi.Capability {
	var left []abi.Capability
	for _, c := range capabilities {
		if slices.Contains(readOnly, c) {
			left = append(left, c)
		}
	}
	return left
}

// Registrant is what an execution may do that a trigger starts: what the user who registered the trigger
// may do now. The error is [fault.Forbidden] when that user is gone, or may not start executions in the
// app any more, or the store's.
func (a *Authority) Registrant(ctx context.Context, userID, appID string) ([]abi.Capability, error) {
	refused := fault.New(fault.Forbidden, "whoever registered the trigger may not start executions in this app any more")
	if userID == "" {
		return nil, refused
	}
	user, err := a.store.Users().Get(ctx, userID)
	if fault.Of(err) == fault.NotFound {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	if !user.Active() {
		return nil, fault.New(fault.Forbidden, "whoever registered the trigger is deactivated")
	}
	p := &Principal{User: user}
	may, err := a.MayIn(ctx, p, appID, ScriptExecute)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, refused
	}
	return a.Execution(ctx, p, appID)
}
