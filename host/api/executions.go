package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountExecutions(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/executions", "list-app-executions", "List an app's executions, the last first", http.StatusOK, a.listAppExecutions)
	operation(a, admin, http.MethodGet, "/scripts/{id}/executions", "list-executions", "List a script's executions, the last first", http.StatusOK, a.listExecutions)
	operation(a, admin, http.MethodGet, "/executions/{id}", "get-execution", "Show an execution with its log", http.StatusOK, a.getExecution)
}

// ExecutionFilter holds the query parameters of listings of executions. With any of them as many are looked at as can be in
// a moment, and the answer says how far that was.
type ExecutionFilter struct {
	Paging
	Outcome string             `query:"outcome" enum:"ok,failed,script_invalid,script_error,timeout,limit_exceeded,internal,cancelled" doc:"How they ended: ok, the code of an error, or failed for any of those"`
	Kind    abi.InvocationType `query:"kind" enum:"http,execute,trigger,invoke" doc:"What caused them"`
	MinMS   int64              `query:"min_ms" minimum:"0" maximum:"86400000" doc:"Took at least so many milliseconds"`
	MaxMS   int64              `query:"max_ms" minimum:"0" maximum:"86400000" doc:"Took at most so many milliseconds; 0: any"`
	From    time.Time          `query:"from" doc:"Started at or after (RFC 3339). One that was recorded more than an hour after it had started may not be found by a time"`
	To      time.Time          `query:"to" doc:"Started before (RFC 3339)"`
	Level   abi.LogLevel       `query:"level" enum:"trace,debug,info,warn,error" doc:"With a line of the log that is at least so severe"`
	Text    string             `query:"text" maxLength:"200" doc:"In the error's message, or in a message or the data of the log, whatever the case of ASCII letters"`
	Root    string             `query:"root" maxLength:"64" doc:"Acted for the execution with this id, by invocations or events"`
	After   string             `query:"after" pattern:"^[A-Za-z0-9_-]*$" patternDescription:"what an answer said is newest" doc:"Only what was recorded after, the oldest first: to follow"`
	Logs    bool               `query:"logs" doc:"With their log lines, of 1 MiB and an execution at most"`
}

func (f ExecutionFilter) query(appID, scriptID string) store.ExecutionQuery {
	return store.ExecutionQuery{
		AppID: appID, ScriptID: scriptID, RootID: f.Root, Outcome: f.Outcome, Type: f.Kind,
		MinDuration: time.Duration(f.MinMS) * time.Millisecond, MaxDuration: time.Duration(f.MaxMS) * time.Millisecond,
		From: f.From, To: f.To, MinLevel: f.Level, Text: f.Text, After: f.After, Lines: f.Logs, Page: f.request(),
	}
}

func (a *API) listAppExecutions(ctx context.Context, in *struct {
	AppPath
	ExecutionFilter
	Script string `query:"script" maxLength:"512" doc:"Id or name of a script of the app"`
}) (*body[wire.ExecutionPage], error) {
	app, err := a.findApp(ctx, in.App, authz.LogRead)
	if err != nil {
		return nil, err
	}
	script, err := a.queriedScript(ctx, app.ID, in.Script)
	if err != nil {
		return nil, err
	}
	return a.pageOfExecutions(ctx, in.query(app.ID, script))
}

// queriedScript returns the id of the script of an app that a query names by id or name; "" if it names none.
func (a *API) queriedScript(ctx context.Context, appID, ref string) (id string, err error) {
	if ref == "" {
		return "", nil
	}
	id, err = a.scriptOf(ctx, appID, ref)
	return id, located(err, "script", "query.script")
}

func (a *API) listExecutions(ctx context.Context, in *struct {
	ScriptPath
	ExecutionFilter
}) (*body[wire.ExecutionPage], error) {
	script, err := a.findScript(ctx, in.ID, authz.LogRead)
	if err != nil {
		return nil, err
	}
	return a.pageOfExecutions(ctx, in.query(script.AppID, script.ID))
}

// pageOfExecutions waits for what is not yet written, so that a caller sees every execution that was answered before.
func (a *API) pageOfExecutions(ctx context.Context, query store.ExecutionQuery) (*body[wire.ExecutionPage], error) {
	if err := a.executions.Flush(ctx); err != nil {
		return nil, err
	}
	page, err := a.store.Executions().List(ctx, query)
	if err != nil && query.Page.Cursor == "" {
		err = located(err, "cursor", "query.after") // the only one there is
	}
	if err != nil {
		return nil, err
	}
	out := wire.ExecutionPage{Items: make([]wire.Execution, len(page.Items)), Cursor: page.Next, SearchedTo: orAbsent(page.SearchedTo), Newest: page.Newest}
	for i, e := range page.Items {
		out.Items[i] = wireExecution(e)
	}
	return &body[wire.ExecutionPage]{out}, nil
}

func (a *API) getExecution(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[wire.Execution], error) {
	// First what waits: an execution is told to be recorded before its event is gone.
	event, err := a.store.Outbox().Get(ctx, in.ID) // that of a call has the id of its first execution
	waits := !fault.Unknown(err)
	if err != nil && waits {
		return nil, err
	}
	if err := a.executions.Flush(ctx); err != nil {
		return nil, err
	}
	execution, err := a.store.Executions().Get(ctx, in.ID)
	recorded := !fault.Unknown(err)
	if err != nil && recorded {
		return nil, err
	}
	var out wire.Execution
	switch {
	case recorded:
		out = wireExecution(execution)
	case waits:
		out = wire.Execution{ID: event.ID, AppID: event.AppID, ScriptID: event.ScriptID, EventID: event.ID, StartedAt: event.CreatedAt}
	default:
		return nil, fault.Missing("execution")
	}
	if waits {
		out.State = string(event.State())
	}
	if err := a.need(ctx, out.AppID, "execution", authz.LogRead); err != nil {
		return nil, err
	}
	if recorded {
		if out.Callees, err = a.store.Executions().Callees(ctx, execution); err != nil {
			return nil, err
		}
	}
	return &body[wire.Execution]{out}, nil
}

func wireExecution(e store.Execution) wire.Execution {
	out := wire.Execution{
		ID: e.ID, AppID: e.AppID, ScriptID: e.ScriptID, ScriptName: e.ScriptName, ScriptVersion: e.ScriptVersion, RequestID: e.RequestID,
		InvocationType: e.InvocationType, Outcome: executions.OutcomeOK, Status: e.Status,
		EventID: e.EventID, State: wire.ExecutionEnded, Method: e.Method, Path: e.Path, Route: e.Route, ResponseBytes: e.ResponseBytes,
		ParentID: e.ParentID, RootID: e.RootID, Trace: wireTrace(e.Trace),
		StartedAt: e.StartedAt, DurationUS: e.Duration.Microseconds(), Operations: e.Operations,
	}
	if e.Outcome != "" {
		out.Outcome = string(e.Outcome)
		out.Error = &abi.ScriptError{Code: e.Outcome, Message: e.ErrorMessage, Line: e.ErrorLine, Column: e.ErrorColumn}
	}
	for _, line := range e.Lines {
		line.ExecutionID, line.ScriptVersion = e.ID, e.ScriptVersion
		out.Logs = append(out.Logs, wireLogLine(line))
	}
	return out
}

func wireTrace(t *store.Trace) *wire.Trace {
	if t == nil {
		return nil
	}
	out := &wire.Trace{Calls: make([]wire.Call, len(t.Calls)), More: t.More}
	for i, call := range t.Calls {
		out.Calls[i] = wire.Call(call)
	}
	return out
}
