package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testTopics(t *testing.T, s subject) {
	app, other := s.app(t, "a"), s.app(t, "b")
	set, err := s.Topics().Set(s.ctx, store.Topic{AppID: app.ID, Name: "news", Access: store.AccessPublic})
	require.NoError(t, err)
	require.Equal(t, store.Topic{AppID: app.ID, Name: "news", Access: store.AccessPublic, CreatedAt: kept(start)}, set)
	s.clock.advance(time.Hour)
	set, err = s.Topics().Set(s.ctx, store.Topic{AppID: app.ID, Name: "news", Access: store.AccessToken})
	require.NoError(t, err)
	require.Equal(t, store.AccessToken, set.Access)
	require.Equal(t, kept(start), set.CreatedAt, "it is the same topic")
	got, err := s.Topics().Get(s.ctx, app.ID, "news")
	require.NoError(t, err)
	require.Equal(t, set, got)
	_, err = s.Topics().Get(s.ctx, other.ID, "news")
	notFound(t, err, "topic")
	_, err = s.Topics().Set(s.ctx, store.Topic{AppID: "none", Name: "news", Access: store.AccessToken})
	notFound(t, err, "app")
	_, err = s.Topics().Set(s.ctx, store.Topic{AppID: app.ID, Name: "a\x00b", Access: store.AccessToken})
	require.Equal(t, "topic", fault.From(err).Field)

	generation, err := s.Revisions().Generation(s.ctx)
	require.NoError(t, err)
	_, err = s.Topics().Set(s.ctx, store.Topic{AppID: app.ID, Name: "Zoo", Access: store.AccessPublic})
	require.NoError(t, err)
	revisions, _, err := s.Revisions().After(s.ctx, generation)
	require.NoError(t, err)
	require.Equal(t, []store.Revision{{Generation: generation + 1, Resource: store.ResourceTopic, AppID: app.ID, ID: "Zoo"}}, revisions)

	page, err := s.Topics().List(s.ctx, app.ID, store.PageRequest{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "Zoo", page.Items[0].Name)
	page, err = s.Topics().List(s.ctx, app.ID, store.PageRequest{Limit: 1, Cursor: page.Next})
	require.NoError(t, err)
	require.Equal(t, []store.Topic{set}, page.Items)
	require.Empty(t, page.Next)

	require.NoError(t, s.Topics().Delete(s.ctx, app.ID, "news"))
	notFound(t, s.Topics().Delete(s.ctx, app.ID, "news"), "topic")
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	_, err = s.Topics().Get(s.ctx, app.ID, "Zoo")
	notFound(t, err, "topic")

	key, err := s.Topics().Key(s.ctx)
	require.NoError(t, err)
	require.Len(t, key, 32)
	again, err := s.Topics().Key(s.ctx)
	require.NoError(t, err)
	require.Equal(t, key, again)
}

// publisher publishes to a store.
type publisher struct {
	subject
	app string
}

// publish keeps a message in a transaction and returns its id.
func (p publisher) publish(t *testing.T, tx store.Store, topic, text string) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	kept, err := tx.Published().Add(p.ctx, store.Published{ID: id, AppID: p.app, Topic: topic, Message: json.RawMessage(fmt.Sprintf("%q", text))})
	require.NoError(t, err)
	require.True(t, kept)
	return id
}

func (p publisher) now(t *testing.T) store.Position {
	t.Helper()
	position, err := p.Published().Now(p.ctx)
	require.NoError(t, err)
	return position
}

func (p publisher) between(t *testing.T, query store.PublishedQuery) (texts []string) {
	t.Helper()
	if query.Limit == 0 {
		query.Limit = 100
	}
	found, err := p.Published().Between(p.ctx, query)
	require.NoError(t, err)
	for _, m := range found {
		var text string
		require.NoError(t, json.Unmarshal(m.Message, &text))
		texts = append(texts, text)
	}
	return texts
}

