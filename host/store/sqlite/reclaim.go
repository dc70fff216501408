package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
)

const (
	maxLogFile = 64 << 20 // bytes that the write-ahead log keeps on the disk when it is not needed

	keptFree    = 4 << 20   // bytes of a database that stay free, to be used again
	reclaimStep = 1 << 20   // bytes at a time: others write in between
	rewritable  = 512 << 20 // bytes of a database that takes a few seconds to be rewritten
)

// makeReclaimable has a database of before free pages could be given back rewritten, which must happen
// once. A large one stays as it is: the statement VACUUM does it when nobody waits.
func makeReclaimable(ctx context.Context, db *sql.DB) error {
	const incremental = 2
	var mode int
	if err := db.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil || mode == incremental {
		return err
	}
	size, _, err := pages(ctx, db)
	if err != nil || size > rewritable {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM"); err != nil { // the connection has asked for the mode
		return fmt.Errorf("rewrite the database so that free pages can be given back: %w", err)
	}
	return nil
}

// reclaim gives free pages back until few are left.
func reclaim(ctx context.Context, db *sql.DB) (reclaimed int64, err error) {
	for {
		_, free, err := pages(ctx, db)
		if err != nil || free <= keptFree {
			return reclaimed, err
		}
		var pageSize int64
		if err := db.QueryRowContext(ctx, "PRAGMA page_size").Scan(&pageSize); err != nil {
			return reclaimed, err
		}
		step := min(free-keptFree, reclaimStep)
		if _, err := db.ExecContext(ctx, "PRAGMA incremental_vacuum("+strconv.FormatInt(max(step/pageSize, 1), 10)+")"); err != nil {
			return reclaimed, err
		}
		_, left, err := pages(ctx, db)
		if err != nil || left >= free { // the mode is not set, or others have freed as much
			return reclaimed, err
		}
		reclaimed += free - left
	}
}

// pages returns how many bytes a database has, and how many of them are free.
func pages(ctx context.Context, db *sql.DB) (size, free int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT page_count * page_size, freelist_count * page_size FROM pragma_page_count, pragma_page_size, pragma_freelist_count").Scan(&size, &free)
	return size, free, err
}
