// Package realtime tells subscribers from outside at once what is published to topics that are registered
// for that. What they are sent are server-sent events.
//
// A message of such a topic is kept for an hour, in the transaction that publishes it. From there each
// node reads it: a [Hub] has a position (see [store.Position]) up to which it has told its subscribers of
// everything, reads what has been committed since when it hears of something, and moves on. That is so for
// the node that has published, too. A subscriber joins at the position of the hub, and who comes back with
// the id of the last message it has is first sent what was committed between that and there. So nobody
// misses a message, however late its transaction commits, and who stays gets none twice.
//
// Who takes messages more slowly than they come is cut off, and may come back.
package realtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events/subscriber"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds.
const (
	kept = time.Hour // how long messages can be asked for again

	pageSize  = 64 // messages that are read at once
	pollEvery = time.Second
	sweep     = time.Minute
)

// Config is what a [Hub] is made of.
type Config struct {
	Store          store.Store
	MaxSubscribers int // of an app, on this node
	Log            *slog.Logger
	Registerer     prometheus.Registerer // nil: no metrics
}

// Hub has the subscribers of a node. Its Start and Stop are those of a [background.Service]; Stop ends all
// subscriptions at once. It is safe for concurrent use.
type Hub struct {
	background.Group
	store    store.Store
	log      *slog.Logger
	most     int
	metrics  metrics
	tokens   *subscriber.Tokens
	reader   *background.Task
	announce *background.Task

	// turn holds one value while nobody moves or uses the position: what has been committed up to it was
	// told. It is "" while nobody subscribes.
	turn     chan struct{}
	position store.Position

	mu     sync.Mutex
	topics map[key]map[*Subscription]struct{}
	apps   map[string]int // subscriptions
	closed bool
	empty  chan struct{} // closed when the hub is, and has no subscriptions any more
}

// key is what a subscription is to.
type key struct{ appID, topic string }

// New makes a hub without subscribers.
func New(c Config) *Hub {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	h := &Hub{
		store: c.Store, log: c.Log, most: c.MaxSubscribers, metrics: newMetrics(c.Registerer), tokens: subscriber.New(c.Store.Topics()), turn: make(chan struct{}, 1),
		topics: map[key]map[*Subscription]struct{}{}, apps: map[string]int{},
		empty: make(chan struct{}),
	}
	h.turn <- struct{}{}
	task := func(name string, every time.Duration, run func(context.Context) error) *background.Task {
		return background.NewTask(background.TaskConfig{Name: name, Every: every, MaxPause: max(every, time.Second), Log: c.Log, Run: run})
	}
	published := c.Store.Published()
	h.reader = task("tell subscribers of messages", pollEvery, h.read)
	h.Group = background.Group{h.reader, background.NewSweep("old", "messages", sweep, c.Log, func(ctx context.Context) (int, error) {
		return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
			return published.DeleteOlder(ctx, kept, limit)
		})
	})}
	if published.Shared() {
		h.announce = task("tell other nodes of messages", time.Hour, published.Announce)
		h.Group = append(h.Group, h.announce, task("listen for messages of other nodes", pollEvery, func(ctx context.Context) error {
			return published.Listen(ctx, h.reader.Wake)
		}))
	}
	return h
}

// Published must be called after messages were committed in this process.
func (h *Hub) Published() {
	h.reader.Wake()
	if h.announce != nil {
		h.announce.Wake()
	}
}

// Changed must be called when a topic has changed, or is gone: its subscriptions end, and who still may
// comes back. A topic of "" is all of the app's, an app of "" is all.
func (h *Hub) Changed(appID, topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, all := range h.topics {
		if appID != "" && k.appID != appID || topic != "" && k.topic != topic {
			continue
		}
		for s := range all {
			s.end(reasonChanged, io.EOF)
		}
	}
}

// Stop ends all subscriptions and the work of the hub, and returns when they are closed.
func (h *Hub) Stop(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		h.lookEmpty()
	}
	h.mu.Unlock()
	h.endAll(reasonStop, io.EOF)
	err := h.Group.Stop(ctx)
	select {
	case <-h.empty:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("subscriptions did not end in time: %w", ctx.Err()))
	}
	return err
}

// lookEmpty tells who stops the hub that there are no subscriptions. The lock is held.
func (h *Hub) lookEmpty() {
	if h.closed && len(h.topics) == 0 {
		close(h.empty)
	}
}

func (h *Hub) endAll(reason string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, all := range h.topics {
		for s := range all {
			s.end(reason, err)
		}
	}
}

// Request asks for a subscription.
type Request struct {
	AppID  string
	Topic  string
	Token  string // "": none
	LastID string // of the last message that the subscriber has; "": it wants what comes from now on
}

