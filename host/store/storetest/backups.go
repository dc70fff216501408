package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// testBackups: of those who begin the same backup one does.
func testBackups(t *testing.T, s subject) {
	_, ever, err := s.Backups().Begun(s.ctx)
	require.NoError(t, err)
	require.False(t, ever)
	first, second := time.Date(2026, 1, 31, 3, 0, 0, 1000, time.UTC), time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	begin := func(at, before time.Time, want bool) {
		t.Helper()
		got, err := s.Backups().Begin(s.ctx, at, before)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	begin(second, first, false)
	begin(first, time.Time{}, true)
	begin(second, time.Time{}, false)
	begin(second, first.Add(time.Second), false)
	at, ever, err := s.Backups().Begun(s.ctx)
	require.NoError(t, err)
	require.True(t, ever)
	require.Equal(t, first, at)
	begin(second, first, true)
	begin(second, first, false)
}

// testDump: a dump has what was done before it and nothing of what was done since.
func testDump(t *testing.T, s subject) {
	app, err := s.Apps().Create(s.ctx, store.App{Slug: "before", Name: "before"})
	require.NoError(t, err)
	file := func(id, blob string) {
		t.Helper()
		_, err := s.Files().Create(s.ctx, store.File{AppID: app.ID, Collection: "c", ID: id, Name: "n", ContentType: "a/b", Size: 5, SHA256: "sum of " + blob, Blob: blob}, 0)
		require.NoError(t, err)
	}
	set := func(key, value string) {
		t.Helper()
		_, err := s.KV().Set(s.ctx, app.ID, "c", store.KVEntry{Key: key, Value: json.RawMessage(value)}, false)
		require.NoError(t, err)
	}
	file("1", "bb")
	file("2", "aa")
	set("k", `"written before"`)
	refused := errors.New("refused")
	require.Equal(t, refused, s.Dump(s.ctx, func(dump store.Dump) error {
		set("k", `"written since"`)
		file("3", "cc")
		var blobs []store.Blob
		require.NoError(t, dump.Blobs(s.ctx, func(blob store.Blob) error { blobs = append(blobs, blob); return nil }))
		require.Equal(t, []store.Blob{
			{Name: "aa", Size: 5, SHA256: "sum of aa", AppID: app.ID, Collection: "c", ID: "2"}, {Name: "bb", Size: 5, SHA256: "sum of bb", AppID: app.ID, Collection: "c", ID: "1"},
		}, blobs)
		require.Equal(t, refused, dump.Blobs(s.ctx, func(store.Blob) error { return refused }))
		var all bytes.Buffer
		for _, part := range dump.Parts() {
			_, err := dump.Copy(s.ctx, part, &all)
			require.NoError(t, err)
		}
		require.Contains(t, all.String(), "written before")
		require.NotContains(t, all.String(), "written since")
		require.Positive(t, dump.Schema())
		_, err = dump.Copy(s.ctx, "nonsense", &all)
		require.ErrorContains(t, err, `there is no part "nonsense"`)
		return refused
	}), "the error of use is returned as it is")
	set("k", `"goes on"`)
	require.Error(t, s.InTx(s.ctx, func(tx store.Store) error {
		return tx.Dump(s.ctx, func(store.Dump) error { t.Error("a dump within a transaction"); return nil })
	}))
}
