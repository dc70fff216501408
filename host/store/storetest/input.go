package storetest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testTexts(t *testing.T, s subject) {
	app := s.app(t, "texts")

	t.Run("kept as they are", func(t *testing.T) {
		for i, text := range []string{
			"ünïcödé 🦀", "e\u0301 is not \u00e9", "tab\tand\r\nnewline", "'; DROP TABLE apps; --", "$1 ? :x %s \\ \"", "\u202eright to left",
			"\uFFFD", "\u0001\u007f", " ", strings.Repeat("x", 10_000),
		} {
			name := fmt.Sprint(i, text)
			if len(name) > 1000 {
				name = name[:1000]
			}
			script, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: name, Kind: abi.KindEndpoint, Source: text})
			require.NoError(t, err, "%q", text)
			got, err := s.Scripts().GetByName(s.ctx, app.ID, name)
			require.NoError(t, err, "%q", text)
			require.Equal(t, script, got)
		}
	})

	t.Run("refused", func(t *testing.T) {
		for _, bad := range []struct{ text, reason string }{
			{"ab\x00c", "must not contain NUL (byte 2)"},
			{"ä\xffc", "must be UTF-8 (byte 2 is not)"},
			{"\uFFFD\xed\xa0\x80", "must be UTF-8 (byte 3 is not)"}, // half a surrogate pair
		} {
			for field, create := range map[string]func() error{
				"slug": func() error { _, err := s.Apps().Create(s.ctx, store.App{Slug: bad.text}); return err },
				"name": func() error { _, err := s.Apps().Create(s.ctx, store.App{Slug: "x", Name: bad.text}); return err },
				"username": func() error {
					_, err := s.Users().Create(s.ctx, store.User{Username: bad.text, Role: "owner"})
					return err
				},
				"source": func() error {
					_, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "x", Kind: "endpoint", Source: bad.text})
					return err
				},
				"import": func() error { return s.Scripts().SetImports(s.ctx, "x", []string{bad.text}) },
				"path": func() error {
					_, err := s.Routes().Create(s.ctx, anyRoute(store.Script{}, bad.text))
					return err
				},
				"key_hash": func() error {
					_, err := s.APIKeys().Create(s.ctx, store.APIKey{Name: "x", KeyHash: bad.text})
					return err
				},
				"token_hash": func() error {
					_, err := s.Sessions().Create(s.ctx, store.Session{TokenHash: bad.text})
					return err
				},
			} {
				invalid(t, create(), field, bad.reason)
			}
		}
	})

	t.Run("not found", func(t *testing.T) {
		for _, bad := range []string{"a\x00", "\xff", ""} {
			_, err := s.Apps().Get(s.ctx, bad)
			notFound(t, err, "app")
			_, err = s.Scripts().Create(s.ctx, store.Script{AppID: bad, Name: "x", Kind: "endpoint"})
			notFound(t, err, "app")
			notFound(t, s.Scripts().Delete(s.ctx, bad), "script")
			_, err = s.Sessions().Get(s.ctx, bad, start)
			notFound(t, err, "session")
			require.NoError(t, s.Sessions().Touch(s.ctx, bad, store.SessionUse{At: start}))
			list, err := s.Routes().ByApp(s.ctx, bad)
			require.NoError(t, err)
			require.Empty(t, list)
		}
	})
}

