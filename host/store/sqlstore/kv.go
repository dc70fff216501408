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
	kvGet  = `SELECT value, expires_at FROM kv_entries WHERE ` + kvOf + ` AND ` + kvLive
	kvHas  = `SELECT 1 FROM kv_entries WHERE ` + kvOf + ` AND ` + kvLive

	// kvRead sees also what has expired. The dialect's ForUpdate comes behind it.
	kvRead = `SELECT key, value, expires_at FROM kv_entries WHERE ` + kvOf
	// kvInsert does nothing when the row is there or the app is not.
	kvInsert = `INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT id, $2, $3, $4, $5 FROM apps WHERE id = $1 AND ` + liveApp + ` ON CONFLICT DO NOTHING`
	kvUpdate = `UPDATE kv_entries SET value = $4, expires_at = $5 WHERE ` + kvOf + ` AND ` + ofLiveApp
	kvDelete = `DELETE FROM kv_entries WHERE ` + kvOf + ` AND ` + ofLiveApp
	kvTake   = kvDelete + ` RETURNING key, value, expires_at`
	// kvDrop is kvTake for whoever does not want the value.
	kvDrop = kvDelete + ` RETURNING key, '', expires_at`
	// kvPut writes a row unless the app is not there.
	kvPut = `INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT id, $2, $3, $4, $5 FROM apps WHERE id = $1 AND ` + liveApp + `
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`
	// kvReplace writes a row and returns the one before, in one statement of PostgreSQL. It does
	// nothing when there is no such app, nor when another transaction has made the row since the
	// statement began: it cannot see then what it would replace. The next statement can.
	kvReplace = `WITH old AS MATERIALIZED (` + kvRead + ` FOR UPDATE)
		INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT apps.id, $2, $3, $4, $5 FROM apps LEFT JOIN old ON true WHERE apps.id = $1 AND ` + liveApp + `
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
			WHERE EXISTS (SELECT FROM old)
		RETURNING (SELECT key FROM old), (SELECT value FROM old), (SELECT expires_at FROM old)`

	kvAnyExpired = `SELECT 1 FROM kv_entries WHERE expires_at <= $1 LIMIT 1`
	kvExpired    = `SELECT app_id, collection, key FROM kv_entries WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`
	// kvDeleteMany is followed by a list of rows.
	kvDeleteMany = `DELETE FROM kv_entries WHERE (app_id, collection, key) IN `
)

// kvKey is what a row is found by.
type kvKey struct{ app, collection, key string }

// args are the arguments of a statement about the row.
func (id kvKey) args(more ...any) []any { return append([]any{id.app, id.collection, id.key}, more...) }

// about is a change of the entry.
func (id kvKey) about() store.Change {
	return store.Change{AppID: id.app, Source: store.ChangeKV, Collection: id.collection, Key: id.key}
}

func scanKV(row scanner) (e store.KVEntry, err error) {
	err = row.Scan(&e.Key, (*[]byte)(&e.Value), instant{&e.ExpiresAt})
	return e, err
}

func (k kv) Get(ctx context.Context, appID, collection, key string) (store.KVEntry, error) {
	return one(ctx, k.lookup(), "key", func(row scanner) (store.KVEntry, error) {
		e := store.KVEntry{Key: key}
		err := row.Scan((*[]byte)(&e.Value), instant{&e.ExpiresAt})
		return e, err
	}, kvGet, appID, collection, key, k.db.now())
}

func (k kv) Has(ctx context.Context, appID, collection, key string) (bool, error) {
	found, err := exists(ctx, k.lookup(), kvHas, appID, collection, key, k.db.now())
	return found, failed(ctx, "read key", err)
}

func (k kv) Set(ctx context.Context, appID, collection string, entry store.KVEntry, ifAbsent bool) (wrote bool, err error) {
	id := kvKey{appID, collection, entry.Key}
	if err := checkKV(id, entry.Value); err != nil {
		return false, err
	}
	if !ifAbsent {
		err := k.mutateAlone(ctx, "set key", id.about(), func(m mutation) error { return k.at(m, id).put(ctx, &entry) })
		return err == nil, err
	}
	err = k.on(ctx, "set key", id, func(tx kvTx) error {
		return tx.update(ctx, func(present *store.KVEntry) (*store.KVEntry, bool, error) {
			wrote = present == nil
			return &entry, wrote, nil
		})
	})
	return wrote && err == nil, err
}