func testPublished(t *testing.T, s subject) {
	p := publisher{s, s.app(t, "a").ID}
	empty := p.now(t)
	kept, err := s.Published().Add(s.ctx, store.Published{ID: "i", AppID: p.app, Topic: "internal", Message: json.RawMessage(`1`)})
	require.NoError(t, err)
	require.False(t, kept)
	for _, topic := range []string{"news", "chat"} {
		_, err := s.Topics().Set(s.ctx, store.Topic{AppID: p.app, Name: topic, Access: store.AccessPublic})
		require.NoError(t, err)
	}
	first := p.publish(t, s, "news", "one")
	afterOne := p.now(t)
	p.publish(t, s, "chat", "two")
	p.publish(t, s, "news", "three")
	undone := errors.New("undone")
	require.ErrorIs(t, s.Outbox().Atomically(s.ctx, func(tx store.Store) error {
		p.publish(t, tx, "news", "never")
		return undone
	}), undone)
	end := p.now(t)

	require.Equal(t, []string{"one", "two", "three"}, p.between(t, store.PublishedQuery{To: end}))
	require.Equal(t, []string{"one", "two", "three"}, p.between(t, store.PublishedQuery{From: empty, To: end}))
	require.Equal(t, []string{"one"}, p.between(t, store.PublishedQuery{From: empty, To: afterOne}))
	require.Equal(t, []string{"two", "three"}, p.between(t, store.PublishedQuery{From: afterOne, To: end}))
	require.Empty(t, p.between(t, store.PublishedQuery{From: end, To: end}))
	require.Equal(t, []string{"one", "three"}, p.between(t, store.PublishedQuery{To: end, AppID: p.app, Topic: "news"}))
	of, err := s.Published().PositionOf(s.ctx, p.app, "news", first)
	require.NoError(t, err)
	require.Equal(t, []string{"three"}, p.between(t, store.PublishedQuery{From: of, To: end, AppID: p.app, Topic: "news"}), "without the message itself")
	_, err = s.Published().PositionOf(s.ctx, p.app, "chat", first)
	notFound(t, err, "message")

	page, err := s.Published().Between(s.ctx, store.PublishedQuery{To: end, Limit: 2})
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Equal(t, []string{"three"}, p.between(t, store.PublishedQuery{To: end, After: page[1].Seq}))
	_, err = s.Published().Between(s.ctx, store.PublishedQuery{To: end})
	require.Equal(t, "limit", fault.From(err).Field)

	// In a transaction, one that has written before and others that end meanwhile too.
	var within []string
	require.NoError(t, s.Outbox().Atomically(s.ctx, func(tx store.Store) error {
		within = nil
		for _, text := range []string{"in 1", "in 2", "in 3"} {
			within = append(within, p.publish(t, tx, "chat", text))
			if s.Published().Shared() {
				p.publish(t, s, "news", "meanwhile "+text)
			}
		}
		return nil
	}))
	of, err = s.Published().PositionOf(s.ctx, p.app, "chat", within[1])
	require.NoError(t, err)
	require.Equal(t, []string{"in 3"}, p.between(t, store.PublishedQuery{From: of, To: p.now(t), AppID: p.app, Topic: "chat"}))

	// What is old is forgotten, and numbers are not given again.
	before := p.now(t)
	n, err := s.Published().DeleteOlder(s.ctx, time.Hour, 100)
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.Published().DeleteOlder(s.ctx, -time.Second, 1)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = s.Published().DeleteOlder(s.ctx, -time.Second, 100)
	require.NoError(t, err)
	require.Empty(t, p.between(t, store.PublishedQuery{To: p.now(t)}))
	p.publish(t, s, "news", "new")
	require.Equal(t, []string{"new"}, p.between(t, store.PublishedQuery{From: before, To: p.now(t)}))

	// A topic's messages go after it, in pieces, and at once when it comes again.
	remove := func(limit, want int) {
		t.Helper()
		removed, err := s.Deletions().Remove(s.ctx, limit)
		require.NoError(t, err)
		require.Equal(t, want, removed.Rows)
	}
	p.publish(t, s, "news", "newer")
	remove(2, 0)
	require.NoError(t, s.Topics().Delete(s.ctx, p.app, "news"))
	notFound(t, s.Topics().Delete(s.ctx, p.app, "news"), "topic")
	_, err = s.Topics().Get(s.ctx, p.app, "news")
	notFound(t, err, "topic")
	topics, err := s.Topics().List(s.ctx, p.app, store.PageRequest{})
	require.NoError(t, err)
	require.NotContains(t, project(topics.Items, func(topic store.Topic) string { return topic.Name }), "news")
	kept, err = s.Published().Add(s.ctx, store.Published{ID: "late", AppID: p.app, Topic: "news", Message: json.RawMessage(`1`)})
	require.NoError(t, err)
	require.False(t, kept)
	remove(1, 1)
	require.Equal(t, []string{"newer"}, p.between(t, store.PublishedQuery{To: p.now(t)}))
	_, err = s.Topics().Set(s.ctx, store.Topic{AppID: p.app, Name: "news", Access: store.AccessToken})
	require.NoError(t, err)
	require.Empty(t, p.between(t, store.PublishedQuery{To: p.now(t)}))
	p.publish(t, s, "news", "newest")
	p.publish(t, s, "chat", "of another topic")
	remove(10, 0)
	require.NoError(t, s.Topics().Delete(s.ctx, p.app, "news"))
	remove(10, 2)
	require.Equal(t, []string{"of another topic"}, p.between(t, store.PublishedQuery{To: p.now(t)}))
}

// testLateCommits has transactions overlap, where a database lets them.
func testLateCommits(t *testing.T, s subject) {
	if !s.Published().Shared() {
		t.Skip("one transaction at a time writes")
	}
	p := publisher{s, s.app(t, "a").ID}
	_, err := s.Topics().Set(s.ctx, store.Topic{AppID: p.app, Name: "news", Access: store.AccessPublic})
	require.NoError(t, err)
	begin := p.now(t)
	var middle store.Position
	var early string
	require.NoError(t, s.Outbox().Atomically(s.ctx, func(tx store.Store) error {
		p.publish(t, tx, "news", "late")
		early = p.publish(t, s, "news", "early")
		middle = p.now(t)
		return nil
	}))
	end := p.now(t)
	require.Equal(t, []string{"early"}, p.between(t, store.PublishedQuery{From: begin, To: middle}))
	require.Equal(t, []string{"late"}, p.between(t, store.PublishedQuery{From: middle, To: end}), "though it has the lower number")
	of, err := s.Published().PositionOf(s.ctx, p.app, "news", early)
	require.NoError(t, err)
	require.Equal(t, []string{"late"}, p.between(t, store.PublishedQuery{From: of, To: end, AppID: p.app, Topic: "news"}), "who has the early one lacks it")
}

func testPublishedListening(t *testing.T, fresh func(testing.TB) Opener) {
	open := fresh(t)
	var nodes [2]store.Store
	for i := range nodes {
		nodes[i] = open.mustOpen(t, time.Now)
		t.Cleanup(func() { require.NoError(t, nodes[i].Close()) })
	}
	require.NoError(t, nodes[0].Published().Announce(t.Context()))
	if !nodes[0].Published().Shared() {
		require.ErrorIs(t, nodes[0].Published().Listen(t.Context(), func() {}), errors.ErrUnsupported)
		return
	}
	listening, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	woken, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- nodes[0].Published().Listen(listening, func() { woken <- struct{}{} }) }()
	<-woken // it listens
	require.NoError(t, nodes[1].Published().Announce(t.Context()))
	<-woken
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}