// Subscribe begins to collect the messages of a topic, which the caller must read and close. The error is
// [fault.NotFound] of a topic that is not registered, [fault.Unauthorized], [fault.Invalid] of
// "last_event_id", or [fault.Unavailable].
func (h *Hub) Subscribe(ctx context.Context, r Request) (*Subscription, error) {
	if r.LastID != "" {
		if _, err := uuid.Parse(r.LastID); err != nil {
			return nil, fault.Refuse("last_event_id", "must be the id of a message, got %.80q", r.LastID)
		}
	}
	s, err := h.join(ctx, r)
	if err != nil {
		return nil, err
	}
	// A topic that changes from now on ends the subscription.
	if err := h.admit(ctx, s, r); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// join makes a subscription at the hub's position.
func (h *Hub) join(ctx context.Context, r Request) (*Subscription, error) {
	select {
	case <-h.turn:
		defer func() { h.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, store.Failed("subscribe", ctx.Err())
	}
	if h.position == "" {
		now, err := h.store.Published().Now(ctx)
		if err != nil {
			return nil, err
		}
		h.position = now
	}
	s := newSubscription(h, key{r.AppID, r.Topic}, h.position)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, fault.New(fault.Unavailable, "the server is stopping")
	case h.apps[r.AppID] >= h.most:
		return nil, &fault.Error{
			Code: fault.Unavailable, Text: "the app has as many subscribers as it may", Limit: int64(h.most), RetryAfter: 10 * time.Second,
		}
	}
	if h.topics[s.key] == nil {
		h.topics[s.key] = map[*Subscription]struct{}{}
	}
	h.topics[s.key][s] = struct{}{}
	h.apps[r.AppID]++
	h.metrics.subscribers.Inc()
	return s, nil
}

// leave takes a subscription out, once.
func (h *Hub) leave(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.topics[s.key][s]; !there {
		return
	}
	delete(h.topics[s.key], s)
	if len(h.topics[s.key]) == 0 {
		delete(h.topics, s.key)
	}
	if h.apps[s.key.appID]--; h.apps[s.key.appID] == 0 {
		delete(h.apps, s.key.appID)
	}
	h.lookEmpty()
	h.metrics.subscribers.Dec()
}

// admit looks whether a subscription may be, and where it begins.
func (h *Hub) admit(ctx context.Context, s *Subscription, r Request) error {
	topic, err := h.store.Topics().Get(ctx, r.AppID, r.Topic)
	if err != nil {
		return err
	}
	if topic.Access != store.AccessPublic {
		if s.until, err = h.tokens.Check(ctx, topic, r.Token); err != nil {
			return err
		}
	}
	if r.LastID == "" {
		return nil
	}
	from, err := h.store.Published().PositionOf(ctx, r.AppID, r.Topic, r.LastID)
	s.replay = &replay{lastID: r.LastID, from: from}
	if fault.Of(err) == fault.NotFound { // it is older than what is kept, which is all after it
		return nil
	}
	return err
}

// read tells the subscribers of what has been committed since the last time.
func (h *Hub) read(ctx context.Context) error {
	select {
	case <-h.turn:
		defer func() { h.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	h.mu.Lock()
	idle := len(h.topics) == 0
	h.mu.Unlock()
	if idle {
		h.position = ""
		return nil
	}
	to, err := h.store.Published().Now(ctx)
	if err != nil || to == h.position {
		return err
	}
	query := store.PublishedQuery{From: h.position, To: to, Limit: pageSize}
	for {
		page, err := h.store.Published().Between(ctx, query)
		if err != nil {
			if query.After > 0 { // some of it was told, and would be again
				h.endAll(reasonLost, errLost)
			}
			return err
		}
		h.tell(page)
		if len(page) < pageSize {
			break
		}
		query.After = page[len(page)-1].Seq
	}
	h.position = to
	return nil
}

// tell hands messages to those who subscribe to their topics.
func (h *Hub) tell(page []store.Published) {
	for _, message := range page {
		h.mu.Lock()
		if all := h.topics[key{message.AppID, message.Topic}]; len(all) > 0 {
			e := &event{frame(message)}
			for s := range all {
				s.offer(e)
			}
		}
		h.mu.Unlock()
	}
}

// frame is a message as a server-sent event (HTML Standard, section 9.2).
func frame(m store.Published) []byte {
	text := make([]byte, 0, len(m.Message)+80)
	text = append(append(text, "id: "...), m.ID...)
	text = append(append(text, "\nevent: message\ndata: "...), m.Message...)
	return append(text, '\n', '\n')
}
