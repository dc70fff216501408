package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// What is told of a deletion is counted as far as the client takes it to be.
var _ = [1]struct{}{}[store.MaxContents-wire.MaxContents]

func (a *API) mountApps(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps", "list-apps", "List the apps you can see", http.StatusOK, a.listApps)
	operation(a, admin, http.MethodPost, "/apps", "create-app", "Create an app", http.StatusCreated, a.createApp)
	// Before the next: fiber takes the first that fits.
	operation(a, admin, http.MethodGet, "/apps/{app}:deletion", "show-app-deletion", "Tell what deleting an app would delete", http.StatusOK, a.showAppDeletion)
	operation(a, admin, http.MethodGet, "/apps/{app}", "get-app", "Show an app", http.StatusOK, a.getApp)
	operation(a, admin, http.MethodPut, "/apps/{app}", "update-app", "Change an app", http.StatusOK, a.updateApp)
	operation(a, admin, http.MethodPost, "/apps/{app}:rename", "rename-app", "Give an app another slug; the one before leads to it", http.StatusOK, a.renameApp)
	operation(a, admin, http.MethodDelete, "/apps/{app}/aliases/{slug}", "release-alias", "Have a slug be free that an app had before", http.StatusNoContent, a.releaseAlias)
	operation(a, admin, http.MethodDelete, "/apps/{app}", "delete-app",
		"Delete an app with everything in it: it is gone when this is answered, and its data is removed in the background", http.StatusNoContent, a.deleteApp)
}

// AppPath is the path parameter of everything below an app.
type AppPath struct {
	App string `path:"app" doc:"Id or slug"`
}

func (a *API) listApps(ctx context.Context, in *Paging) (*body[wire.Page[wire.App]], error) {
	page, err := a.visibleApps(ctx, in.request())
	if err != nil {
		return nil, err
	}
	out := wire.Page[wire.App]{Items: make([]wire.App, len(page.Items)), Cursor: page.Next}
	for i, app := range page.Items {
		if out.Items[i], err = a.wireApp(ctx, app); err != nil {
			return nil, err
		}
	}
	return &body[wire.Page[wire.App]]{out}, nil
}

// visibleApps pages through the apps that the caller can see.
func (a *API) visibleApps(ctx context.Context, request store.PageRequest) (page store.Page[store.App], err error) {
	switch p := caller(ctx); {
	case p.Key != nil && p.Key.AppID != "":
		var app store.App
		if app, err = a.findApp(ctx, p.Key.AppID, authz.AppRead); err == nil {
			page.Items = []store.App{app}
		} else if _, ours := problem.Of(err); !ours {
			err = nil // a key without app.read sees nothing
		}
	case p.SeesAllApps():
		page, err = a.store.Apps().List(ctx, request)
	default:
		page, err = a.store.Apps().ListOf(ctx, p.User.ID, request)
	}
	return page, err
}

func (a *API) createApp(ctx context.Context, in *struct{ Body wire.AppCreate }) (*body[wire.App], error) {
	if !caller(ctx).May(authz.AppCreate) {
		return nil, caller(ctx).Denied(authz.AppCreate)
	}
	app, err := a.catalog.CreateApp(ctx, in.Body.Slug, in.Body.Name)
	if err != nil {
		return nil, a.slugTaken(ctx, err)
	}
	return a.appBody(ctx, app)
}

func (a *API) getApp(ctx context.Context, in *AppPath) (*body[wire.App], error) {
	app, err := a.findApp(ctx, in.App, authz.AppRead)
	if err != nil {
		return nil, err
	}
	return a.appBody(ctx, app)
}

func (a *API) updateApp(ctx context.Context, in *struct {
	AppPath
	Body wire.AppUpdate
}) (*body[wire.App], error) {
	app, err := a.findApp(ctx, in.App, authz.AppUpdate)
	if err != nil {
		return nil, err
	}
	app, err = a.catalog.UpdateApp(ctx, app.ID, store.AppChange{Name: in.Body.Name, CORS: (*store.CORS)(in.Body.CORS)})
	if err != nil {
		return nil, err
	}
	return a.appBody(ctx, app)
}

