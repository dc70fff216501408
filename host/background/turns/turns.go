// Package turns has those who want the same thing take turns, in an order that is fair to apps.
package turns

import (
	"context"
	"sync"
)

// A Queue gives places to apps that wait for one. Of the apps that wait the one comes next that has
// the fewest, and of these the one that was served least recently.
type Queue struct {
	mu    sync.Mutex
	free  int
	most  int // places of one app
	apps  map[string]*waiters
	turns int // given so far
}

// waiters are those of one app.
type waiters struct {
	places int
	served int             // when, by turns
	line   []chan struct{} // each is closed when its turn has come
}

// New makes a queue of so many places, of which one app has some at most.
func New(places, most int) *Queue {
	return &Queue{free: places, most: most, apps: map[string]*waiters{}}
}

// Waiting returns how many of an app wait.
func (q *Queue) Waiting(app string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.apps[app]; w != nil {
		return len(w.line)
	}
	return 0
}

// Enter waits for a place, which leave gives back. The error is the context's.
func (q *Queue) Enter(ctx context.Context, app string) (leave func(), err error) {
	q.mu.Lock()
	w := q.apps[app]
	if w == nil {
		w = new(waiters)
		q.apps[app] = w
	}
	if q.free > 0 && w.places < q.most { // then nobody waits who could have it
		q.give(w)
		q.mu.Unlock()
		return (&place{queue: q, app: app, of: w}).leave, nil
	}
	turn := make(chan struct{})
	w.line = append(w.line, turn)
	q.mu.Unlock()
	select {
	case <-turn:
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		select {
		case <-turn: // it came at the same time
		default:
			w.line = without(w.line, turn)
			q.forget(app)
			return nil, ctx.Err()
		}
	}
	return (&place{queue: q, app: app, of: w}).leave, nil
}

// place is one that an app has.
type place struct {
	queue *Queue
	app   string
	of    *waiters
	left  bool
}

// leave gives it back, once.
func (p *place) leave() {
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	p.of.places--
	q.free++
	q.forget(p.app)
	q.next()
}

// give gives an app a free place.
func (q *Queue) give(w *waiters) {
	q.free--
	q.turns++
	w.places++
	w.served = q.turns
}

// next gives free places to those whose turn it is.
func (q *Queue) next() {
	for q.free > 0 {
		var first *waiters
		for _, w := range q.apps {
			if len(w.line) > 0 && w.places < q.most && (first == nil || w.before(first)) {
				first = w
			}
		}
		if first == nil {
			return
		}
		q.give(first)
		close(first.line[0])
		first.line = first.line[1:]
	}
}

func (w *waiters) before(other *waiters) bool {
	if w.places != other.places {
		return w.places < other.places
	}
	return w.served < other.served
}

// forget drops an app that neither has a place nor waits.
func (q *Queue) forget(app string) {
	if w := q.apps[app]; w != nil && w.places == 0 && len(w.line) == 0 {
		delete(q.apps, app)
	}
}

func without(line []chan struct{}, turn chan struct{}) []chan struct{} {
	for i, t := range line {
		if t == turn {
			return append(line[:i:i], line[i+1:]...)
		}
	}
	return line
}
