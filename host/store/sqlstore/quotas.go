package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/store"
)

// quotas implements [store.Quotas].
type quotas struct{ s *sqlStore }

const (
	quotaGet = `SELECT app_id, quota FROM quotas WHERE app_id = $1`
	quotaAll = `SELECT app_id, quota FROM quotas`
	quotaSet = `INSERT INTO quotas (app_id, quota) VALUES ($1, $2) ON CONFLICT (app_id) DO UPDATE SET quota = excluded.quota`

	usageAll = `SELECT a.id,
	COALESCE((SELECT CAST(SUM(bytes) AS BIGINT) FROM data_usage WHERE app_id = a.id AND source = 'kv'), 0),
	COALESCE((SELECT CAST(SUM(bytes) AS BIGINT) FROM data_usage WHERE app_id = a.id AND source = 'docs'), 0),
	COALESCE((SELECT bytes FROM file_usage WHERE app_id = a.id), 0),
	COALESCE((SELECT bytes FROM log_usage WHERE app_id = a.id AND day = $1), 0),
	COALESCE((SELECT us FROM cpu_usage WHERE app_id = a.id AND day = $1), 0),
	(SELECT COUNT(*) FROM outbox WHERE app_id = a.id)
	FROM apps a WHERE a.deleted_at IS NULL`
)

// ofID is something of an app or a script, beside its id.
type ofID[T any] struct {
	id string
	of T
}

func byID[T any](list []ofID[T], err error) (map[string]T, error) {
	all := make(map[string]T, len(list))
	for _, row := range list {
		all[row.id] = row.of
	}
	return all, err
}

func scanQuota(row scanner) (q ofID[store.Quota], err error) {
	err = row.Scan(&q.id, document{&q.of})
	return q, err
}

func (q quotas) Get(ctx context.Context, appID string) (store.Quota, error) {
	found, err := one(ctx, q.s.reader(), "quota", scanQuota, quotaGet, appID)
	if missing(err) {
		return store.Quota{}, nil
	}
	return found.of, err
}

func (q quotas) All(ctx context.Context) (map[string]store.Quota, error) {
	return byID(many(ctx, q.s.reader(), "quotas", scanQuota, quotaAll))
}

func (q quotas) Set(ctx context.Context, appID string, quota store.Quota) error {
	revision := &store.Revision{Resource: store.ResourceQuota, AppID: appID, ID: appID}
	return q.s.reconfigure(ctx, "set quota", revision, func(tx queryer) error {
		if err := must(ctx, tx, "app", appExists, appID); err != nil {
			return err
		}
		before := was(tx, func() (store.Quota, error) {
			found, err := one(ctx, tx, "quota", scanQuota, quotaGet, appID)
			return found.of, err
		})
		note(tx, ofRevision(revision, before, quota))
		_, err := tx.ExecContext(ctx, quotaSet, appID, encode(quota))
		return err
	})
}

func (q quotas) Usage(ctx context.Context, day time.Time) (map[string]store.WholeUsage, error) {
	return byID(many(ctx, q.s.reader(), "usage", func(row scanner) (u ofID[store.WholeUsage], err error) {
		var us int64
		err = row.Scan(&u.id, &u.of.KV, &u.of.Docs, &u.of.Files, &u.of.Log, &us, &u.of.PendingEvents)
		u.of.CPU = time.Duration(us) * time.Microsecond
		return u, err
	}, usageAll, dayOf(day)))
}
