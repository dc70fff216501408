package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/picloud/picloud/host/store"
)

const (
	docGeneration    = `SELECT value FROM meta WHERE name = 'docs_terms'`
	docGenerationSet = `INSERT INTO meta (name, value) VALUES ('docs_terms', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`

	docsAfter = `SELECT app_id, collection, id, version, data FROM docs WHERE (app_id, collection, id) > ($1, $2, $3)
		ORDER BY app_id, collection, id LIMIT 16`
	docTerms = `UPDATE docs SET terms = $5` + docKey + ` AND version = $4`
)

// indexed is a document as it is indexed.
type indexed struct {
	key     store.DocumentKey
	version int64
	data    json.RawMessage
}

func scanIndexed(row scanner) (d indexed, err error) {
	err = row.Scan(&d.key.AppID, &d.key.Collection, &d.key.ID, &d.version, (*[]byte)(&d.data))
	return d, err
}

func (d docs) Reindex(ctx context.Context, generation int, terms func(appID, collection string, data json.RawMessage) []int64) (n int, err error) {
	const op = "index documents"
	done, err := one(ctx, d.reader(), "generation", scanBytes, docGeneration)
	switch {
	case err == nil && done == int64(generation):
		return 0, nil
	case err != nil && !missing(err):
		return 0, err
	}
	var last store.DocumentKey
	for {
		page, err := many(ctx, d.reader(), "documents", scanIndexed, docsAfter, last.AppID, last.Collection, last.ID)
		if err != nil {
			return n, err
		}
		if len(page) == 0 {
			break
		}
		err = d.apart(ctx, op, func(tx *sqlStore) error {
			for _, doc := range page { // one that has changed meanwhile has terms of its new data
				value := d.db.Dialect.Terms.Value(terms(doc.key.AppID, doc.key.Collection, doc.data))
				if _, err := affect(ctx, tx.tx, docTerms, docArgs(doc.key, doc.version, value)...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(page)
		last = page[len(page)-1].key
	}
	_, err = d.writer().ExecContext(ctx, docGenerationSet, generation)
	return n, failed(ctx, op, err)
}
