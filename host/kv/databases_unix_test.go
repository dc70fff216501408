//go:build unix

package kv_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

func init() {
	databases["postgres"] = database{
		place: func(tb testing.TB) string { return pgtest.URL(tb) },
		open: func(place string, now func() time.Time, listeners store.Listeners) (store.Store, error) {
			return postgres.Open(context.Background(), postgres.Config{URL: place, Now: now, Listeners: listeners})
		},
		bare: func(place string) (*sql.DB, error) { return sql.Open("pgx", place) },
	}
}
