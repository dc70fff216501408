package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

// audits implements [store.Audit].
type audits struct{ s *sqlStore }

const (
	auditColumns = `id, at, actor, user_id, username, key_id, address, request_id, action, outcome, reason, kind, object, app_id,
		state_before, state_after, truncated, count`
	auditInsert = `INSERT INTO audit (` + auditColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		ON CONFLICT DO NOTHING`
	auditKeep   = `UPDATE meta SET value = $1 WHERE name = 'audit_kept_from'`
	auditDelete = `DELETE FROM audit WHERE (at, id) IN (SELECT at, id FROM audit WHERE at < $1 ORDER BY at, id LIMIT $2)`
)

func scanAudit(row scanner) (e store.AuditEntry, err error) {
	err = row.Scan(&e.ID, instant{&e.At}, &e.Actor, &e.UserID, &e.Username, &e.KeyID, &e.Address, &e.RequestID, &e.Action, &e.Outcome, &e.Reason,
		&e.Kind, &e.Object, &e.AppID, (*[]byte)(&e.Before), (*[]byte)(&e.After), &e.Truncated, &e.Count)
	return e, err
}

// addAudit writes an entry. Where the time is the key, as in SQLite, another one may have it: then it is the next
// that none has.
func (db *database) addAudit(ctx context.Context, q queryer, e store.AuditEntry) error {
	args := []any{
		newID(), nil, string(e.Actor), mended(e.UserID), mended(e.Username), mended(e.KeyID), mended(e.Address), mended(e.RequestID),
		mended(e.Action), string(e.Outcome), mended(e.Reason), mended(e.Kind), mended(e.Object), mended(e.AppID),
		jsonOrNull(e.Before), jsonOrNull(e.After), e.Truncated, max(e.Count, 1),
	}
	for at := db.now(); ; at = at.Add(time.Microsecond) {
		args[1] = at
		result, err := q.ExecContext(ctx, auditInsert, args...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return err
		}
	}
}

// jsonOrNull is JSON to store, with nil for none.
func jsonOrNull(value json.RawMessage) any {
	if value == nil {
		return nil
	}
	return mended(string(value))
}

func (a audits) Add(ctx context.Context, entry store.AuditEntry) error {
	return failed(ctx, "record", a.s.db.addAudit(store.WithDeed(ctx, nil), a.s.writer(), entry))
}

func (a audits) List(ctx context.Context, query store.AuditQuery) (store.Page[store.AuditEntry], error) {
	limit, err := pageSize(query.Page)
	if err != nil {
		return store.Page[store.AuditEntry]{}, err
	}
	var where []string
	var args []any
	and := func(condition string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	for _, is := range []field{{"app_id", query.AppID}, {"action", query.Action}, {"object", query.Object}} {
		if is.value != "" {
			and(is.name+" = ?", is.value)
		}
	}
	if query.User != "" {
		and("(user_id = ? OR username = ?)", query.User)
	}
	if !query.From.IsZero() {
		and("at >= ?", cut(query.From.Add(time.Microsecond-time.Nanosecond)))
	}
	if !query.To.IsZero() {
		and("at < ?", cut(query.To.Add(time.Microsecond-time.Nanosecond)))
	}
	if query.Page.Cursor != "" {
		keys, err := readCursor("audit", query.Page.Cursor, 2)
		if err != nil {
			return store.Page[store.AuditEntry]{}, err
		}
		at, err := time.Parse(time.RFC3339Nano, keys[0])
		if err != nil {
			return store.Page[store.AuditEntry]{}, store.ErrInvalidCursor
		}
		args = append(args, cut(at), keys[1])
		where = append(where, fmt.Sprintf("(at, id) < ($%d, $%d)", len(args)-1, len(args)))
	}
	statement := `SELECT ` + auditColumns + ` FROM audit`
	if len(where) > 0 {
		statement += ` WHERE ` + strings.Join(where, ` AND `)
	}
	args = append(args, limit+1)
	rows, err := many(ctx, a.s.reader(), "audit", scanAudit, statement+fmt.Sprintf(` ORDER BY at DESC, id DESC LIMIT $%d`, len(args)), args...)
	return pageOf(rows, limit, func(last store.AuditEntry) string {
		return makeCursor("audit", last.At.Format(time.RFC3339Nano), last.ID)
	}), err
}

func (a audits) DeleteBefore(ctx context.Context, before time.Time, limit int) (n int, err error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	err = a.s.apart(ctx, "delete audit", func(tx *sqlStore) error {
		if _, err := tx.tx.ExecContext(ctx, auditKeep, cut(before).UnixMicro()); err != nil {
			return err
		}
		deleted, err := affect(ctx, tx.tx, auditDelete, cut(before), limit)
		if err != nil {
			return err
		}
		n = int(deleted)
		_, err = tx.tx.ExecContext(ctx, auditKeep, 0)
		return err
	})
	return n, err
}

// noted is what a transaction changes, as the entry of its deed will tell.
type noted struct {
	kind, appID, id string
	before, after   any // rows; nil: not there, or not told
}

// note tells the entry of a transaction what it changes: the first object that is noted. Of that one
// the first before and the last after count.
func note(tx queryer, n noted) {
	t, ok := tx.(*transaction)
	switch {
	case !ok || t.deed == nil:
	case t.noted.kind == "":
		t.noted = n
	case t.noted.kind == n.kind && t.noted.id == n.id:
		if t.noted.before == nil {
			t.noted.before = n.before
		}
		if n.after != nil {
			t.noted.after = n.after
		}
	}
}

// was reads a row as it is before a change, to be noted; nil where nothing is noted, or there is none.
func was[T any](tx queryer, read func() (T, error)) any {
	if t, ok := tx.(*transaction); !ok || t.deed == nil {
		return nil
	}
	row, err := read()
	if err != nil {
		return nil
	}
	return row
}

// wrote notes that a statement has changed something.
func wrote(tx queryer, statement string) {
	if t, ok := tx.(*transaction); ok && !strings.HasPrefix(statement, "SELECT ") {
		t.wrote = true
	}
}

// ExecContext notes whether the statement has changed something.
func (tx *transaction) ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	result, err := tx.queryer.ExecContext(ctx, statement, args...)
	if err == nil && tx.deed != nil && !tx.wrote {
		if n, _ := result.RowsAffected(); n > 0 { // both drivers count
			wrote(tx, statement)
		}
	}
	return result, err
}

// commit writes the entry of the transaction's deed, if it is the first to change something, and
// commits.
func (s *sqlStore) commit(ctx context.Context, tx *transaction) (err error) {
	if err := s.db.record(ctx, tx); err != nil {
		return err
	}
	if err = tx.sql.Commit(); err != nil {
		tx.giveBack()
	}
	return err
}

// giveBack has the entries be written by others, of a transaction that is undone.
func (tx *transaction) giveBack() {
	for _, deed := range tx.recorded {
		deed.GiveBack()
	}
}

// record writes the entry of the transaction's deed, if it is the first to change something.
func (db *database) record(ctx context.Context, tx *transaction) (err error) {
	if !tx.wrote {
		return nil
	}
	entry, first := tx.deed.Take()
	if !first {
		return nil
	}
	defer func() {
		if err != nil {
			tx.deed.GiveBack()
		} else {
			tx.recorded = append(tx.recorded, tx.deed)
		}
	}()
	n := tx.noted
	if n.kind != "" {
		entry.Kind, entry.Object = n.kind, n.id
	}
	if n.appID != "" {
		entry.AppID = n.appID
	}
	if tx.deed.Sum != nil {
		if count := tx.deed.Sum(entry); count != nil {
			tx.afterCommit = append(tx.afterCommit, count)
			return nil
		}
	}
	if n.kind != "" && tx.deed.Show != nil {
		entry.Before, entry.After, entry.Truncated = tx.deed.Show(n.before, n.after)
	}
	return db.addAudit(ctx, tx, entry)
}

// part runs fn within a transaction that goes on. If the context has a deed of its own, what fn changes is
// recorded as that, and not as a part of the transaction's.
func (s *sqlStore) part(ctx context.Context, fn func(tx store.Store) error) error {
	tx, deed := s.tx, store.DeedOf(ctx)
	if deed == tx.deed || !deed.Open() {
		return fn(s)
	}
	whole, wrote, before := tx.deed, tx.wrote, tx.noted
	defer func() { tx.deed, tx.wrote, tx.noted = whole, wrote, before }()
	tx.deed, tx.wrote, tx.noted = deed, false, noted{}
	if err := fn(s); err != nil {
		return err
	}
	return s.db.record(ctx, tx)
}

// single runs a statement that needs no transaction but to be recorded.
type single struct{ s *sqlStore }

func (q single) ExecContext(ctx context.Context, statement string, args ...any) (result sql.Result, err error) {
	if !store.DeedOf(ctx).Open() {
		return q.s.db.writer.ExecContext(ctx, statement, args...)
	}
	err = q.s.transact(ctx, "write", false, func(tx *transaction) error {
		result, err = tx.ExecContext(ctx, statement, args...)
		return err
	})
	return result, err
}

// QueryContext and QueryRowContext are not recorded: what changes rows and returns them belongs into a
// transaction.

func (q single) QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return q.s.db.writer.QueryContext(ctx, statement, args...)
}

func (q single) QueryRowContext(ctx context.Context, statement string, args ...any) *sql.Row {
	return q.s.db.writer.QueryRowContext(ctx, statement, args...)
}
