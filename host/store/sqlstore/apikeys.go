package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/store"
)

type apiKeys struct{ s *sqlStore }

const (
	apiKeyInsert = `INSERT INTO api_keys (id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL) ON CONFLICT DO NOTHING`
	apiKeyGet = `SELECT id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at, replaced_by
		FROM api_keys WHERE id = $1`
	apiKeyGetByHash = `SELECT id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at, replaced_by
		FROM api_keys WHERE key_hash = $1 AND (expires_at IS NULL OR expires_at > $2)`
	apiKeyListOfUser = `SELECT id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at, replaced_by
		FROM api_keys WHERE user_id = $1 ORDER BY created_at, id`
	apiKeyTouch = `UPDATE api_keys SET last_used_at = $2
		WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`
	apiKeyDelete        = `DELETE FROM api_keys WHERE id = $1 RETURNING user_id`
	apiKeyDeleteOfUser  = `DELETE FROM api_keys WHERE user_id = $1`
	apiKeyReplace       = `UPDATE api_keys SET replaced_by = $2, expires_at = $3 WHERE id = $1`
	apiKeyCountOfUser   = `SELECT count(*) FROM api_keys WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2)`
	apiKeyDeleteExpired = `DELETE FROM api_keys WHERE user_id = $1 AND expires_at <= $2`
	apiKeyExists        = `SELECT 1 FROM api_keys WHERE id = $1`
)

func scanAPIKey(row scanner) (k store.APIKey, err error) {
	err = row.Scan(&k.ID, &k.UserID, &k.Name, &k.KeyHash, &k.Prefix, document{&k.Scopes}, optional{&k.AppID},
		instant{&k.CreatedAt}, instant{&k.ExpiresAt}, instant{&k.LastUsedAt}, optional{&k.ReplacedBy})
	return k, err
}

func (a apiKeys) Create(ctx context.Context, key store.APIKey) (store.APIKey, error) {
	if err := a.prepare(&key); err != nil {
		return store.APIKey{}, err
	}
	err := a.s.change(ctx, "create api key", func(tx queryer) error { return insertAPIKey(ctx, tx, key) })
	if err != nil {
		return store.APIKey{}, err
	}
	return key, nil
}

func (a apiKeys) Replace(ctx context.Context, id string, until time.Time, by store.APIKey) (store.APIKey, error) {
	if err := a.prepare(&by); err != nil {
		return store.APIKey{}, err
	}
	revision := ofUser("")
	err := a.s.reconfigure(ctx, "replace api key", revision, func(tx queryer) error {
		key, err := one(ctx, tx, "api key", scanAPIKey, apiKeyGet, id)
		if err != nil {
			return err
		}
		if key.ReplacedBy != "" {
			return store.Conflict("api key", "id", id, key.ReplacedBy)
		}
		if until = cut(until); !key.ExpiresAt.IsZero() && key.ExpiresAt.Before(until) {
			until = key.ExpiresAt
		}
		if err := insertAPIKey(ctx, tx, by); err != nil {
			return err
		}
		revision.ID = key.UserID
		_, err = tx.ExecContext(ctx, apiKeyReplace, id, by.ID, until)
		return err
	})
	if err != nil {
		return store.APIKey{}, err
	}
	return by, nil
}

// prepare checks a new key and completes it.
func (a apiKeys) prepare(key *store.APIKey) error {
	if err := require(field{"name", key.Name}, field{"key_hash", key.KeyHash}); err != nil {
		return err
	}
	if err := check(field{"id", key.ID}, field{"prefix", key.Prefix}); err != nil {
		return err
	}
	for _, scope := range key.Scopes {
		if err := require(field{"scopes", scope}); err != nil {
			return err
		}
	}
	if key.ID == "" {
		key.ID = newID()
	}
	if key.Scopes == nil {
		key.Scopes = []string{}
	}
	key.CreatedAt = a.s.db.now()
	key.LastUsedAt, key.ReplacedBy = time.Time{}, ""
	if !key.ExpiresAt.IsZero() {
		key.ExpiresAt = cut(key.ExpiresAt)
	}
	return nil
}

func insertAPIKey(ctx context.Context, tx queryer, key store.APIKey) error {
	note(tx, noted{kind: "api-key", appID: key.AppID, id: key.ID, after: key})
	if err := must(ctx, tx, "user", userExists, key.UserID); err != nil {
		return err
	}
	if key.AppID != "" {
		if err := must(ctx, tx, "app", appExists, key.AppID); err != nil {
			return err
		}
	}
	n, err := affect(ctx, tx, apiKeyInsert, key.ID, key.UserID, key.Name, key.KeyHash, key.Prefix, encode(key.Scopes),
		textOrNull(key.AppID), key.CreatedAt, orNull(key.ExpiresAt))
	if err != nil || n == 1 {
		return err
	}
	found, err := exists(ctx, tx, apiKeyExists, key.ID)
	switch {
	case err != nil:
		return err
	case found:
		return store.Conflict("api key", "id", key.ID, key.ID)
	}
	// The hash is a credential's: the error does not repeat it.
	return store.Conflict("api key", "key_hash", "", "")
}

func (a apiKeys) CountOf(ctx context.Context, userID string, now time.Time) (count int64, err error) {
	err = a.s.reader().QueryRowContext(ctx, apiKeyCountOfUser, userID, cut(now)).Scan(&count)
	return count, failed(ctx, "count api keys", err)
}

func (a apiKeys) DeleteExpired(ctx context.Context, userID string, at time.Time) (int64, error) {
	n, err := affect(ctx, a.s.writer(), apiKeyDeleteExpired, userID, cut(at))
	return n, failed(ctx, "delete api keys", err)
}

func (a apiKeys) Get(ctx context.Context, id string) (store.APIKey, error) {
	return one(ctx, a.s.reader(), "api key", scanAPIKey, apiKeyGet, id)
}

func (a apiKeys) GetByHash(ctx context.Context, keyHash string, now time.Time) (store.APIKey, error) {
	return one(ctx, a.s.reader(), "api key", scanAPIKey, apiKeyGetByHash, keyHash, cut(now))
}

func (a apiKeys) ListOf(ctx context.Context, userID string) ([]store.APIKey, error) {
	return many(ctx, a.s.reader(), "api keys", scanAPIKey, apiKeyListOfUser, userID)
}

func (a apiKeys) Touch(ctx context.Context, id string, at time.Time) error {
	_, err := affect(ctx, a.s.writer(), apiKeyTouch, id, cut(at))
	return failed(ctx, "touch api key", err)
}

func (a apiKeys) Delete(ctx context.Context, id string) error {
	revision := ofUser("")
	return a.s.reconfigure(ctx, "delete api key", revision, func(tx queryer) (err error) {
		before := was(tx, func() (store.APIKey, error) { return one(ctx, tx, "api key", scanAPIKey, apiKeyGet, id) })
		key, _ := before.(store.APIKey)
		note(tx, noted{kind: "api-key", appID: key.AppID, id: id, before: before})
		revision.ID, err = one(ctx, tx, "api key", text, apiKeyDelete, id)
		return err
	})
}

func (a apiKeys) DeleteOf(ctx context.Context, userID string) (int64, error) {
	return a.s.endAll(ctx, "delete api keys", userID, apiKeyDeleteOfUser, userID)
}
