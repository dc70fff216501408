package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
)

// backups implements [store.Backups], with a number of microseconds among those that the database keeps.
type backups struct{ s *sqlStore }

const (
	backupGet   = `SELECT value FROM meta WHERE name = 'backup'`
	backupFirst = `INSERT INTO meta (name, value) VALUES ('backup', $1) ON CONFLICT (name) DO NOTHING`
	backupNext  = `UPDATE meta SET value = $1 WHERE name = 'backup' AND value = $2`
)

func (b backups) Begun(ctx context.Context) (time.Time, bool, error) {
	at, err := one(ctx, b.s.reader(), "backup", scanBytes, backupGet)
	if fault.Of(err) == fault.NotFound {
		return time.Time{}, false, nil
	}
	return time.UnixMicro(at).UTC(), err == nil, err
}

func (b backups) Begin(ctx context.Context, at, before time.Time) (bool, error) {
	statement, args := backupNext, []any{at.UnixMicro(), before.UnixMicro()}
	if before.IsZero() {
		statement, args = backupFirst, args[:1]
	}
	n, err := affect(ctx, b.s.writer(), statement, args...)
	return n == 1, failed(ctx, "begin backup", err)
}
