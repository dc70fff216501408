package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// testRevisions: each change of configuration makes one revision that names its row, anything else
// none.
func testRevisions(t *testing.T, s subject) {
	app := s.app(t, "first")
	script := s.script(t, app, "script")
	user := s.user(t, "someone")
	var second store.App
	var another store.Script
	var route store.Route
	var key store.APIKey
	var followed []store.Revision
	s.Revisions().Follow(func(r store.Revision) { followed = append(followed, r) })
	of := func(resource store.Resource, appID, id string) []store.Revision {
		return []store.Revision{{Resource: resource, AppID: appID, ID: id}}
	}

	for _, step := range []struct {
		name string
		do   func() error
		want func() []store.Revision
	}{
		{"create app", func() error { second = s.app(t, "second"); return nil },
			func() []store.Revision { return of(store.ResourceApp, second.ID, second.ID) }},
		{"update app", func() error {
			_, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{Name: new("x")})
			return err
		}, func() []store.Revision { return of(store.ResourceApp, app.ID, app.ID) }},
		{"create script", func() error { another = s.script(t, app, "another"); return nil },
			func() []store.Revision { return of(store.ResourceScript, app.ID, another.ID) }},
		{"update script", func() error {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new("1")})
			return err
		}, func() []store.Revision { return of(store.ResourceScript, app.ID, script.ID) }},
		{"set imports", func() error { return s.Scripts().SetImports(s.ctx, script.ID, nil) },
			func() []store.Revision { return of(store.ResourceScript, app.ID, script.ID) }},
		{"create route", func() error { route = s.route(t, script, "/"); return nil },
			func() []store.Revision { return of(store.ResourceRoute, app.ID, route.ID) }},
		{"delete route", func() error { return s.Routes().Delete(s.ctx, route.ID) },
			func() []store.Revision { return of(store.ResourceRoute, app.ID, route.ID) }},
		{"set member", func() error { return s.Apps().SetMember(s.ctx, app.ID, user.ID, store.RoleViewer) },
			func() []store.Revision { return of(store.ResourceUser, app.ID, user.ID) }},
		{"remove member", func() error { return s.Apps().RemoveMember(s.ctx, app.ID, user.ID) },
			func() []store.Revision { return of(store.ResourceUser, app.ID, user.ID) }},
		{"update user", func() error {
			_, err := s.Users().Update(s.ctx, user.ID, store.UserChange{Role: new(store.RoleAdmin)})
			return err
		}, func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"create session", func() error {
			for _, hash := range []string{"session-1", "session-2"} {
				if _, err := s.Sessions().Create(s.ctx, store.Session{TokenHash: hash, UserID: user.ID, ExpiresAt: start.Add(time.Hour)}); err != nil {
					return err
				}
			}
			return s.Sessions().Touch(s.ctx, "session-1", store.SessionUse{At: start, ExpiresAt: start.Add(time.Hour)})
		}, nil},
		{"delete session", func() error { return s.Sessions().Delete(s.ctx, "session-1") },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete sessions", func() error { _, err := s.Sessions().DeleteOf(s.ctx, user.ID); return err },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete a session by its id", func() error {
			session, err := s.Sessions().Create(s.ctx, store.Session{TokenHash: "session-3", UserID: user.ID, ExpiresAt: start.Add(time.Hour)})
			if err != nil {
				return err
			}
			return s.Sessions().DeleteByID(s.ctx, user.ID, session.ID)
		}, func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete other sessions", func() error { _, err := s.Sessions().DeleteOthers(s.ctx, user.ID, "none"); return err },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"confirm second factor", func() error {
			if err := s.SecondFactors().Begin(s.ctx, store.SecondFactor{UserID: user.ID, Secret: "secret"}); err != nil {
				return err
			}
			return s.SecondFactors().Confirm(s.ctx, user.ID)
		}, func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete second factor", func() error { return s.SecondFactors().Delete(s.ctx, user.ID) },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"create key", func() (err error) {
			key, err = s.APIKeys().Create(s.ctx, store.APIKey{UserID: user.ID, Name: "k", KeyHash: "k"})
			return err
		}, nil},
		{"replace key", func() error {
			_, err := s.APIKeys().Replace(s.ctx, key.ID, start, store.APIKey{UserID: user.ID, Name: "k", KeyHash: "by"})
			return err
		}, func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete key", func() error { return s.APIKeys().Delete(s.ctx, key.ID) },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete keys", func() error { _, err := s.APIKeys().DeleteOf(s.ctx, user.ID); return err },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"delete user", func() error { return s.Users().Delete(s.ctx, user.ID) },
			func() []store.Revision { return of(store.ResourceUser, "", user.ID) }},
		{"record", func() error {
			return s.Executions().Record(s.ctx, []store.Execution{execution(script, "e", start)})
		}, nil},
		{"read", func() error { _, err := s.Routes().All(s.ctx); return err }, nil},
		{"refused", func() error {
			_, err := s.Apps().Create(s.ctx, store.App{Slug: "second"})
			conflictOn(t, err, "slug")
			return nil
		}, nil},
		{"undone", func() error {
			refusal := errors.New("changed my mind")
			err := s.InTx(s.ctx, func(tx store.Store) error {
				require.NoError(t, tx.Scripts().Delete(s.ctx, script.ID))
				return refusal
			})
			require.Equal(t, refusal, err)
			return nil
		}, nil},
		{"delete script", func() error { return s.Scripts().Delete(s.ctx, script.ID) },
			func() []store.Revision { return of(store.ResourceScript, app.ID, script.ID) }},
		{"delete app", func() error { return s.Apps().Delete(s.ctx, app.ID) },
			func() []store.Revision { return of(store.ResourceApp, app.ID, app.ID) }},
	} {
		before, err := s.Revisions().Generation(s.ctx)
		require.NoError(t, err)
		followed = nil
		require.NoError(t, step.do(), step.name)
		var want []store.Revision
		if step.want != nil {
			want = step.want()
		}
		for i := range want {
			want[i].Generation = before + 1 + int64(i)
		}
		got, complete, err := s.Revisions().After(s.ctx, before)
		require.NoError(t, err)
		require.True(t, complete, step.name)
		require.Equal(t, want, got, step.name)
		require.Equal(t, want, followed, "%s: who follows is told once it is committed", step.name)
		after, err := s.Revisions().Generation(s.ctx)
		require.NoError(t, err)
		require.Equal(t, before+int64(len(want)), after, step.name)
	}
}

