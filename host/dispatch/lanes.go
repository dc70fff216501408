package dispatch

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/picloud/picloud/host/events"
)

const (
	// othersPause is how long a lane is left alone whose places other nodes have; longer each time, up to pollEvery.
	othersPause = 5 * time.Millisecond
	// maxGather is how long, at most, a turn waits for deliveries that have just begun.
	maxGather = 2 * time.Millisecond
)

// lanes are the lanes that may have something to deliver, now or later. To ask who is next costs by what is
// given out, and not by how many lanes there are: those with something are at hand, by app, and the others
// come back by word of them, by their time, or not at all.
type lanes struct {
	known  map[string]*lane
	apps   map[string]*app // that have a known lane
	ring   []*app          // with a lane at hand, whose turn is first is first
	timers timers          // of lanes that wait for a time
	served uint64          // places given out so far
}

// lane is what is known here of a lane that may have something to deliver.
type lane struct {
	name string
	of   events.Lane
	app  *app

	ready   bool          // something may be due
	since   time.Time     // nothing is due before, by the database's clock; zero: not known
	leased  time.Time     // no lease ends before, by the database's clock; zero: not known
	next    time.Time     // when something is due that is not yet, by this clock; zero: not known
	word    time.Time     // when the last event was due that there is word of, by this clock
	batch   time.Time     // when a batch that is not full has waited long enough, by this clock; zero: none waits
	after   time.Time     // it is left alone until then
	held    time.Time     // its events are refused until then
	full    time.Duration // how long it is left alone because other nodes have its places; 0: they have not
	running int           // deliveries here

	served  uint64    // when it was given a place the last time, of all that are given
	places  int       // it is given, while places are given out
	atHand  int       // its index in app.ready; -1: it is not there
	waiting int       // its index in timers; -1: it is not there
	wake    time.Time // when it waits: until then
}

// app is an app that has lanes.
type app struct {
	name    string
	lanes   int
	ready   atHand
	running int       // deliveries here
	places  int       // it is given, while places are given out
	inRing  bool      // its turn comes
	held    time.Time // all its events are refused until then
}

func newLanes() lanes { return lanes{known: map[string]*lane{}, apps: map[string]*app{}} }

// get returns a lane, which is known from then on.
func (s *lanes) get(name string) *lane {
	if l := s.known[name]; l != nil {
		return l
	}
	l := &lane{name: name, of: events.ReadLane(name), atHand: -1, waiting: -1}
	if l.app = s.apps[l.of.AppID]; l.app == nil {
		l.app = &app{name: l.of.AppID}
		s.apps[l.of.AppID] = l.app
	}
	l.app.lanes++
	s.known[name] = l
	return l
}

// forget removes a lane that has nothing, and nothing under way.
func (s *lanes) forget(l *lane) {
	delete(s.known, l.name)
	if l.atHand >= 0 {
		heap.Remove(&l.app.ready, l.atHand)
	}
	if l.waiting >= 0 {
		heap.Remove(&s.timers, l.waiting)
	}
	if l.app.lanes--; l.app.lanes == 0 {
		delete(s.apps, l.app.name)
	}
}

// place puts a lane where it belongs, after something about it has changed.
func (s *lanes) place(l *lane, now time.Time) {
	if !l.next.IsZero() && !l.next.After(now) {
		l.ready, l.word, l.next = true, lastOf(l.word, l.next), time.Time{}
	}
	if !l.batch.IsZero() && !l.batch.After(now) {
		l.ready, l.batch = true, time.Time{}
	}
	wake := l.next
	if wake.IsZero() || !l.batch.IsZero() && l.batch.Before(wake) {
		wake = l.batch
	}
	if l.ready {
		wake = time.Time{}
		if until := lastOf(l.after, l.held, l.app.held); until.After(now) {
			wake = until
		}
	}
	switch {
	case wake.IsZero():
		if l.waiting >= 0 {
			heap.Remove(&s.timers, l.waiting)
		}
	case l.waiting < 0:
		l.wake = wake
		heap.Push(&s.timers, l)
	default:
		l.wake = wake
		heap.Fix(&s.timers, l.waiting)
	}
	switch at := l.ready && wake.IsZero(); {
	case at && l.atHand < 0:
		heap.Push(&l.app.ready, l)
	case at:
		heap.Fix(&l.app.ready, l.atHand)
	case l.atHand >= 0:
		heap.Remove(&l.app.ready, l.atHand)
	}
	s.queue(l.app)
}

