package identity

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// Who gives and takes which role, and what becomes of it.
func TestMembers(t *testing.T) {
	onBoth(t, func(h *house) {
		t, db := h.t, h.store
		users := map[string]store.User{"owner": h.owner.User}
		for name, role := range map[string]store.InstanceRole{
			"admin": store.RoleAdmin, "ann": store.RoleMember, "bea": store.RoleMember,
			"ed": store.RoleMember, "vi": store.RoleMember, "new": store.RoleMember,
		} {
			user, err := db.Users().Create(t.Context(), store.User{Username: name, Role: role})
			require.NoError(t, err)
			users[name] = user
		}
		app, err := db.Apps().Create(t.Context(), store.App{Slug: "app"})
		require.NoError(t, err)
		const remove = ""
		for _, c := range []struct {
			by      string
			scopes  []authz.Scope // of a key; nil: a session
			user    string
			role    store.AppRole // to be given, or remove
			refused string
		}{
			{by: "owner", user: "new", role: store.RoleAppAdmin},
			{by: "admin", user: "new", role: store.RoleEditor},
			{by: "ann", user: "new", role: store.RoleAppAdmin},
			{by: "ann", user: "bea", role: store.RoleViewer}, // another app_admin
			{by: "ann", user: "ann", role: store.RoleViewer}, // oneself
			{by: "ann", user: "new", role: "boss", refused: `role: must be app_admin, editor or viewer, got "boss"`},
			{by: "ann", user: "nobody", role: store.RoleViewer, refused: "user not found"},
			{by: "ed", user: "new", role: store.RoleViewer, refused: "members.manage"},
			{by: "ed", user: "nobody", role: store.RoleViewer, refused: "members.manage"}, // who does not learn that
			{by: "ed", user: "ed", role: store.RoleAppAdmin, refused: "members.manage"},
			{by: "vi", user: "vi", role: store.RoleViewer, refused: "members.manage"},
			{by: "new", user: "new", role: store.RoleViewer, refused: "members.manage"},
			{by: "ann", scopes: []authz.Scope{authz.ScopeAppAdmin}, user: "new", role: store.RoleEditor},
			{by: "owner", scopes: []authz.Scope{authz.ScopeInstanceAdmin}, user: "new", role: store.RoleViewer, refused: "members.manage"},
			{by: "ann", scopes: []authz.Scope{authz.ScopeScriptWrite}, user: "new", role: store.RoleViewer, refused: "members.manage"},

			{by: "ann", user: "bea", role: remove},
			{by: "owner", user: "ann", role: remove},
			{by: "ann", user: "new", role: remove, refused: "member not found"},
			{by: "ann", user: "nobody", role: remove, refused: "user not found"},
			{by: "ed", user: "vi", role: remove, refused: "members.manage"},
			{by: "ed", user: "nobody", role: remove, refused: "members.manage"},
			{by: "ann", scopes: []authz.Scope{authz.ScopeAppAdmin}, user: "vi", role: remove},
			// To leave needs no capability, but oneself.
			{by: "ann", user: "ann", role: remove},
			{by: "ed", user: "ed", role: remove},
			{by: "vi", user: "vi", role: remove},
			{by: "vi", scopes: authz.Scopes, user: "vi", role: remove, refused: "members.manage"},
			{by: "owner", user: "owner", role: remove, refused: "member not found"},
		} {
			what := fmt.Sprintf("%s with scopes %v: %q for %s", c.by, c.scopes, c.role, c.user)
			want := map[string]store.AppRole{"ann": store.RoleAppAdmin, "bea": store.RoleAppAdmin, "ed": store.RoleEditor, "vi": store.RoleViewer}
			for name, user := range users {
				if role, member := want[name]; member {
					require.NoError(t, db.Apps().SetMember(t.Context(), app.ID, user.ID, role))
				} else if _, err := db.Apps().Member(t.Context(), app.ID, user.ID); err == nil {
					require.NoError(t, db.Apps().RemoveMember(t.Context(), app.ID, user.ID))
				}
			}
			by := &authz.Principal{User: users[c.by]}
			if c.scopes != nil {
				by = h.withKey(by, "", c.scopes...)
			}
			ref := c.user // half of them by id
			if user, ok := users[c.user]; ok && len(c.user) == 3 {
				ref = user.ID
			}
			if c.role == remove {
				err = h.RemoveMember(t.Context(), by, app.ID, ref)
				if c.refused == "" {
					delete(want, c.user)
				}
			} else {
				var member store.Member
				member, err = h.SetMember(t.Context(), by, app.ID, ref, c.role)
				if c.refused == "" {
					want[c.user] = c.role
					assert.Equal(t, store.Member{AppID: app.ID, UserID: users[c.user].ID, Username: c.user, Role: c.role}, member, what)
				}
			}
			if c.refused == "" {
				require.NoError(t, err, what)
			} else {
				assert.ErrorContains(t, err, c.refused, what)
			}
			list, err := h.Members(t.Context(), app.ID)
			require.NoError(t, err)
			got := map[string]store.AppRole{}
			for _, m := range list {
				got[m.Username] = m.Role
			}
			assert.Equal(t, want, got, what)
		}
	})
}
