package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// deedOf is a context with a deed whose rows are recorded as their types and what tells them apart.
func (s subject) deedOf(action string) context.Context {
	deed := store.NewDeed(store.AuditEntry{
		Actor: store.ActorKey, UserID: "u", Username: "ada", KeyID: "k", Address: "192.0.2.1", RequestID: "r", Action: action, Outcome: store.OutcomeDone,
		Kind: "thing", Object: "as asked",
	})
	show := func(row any) json.RawMessage {
		text := ""
		switch row := row.(type) {
		case store.App:
			text = "app " + row.Name
		case store.Script:
			text = fmt.Sprintf("script %s v%d", row.Source, row.Version)
		case store.Cases:
			text = fmt.Sprintf("cases %d", len(row.List))
		case store.Route:
			text = "route " + row.Path + " " + string(row.Dispatch)
		case store.Trigger:
			text = fmt.Sprintf("trigger %s %v", row.Name, row.Enabled)
		case store.Topic:
			text = "topic " + string(row.Access)
		case store.Secret:
			text = fmt.Sprintf("secret of %d bytes", row.Size)
		case store.User:
			text = "user " + string(row.Role)
		case store.APIKey:
			text = "key " + row.Name
		case store.Member:
			text = "member " + string(row.Role)
		default:
			return nil
		}
		return json.RawMessage(fmt.Sprintf("%q", text))
	}
	deed.Show = func(before, after any) (json.RawMessage, json.RawMessage, bool) {
		return show(before), show(after), false
	}
	return store.WithDeed(s.ctx, deed)
}

// audited are the entries of the record, the newest first.
func (s subject) audited(t testing.TB, query store.AuditQuery) []store.AuditEntry {
	t.Helper()
	page, err := s.Audit().List(s.ctx, query)
	require.NoError(t, err)
	return page.Items
}