func testPages(t *testing.T, s subject) {
	app := s.app(t, "paged")
	script := s.script(t, app, "script")
	s.app(t, "paged-2")
	first, err := s.Apps().List(s.ctx, store.PageRequest{Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, first.Next)

	listings := map[string]func(store.PageRequest) error{
		"apps":    func(p store.PageRequest) error { _, err := s.Apps().List(s.ctx, p); return err },
		"apps of": func(p store.PageRequest) error { _, err := s.Apps().ListOf(s.ctx, "x", p); return err },
		"scripts": func(p store.PageRequest) error { _, err := s.Scripts().List(s.ctx, app.ID, p); return err },
		"users":   func(p store.PageRequest) error { _, err := s.Users().List(s.ctx, p); return err },
		"executions": func(p store.PageRequest) error {
			_, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, ScriptID: script.ID, Page: p})
			return err
		},
		"logs": func(p store.PageRequest) error {
			_, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID, Page: p})
			return err
		},
	}
	encoded := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, list := range listings {
		t.Run(name, func(t *testing.T) {
			for _, cursor := range []string{
				"?", "AAAA", encoded("{}"), encoded("[]"), encoded(`["` + name + `"]`), encoded(`["` + name + `","a","b","c"]`),
				encoded(`["somewhere","x"]`), encoded(`["` + name + `","\u0000","x"]`), encoded(`["` + name + `","x","\u0000"]`),
				encoded(`["executions","99999999999999999999"]`), encoded(`["executions","x"]`),
				encoded(`["logs","-1","0"]`), encoded(`["logs","1e3","0"]`), encoded(`["logs","1","99999999999"]`), strings.Repeat("A", 100_000),
			} {
				require.ErrorIs(t, list(store.PageRequest{Cursor: cursor}), store.ErrInvalidCursor, "%.80q", cursor)
			}
			if !strings.HasPrefix(name, "apps") {
				require.ErrorIs(t, list(store.PageRequest{Cursor: first.Next}), store.ErrInvalidCursor, "a cursor of apps")
			}
			invalid(t, list(store.PageRequest{Limit: -1}), "limit", "must be between 1 and 1000, got -1")
			invalid(t, list(store.PageRequest{Limit: 1001}), "limit", "must be between 1 and 1000, got 1001")
			require.NoError(t, list(store.PageRequest{Limit: store.MaxPageSize}))
		})
	}

	t.Run("the default size", func(t *testing.T) {
		for i := range store.DefaultPageSize + 1 {
			s.script(t, app, fmt.Sprintf("n%03d", i))
		}
		page, err := s.Scripts().List(s.ctx, app.ID, store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, page.Items, store.DefaultPageSize)
	})

	t.Run("rows that come and go", func(t *testing.T) {
		app := s.app(t, "moving")
		b, _, e := s.script(t, app, "b"), s.script(t, app, "d"), s.script(t, app, "e")
		page, err := s.Scripts().List(s.ctx, app.ID, store.PageRequest{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, "b", page.Items[0].Name)
		require.NoError(t, s.Scripts().Delete(s.ctx, b.ID))
		require.NoError(t, s.Scripts().Delete(s.ctx, e.ID))
		s.script(t, app, "a")
		s.script(t, app, "c")
		page, err = s.Scripts().List(s.ctx, app.ID, store.PageRequest{Cursor: page.Next})
		require.NoError(t, err)
		require.Equal(t, []string{"c", "d"}, project(page.Items, func(x store.Script) string { return x.Name }))
		require.Empty(t, page.Next)
	})
}

func testFailures(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	calls := map[string]func(context.Context) error{
		"read app":     func(ctx context.Context) error { _, err := s.Apps().Get(ctx, "x"); return err },
		"list routes":  func(ctx context.Context) error { _, err := s.Routes().All(ctx); return err },
		"create app":   func(ctx context.Context) error { _, err := s.Apps().Create(ctx, store.App{Slug: "x"}); return err },
		"count users":  func(ctx context.Context) error { _, err := s.Users().Count(ctx); return err },
		"transaction":  func(ctx context.Context) error { return s.InTx(ctx, func(store.Store) error { return nil }) },
		"delete route": func(ctx context.Context) error { return s.Routes().Delete(ctx, "x") },
		"record executions": func(ctx context.Context) error {
			return s.Executions().Record(ctx, []store.Execution{{ID: "x"}})
		},
		"read generation": func(ctx context.Context) error { _, err := s.Revisions().Generation(ctx); return err },
		"ping":            s.Ping,
	}
	check := func(t *testing.T, op string, err error) {
		t.Helper()
		require.Equal(t, fault.Storage, fault.Of(err))
		require.EqualError(t, err, op+": storage failed")
		var line strings.Builder
		slog.New(slog.NewTextHandler(&line, nil)).Error("x", "error", err)
		require.Contains(t, line.String(), errors.Unwrap(err).Error(), "the log shows the cause")
	}
	t.Run("the context has ended", func(t *testing.T) {
		for op, call := range calls {
			err := call(ctx)
			check(t, op, err)
			require.ErrorIs(t, err, context.Canceled)
		}
	})
	t.Run("the store is closed", func(t *testing.T) {
		require.NoError(t, s.Close())
		for op, call := range calls {
			check(t, op, call(s.ctx))
		}
	})
}
