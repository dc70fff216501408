package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/picloud/picloud/host/store"
)

// kv implements [store.KV].
type kv struct{ *sqlStore }

const (
	kvOf   = `app_id = $1 AND collection = $2 AND key = $3`
	kvLive = `(expires_at IS NULL OR expires_at > $4)`
	kvGet  = `SELECT key, value, expires_at FROM kv_entries WHERE ` + kvOf + ` AND ` + kvLive
	kvHas  = `SELECT 1 FROM kv_entries WHERE ` + kvOf + ` AND ` + kvLive

	// kvRead sees also what has expired. The dialect's ForUpdate comes behind it.
	kvRead = `SELECT key, value, expires_at FROM kv_entries WHERE ` + kvOf
	// kvInsert does nothing when the row is there or the app is not.
	kvInsert = `INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT id, $2, $3, $4, $5 FROM apps WHERE id = $1 ON CONFLICT DO NOTHING`
	kvUpdate = `UPDATE kv_entries SET value = $4, expires_at = $5 WHERE ` + kvOf
	kvDelete = `DELETE FROM kv_entries WHERE ` + kvOf
	kvTake   = kvDelete + ` RETURNING key, value, expires_at`
	// kvPut writes a row unless the app is not there.
	kvPut = `INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT id, $2, $3, $4, $5 FROM apps WHERE id = $1
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`
	// kvReplace writes a row and returns the one before, in one statement of
	// PostgreSQL. It does nothing when there is no such app, nor when another
	// transaction has made the row since the statement began: it cannot see then
	// what it would replace. The next statement can.
	kvReplace = `WITH old AS MATERIALIZED (` + kvRead + ` FOR UPDATE)
		INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT apps.id, $2, $3, $4, $5 FROM apps LEFT JOIN old ON true WHERE apps.id = $1
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
			WHERE EXISTS (SELECT FROM old)
		RETURNING (SELECT key FROM old), (SELECT value FROM old), (SELECT expires_at FROM old)`

	// kvExpired has an order lest two sweeps wait for each other.
	kvExpired = `SELECT app_id, collection, key FROM kv_entries WHERE expires_at <= $1
		ORDER BY expires_at, app_id, collection, key LIMIT $2`
	kvTakeExpired = kvDelete + ` AND expires_at <= $4 RETURNING key, value, expires_at`
)

// kvKey is what a row is found by.
type kvKey struct{ app, collection, key string }

// args are the arguments of a statement about the row.
func (id kvKey) args(more ...any) []any { return append([]any{id.app, id.collection, id.key}, more...) }

func scanKV(row scanner) (e store.KVEntry, err error) {
	err = row.Scan(&e.Key, (*[]byte)(&e.Value), instant{&e.ExpiresAt})
	return e, err
}

func (k kv) Get(ctx context.Context, appID, collection, key string) (store.KVEntry, error) {
	return one(ctx, k.reader(), "key", scanKV, kvGet, appID, collection, key, k.db.now())
}

func (k kv) Has(ctx context.Context, appID, collection, key string) (bool, error) {
	found, err := exists(ctx, k.reader(), kvHas, appID, collection, key, k.db.now())
	return found, failed(ctx, "read key", err)
}

func (k kv) Set(ctx context.Context, appID, collection string, entry store.KVEntry, ifAbsent bool) (wrote bool, err error) {
	id := kvKey{appID, collection, entry.Key}
	if err := checkKV(id, entry.Value); err != nil {
		return false, err
	}
	if !ifAbsent && k.db.Emit == nil {
		err := k.put(ctx, id, entry)
		return err == nil, err
	}
	if !ifAbsent && k.db.Dialect.ForUpdate != "" {
		err := k.on(ctx, "set key", id, func(tx kvTx) error { return tx.replace(ctx, &entry) })
		return err == nil, err
	}
	err = k.on(ctx, "set key", id, func(tx kvTx) error {
		return tx.update(ctx, func(present *store.KVEntry) (*store.KVEntry, bool, error) {
			wrote = present == nil || !ifAbsent
			return &entry, wrote, nil
		})
	})
	return wrote && err == nil, err
}

// put writes a row, whatever is there, and tells nobody.
func (k kv) put(ctx context.Context, id kvKey, next store.KVEntry) error {
	n, err := affect(ctx, k.writer(), kvPut, id.args(string(next.Value), orNull(next.ExpiresAt))...)
	if err == nil && n == 0 {
		return notFound("app")
	}
	return failed(ctx, "set key", err)
}

func (k kv) Delete(ctx context.Context, appID, collection, key string) (found bool, err error) {
	id := kvKey{appID, collection, key}
	if !storable(id.args()) {
		return false, nil
	}
	err = k.mutateAlone(ctx, "delete key", func(s *sqlStore) error {
		tx := kvTx{s, id, k.db.now()}
		row, err := one(ctx, tx.writer(), "key", scanKV, kvTake, id.args()...)
		if missing(err) {
			found = false
			return nil
		}
		if err != nil {
			return err
		}
		found = !tx.over(row)
		return tx.tell(ctx, &row, nil)
	})
	return found && err == nil, err
}

func (k kv) Update(ctx context.Context, appID, collection, key string, decide store.KVDecision) error {
	id := kvKey{appID, collection, key}
	if err := checkKV(id, nil); err != nil {
		return err
	}
	return k.on(ctx, "update key", id, func(tx kvTx) error {
		return tx.update(ctx, func(present *store.KVEntry) (*store.KVEntry, bool, error) {
			entry := store.KVEntry{Key: key}
			if present != nil {
				entry = *present
			}
			next, change, err := decide(entry.Value)
			if err != nil || !change || next == nil {
				return nil, change, err
			}
			entry.Value = next
			return &entry, true, check(field{"value", string(next)})
		})
	})
}

