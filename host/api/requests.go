package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
)

func (a *API) mountRequests(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/requests", "watch-requests", "Watch which requests to an app this node answers, from the first time that somebody asks on", http.StatusOK, a.watchRequests)
}

func (a *API) watchRequests(ctx context.Context, in *struct {
	AppPath
	After int64 `query:"after" minimum:"0" doc:"What the answer before said is next; 0 for what comes from now on"`
}) (*body[wire.AnsweredRequests], error) {
	app, err := a.findApp(ctx, in.App, authz.LogRead)
	if err != nil {
		return nil, err
	}
	items, next, err := a.requests.After(app.ID, in.After)
	if err != nil {
		return nil, err
	}
	out := &body[wire.AnsweredRequests]{wire.AnsweredRequests{Items: make([]wire.AnsweredRequest, len(items)), Next: next}}
	for i, r := range items {
		out.Body.Items[i] = wire.AnsweredRequest{
			At: r.At, Method: r.Method, Host: r.Host, Path: r.Path, Status: r.Status, DurationUS: r.Took.Microseconds(), ExecutionID: r.ExecutionID,
		}
	}
	return out, nil
}
