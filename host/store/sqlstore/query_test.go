package sqlstore

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	expect "github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// What a transaction runs for the first time is prepared for those after it, on the one connection
// that writes.
func TestTransactionsPrepare(t *testing.T) {
	ctx := context.Background()
	writer, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	expect.NoError(t, err)
	defer writer.Close()
	writer.SetMaxOpenConns(1)
	_, err = writer.Exec(`CREATE TABLE rows (n INTEGER)`)
	expect.NoError(t, err)
	db := &database{Config: Config{Write: writer}, statements: &statements{db: writer}}
	const (
		insert  = `INSERT INTO rows (n) VALUES ($1)`
		count   = `SELECT count(*) FROM rows`
		list    = `SELECT n FROM rows ORDER BY n`
		invalid = `INSERT INTO nowhere VALUES (1)`
	)
	for n := range 3 {
		tx, err := db.begin(ctx, nil)
		expect.NoError(t, err)
		for _, query := range []string{insert, count, list} {
			assert.Equal(t, n > 0, db.statements.known(query) != nil, "transaction %d: %s", n, query)
		}
		_, err = tx.ExecContext(ctx, insert, n)
		expect.NoError(t, err)
		var rows int
		expect.NoError(t, tx.QueryRowContext(ctx, count).Scan(&rows))
		assert.Equal(t, n+1, rows)
		listed, err := many(ctx, tx, "rows", func(row scanner) (i int, err error) { return i, row.Scan(&i) }, list)
		expect.NoError(t, err)
		assert.Len(t, listed, n+1)
		_, err = tx.ExecContext(ctx, invalid)
		assert.ErrorContains(t, err, "no such table", "what cannot be prepared shows why each time")
		expect.NoError(t, tx.sql.Commit())
	}

	// What is rolled back leaves the statements as they were.
	tx, err := db.begin(ctx, nil)
	expect.NoError(t, err)
	_, err = tx.ExecContext(ctx, insert, 3)
	expect.NoError(t, err)
	expect.NoError(t, tx.sql.Rollback())
	var rows int
	expect.NoError(t, db.statements.outside().QueryRowContext(ctx, count).Scan(&rows))
	assert.Equal(t, 3, rows)
}
