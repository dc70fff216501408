package store

import (
	"context"
	"time"
)

// Secret is a value that scripts of an app may read, and that the database knows only sealed.
type Secret struct {
	AppID     string
	Name      string
	KeyID     string // of the key that opens it
	Sealed    []byte
	Size      int // of the value, bytes
	CreatedAt time.Time
	UpdatedAt time.Time // when its value was set
}

// Secrets keeps the secrets.
type Secrets interface {
	// Set keeps a secret, or gives one another value, and returns it. An app that is gone is
	// [fault.NotFound]; one more than most secrets of an app is [fault.Quota].
	Set(ctx context.Context, secret Secret, most int) (Secret, error)
	// List lists the secrets of an app in the order of their names (bytewise).
	List(ctx context.Context, appID string) ([]Secret, error)
	// Delete removes a secret.
	Delete(ctx context.Context, appID, name string) error

	// KeyIDs returns how many secrets each key opens, by its id.
	KeyIDs(ctx context.Context) (map[string]int, error)
	// Others lists up to limit secrets that another key opens than this one, after one in the order of
	// their apps' ids and their names; after the zero Secret for the first.
	Others(ctx context.Context, keyID string, after Secret, limit int) ([]Secret, error)
	// Reseal keeps the same value sealed with another key. It reports false, and keeps nothing, when the
	// secret is not as it was found any more.
	Reseal(ctx context.Context, found Secret, keyID string, sealed []byte) (bool, error)
}
