package quota

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Rate is how often something may be done: on average so many times in a time, and so many at once. Zero
// Requests are no bound.
type Rate struct {
	Requests int64
	Per      time.Duration
	Burst    int64 // at least 1
}

// RateOf is a route's limit as a rate.
func RateOf(limit store.RateLimit) Rate {
	return Rate{Requests: limit.Requests, Per: time.Duration(limit.PerSeconds) * time.Second, Burst: cmp.Or(limit.Burst, limit.Requests)}
}

// A Key is whose requests are counted together: all to an app, all to one of its routes, or those to a route
// that a client sends.
type Key struct {
	app    string
	route  string   // "": of the app as a whole
	client [16]byte // zero: everybody's
}

// KeyOf counts all requests to an app together.
func KeyOf(appID string) Key { return Key{app: appID} }

// Route counts all requests to a route of the app together.
func (k Key) Route(id string) Key {
	k.route = id
	return k
}

// Address counts the requests of a client's address. Of IPv6 that is the network of 64 bits, since whoever
// has one of its addresses has all of them.
func (k Key) Address(address netip.Addr) Key {
	if address = address.Unmap(); address.Is6() {
		network, _ := address.Prefix(64) // which is never longer than the address
		address = network.Addr()
	}
	k.client = address.As16()
	return k
}

// Value counts the requests with the same value of something. The key has a digest of it.
func (k Key) Value(value string) Key {
	sum := sha256.Sum256([]byte(value))
	copy(k.client[:], sum[:])
	return k
}

// Anybody makes keys of clients, with many addresses or values of a header. What is forgotten of one begins
// anew: a client with as many addresses has as many times its limit anyway.
const (
	// clientsOfRoute is how many clients a limiter keeps in mind of a route, with about 120 bytes each.
	clientsOfRoute = 50_000
	// clientsKnown is how many it keeps in mind of all routes.
	clientsKnown = 200_000
	// forgottenAtOnce is how many are forgotten when there are more, so that it is seldom.
	forgottenAtOnce = clientsKnown / 100
)

// A Limiter bounds how often something is done, by key, with a token bucket: a bucket holds as many tokens
// as may be used at once, and gets new ones evenly. It keeps for each the time at which it will be full
// (GCRA, ITU-T I.371), so that nothing needs to be done while nobody asks. It is safe for concurrent use.
//
// The clients of a route make room for one another alone, the oldest first. Where there are too many of all
// routes, those of the app that has the most make room: an app that has less than its equal part of them
// loses none by what others do. What counts all requests to an app or a route is never forgotten before it is full
// again.
type Limiter struct {
	now func() time.Duration

	mu      sync.Mutex
	places  map[place]*counted
	sweepAt int            // how many places there are when those are looked for that are not needed
	clients map[string]int // that are kept in mind, by app
	all     int            // of all apps
}

// place is what requests are sent to.
type place struct{ app, route string }

// counted is what is known of the requests to a place.
type counted struct {
	full    int64                            // when everybody's bucket is full again, nanoseconds of now
	clients *simplelru.LRU[[16]byte, *int64] // when theirs are; nil: there are none
	last    int64                            // when all of them are
}

// NewLimiter makes a limiter.
func NewLimiter() *Limiter {
	start := time.Now()
	return &Limiter{
		now:    func() time.Duration { return time.Since(start) + time.Hour },
		places: map[place]*counted{}, sweepAt: placesKept, clients: map[string]int{},
	}
}

// Follow has the limiter go by a clock that shows years from 1970 to 2200, before it is first used.
func (l *Limiter) Follow(clock func() time.Time) {
	l.now = func() time.Duration { return time.Duration(clock().UnixNano()) + time.Hour }
}

// Forget has all buckets be full.
func (l *Limiter) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.places)
	clear(l.clients)
	l.all = 0
}

// placesKept is how many places are kept before it is looked which are not needed.
const placesKept = 1000

// State is how it stands with a rate after a request.
type State struct {
	Allowed   bool
	Remaining int64         // requests that would be allowed at once
	Reset     time.Duration // until the whole burst is allowed again
	Retry     time.Duration // until one more is allowed; 0: one is
}

// Take counts a request, if it is allowed.
func (l *Limiter) Take(key Key, rate Rate) State {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := int64(l.now())
	at, bucket := l.bucket(key, now)
	was := *bucket
	full := max(was, now) + rate.interval()
	if full-now > rate.capacity() {
		return rate.state(false, was-now)
	}
	*bucket, at.last = full, max(at.last, full)
	return rate.state(true, full-now)
}

// Look is Take without a request.
func (l *Limiter) Look(key Key, rate Rate) State {
	l.mu.Lock()
	defer l.mu.Unlock()
	var full int64
	if at, ok := l.places[place{key.app, key.route}]; ok && key.client == ([16]byte{}) {
		full = at.full
	} else if ok && at.clients != nil {
		if bucket, ok := at.clients.Peek(key.client); ok {
			full = *bucket
		}
	}
	return rate.state(true, full-int64(l.now()))
}

