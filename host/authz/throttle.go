package authz

import (
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// throttle limits failed logins: each (username, address) has a bucket of attempts that refills
// slowly, and so has each address for all usernames. A user's known devices have a bucket of their
// own, wherever they are, which nobody else can empty. Buckets are kept for the most recent, so
// memory is bounded.
type throttle struct {
	mu      sync.Mutex
	buckets *lru.Cache[who, bucket]
	now     func() time.Time
}

// from is where a login comes from: an address, or a device that is known.
type from struct {
	address string
	device  bool
}

// who a bucket is for: a user from somewhere, or an address for all users.
type who struct {
	username string
	from
	all bool
}

func userFrom(username string, source from) who {
	return who{username: strings.ToLower(username), from: source}
}

func anyFrom(source from) who { return who{from: source, all: true} }

type bucket struct {
	tokens float64
	at     time.Time
}

// How many attempts a bucket holds, and how long one takes to come back.
const (
	loginBurst    = 10
	loginRefill   = 6 * time.Second
	addressBurst  = 100
	addressRefill = 600 * time.Millisecond
	throttleSize  = 10_000
)

func newThrottle(now func() time.Time) *throttle {
	buckets, err := lru.New[who, bucket](throttleSize)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &throttle{buckets: buckets, now: now}
}

// attempt takes one attempt, or tells how long to wait for the next.
func (t *throttle) attempt(username string, source from) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := []who{userFrom(username, source)}
	wait = t.level(keys[0], loginBurst, loginRefill)
	if !source.device {
		keys = append(keys, anyFrom(source))
		wait = max(wait, t.level(keys[1], addressBurst, addressRefill))
	}
	if wait > 0 {
		return wait
	}
	for _, key := range keys {
		b, _ := t.buckets.Peek(key)
		b.tokens--
		t.buckets.Add(key, b)
	}
	return 0
}

// level refills a bucket and returns how long it takes until it holds a token.
func (t *throttle) level(key who, burst float64, refill time.Duration) time.Duration {
	now := t.now()
	b, ok := t.buckets.Get(key)
	if !ok {
		b = bucket{tokens: burst, at: now}
	}
	b.tokens = min(burst, b.tokens+float64(now.Sub(b.at))/float64(refill))
	b.at = now
	t.buckets.Add(key, b)
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - b.tokens) * float64(refill))
}

// succeeded forgets the failures of a user from somewhere.
func (t *throttle) succeeded(username string, source from) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buckets.Remove(userFrom(username, source))
	if b, ok := t.buckets.Peek(anyFrom(source)); ok {
		b.tokens++
		t.buckets.Add(anyFrom(source), b)
	}
}
