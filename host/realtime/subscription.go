package realtime

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/picloud/picloud/host/store"
)

const (
	buffered  = 64               // events that wait for a subscriber
	heartbeat = 15 * time.Second // between two things that a subscriber is sent
	readLimit = 10 * time.Second // for a page of what is sent again
	replayed  = 16               // messages of such a page
	pageBytes = 64 << 10         // that are kept of it, or its first message: many may read it slowly
)

// beat is a comment, which says that the connection is alive.
var beat = []byte(":\n\n")

// Why a subscription ended, for the metrics. Not all is worth an error: [io.EOF] ends a stream in order.
const (
	reasonClient  = "client" // it has gone
	reasonSlow    = "slow"
	reasonChanged = "changed" // the topic
	reasonExpired = "expired" // the token
	reasonLost    = "lost"    // the database failed
	reasonStop    = "stop"
)

var (
	errSlow = errors.New("the subscriber takes messages too slowly")
	errLost = errors.New("messages could not be read")
)

// Subscription is a stream of server-sent events: first those that the subscriber has missed, then each as
// it comes, and a comment when there was none for 15 seconds. One goroutine may call Next.
type Subscription struct {
	hub    *Hub
	key    key
	start  store.Position // it is told of what comes after
	until  time.Time      // zero: for ever
	timer  *time.Timer    // nil before the first wait
	events chan *event

	replay *replay // nil: nothing is missed (any more)

	once  sync.Once
	ended chan struct{}
	err   error // when ended
}

// event is what is sent, to many.
type event struct{ text []byte }

// replay is what a subscriber has missed, and is sent again.
type replay struct {
	lastID string // the message that it has
	from   store.Position
	after  int64 // of the page before
	limit  int   // messages of the next page; 0: as many as there may be
	page   []store.Published
}

func newSubscription(h *Hub, k key, start store.Position) *Subscription {
	return &Subscription{hub: h, key: k, start: start, events: make(chan *event, buffered), ended: make(chan struct{})}
}

// offer has an event sent. Who has not taken the ones before is cut off. The hub's lock is held.
func (s *Subscription) offer(e *event) {
	select {
	case s.events <- e:
	default:
		s.end(reasonSlow, errSlow)
	}
}

// end has Next return an error.
func (s *Subscription) end(reason string, err error) {
	s.once.Do(func() {
		s.err = err
		s.hub.metrics.ended.WithLabelValues(reason).Inc()
		close(s.ended)
	})
}

// Gone must be called when the subscriber is known to have gone.
func (s *Subscription) Gone() { s.end(reasonClient, io.EOF) }

// Close ends the subscription.
func (s *Subscription) Close() error {
	s.Gone()
	s.hub.leave(s)
	return nil
}

// Next waits for what is to be sent next: an event, or a comment. It returns [io.EOF] when the stream ends in
// order: the subscriber has gone, the server stops, the topic has changed or the token has expired. What
// it returns belongs to others, too.
func (s *Subscription) Next() ([]byte, error) {
	select {
	case <-s.ended: // whatever else there is
		return nil, s.err
	default:
	}
	if event, err := s.missed(); event != nil || err != nil {
		return event, err
	}
	wait := heartbeat
	if !s.until.IsZero() {
		wait = min(wait, time.Until(s.until))
	}
	if s.timer == nil {
		s.timer = time.NewTimer(wait)
	} else {
		s.timer.Reset(wait)
	}
	select {
	case event := <-s.events:
		return event.text, nil
	case <-s.ended:
		return nil, s.err
	case <-s.timer.C:
	}
	if !s.until.IsZero() && !time.Now().Before(s.until) {
		s.end(reasonExpired, io.EOF)
		return nil, io.EOF
	}
	return beat, nil
}

// missed returns the next event that the subscriber has missed, nil when there are none any more.
func (s *Subscription) missed() ([]byte, error) {
	for s.replay != nil {
		r := s.replay
		if len(r.page) == 0 {
			if err := s.turnPage(r); err != nil {
				s.hub.log.Error("what a subscriber has missed cannot be read", "app_id", s.key.appID, "error", err)
				s.end(reasonLost, errLost)
				return nil, errLost
			}
			if len(r.page) == 0 {
				s.replay = nil
				break
			}
		}
		m := r.page[0]
		r.page[0] = store.Published{} // which is large
		r.page = r.page[1:]
		if m.ID != r.lastID {
			return frame(m), nil
		}
	}
	return nil, nil
}

// turnPage reads more of what was missed. What is too much to be kept is read again.
func (s *Subscription) turnPage(r *replay) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readLimit)
	defer cancel()
	r.page, err = s.hub.store.Published().Between(ctx, store.PublishedQuery{
		From: r.from, To: s.start, AppID: s.key.appID, Topic: s.key.topic, After: r.after, Limit: cmp.Or(r.limit, replayed),
	})
	if err != nil || len(r.page) == 0 {
		return err
	}
	r.page = slices.Clone(r.page[:fitting(r.page)]) // or the others would be kept, too
	r.after, r.limit = r.page[len(r.page)-1].Seq, min(2*len(r.page), replayed)
	return nil
}

// fitting returns how many messages of a page are kept: one at least.
func fitting(page []store.Published) (n int) {
	for bytes := 0; n < len(page); n++ {
		if bytes += len(page[n].Message); bytes > pageBytes && n > 0 {
			break
		}
	}
	return n
}
