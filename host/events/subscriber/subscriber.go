// Package subscriber makes and checks tokens, which let somebody subscribe to a topic for a while. A token
// has its end, and a code (HMAC-SHA-256) of that and of the topic that it is for; nothing is kept of it. A topic that is
// made anew is another one: the tokens of the old are not for it.
package subscriber

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// prefix tells people what a text is.
const prefix = "pct_"

// Bounds of the life of a token.
const (
	MinTTL = time.Second
	MaxTTL = 24 * time.Hour
)

// Tokens makes and checks tokens with the key of a database. It is safe for concurrent use.
type Tokens struct {
	store store.Topics

	mu  sync.Mutex
	key []byte // nil: not read yet
}

// New makes it of the topics of a database.
func New(topics store.Topics) *Tokens { return &Tokens{store: topics} }

// Make makes a token that lets who has it subscribe to a topic for so long: [MinTTL] to [MaxTTL]. It ends
// at a whole second. The error is [fault.Invalid] of "ttl_ms", or [fault.NotFound] if the topic cannot be
// subscribed to.
func (t *Tokens) Make(ctx context.Context, appID, topic string, ttl time.Duration) (token string, end time.Time, err error) {
	if ttl < MinTTL || ttl > MaxTTL {
		return "", time.Time{}, fault.Refuse("ttl_ms", "must be between %d and %d, got %d", MinTTL.Milliseconds(), MaxTTL.Milliseconds(), ttl.Milliseconds())
	}
	found, err := t.store.Get(ctx, appID, topic)
	if err != nil {
		return "", time.Time{}, err
	}
	key, err := t.secret(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	end = time.Now().Add(ttl).Truncate(time.Second).UTC()
	return encode(key, found, end), end, nil
}

// Check returns when a token ends that is for a topic. The error is [fault.Unauthorized], or the store's.
func (t *Tokens) Check(ctx context.Context, topic store.Topic, token string) (end time.Time, err error) {
	if token == "" {
		return time.Time{}, fault.New(fault.Unauthorized, "the topic needs a subscriber token")
	}
	key, err := t.secret(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if end, err = decode(key, topic, token, time.Now()); err != nil {
		return time.Time{}, fault.New(fault.Unauthorized, "the token %s", err)
	}
	return end, nil
}

// secret returns the key.
func (t *Tokens) secret(ctx context.Context) ([]byte, error) {
	t.mu.Lock()
	key := t.key
	t.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := t.store.Key(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.key = key
	return key, nil
}

// The reasons to refuse a token, which go on from it.
var (
	errMalformed = errors.New("is not a subscriber token")
	errOther     = errors.New("is not for this topic")
	errExpired   = errors.New("has expired")
)

// encode makes a token for a topic that ends at a time, which is kept in seconds.
func encode(key []byte, topic store.Topic, end time.Time) string {
	var seconds [8]byte
	binary.BigEndian.PutUint64(seconds[:], uint64(end.Unix()))
	return prefix + base64.RawURLEncoding.EncodeToString(append(seconds[:], code(key, topic, seconds)...))
}

// decode returns when a token ends, or why it is refused.
func decode(key []byte, topic store.Topic, token string, now time.Time) (end time.Time, err error) {
	encoded, ours := strings.CutPrefix(token, prefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ours || err != nil || len(raw) != 8+sha256.Size {
		return time.Time{}, errMalformed
	}
	seconds := [8]byte(raw)
	if !hmac.Equal(raw[8:], code(key, topic, seconds)) {
		return time.Time{}, errOther
	}
	if end = time.Unix(int64(binary.BigEndian.Uint64(raw)), 0); !now.Before(end) {
		return time.Time{}, errExpired
	}
	return end, nil
}

// code signs the end of a token for a topic. The name comes last, so that no two topics read the same.
func code(key []byte, topic store.Topic, seconds [8]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("picloud subscriber 1\x00"))
	h.Write(seconds[:])
	var created [8]byte
	binary.BigEndian.PutUint64(created[:], uint64(topic.CreatedAt.UnixMicro()))
	h.Write(created[:])
	h.Write([]byte(topic.AppID + "\x00" + topic.Name))
	return h.Sum(nil)
}
