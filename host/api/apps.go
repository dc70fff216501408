package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (s *Server) mountApps() {
	operation(s, http.MethodGet, "/apps", "list-apps", "List the apps you can see", http.StatusOK, s.listApps)
	operation(s, http.MethodPost, "/apps", "create-app", "Create an app", http.StatusCreated, s.createApp)
	operation(s, http.MethodGet, "/apps/{app}", "get-app", "Show an app", http.StatusOK, s.getApp)
	operation(s, http.MethodPut, "/apps/{app}", "update-app", "Change an app", http.StatusOK, s.updateApp)
	operation(s, http.MethodDelete, "/apps/{app}", "delete-app", "Delete an app with everything in it", http.StatusNoContent, s.deleteApp)
}

// AppPath is the path parameter of everything below an app.
type AppPath struct {
	App string `path:"app" doc:"Id or slug"`
}

func (s *Server) listApps(ctx context.Context, in *Paging) (*body[wire.Page[wire.App]], error) {
	p := caller(ctx)
	var page store.Page[store.App]
	var err error
	switch {
	case p.Key != nil && p.Key.AppID != "":
		var app store.App
		if app, err = s.findApp(ctx, p.Key.AppID, authz.AppRead); err == nil {
			page.Items = []store.App{app}
		}
		var refused *Problem
		if errors.As(err, &refused) {
			err = nil // a key without app.read sees nothing
		}
	case p.SeesAllApps():
		page, err = s.store.Apps().List(ctx, in.request())
	default:
		page, err = s.store.Apps().ListOf(ctx, p.User.ID, in.request())
	}
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.App]]{wirePage(page, wireApp)}, nil
}

func (s *Server) createApp(ctx context.Context, in *struct{ Body wire.AppCreate }) (*body[wire.App], error) {
	if !caller(ctx).May(authz.AppCreate) {
		return nil, forbidden(authz.AppCreate)
	}
	if err := checkSlug(in.Body.Slug); err != nil {
		return nil, err
	}
	app := store.App{Slug: in.Body.Slug, Name: in.Body.Name}
	if app.Name == "" {
		app.Name = app.Slug
	}
	app, err := s.store.Apps().Create(ctx, app)
	if err != nil {
		return nil, err
	}
	return &body[wire.App]{wireApp(app)}, nil
}

// checkSlug keeps slugs and ids apart, because either may name an app.
func checkSlug(slug string) error {
	if _, err := uuid.Parse(slug); err == nil {
		return invalidField("body.slug", "must not look like an id", slug)
	}
	return nil
}

func (s *Server) getApp(ctx context.Context, in *AppPath) (*body[wire.App], error) {
	app, err := s.findApp(ctx, in.App, authz.AppRead)
	if err != nil {
		return nil, err
	}
	return &body[wire.App]{wireApp(app)}, nil
}

func (s *Server) updateApp(ctx context.Context, in *struct {
	AppPath
	Body wire.AppUpdate
}) (*body[wire.App], error) {
	app, err := s.findApp(ctx, in.App, authz.AppUpdate)
	if err != nil {
		return nil, err
	}
	if in.Body.Slug != nil {
		if err := checkSlug(*in.Body.Slug); err != nil {
			return nil, err
		}
	}
	app, err = s.store.Apps().Update(ctx, app.ID, store.AppChange{Slug: in.Body.Slug, Name: in.Body.Name})
	if err != nil {
		return nil, err
	}
	return &body[wire.App]{wireApp(app)}, nil
}

func (s *Server) deleteApp(ctx context.Context, in *AppPath) (*none, error) {
	app, err := s.findApp(ctx, in.App, authz.AppDelete)
	if err != nil {
		return nil, err
	}
	return nil, s.changes.do(func() error {
		if err := s.store.Apps().Delete(ctx, app.ID); err != nil {
			return err
		}
		s.routes.RemoveIf(func(r store.Route) bool { return r.AppID == app.ID })
		s.executions.Changed(app.ID)
		return nil
	})
}

func wireApp(a store.App) wire.App {
	return wire.App{ID: a.ID, Slug: a.Slug, Name: a.Name, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
}

func wirePage[From, To any](page store.Page[From], convert func(From) To) wire.Page[To] {
	out := wire.Page[To]{Items: make([]To, len(page.Items)), Cursor: page.Next}
	for i, item := range page.Items {
		out.Items[i] = convert(item)
	}
	return out
}