// lastOf returns the last of some times.
func lastOf(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// queue has an app's turn come, if a lane of it is at hand.
func (s *lanes) queue(a *app) {
	if !a.inRing && len(a.ready) > 0 {
		a.inRing = true
		s.ring = append(s.ring, a)
	}
}

// awake has the lanes at hand whose time has come. It returns when that of the next one comes; zero: none waits.
func (s *lanes) awake(now time.Time) time.Time {
	for len(s.timers) > 0 && !s.timers[0].wake.After(now) {
		s.place(s.timers[0], now)
	}
	if len(s.timers) == 0 {
		return time.Time{}
	}
	return s.timers[0].wake
}

// begins and ends tell of a delivery of a lane.
func (s *lanes) begins(l *lane, now time.Time) {
	l.running++
	l.app.running++
	s.place(l, now)
}

func (s *lanes) ends(l *lane, now time.Time) {
	l.running--
	l.app.running--
	if l.full > 0 { // there is a place of it again
		l.full, l.after = 0, time.Time{}
	}
	s.place(l, now)
}

// share is a lane's part of the free places.
type share struct {
	lane *lane
	policy
	places int
}

// giveOut gives free places to lanes, one after the other to the apps, of which each may have perApp (0: all),
// and in an app to the lane that has least under way. A lane that gets one is not ready any more. policyOf returns
// how a lane is delivered; false: it waits for a change.
func (s *lanes) giveOut(free, perApp int, policyOf func(*lane) (policy, bool), now time.Time) (got []*share) {
	shares := map[*lane]*share{}
	for free > 0 && len(s.ring) > 0 {
		a := s.ring[0]
		s.ring = s.ring[1:]
		var given *lane
		if perApp <= 0 || a.running+a.places < perApp {
			given = s.giveOne(a, shares, policyOf, now)
		}
		if given == nil { // until a delivery ends, or one of its lanes has something
			a.inRing = false
			continue
		}
		s.ring = append(s.ring, a)
		free--
		if s := shares[given]; s.places == 1 {
			got = append(got, s)
		}
	}
	for _, sh := range got {
		l := sh.lane
		l.ready, l.places, l.app.places = false, 0, 0
		s.place(l, now)
	}
	return got
}

// giveOne gives a place to a lane of an app; nil: none can have one.
func (s *lanes) giveOne(a *app, shares map[*lane]*share, policyOf func(*lane) (policy, bool), now time.Time) *lane {
	for len(a.ready) > 0 {
		l := a.ready[0]
		if a.held.After(now) { // since it was placed
			s.place(l, now)
			continue
		}
		of := shares[l]
		if of == nil {
			policy, open := policyOf(l)
			if !open {
				l.ready = false
				s.place(l, now)
				continue
			}
			of = &share{lane: l, policy: policy}
			shares[l] = of
		}
		if l.running+of.places >= of.concurrency { // it is placed again when one ends
			heap.Pop(&a.ready)
			continue
		}
		of.places++
		l.places++
		a.places++
		s.served++
		l.served = s.served
		heap.Fix(&a.ready, 0)
		return l
	}
	return nil
}

// atHand are the ready lanes of an app. The first has least under way, and of several it is the one that has
// been given nothing for the longest. It is a [heap.Interface].
type atHand []*lane

func (h atHand) Len() int { return len(h) }
func (h atHand) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.running+a.places, b.running+b.places), cmp.Compare(a.served, b.served), cmp.Compare(a.name, b.name)) < 0
}
func (h atHand) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].atHand, h[j].atHand = i, j }
func (h *atHand) Push(l any)   { l.(*lane).atHand = len(*h); *h = append(*h, l.(*lane)) }
func (h *atHand) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h, last.atHand = (*h)[:len(*h)-1], -1
	return last
}

// timers are lanes that wait for a time; the first is the earliest. It is a [heap.Interface].
type timers []*lane

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].wake.Before(h[j].wake) }
func (h timers) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].waiting, h[j].waiting = i, j }
func (h *timers) Push(l any)        { l.(*lane).waiting = len(*h); *h = append(*h, l.(*lane)) }
func (h *timers) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h, last.waiting = (*h)[:len(*h)-1], -1
	return last
}