// checkKV refuses what no row can hold.
func checkKV(id kvKey, value json.RawMessage) error {
	if unstorable(id.app) != "" {
		return notFound("app")
	}
	if err := require(field{"collection", id.collection}, field{"key", id.key}); err != nil {
		return err
	}
	return check(field{"value", string(value)})
}

// kvTx is a transaction, or a statement, that changes one row. It happens at one time, so that
// an entry does not expire between two looks at it.
type kvTx struct {
	*sqlStore
	id  kvKey
	now time.Time
}

// on runs fn in the transaction of InTx or in one of its own.
func (k kv) on(ctx context.Context, op string, id kvKey, fn func(tx kvTx) error) error {
	return k.mutate(ctx, op, func(tx *sqlStore) error { return fn(kvTx{tx, id, k.db.now()}) })
}

// over tells whether the entry of a row has expired.
func (tx kvTx) over(row store.KVEntry) bool {
	return !row.ExpiresAt.IsZero() && !row.ExpiresAt.After(tx.now)
}

// replace writes the row, whatever is there, in one statement of PostgreSQL, and
// tells what it replaced.
func (tx kvTx) replace(ctx context.Context, next *store.KVEntry) error {
	for {
		var found sql.NullString
		var row store.KVEntry
		err := tx.tx.QueryRowContext(ctx, kvReplace, tx.id.args(string(next.Value), orNull(next.ExpiresAt))...).
			Scan(&found, (*[]byte)(&row.Value), instant{&row.ExpiresAt})
		switch {
		case err == nil && found.Valid:
			return tx.tell(ctx, &row, next)
		case err == nil:
			return tx.tell(ctx, nil, next)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := must(ctx, tx.tx, "app", appExists, tx.id.app); err != nil {
			return err
		}
	}
}

// update puts in the place of the entry what decide returns; nil stands for no
// entry, before as after. Nobody else changes the entry between the two.
func (tx kvTx) update(ctx context.Context, decide func(present *store.KVEntry) (next *store.KVEntry, change bool, err error)) error {
	for {
		row, err := tx.lock(ctx)
		if err != nil {
			return err
		}
		present := row
		if row != nil && tx.over(*row) {
			present = nil
		}
		next, change, err := decide(present)
		if err != nil || !change {
			return err
		}
		wrote, err := tx.write(ctx, row, next)
		if err != nil {
			return err
		}
		if wrote {
			return tx.tell(ctx, row, next)
		}
		// There is no such app; or another transaction has made the row since
		// lock found none, and the next lock will see it.
		if err := must(ctx, tx.tx, "app", appExists, tx.id.app); err != nil {
			return err
		}
	}
}

// lock reads the row and keeps it from others. Without a row it returns nil,
// and others may make one.
func (tx kvTx) lock(ctx context.Context) (*store.KVEntry, error) {
	row, err := one(ctx, tx.tx, "key", scanKV, kvRead+tx.db.Dialect.ForUpdate, tx.id.args()...)
	if missing(err) {
		return nil, nil
	}
	return &row, err
}

// write makes, changes or deletes the row that lock found. It does nothing, and
// says so, when a row is to be made that cannot be.
func (tx kvTx) write(ctx context.Context, row, next *store.KVEntry) (bool, error) {
	var statement string
	switch {
	case next == nil && row == nil:
		return true, nil
	case next == nil:
		_, err := affect(ctx, tx.tx, kvDelete, tx.id.args()...)
		return true, err
	case row == nil:
		statement = kvInsert
	default:
		statement = kvUpdate
	}
	n, err := affect(ctx, tx.tx, statement, tx.id.args(string(next.Value), orNull(next.ExpiresAt))...)
	return n > 0, err
}

// tell emits what became of the row, with nil for no row. One that had expired
// was deleted first.
func (tx kvTx) tell(ctx context.Context, row, next *store.KVEntry) error {
	change := store.Change{AppID: tx.id.app, Source: store.ChangeKV, Collection: tx.id.collection, Key: tx.id.key}
	if row != nil && tx.over(*row) {
		expired := change
		expired.Operation, expired.Previous = store.ChangeDelete, row.Value
		if err := tx.emit(ctx, expired); err != nil {
			return err
		}
		row = nil
	}
	switch {
	case row == nil && next == nil:
		return nil
	case row == nil:
		change.Operation, change.New = store.ChangeCreate, next.Value
	case next == nil:
		change.Operation, change.Previous = store.ChangeDelete, row.Value
	default:
		change.Operation, change.New, change.Previous = store.ChangeUpdate, next.Value, row.Value
	}
	return tx.emit(ctx, change)
}

func (k kv) Sweep(ctx context.Context, limit int) (int, error) {
	now := k.db.now()
	expired, err := many(ctx, k.reader(), "expired keys", scanKVKey, kvExpired, now, limit)
	if err != nil || len(expired) == 0 {
		return 0, err
	}
	// One by one, so that no more than one value is in memory.
	err = k.mutate(ctx, "sweep keys", func(tx *sqlStore) error {
		for _, id := range expired {
			row, err := one(ctx, tx.tx, "key", scanKV, kvTakeExpired, id.args(now)...)
			if missing(err) {
				continue // deleted or written anew since
			}
			if err != nil {
				return err
			}
			if err := (kvTx{tx, id, now}).tell(ctx, &row, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(expired), nil
}

func scanKVKey(row scanner) (id kvKey, err error) {
	err = row.Scan(&id.app, &id.collection, &id.key)
	return id, err
}
