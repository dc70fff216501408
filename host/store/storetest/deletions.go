package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A slug that an app had leads to it, and nobody else may have it, until it is released or the app is deleted.
func testAliases(t *testing.T, s subject) {
	rename := func(app store.App, slug string) error {
		_, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{Slug: &slug})
		return err
	}
	aliases := func(app store.App) []string {
		list, err := s.Apps().Aliases(s.ctx, app.ID)
		require.NoError(t, err)
		return project(list, func(a store.Alias) string { return a.Slug })
	}
	app, other := s.app(t, "a"), s.app(t, "other")
	require.Empty(t, aliases(app))
	require.NoError(t, rename(app, "b"))
	require.NoError(t, rename(app, "c"))
	require.Equal(t, []string{"a", "b"}, aliases(app))
	for _, slug := range []string{"a", "b"} {
		found, err := s.Apps().GetByAlias(s.ctx, slug)
		require.NoError(t, err)
		require.Equal(t, app.ID, found.ID)
		require.Equal(t, "c", found.Slug)
		_, err = s.Apps().GetBySlug(s.ctx, slug)
		notFound(t, err, "app")
	}
	_, err := s.Apps().GetByAlias(s.ctx, "c")
	notFound(t, err, "app")

	conflict(t, rename(other, "a"), store.Conflict("app", "slug", "a", app.ID))
	_, err = s.Apps().Create(s.ctx, store.App{Slug: "b"})
	conflict(t, err, store.Conflict("app", "slug", "b", app.ID))

	require.NoError(t, rename(app, "a"), "back to one that it had")
	require.Equal(t, []string{"b", "c"}, aliases(app))
	require.NoError(t, rename(app, "a"), "the same")
	require.Equal(t, []string{"b", "c"}, aliases(app))

	notFound(t, s.Apps().ReleaseAlias(s.ctx, other.ID, "b"), "alias")
	notFound(t, s.Apps().ReleaseAlias(s.ctx, app.ID, "a"), "alias")
	require.NoError(t, s.Apps().ReleaseAlias(s.ctx, app.ID, "b"))
	require.NoError(t, rename(other, "b"))
	require.Equal(t, []string{"c"}, aliases(app))

	for i := range store.MaxAliases - 1 {
		require.NoError(t, rename(app, fmt.Sprint("name-", i)))
	}
	err = rename(app, "more")
	require.Equal(t, fault.Conflict, fault.Of(err))
	require.EqualError(t, err, "20 old slugs lead to the app, which is the most: release one first")
	require.NoError(t, rename(app, "c"), "one of its own makes no more")
	require.Len(t, aliases(app), store.MaxAliases)

	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	for _, slug := range []string{"a", "c", "name-1"} {
		s.app(t, slug)
	}
}

// full makes an app that has some of everything, and returns how many rows are to be removed when it is
// deleted: those that go one by one, with the app's own and its scripts'.
func (s subject) full(t testing.TB, slug string) (app store.App, rows int, blobs []string) {
	t.Helper()
	app = s.app(t, slug)
	user := s.user(t, "of-"+slug)
	require.NoError(t, s.Apps().SetMember(s.ctx, app.ID, user.ID, store.RoleEditor))
	_, err := s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, AppID: app.ID, Name: "k", KeyHash: "hash of " + slug})
	require.NoError(t, err)
	_, err = s.Domains().Create(s.ctx, store.Domain{AppID: app.ID, Host: slug + ".example"})
	require.NoError(t, err)
	for i := range 3 {
		script := s.script(t, app, fmt.Sprint("s", i))
		s.route(t, script, fmt.Sprint("/", i))
		trigger := triggerOf(store.TriggerPubSub, script)
		trigger.Name = fmt.Sprint("t", i)
		_, err := s.Triggers().Create(s.ctx, trigger)
		require.NoError(t, err)
		for j := range 5 {
			require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{
				execution(script, fmt.Sprint(slug, "-", i, "-", j), start, "one", "two", "three"),
			}))
		}
	}
	rows = 1 + 2*3 + 3*5 // a script has a version; lines go with their executions
	s.plugin(t, app, "plugin", []byte("\x00asm of "+slug))
	rows += 2
	_, err = s.Topics().Set(s.ctx, store.Topic{AppID: app.ID, Name: "news", Access: store.AccessPublic})
	require.NoError(t, err)
	for i := range 11 {
		name := fmt.Sprint(i)
		_, err := s.KV().Set(s.ctx, app.ID, "c"+name[:1], store.KVEntry{Key: name, Value: json.RawMessage(`{"a": 1}`)}, false)
		require.NoError(t, err)
		_, err = s.Docs().Create(s.ctx, store.DocumentKey{AppID: app.ID, Collection: "c" + name[:1]}, content(`{"a": 1}`, 1, 2, int64(100+i)))
		require.NoError(t, err)
		blobs = append(blobs, s.file(t, app, "c"+name[:1], name, 10).Blob)
		kept, err := s.Published().Add(s.ctx, store.Published{ID: slug + name, AppID: app.ID, Topic: "news", Message: json.RawMessage(name)})
		require.NoError(t, err)
		require.True(t, kept)
		require.NoError(t, s.Outbox().Add(s.ctx, []store.Event{
			{AppID: app.ID, Lane: "lane of " + slug, Source: store.EventQueue, Payload: json.RawMessage(`{}`)},
		}))
		_, _, err = s.Idempotency().Once(s.ctx, store.IdempotencyKey{AppID: app.ID, Scope: "route", Key: name, Digest: "d"}, "r", time.Hour)
		require.NoError(t, err)
	}
	return app, rows + 6*11, blobs
}

