package kv_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// database is a kind of database to test on.
type database struct {
	place func(tb testing.TB) string // where an empty one is
	open  func(place string, now func() time.Time, listeners store.Listeners) (store.Store, error)
	bare  func(place string) (*sql.DB, error) // without a store, opened as the store does
}

var databases = map[string]database{
	"sqlite": {
		place: func(tb testing.TB) string { return filepath.Join(tb.TempDir(), sqlite.FileName) },
		open: func(place string, now func() time.Time, listeners store.Listeners) (store.Store, error) {
			return sqlite.Open(context.Background(), sqlite.Config{Path: place, Now: now, Listeners: listeners})
		},
		bare: func(place string) (*sql.DB, error) {
			options := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}}
			return sql.Open("sqlite", "file:"+place+"?"+options.Encode())
		},
	},
}

func (d database) mustOpen(tb testing.TB, now func() time.Time, listeners store.Listeners) store.Store {
	tb.Helper()
	s, err := d.open(d.place(tb), now, listeners)
	require.NoError(tb, err, "because of %v", errors.Unwrap(err))
	return s
}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// subject is a service under test, with an app.
type subject struct {
	*kv.Service
	clock *clock
	app   string
}

// onEach runs a test on every kind of database.
func onEach(t *testing.T, test func(t *testing.T, s subject)) {
	for name, kind := range databases {
		t.Run(name, func(t *testing.T) {
			clock := &clock{now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
			opened := kind.mustOpen(t, clock.Now, nil)
			t.Cleanup(func() { require.NoError(t, opened.Close()) })
			app, err := opened.Apps().Create(t.Context(), store.App{Slug: "app"})
			require.NoError(t, err)
			test(t, subject{kv.New(kv.Config{Store: opened.KV(), Now: clock.Now}), clock, app.ID})
		})
	}
}
