package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/store"
)

// TermIndex is how a database keeps the terms of documents.
type TermIndex struct {
	// Value makes the value of the column docs.terms.
	Value func(terms []int64) any
	// Any is the condition that a row of docs has one of the terms, whose arguments are numbered
	// from first.
	Any func(terms []int64, first int) (condition string, args []any)
	// Count is a query that counts the documents with one of the terms, but not beyond limit; its
	// column is called hits. The limit is written out: as an argument it would mislead PostgreSQL,
	// whose plan for any arguments takes a limit for a tenth of what is found, and reads the table.
	Count func(terms []int64, first, limit int) (query string, args []any)
	// Gate is a table to read before docs, if there is one, and a condition that holds if the
	// number that count finds is below limit, and is looked at before any row of docs is. It is the
	// nth in its statement.
	Gate func(count string, limit, nth int) (table, condition string)
}

// CommonTerm is the number of documents from which on the index of terms does not help to find the
// first few of them: who reads documents in the order of their ids soon meets one.
const CommonTerm = 5000

// rareTerm is the number of documents below which those with a term are looked for without counting
// them first: more would be read in vain.
const rareTerm = 500

const (
	docScan     = `SELECT id, version, created_at, updated_at, data FROM `
	docsTable   = `docs `
	docsInOrder = `WHERE app_id = $1 AND collection = $2 AND id > $3`
	// docsByTerm leaves a database only the index of terms. Its statistics know too little of one
	// app among many to choose.
	docsByTerm = `WHERE app_id || '' = $1 AND collection || '' = $2 AND id > $3`

	docCount       = `SELECT count(*) FROM docs WHERE app_id = $1 AND collection = $2`
	docCollections = `SELECT collection, count(*) FROM docs WHERE app_id = $1 AND collection > $2
		GROUP BY collection ORDER BY collection LIMIT $3`
)

// scanQuery is the statement of a query and its arguments. Its text depends on the number of
// groups, how large they are, and whether there is a limit. If rare, it finds nothing unless the
// terms of each group are rare.
func (d docs) scanQuery(query store.DocumentQuery, rare bool) (string, []any) {
	terms := d.db.Dialect.Terms
	args := []any{query.AppID, query.Collection, query.After}
	var gates, conditions strings.Builder
	for i, group := range query.Terms {
		condition, more := terms.Any(group, len(args)+1)
		conditions.WriteString(" AND " + condition)
		if rare {
			count, _ := terms.Count(group, len(args)+1, rareTerm)
			table, condition := terms.Gate(count, rareTerm, i+1)
			gates.WriteString(table)
			conditions.WriteString(" AND " + condition)
		}
		args = append(args, more...)
	}
	statement := docScan + gates.String() + docsTable
	if len(query.Terms) > 0 {
		statement += docsByTerm + conditions.String()
	} else {
		statement += docsInOrder
	}
	if query.Limit > 0 {
		args = append(args, query.Limit)
		statement += " ORDER BY id LIMIT $" + strconv.Itoa(len(args))
	}
	return statement, args
}

// selective are the groups of terms that help to find the first documents; none tells that there is
// no document with a term of each.
func (d docs) selective(ctx context.Context, groups [][]int64) (helpful [][]int64, none bool, err error) {
	for _, group := range groups {
		var count int
		query, args := d.db.Dialect.Terms.Count(group, 1, CommonTerm)
		if err := d.reader().QueryRowContext(ctx, query, args...).Scan(&count); err != nil {
			return nil, false, failed(ctx, "find documents", err)
		}
		if count == 0 {
			return nil, true, nil
		}
		if count < CommonTerm {
			helpful = append(helpful, group)
		}
	}
	return helpful, false, nil
}

func (d docs) Scan(ctx context.Context, query store.DocumentQuery, visit func(store.Document) error) (looked store.Looked, err error) {
	if !storable([]any{query.AppID, query.Collection, query.After}) {
		return looked, nil
	}
	if query.Limit > 0 && len(query.Terms) > 0 {
		// Most often this is all there is to do.
		if looked, err = d.scan(ctx, query, true, visit); err != nil || looked.Documents > 0 {
			return looked, err
		}
		none := false
		if query.Terms, none, err = d.selective(ctx, query.Terms); err != nil || none {
			return looked, err
		}
	}
	return d.scan(ctx, query, false, visit)
}

func (d docs) scan(ctx context.Context, query store.DocumentQuery, rare bool, visit func(store.Document) error) (looked store.Looked, err error) {
	statement, args := d.scanQuery(query, rare)
	rows, err := d.reader().QueryContext(ctx, statement, args...)
	if err != nil {
		return looked, failed(ctx, "find documents", err)
	}
	defer rows.Close()
	var (
		id, version, created, updated driverValue
		data                          sql.RawBytes // not copied: most are looked at and dropped
	)
	for rows.Next() {
		if err := rows.Scan(&id, &version, &created, &updated, &data); err != nil {
			return looked, failed(ctx, "find documents", err)
		}
		looked.Documents++
		looked.Last, _ = id.value.(string)
		doc := store.Document{ID: looked.Last, Data: json.RawMessage(data)}
		doc.Version, _ = version.value.(int64)
		if err := errors.Join(instant{&doc.CreatedAt}.Scan(created.value), instant{&doc.UpdatedAt}.Scan(updated.value)); err != nil {
			return looked, failed(ctx, "find documents", err)
		}
		if query.Match != nil && !query.Match(&doc) {
			continue
		}
		if err := visit(doc); err != nil {
			return looked, err
		}
	}
	return looked, failed(ctx, "find documents", rows.Err())
}

// driverValue is a column as the driver gives it: a text as a string, an integer as an int64. Few
// of those that are read are wanted.
type driverValue struct{ value any }

func (v *driverValue) Scan(value any) error {
	v.value = value
	return nil
}

func (d docs) Count(ctx context.Context, appID, collection string) (count int64, err error) {
	if !storable([]any{appID, collection}) {
		return 0, nil
	}
	err = d.reader().QueryRowContext(ctx, docCount, appID, collection).Scan(&count)
	return count, failed(ctx, "count documents", err)
}

func (d docs) Collections(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.DocumentCollection], error) {
	name := func(c store.DocumentCollection) string { return c.Name }
	return pageBy(ctx, d.reader(), "doc collections", scanDocumentCollection, name, page, docCollections, appID)
}

func scanDocumentCollection(row scanner) (c store.DocumentCollection, err error) {
	err = row.Scan(&c.Name, &c.Count)
	return c, err
}
