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
//
// Users who are known have buckets apart, so that nobody can drive them out who does not know as many
// passwords.
type throttle struct {
	mu      sync.Mutex
	buckets *lru.Cache[who, bucket]
	proofs  *lru.Cache[known, bucket]
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

// proof is what a user who is known gives beside a login's password.
type proof uint8

const (
	codes     proof = iota // of the second factor
	passwords              // again, to change what a session alone may not
)

// known is a user who has given the right password, or uses a session, and what else the user gives.
type known struct {
	userID string
	by     proof
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

	// Of a user who is known. A guesser of codes, who knows the password, finds one in a day with a
	// chance of 1 in 700: 480 guesses, three codes of a million that fit.
	proofBurst  = 10
	proofRefill = 3 * time.Minute
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{buckets: newBuckets[who](), proofs: newBuckets[known](), now: now}
}

func newBuckets[K comparable]() *lru.Cache[K, bucket] {
	buckets, err := lru.New[K, bucket](throttleSize)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return buckets
}

// attempt takes one attempt, or tells how long to wait for the next.
func (t *throttle) attempt(username string, source from) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := []who{userFrom(username, source)}
	now := t.now()
	wait = level(t.buckets, keys[0], now, loginBurst, loginRefill)
	if !source.device {
		keys = append(keys, anyFrom(source))
		wait = max(wait, level(t.buckets, keys[1], now, addressBurst, addressRefill))
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
	key := known{userID, by}
	if wait = level(t.proofs, key, t.now(), proofBurst, proofRefill); wait > 0 {
		return wait
	}
	b, _ := t.proofs.Peek(key)
	b.tokens--
	t.proofs.Add(key, b)
	return 0
}

// succeededOf forgets the failures of a user who is known.
func (t *throttle) succeededOf(userID string, by proof) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.proofs.Remove(known{userID, by})
}

// level refills a bucket and returns how long it takes until it holds a token.
func level[K comparable](buckets *lru.Cache[K, bucket], key K, now time.Time, burst float64, refill time.Duration) time.Duration {
	b, ok := buckets.Get(key)
	if !ok {
		b = bucket{tokens: burst, at: now}
	}
	b.tokens = min(burst, b.tokens+float64(now.Sub(b.at))/float64(refill))
	b.at = now
	buckets.Add(key, b)
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
