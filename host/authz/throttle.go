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

// who a bucket is for: a user from somewhere, an address for all users, or a user who is known.
type who struct {
	username string // of a user who is known the id
	from
	all bool
	by  proof
}

// proof is what a user who is known gives beside a login's password.
type proof uint8

const (
	login     proof = iota
	codes           // of the second factor
	passwords       // again, to change what a session alone may not
)

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

	// Of a user who is known. A guesser of codes, who knows the password, finds one in a day with a
	// chance of 1 in 700: 480 guesses, three codes of a million that fit.
	proofBurst  = 10
	proofRefill = 3 * time.Minute
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

// attemptOf takes one attempt of a user who is known, wherever it comes from, or tells how long to wait
// for the next.
func (t *throttle) attemptOf(userID string, by proof) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := who{username: userID, by: by}
	if wait = t.level(key, proofBurst, proofRefill); wait > 0 {
		return wait
	}
	b, _ := t.buckets.Peek(key)
	b.tokens--
	t.buckets.Add(key, b)
	return 0
}

// succeededOf forgets the failures of a user who is known.
func (t *throttle) succeededOf(userID string, by proof) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buckets.Remove(who{username: userID, by: by})
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
