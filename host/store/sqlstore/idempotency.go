package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// idempotency implements [store.Idempotency].
type idempotency struct{ s *sqlStore }

const (
	// An insert waits for another one of the same key to end, so that one of them is the first.
	keyInsert = `INSERT INTO idempotency_keys (app_id, scope, key, digest, result, expires_at)
		SELECT id, $3, $4, $5, $6, {after $7} FROM apps WHERE id = $2 AND ` + liveApp + ` ON CONFLICT (app_id, scope, key) DO NOTHING`
	keyForget  = `DELETE FROM idempotency_keys WHERE app_id = $2 AND scope = $3 AND key = $4 AND expires_at <= {now}`
	keyGet     = `SELECT digest, result FROM idempotency_keys WHERE app_id = $1 AND scope = $2 AND key = $3`
	keyExpired = `DELETE FROM idempotency_keys WHERE (app_id, scope, key) IN (
		SELECT app_id, scope, key FROM idempotency_keys WHERE expires_at <= {now} ORDER BY expires_at LIMIT $2)`
)

func (i idempotency) Once(ctx context.Context, key store.IdempotencyKey, result string, ttl time.Duration) (kept string, first bool, err error) {
	if err := require(field{"scope", key.Scope}, field{"key", key.Key}); err != nil {
		return "", false, err
	}
	err = i.s.join(ctx, "keep idempotency key", func(tx *sqlStore) error {
		now := tx.db.now()
		if _, err := tx.tx.ExecContext(ctx, tx.timed(keyForget), now, key.AppID, key.Scope, key.Key); err != nil {
			return err
		}
		n, err := affect(ctx, tx.tx, tx.timed(keyInsert), now, key.AppID, key.Scope, key.Key, key.Digest, result, ttl.Microseconds())
		if err != nil {
			return err
		}
		if kept, first = result, n == 1; first {
			return nil
		}
		if err := must(ctx, tx.tx, "app", appExists, key.AppID); err != nil {
			return err
		}
		present, err := one(ctx, tx.tx, "idempotency key", func(row scanner) (p [2]string, err error) {
			err = row.Scan(&p[0], &p[1])
			return p, err
		}, keyGet, key.AppID, key.Scope, key.Key)
		if err != nil {
			return err
		}
		if present[0] != key.Digest {
			return &fault.Error{
				Code: fault.Conflict, Text: "the idempotency key was used for something else", Field: "key", Reason: "was used for something else", Value: key.Key,
			}
		}
		kept = present[1]
		return nil
	})
	return kept, first, err
}

func (i idempotency) DeleteExpired(ctx context.Context, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, i.s.writer(), i.s.timed(keyExpired), i.s.db.now(), limit)
	return int(n), failed(ctx, "delete idempotency keys", err)
}
