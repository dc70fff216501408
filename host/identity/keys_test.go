package identity

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func TestKeysOfOthers(t *testing.T) {
	onBoth(t, func(h *house) {
		t := h.t
		users := map[string]store.User{"owner": h.owner.User}
		for name, role := range map[string]store.InstanceRole{"admin": store.RoleAdmin, "another": store.RoleAdmin, "ann": store.RoleMember, "ed": store.RoleMember} {
			user, err := h.store.Users().Create(t.Context(), store.User{Username: name, Role: role})
			require.NoError(t, err)
			users[name] = user
		}
		for _, c := range []struct {
			by, of  string
			scopes  []authz.Scope // of a key of by's; nil: a session
			refused string
		}{
			{by: "owner", of: "ed"}, {by: "owner", of: "admin"}, {by: "owner", of: "owner"},
			{by: "admin", of: "ed"}, {by: "admin", of: "another"}, {by: "admin", of: "admin"},
			{by: "owner", of: "ed", scopes: []authz.Scope{authz.ScopeInstanceAdmin}},
			{by: "owner", of: "admin", scopes: []authz.Scope{authz.ScopeInstanceAdmin}, refused: "this needs a login: no API key may do it"},
			{by: "admin", of: "owner", refused: "owners.manage"},
			{by: "ann", of: "ed", refused: "user not found"},
			{by: "ann", of: "nobody", refused: "user not found"},
			{by: "admin", of: "nobody", refused: "user not found"},
			{by: "ed", of: "ed", refused: "users.manage"}, // who sees them under me/keys
			{by: "owner", of: "ed", scopes: []authz.Scope{authz.ScopeAppAdmin, authz.ScopeScriptWrite}, refused: "user not found"},
		} {
			what := fmt.Sprintf("%s with scopes %v: those of %s", c.by, c.scopes, c.of)
			p := &authz.Principal{User: users[c.by]}
			if c.scopes != nil {
				p.Key = &store.APIKey{}
				for _, scope := range c.scopes {
					p.Key.Scopes = append(p.Key.Scopes, string(scope))
				}
			}
			id, row := "nobody", store.APIKey{ID: "none"}
			if user, ok := users[c.of]; ok {
				var err error
				_, row, err = h.authority.CreateKey(t.Context(), user.ID, "k", authz.Scopes, "", time.Time{})
				require.NoError(t, err)
				id = user.ID
			}
			keys, err := h.KeysOf(t.Context(), p, id)
			if c.refused != "" {
				assert.ErrorContains(t, err, c.refused, what)
				assert.ErrorContains(t, h.RevokeKeyOf(t.Context(), p, id, row.ID), c.refused, what)
				continue
			}
			require.NoError(t, err, what)
			assert.Equal(t, row, keys[len(keys)-1], what)
			require.NoError(t, h.RevokeKeyOf(t.Context(), p, id, row.ID), what)
			assert.EqualError(t, h.RevokeKeyOf(t.Context(), p, id, row.ID), "API key not found", what)
		}
	})
}