// remove removes what is deleted, so many rows at a time, and returns how many there were.
func (s subject) remove(t testing.TB, limit int, between func()) (rows int, blobs []string) {
	t.Helper()
	for {
		removed, err := s.Deletions().Remove(s.ctx, limit)
		require.NoError(t, err, "because of %v", errors.Unwrap(err))
		require.LessOrEqual(t, removed.Rows, limit)
		rows += removed.Rows
		blobs = append(blobs, removed.Blobs...)
		if removed.Rows < limit {
			return rows, blobs
		}
		if between != nil {
			between()
		}
	}
}

func testDeletions(t *testing.T, s subject) {
	for _, bad := range []int{0, -1, store.MaxBatch + 1} {
		_, err := s.Deletions().Remove(s.ctx, bad)
		require.Equal(t, fault.Invalid, fault.Of(err))
	}
	rows, _ := s.remove(t, 10, nil)
	require.Zero(t, rows)

	t.Run("an app", func(t *testing.T) { testAppDeletion(t, s) })
	t.Run("a script", func(t *testing.T) { testScriptDeletion(t, s) })
	t.Run("contents", func(t *testing.T) { testContents(t, s) })
}

// What there may be much of is not counted to the end.
func testContents(t *testing.T, s subject) {
	app := s.app(t, "much")
	script := s.script(t, app, "busy")
	made := 0
	for _, c := range []struct{ made, counted int }{
		{store.MaxContents - 1, store.MaxContents - 1}, {store.MaxContents, store.MaxContents}, {store.MaxContents + 1, store.MaxContents},
	} {
		var batch []store.Execution
		for ; made < c.made; made++ {
			batch = append(batch, execution(script, fmt.Sprint("much-", made), start))
		}
		require.NoError(t, s.Executions().Record(s.ctx, batch))
		got, err := s.Apps().Contents(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, store.AppContents{Scripts: 1, Executions: int64(c.counted)}, got)
		of, err := s.Scripts().Contents(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, store.ScriptContents{Executions: int64(c.counted)}, of)
	}
}

