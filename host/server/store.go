package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// OpenStore opens the database of a server, and brings its schema up to date. Listeners are told of
// changes of apps' data; nil: nobody is. One that a restore has left unfinished is refused.
func OpenStore(ctx context.Context, at *config.Location, listeners store.Listeners) (store.Store, error) {
	if at.DatabaseURL != "" {
		return postgres.Open(ctx, postgres.Config{URL: at.DatabaseURL, Listeners: listeners})
	}
	if _, err := os.Lstat(filepath.Join(at.Data, unfinishedRestore)); !errors.Is(err, fs.ErrNotExist) {
		return nil, cmp.Or(err, restoreBroken(at.Data))
	}
	return sqlite.Open(ctx, sqlite.Config{Path: databaseFile(at), Listeners: listeners})
}

// databaseFile is where SQLite keeps the database.
func databaseFile(at *config.Location) string { return filepath.Join(at.Data, sqlite.FileName) }

// unfinishedRestore is the name of the database until all that belongs to it is restored.
const unfinishedRestore = ".restoring-" + sqlite.FileName

// restoreBroken says that a restore to a directory ended without its end, as one that was killed.
func restoreBroken(dir string) error {
	return fmt.Errorf("a restore to %s broke off, and there is nothing whole in it: restore the backup again, to a new directory", dir)
}