func (a *API) renameApp(ctx context.Context, in *struct {
	AppPath
	Body wire.AppRename
}) (*body[wire.App], error) {
	app, err := a.findApp(ctx, in.App, authz.AppUpdate)
	if err != nil {
		return nil, err
	}
	if app, err = a.catalog.RenameApp(ctx, app.ID, in.Body.Slug); err != nil {
		return nil, a.slugTaken(ctx, err)
	}
	return a.appBody(ctx, app)
}

// slugTaken returns the refusal of a slug without the id of the app that has it, unless the caller may see that app.
func (a *API) slugTaken(ctx context.Context, err error) error {
	refused := fault.From(err)
	if fault.Of(err) != fault.Conflict || refused.Field != "slug" || refused.Other == "" {
		return err
	}
	if may, failed := a.authority.MayIn(ctx, caller(ctx), refused.Other, authz.AppRead); failed == nil && may {
		return err
	}
	nameless := *refused
	nameless.Other = ""
	return &nameless
}

func (a *API) releaseAlias(ctx context.Context, in *struct {
	AppPath
	Slug string `path:"slug" minLength:"1" maxLength:"63"`
}) (*none, error) {
	app, err := a.findApp(ctx, in.App, authz.AppUpdate)
	if err != nil {
		return nil, err
	}
	return nil, unknown(a.catalog.ReleaseAlias(ctx, app.ID, in.Slug), "alias")
}

func (a *API) showAppDeletion(ctx context.Context, in *AppPath) (*body[wire.AppDeletion], error) {
	app, err := a.findApp(ctx, in.App, authz.AppDelete)
	if err != nil {
		return nil, err
	}
	contents, err := a.store.Apps().Contents(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.AppDeletion]{wire.AppDeletion(contents)}, nil
}

func (a *API) deleteApp(ctx context.Context, in *AppPath) (*none, error) {
	app, err := a.findApp(ctx, in.App, authz.AppDelete)
	if err != nil {
		return nil, err
	}
	return nil, a.catalog.DeleteApp(ctx, app.ID)
}

// wireApp is an app as its caller sees it.
func (a *API) wireApp(ctx context.Context, app store.App) (wire.App, error) {
	rights, err := a.authority.RightsIn(ctx, caller(ctx), app.ID)
	out := wire.App{
		ID: app.ID, Slug: app.Slug, Name: app.Name, CORS: wireCORS(app.CORS), EventsPaused: app.EventsPaused,
		CreatedAt: app.CreatedAt, UpdatedAt: app.UpdatedAt,
		MyRole: rights.Role, MyCapabilities: make([]string, len(rights.Capabilities)),
	}
	for i, c := range rights.Capabilities {
		out.MyCapabilities[i] = string(c)
	}
	return out, err
}

func (a *API) appBody(ctx context.Context, app store.App) (*body[wire.App], error) {
	out, err := a.wireApp(ctx, app)
	if err != nil {
		return nil, err
	}
	aliases, err := a.store.Apps().Aliases(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	for _, alias := range aliases {
		out.Aliases = append(out.Aliases, alias.Slug)
	}
	return &body[wire.App]{out}, nil
}

func wireCORS(c *store.CORS) *wire.CORS {
	if c == nil {
		return nil
	}
	out := wire.CORS(*c)
	if out.Origins == nil {
		out.Origins = []string{} // of a policy that allows none
	}
	return &out
}

func wirePage[From, To any](page store.Page[From], convert func(From) To) wire.Page[To] {
	out := wire.Page[To]{Items: make([]To, len(page.Items)), Cursor: page.Next}
	for i, item := range page.Items {
		out.Items[i] = convert(item)
	}
	return out
}
