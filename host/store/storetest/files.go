package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// fileOf is a file that has bytes of its own.
func fileOf(app store.App, collection, name string, size int64) store.File {
	return store.File{AppID: app.ID, Collection: collection, Name: name, ContentType: "text/plain",
		Size: size, SHA256: "sum of " + name, Blob: strings.ReplaceAll(uuid.NewString(), "-", "")}
}

func (s subject) file(t testing.TB, app store.App, collection, name string, size int64) store.File {
	t.Helper()
	file, err := s.Files().Create(s.ctx, fileOf(app, collection, name, size), 0)
	require.NoError(t, err)
	return file
}

func fileJSON(t testing.TB, file store.File) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"id": file.ID, "name": file.Name, "content_type": file.ContentType, "size": file.Size, "sha256": file.SHA256,
		"created_at": file.CreatedAt.Format(time.RFC3339Nano), "updated_at": file.UpdatedAt.Format(time.RFC3339Nano),
	})
	require.NoError(t, err)
	return text
}

func testFiles(t *testing.T, s subject) {
	t.Run("create and find", func(t *testing.T) {
		app := s.app(t, "created")
		want := fileOf(app, "photos", "cat.jpg", 3<<20)
		want.Sums = []byte("one and two and three")
		file, err := s.Files().Create(s.ctx, want, 0)
		require.NoError(t, err)
		require.Equal(t, uuid.Version(7), uuid.MustParse(file.ID).Version())
		want.ID, want.CreatedAt, want.UpdatedAt = file.ID, kept(start), kept(start)
		require.Equal(t, want, file)
		got, err := s.Files().Get(s.ctx, app.ID, "photos", file.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
		listed, err := s.Files().List(s.ctx, app.ID, "photos", store.PageRequest{})
		require.NoError(t, err)
		want.Sums = nil
		require.Equal(t, []store.File{want}, listed.Items)
	})

	t.Run("nobody else's", func(t *testing.T) {
		app, other := s.app(t, "mine"), s.app(t, "theirs")
		file := s.file(t, app, "c", "secret", 7)
		s.takeChanges(t)
		for name, at := range map[string][3]string{
			"another app":        {other.ID, "c", file.ID},
			"another collection": {app.ID, "d", file.ID},
			"another id":         {app.ID, "c", uuid.NewString()},
			"an unknown app":     {"nobody", "c", file.ID},
			"no app":             {"", "c", file.ID},
			"NUL":                {app.ID, "c", "\x00"},
			"not UTF-8":          {app.ID, "\xff", file.ID},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := s.Files().Get(s.ctx, at[0], at[1], at[2])
				notFound(t, err, "file")
				_, _, err = s.Files().Update(s.ctx, at[0], at[1], at[2], store.FileChange{Name: new("x")}, 0)
				notFound(t, err, "file")
				_, err = s.Files().Delete(s.ctx, at[0], at[1], at[2], "")
				notFound(t, err, "file")
			})
		}
		s.sameChanges(t)
		_, err := s.Files().Create(s.ctx, fileOf(store.App{ID: "nobody"}, "c", "n", 1), 0)
		notFound(t, err, "app")
		same := fileOf(other, "c", "n", 1)
		same.ID = file.ID
		_, err = s.Files().Create(s.ctx, same, 0)
		require.NoError(t, err, "the id of another app's file is free")
	})

	t.Run("an id in use", func(t *testing.T) {
		app := s.app(t, "twice")
		file := s.file(t, app, "c", "n", 7)
		again := fileOf(app, "c", "m", 5)
		again.ID = file.ID
		_, err := s.Files().Create(s.ctx, again, 0)
		conflict(t, err, store.Conflict("file", "id", file.ID, file.ID))
		used, err := s.Files().Usage(s.ctx, app.ID)
		require.NoError(t, err)
		require.EqualValues(t, 7, used)
	})

	t.Run("refused", func(t *testing.T) {
		app := s.app(t, "refused")
		for field, spoil := range map[string]func(*store.File){
			"collection":   func(f *store.File) { f.Collection = "" },
			"name":         func(f *store.File) { f.Name = "" },
			"content_type": func(f *store.File) { f.ContentType = "" },
			"blob":         func(f *store.File) { f.Blob = "" },
		} {
			file := fileOf(app, "c", "n", 1)
			spoil(&file)
			_, err := s.Files().Create(s.ctx, file, 0)
			invalid(t, err, field, "must not be empty")
		}
		file := s.file(t, app, "c", "n", 1)
		_, _, err := s.Files().Update(s.ctx, app.ID, "c", file.ID, store.FileChange{Name: new("a\x00")}, 0)
		invalid(t, err, "name", "must not contain NUL (byte 1)")
	})

	t.Run("update and delete, told with what was before", func(t *testing.T) {
		app := s.app(t, "told")
		s.takeChanges(t)
		file := s.file(t, app, "c", "a.txt", 10)
		change := store.Change{AppID: app.ID, Source: store.ChangeFiles, Collection: "c", Key: file.ID}
		told := func(operation store.ChangeOperation, now, before json.RawMessage) {
			t.Helper()
			change := change
			change.Operation, change.New, change.Previous = operation, now, before
			s.sameChanges(t, change)
		}
		told(store.ChangeCreate, fileJSON(t, file), nil)

		s.clock.advance(time.Minute)
		renamed, before, err := s.Files().Update(s.ctx, app.ID, "c", file.ID, store.FileChange{Name: new("b.txt")}, 0)
		require.NoError(t, err)
		require.Equal(t, file, before)
		want := file
		want.Name, want.UpdatedAt = "b.txt", kept(s.clock.Now())
		require.Equal(t, want, renamed)
		told(store.ChangeUpdate, fileJSON(t, renamed), fileJSON(t, file))

		content := store.FileContent{Size: 4, SHA256: "another", Blob: uuid.NewString(), Sums: []byte("parts")}
		rewritten, before, err := s.Files().Update(s.ctx, app.ID, "c", file.ID, store.FileChange{ContentType: new("text/html"), Content: &content}, 0)
		require.NoError(t, err)
		require.Equal(t, renamed, before)
		want = renamed
		want.ContentType, want.Size, want.SHA256, want.Blob, want.Sums = "text/html", 4, "another", content.Blob, content.Sums
		want.UpdatedAt = renamed.UpdatedAt.Add(time.Microsecond) // the clock stands still, the file does not
		require.Equal(t, want, rewritten)
		got, err := s.Files().Get(s.ctx, app.ID, "c", file.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
		told(store.ChangeUpdate, fileJSON(t, rewritten), fileJSON(t, renamed))

		deleted, err := s.Files().Delete(s.ctx, app.ID, "c", file.ID, "")
		require.NoError(t, err)
		want.Sums = nil
		require.Equal(t, want, deleted)
		told(store.ChangeDelete, nil, fileJSON(t, rewritten))
		_, err = s.Files().Get(s.ctx, app.ID, "c", file.ID)
		notFound(t, err, "file")
	})

	t.Run("nothing is told of what is undone", func(t *testing.T) {
		app := s.app(t, "undone")
		file := s.file(t, app, "c", "n", 10)
		s.takeChanges(t)
		refusal := errors.New("no")
		everything := func(files store.Files) (errs []error) {
			_, err := files.Create(s.ctx, fileOf(app, "c", "m", 1), 0)
			errs = append(errs, err)
			_, _, err = files.Update(s.ctx, app.ID, "c", file.ID, store.FileChange{Name: new("x"), Content: &store.FileContent{Size: 99, Blob: "b"}}, 0)
			errs = append(errs, err)
			_, err = files.Delete(s.ctx, app.ID, "c", file.ID, "")
			return append(errs, err)
		}
		unchanged := func(t *testing.T) {
			s.sameChanges(t)
			listed, err := s.Files().List(s.ctx, app.ID, "c", store.PageRequest{})
			require.NoError(t, err)
			require.Equal(t, []store.File{file}, listed.Items)
			used, err := s.Files().Usage(s.ctx, app.ID)
			require.NoError(t, err)
			require.EqualValues(t, 10, used)
		}
		t.Run("because of who is told", func(t *testing.T) {
			if s.changes.deaf {
				t.Skip("nobody is")
			}
			s.changes.refuse(refusal)
			defer s.changes.refuse(nil)
			for _, err := range everything(s.Files()) {
				require.ErrorIs(t, err, refusal)
			}
			unchanged(t)
		})
		t.Run("because of the transaction", func(t *testing.T) {
			require.Equal(t, refusal, s.InTx(s.ctx, func(tx store.Store) error {
				require.NoError(t, errors.Join(everything(tx.Files())...))
				return refusal
			}))
			unchanged(t)
		})
	})

	t.Run("quota", func(t *testing.T) {
		app, other := s.app(t, "quota"), s.app(t, "no-quota")
		s.file(t, other, "c", "does not count", 1000)
		quota := func(err error, used, wanted int64) {
			t.Helper()
			require.Equal(t, store.OverQuota("files", 100, used, wanted), err)
		}
		create := func(size int64) (store.File, error) {
			return s.Files().Create(s.ctx, fileOf(app, "c", fmt.Sprint(size), size), 100)
		}
		resize := func(file store.File, size int64) error {
			_, _, err := s.Files().Update(s.ctx, app.ID, "c", file.ID, store.FileChange{Content: &store.FileContent{Size: size, Blob: uuid.NewString()}}, 100)
			return err
		}
		_, err := create(101)
		quota(err, 0, 101)
		file, err := create(60)
		require.NoError(t, err)
		_, err = create(41)
		quota(err, 60, 41)
		_, err = create(40)
		require.NoError(t, err)
		_, err = create(0)
		require.NoError(t, err, "an empty file takes nothing")
		quota(resize(file, 61), 100, 1)
		require.NoError(t, resize(file, 10))
		require.NoError(t, resize(file, 60))
		s.file(t, app, "c", "over, as after the quota was lowered", 50)
		require.NoError(t, resize(file, 59), "less is never refused")
		quota(resize(file, 60), 149, 1)
		_, err = s.Files().Delete(s.ctx, app.ID, "c", file.ID, "")
		require.NoError(t, err)
		used, err := s.Files().Usage(s.ctx, app.ID)
		require.NoError(t, err)
		require.EqualValues(t, 90, used)
	})

	t.Run("quota under concurrency", func(t *testing.T) {
		app := s.app(t, "crowd")
		const clients, size, quota = 32, 10, 75
		first := s.file(t, app, "c", "first", 5)
		refused := 0
		for i, err := range all(clients, func(i int) error {
			if i%4 == 0 { // grows a file that is there
				_, _, err := s.Files().Update(s.ctx, app.ID, "c", first.ID,
					store.FileChange{Content: &store.FileContent{Size: 5, Blob: uuid.NewString()}}, quota)
				return err
			}
			_, err := s.Files().Create(s.ctx, fileOf(app, "c", fmt.Sprint(i), size), quota)
			return err
		}) {
			if i%4 == 0 || fault.Of(err) != fault.Quota {
				require.NoError(t, err)
				continue
			}
			refused++
		}
		require.Equal(t, clients-clients/4-7, refused)
		used, err := s.Files().Usage(s.ctx, app.ID)
		require.NoError(t, err)
		require.EqualValues(t, quota, used)
	})

	t.Run("a change for other bytes", func(t *testing.T) {
		app := s.app(t, "expected")
		file := s.file(t, app, "c", "name", 5)
		stale := func(err error) {
			t.Helper()
			require.Equal(t, store.OtherContent("other", file.SHA256), err)
		}
		s.takeChanges(t)
		_, _, err := s.Files().Update(s.ctx, app.ID, "c", file.ID, store.FileChange{Expect: "other", Name: new("b")}, 0)
		stale(err)
		_, err = s.Files().Delete(s.ctx, app.ID, "c", file.ID, "other")
		stale(err)
		s.sameChanges(t)
		got, err := s.Files().Get(s.ctx, app.ID, "c", file.ID)
		require.NoError(t, err)
		require.Equal(t, file, got)

		// Of many that change the same bytes one wins.
		won := 0
		for i, err := range all(16, func(i int) error {
			_, _, err := s.Files().Update(s.ctx, app.ID, "c", file.ID, store.FileChange{
				Expect: file.SHA256, Content: &store.FileContent{Size: 5, SHA256: fmt.Sprint(i), Blob: uuid.NewString()},
			}, 0)
			return err
		}) {
			if fault.Of(err) != fault.Stale {
				require.NoError(t, err, i)
				won++
			}
		}
		require.Equal(t, 1, won)
		now, err := s.Files().Get(s.ctx, app.ID, "c", file.ID)
		require.NoError(t, err)
		_, err = s.Files().Delete(s.ctx, app.ID, "c", file.ID, now.SHA256)
		require.NoError(t, err)
		used, err := s.Files().Usage(s.ctx, app.ID)
		require.NoError(t, err)
		require.Zero(t, used)
	})

	t.Run("listings", func(t *testing.T) {
		app, other := s.app(t, "listed"), s.app(t, "unlisted")
		var names []string
		for i := range 7 {
			names = append(names, fmt.Sprint("file ", i))
			s.file(t, app, "b", names[i], int64(i))
		}
		s.file(t, app, "Z", "n", 3)
		s.file(t, app, "ä", "n", 4)
		s.file(t, other, "b", "n", 5)
		listed := collect(t, 3, func(page store.PageRequest) (store.Page[store.File], error) {
			return s.Files().List(s.ctx, app.ID, "b", page)
		})
		require.Equal(t, names, project(listed, func(f store.File) string { return f.Name }))
		collections := collect(t, 2, func(page store.PageRequest) (store.Page[store.FileCollection], error) {
			return s.Files().Collections(s.ctx, app.ID, page)
		})
		require.Equal(t, []store.FileCollection{{Name: "Z", Files: 1, Bytes: 3}, {Name: "b", Files: 7, Bytes: 21}, {Name: "ä", Files: 1, Bytes: 4}}, collections)
		for _, cursor := range []string{"?", "AAAA"} {
			_, err := s.Files().List(s.ctx, app.ID, "b", store.PageRequest{Cursor: cursor})
			require.ErrorIs(t, err, store.ErrInvalidCursor)
			_, err = s.Files().Collections(s.ctx, app.ID, store.PageRequest{Cursor: cursor})
			require.ErrorIs(t, err, store.ErrInvalidCursor)
		}
		_, err := s.Files().List(s.ctx, app.ID, "b", store.PageRequest{Limit: 1001})
		invalid(t, err, "limit", "must be between 1 and 1000, got 1001")
	})

	t.Run("blobs, until the app is gone", func(t *testing.T) {
		app := s.app(t, "short-lived")
		var blobs []string
		for _, blob := range []string{"zz0", "zz1", "zz2", "zz3"} {
			file := fileOf(app, "c", blob, 5)
			file.Blob = blob
			_, err := s.Files().Create(s.ctx, file, 0)
			require.NoError(t, err)
		}
		blobs, err := s.Files().Blobs(s.ctx, "zz1", "zz3")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"zz1", "zz2"}, blobs)
		require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
		s.remove(t, store.MaxBatch, nil)
		blobs, err = s.Files().Blobs(s.ctx, "zz", "zz9")
		require.NoError(t, err)
		require.Empty(t, blobs)
		used, err := s.Files().Usage(s.ctx, app.ID)
		require.NoError(t, err)
		require.Zero(t, used)
	})

	t.Run("the root stays the first", func(t *testing.T) {
		for _, c := range []struct{ mark, want string }{{"", ""}, {"first", "first"}, {"", "first"}, {"second", "first"}, {"first", "first"}} {
			got, err := s.Files().Root(s.ctx, c.mark)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		}
	})
}
