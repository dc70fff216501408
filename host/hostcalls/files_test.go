package hostcalls

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// filesGuest performs operations on files for the executions of two apps.
type filesGuest struct {
	dispatcher *Dispatcher
	app, other *Scope
	root       string
}

func newFilesGuest(t *testing.T) *filesGuest {
	t.Helper()
	ctx, directory := context.Background(), t.TempDir()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(directory, sqlite.FileName)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	root := filepath.Join(directory, "files")
	service, err := files.New(files.Config{Store: s.Files(), Root: root, MaxFileSize: 1000, Quota: func(string) int64 { return 1500 }})
	require.NoError(t, err)
	app, err := s.Apps().Create(ctx, store.App{Slug: "app"})
	require.NoError(t, err)
	other, err := s.Apps().Create(ctx, store.App{Slug: "other"})
	require.NoError(t, err)
	scope := func(app store.App) *Scope {
		return &Scope{AppID: app.ID, Capabilities: []abi.Capability{abi.AppFilesRead, abi.AppFilesWrite}}
	}
	return &filesGuest{New(Config{Services: Services{Files: service}}), scope(app), scope(other), root}
}

// call performs an operation as scope; the response is decoded into one, unless
// that is nil.
func (c *filesGuest) call(scope *Scope, op abi.Op, request msgp.Marshaler, response msgp.Unmarshaler) error {
	encoded, err := request.MarshalMsg(nil)
	if err != nil {
		return err
	}
	answer, err := c.dispatcher.Perform(context.Background(), scope, op, encoded)
	if err != nil || response == nil {
		return err
	}
	_, err = response.UnmarshalMsg(answer)
	return err
}

func (c *filesGuest) create(t *testing.T, name string, data []byte) abi.FileInfo {
	t.Helper()
	var created abi.FilesInfoResponse
	require.NoError(t, c.call(c.app, abi.OpFilesCreate,
		&abi.FilesCreateRequest{Collection: "c", Name: name, ContentType: "text/plain", Data: &data}, &created))
	return *created.File
}

func TestFiles(t *testing.T) {
	c := newFilesGuest(t)
	file := c.create(t, "a.txt", []byte("hello"))
	sum := sha256.Sum256([]byte("hello"))
	require.Equal(t, abi.FileInfo{ID: file.ID, Name: "a.txt", ContentType: "text/plain", Size: 5, SHA256: hex.EncodeToString(sum[:]),
		CreatedAt: file.CreatedAt, UpdatedAt: file.CreatedAt}, file)
	created, err := time.Parse(time.RFC3339, file.CreatedAt)
	require.NoError(t, err)
	require.Equal(t, time.UTC, created.Location())

	at := &abi.FilesGetRequest{Collection: "c", ID: file.ID}
	var head abi.FilesInfoResponse
	require.NoError(t, c.call(c.app, abi.OpFilesHead, at, &head))
	require.Equal(t, file, *head.File)
	var got abi.FilesGetResponse
	require.NoError(t, c.call(c.app, abi.OpFilesGet, at, &got))
	require.Equal(t, abi.FilesGetResponse{Found: true, Data: []byte("hello")}, got)

	var updated abi.FilesInfoResponse
	require.NoError(t, c.call(c.app, abi.OpFilesUpdate,
		&abi.FilesUpdateRequest{Collection: "c", ID: file.ID, Name: new("b.txt"), Data: &[]byte{}}, &updated))
	require.Equal(t, "b.txt", updated.File.Name)
	require.Equal(t, "text/plain", updated.File.ContentType)
	require.Zero(t, updated.File.Size)
	got = abi.FilesGetResponse{}
	require.NoError(t, c.call(c.app, abi.OpFilesGet, at, &got))
	require.True(t, got.Found)
	require.Empty(t, got.Data)

	second := c.create(t, "second", []byte("2"))
	var page abi.FilesListResponse
	require.NoError(t, c.call(c.app, abi.OpFilesList, &abi.FilesListRequest{Collection: "c", Limit: 1}, &page))
	require.Equal(t, []abi.FileInfo{*updated.File}, page.Items)
	require.NoError(t, c.call(c.app, abi.OpFilesList, &abi.FilesListRequest{Collection: "c", Limit: 1, Cursor: page.Cursor}, &page))
	require.Equal(t, []abi.FileInfo{second}, page.Items)
	require.Empty(t, page.Cursor)

	for _, found := range []bool{true, false} {
		var deleted abi.FilesDeleteResponse
		require.NoError(t, c.call(c.app, abi.OpFilesDelete, at, &deleted))
		require.Equal(t, found, deleted.Found)
	}
}

