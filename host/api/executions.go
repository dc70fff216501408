package api

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
)

func (s *Server) mountExecutions() {
	operation(s, http.MethodGet, "/scripts/{id}/executions", "list-executions", "List a script's executions, the last first", http.StatusOK, s.listExecutions)
	operation(s, http.MethodGet, "/executions/{id}", "get-execution", "Show an execution with its log", http.StatusOK, s.getExecution)
}

func (s *Server) listExecutions(ctx context.Context, in *struct {
	ScriptPath
	Paging
}) (*body[wire.Page[wire.Execution]], error) {
	script, err := s.findScript(ctx, in.ID, authz.LogRead)
	if err != nil {
		return nil, err
	}
	if err := s.executions.Flush(ctx); err != nil {
		return nil, err
	}
	page, err := s.store.Executions().ListByScript(ctx, script.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Execution]]{wirePage(page, wireExecution)}, nil
}

func (s *Server) getExecution(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*body[wire.Execution], error) {
	if err := s.executions.Flush(ctx); err != nil {
		return nil, err
	}
	execution, err := s.store.Executions().Get(ctx, in.ID)
	if err != nil {
		return nil, unknown(err, "execution")
	}
	if err := s.need(ctx, execution.AppID, "execution", authz.LogRead); err != nil {
		return nil, err
	}
	return &body[wire.Execution]{wireExecution(execution)}, nil
}

func wireExecution(e store.Execution) wire.Execution {
	out := wire.Execution{
		ID: e.ID, AppID: e.AppID, ScriptID: e.ScriptID, ScriptVersion: e.ScriptVersion, RequestID: e.RequestID,
		InvocationType: e.InvocationType, Outcome: executions.OutcomeOK, Status: e.Status,
		StartedAt: e.StartedAt, DurationUS: e.Duration.Microseconds(), Operations: e.Operations,
	}
	if e.Outcome != "" {
		out.Outcome = string(e.Outcome)
		out.Error = &abi.ScriptError{Code: e.Outcome, Message: e.ErrorMessage, Line: e.ErrorLine, Column: e.ErrorColumn}
	}
	for _, line := range e.Lines {
		line.ExecutionID = e.ID
		out.Logs = append(out.Logs, wireLogLine(line))
	}
	return out
}
