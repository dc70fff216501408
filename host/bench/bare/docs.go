package bare

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/store"
)

const (
	docColumns = `SELECT id, version, created_at, updated_at, data FROM docs `
	docRead    = docColumns + `WHERE app_id = $1 AND collection = $2 AND id = $3`
	docInsert  = `INSERT INTO docs (app_id, collection, id, version, created_at, updated_at, terms, data)
		SELECT id, $2, $3, $4, $5, $6, $7, $8 FROM apps WHERE id = $1 ON CONFLICT DO NOTHING`
	// docSearch lets a database use only the index of terms, as PiCloud's query does.
	docSearch = docColumns + `WHERE app_id || '' = $1 AND collection || '' = $2 AND id > $3 AND %s ORDER BY id LIMIT $5`
)

func docsCreate(ctx context.Context, d *Database, _ Input) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := time.Now()
	return d.exec(ctx, docInsert, d.App, "new", id.String(), 1, now, now, d.terms([]int64{1, 2, rand.Int64(), rand.Int64()}),
		fmt.Sprintf(`{"number":%d,"name":"document","city":"Bern","at":"%s"}`, d.number.Add(1), d.App))
}

// document is where the columns of a document go.
type document struct {
	id, data         string
	version          int64
	created, updated any
}

func (to *document) columns() []any {
	return []any{&to.id, &to.version, &to.created, &to.updated, &to.data}
}

// check refuses another document than the one that is read of many.
func (d *document) check() error {
	if !strings.Contains(d.data, `"number":4711,`) {
		return fmt.Errorf("another document: %s", d.data)
	}
	return nil
}

func docsGet(ctx context.Context, d *Database, _ Input) error {
	var read document
	if err := d.scan(ctx, read.columns(), docRead, d.App, "bench", d.Doc); err != nil {
		return err
	}
	return read.check()
}

func docsFind(ctx context.Context, d *Database, _ Input) error {
	var found document
	err := d.scan(ctx, found.columns(), fmt.Sprintf(docSearch, d.byTerm),
		d.App, "bench", "", d.terms([]int64{d.Term}), store.DefaultPageSize+1)
	if err != nil {
		return err
	}
	return found.check()
}
