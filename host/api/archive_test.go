package api_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// archiveOf exports an app as the owner.
func (s *site) archiveOf(app string) []byte {
	s.T.Helper()
	got := s.Admin(s.Token, "POST", "apps/"+app+":export", "")
	require.Equal(s.T, 200, got.StatusCode, "%s", got.Content)
	return got.Content
}

// importApp sends an archive.
func (s *site) importApp(token, app string, archive io.Reader) answer {
	s.T.Helper()
	return s.Send(s.uploadRequest(token, "POST", "apps/"+app+":import", "application/zstd", archive))
}

// An app moves by one archive, which is larger than other requests may be and goes through in pieces.
func TestExportAndImport(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	script := s.Script("shop", "main", `#{ n: kv::collection("c").get("n") }`)
	s.Route(script, "GET", "/moved")
	do[wire.KVEntry](s, "PUT", "apps/shop/kv/c/n", `{"value":7}`, 200)
	do[wire.Secret](s, "PUT", "apps/shop/secrets/key", `{"value":"sesame"}`, 200)
	s.User("ann", store.RoleMember)
	ann := do[wire.Member](s, "PUT", "apps/shop/members/ann", wire.MemberSet{Role: "viewer"}, 200)
	noise := make([]byte, 2*apitest.MaxBody) // which cannot be compressed
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	file := s.store("shop", "c", "noise", "application/octet-stream", string(noise))

	got := s.Admin(s.Token, "POST", "apps/shop:export", "")
	require.Equal(t, 200, got.StatusCode)
	assert.Equal(t, "application/zstd", got.Header.Get("Content-Type"))
	assert.Contains(t, got.Header.Get("Content-Disposition"), `shop.picloud.tar.zst`)
	assert.Greater(t, len(got.Content), apitest.MaxBody)
	assert.NotContains(t, string(got.Content), "sesame")
	archive := got.Content
	do[any](s, "DELETE", "apps/shop", nil, 204)
	assert.Equal(t, 404, s.Fetch("GET", "/moved", "").StatusCode)

	imported := s.importApp(s.Token, "store", bytes.NewReader(archive))
	report := decoded[wire.ImportReport](s, imported, 200)
	assert.Equal(t, "store", report.App.Slug)
	assert.Equal(t, app.Name, report.App.Name)
	assert.Equal(t, []string{"key"}, report.MissingSecrets)
	assert.Equal(t, []wire.LeftOut{}, report.LeftOut)
	assert.Equal(t, []wire.Member{ann}, report.Members)
	assert.Equal(t, map[string]int64{"secrets": 1, "scripts": 1, "kv": 1, "files": 1, "members": 1, "routes": 1}, report.Rows)
	assert.JSONEq(t, `{"n":7}`, string(s.Fetch("GET", "/moved", "").Content))
	assert.Equal(t, noise, s.Admin(s.Token, "GET", "apps/store/files/c/"+file.ID, "").Content)

	moved := do[wire.Page[wire.Script]](s, "GET", "apps/store/scripts", nil, 200).Items[0]
	versions := do[wire.Page[wire.ScriptVersion]](s, "GET", "scripts/"+moved.ID+"/versions", nil, 200).Items
	require.Len(t, versions, 1)
	assert.Equal(t, "owner", versions[0].CreatedBy, "who imports a script makes its first version")

	again := s.importApp(s.Token, "store", bytes.NewReader(archive))
	s.Refused(again, 409, "", "the app store is not empty: it has scripts, kv entries, files")
	s.Refused(s.importApp(s.Token, "Not_A_Slug", bytes.NewReader(archive)), 422, "path.app", "lower-case letters")
	s.Refused(s.importApp(s.Token, "other", strings.NewReader("no archive")), 422, "body", "no archive of an app")
	s.Refused(s.importApp(s.Token, "other", bytes.NewReader(archive[:len(archive)/2])), 422, "body", "is not whole")
	assert.Equal(t, 404, s.Admin(s.Token, "GET", "apps/other", "").StatusCode)

	// What is done is recorded, what fails leaves no entry.
	for action, want := range map[string]int{"export-app": 1, "import-app": 1} {
		page, err := s.DB.Audit().List(t.Context(), store.AuditQuery{Action: action})
		require.NoError(t, err)
		require.Len(t, page.Items, want, action)
		assert.NotEmpty(t, page.Items[0].AppID)
		assert.Equal(t, "owner", page.Items[0].Username)
	}
}

// incompressible is a megabyte of which an archive has as much.
func incompressible() string {
	content := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(content)
	return string(content)
}

