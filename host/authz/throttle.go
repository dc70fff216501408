package authz

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// throttle limits guesses: of passwords, and of what a user who is known gives beside one. Each kind of
// guess has buckets of attempts that refill slowly, and a guess needs an attempt of each bucket that it
// falls under. Buckets are kept for the most recent, so memory is bounded.
//
// A botnet guesses from as many addresses as it likes, so that a user has one bucket for all of them
// together. That it is empty keeps nobody out who has logged in from the same address before, or whose
// device is known: these have buckets of their own, which no stranger can empty.
//
// Buckets of users are apart from those that anybody makes by naming a user or coming from an address, so
// that a flood cannot drive them out.
type throttle struct {
	mu        sync.Mutex
	strangers *lru.Cache[guess, bucket]
	users     *lru.Cache[guess, bucket]
	now       func() time.Time
}

// kind is what a bucket counts.
type kind uint8

const (
	atPlace   kind = iota // logins as somebody from an address
	atAddress             // logins as anybody from an address
	atUser                // logins as a user from all addresses and devices that are not known of the user
	atNobody              // the same as somebody who is no user, so that it looks alike
	knownPlace
	knownDevice
	codes     // of the second factor
	passwords // again, to change what a session alone may not
)

// guess is what a bucket is for.
type guess struct {
	kind
	user    string // the id of a user, or a lower-cased name that no user has; "" for all
	address string // "" for all
}

// limit is how many attempts a bucket holds, and how long one takes to come back.
type limit struct {
	burst  float64
	refill time.Duration
	shared bool // by several, so that the success of one does not forget the failures of others
	stable bool // strangers make no such bucket
}

var limits = [...]limit{
	atPlace:   {burst: 10, refill: 6 * time.Second},
	atAddress: {burst: 100, refill: 600 * time.Millisecond, shared: true},
	// A guesser with any number of addresses has 1,490 guesses on the first day and 1,440 on each later one.
	atUser:      {burst: 50, refill: time.Minute, shared: true, stable: true},
	atNobody:    {burst: 50, refill: time.Minute, shared: true},
	knownPlace:  {burst: 10, refill: 6 * time.Second, stable: true},
	knownDevice: {burst: 10, refill: 6 * time.Second, stable: true},
	// A guesser of codes, who knows the password, finds one in a day with a chance of 1 in 700: 480 guesses,
	// three codes of a million that fit.
	codes:     {burst: 10, refill: 3 * time.Minute, stable: true},
	passwords: {burst: 10, refill: 3 * time.Minute, stable: true},
}

// throttleSize is how many buckets are kept of strangers, and of users.
const throttleSize = 10_000

type bucket struct {
	tokens float64
	at     time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{strangers: newBuckets(), users: newBuckets(), now: now}
}

func newBuckets() *lru.Cache[guess, bucket] {
	buckets, err := lru.New[guess, bucket](throttleSize)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return buckets
}

// attempt takes one attempt of each, or none and tells how long to wait for the next.
func (t *throttle) attempt(guesses ...guess) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, g := range guesses {
		wait = max(wait, t.level(g, now))
	}
	if wait == 0 {
		t.add(guesses, -1)
	}
	return wait
}

// succeeded forgets the failures of who made an attempt, and gives it back where others have them too.
func (t *throttle) succeeded(guesses ...guess) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range guesses {
		if limits[g.kind].shared {
			t.add([]guess{g}, 1)
		} else {
			t.of(g).Remove(g)
		}
	}
}

// of returns where a bucket is kept.
func (t *throttle) of(g guess) *lru.Cache[guess, bucket] {
	if limits[g.kind].stable {
		return t.users
	}
	return t.strangers
}

// add adds tokens to the buckets that there are.
func (t *throttle) add(guesses []guess, tokens float64) {
	for _, g := range guesses {
		if b, ok := t.of(g).Peek(g); ok {
			b.tokens += tokens
			t.of(g).Add(g, b)
		}
	}
}

// level refills a bucket and returns how long it takes until it holds a token.
func (t *throttle) level(g guess, now time.Time) time.Duration {
	limit := limits[g.kind]
	b, ok := t.of(g).Get(g)
	if !ok {
		b = bucket{tokens: limit.burst, at: now}
	}
	b.tokens = min(limit.burst, b.tokens+float64(now.Sub(b.at))/float64(limit.refill))
	b.at = now
	t.of(g).Add(g, b)
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1 - b.tokens) * float64(limit.refill))
}
