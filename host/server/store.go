package server

import (
	"context"
	"path/filepath"

	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// OpenStore opens the database of a server, and brings its schema up to date. Listeners are told of
// changes of apps' data; nil: nobody is.
func OpenStore(ctx context.Context, at *config.Location, listeners store.Listeners) (store.Store, error) {
	if at.DatabaseURL != "" {
		return postgres.Open(ctx, postgres.Config{URL: at.DatabaseURL, Listeners: listeners})
	}
	return sqlite.Open(ctx, sqlite.Config{Path: databaseFile(at), Listeners: listeners})
}

// databaseFile is where SQLite keeps the database.
func databaseFile(at *config.Location) string { return filepath.Join(at.Data, sqlite.FileName) }
