package sqlstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/store"
)

func (k kv) Sweep(ctx context.Context, limit int) (swept int, err error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	const op = "sweep keys"
	now := k.db.now()
	// Most often there is nothing to do, and no need to keep writers waiting.
	if found, err := exists(ctx, k.reader(), kvAnyExpired, now); err != nil || !found {
		return 0, failed(ctx, op, err)
	}
	query := kvExpired
	if lock := k.db.Dialect.ForUpdate; lock != "" {
		query += lock + " SKIP LOCKED" // what somebody else is about to write, or sweeps too
	}
	err = k.apart(ctx, op, func(tx *sqlStore) error {
		expired, err := many(ctx, tx.tx, "expired keys", scanKVKey, query, now, limit)
		if err != nil {
			return err
		}
		swept = len(expired)
		unheard := expired[:0]
		for _, id := range expired {
			m := tx.mutation(id.about())
			if !m.heard {
				unheard = append(unheard, id)
				continue
			}
			// One by one, so that no more than one value is in memory.
			row, err := one(ctx, tx.tx, "key", scanKV, kvTake, id.args()...)
			if missing(err) { // the app is being deleted
				continue
			}
			if err != nil {
				return err
			}
			if err := m.tell(ctx, store.ChangeExpire, nil, row.Value); err != nil {
				return err
			}
		}
		return tx.deleteKeys(ctx, unheard)
	})
	if err != nil {
		return 0, err
	}
	return swept, nil
}

func scanKVKey(row scanner) (id kvKey, err error) {
	err = row.Scan(&id.app, &id.collection, &id.key)
	return id, err
}

// deleteKeys removes rows in one statement.
func (s *sqlStore) deleteKeys(ctx context.Context, ids []kvKey) error {
	if len(ids) == 0 {
		return nil
	}
	var list strings.Builder
	args := make([]any, 0, 3*len(ids))
	separator := "(VALUES ("
	for _, id := range ids {
		list.WriteString(separator)
		separator = "), ("
		for i, column := range id.args() {
			if i > 0 {
				list.WriteString(", ")
			}
			args = append(args, column)
			list.WriteString("$" + strconv.Itoa(len(args)))
		}
	}
	list.WriteString("))")
	// Not prepared: there is such a statement for each number of rows.
	_, err := s.tx.sql.ExecContext(ctx, kvDeleteMany+list.String(), args...)
	return err
}