// Each change leaves one entry, that says what it was before and is after; a change that is refused, or
// undone, leaves none.
func testAudit(t *testing.T, s subject) {
	app := s.app(t, "shop")
	script := s.script(t, app, "main")
	route := s.route(t, script, "/old")
	user := s.user(t, "ada")
	require.Empty(t, s.audited(t, store.AuditQuery{}), "nobody has done it")

	var made store.Script
	var key store.APIKey
	trigger := anyTrigger(script)
	for _, c := range []struct {
		name         string
		do           func(ctx context.Context, tx store.Store) error
		kind, object string
		before       string
		after        string
		elsewhere    bool // in no app
	}{
		{"create app", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Apps().Create(ctx, store.App{ID: "new-app", Slug: "new", Name: "New"})
			return err
		}, "app", "new-app", "", "app New", true},
		{"update app", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Apps().Update(ctx, app.ID, store.AppChange{Name: new("Shop")})
			return err
		}, "app", app.ID, "app App shop", "app Shop", false},
		{"delete app", func(ctx context.Context, tx store.Store) error { return tx.Apps().Delete(ctx, "new-app") }, "app", "new-app", "app New", "", true},
		{"create script", func(ctx context.Context, tx store.Store) (err error) {
			made, err = tx.Scripts().Create(ctx, store.Script{ID: "made", AppID: app.ID, Name: "made", Kind: abi.KindEndpoint, Source: "1"})
			return err
		}, "script", "made", "", "script 1 v1", false},
		{"update script", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Scripts().Update(ctx, "made", store.ScriptChange{Source: new("2")})
			return err
		}, "script", "made", "script 1 v1", "script 2 v2", false},
		{"update script and its imports", func(ctx context.Context, tx store.Store) error {
			if _, err := tx.Scripts().Update(ctx, "made", store.ScriptChange{Source: new("3")}); err != nil {
				return err
			}
			return tx.Scripts().SetImports(ctx, "made", []string{"m"})
		}, "script", "made", "script 2 v2", "script 3 v3", false},
		{"delete script", func(ctx context.Context, tx store.Store) error { return tx.Scripts().Delete(ctx, "made") }, "script", "made", "script 3 v3", "", false},
		{"create route", func(ctx context.Context, tx store.Store) error {
			r := anyRoute(script, "/new")
			r.ID = "new-route"
			_, err := tx.Routes().Create(ctx, r)
			return err
		}, "route", "new-route", "", "route /new sync", false},
		{"change route twice", func(ctx context.Context, s store.Store) error {
			return s.InTx(ctx, func(tx store.Store) error {
				if _, err := tx.Routes().SetCORS(ctx, route.ID, nil); err != nil {
					return err
				}
				_, err := tx.Routes().SetDispatch(ctx, route.ID, store.DispatchAsync)
				return err
			})
		}, "route", route.ID, "route /old sync", "route /old async", false},
		{"delete route", func(ctx context.Context, tx store.Store) error { return tx.Routes().Delete(ctx, route.ID) },
			"route", route.ID, "route /old async", "", false},
		{"create trigger", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Triggers().Create(ctx, trigger)
			return err
		}, "trigger", trigger.ID, "", "trigger t true", false},
		{"change trigger", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Triggers().Modify(ctx, trigger.ID, func(t *store.Trigger) error { t.Enabled = false; return nil })
			return err
		}, "trigger", trigger.ID, "trigger t true", "trigger t false", false},
		{"delete trigger", func(ctx context.Context, tx store.Store) error { return tx.Triggers().Delete(ctx, trigger.ID) },
			"trigger", trigger.ID, "trigger t false", "", false},
		{"set topic", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Topics().Set(ctx, store.Topic{AppID: app.ID, Name: "news", Access: store.AccessPublic})
			return err
		}, "topic", "news", "", "topic public", false},
		{"set topic again", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Topics().Set(ctx, store.Topic{AppID: app.ID, Name: "news", Access: store.AccessToken})
			return err
		}, "topic", "news", "topic public", "topic token", false},
		{"delete topic", func(ctx context.Context, tx store.Store) error { return tx.Topics().Delete(ctx, app.ID, "news") },
			"topic", "news", "topic token", "", false},
		{"set secret", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Secrets().Set(ctx, store.Secret{AppID: app.ID, Name: "token", KeyID: "key", Sealed: []byte("sealed"), Size: 4}, 10)
			return err
		}, "secret", "token", "", "secret of 4 bytes", false},
		{"set secret again", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Secrets().Set(ctx, store.Secret{AppID: app.ID, Name: "token", KeyID: "key", Sealed: []byte("other"), Size: 5}, 10)
			return err
		}, "secret", "token", "secret of 4 bytes", "secret of 5 bytes", false},
		{"delete secret", func(ctx context.Context, tx store.Store) error { return tx.Secrets().Delete(ctx, app.ID, "token") },
			"secret", "token", "secret of 5 bytes", "", false},
		{"create user", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Users().Create(ctx, store.User{ID: "new-user", Username: "new", Role: store.RoleMember})
			return err
		}, "user", "new-user", "", "user member", true},
		{"update user", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Users().Update(ctx, "new-user", store.UserChange{Role: new(store.RoleAdmin)})
			return err
		}, "user", "new-user", "user member", "user admin", true},
		{"set member", func(ctx context.Context, tx store.Store) error {
			return tx.Apps().SetMember(ctx, app.ID, "new-user", store.RoleEditor)
		}, "member", "new-user", "", "member editor", false},
		{"remove member", func(ctx context.Context, tx store.Store) error {
			return tx.Apps().RemoveMember(ctx, app.ID, "new-user")
		}, "member", "new-user", "member editor", "", false},
		{"delete user", func(ctx context.Context, tx store.Store) error { return tx.Users().Delete(ctx, "new-user") },
			"user", "new-user", "user admin", "", true},
		{"create key", func(ctx context.Context, tx store.Store) (err error) {
			key, err = tx.APIKeys().Create(ctx, store.APIKey{ID: "new-key", UserID: user.ID, Name: "ci", KeyHash: "h"})
			return err
		}, "api-key", "new-key", "", "key ci", true},
		{"delete key", func(ctx context.Context, tx store.Store) error { return tx.APIKeys().Delete(ctx, "new-key") },
			"api-key", "new-key", "key ci", "", true},
		{"log in", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Sessions().Create(ctx, store.Session{TokenHash: "token", UserID: user.ID, ExpiresAt: start.Add(time.Hour)})
			return err
		}, "thing", "as asked", "", "", true},
		{"log out", func(ctx context.Context, tx store.Store) error { return tx.Sessions().Delete(ctx, "token") }, "thing", "as asked", "", "", true},
		{"set key", func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(`"private"`)}, false)
			return err
		}, "kv", "c/k", "", "", false},
		{"delete key of kv", func(ctx context.Context, tx store.Store) error {
			_, err := tx.KV().Delete(ctx, app.ID, "c", "k")
			return err
		}, "kv", "c/k", "", "", false},
		{"create document", func(ctx context.Context, tx store.Store) error {
			_, err := tx.Docs().Create(ctx, store.DocumentKey{AppID: app.ID, Collection: "c", ID: "d"}, store.DocumentContent{Data: json.RawMessage(`{}`)})
			return err
		}, "docs", "c/d", "", "", false},
		{"delete document", func(ctx context.Context, tx store.Store) error {
			return tx.Docs().Delete(ctx, store.DocumentKey{AppID: app.ID, Collection: "c", ID: "d"})
		}, "docs", "c/d", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			undone := errors.New("changed my mind")
			before := len(s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}}))
			ctx := s.deedOf(c.name)
			require.Equal(t, undone, s.InTx(ctx, func(tx store.Store) error {
				require.NoError(t, c.do(ctx, tx))
				return undone
			}))
			require.Len(t, s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}}), before, "of what was undone there is no entry")

			require.NoError(t, c.do(ctx, s.Store), "the same deed")
			entries := s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}})
			require.Len(t, entries, before+1)
			s.clock.advance(time.Second)
			want := store.AuditEntry{
				ID: entries[0].ID, At: entries[0].At, Actor: store.ActorKey, UserID: "u", Username: "ada", KeyID: "k", Address: "192.0.2.1", RequestID: "r",
				Action: c.name, Outcome: store.OutcomeDone, Kind: c.kind, Object: c.object, Count: 1, AppID: app.ID,
			}
			for to, text := range map[*json.RawMessage]string{&want.Before: c.before, &want.After: c.after} {
				if text != "" {
					*to = json.RawMessage(fmt.Sprintf("%q", text))
				}
			}
			if c.elsewhere {
				want.AppID = entries[0].AppID
				require.NotEqual(t, app.ID, want.AppID)
			}
			require.Equal(t, want, entries[0])

			s.app(t, "other-"+fmt.Sprint(len(entries)))
			require.Len(t, s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}}), before+1, "what nobody does is not recorded")
			again := s.deedOf("again")
			store.DeedOf(again).Take()
			_, err := s.Apps().Update(again, app.ID, store.AppChange{})
			require.NoError(t, err)
			require.Len(t, s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}}), before+1, "nor what is recorded already")
		})
	}
	require.Equal(t, "made", made.ID)
	require.Equal(t, "new-key", key.ID)

	before := s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}})
	for _, nothing := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := s.Apps().Create(ctx, store.App{Slug: "shop"}); return err },
		func(ctx context.Context) error { return s.Scripts().Delete(ctx, "none") },
		func(ctx context.Context) error { return s.Sessions().Delete(ctx, "none") },
		func(ctx context.Context) error { return s.APIKeys().Delete(ctx, "none") },
		func(ctx context.Context) error { _, err := s.KV().Delete(ctx, app.ID, "c", "none"); return err },
		func(ctx context.Context) error {
			_, err := s.DeadLetters().Purge(ctx, store.DeadLetterFilter{AppID: app.ID}, 1)
			return err
		},
		func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			return s.InTx(ctx, func(tx store.Store) error {
				defer cancel() // so that the commit fails
				_, err := tx.Apps().Create(ctx, store.App{Slug: "late"})
				return err
			})
		},
	} {
		_ = nothing(s.deedOf("nothing"))
		require.Equal(t, before, s.audited(t, store.AuditQuery{Page: store.PageRequest{Limit: 1000}}), "nothing has changed")
	}
}

