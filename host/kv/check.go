package kv

import (
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Limits of what an entry may be.
const (
	MaxKeyBytes   = 512                               // of a key or a prefix
	MaxValueBytes = 1 << 20                           // of a value as JSON
	MaxTTLMillis  = int64(100*365*24*time.Hour) / 1e6 // a hundred years
)

// lastExpiry is where times end that RFC 3339 can write.
var lastExpiry = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

func checkNames(collection, key string) error {
	if err := store.CheckCollection(collection); err != nil {
		return err
	}
	return store.CheckName("key", key, MaxKeyBytes)
}

// expiry is when an entry expires that is written now.
func (o SetOptions) expiry(now time.Time) (time.Time, error) {
	switch {
	case o.TTLMillis != nil && !o.ExpiresAt.IsZero():
		return time.Time{}, fault.Refuse("expires_at", "must not be given beside ttl_ms")
	case o.TTLMillis == nil && o.ExpiresAt.After(lastExpiry):
		return time.Time{}, fault.Refuse("expires_at", "must be before the year 10000, got %d", o.ExpiresAt.Year())
	case o.TTLMillis == nil:
		return o.ExpiresAt, nil
	case *o.TTLMillis < 1 || *o.TTLMillis > MaxTTLMillis:
		return time.Time{}, fault.Refuse("ttl_ms", "must be 1 to %d, got %d", MaxTTLMillis, *o.TTLMillis)
	}
	return now.Add(time.Duration(*o.TTLMillis) * time.Millisecond), nil
}
