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
	apiKeyGet = `SELECT id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at
		FROM api_keys WHERE id = $1`
	apiKeyGetByHash = `SELECT id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at
		FROM api_keys WHERE key_hash = $1 AND (expires_at IS NULL OR expires_at > $2)`
	apiKeyListOfUser = `SELECT id, user_id, name, key_hash, prefix, scopes, app_id, created_at, expires_at, last_used_at
		FROM api_keys WHERE user_id = $1 ORDER BY created_at, id`
	apiKeyTouch = `UPDATE api_keys SET last_used_at = $2
		WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`
	apiKeyDelete = `DELETE FROM api_keys WHERE id = $1`
	apiKeyExists = `SELECT 1 FROM api_keys WHERE id = $1`
)

func scanAPIKey(row scanner) (k store.APIKey, err error) {
	err = row.Scan(&k.ID, &k.UserID, &k.Name, &k.KeyHash, &k.Prefix, document{&k.Scopes}, optional{&k.AppID},
		instant{&k.CreatedAt}, instant{&k.ExpiresAt}, instant{&k.LastUsedAt})
	return k, err
}

func (a apiKeys) Create(ctx context.Context, key store.APIKey) (store.APIKey, error) {
	if err := require(field{"name", key.Name}, field{"key_hash", key.KeyHash}); err != nil {
		return store.APIKey{}, err
	}
	if err := check(field{"id", key.ID}, field{"prefix", key.Prefix}); err != nil {
		return store.APIKey{}, err
	}
	for _, scope := range key.Scopes {
		if err := require(field{"scopes", scope}); err != nil {
			return store.APIKey{}, err
		}
	}
	if key.ID == "" {
		key.ID = newID()
	}
	if key.Scopes == nil {
		key.Scopes = []string{}
	}
	key.CreatedAt = a.s.db.now()
	key.LastUsedAt = time.Time{}
	if !key.ExpiresAt.IsZero() {
		key.ExpiresAt = cut(key.ExpiresAt)
	}
	err := a.s.change(ctx, "create api key", func(tx queryer) error {
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
	})
	if err != nil {
		return store.APIKey{}, err
	}
	return key, nil
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
	return a.s.join(ctx, "delete api key", func(s *sqlStore) error {
		before := was(s.tx, func() (store.APIKey, error) { return one(ctx, s.tx, "api key", scanAPIKey, apiKeyGet, id) })
		key, _ := before.(store.APIKey)
		note(s.tx, noted{kind: "api-key", appID: key.AppID, id: id, before: before})
		return deleteOne(ctx, s.tx, "api key", apiKeyDelete, id)
	})
}
