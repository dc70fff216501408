package server

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

// keySetting is a key as the setting has it.
func keySetting(n byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, secrets.KeyBytes))
}

// A server with a database of its own makes the key itself, and has its secrets after a restart.
func TestGeneratedSecretKey(t *testing.T) {
	c := settings(t)
	s := start(t, c)
	app, err := s.store.Apps().GetBySlug(t.Context(), "default")
	require.NoError(t, err)
	_, err = s.services.Secrets.Set(t.Context(), app.ID, "key", "value-1")
	require.NoError(t, err)
	s.stopped()
	s = start(t, c)
	value, err := s.services.Secrets.Get(t.Context(), app.ID, "key")
	require.NoError(t, err)
	assert.Equal(t, "value-1", value)
	s.stopped()

	path := filepath.Join(c.Data, secrets.FileName)
	require.NoError(t, os.Chmod(path, 0o640))
	_, err = (&Config{Settings: c}).quiet(t)
	require.ErrorContains(t, err, "secret_key: "+path+" must be for its owner alone, mode 0600, got 0640")
	require.NoError(t, os.WriteFile(path, []byte("nonsense"), 0o640))
	require.NoError(t, os.Chmod(path, 0o600))
	_, err = (&Config{Settings: c}).quiet(t)
	require.ErrorContains(t, err, "secret_key: "+path+": key 1 must be 32 bytes as base64")

	require.NoError(t, os.Remove(path))
	c.SecretKey = "nonsense"
	_, err = (&Config{Settings: c}).quiet(t)
	require.ErrorContains(t, err, "secret_key: key 1 must be 32 bytes as base64")
	assert.NotContains(t, err.Error(), "nonsense")
	c.SecretKey = ""
	s = start(t, c)
	_, err = s.services.Secrets.Get(t.Context(), app.ID, "key")
	assert.Equal(t, fault.Unavailable, fault.Of(err), "the key is gone, the server is not")
	s.stopped()
}

// Nodes on one database have the same key, from the setting alone, and learn of one another's secrets.
func TestNodesShareSecrets(t *testing.T) {
	first := databases["postgres"](t)
	second := settings(t)
	second.DatabaseURL, second.FilesRoot = first.DatabaseURL, first.FilesDir()
	first.SecretKey = keySetting(1)
	here, there := start(t, first), start(t, second)
	app, err := here.store.Apps().GetBySlug(t.Context(), "default")
	require.NoError(t, err)
	get := func(s *site) string {
		value, err := s.services.Secrets.Get(t.Context(), app.ID, "key")
		if err != nil {
			return err.Error()
		}
		return value
	}
	assert.Equal(t, "secret not found", get(there))
	_, err = there.services.Secrets.Set(t.Context(), app.ID, "key", "value-0")
	assert.EqualError(t, err, "secrets need the setting secret_key (PICLOUD_SECRET_KEY), which this server does not have")
	assert.NoFileExists(t, filepath.Join(second.Data, secrets.FileName))
	_, err = here.services.Secrets.Set(t.Context(), app.ID, "key", "value-1")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return get(there) != "secret not found" }, 5*time.Second, 5*time.Millisecond)
	assert.Regexp(t, "^the secret key is sealed with the key [0-9a-f]{16}, which this server does not have$", get(there))
	there.stopped()

	second.SecretKey = keySetting(2) + "," + keySetting(1)
	there = start(t, second)
	assert.Equal(t, "value-1", get(there))
	_, err = here.services.Secrets.Set(t.Context(), app.ID, "key", "value-2")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return get(there) == "value-2" }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, here.services.Secrets.Delete(t.Context(), app.ID, "key"))
	require.Eventually(t, func() bool { return get(there) == "secret not found" }, 5*time.Second, 5*time.Millisecond)
	there.stopped()
	here.stopped()
}

// Second factors of a database of before are sealed by the start of a server that has a key, or makes one, and go on
// to count; the record has it.
func TestSecondFactorsAreSealedAtStart(t *testing.T) {
	for name, settings := range databases {
		t.Run(name, func(t *testing.T) {
			c := settings(t)
			s := start(t, c)
			admin, err := s.store.Users().GetByUsername(t.Context(), "admin")
			require.NoError(t, err)
			s.stopped()
			inStore(t, c, func(db store.Store) {
				require.NoError(t, db.SecondFactors().Begin(t.Context(), store.SecondFactor{UserID: admin.ID, Secret: "JBSWY3DPEHPK3PXP"}))
				require.NoError(t, db.SecondFactors().Confirm(t.Context(), admin.ID))
			})
			factor := func(s *site) store.SecondFactor {
				t.Helper()
				factor, err := s.store.SecondFactors().Get(t.Context(), admin.ID)
				require.NoError(t, err)
				return factor
			}
			code, err := totp.GenerateCode("JBSWY3DPEHPK3PXP", time.Now())
			require.NoError(t, err)
			if name == "postgres" {
				s = start(t, c)
				assert.Equal(t, "JBSWY3DPEHPK3PXP", factor(s).Secret, "there is no key")
				s.stopped()
				c.SecretKey = keySetting(1)
			}
			s = start(t, c)
			assert.Empty(t, factor(s).Secret)
			require.NotEmpty(t, factor(s).Sealed)
			require.NoError(t, s.authority.CheckCode(t.Context(), admin.ID, code))
			page, err := s.audit.List(t.Context(), store.AuditQuery{Action: "seal-second-factors"})
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
			assert.Equal(t, []string{"system", "user", admin.ID}, []string{string(page.Items[0].Actor), page.Items[0].Kind, page.Items[0].Object})
			s.stopped()
		})
	}
}
