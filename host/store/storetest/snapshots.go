package storetest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A snapshot has what there was when it was first looked at, while others write.
func testSnapshots(t *testing.T, s subject) {
	app := s.app(t, "shop")
	set := func(in store.Store, value string) error {
		_, err := in.KV().Set(s.ctx, app.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(value)}, false)
		return err
	}
	require.NoError(t, set(s, "1"))
	refusal := errors.New("enough")
	err := s.Snapshot(s.ctx, func(then store.Store) error {
		before, err := then.Apps().Get(s.ctx, app.ID)
		require.NoError(t, err)
		require.NoError(t, set(s, "2"), "nobody waits for a snapshot")
		_, err = s.Apps().Update(s.ctx, app.ID, store.AppChange{Slug: new("renamed")})
		require.NoError(t, err)
		_, err = s.Docs().Create(s.ctx, store.DocumentKey{AppID: app.ID, Collection: "c"}, content(`{}`))
		require.NoError(t, err)

		again, err := then.Apps().Get(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, before, again)
		entry, err := then.KV().Get(s.ctx, app.ID, "c", "k")
		require.NoError(t, err)
		require.Equal(t, "1", string(entry.Value))
		count, err := then.Docs().Count(s.ctx, app.ID, "c")
		require.NoError(t, err)
		require.Zero(t, count)
		require.Equal(t, fault.Storage, fault.Of(then.Snapshot(s.ctx, func(store.Store) error { return nil })))
		return refusal
	})
	require.Equal(t, refusal, err)
	err = s.Snapshot(s.ctx, func(then store.Store) error {
		_, err := then.Apps().Get(s.ctx, app.ID)
		require.NoError(t, err)
		return set(then, "3")
	})
	require.Equal(t, fault.Storage, fault.Of(err), "it is for reading: %v", err)
	now, err := s.KV().Get(s.ctx, app.ID, "c", "k")
	require.NoError(t, err)
	require.Equal(t, "2", string(now.Value))
}

// Rows that come from elsewhere keep what they were there.
func testRestored(t *testing.T, s subject) {
	app := s.app(t, "shop")
	s.takeChanges(t)
	made, changed := start.Add(-48*time.Hour), start.Add(-24*time.Hour)
	doc := store.Document{ID: uuid.NewString(), Data: json.RawMessage(`{"a": 1}`), Version: 7, CreatedAt: made, UpdatedAt: changed}
	key := store.DocumentKey{AppID: app.ID, Collection: "c", ID: doc.ID}
	require.NoError(t, s.Docs().Restore(s.ctx, key, doc, content(string(doc.Data), 5)))
	s.sameChanges(t, store.Change{AppID: app.ID, Source: store.ChangeDocs, Collection: "c", Key: doc.ID, Operation: store.ChangeCreate, Version: 7, New: doc.Data})
	got, err := s.Docs().Get(s.ctx, key)
	require.NoError(t, err)
	doc.CreatedAt, doc.UpdatedAt = kept(made), kept(changed)
	require.Equal(t, doc, got)
	found := 0
	_, err = s.Docs().Scan(s.ctx, store.DocumentQuery{AppID: app.ID, Collection: "c", Terms: [][]int64{{5}}}, func(store.Document) error { found++; return nil })
	require.NoError(t, err)
	require.Equal(t, 1, found, "by its terms")
	conflict(t, s.Docs().Restore(s.ctx, key, doc, content(string(doc.Data))), store.Conflict("document", "id", doc.ID, doc.ID))
	notFound(t, s.Docs().Restore(s.ctx, store.DocumentKey{AppID: "nobody", Collection: "c", ID: doc.ID}, doc, content(string(doc.Data))), "app")
	next, err := s.Docs().Replace(s.ctx, key, content(`{}`), new(int64(7)))
	require.NoError(t, err)
	require.EqualValues(t, 8, next.Version)

	file := fileOf(app, "c", "f", 3)
	file.ID, file.CreatedAt, file.UpdatedAt = uuid.NewString(), made, changed
	stored, err := s.Files().Create(s.ctx, file, 0)
	require.NoError(t, err)
	file.CreatedAt, file.UpdatedAt = kept(made), kept(changed)
	require.Equal(t, file, stored)
	read, err := s.Files().Get(s.ctx, app.ID, "c", file.ID)
	require.NoError(t, err)
	require.Equal(t, file, read)
}

// An app that an import fills is listed nowhere else.
func testImportMarks(t *testing.T, s subject) {
	app, err := s.Apps().Create(s.ctx, store.App{Slug: "arriving", Import: &store.Import{Token: "t", Created: true}})
	require.NoError(t, err)
	mark := app.Import
	require.Equal(t, &store.Import{Token: "t", Created: true, At: mark.At}, mark)
	other := s.app(t, "other")
	user := s.user(t, "ada")
	for _, id := range []string{app.ID, other.ID} {
		require.NoError(t, s.Apps().SetMember(s.ctx, id, user.ID, store.RoleViewer))
	}
	slugs := func() (listed, of, imports []string) {
		t.Helper()
		all, err := s.Apps().List(s.ctx, store.PageRequest{})
		require.NoError(t, err)
		users, err := s.Apps().ListOf(s.ctx, user.ID, store.PageRequest{})
		require.NoError(t, err)
		under, now, err := s.Apps().Imports(s.ctx)
		require.NoError(t, err)
		require.WithinDuration(t, mark.At, now, time.Minute, "by the clock of the database")
		require.False(t, now.Before(mark.At))
		for _, a := range all.Items {
			listed = append(listed, a.Slug)
		}
		for _, a := range users.Items {
			of = append(of, a.Slug)
		}
		for _, a := range under {
			imports = append(imports, a.Slug)
		}
		return
	}
	listed, of, imports := slugs()
	require.Equal(t, [][]string{{"other"}, {"other"}, {"arriving"}}, [][]string{listed, of, imports})
	got, err := s.Apps().GetBySlug(s.ctx, "arriving")
	require.NoError(t, err)
	require.Equal(t, app, got)
	_, err = s.Apps().Create(s.ctx, store.App{Slug: "arriving"})
	conflict(t, err, store.Conflict("app", "slug", "arriving", app.ID))

	_, err = s.Apps().Update(s.ctx, app.ID, store.AppChange{Name: new("New")})
	require.NoError(t, err)
	got, err = s.Apps().Get(s.ctx, app.ID)
	require.NoError(t, err)
	require.Equal(t, mark, got.Import, "another change leaves it")
	heard, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{Import: &store.Import{Token: "another", At: mark.At.Add(-time.Hour)}})
	require.NoError(t, err)
	require.Equal(t, &store.Import{Token: "another", At: heard.Import.At}, heard.Import)
	require.False(t, heard.Import.At.Before(mark.At), "the store says when")
	ended, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{Import: &store.Import{}})
	require.NoError(t, err)
	require.Nil(t, ended.Import)
	listed, of, imports = slugs()
	require.Equal(t, [][]string{{"arriving", "other"}, {"arriving", "other"}, nil}, [][]string{listed, of, imports})
}
