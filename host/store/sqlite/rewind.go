package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	driver "modernc.org/sqlite"

	"github.com/picloud/picloud/host/store"
)

// A Rewinder brings a database back to what it was at a moment. The database must be for nobody else, and what
// is kept of it in memory must still be true then: it is for tests of apps, which leave scripts, routes and
// triggers as they are.
type Rewinder struct {
	writer *sql.DB
	mark   string // the file that has what it was
}

// Mark remembers what is in the database now.
func (r *Rewinder) Mark(ctx context.Context) error { return r.copy(ctx, "mark", false) }

// Rewind makes the database what it was when it was marked.
func (r *Rewinder) Rewind(ctx context.Context) error { return r.copy(ctx, "rewind", true) }

// copy copies all pages, by SQLite's own means for backups.
func (r *Rewinder) copy(ctx context.Context, what string, back bool) error {
	writer, err := r.writer.Conn(ctx)
	if err != nil {
		return store.Failed(what, err)
	}
	defer writer.Close()
	err = writer.Raw(func(conn any) error {
		c, ok := conn.(interface {
			NewBackup(to string) (*driver.Backup, error)
			NewRestore(from string) (*driver.Backup, error)
		})
		if !ok {
			return fmt.Errorf("%T makes no copies", conn)
		}
		begin := c.NewBackup
		if back {
			begin = c.NewRestore
		}
		copying, err := begin(r.mark)
		if err != nil {
			return err
		}
		_, err = copying.Step(-1)
		if ended := copying.Finish(); err == nil {
			err = ended
		}
		return err
	})
	if err != nil {
		return store.Failed(what, err)
	}
	return nil
}
