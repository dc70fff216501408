package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// record is the record of a database of its own.
type record struct {
	*audit.Service
	db  store.Store
	now time.Time
}

func newRecord(t *testing.T, show func(any) any, retention time.Duration) *record {
	t.Helper()
	r := &record{now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return r.now }
	database := eachtest.New(t)
	database.Now = clock
	db, err := database.Open(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	r.db = db
	r.Service = audit.New(audit.Config{Store: db, Show: show, Retention: retention, Log: slog.New(slog.DiscardHandler), Now: clock})
	return r
}

// entries are those of the record, the newest first.
func (r *record) entries(t *testing.T) (all []store.AuditEntry) {
	t.Helper()
	for entry, err := range r.All(context.Background(), store.AuditQuery{}) {
		require.NoError(t, err)
		all = append(all, entry)
	}
	return all
}

// What is shown of a row is recorded: of a change what differs, and of too much what is small.
func TestShown(t *testing.T) {
	long := strings.Repeat("x", audit.MaxShownBytes)
	show := func(row any) any {
		switch app := row.(store.App); app.Name {
		case "secret":
			return nil
		case "broken":
			return func() {} // which JSON does not have
		case "long":
			return map[string]string{"slug": app.Slug, "text": long, "more": long}
		default:
			return map[string]string{"id": "same", "slug": app.Slug, "name": app.Name}
		}
	}
	r := newRecord(t, show, 0)
	for _, c := range []struct {
		from, to      string // names; "" for none
		before, after string
		truncated     bool
	}{
		{"", "a", "", `{"id":"same","name":"a","slug":"s"}`, false},
		{"a", "b", `{"name":"a"}`, `{"name":"b"}`, false},
		{"a", "a", `{}`, `{}`, false},
		{"a", "", `{"id":"same","name":"a","slug":"s"}`, "", false},
		{"", "secret", "", "", false},
		{"a", "secret", `{"id":"same","name":"a","slug":"s"}`, "", false},
		{"", "broken", "", "", false},
		{"", "long", "", `{"slug":"s"}`, true},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			ctx := r.System(t.Context(), "test")
			var app store.App
			var err error
			if c.from != "" {
				app, err = r.db.Apps().Create(t.Context(), store.App{Slug: "s", Name: c.from})
				require.NoError(t, err)
			}
			switch {
			case c.from == "":
				app, err = r.db.Apps().Create(ctx, store.App{Slug: "s", Name: c.to})
			case c.to == "":
				err = r.db.Apps().Delete(ctx, app.ID)
			default:
				_, err = r.db.Apps().Update(ctx, app.ID, store.AppChange{Name: &c.to})
			}
			require.NoError(t, err)
			got := r.entries(t)[0]
			assert.Equal(t, store.AuditEntry{
				ID: got.ID, At: got.At, Actor: store.ActorSystem, Action: "test", Outcome: store.OutcomeDone, Kind: "app", Object: app.ID, AppID: app.ID,
				Before: raw(c.before), After: raw(c.after), Truncated: c.truncated, Count: 1,
			}, got)
			if c.to != "" {
				require.NoError(t, r.db.Apps().Delete(t.Context(), app.ID))
			}
			r.now = r.now.Add(time.Second)
		})
	}
}

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// An operation that only reads may cause changes, which are not its deed.
func TestReading(t *testing.T) {
	r := newRecord(t, nil, 0)
	ctx := r.BeginReading(t.Context(), store.AuditEntry{Actor: store.ActorUser, UserID: "u", Action: "run-script"})
	_, err := r.db.Apps().Create(ctx, store.App{Slug: "made"})
	require.NoError(t, err)
	require.Empty(t, r.entries(t))
	r.Refused(ctx, store.OutcomeRefused, strings.Repeat("é", 1000))
	got := r.entries(t)
	require.Len(t, got, 1)
	assert.Equal(t, "run-script", got[0].Action)
	assert.Equal(t, strings.Repeat("é", 250), got[0].Reason, "cut at 500 bytes")
}