// anyTrigger is a trigger of a script.
func anyTrigger(script store.Script) store.Trigger {
	return store.Trigger{
		ID: "new-trigger", AppID: script.AppID, ScriptID: script.ID, Kind: store.TriggerPubSub, Name: "t", Enabled: true, Concurrency: 1,
		Retry: store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Second, Max: time.Second}, PubSub: &store.PubSubTrigger{Topic: "a"},
	}
}

// One deed with many changes at the same time has one entry.
func testAuditOnce(t *testing.T, s subject) {
	app := s.app(t, "shop")
	ctx := s.deedOf("many")
	require.NoError(t, errors.Join(all(8, func(i int) error {
		_, err := s.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: fmt.Sprint("s", i), Kind: abi.KindEndpoint})
		return err
	})...))
	require.Len(t, s.audited(t, store.AuditQuery{}), 1)
	require.Nil(t, store.DeedOf(context.Background()))
	for _, none := range []*store.Deed{nil, store.DeedOf(store.WithDeed(s.ctx, nil))} {
		none.InApp("a")
		none.By("u", "n")
		_, first := none.Take()
		require.False(t, first)
		require.False(t, none.Open())
		require.Zero(t, none.Entry())
	}
}

// A deed may count an entry instead of having it written: what is changed and counted is the same, also when others
// get in the way, and what is undone is not counted.
func testAuditSummed(t *testing.T, s subject) {
	app := s.app(t, "shop")
	var mu sync.Mutex
	var counted []string
	summed := func() context.Context {
		ctx := s.deedOf("set")
		store.DeedOf(ctx).Sum = func(entry store.AuditEntry) func() {
			if entry.Object == "c/single" {
				return nil
			}
			return func() {
				mu.Lock()
				defer mu.Unlock()
				counted = append(counted, entry.AppID+" "+entry.Kind+" "+entry.Object)
			}
		}
		return ctx
	}
	set := func(ctx context.Context, db store.Store, key string) error {
		_, err := db.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: key, Value: json.RawMessage(`1`)}, false)
		return err
	}
	require.NoError(t, set(summed(), s.Store, "single"))
	require.Len(t, s.audited(t, store.AuditQuery{}), 1)
	require.Empty(t, counted)

	undone := errors.New("changed my mind")
	ctx := summed()
	require.Equal(t, undone, s.InTx(ctx, func(tx store.Store) error {
		require.NoError(t, set(ctx, tx, "k"))
		return undone
	}))
	_, err := s.KV().Delete(summed(), app.ID, "c", "none")
	require.NoError(t, err)
	require.Empty(t, counted, "nothing has changed")
	require.NoError(t, set(ctx, s.Store, "k"), "the same deed")
	require.NoError(t, set(ctx, s.Store, "later"), "what follows is not counted again")
	require.Equal(t, []string{app.ID + " kv c/k"}, counted)
	require.NoError(t, errors.Join(all(8, func(i int) error { return set(summed(), s.Store, "k") })...))
	require.Len(t, counted, 9)
	require.Len(t, s.audited(t, store.AuditQuery{}), 1)
}

