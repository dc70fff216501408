// Package token makes and checks what lets somebody subscribe to a topic for a while. A token has its end,
// and a code (HMAC-SHA-256) of that and of the topic that it is for; nothing is kept of it. A topic that is
// made anew is another one: the tokens of the old are not for it.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

// prefix tells people what a text is.
const prefix = "pct_"

// The reasons to refuse a token. Their texts may be shown.
var (
	ErrMalformed = errors.New("is not a subscriber token")
	ErrOther     = errors.New("is not for this topic")
	ErrExpired   = errors.New("has expired")
)

// Make makes a token for a topic that ends at a time, which is kept in seconds.
func Make(key []byte, topic store.Topic, end time.Time) string {
	var seconds [8]byte
	binary.BigEndian.PutUint64(seconds[:], uint64(end.Unix()))
	return prefix + base64.RawURLEncoding.EncodeToString(append(seconds[:], code(key, topic, seconds)...))
}

// Check returns when a token ends that is for a topic, or why it is refused: [ErrMalformed], [ErrOther] or
// [ErrExpired].
func Check(key []byte, topic store.Topic, token string, now time.Time) (end time.Time, err error) {
	encoded, ours := strings.CutPrefix(token, prefix)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ours || err != nil || len(raw) != 8+sha256.Size {
		return time.Time{}, ErrMalformed
	}
	seconds := [8]byte(raw)
	if !hmac.Equal(raw[8:], code(key, topic, seconds)) {
		return time.Time{}, ErrOther
	}
	if end = time.Unix(int64(binary.BigEndian.Uint64(raw)), 0); !now.Before(end) {
		return time.Time{}, ErrExpired
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
