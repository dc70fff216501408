package sqlstore

import (
	"context"
	"fmt"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// secrets implements [store.Secrets].
type secrets struct{ s *sqlStore }

const (
	secretColumns = `app_id, name, key_id, sealed, size, created_at, updated_at`
	secretSet     = `INSERT INTO secrets (app_id, name, key_id, sealed, size, created_at, updated_at) SELECT id, $2, $3, $4, $5, $6, $6 FROM apps WHERE id = $1 AND ` + liveApp + `
		ON CONFLICT (app_id, name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, size = excluded.size, updated_at = excluded.updated_at
		RETURNING ` + secretColumns
	secretCount  = `SELECT count(*) FROM secrets WHERE app_id = $1 AND name <> $2`
	secretList   = `SELECT ` + secretColumns + ` FROM secrets WHERE app_id = $1 ORDER BY name`
	secretGet    = `SELECT ` + secretColumns + ` FROM secrets WHERE app_id = $1 AND name = $2`
	secretDelete = `DELETE FROM secrets WHERE app_id = $1 AND name = $2`
	secretKeys   = `SELECT key_id, count(*) FROM secrets GROUP BY key_id`
	secretOthers = `SELECT ` + secretColumns + ` FROM secrets WHERE key_id <> $1 AND (app_id, name) > ($2, $3) ORDER BY app_id, name LIMIT $4`
	secretReseal = `UPDATE secrets SET key_id = $5, sealed = $6 WHERE app_id = $1 AND name = $2 AND key_id = $3 AND sealed = $4`
)

func scanSecret(row scanner) (s store.Secret, err error) {
	err = row.Scan(&s.AppID, &s.Name, &s.KeyID, &s.Sealed, &s.Size, instant{&s.CreatedAt}, instant{&s.UpdatedAt})
	return s, err
}

// ofSecret is a revision of a secret, whose id is its name.
func ofSecret(appID, name string) *store.Revision {
	return &store.Revision{Resource: store.ResourceSecret, AppID: appID, ID: name}
}

func (s secrets) Set(ctx context.Context, secret store.Secret, most int) (set store.Secret, err error) {
	if err := require(field{"name", secret.Name}, field{"key_id", secret.KeyID}); err != nil {
		return store.Secret{}, err
	}
	err = s.s.reconfigure(ctx, "set secret", ofSecret(secret.AppID, secret.Name), func(tx queryer) error {
		before := wasSecret(ctx, tx, secret.AppID, secret.Name)
		defer func() { note(tx, ofRevision(ofSecret(secret.AppID, secret.Name), before, set)) }()
		var others int
		if err := tx.QueryRowContext(ctx, secretCount, secret.AppID, secret.Name).Scan(&others); err != nil {
			return err
		}
		if others >= most {
			return &fault.Error{
				Code: fault.Quota, Text: fmt.Sprintf("an app may have %d secrets, and this one has %d", most, others),
				Field: "name", Current: int64(others), Limit: int64(most),
			}
		}
		set, err = one(ctx, tx, "app", scanSecret, secretSet, secret.AppID, secret.Name, secret.KeyID, secret.Sealed, secret.Size, s.s.db.now())
		return err
	})
	return set, err
}

func (s secrets) List(ctx context.Context, appID string) ([]store.Secret, error) {
	return many(ctx, s.s.reader(), "secrets", scanSecret, secretList, appID)
}

func (s secrets) Delete(ctx context.Context, appID, name string) error {
	return s.s.reconfigure(ctx, "delete secret", ofSecret(appID, name), func(tx queryer) error {
		note(tx, ofRevision(ofSecret(appID, name), wasSecret(ctx, tx, appID, name), nil))
		return deleteOne(ctx, tx, "secret", secretDelete, appID, name)
	})
}

// wasSecret is the secret before a change, to be noted.
func wasSecret(ctx context.Context, tx queryer, appID, name string) any {
	return was(tx, func() (store.Secret, error) { return one(ctx, tx, "secret", scanSecret, secretGet, appID, name) })
}

func (s secrets) KeyIDs(ctx context.Context) (map[string]int, error) {
	return keyCounts(ctx, s.s.reader(), "keys of secrets", secretKeys)
}

// keyCounts reads how many rows each key opens.
func keyCounts(ctx context.Context, q queryer, what, statement string) (map[string]int, error) {
	type key struct {
		id   string
		rows int
	}
	keys, err := many(ctx, q, what, func(row scanner) (k key, err error) {
		err = row.Scan(&k.id, &k.rows)
		return k, err
	}, statement)
	if err != nil {
		return nil, err
	}
	count := make(map[string]int, len(keys))
	for _, k := range keys {
		count[k.id] = k.rows
	}
	return count, nil
}

func (s secrets) Others(ctx context.Context, keyID string, after store.Secret, limit int) ([]store.Secret, error) {
	return many(ctx, s.s.reader(), "secrets", scanSecret, secretOthers, keyID, after.AppID, after.Name, limit)
}

func (s secrets) Reseal(ctx context.Context, found store.Secret, keyID string, sealed []byte) (bool, error) {
	var n int64
	err := s.s.change(ctx, "seal a secret again", func(tx queryer) (err error) {
		n, err = affect(ctx, tx, secretReseal, found.AppID, found.Name, found.KeyID, found.Sealed, keyID, sealed)
		return err
	})
	return n == 1, err
}
