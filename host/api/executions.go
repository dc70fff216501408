package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountExecutions(admin huma.API) {
	operation(a, admin, http.MethodGet, "/scripts/{id}/executions", "list-executions", "List a script's executions, the last first", http.StatusOK, a.listExecutions)
	operation(a, admin, http.MethodGet, "/executions/{id}", "get-execution", "Show an execution with its log", http.StatusOK, a.getExecution)
}

func (a *API) listExecutions(ctx context.Context, in *struct {
	ScriptPath
	Paging
}) (*body[wire.Page[wire.Execution]], error) {
	script, err := a.findScript(ctx, in.ID, authz.LogRead)
	if err != nil {
		return nil, err
	}
	if err := a.executions.Flush(ctx); err != nil {
		return nil, err
	}
	page, err := a.store.Executions().ListByScript(ctx, script.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Execution]]{wirePage(page, wireExecution)}, nil
}

func (a *API) getExecution(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[wire.Execution], error) {
	if err := a.executions.Flush(ctx); err != nil {
		return nil, err
	}
	execution, err := a.store.Executions().Get(ctx, in.ID)
	recorded := !fault.Unknown(err)
	if err != nil && recorded {
		return nil, err
	}
	event, err := a.store.Outbox().Get(ctx, in.ID) // that of a call has the id of its first execution
	waits := !fault.Unknown(err)
	if err != nil && waits {
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
	return &body[wire.Execution]{out}, nil
}

func wireExecution(e store.Execution) wire.Execution {
	out := wire.Execution{
		ID: e.ID, AppID: e.AppID, ScriptID: e.ScriptID, ScriptVersion: e.ScriptVersion, RequestID: e.RequestID,
		InvocationType: e.InvocationType, Outcome: executions.OutcomeOK, Status: e.Status,
		EventID: e.EventID, State: wire.ExecutionEnded,
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
