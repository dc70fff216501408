package authz

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

const (
	// maxKeys is how many keys a user may have that have not expired.
	maxKeys = 100
	// expiredKept is how long a key that has expired is still listed, before the next one that its user
	// makes.
	expiredKept = 30 * 24 * time.Hour
)

// CreateKey makes an API key for a user, who may have 100. The key itself is answered here and never
// again.
func (a *Authority) CreateKey(ctx context.Context, userID, name string, scopes []Scope, appID string, expires time.Time) (key string, row store.APIKey, err error) {
	row = store.APIKey{UserID: userID, Name: name, AppID: appID, ExpiresAt: expires}
	for _, scope := range scopes {
		if _, ok := ofScope[scope]; !ok {
			return "", store.APIKey{}, fault.Refuse("scopes", "unknown scope %q", scope)
		}
		row.Scopes = append(row.Scopes, string(scope))
	}
	return a.keepKey(ctx, row, func(tx store.Store, row store.APIKey) (store.APIKey, error) {
		return tx.APIKeys().Create(ctx, row)
	})
}

// RotateKey makes another API key in the place of one of a user's, with the same name, scopes and app,
// which ends after the overlap, or with the other if that ends before. The new key ends at expires; zero:
// after as long a life as the old one was given. A key that has ended, or has been rotated before, is
// refused as [fault.Conflict].
func (a *Authority) RotateKey(ctx context.Context, userID, id string, overlap time.Duration, expires time.Time) (key string, row store.APIKey, err error) {
	old, err := a.KeyOf(ctx, userID, id)
	if err != nil {
		return "", store.APIKey{}, err
	}
	now := a.now()
	if old.ReplacedBy != "" {
		return "", store.APIKey{}, errRotated
	}
	if !old.ExpiresAt.IsZero() && !now.Before(old.ExpiresAt) {
		return "", store.APIKey{}, fault.New(fault.Conflict, "the API key has ended already")
	}
	if expires.IsZero() && !old.ExpiresAt.IsZero() {
		expires = now.Add(old.ExpiresAt.Sub(old.CreatedAt))
	}
	row = store.APIKey{UserID: userID, Name: old.Name, Scopes: old.Scopes, AppID: old.AppID, ExpiresAt: expires}
	key, row, err = a.keepKey(ctx, row, func(tx store.Store, row store.APIKey) (store.APIKey, error) {
		return tx.APIKeys().Replace(ctx, id, now.Add(overlap), row)
	})
	if fault.Of(err) == fault.Conflict && fault.From(err).Field == "id" { // by somebody at the same time
		err = errRotated
	}
	return key, row, err
}

var errRotated = fault.New(fault.Conflict, "the API key has been rotated already: rotate the one that took its place")

// keepKey makes a key for a row, which keep keeps.
func (a *Authority) keepKey(ctx context.Context, row store.APIKey, keep func(tx store.Store, row store.APIKey) (store.APIKey, error)) (key string, kept store.APIKey, err error) {
	key = newSecret(KeyPrefix)
	row.KeyHash, row.Prefix = hashToken(key), key[:len(KeyPrefix)+6]
	now := a.now()
	err = a.store.InTx(ctx, func(tx store.Store) error {
		if user, err := tx.Users().Get(ctx, row.UserID); err != nil || !user.Active() { // as of now
			if err == nil {
				err = ErrToken
			}
			return err
		}
		if _, err := tx.APIKeys().DeleteExpired(ctx, row.UserID, now.Add(-expiredKept)); err != nil {
			return err
		}
		count, err := tx.APIKeys().CountOf(ctx, row.UserID, now)
		if err != nil {
			return err
		}
		if count >= maxKeys {
			return fault.New(fault.Conflict, "a user has no more than %d API keys: revoke one that is not used", maxKeys)
		}
		kept, err = keep(tx, row)
		return err
	})
	if err != nil {
		return "", store.APIKey{}, err
	}
	return key, kept, nil
}

// KeyOf finds an API key of a user's: another's does not exist.
func (a *Authority) KeyOf(ctx context.Context, userID, id string) (store.APIKey, error) {
	key, err := a.store.APIKeys().Get(ctx, id)
	if fault.Unknown(err) || err == nil && key.UserID != userID {
		return store.APIKey{}, fault.Missing("API key")
	}
	return key, err
}

// RevokeKey ends an API key of a user's.
func (a *Authority) RevokeKey(ctx context.Context, userID, id string) error {
	if _, err := a.KeyOf(ctx, userID, id); err != nil {
		return err
	}
	return a.store.APIKeys().Delete(ctx, id)
}
