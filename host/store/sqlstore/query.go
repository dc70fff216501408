package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/picloud/picloud/host/store"
)

// queryer runs statements: a database, a [transaction], or [preparing].
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// preparing prepares each statement once. The statements are the constants of
// this package, so there is a bounded number of them.
type preparing struct {
	db         *sql.DB
	statements sync.Map // *sql.Stmt by its text

	mu      sync.Mutex
	missing map[string]bool // that a transaction had to do without
}

// known returns query prepared, nil if it is not yet.
func (p *preparing) known(query string) *sql.Stmt {
	statement, _ := p.statements.Load(query)
	prepared, _ := statement.(*sql.Stmt)
	return prepared
}

// statement returns query prepared, or nil if that fails: running it unprepared
// then shows the error.
func (p *preparing) statement(ctx context.Context, query string) *sql.Stmt {
	if statement := p.known(query); statement != nil {
		return statement
	}
	statement, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	if first, twice := p.statements.LoadOrStore(query, statement); twice {
		statement.Close()
		return first.(*sql.Stmt)
	}
	return statement
}

// prepareMissing prepares what transactions missed: none can itself, while it has
// the one connection that writes.
func (p *preparing) prepareMissing(ctx context.Context) {
	p.mu.Lock()
	missing := p.missing
	p.missing = nil
	p.mu.Unlock()
	for query := range missing {
		p.statement(ctx, query)
	}
}

func (p *preparing) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.db.ExecContext(ctx, query, args...)
}

func (p *preparing) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.db.QueryContext(ctx, query, args...)
}

func (p *preparing) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.db.QueryRowContext(ctx, query, args...)
}

// transaction runs what is prepared as that, and notes what is not for the next.
type transaction struct {
	*sql.Tx
	prepared *preparing // nil: the driver prepares
}

func (t *transaction) statement(ctx context.Context, query string) *sql.Stmt {
	if t.prepared == nil {
		return nil
	}
	statement := t.prepared.known(query)
	if statement == nil {
		t.prepared.mu.Lock()
		defer t.prepared.mu.Unlock()
		if t.prepared.missing == nil {
			t.prepared.missing = map[string]bool{}
		}
		t.prepared.missing[query] = true
		return nil
	}
	return t.StmtContext(ctx, statement)
}

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := t.statement(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := t.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := t.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// scanner is a row to read: *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// one reads the row that a query finds; none, as for an argument that no row
// can hold, is "resource not found".
func one[T any](ctx context.Context, q queryer, resource string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	var none T
	if !storable(args) {
		return none, notFound(resource)
	}
	row, err := scan(q.QueryRowContext(ctx, query, args...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return none, notFound(resource)
	case err != nil:
		return none, failed(ctx, "read "+resource, err)
	}
	return row, nil
}

// many reads all rows that a query finds.
func many[T any](ctx context.Context, q queryer, resource string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	list := []T{}
	if !storable(args) {
		return list, nil
	}
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failed(ctx, "list "+resource, err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, failed(ctx, "list "+resource, err)
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(ctx, "list "+resource, err)
	}
	return list, nil
}

// exists tells whether a query finds a row.
func exists(ctx context.Context, q queryer, query string, args ...any) (bool, error) {
	if !storable(args) {
		return false, nil
	}
	var found int
	err := q.QueryRowContext(ctx, query, args...).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// affect runs a statement and tells how many rows it concerned.
func affect(ctx context.Context, q queryer, statement string, args ...any) (int64, error) {
	if !storable(args) {
		return 0, nil
	}
	result, err := q.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// deleteOne runs a statement that must delete a row.
func deleteOne(ctx context.Context, q queryer, resource, statement string, args ...any) error {
	n, err := affect(ctx, q, statement, args...)
	if err != nil {
		return failed(ctx, "delete "+resource, err)
	}
	if n == 0 {
		return notFound(resource)
	}
	return nil
}

// text reads a row of one text.
func text(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}

func notFound(resource string) error {
	return fmt.Errorf("%s %w", resource, store.ErrNotFound)
}
