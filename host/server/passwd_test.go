package server

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/store"
)

func setPassword(t *testing.T, c *config.Config, username, password string) error {
	t.Helper()
	return SetPassword(t.Context(), &c.Location, username, password, false)
}

func TestSetPassword(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			c.AdminPassword = "forgotten by now"
			s := start(t, c)
			require.ErrorContains(t, setPassword(t, c, "admin", "a new password"), fmt.Sprintf("is in use by process %d", os.Getpid()))
			s.stopped()
			var token string
			inStore(t, c, func(db store.Store) {
				login, err := authz.New(db, time.Hour).Login(t.Context(), authz.LoginRequest{Username: "admin", Password: "forgotten by now"})
				require.NoError(t, err)
				token = login.Token
			})

			require.EqualError(t, setPassword(t, c, "root", "a new password"), `user: there is no "root"; there are: admin`)
			require.ErrorContains(t, setPassword(t, c, "admin", "short"), "between 8 and 1024 bytes")
			require.NoError(t, setPassword(t, c, "admin", "a new password"))

			s = start(t, c)
			assert.Empty(t, s.password())
			assert.Equal(t, 401, s.login("admin", "forgotten by now"))
			assert.Equal(t, 200, s.login("admin", "a new password"))
			_, err := s.authority.Authenticate(t.Context(), token)
			assert.ErrorIs(t, err, authz.ErrToken, "sessions have ended")
			s.stopped()

			inStore(t, c, func(db store.Store) {
				admin, err := db.Users().GetByUsername(t.Context(), "admin")
				require.NoError(t, err)
				require.NoError(t, db.SecondFactors().Begin(t.Context(), store.SecondFactor{UserID: admin.ID, Secret: "LOST"}))
				require.NoError(t, db.SecondFactors().Confirm(t.Context(), admin.ID))
			})
			require.NoError(t, setPassword(t, c, "admin", "a third password"))
			s = start(t, c)
			assert.Equal(t, 401, s.login("admin", "a third password"), "the second factor is needed still")
			s.stopped()
			for range 2 { // the second time there is none
				require.NoError(t, SetPassword(t.Context(), &c.Location, "admin", "a third password", true))
			}
			s = start(t, c)
			assert.Equal(t, 200, s.login("admin", "a third password"))
			s.stopped()
		})
	}
}

// A password that was set is not a generated one: no start makes another.
func TestSetPasswordOfAnUnusedAdmin(t *testing.T) {
	c := settings(t)
	start(t, c).stopped()
	require.NoError(t, setPassword(t, c, "admin", "a new password"))
	s := start(t, c)
	assert.Empty(t, s.password())
	assert.Equal(t, 200, s.login("admin", "a new password"))
	s.stopped()
}

// A slip of the pen makes no database.
func TestSetPasswordNeedsADatabase(t *testing.T) {
	c := &config.Config{Location: config.Location{Data: t.TempDir()}}
	require.EqualError(t, setPassword(t, c, "admin", "a new password"),
		"data: "+c.Data+" has no database: name the data directory of the server with --data")
	entries, err := os.ReadDir(c.Data)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
