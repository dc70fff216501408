package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events/subscriber"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/realtime"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// node is a server as far as these tests go.
type node struct {
	*realtime.Hub
	db  store.Store
	app string
}

// onEach runs a test on both databases, on one node and on two nodes.
func onEach(t *testing.T, test func(t *testing.T, nodes []*node)) {
	run := func(t *testing.T, n int, open func() (store.Store, error)) {
		var nodes []*node
		var app store.App
		for range n {
			db, err := open()
			require.NoError(t, err)
			if app.ID == "" {
				app, err = db.Apps().Create(t.Context(), store.App{Slug: "a"})
				require.NoError(t, err)
				_, err = db.Topics().Set(t.Context(), store.Topic{AppID: app.ID, Name: "news", Access: store.AccessPublic})
				require.NoError(t, err)
			}
			hub := realtime.New(realtime.Config{Store: db, MaxSubscribers: 3, Log: slog.New(slog.DiscardHandler)})
			hub.Start()
			t.Cleanup(func() {
				require.NoError(t, hub.Stop(context.Background()))
				require.NoError(t, db.Close())
			})
			nodes = append(nodes, &node{hub, db, app.ID})
		}
		test(t, nodes)
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), sqlite.FileName)
		run(t, 1, func() (store.Store, error) { return sqlite.Open(t.Context(), sqlite.Config{Path: path}) })
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		run(t, 2, func() (store.Store, error) { return postgres.Open(t.Context(), postgres.Config{URL: url}) })
	})
}

// publish keeps a message in a transaction, or in one of its own, and returns its id.
func (n *node) publish(t *testing.T, tx store.Store, text string) (id string) {
	t.Helper()
	id = uuid.Must(uuid.NewV7()).String()
	kept, err := tx.Published().Add(t.Context(), store.Published{ID: id, AppID: n.app, Topic: "news", Message: json.RawMessage(fmt.Sprintf("%q", text))})
	require.NoError(t, err)
	require.True(t, kept)
	tx.AfterCommit(n.Published)
	return id
}

