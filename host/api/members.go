package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountMembers(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/members", "list-members", "List who works on an app", http.StatusOK, a.listMembers)
	operation(a, admin, http.MethodPut, "/apps/{app}/members/{user}", "set-member", "Give somebody a role in an app", http.StatusOK, a.setMember)
	operation(a, admin, http.MethodDelete, "/apps/{app}/members/{user}", "remove-member", "Take somebody's role in an app away, or leave it", http.StatusNoContent, a.removeMember)
}

// MemberPath is the path parameters of a member.
type MemberPath struct {
	AppPath
	User string `path:"user" minLength:"1" maxLength:"128" doc:"Id or user name"`
}

func (a *API) listMembers(ctx context.Context, in *AppPath) (*body[wire.Page[wire.Member]], error) {
	app, err := a.findApp(ctx, in.App, authz.MembersRead)
	if err != nil {
		return nil, err
	}
	members, err := a.identity.Members(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Member]]{wirePage(store.Page[store.Member]{Items: members}, wireMember)}, nil
}

func (a *API) setMember(ctx context.Context, in *struct {
	MemberPath
	Body wire.MemberSet
}) (*body[wire.Member], error) {
	app, err := a.findApp(ctx, in.App, authz.MembersManage)
	if err != nil {
		return nil, err
	}
	member, err := a.identity.SetMember(ctx, caller(ctx), app.ID, in.User, store.AppRole(in.Body.Role))
	if err != nil {
		return nil, located(err)
	}
	return &body[wire.Member]{wireMember(member)}, nil
}

func (a *API) removeMember(ctx context.Context, in *MemberPath) (*none, error) {
	app, err := a.findApp(ctx, in.App, authz.AppRead) // one may leave
	if err != nil {
		return nil, err
	}
	return nil, a.identity.RemoveMember(ctx, caller(ctx), app.ID, in.User)
}

func wireMember(m store.Member) wire.Member {
	return wire.Member{UserID: m.UserID, Username: m.Username, Role: string(m.Role)}
}
