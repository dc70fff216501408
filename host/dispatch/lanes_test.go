package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// has makes lanes ready.
func (s *lanes) has(now time.Time, names ...string) {
	for _, name := range names {
		l := s.get(name)
		l.ready = true
		s.place(l, now)
	}
}

// upTo is a policy for all lanes.
func upTo(concurrency int) func(*lane) (policy, bool) {
	return func(*lane) (policy, bool) { return policy{concurrency: concurrency}, true }
}

// placesOf is what lanes are given, by name.
func placesOf(shares []*share) map[string]int {
	places := map[string]int{}
	for _, s := range shares {
		places[s.lane.name] = s.places
	}
	return places
}

func TestPlacesAreGivenOut(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name         string
		running      map[string]int
		ready        []string
		free, perApp int
		concurrency  int
		want         map[string]int
	}{
		{"nobody has anything", nil, nil, 8, 0, 4, map[string]int{}},
		{"no places", nil, []string{"a/t/1"}, 0, 0, 4, map[string]int{}},
		{"no more than the lane may", nil, []string{"a/t/1"}, 8, 0, 3, map[string]int{"a/t/1": 3}},
		{"what runs counts", map[string]int{"a/t/1": 2}, []string{"a/t/1"}, 8, 0, 3, map[string]int{"a/t/1": 1}},
		{"the lane has all it may", map[string]int{"a/t/1": 3}, []string{"a/t/1", "a/t/2"}, 8, 0, 3, map[string]int{"a/t/2": 3}},
		{"apps take turns, however many lanes", nil, []string{"a/t/1", "a/t/2", "a/t/3", "b/t/1"}, 4, 0, 4,
			map[string]int{"a/t/1": 1, "a/t/2": 1, "b/t/1": 2}},
		{"who has least is first", map[string]int{"a/t/1": 2}, []string{"a/t/1", "a/t/2"}, 3, 0, 4,
			map[string]int{"a/t/1": 1, "a/t/2": 2}},
		{"an app has its share", map[string]int{"a/t/1": 1}, []string{"a/t/1", "a/t/2", "b/t/1"}, 8, 3, 4,
			map[string]int{"a/t/1": 1, "a/t/2": 1, "b/t/1": 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newLanes()
			for name, n := range c.running {
				for range n {
					s.begins(s.get(name), now)
				}
			}
			s.has(now, c.ready...)
			assert.Equal(t, c.want, placesOf(s.giveOut(c.free, c.perApp, upTo(c.concurrency), now)))
		})
	}
}

// Where there are more lanes than places each has its turn, also when all are done with at once.
func TestLanesTakeTurns(t *testing.T) {
	now := time.Now()
	s := newLanes()
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("a/t/%d", i))
	}
	s.has(now, names...)
	times := map[string]int{}
	for range 5 {
		for _, got := range s.giveOut(4, 0, upTo(4), now) {
			times[got.lane.name] += got.places
			s.has(now, got.lane.name)
		}
	}
	for _, name := range names {
		assert.Equal(t, 2, times[name], name)
	}
}

// However many lanes there are, only those are asked about that are given a place.
func TestOnlyWhoIsNextIsAskedAbout(t *testing.T) {
	now := time.Now()
	s := newLanes()
	const many, places = 10_000, 8
	for i := range many {
		name := fmt.Sprintf("%d/t/%d", i%100, i)
		s.get(name + " later").next = now.Add(time.Hour)
		s.place(s.get(name+" later"), now)
		s.has(now, name+" ready")
	}
	full := s.get("0/t/full")
	for range 4 {
		s.begins(full, now)
	}
	s.has(now, full.name)
	asked := map[*lane]int{}
	policyOf := func(l *lane) (policy, bool) { asked[l]++; return policy{concurrency: 4}, true }
	for range 10 {
		clear(asked)
		require.Len(t, s.giveOut(places, 0, policyOf, now), places)
		require.Len(t, asked, places)
		require.Equal(t, now.Add(time.Hour), s.awake(now))
	}
}

// A lane comes back when its time has come, when one of its deliveries ends, or by word of it; one that waits
// for a change does not.
func TestLanesComeBack(t *testing.T) {
	now := time.Now()
	s := newLanes()
	s.has(now, "a/t/1")
	require.Equal(t, map[string]int{"a/t/1": 2}, placesOf(s.giveOut(2, 0, upTo(2), now)))
	l := s.get("a/t/1")
	s.begins(l, now)
	s.begins(l, now)
	s.has(now, "a/t/1")
	assert.Empty(t, s.giveOut(2, 0, upTo(2), now), "as many run as may")
	s.ends(l, now)
	assert.Equal(t, map[string]int{"a/t/1": 1}, placesOf(s.giveOut(2, 0, upTo(2), now)))
	s.ends(l, now)

	l.next = now.Add(time.Hour)
	s.place(l, now)
	assert.Equal(t, now.Add(time.Hour), s.awake(now))
	assert.Empty(t, s.giveOut(2, 0, upTo(2), now), "its time is still to come")
	later := now.Add(time.Hour)
	assert.Zero(t, s.awake(later))
	assert.Len(t, s.giveOut(2, 0, upTo(2), later), 1)

	l.after = later.Add(time.Minute)
	s.has(later, l.name)
	assert.Empty(t, s.giveOut(2, 0, upTo(2), later), "it is left alone")
	assert.Equal(t, l.after, s.awake(later))
	s.awake(l.after)
	closed := func(*lane) (policy, bool) { return policy{}, false }
	assert.Empty(t, s.giveOut(2, 0, closed, l.after))
	assert.Empty(t, s.giveOut(2, 0, upTo(2), l.after), "it waits for a change")
	s.has(l.after, l.name)
	assert.Len(t, s.giveOut(2, 0, upTo(2), l.after), 1)

	s.forget(l)
	assert.Empty(t, s.known)
	assert.Empty(t, s.apps)
	assert.Empty(t, s.timers)
}

// BenchmarkTurnAmongLanes has one lane of many be given a place again and again. The others wait for their
// time, have all that may run, or have something but no turn.
func BenchmarkTurnAmongLanes(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		for _, how := range []string{"later", "full", "ready"} {
			b.Run(fmt.Sprintf("%s/%d", how, others), func(b *testing.B) {
				now := time.Now()
				s := newLanes()
				for i := range others {
					l := s.get(fmt.Sprintf("a/t/%d", i))
					switch l.ready = true; how {
					case "later":
						l.ready, l.next = false, now.Add(time.Hour)
					case "full":
						l.running = 4
					}
					s.place(l, now)
				}
				name := "b/t/1"
				for b.Loop() {
					s.has(now, name)
					s.awake(now)
					for _, got := range s.giveOut(2, 0, upTo(4), now) {
						s.begins(got.lane, now)
						s.ends(got.lane, now)
						if got.lane.name != name {
							s.has(now, got.lane.name)
						}
					}
				}
			})
		}
	}
}
