package bare

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	kvRead = `SELECT key, value, expires_at FROM kv_entries WHERE app_id = $1 AND collection = $2 AND key = $3
		AND (expires_at IS NULL OR expires_at > $4)`
	kvWrite = `INSERT INTO kv_entries (app_id, collection, key, value, expires_at)
		SELECT id, $2, $3, $4, $5 FROM apps WHERE id = $1
		ON CONFLICT (app_id, collection, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`
)

func kvGet(ctx context.Context, d *Database, in Input) error {
	var key, value string
	var expires any
	if err := d.scan(ctx, []any{&key, &value, &expires}, kvRead, d.App, "bench", in.Key, time.Now()); err != nil {
		return err
	}
	if !strings.HasPrefix(value, `{"n":`) && !strings.Contains(value, `,"n":`) { // the order is the writer's
		return fmt.Errorf("another value: %s", value)
	}
	return nil
}

func kvSet(ctx context.Context, d *Database, in Input) error {
	value := fmt.Sprintf(`{"n":%d,"at":"%s"}`, d.number.Add(1), d.App)
	return d.exec(ctx, kvWrite, d.App, "bench", in.Key, value, nil)
}