// Until an import has ended nobody finds its app; one whose sender goes away leaves nothing.
func TestImportsThatBreakOff(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	s.store("shop", "c", "f", "text/plain", incompressible())
	archive := s.archiveOf("shop")
	empty := s.App("empty")
	from, to := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(s.uploadRequest(s.Token, "POST", "apps/empty:import", "application/zstd", from))
		if err == nil {
			resp.Body.Close()
		}
		ended <- err
	}()
	half := len(archive) / 2
	_, err := to.Write(archive[:half])
	require.NoError(t, err)
	under := func() []store.App {
		apps, _, err := s.DB.Apps().Imports(t.Context())
		require.NoError(t, err)
		return apps
	}
	require.Eventually(t, func() bool { return len(under()) == 1 }, 10*time.Second, time.Millisecond)
	s.Refused(s.Admin(s.Token, "GET", "apps/empty", ""), 409, "", "the app empty is being imported")
	s.Refused(s.Admin(s.Token, "DELETE", "apps/"+empty.ID, ""), 409, "", "is being imported")
	inside, err := s.DB.Scripts().Create(t.Context(), store.Script{AppID: empty.ID, Name: "inside", Kind: abi.KindEndpoint, Source: "1"})
	require.NoError(t, err)
	for _, c := range [][2]string{{"GET", ""}, {"DELETE", ""}, {"GET", "/versions"}, {"POST", "/run"}} {
		s.Refused(s.Admin(s.Token, c[0], "scripts/"+inside.ID+c[1], "{}"), 409, "", "the app empty is being imported")
	}
	execution := s.Fetch("POST", "/api/v1/execute/"+inside.ID, "", "Authorization: Bearer "+s.Token)
	assert.Equal(t, 409, execution.StatusCode)
	assert.Contains(t, string(execution.Content), "the app empty is being imported")
	s.Refused(s.Admin(s.Token, "POST", "apps", `{"slug":"empty"}`), 409, "body.slug", "in use")
	s.Refused(s.importApp(s.Token, "empty", bytes.NewReader(archive)), 409, "", "is being imported")
	assert.Equal(t, 404, s.Admin(s.User("member", store.RoleMember), "GET", "apps/empty", "").StatusCode)
	for _, app := range do[wire.Page[wire.App]](s, "GET", "apps", nil, 200).Items {
		assert.NotEqual(t, "empty", app.Slug)
	}
	require.NoError(t, to.CloseWithError(io.ErrUnexpectedEOF))
	<-ended
	require.Eventually(t, func() bool { return len(under()) == 0 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, empty.ID, do[wire.App](s, "GET", "apps/empty", nil, 200).ID)
	assert.Equal(t, 200, s.importApp(s.Token, "empty", bytes.NewReader(archive)).StatusCode, "it can be done again")
}

// A key may not bring by an import what it may not make.
func TestWhoMayImport(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	archive := s.archiveOf("shop")
	user, err := s.DB.Users().GetByUsername(t.Context(), "owner")
	require.NoError(t, err)
	key := func(scopes ...authz.Scope) string {
		key, _, err := s.Auth.CreateKey(t.Context(), user.ID, "k", scopes, "", time.Time{})
		require.NoError(t, err)
		return key
	}
	s.Refused(s.importApp(key(authz.ScopeInstanceAdmin), "new", bytes.NewReader(archive)), 403, "", "app.update")
	assert.Equal(t, 404, s.importApp(key(authz.ScopeAppAdmin), "new", bytes.NewReader(archive)).StatusCode)
	assert.Equal(t, 200, s.importApp(key(authz.ScopeInstanceAdmin, authz.ScopeAppAdmin), "new", bytes.NewReader(archive)).StatusCode)
}

// An export that cannot be finished does not look as if it were.
func TestExportsThatBreakOff(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	s.store("shop", "c", "f", "text/plain", "some text")
	blobs, err := filepath.Glob(filepath.Join(s.Files, "[0-9a-f][0-9a-f]", "*", "*"))
	require.NoError(t, err)
	require.Len(t, blobs, 1)
	require.NoError(t, os.RemoveAll(filepath.Dir(blobs[0])))
	require.NoError(t, os.WriteFile(filepath.Dir(blobs[0]), nil, 0o600)) // no directory: the file system fails
	s.Refused(s.Admin(s.Token, "POST", "apps/shop:export", ""), 503, "", "the file storage is not available")
	s.store("shop", "before", "f", "text/plain", incompressible())
	resp, err := http.DefaultClient.Do(s.Request("POST", "/api/v1/admin/apps/shop:export", "", "Authorization: Bearer "+s.Token))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode, "it had begun")
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
