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

// SegmentPlans are the database's plans of the statements that read, join and remove segments of executions of a script, by what
// they are for.
func SegmentPlans(ctx context.Context, s store.Store, explain, script, id string) (map[string]string, error) {
	e := s.Executions().(executions)
	dialect := e.s.db.Dialect
	one := func(text string) any { return dialect.Texts([]string{text}) }
	w := all(rowsOfScript, script)
	search := []any{w.key, int64(1500), int64(500), w.failed, w.succeeded, w.level, w.linesFrom, w.from, w.to, 16}
	plans := map[string]string{}
	for name, of := range map[string]struct {
		statement string
		args      []any
	}{
		"newest first":       {strings.Replace(searchNewestFirst, "{rest}", "s.rest", 1), search},
		"oldest first":       {strings.Replace(searchOldestFirst, "{rest}", "s.rest", 1), search},
		"last":               {executionLast, []any{script}},
		"ids":                {strings.ReplaceAll(segmentsOfIDs, "{texts}", dialect.OneOfTexts), []any{one(idKey(id))}},
		"one":                {segmentRead, []any{1000}},
		"of what is deleted": {segmentOf, []any{script}},
		"old":                {segmentsBefore + dialect.ForUpdate, []any{int64(0)}},
		"open":               {segmentsOpen, nil},
		"to be joined":       {segmentsWithin + dialect.ForUpdate, []any{1000, 1100}},
		"removed":            {segmentRemove, []any{1000}},
		"their index":        {segmentIndexRemove, []any{1000}},
		"contents":           {scriptCount, []any{script, store.MaxContents}},
	} {
		plan, err := s.Docs().(docs).planOf(ctx, explain, of.statement, of.args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		plans[name] = plan
	}
	return plans, nil
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