// A flood of refusals adds few entries, and none is lost from the numbers.
func TestFlood(t *testing.T) {
	r := newRecord(t, nil, 0)
	refuse := func(user, address, action string, outcome store.AuditOutcome) {
		r.Refused(r.Begin(t.Context(), store.AuditEntry{Actor: store.ActorUser, UserID: user, Address: address, Action: action}), outcome, "no")
	}
	for i := range 1000 {
		refuse("ada", "192.0.2.1", "login", store.OutcomeFailed)
		refuse("", fmt.Sprintf("198.51.100.%d", i%250), "login", store.OutcomeFailed)
	}
	refuse("bob", "192.0.2.2", "delete-app", store.OutcomeRefused)
	count := func() (entries, refusals int) {
		for _, entry := range r.entries(t) {
			entries, refusals = entries+1, refusals+entry.Count
		}
		return entries, refusals
	}
	entries, refusals := count()
	assert.Equal(t, 6, entries, "the first of five kinds, and the other outcome's: one flood hides no other")
	assert.Equal(t, 6, refusals)
	require.NoError(t, r.Flush(t.Context()))
	entries, refusals = count()
	assert.Equal(t, 6+5+1, entries)
	assert.Equal(t, 2001, refusals)
	var others []store.AuditEntry
	for _, entry := range r.entries(t) {
		if entry.Actor == store.ActorUnknown {
			others = append(others, entry)
		}
	}
	require.Len(t, others, 1)
	assert.Equal(t, "login", others[0].Action)
	assert.Equal(t, store.OutcomeFailed, others[0].Outcome)
	assert.Equal(t, 984, others[0].Count, "of the addresses but four")

	require.NoError(t, r.Flush(t.Context()))
	_, refusals = count()
	assert.Equal(t, 2001, refusals, "nothing is counted twice")
	refuse("ada", "192.0.2.1", "login", store.OutcomeFailed)
	_, refusals = count()
	assert.Equal(t, 2002, refusals, "a new minute begins")
}

// Refusals to whoever has no token that counts are told apart for an hour, hide nothing of others, and tell nothing
// that was made up.
func TestFloodOfStrangers(t *testing.T) {
	r := newRecord(t, nil, 0)
	refuse := func(actor store.AuditActor, address, object string) {
		ctx, hungUp := context.WithCancel(t.Context())
		hungUp()
		r.Refused(r.Begin(ctx, store.AuditEntry{Actor: actor, Address: address, Action: "update-app", Object: object}), store.OutcomeRefused, "no")
	}
	script := uuid.NewString()
	for i := range 10_000 {
		refuse(store.ActorUnknown, fmt.Sprint(i), map[bool]string{true: script, false: "made up"}[i == 0])
	}
	refuse(store.ActorUser, "192.0.2.1", "a thing")
	entries := r.entries(t)
	require.Len(t, entries, 5+1)
	assert.Equal(t, store.ActorUser, entries[0].Actor)
	assert.Equal(t, "a thing", entries[0].Object)
	var objects []string
	for _, entry := range entries[1:] {
		objects = append(objects, entry.Object)
	}
	assert.ElementsMatch(t, []string{script, "", "", "", ""}, objects)

	for range audit.UnknownFlushes - 1 {
		require.NoError(t, r.FlushDue(t.Context()))
		refuse(store.ActorUnknown, "more", "")
	}
	require.Len(t, r.entries(t), 5+1, "it is not due")
	require.NoError(t, r.FlushDue(t.Context()))
	entries = r.entries(t)
	require.Len(t, entries, 5+1+1)
	assert.Equal(t, 10_000-5+audit.UnknownFlushes-1, entries[0].Count)
	refuse(store.ActorUnknown, "1", "")
	require.Len(t, r.entries(t), 8, "a new hour begins")
	refuse(store.ActorUnknown, "1", "")
	require.NoError(t, r.Flush(t.Context()))
	require.Len(t, r.entries(t), 9, "at the end all is written")
}

// Of many changes of data the first are entries of their own, and the others are one.
func TestBursts(t *testing.T) {
	r := newRecord(t, nil, 0)
	app, err := r.db.Apps().Create(t.Context(), store.App{Slug: "shop"})
	require.NoError(t, err)
	set := func(user, key string) {
		t.Helper()
		ctx := r.BeginData(t.Context(), store.AuditEntry{Actor: store.ActorUser, UserID: user, Action: "set-kv"})
		_, err := r.db.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: key, Value: json.RawMessage(`1`)}, false)
		require.NoError(t, err)
	}
	for i := range audit.Singly + 100 {
		set("ada", fmt.Sprint("k", i))
		if i%10 == 0 {
			set("bob", "same")
		}
	}
	require.Len(t, r.entries(t), audit.Singly+15)
	for range audit.Singly {
		set("bob", "same")
	}
	require.Len(t, r.entries(t), 2*audit.Singly)
	require.NoError(t, r.FlushDue(t.Context()))
	entries := r.entries(t)
	require.Len(t, entries, 2*audit.Singly+2)
	counts := map[string]store.AuditEntry{}
	for _, entry := range entries[:2] {
		counts[entry.UserID] = entry
	}
	assert.Equal(t, []any{100, "c/", "kv", app.ID, store.OutcomeDone}, []any{counts["ada"].Count, counts["ada"].Object, counts["ada"].Kind, counts["ada"].AppID, counts["ada"].Outcome})
	assert.Equal(t, []any{15, "c/same"}, []any{counts["bob"].Count, counts["bob"].Object})
	require.NoError(t, r.Flush(t.Context()))
	require.Len(t, r.entries(t), 2*audit.Singly+2, "nothing is counted twice")
	set("ada", "k")
	require.Len(t, r.entries(t), 2*audit.Singly+3, "a new minute begins")
}

