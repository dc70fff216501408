package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountCases(admin huma.API) {
	operation(a, admin, http.MethodGet, "/scripts/{id}/cases", "list-script-cases", "List what a script is tried with, and what should come of it", http.StatusOK, a.listCases)
	operation(a, admin, http.MethodPut, "/scripts/{id}/cases", "set-script-cases", "Replace what a script is tried with; nothing is run", http.StatusOK, a.setCases)
}

func (a *API) listCases(ctx context.Context, in *ScriptPath) (*body[wire.ScriptCases], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	cases, err := a.store.Scripts().Cases(ctx, script.ID)
	if err != nil {
		return nil, err
	}
	return casesBody(cases), nil
}

func (a *API) setCases(ctx context.Context, in *struct {
	ScriptPath
	Body wire.ScriptCasesSet
}) (*body[wire.ScriptCases], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptWrite)
	if err != nil {
		return nil, err
	}
	list := make([]store.Case, len(in.Body.Items))
	for i, item := range in.Body.Items {
		list[i] = store.Case{Name: item.Name, Request: (*store.CaseRequest)(item.Request), Event: item.Event, Status: item.Status, Body: item.Body}
	}
	cases, err := a.catalog.SetCases(ctx, script.ID, list, in.Body.Version)
	if err != nil {
		return nil, problem.At(err, "cases", "body.items")
	}
	return casesBody(cases), nil
}

func casesBody(cases store.Cases) *body[wire.ScriptCases] {
	shown := wire.ScriptCases{Version: cases.Version, Items: make([]wire.ScriptCase, len(cases.List))}
	for i, of := range cases.List {
		shown.Items[i] = wire.ScriptCase{Name: of.Name, Request: (*wire.Request)(of.Request), Event: of.Event, Status: of.Status, Body: of.Body}
	}
	return &body[wire.ScriptCases]{shown}
}