func (n *node) subscribe(t *testing.T, lastID string) *realtime.Subscription {
	t.Helper()
	s, err := n.Subscribe(t.Context(), realtime.Request{AppID: n.app, Topic: "news", LastID: lastID})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// next expects messages, in order.
func next(t *testing.T, s *realtime.Subscription, texts ...string) {
	t.Helper()
	for _, text := range texts {
		event, err := s.Next()
		require.NoError(t, err)
		_, data, _ := strings.Cut(string(event), "\nevent: message\n")
		require.Equal(t, fmt.Sprintf("data: %q\n\n", text), data)
	}
}

func TestTellsSubscribersOfAllNodes(t *testing.T) {
	onEach(t, func(t *testing.T, nodes []*node) {
		one := nodes[0]
		one.publish(t, one.db, "before") // which nobody has asked for
		var streams []*realtime.Subscription
		for _, n := range nodes {
			streams = append(streams, n.subscribe(t, ""))
		}
		undone := errors.New("undone")
		require.ErrorIs(t, one.db.Outbox().Atomically(t.Context(), func(tx store.Store) error {
			one.publish(t, tx, "never")
			return undone
		}), undone)
		var last string
		for i := range 100 { // more than a page, and than a subscriber may have waiting
			text := fmt.Sprint(i)
			last = nodes[i%len(nodes)].publish(t, nodes[i%len(nodes)].db, text)
			for _, s := range streams {
				next(t, s, text)
			}
		}

		// Who comes back is sent the rest, at whatever node.
		first := one.publish(t, one.db, "a")
		one.publish(t, one.db, "b")
		for _, n := range nodes {
			back := n.subscribe(t, last)
			next(t, back, "a", "b")
			after := n.subscribe(t, first)
			next(t, after, "b")
			one.publish(t, one.db, "c")
			next(t, back, "c")
			next(t, after, "c")
			require.NoError(t, back.Close())
			require.NoError(t, after.Close())
		}
		for _, s := range streams {
			next(t, s, "a", "b", "c")
		}
	})
}

// Who comes back is sent all that was missed, in order, whatever fits into what is kept of it at once.
func TestLongMessagesAreSentAgain(t *testing.T) {
	onEach(t, func(t *testing.T, nodes []*node) {
		n := nodes[0]
		last := n.publish(t, n.db, "the last one it has")
		var missed []string
		for i := range 80 {
			missed = append(missed, fmt.Sprint(i, strings.Repeat("x", []int{1, 200_000, 100, 60_000, 60_000, 1000}[i/4%6])))
			n.publish(t, n.db, missed[i])
		}
		next(t, n.subscribe(t, last), missed...)
	})
}

func TestLateCommits(t *testing.T) {
	onEach(t, func(t *testing.T, nodes []*node) {
		if len(nodes) == 1 {
			t.Skip("one transaction at a time writes")
		}
		one, two := nodes[0], nodes[1]
		live := one.subscribe(t, "")
		var early string
		require.NoError(t, one.db.Outbox().Atomically(t.Context(), func(tx store.Store) error {
			one.publish(t, tx, "late")
			early = two.publish(t, two.db, "early")
			next(t, live, "early")
			return nil
		}))
		next(t, live, "late")
		next(t, two.subscribe(t, early), "late") // though its id is the lower one
	})
}

func TestEnds(t *testing.T) {
	onEach(t, func(t *testing.T, nodes []*node) {
		n := nodes[0]
		ended := func(s *realtime.Subscription, want error) {
			t.Helper()
			_, err := s.Next()
			if want == nil {
				require.Error(t, err)
				require.NotEqual(t, io.EOF, err)
				return
			}
			require.Equal(t, want, err)
		}
		changed, kept := n.subscribe(t, ""), n.subscribe(t, "")
		n.Changed(n.app, "other")
		n.Changed("other", "")
		n.publish(t, n.db, "x")
		next(t, changed, "x")
		next(t, kept, "x")
		for _, change := range [][2]string{{n.app, "news"}, {n.app, ""}, {"", ""}} {
			n.Changed(change[0], change[1])
			ended(changed, io.EOF)
			require.NoError(t, changed.Close())
			changed = n.subscribe(t, "")
		}
		require.NoError(t, kept.Close())
		ended(kept, io.EOF)

		// A subscriber who does not take what comes is cut off; another one is not.
		fast := n.subscribe(t, "")
		for i := range 70 {
			n.publish(t, n.db, fmt.Sprint(i))
			next(t, fast, fmt.Sprint(i))
		}
		ended(changed, nil)
		n.publish(t, n.db, "on")
		next(t, fast, "on")

		// So many and no more.
		n.subscribe(t, "")
		_, err := n.Subscribe(t.Context(), realtime.Request{AppID: n.app, Topic: "news"})
		require.Equal(t, fault.Unavailable, fault.Of(err))
		require.Equal(t, int64(3), fault.From(err).Limit)
		require.NoError(t, changed.Close())
		require.NoError(t, changed.Close(), "again")
		n.subscribe(t, "")
	})
}

func TestTokens(t *testing.T) {
	onEach(t, func(t *testing.T, nodes []*node) {
		one, other := nodes[0], nodes[len(nodes)-1]
		_, err := one.db.Topics().Set(t.Context(), store.Topic{AppID: one.app, Name: "closed", Access: store.AccessToken})
		require.NoError(t, err)
		token, end, err := subscriber.New(one.db.Topics()).Make(t.Context(), one.app, "closed", subscriber.MaxTTL)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(subscriber.MaxTTL), end, time.Minute)
		s, err := other.Subscribe(t.Context(), realtime.Request{AppID: one.app, Topic: "closed", Token: token})
		require.NoError(t, err, "the nodes have one key")
		require.NoError(t, s.Close())
		tokens := subscriber.New(one.db.Topics())
		for _, ttl := range []time.Duration{0, -time.Hour, subscriber.MaxTTL + time.Millisecond} {
			_, _, err = tokens.Make(t.Context(), one.app, "closed", ttl)
			require.Equal(t, "ttl_ms", fault.From(err).Field)
		}
		_, _, err = tokens.Make(t.Context(), one.app, "internal", time.Hour)
		require.Equal(t, fault.NotFound, fault.Of(err))
	})
}