func testAppDeletion(t *testing.T, s subject) {
	stays, _, _ := s.full(t, "stays")
	app, want, blobs := s.full(t, "goes")
	contents := store.AppContents{
		Scripts: 4, Routes: 3, Triggers: 3, Topics: 1, Domains: 1, Members: 1, Keys: 1, KVEntries: 11, Documents: 11, Files: 11, FileBytes: 110,
		Executions: 15, Events: 11,
	}
	got, err := s.Apps().Contents(s.ctx, app.ID)
	require.NoError(t, err)
	require.Equal(t, contents, got)
	script, err := s.Scripts().GetByName(s.ctx, app.ID, "s0")
	require.NoError(t, err)
	doc := firstDocument(t, s, app)
	file, err := s.Files().List(s.ctx, app.ID, "c0", store.PageRequest{})
	require.NoError(t, err)
	event, err := s.Outbox().List(s.ctx, store.EventQuery{AppID: app.ID})
	require.NoError(t, err)
	s.takeChanges(t)

	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))

	t.Run("it is gone for readers", func(t *testing.T) {
		notFound(t, s.Apps().Delete(s.ctx, app.ID), "app")
		_, err := s.Apps().Get(s.ctx, app.ID)
		notFound(t, err, "app")
		_, err = s.Apps().GetBySlug(s.ctx, app.ID) // which it is called now, in a way
		notFound(t, err, "app")
		_, err = s.Apps().Contents(s.ctx, app.ID)
		notFound(t, err, "app")
		_, err = s.Apps().Update(s.ctx, app.ID, store.AppChange{Name: new("x")})
		notFound(t, err, "app")
		apps, err := s.Apps().List(s.ctx, store.PageRequest{})
		require.NoError(t, err)
		require.Equal(t, []string{"stays"}, project(apps.Items, func(a store.App) string { return a.Slug }))
		_, err = s.Scripts().Get(s.ctx, script.ID)
		notFound(t, err, "script")
		_, err = s.Scripts().GetByName(s.ctx, app.ID, script.Name)
		notFound(t, err, "script")
		scripts, err := s.Scripts().List(s.ctx, app.ID, store.PageRequest{})
		require.NoError(t, err)
		require.Empty(t, scripts.Items)
		routes, err := s.Routes().All(s.ctx)
		require.NoError(t, err)
		require.Len(t, routes, 3)
		triggers, err := s.Triggers().All(s.ctx)
		require.NoError(t, err)
		require.Len(t, triggers, 3)
		_, err = s.APIKeys().GetByHash(s.ctx, "hash of goes", start)
		require.Equal(t, fault.NotFound, fault.Of(err))
		_, err = s.Topics().Get(s.ctx, app.ID, "news")
		notFound(t, err, "topic")
		_, err = s.Executions().Get(s.ctx, "goes-0-0")
		notFound(t, err, "execution")
		_, err = s.Outbox().Get(s.ctx, event.Items[0].ID)
		notFound(t, err, "event")
		usage, err := s.Quotas().Usage(s.ctx, start)
		require.NoError(t, err)
		require.NotContains(t, usage, app.ID)
		require.Contains(t, usage, stays.ID)
		_, err = s.Domains().Create(s.ctx, store.Domain{AppID: stays.ID, Host: "goes.example"})
		require.NoError(t, err, "its hosts are free")
	})

	t.Run("who has found it before reads on", func(t *testing.T) {
		entry, err := s.KV().Get(s.ctx, app.ID, "c0", "0")
		require.NoError(t, err)
		require.JSONEq(t, `{"a": 1}`, string(entry.Value))
		_, err = s.Docs().Get(s.ctx, doc)
		require.NoError(t, err)
		got, err := s.Files().Get(s.ctx, app.ID, "c0", file.Items[0].ID)
		require.NoError(t, err)
		require.Equal(t, file.Items[0].Blob, got.Blob)
	})

	t.Run("it takes nothing more", func(t *testing.T) {
		_, err := s.KV().Set(s.ctx, app.ID, "c0", store.KVEntry{Key: "0", Value: json.RawMessage(`2`)}, false)
		notFound(t, err, "app")
		err = s.KV().Update(s.ctx, app.ID, "c0", "0", func(json.RawMessage) (json.RawMessage, bool, error) { return json.RawMessage(`2`), true, nil })
		notFound(t, err, "app")
		found, err := s.KV().Delete(s.ctx, app.ID, "c0", "0")
		require.NoError(t, err)
		require.False(t, found)
		_, err = s.Docs().Create(s.ctx, store.DocumentKey{AppID: app.ID, Collection: "c0"}, content(`{}`))
		notFound(t, err, "app")
		_, err = s.Docs().Replace(s.ctx, doc, content(`{}`), nil)
		notFound(t, err, "document")
		_, err = s.Docs().Modify(s.ctx, doc, nil, func(json.RawMessage) (store.DocumentContent, error) { return content(`{}`), nil })
		notFound(t, err, "document")
		notFound(t, s.Docs().Delete(s.ctx, doc), "document")
		_, err = s.Files().Create(s.ctx, fileOf(app, "c0", "new", 1), 0)
		notFound(t, err, "app")
		_, _, err = s.Files().Update(s.ctx, app.ID, "c0", file.Items[0].ID, store.FileChange{Name: new("x")}, 0)
		notFound(t, err, "file")
		_, err = s.Files().Delete(s.ctx, app.ID, "c0", file.Items[0].ID, "")
		notFound(t, err, "file")
		notFound(t, s.Outbox().Add(s.ctx, []store.Event{{AppID: app.ID, Lane: "l", Source: store.EventQueue, Payload: json.RawMessage(`{}`)}}), "app")
		kept, err := s.Published().Add(s.ctx, store.Published{ID: "late", AppID: app.ID, Topic: "news", Message: json.RawMessage(`1`)})
		require.NoError(t, err)
		require.False(t, kept)
		_, err = s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "late", Kind: abi.KindEndpoint})
		notFound(t, err, "app")
		_, err = s.Routes().Create(s.ctx, anyRoute(script, "/late"))
		notFound(t, err, "script")
		_, err = s.Topics().Set(s.ctx, store.Topic{AppID: app.ID, Name: "late", Access: store.AccessPublic})
		notFound(t, err, "app")
		notFound(t, s.Apps().SetMember(s.ctx, app.ID, s.user(t, "late").ID, store.RoleViewer), "app")
		s.takeChanges(t) // of nothing that counts
	})

	again := s.app(t, "goes") // the slug is free
	_, err = s.KV().Set(s.ctx, again.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
	require.NoError(t, err)

	commits := 0
	rows, removedBlobs := s.remove(t, 7, func() { // others write in between
		commits++
		_, err := s.KV().Set(s.ctx, stays.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(`1`)}, false)
		require.NoError(t, err)
	})
	require.Equal(t, want, rows)
	require.Equal(t, want/7, commits)
	slices.Sort(blobs)
	slices.Sort(removedBlobs)
	require.Equal(t, blobs, removedBlobs)
	rows, _ = s.remove(t, 7, nil)
	require.Zero(t, rows)

	got, err = s.Apps().Contents(s.ctx, again.ID)
	require.NoError(t, err)
	require.Equal(t, store.AppContents{KVEntries: 1}, got)
	got, err = s.Apps().Contents(s.ctx, stays.ID)
	require.NoError(t, err)
	contents.Domains, contents.KVEntries = 2, 12 // which were made meanwhile
	require.Equal(t, contents, got)
	s.takeChanges(t)
}

