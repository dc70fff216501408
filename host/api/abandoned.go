package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountAbandoned(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/abandoned-executions", "list-abandoned-executions",
		"List executions for other nodes whose answers nobody has had, the newest first", http.StatusOK, a.listAbandoned)
}

func (a *API) listAbandoned(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.AbandonedExecution]], error) {
	app, err := a.findApp(ctx, in.App, authz.LogRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Relay().Abandoned(ctx, app.ID, in.request())
	if err != nil {
		return nil, located(err)
	}
	return &body[wire.Page[wire.AbandonedExecution]]{wirePage(page, func(e store.AbandonedExecution) wire.AbandonedExecution {
		return wire.AbandonedExecution{
			ID: e.ID, AppID: e.AppID, ScriptID: e.ScriptID, RequestID: e.RequestID, Reason: string(e.Reason), Outcome: e.Outcome, Status: e.Status,
			AskedAt: e.AskedAt, AbandonedAt: e.AbandonedAt,
		}
	})}, nil
}
