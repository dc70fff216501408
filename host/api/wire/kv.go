package wire

import (
	"encoding/json"
	"time"
)

// KVCollection is a collection of keys and values in a listing.
type KVCollection struct {
	Name    string `json:"name"`
	Entries int    `json:"entries" doc:"Not counted beyond 1000"`
}

// KVEntry is a key with its value.
type KVEntry struct {
	Key       string          `json:"key"`
	Value     json.RawMessage `json:"value" doc:"Any JSON value. Integers keep 64 bits; {\"$blob\":base64} is a blob to scripts"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty" doc:"Absent: never"`
}

// KVSet is the body of PUT apps/{app}/kv/{collection}/{key}.
type KVSet struct {
	Value     json.RawMessage `json:"value" doc:"Any JSON value, up to 1 MiB, with numbers of 64 bits"`
	TTLMillis *int64          `json:"ttl_ms,omitempty" doc:"Milliseconds until it expires; absent: never"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty" doc:"When it expires, instead of ttl_ms"`
	IfAbsent  bool            `json:"if_absent,omitempty" doc:"Refuse with 409 if there is such a key"`
}