// bucket returns the bucket of a key and what is known of its place. l.mu is held.
func (l *Limiter) bucket(key Key, now int64) (*counted, *int64) {
	if l.all >= clientsKnown {
		l.makeRoom(now)
	}
	to := place{key.app, key.route}
	at, ok := l.places[to]
	if !ok {
		if len(l.places) >= l.sweepAt {
			l.sweep(now)
			l.sweepAt = max(placesKept, 2*len(l.places))
		}
		at = &counted{}
		l.places[to] = at
	}
	if key.client == ([16]byte{}) {
		return at, &at.full
	}
	if at.clients == nil {
		at.clients, _ = simplelru.NewLRU[[16]byte, *int64](clientsOfRoute, nil) // fails for a size below 1 only
	}
	bucket, ok := at.clients.Get(key.client)
	if !ok {
		bucket = new(int64)
		if evicted := at.clients.Add(key.client, bucket); !evicted {
			l.count(key.app, 1)
		}
	}
	return at, bucket
}

// count keeps the numbers of clients. l.mu is held.
func (l *Limiter) count(app string, more int) {
	l.all += more
	if l.clients[app] += more; l.clients[app] == 0 {
		delete(l.clients, app)
	}
}

// sweep forgets the places where all buckets are full, as those are that nobody has asked for. l.mu is held.
func (l *Limiter) sweep(now int64) {
	for to, at := range l.places {
		if at.last > now {
			continue
		}
		if at.clients != nil {
			l.count(to.app, -at.clients.Len())
		}
		delete(l.places, to)
	}
}

// makeRoom forgets clients of the apps that have the most. l.mu is held.
func (l *Limiter) makeRoom(now int64) {
	l.sweep(now)
	for l.all > clientsKnown-forgottenAtOnce {
		var most string
		for app, n := range l.clients {
			if n > l.clients[most] {
				most = app
			}
		}
		var of *counted
		for to, at := range l.places {
			if to.app == most && at.clients != nil && (of == nil || at.clients.Len() > of.clients.Len()) {
				of = at
			}
		}
		for range min(l.all-(clientsKnown-forgottenAtOnce), (of.clients.Len()+1)/2) {
			of.clients.RemoveOldest()
			l.count(most, -1)
		}
	}
}

// interval is how long a token takes to come, in nanoseconds: at least one.
func (r Rate) interval() int64 { return max(int64(r.Per)/r.Requests, 1) }

// capacity is how long an empty bucket takes to be full.
func (r Rate) capacity() int64 { return r.interval() * max(r.Burst, 1) }

// state is that of a bucket that is full in so many nanoseconds.
func (r Rate) state(allowed bool, full int64) State {
	full = max(full, 0)
	s := State{Allowed: allowed, Remaining: max(r.capacity()-full, 0) / r.interval(), Reset: time.Duration(full)}
	s.Retry = time.Duration(max(full+r.interval()-r.capacity(), 0))
	return s
}

// Bounds of a route's limit.
const (
	MaxRouteRequests   = 1_000_000
	MaxRoutePerSeconds = 86_400
	// MaxRouteRefill is how long it may take, in seconds, until a burst that was used up is whole again: 30 days.
	MaxRouteRefill = 30 * 86_400
)

// Whose requests a route's limit counts together.
const (
	ByAddress = "address" // a client's address; of IPv6 its network of 64 bits
	ByRoute   = "route"   // everybody's
	ByHeader  = "header:" // those with the same value of the header that follows, and those without it
)

// CheckRateLimit returns a route's limit as it is kept: nil for none, which is one of no requests. The error
// is [fault.Invalid], and names the field.
func CheckRateLimit(given *store.RateLimit) (*store.RateLimit, error) {
	if given == nil || given.Requests == 0 {
		return nil, nil
	}
	limit := *given
	limit.PerSeconds = cmp.Or(limit.PerSeconds, 1)
	for _, field := range []struct {
		name               string
		value, least, most int64
	}{
		{"requests", limit.Requests, 1, MaxRouteRequests},
		{"per_seconds", limit.PerSeconds, 1, MaxRoutePerSeconds},
		{"burst", limit.Burst, 0, MaxRouteRequests},
	} {
		if field.value < field.least || field.value > field.most {
			return nil, fault.Refuse("rate_limit."+field.name, "must be between %d and %d, got %d", field.least, field.most, field.value)
		}
	}
	if refill := limit.Burst * limit.PerSeconds / limit.Requests; refill > MaxRouteRefill {
		return nil, fault.Refuse("rate_limit.burst", "must come again within %d seconds, at %d requests in %d seconds it takes %d",
			MaxRouteRefill, limit.Requests, limit.PerSeconds, refill)
	}
	switch name, header := strings.CutPrefix(limit.By, ByHeader); {
	case limit.By == "":
		limit.By = ByAddress
	case limit.By == ByAddress, limit.By == ByRoute:
	case header && isHeader(name):
		limit.By = ByHeader + strings.ToLower(name)
	default:
		return nil, fault.Refuse("rate_limit.by", "must be address, route, or header: and the name of a header, got %.100q", limit.By)
	}
	return &limit, nil
}

// maxHeaderName is how long the name of a header may be that requests are counted by.
const maxHeaderName = 100

// isHeader reports whether a text is the name of a header (RFC 9110, section 5.6.2).
func isHeader(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= maxHeaderName
}

// Limited is the refusal of what a rate does not allow: [fault.RateLimited] with the time to wait.
func Limited(what string, rate Rate, retry time.Duration) error {
	return &fault.Error{
		Code: fault.RateLimited, Text: fmt.Sprintf("%s may be sent %d requests in %d s, and %d at once: try again later", what, rate.Requests, int64(rate.Per.Seconds()), rate.Burst),
		Limit: rate.Requests, RetryAfter: max(retry, time.Nanosecond),
	}
}
