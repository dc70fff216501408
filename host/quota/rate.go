package quota

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

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

// A Key is whose requests are counted together.
type Key struct {
	of     string // the app's or the route's id
	client [16]byte
}

// KeyOf counts all requests of an app or a route together.
func KeyOf(id string) Key { return Key{of: id} }

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

// keysKnown is how many keys a limiter keeps in mind, with about 200 bytes each. One that is forgotten
// begins anew: a client with as many addresses has as many times its limit anyway.
const keysKnown = 100_000

// A Limiter bounds how often something is done, by key, with a token bucket: a bucket holds as many tokens
// as may be used at once, and gets new ones evenly. It keeps for each the time at which it will be full
// (GCRA, ITU-T I.371), so that a request costs one atomic exchange. It is safe for concurrent use.
type Limiter struct {
	buckets *lru.Cache[Key, *atomic.Int64] // when each is full again, nanoseconds of now
	now     func() time.Duration
}

// NewLimiter makes a limiter.
func NewLimiter() *Limiter {
	buckets, _ := lru.New[Key, *atomic.Int64](keysKnown) // fails for a size below 1 only
	start := time.Now()
	return &Limiter{buckets: buckets, now: func() time.Duration { return time.Since(start) + time.Hour }}
}

// State is how it stands with a rate after a request.
type State struct {
	Allowed   bool
	Remaining int64         // requests that would be allowed at once
	Reset     time.Duration // until the whole burst is allowed again
	Retry     time.Duration // until one more is allowed; 0: one is
}

// Take counts a request, if it is allowed.
func (l *Limiter) Take(key Key, rate Rate) State {
	bucket, ok := l.buckets.Get(key)
	if !ok {
		bucket = new(atomic.Int64)
		if other, there, _ := l.buckets.PeekOrAdd(key, bucket); there {
			bucket = other
		}
	}
	now := int64(l.now())
	for {
		was := bucket.Load()
		full := max(was, now) + rate.interval()
		if full-now > rate.capacity() {
			return rate.state(false, was-now)
		}
		if bucket.CompareAndSwap(was, full) {
			return rate.state(true, full-now)
		}
	}
}

// Look is Take without a request.
func (l *Limiter) Look(key Key, rate Rate) State {
	bucket, ok := l.buckets.Peek(key)
	if !ok {
		return rate.state(true, 0)
	}
	return rate.state(true, bucket.Load()-int64(l.now()))
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