func TestFilesOfAnotherApp(t *testing.T) {
	c := newFilesGuest(t)
	file := c.create(t, "a", []byte("secret"))
	for name, id := range map[string]string{"a file of another app": file.ID, "no file": "0197a0b0-0000-7000-8000-000000000000"} {
		t.Run(name, func(t *testing.T) {
			at := &abi.FilesGetRequest{Collection: "c", ID: id}
			var head abi.FilesInfoResponse
			require.NoError(t, c.call(c.other, abi.OpFilesHead, at, &head))
			require.Nil(t, head.File)
			var got abi.FilesGetResponse
			require.NoError(t, c.call(c.other, abi.OpFilesGet, at, &got))
			require.Equal(t, abi.FilesGetResponse{}, got)
			var deleted abi.FilesDeleteResponse
			require.NoError(t, c.call(c.other, abi.OpFilesDelete, at, &deleted))
			require.False(t, deleted.Found)
			err := c.call(c.other, abi.OpFilesUpdate, &abi.FilesUpdateRequest{Collection: "c", ID: id, Name: new("mine")}, nil)
			require.Equal(t, &abi.OpError{Code: abi.OpCodeNotFound, Message: "files.update: file not found"}, err)
			var page abi.FilesListResponse
			require.NoError(t, c.call(c.other, abi.OpFilesList, &abi.FilesListRequest{Collection: "c"}, &page))
			require.Empty(t, page.Items)
		})
	}
	var got abi.FilesGetResponse
	require.NoError(t, c.call(c.app, abi.OpFilesGet, &abi.FilesReadRequest{Collection: "c", ID: file.ID}, &got))
	require.Equal(t, "secret", string(got.Data))
}

func TestFilesRefuse(t *testing.T) {
	c := newFilesGuest(t)
	file := c.create(t, "a", make([]byte, 900))
	data := []byte("x")
	large, larger := make([]byte, 700), make([]byte, 1001)
	for _, refused := range []struct {
		name    string
		op      abi.Op
		request msgp.Marshaler
		code    abi.OpCode
		says    string
	}{
		{"no name", abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", ContentType: "a/b", Data: &data}, abi.OpCodeInvalid, "files.create: name: must be 1 to 255 bytes, got 0"},
		{"no content type", abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", Name: "n", Data: &data}, abi.OpCodeInvalid, "files.create: content_type: must be 1 to 255 bytes, got 0"},
		{"no data", abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", Name: "n", ContentType: "a/b"}, abi.OpCodeInvalid, "files.create: data: is missing"},
		{"no collection", abi.OpFilesList, &abi.FilesListRequest{}, abi.OpCodeInvalid, "files.list: collection: must be 1 to 512 bytes, got 0"},
		{"limit", abi.OpFilesList, &abi.FilesListRequest{Collection: "c", Limit: 1001}, abi.OpCodeInvalid, "files.list: limit: must be between 1 and 1000, got 1001"},
		{"cursor", abi.OpFilesList, &abi.FilesListRequest{Collection: "c", Cursor: "?"}, abi.OpCodeInvalid, "files.list: invalid cursor"},
		{"too large", abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", Name: "n", ContentType: "a/b", Data: &larger}, abi.OpCodeQuota, "1500 bytes in all"},
		{"too large for one file", abi.OpFilesUpdate, &abi.FilesUpdateRequest{Collection: "c", ID: file.ID, Data: &larger}, abi.OpCodeInvalid, "files.update: data: must be at most 1000 bytes"},
		{"over quota", abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", Name: "n", ContentType: "a/b", Data: &large}, abi.OpCodeQuota, "1500 bytes in all"},
	} {
		t.Run(refused.name, func(t *testing.T) {
			err := c.call(c.app, refused.op, refused.request, nil)
			var failure *abi.OpError
			require.ErrorAs(t, err, &failure)
			require.Equal(t, refused.code, failure.Code)
			require.Contains(t, failure.Message, refused.says)
		})
	}
}

func TestDamagedFileIsNeverHandedOut(t *testing.T) {
	c := newFilesGuest(t)
	file := c.create(t, "a", []byte("hello"))
	paths, err := filepath.Glob(filepath.Join(c.root, "??", "??", "*"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	require.NoError(t, os.WriteFile(paths[0], []byte("jello"), 0o600))
	err = c.call(c.app, abi.OpFilesGet, &abi.FilesReadRequest{Collection: "c", ID: file.ID}, nil)
	require.Equal(t, &abi.OpError{Code: abi.OpCodeCorrupted, Message: "files.get: file " + file.ID + ": its bytes are not what was stored"}, err)
}

// The files of static sites are deployed: scripts read them, and do not change them.
func TestFilesOfSitesAreReadOnly(t *testing.T) {
	c := newFilesGuest(t)
	data, name := []byte("x"), "b"
	for op, request := range map[abi.Op]msgp.Marshaler{
		abi.OpFilesCreate:     &abi.FilesCreateRequest{Collection: sites.Collection, Name: "a", ContentType: "text/plain", Data: &data},
		abi.OpFilesUpdate:     &abi.FilesUpdateRequest{Collection: sites.Collection, ID: "i", Name: &name},
		abi.OpFilesDelete:     &abi.FilesGetRequest{Collection: sites.Collection, ID: "i"},
		abi.OpRequestSaveFile: &abi.RequestSaveFileRequest{Collection: sites.Collection, Field: "f"},
	} {
		err := c.call(c.app, op, request, nil)
		require.ErrorContains(t, err, `collection: must not be "@static", which holds the files of static sites`, op)
	}
	require.NoError(t, c.call(c.app, abi.OpFilesList, &abi.FilesListRequest{Collection: sites.Collection}, nil))
}