// A change may still be under way when what was counted before it is written.
func TestBurstBesideAFlush(t *testing.T) {
	counted := audit.CountBesideAFlush(store.AuditEntry{Action: "set-kv", Object: "things/a"})
	require.Len(t, counted, 1)
	assert.Equal(t, "things/a", counted[0].Object)
	assert.EqualValues(t, 1, counted[0].Count)
}

func TestCommon(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"c/k", "c/k", "c/k"}, {"c/k1", "c/k2", "c/"}, {"c/k", "d/k", ""}, {"c/", "c/k", "c/"}, {"a", "ab", ""}, {"", "c/k", ""}, {"a/b/1", "a/b/2", "a/b/"}, {"orders/1", "orders2/1", ""},
	} {
		assert.Equal(t, c.want, audit.Common(c.a, c.b), "%q and %q", c.a, c.b)
		assert.Equal(t, c.want, audit.Common(c.b, c.a), "%q and %q", c.b, c.a)
	}
}

// What could not be written is written by the next flush.
func TestFlushAgain(t *testing.T) {
	r := newRecord(t, nil, 0)
	for range 3 {
		r.Refused(r.Begin(t.Context(), store.AuditEntry{Action: "login"}), store.OutcomeFailed, "no")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, errors.Unwrap(r.Flush(ended)), context.Canceled)
	require.Len(t, r.entries(t), 1)
	require.NoError(t, r.Flush(t.Context()))
	got := r.entries(t)
	require.Len(t, got, 2)
	assert.Equal(t, 3, got[0].Count+got[1].Count)
}

// Retention removes what is older, and 0 removes nothing.
func TestRetention(t *testing.T) {
	for _, c := range []struct {
		retention time.Duration
		kept      int
	}{{time.Hour, 60}, {24 * time.Hour, 2000}} {
		r := newRecord(t, nil, c.retention)
		for range 2000 {
			_, err := r.db.Apps().Create(r.System(t.Context(), "test"), store.App{Slug: fmt.Sprint(r.now.Unix())})
			require.NoError(t, err)
			r.now = r.now.Add(30 * time.Second)
		}
		r.now = r.now.Add(30 * time.Minute) // the newest is 30 minutes and 30 seconds old
		n, err := r.Sweep(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2000-c.kept, n)
		assert.Equal(t, c.kept, len(r.entries(t)))
	}
}

// What goes on beside requests writes the numbers every minute.
func TestBackground(t *testing.T) {
	db := &counting{}
	synctest.Test(t, func(t *testing.T) {
		s := audit.New(audit.Config{Store: db, Retention: time.Hour, Log: slog.New(slog.DiscardHandler)})
		work := s.Background()
		work.Start()
		synctest.Wait()
		for range 3 {
			s.Refused(t.Context(), store.OutcomeFailed, "no")
		}
		added, _ := db.counts()
		assert.Equal(t, []int{1}, added)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		added, _ = db.counts()
		assert.Equal(t, []int{1, 2}, added)
		time.Sleep(time.Hour)
		synctest.Wait()
		_, swept := db.counts()
		assert.GreaterOrEqual(t, swept, 2, "at the start and after an hour")
		require.NoError(t, work.Stop(t.Context()))
	})
}

// counting is a store that counts what is asked of the record.
type counting struct {
	store.Store
	mu    sync.Mutex
	added []int // counts of entries
	swept int
}

func (c *counting) counts() (added []int, swept int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.added), c.swept
}

func (c *counting) Audit() store.Audit { return (*countingAudit)(c) }

type countingAudit counting

func (c *countingAudit) Add(_ context.Context, entry store.AuditEntry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.added = append(c.added, entry.Count)
	return nil
}

func (c *countingAudit) List(context.Context, store.AuditQuery) (store.Page[store.AuditEntry], error) {
	return store.Page[store.AuditEntry]{}, nil
}

func (c *countingAudit) DeleteBefore(context.Context, time.Time, int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swept++
	return 0, nil
}