func firstDocument(t testing.TB, s subject, app store.App) store.DocumentKey {
	t.Helper()
	key := store.DocumentKey{AppID: app.ID, Collection: "c0"}
	_, err := s.Docs().Scan(s.ctx, store.DocumentQuery{AppID: app.ID, Collection: "c0"}, func(d store.Document) error {
		key.ID = d.ID
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, key.ID)
	return key
}

func testScriptDeletion(t *testing.T, s subject) {
	app := s.app(t, "scripts")
	script, other := s.script(t, app, "busy"), s.script(t, app, "other")
	s.route(t, script, "/busy")
	for i, script := range []store.Script{script, other} {
		messages := strings.Split(strings.Repeat("x", 100), "")
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{
			execution(script, fmt.Sprint("talkative-", i), start, messages...), execution(script, fmt.Sprint("quiet-", i), start),
		}))
	}
	got, err := s.Scripts().Contents(s.ctx, script.ID)
	require.NoError(t, err)
	require.Equal(t, store.ScriptContents{Routes: 1, Executions: 2}, got)

	require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
	_, err = s.Scripts().Contents(s.ctx, script.ID)
	notFound(t, err, "script")
	notFound(t, s.Scripts().Delete(s.ctx, script.ID), "script")
	_, err = s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new("1")})
	notFound(t, err, "script")
	notFound(t, s.Scripts().SetImports(s.ctx, script.ID, nil), "script")
	_, err = s.Executions().Get(s.ctx, "talkative-0")
	notFound(t, err, "execution")
	require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{execution(script, "late", start, "it is too late")}))
	_, err = s.Executions().Get(s.ctx, "late")
	notFound(t, err, "execution")
	s.script(t, app, "busy") // the name is free again

	rows, _ := s.remove(t, 10, nil)
	require.Equal(t, 2+2, rows)
	kept, err := s.Executions().Get(s.ctx, "talkative-1")
	require.NoError(t, err)
	require.Len(t, kept.Lines, 100)
}

// Several nodes that remove at the same time remove each row once, and none gets in another's way.
func testDeletionsTogether(t *testing.T, fresh func(testing.TB) Opener) {
	open := fresh(t)
	clock := &clock{now: start}
	var nodes []subject
	for range 3 {
		opened := open.mustOpen(t, clock.Now)
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
		nodes = append(nodes, subject{Store: opened, clock: clock, changes: &changes{}, ctx: t.Context()})
	}
	want, blobs := 0, 0
	for i := range 3 {
		app, rows, of := nodes[0].full(t, fmt.Sprint("app-", i))
		want, blobs = want+rows, blobs+len(of)
		require.NoError(t, nodes[i].Apps().Delete(t.Context(), app.ID))
	}
	rows, removed := make([]int, len(nodes)), make([]int, len(nodes))
	for _, err := range all(len(nodes), func(i int) error {
		for idle := 0; idle < 100; { // another may be at it
			part, err := nodes[i].Deletions().Remove(nodes[i].ctx, 5)
			if err != nil {
				return err
			}
			rows[i], removed[i] = rows[i]+part.Rows, removed[i]+len(part.Blobs)
			if idle++; part.Rows == 5 {
				idle = 0
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, want, rows[0]+rows[1]+rows[2])
	require.Equal(t, blobs, removed[0]+removed[1]+removed[2])
}
