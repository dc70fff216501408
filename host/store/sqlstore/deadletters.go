package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// deadLetters implements [store.DeadLetters].
type deadLetters struct{ s *sqlStore }

const (
	deadColumns = `id, app_id, event_id, lane, trigger_id, trigger_name, script_id, source, operation, group_key, root_execution,
		attempts, created_at, first_at, last_at, last_error, resolution, resolved_at, resolved_by, replayed_as, payload`
	deadInsert = `INSERT INTO dead_letters (` + deadColumns + `)
		SELECT $2, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, {now}, $15, '', NULL, '', '', $16 FROM apps WHERE id = $17 AND ` + liveApp
	deadGet     = `SELECT ` + deadColumns + ` FROM dead_letters WHERE id = $1 AND ` + ofLiveApp
	deadDecide  = `UPDATE dead_letters SET resolution = $3, resolved_at = {now}, resolved_by = $4, replayed_as = $5 WHERE id = $2 AND `
	deadResolve = deadDecide + `resolution <> 'replayed'`
	deadHandled = deadDecide + undecided // what somebody has decided stays
	undecided   = `resolution IN ('', 'handler_failed')`
	deadDelete  = `DELETE FROM dead_letters WHERE id = $1`
	deadBefore  = `DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE last_at < $1 ORDER BY last_at LIMIT $2)`
)

func scanDeadLetter(row scanner) (store.DeadLetter, error) {
	d, err := scanDeadLetterAnd(row, func(d *store.DeadLetter) []any { return []any{(*[]byte)(&d.Payload)} })
	d.Size = len(d.Payload)
	return d, err
}

func scanBriefDeadLetter(row scanner) (store.DeadLetter, error) {
	return scanDeadLetterAnd(row, func(d *store.DeadLetter) []any { return []any{&d.Size, &d.Start} })
}

func scanDeadLetterAnd(row scanner, payload func(*store.DeadLetter) []any) (d store.DeadLetter, err error) {
	err = row.Scan(append([]any{&d.ID, &d.AppID, &d.EventID, &d.Lane, &d.TriggerID, &d.TriggerName, &d.ScriptID, &d.Source, &d.Operation,
		&d.GroupKey, &d.RootExecution, &d.Attempts, instant{&d.CreatedAt}, instant{&d.FirstAt}, instant{&d.LastAt}, &d.LastError,
		&d.Resolution, instant{&d.ResolvedAt}, &d.ResolvedBy, &d.ReplayedAs}, payload(&d)...)...)
	return d, err
}

// bury keeps a dead letter; of an app that is gone it keeps none.
func (s *sqlStore) bury(ctx context.Context, d *store.DeadLetter) error {
	id := d.ID
	if id == "" {
		id = newID()
	}
	_, err := s.tx.ExecContext(ctx, s.timed(deadInsert), s.db.now(), id, d.EventID, d.Lane, d.TriggerID, d.TriggerName, d.ScriptID,
		string(d.Source), d.Operation, d.GroupKey, d.RootExecution, d.Attempts, cut(d.CreatedAt), orNull(d.FirstAt), mended(d.LastError),
		string(d.Payload), d.AppID)
	return err
}

func (d deadLetters) Get(ctx context.Context, id string) (store.DeadLetter, error) {
	return one(ctx, d.s.reader(), "dead letter", scanDeadLetter, deadGet, id)
}

// chosen is the condition of a filter, with its arguments.
func chosen(filter store.DeadLetterFilter) (where string, args []any) {
	where, args = " WHERE app_id = $1", []any{filter.AppID}
	and := func(column, value string) {
		if value != "" {
			args = append(args, value)
			where += fmt.Sprintf(" AND %s = $%d", column, len(args))
		}
	}
	and("source", string(filter.Source))
	and("trigger_id", filter.TriggerID)
	and("script_id", filter.ScriptID)
	if filter.Unresolved {
		where += " AND " + undecided
	}
	if filter.Unreplayed {
		where += " AND resolution <> 'replayed'"
	}
	if filter.Newest != "" {
		args = append(args, filter.Newest)
		where += fmt.Sprintf(" AND id <= $%d", len(args))
	}
	return where, args
}

func (d deadLetters) List(ctx context.Context, filter store.DeadLetterFilter, page store.PageRequest) (store.Page[store.DeadLetter], error) {
	before, limit, err := afterName("dead letters", page)
	if err != nil {
		return store.Page[store.DeadLetter]{}, err
	}
	where, args := chosen(filter)
	if before != "" {
		args = append(args, before)
		where += fmt.Sprintf(" AND id < $%d", len(args))
	}
	args = append(args, limit+1)
	query := brief(`SELECT {brief} FROM dead_letters`, deadColumns) + where + fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args))
	rows, err := many(ctx, d.s.reader(), "dead letters", scanBriefDeadLetter, query, args...)
	return pageOf(rows, limit, func(last store.DeadLetter) string { return makeCursor("dead letters", last.ID) }), err
}

func (d deadLetters) Count(ctx context.Context, filter store.DeadLetterFilter) (n int64, err error) {
	where, args := chosen(filter)
	if !storable(args) {
		return 0, nil
	}
	err = d.s.reader().QueryRowContext(ctx, `SELECT COUNT(*) FROM dead_letters`+where, args...).Scan(&n)
	return n, failed(ctx, "count dead letters", err)
}

func (d deadLetters) Resolve(ctx context.Context, id string, as store.Resolution, by, replayedAs string) (letter store.DeadLetter, err error) {
	err = d.s.join(ctx, "resolve dead letter", func(tx *sqlStore) error {
		before := was(tx.tx, func() (store.DeadLetter, error) { return one(ctx, tx.tx, "dead letter", scanDeadLetter, deadGet, id) })
		n, err := affect(ctx, tx.tx, tx.timed(deadResolve), tx.db.now(), id, string(as), mended(by), replayedAs)
		if err != nil {
			return err
		}
		letter, err = one(ctx, tx.tx, "dead letter", scanDeadLetter, deadGet, id)
		if err == nil && n == 0 {
			err = &fault.Error{
				Code: fault.Conflict, Text: "the dead letter has been replayed already, as the event " + letter.ReplayedAs,
				Field: "resolution", Reason: "has been replayed already, as the event " + letter.ReplayedAs, Value: string(letter.Resolution),
			}
		}
		note(tx.tx, noted{"dead-letter", letter.AppID, id, before, letter})
		return err
	})
	return letter, err
}

func (d deadLetters) Delete(ctx context.Context, id string) error {
	return d.s.join(ctx, "delete dead letter", func(tx *sqlStore) error {
		return deleteOne(ctx, tx.tx, "dead letter", deadDelete, id)
	})
}

func (d deadLetters) Purge(ctx context.Context, filter store.DeadLetterFilter, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	where, args := chosen(filter)
	args = append(args, limit)
	query := `DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters` + where + fmt.Sprintf(" ORDER BY id LIMIT $%d)", len(args))
	n, err := affect(ctx, d.s.writer(), query, args...)
	return int(n), failed(ctx, "purge dead letters", err)
}

func (d deadLetters) DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, d.s.writer(), deadBefore, cut(before), limit)
	return int(n), failed(ctx, "delete dead letters", err)
}