// testPrunedRevisions: who was away for too long is told so.
func testPrunedRevisions(t *testing.T, s subject) {
	app := s.app(t, "busy")
	require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
		for range store.KeptRevisions {
			if _, err := tx.Apps().Update(s.ctx, app.ID, store.AppChange{}); err != nil {
				return err
			}
		}
		return nil
	}))
	newest, err := s.Revisions().Generation(s.ctx)
	require.NoError(t, err)
	oldest := newest - store.KeptRevisions
	all, complete, err := s.Revisions().After(s.ctx, oldest)
	require.NoError(t, err)
	require.True(t, complete)
	require.Len(t, all, store.KeptRevisions)
	_, complete, err = s.Revisions().After(s.ctx, oldest-1)
	require.NoError(t, err)
	require.False(t, complete)
	_, complete, err = s.Revisions().After(s.ctx, newest+1) // of a database that was put back
	require.NoError(t, err)
	require.False(t, complete)
}

// testListening: one handle of a database that is shared is woken at once by the changes of
// another, and stops listening with its context.
func testListening(t *testing.T, fresh func(testing.TB) Opener) {
	open := fresh(t)
	var nodes [2]store.Store
	for i := range nodes {
		node, err := open(time.Now, nil)
		require.NoError(t, err, "opening the store: %v", errors.Unwrap(err))
		t.Cleanup(func() { require.NoError(t, node.Close()) })
		nodes[i] = node
	}
	if !nodes[0].Revisions().Shared() {
		require.ErrorIs(t, nodes[0].Revisions().Listen(t.Context(), func() {}), errors.ErrUnsupported)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	listening, stop := context.WithCancel(ctx)
	woken, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- nodes[0].Revisions().Listen(listening, func() { woken <- struct{}{} }) }()
	wait := func() {
		t.Helper()
		select {
		case <-woken:
		case <-ctx.Done():
			t.Fatal("nobody woke the listener")
		}
	}
	wait() // it listens
	_, err := nodes[1].Apps().Create(ctx, store.App{Slug: "of-another-node"})
	require.NoError(t, err)
	wait()
	stop()
	err = <-ended
	require.Equal(t, fault.Storage, fault.Of(err))
	require.ErrorIs(t, err, context.Canceled)
}
