package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/picloud/picloud/host/fault"
)

// queryer runs statements: a database, a [transaction], or [preparedFirst].
type queryer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// preparedFirst runs a query as the statement that find has for it, else as text.
type preparedFirst struct {
	find   func(ctx context.Context, query string) *sql.Stmt // nil: there is none
	asText queryer
}

func (p preparedFirst) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.find(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.asText.ExecContext(ctx, query, args...)
}

func (p preparedFirst) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.find(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.asText.QueryContext(ctx, query, args...)
}

func (p preparedFirst) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.find(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.asText.QueryRowContext(ctx, query, args...)
}

// statements prepares each statement of a database once. They are the constants of this package and
// what it makes of a bounded number of parts, so their number is bounded.
type statements struct {
	db       *sql.DB
	prepared sync.Map // *sql.Stmt by its text

	mu      sync.Mutex
	missing map[string]bool // that a transaction had to do without
}

// outside runs statements outside of transactions.
func (p *statements) outside() queryer { return preparedFirst{p.statement, p.db} }

// within runs statements in a transaction, which cannot prepare any while it has the one connection
// that writes: what is not prepared yet will be for the next.
func (p *statements) within(tx *sql.Tx) queryer {
	here := map[string]*sql.Stmt{}
	return preparedFirst{func(_ context.Context, query string) *sql.Stmt {
		if s := here[query]; s != nil {
			return s
		}
		if s := p.known(query); s != nil {
			here[query] = tx.StmtContext(context.Background(), s) // it serves others, too
			return here[query]
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.missing == nil {
			p.missing = map[string]bool{}
		}
		p.missing[query] = true
		return nil
	}, tx}
}

// known returns query prepared, nil if it is not yet.
func (p *statements) known(query string) *sql.Stmt {
	statement, _ := p.prepared.Load(query)
	prepared, _ := statement.(*sql.Stmt)
	return prepared
}

// statement returns query prepared, or nil if that fails: running it as text then shows the error.
func (p *statements) statement(ctx context.Context, query string) *sql.Stmt {
	if statement := p.known(query); statement != nil {
		return statement
	}
	statement, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	if first, twice := p.prepared.LoadOrStore(query, statement); twice {
		statement.Close()
		return first.(*sql.Stmt)
	}
	return statement
}

// prepareMissing prepares what transactions had to do without.
func (p *statements) prepareMissing(ctx context.Context) {
	p.mu.Lock()
	missing := p.missing
	p.missing = nil
	p.mu.Unlock()
	for query := range missing {
		p.statement(ctx, query)
	}
}

// scanner is a row to read: *sql.Row or *sql.Rows.
type scanner = interface{ Scan(dest ...any) error }

// one reads the row that a query finds; none, as for an argument that no row can hold, is "resource
// not found".
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
	wrote(q, query)
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
	if len(list) > 0 {
		wrote(q, query)
	}
	return list, nil
}

// exists reports whether a query finds a row.
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

// affect runs a statement and returns the number of rows it concerned.
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
	return fault.Missing(resource)
}