// Entries of the same moment are all there, the last one first.
func testAuditOfAMoment(t *testing.T, s subject) {
	var want []string
	for i := range 20 {
		action := fmt.Sprint("do-", i)
		require.NoError(t, s.Audit().Add(s.ctx, store.AuditEntry{Actor: store.ActorSystem, Action: action, Outcome: store.OutcomeDone}))
		want = slices.Insert(want, 0, action)
	}
	found := collect(t, 3, func(page store.PageRequest) (store.Page[store.AuditEntry], error) {
		return s.Audit().List(s.ctx, store.AuditQuery{Page: page})
	})
	require.Equal(t, want, project(found, func(e store.AuditEntry) string { return e.Action }))
	for _, e := range found {
		require.WithinDuration(t, kept(start), e.At, 20*time.Microsecond)
	}
}

// The record is read by what an entry says, page by page, and loses what is old.
func testAuditQueries(t *testing.T, s subject) {
	for i, entry := range []store.AuditEntry{
		{Actor: store.ActorUser, UserID: "1", Username: "ada", Action: "create-app", AppID: "a", Object: "a", Kind: "app", Outcome: store.OutcomeDone},
		{Actor: store.ActorUser, UserID: "1", Username: "ada", Action: "update-app", AppID: "a", Object: "a", Kind: "app", Outcome: store.OutcomeDone,
			Before: json.RawMessage(`{"a":"\u0000"}`), After: json.RawMessage(`{}`), Truncated: true},
		{Actor: store.ActorUser, UserID: "2", Username: "bob", Action: "update-app", AppID: "b", Object: "b", Kind: "app", Outcome: store.OutcomeRefused, Reason: "no", Count: 7},
		{Actor: store.ActorUnknown, Action: "login", Outcome: store.OutcomeFailed, Object: "not\x00 storable\xff"},
		{Actor: store.ActorSystem, Action: "passwd", Outcome: store.OutcomeDone},
	} {
		require.NoError(t, s.Audit().Add(s.ctx, entry), "%d", i)
		s.clock.advance(time.Minute)
	}
	at := func(i int) time.Time { return kept(start).Add(time.Duration(i) * time.Minute) }
	for name, c := range map[string]struct {
		query store.AuditQuery
		want  []string
	}{
		"all":            {store.AuditQuery{}, []string{"passwd", "login", "update-app", "update-app", "create-app"}},
		"app":            {store.AuditQuery{AppID: "a"}, []string{"update-app", "create-app"}},
		"name":           {store.AuditQuery{User: "bob"}, []string{"update-app"}},
		"id of user":     {store.AuditQuery{User: "1"}, []string{"update-app", "create-app"}},
		"action":         {store.AuditQuery{Action: "login"}, []string{"login"}},
		"object":         {store.AuditQuery{Object: "b"}, []string{"update-app"}},
		"from":           {store.AuditQuery{From: at(3)}, []string{"passwd", "login"}},
		"just after":     {store.AuditQuery{From: at(3).Add(time.Nanosecond)}, []string{"passwd"}},
		"to":             {store.AuditQuery{To: at(1)}, []string{"create-app"}},
		"just before to": {store.AuditQuery{To: at(1).Add(time.Nanosecond)}, []string{"update-app", "create-app"}},
		"several":        {store.AuditQuery{AppID: "a", User: "ada", Action: "create-app", Object: "a", From: at(0), To: at(1)}, []string{"create-app"}},
		"nothing":        {store.AuditQuery{AppID: "a", User: "bob"}, []string{}},
		"not storable":   {store.AuditQuery{User: "a\x00"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 50} {
				found := collect(t, limit, func(page store.PageRequest) (store.Page[store.AuditEntry], error) {
					c.query.Page = page
					return s.Audit().List(s.ctx, c.query)
				})
				require.Equal(t, c.want, project(found, func(e store.AuditEntry) string { return e.Action }))
			}
		})
	}
	found := s.audited(t, store.AuditQuery{})
	require.Equal(t, store.AuditEntry{ID: found[3].ID, At: at(1), Actor: store.ActorUser, UserID: "1", Username: "ada", Action: "update-app", AppID: "a",
		Object: "a", Kind: "app", Outcome: store.OutcomeDone, Before: json.RawMessage(`{"a":"\u0000"}`), After: json.RawMessage(`{}`), Truncated: true, Count: 1}, found[3])
	require.Equal(t, 7, found[2].Count)
	require.Equal(t, "not\uFFFD storable\uFFFD", found[1].Object)
	for _, cursor := range []string{"no", "WyJhdWRpdCIsIngiLCJ5Il0"} {
		_, err := s.Audit().List(s.ctx, store.AuditQuery{Page: store.PageRequest{Cursor: cursor}})
		require.Equal(t, store.ErrInvalidCursor, err)
	}
	_, err := s.Audit().List(s.ctx, store.AuditQuery{Page: store.PageRequest{Limit: -1}})
	require.Equal(t, "limit", fault.From(err).Field)

	for _, c := range []struct {
		before  time.Time
		limit   int
		removed int
	}{{at(0), 10, 0}, {at(3), 2, 2}, {at(3), 2, 1}, {at(3), 2, 0}} {
		n, err := s.Audit().DeleteBefore(s.ctx, c.before, c.limit)
		require.NoError(t, err)
		require.Equal(t, c.removed, n)
	}
	require.Equal(t, found[:2], s.audited(t, store.AuditQuery{}))
	_, err = s.Audit().DeleteBefore(s.ctx, at(9), 0)
	require.Equal(t, "limit", fault.From(err).Field)
}
