package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

// Plan returns the database's plan of a query for documents.
func Plan(ctx context.Context, s store.Store, explain string, query store.DocumentQuery) (string, error) {
	d := s.Docs().(docs)
	if query.Limit > 0 {
		var err error
		if query.Terms, _, err = d.selective(ctx, query.Terms); err != nil {
			return "", err
		}
	}
	return d.plan(ctx, explain, query, false)
}

// GatedPlan is how it would first try to, if the terms turn out to be rare.
func GatedPlan(ctx context.Context, s store.Store, explain string, query store.DocumentQuery) (string, error) {
	return s.Docs().(docs).plan(ctx, explain, query, true)
}

// IndexPlan is the database's plan of a query of an index.
func IndexPlan(ctx context.Context, s store.Store, explain string, query store.IndexQuery) (string, error) {
	d := s.Docs().(docs)
	statement, args := d.indexQuery(query, rounded(query.Limit))
	return d.planOf(ctx, explain, statement, args)
}

// IndexCountPlan is its plan of counting what an index finds.
func IndexCountPlan(ctx context.Context, s store.Store, explain string, query store.IndexQuery) (string, error) {
	return s.Docs().(docs).planOf(ctx, explain, fmt.Sprintf(entriesCount, query.Limit), []any{query.Index.ID, query.From, query.To, store.SeveralKey})
}

func (d docs) plan(ctx context.Context, explain string, query store.DocumentQuery, rare bool) (string, error) {
	statement, args := d.scanQuery(query, rare)
	return d.planOf(ctx, explain, statement, args)
}

func (d docs) planOf(ctx context.Context, explain, statement string, args []any) (string, error) {
	rows, err := d.db.Write.QueryContext(ctx, explain+" "+statement, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	row := make([]any, len(columns))
	var last string // the column that tells
	for i := range row {
		row[i] = new(any)
	}
	row[len(row)-1] = &last
	var lines []string
	for rows.Next() {
		if err := rows.Scan(row...); err != nil {
			return "", err
		}
		lines = append(lines, last)
	}
	return strings.Join(lines, "\n"), rows.Err()
}

// Exec runs a statement.
func Exec(ctx context.Context, s store.Store, statement string) error {
	_, err := s.(*sqlStore).writer().ExecContext(ctx, statement)
	return err
}

// WasmModules are the hashes of all modules there are, whoever has them.
func WasmModules(ctx context.Context, s store.Store) ([]string, error) {
	return many(ctx, s.(*sqlStore).reader(), "wasm modules", text, `SELECT sha256 FROM wasm_modules ORDER BY size`)
}

// MostShares is how many share a commit at most.
const MostShares = mostShares

// Unhurried lets a group of transactions that share a commit last as long as it takes.
func Unhurried(s store.Store) { s.(*sqlStore).db.commits.longest = time.Hour }

// InLine returns how many wait for their share of a commit, beside the one who has the connection or waits for it.
func InLine(s store.Store) (n int) {
	c := s.(*sqlStore).db.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, app := range c.line.apps {
		n += len(app.line)
	}
	return n
}
