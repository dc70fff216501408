package kv

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Limits of what an entry may be.
const (
	MaxNameBytes  = 512                               // of a collection's name, a key or a prefix
	MaxValueBytes = 1 << 20                           // of a value as JSON
	MaxTTLMillis  = int64(100*365*24*time.Hour) / 1e6 // a hundred years
)

// lastExpiry is where times end that RFC 3339 can write.
var lastExpiry = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

func refuse(field, reason string, args ...any) error {
	return fault.Refuse(field, reason, args...)
}

func checkNames(collection, key string) error {
	if err := store.CheckName("collection", collection, MaxNameBytes); err != nil {
		return err
	}
	return store.CheckName("key", key, MaxNameBytes)
}

// checkValue returns the value without the space around it.
func checkValue(field string, value json.RawMessage) (json.RawMessage, error) {
	value = bytes.Trim(value, " \t\r\n")
	if len(value) > MaxValueBytes {
		return nil, refuse(field, "must be at most %d bytes of JSON, got %d", MaxValueBytes, len(value))
	}
	if _, err := abi.AppendFromJSON(nil, value); err != nil {
		return nil, refuse(field, "%v", err)
	}
	return value, nil
}

// expiry is when an entry expires that is written now.
func (o SetOptions) expiry(now time.Time) (time.Time, error) {
	switch {
	case o.TTLMillis != nil && !o.ExpiresAt.IsZero():
		return time.Time{}, refuse("expires_at", "must not be given beside ttl_ms")
	case o.TTLMillis == nil && o.ExpiresAt.After(lastExpiry):
		return time.Time{}, refuse("expires_at", "must be before the year 10000, got %d", o.ExpiresAt.Year())
	case o.TTLMillis == nil:
		return o.ExpiresAt, nil
	case *o.TTLMillis < 1 || *o.TTLMillis > MaxTTLMillis:
		return time.Time{}, refuse("ttl_ms", "must be 1 to %d, got %d", MaxTTLMillis, *o.TTLMillis)
	}
	return now.Add(time.Duration(*o.TTLMillis) * time.Millisecond), nil
}
