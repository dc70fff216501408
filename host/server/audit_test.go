//go:build unix

package server

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// The first start and what is done on the server's machine are recorded as the system's, and a stop
// loses no number of refusals.
func TestAudit(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			c.AdminPassword = "of the settings"
			s := start(t, c)
			for range 4 {
				assert.Equal(t, 401, s.login("admin", "wrong horse"))
			}
			s.stopped()
			require.NoError(t, setPassword(t, c, "admin", "a new password"))

			var system []string
			failed := 0
			inStore(t, c, func(db store.Store) {
				page, err := db.Audit().List(t.Context(), store.AuditQuery{})
				require.NoError(t, err)
				for _, e := range page.Items {
					assert.NotContains(t, string(e.Before)+string(e.After), "argon2")
					if e.Outcome == store.OutcomeFailed {
						failed += e.Count
						assert.Equal(t, "admin", e.Username)
						continue
					}
					assert.Equal(t, store.ActorSystem, e.Actor)
					assert.NotEmpty(t, e.Object)
					system = append(system, e.Action+" "+e.Kind)
				}
			})
			assert.Equal(t, []string{"passwd user", "first-start user", "create-route route", "create-script script", "create-app app"}, system)
			assert.Equal(t, 4, failed)
		})
	}
}
