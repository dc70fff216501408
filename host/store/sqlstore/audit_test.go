//go:build unix

package sqlstore_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/store/sqlstore"
)

// The databases themselves refuse to change an entry or to delete one outside retention; and a commit
// that fails leaves neither the change nor its entry.
func TestAuditStays(t *testing.T) {
	ctx := context.Background()
	for _, database := range []struct {
		name   string
		open   func(t *testing.T) (store.Store, error)
		refuse []string // besides what both refuse
	}{
		{
			"sqlite",
			func(t *testing.T) (store.Store, error) {
				return sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
			},
			[]string{`INSERT OR REPLACE INTO audit SELECT at, id, 'system', '', '', '', '', '', '', '', '', '', '', '', NULL, NULL, 0, 1 FROM audit`},
		},
		{
			"postgres",
			func(t *testing.T) (store.Store, error) {
				return postgres.Open(ctx, postgres.Config{URL: pgtest.URL(t)})
			},
			[]string{`TRUNCATE audit`},
		},
	} {
		t.Run(database.name, func(t *testing.T) {
			s, err := database.open(t)
			require.NoError(t, err)
			defer s.Close()
			deed := func() context.Context {
				return store.WithDeed(ctx, store.NewDeed(store.AuditEntry{Actor: store.ActorSystem, Action: "test", Outcome: store.OutcomeDone}))
			}
			_, err = s.Apps().Create(deed(), store.App{Slug: "kept"})
			require.NoError(t, err)
			list := func() []store.AuditEntry {
				t.Helper()
				page, err := s.Audit().List(ctx, store.AuditQuery{})
				require.NoError(t, err)
				return page.Items
			}
			before := list()
			require.Len(t, before, 1)

			for _, statement := range append(database.refuse,
				`UPDATE audit SET username = 'another'`,
				`UPDATE audit SET count = count`,
				`DELETE FROM audit`,
				`DELETE FROM audit WHERE kind = 'app'`,
			) {
				err := sqlstore.Exec(ctx, s, statement)
				assert.ErrorContains(t, err, "an entry of the audit cannot be", statement)
				assert.Equal(t, before, list(), statement)
			}
			n, err := s.Audit().DeleteBefore(ctx, before[0].At, 10)
			require.NoError(t, err)
			assert.Zero(t, n, "what is not older stays")
			assert.Error(t, sqlstore.Exec(ctx, s, `DELETE FROM audit`), "after retention as before")

			// A constraint that is checked by the commit.
			require.NoError(t, sqlstore.Exec(ctx, s, `CREATE TABLE broken (app TEXT REFERENCES apps (id) DEFERRABLE INITIALLY DEFERRED)`))
			failing := deed()
			err = s.InTx(failing, func(tx store.Store) error {
				if _, err := tx.Apps().Create(failing, store.App{Slug: "dropped"}); err != nil {
					return err
				}
				return sqlstore.Exec(failing, tx, `INSERT INTO broken VALUES ('no app')`)
			})
			require.Equal(t, fault.Storage, fault.Of(err))
			_, err = s.Apps().GetBySlug(ctx, "dropped")
			require.Equal(t, fault.NotFound, fault.Of(err))
			require.Equal(t, before, list(), "no entry without its change")
			_, err = s.Apps().Create(failing, store.App{Slug: "again"})
			require.NoError(t, err)
			require.Len(t, list(), 2, "the deed is recorded with the change that succeeds")

			n, err = s.Audit().DeleteBefore(ctx, time.Now().Add(time.Minute), 10)
			require.NoError(t, err)
			assert.Equal(t, 2, n)
			assert.Empty(t, list())
		})
	}
}