func (k kv) Delete(ctx context.Context, appID, collection, key string) (found bool, err error) {
	id := kvKey{appID, collection, key}
	if !storable(id.args()) {
		return false, nil
	}
	err = k.mutateAlone(ctx, "delete key", id.about(), func(m mutation) error {
		tx, statement := k.at(m, id), kvDrop
		if tx.heard {
			statement = kvTake
		}
		row, err := one(ctx, tx.writer(), "key", scanKV, statement, id.args()...)
		if missing(err) {
			found = false
			return nil
		}
		if err != nil {
			return err
		}
		found = !tx.over(row)
		return tx.tellRow(ctx, &row, nil)
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

// kvTx is a mutation of one row. It happens at one time, so that an entry does not expire between
// two looks at it.
type kvTx struct {
	mutation
	id  kvKey
	now time.Time
}

// at makes a mutation one of a row, now.
func (k kv) at(m mutation, id kvKey) kvTx { return kvTx{m, id, k.db.now()} }

// on runs fn in the transaction of InTx or in one of its own.
func (k kv) on(ctx context.Context, op string, id kvKey, fn func(tx kvTx) error) error {
	return k.mutate(ctx, op, id.about(), func(m mutation) error { return fn(k.at(m, id)) })
}

// over reports whether the entry of a row has expired.
func (tx kvTx) over(row store.KVEntry) bool {
	return !row.ExpiresAt.IsZero() && !row.ExpiresAt.After(tx.now)
}

// put writes the row, whatever is there: without a look at it if nobody is to be told.
func (tx kvTx) put(ctx context.Context, next *store.KVEntry) error {
	switch {
	case tx.heard && tx.db.Dialect.ForUpdate != "":
		return tx.replace(ctx, next)
	case tx.heard:
		return tx.update(ctx, func(*store.KVEntry) (*store.KVEntry, bool, error) { return next, true, nil })
	}
	n, err := affect(ctx, tx.writer(), kvPut, tx.id.args(string(next.Value), orNull(next.ExpiresAt))...)
	if err == nil && n == 0 {
		return notFound("app")
	}
	return err
}

// replace writes the row, whatever is there, in one statement of PostgreSQL, and tells what it
// replaced.
func (tx kvTx) replace(ctx context.Context, next *store.KVEntry) error {
	for {
		var found sql.NullString
		var row store.KVEntry
		err := tx.tx.QueryRowContext(ctx, kvReplace, tx.id.args(string(next.Value), orNull(next.ExpiresAt))...).
			Scan(&found, (*[]byte)(&row.Value), instant{&row.ExpiresAt})
		switch {
		case err == nil && found.Valid:
			return tx.tellRow(ctx, &row, next)
		case err == nil:
			return tx.tellRow(ctx, nil, next)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := must(ctx, tx.tx, "app", appExists, tx.id.app); err != nil {
			return err
		}
	}
}

// update puts in the place of the entry what decide returns; nil stands for no entry, before as
// after. Nobody else changes the entry between the two.
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
			return tx.tellRow(ctx, row, next)
		}
		// There is no such app; or another transaction has made the row since lock found none, and
		// the next lock will see it.
		if err := must(ctx, tx.tx, "app", appExists, tx.id.app); err != nil {
			return err
		}
	}
}

// lock reads the row and keeps it from others. Without a row it returns nil, and others may make
// one.
func (tx kvTx) lock(ctx context.Context) (*store.KVEntry, error) {
	row, err := one(ctx, tx.tx, "key", scanKV, kvRead+tx.db.Dialect.ForUpdate, tx.id.args()...)
	if missing(err) {
		return nil, nil
	}
	return &row, err
}

// write makes, changes or deletes the row that lock found. It does nothing, and says so, when a row
// is to be made that cannot be.
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

// tellRow tells what became of the row, with nil for no row. One that had expired did so first.
func (tx kvTx) tellRow(ctx context.Context, row, next *store.KVEntry) error {
	if row != nil && tx.over(*row) {
		if err := tx.tell(ctx, store.ChangeExpire, nil, row.Value); err != nil {
			return err
		}
		row = nil
	}
	switch {
	case row == nil && next == nil:
		return nil
	case row == nil:
		return tx.tell(ctx, store.ChangeCreate, next.Value, nil)
	case next == nil:
		return tx.tell(ctx, store.ChangeDelete, nil, row.Value)
	default:
		return tx.tell(ctx, store.ChangeUpdate, next.Value, row.Value)
	}
}
