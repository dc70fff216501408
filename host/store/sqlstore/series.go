package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

// series implements [store.Series].
type series struct{ s *sqlStore }

// countColumns are the columns of [store.Counts].
var countColumns = store.CountNames[:]

// eachCount writes something of each column of counts.
func eachCount(format func(i int, column string) string) string {
	parts := make([]string, len(countColumns))
	for i, column := range countColumns {
		parts[i] = format(i, column)
	}
	return strings.Join(parts, ", ")
}

var (
	// seriesAdd does nothing when the app or the script is gone.
	seriesAdd = `INSERT INTO series (app_id, script_id, step, at, ` + strings.Join(countColumns, ", ") + `)
		SELECT id, $2, $3, $4, ` + eachCount(func(i int, _ string) string { return fmt.Sprintf("$%d", 5+i) }) + `
		FROM apps WHERE id = $1 AND ` + liveApp + ` AND ($2 = '' OR EXISTS (
			SELECT 1 FROM scripts s WHERE s.id = $2 AND s.app_id = apps.id AND s.deleted_at IS NULL))
		ON CONFLICT (app_id, script_id, step, at) DO UPDATE SET ` +
		eachCount(func(_ int, column string) string { return column + " = series." + column + " + excluded." + column })

	countSums  = eachCount(func(_ int, column string) string { return "CAST(SUM(" + column + ") AS BIGINT)" })
	seriesList = `SELECT at / $6 * $6 AS piece, ` + countSums + ` FROM series
		WHERE app_id = $1 AND script_id = $2 AND step = $3 AND at >= $4 AND at < $5 GROUP BY at / $6 ORDER BY piece`
	// seriesByScript adds up the minutes up to a full hour, $5, the hours up to another, $7, and the minutes that remain.
	seriesByScript = `SELECT script_id, (SELECT s.name FROM scripts s WHERE s.id = pieces.script_id), ` + countSums + ` FROM (` +
		seriesPieces("$3", "$4", "$5") + ` UNION ALL ` + seriesPieces("$6", "$5", "$7") + ` UNION ALL ` + seriesPieces("$3", "$7", "$8") + `) AS pieces
		GROUP BY script_id ORDER BY SUM(` + strings.Join(countColumns[store.CountOK:store.CountServerErrors], " + ") + `) DESC, script_id LIMIT $9`
	seriesDeleteBefore = `DELETE FROM series WHERE (app_id, script_id, step, at) IN (
		SELECT app_id, script_id, step, at FROM series WHERE step = $1 AND at < $2 ORDER BY at LIMIT $3)`
)

// seriesPieces are the pieces of a kept length of the scripts of an app, $1, that there are, or of one of them, $2.
func seriesPieces(kept, from, to string) string {
	return `SELECT script_id, ` + strings.Join(countColumns, ", ") + ` FROM series
		WHERE app_id = $1 AND script_id IN (SELECT s.id FROM scripts s WHERE s.app_id = $1 AND s.deleted_at IS NULL AND ($2 = '' OR s.id = $2))
			AND step = ` + kept + ` AND at >= ` + from + ` AND at < ` + to
}

// places are pointers to each of the counts.
func places(c *store.Counts) []any {
	all := make([]any, len(c))
	for i := range c {
		all[i] = &c[i]
	}
	return all
}

// pieceKey is the key of a piece of time, in seconds.
type pieceKey struct {
	app, script string
	step, at    int64
}

func (k pieceKey) compare(other pieceKey) int {
	return cmp.Or(cmp.Compare(k.app, other.app), cmp.Compare(k.script, other.script), cmp.Compare(k.step, other.step), cmp.Compare(k.at, other.at))
}

func (r series) Add(ctx context.Context, counted []store.Counted) error {
	if len(counted) == 0 {
		return nil
	}
	pieces := map[pieceKey]*store.Counts{}
	for i := range counted {
		of := &counted[i]
		for _, script := range []string{of.ScriptID, ""} {
			for _, kept := range []time.Duration{store.Minute, store.Hour} {
				key := pieceKey{mended(of.AppID), mended(script), seconds(kept), of.At.Truncate(kept).Unix()}
				if pieces[key] == nil {
					pieces[key] = new(store.Counts)
				}
				pieces[key].Add(&of.Counts)
			}
		}
	}
	keys := make([]pieceKey, 0, len(pieces))
	for key := range pieces {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, pieceKey.compare) // nodes that add to the same wait for each other, and not in a circle
	return r.s.apart(ctx, "count executions", func(tx *sqlStore) error {
		args := make([]any, 0, 4+len(countColumns))
		for _, key := range keys {
			args = append(args[:0], key.app, key.script, key.step, key.at)
			for _, n := range pieces[key] {
				args = append(args, n)
			}
			if _, err := tx.tx.ExecContext(ctx, seriesAdd, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// bounds are the first and the end of the pieces of a query, in seconds.
func bounds(q store.SeriesQuery) (from, to int64) {
	step := seconds(q.Step)
	return q.From.Unix() / step * step, q.To.Unix()
}

func (r series) List(ctx context.Context, q store.SeriesQuery) ([]store.Piece, error) {
	from, to := bounds(q)
	return many(ctx, r.s.reader(), "series", func(row scanner) (p store.Piece, err error) {
		var at int64
		err = row.Scan(append([]any{&at}, places(&p.Counts)...)...)
		p.At = time.Unix(at, 0).UTC()
		return p, err
	}, seriesList, q.AppID, q.ScriptID, seconds(q.Kept), from, to, seconds(q.Step))
}

func (r series) ByScript(ctx context.Context, q store.SeriesQuery) ([]store.ScriptCounts, error) {
	from, to := bounds(q)
	hour := seconds(store.Hour)
	hours, rest := (from+hour-1)/hour*hour, to/hour*hour // where the full hours begin and end
	switch {
	case q.Kept == store.Hour:
		hours, rest = from, to
	case hours >= rest:
		hours, rest = from, from
	}
	return many(ctx, r.s.reader(), "series", func(row scanner) (c store.ScriptCounts, err error) {
		err = row.Scan(append([]any{&c.ScriptID, &c.ScriptName}, places(&c.Counts)...)...)
		return c, err
	}, seriesByScript, q.AppID, q.ScriptID, seconds(store.Minute), from, hours, hour, rest, to, store.MaxBusiest)
}

func (r series) DeleteBefore(ctx context.Context, kept time.Duration, before time.Time, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, r.s.writer(), seriesDeleteBefore, seconds(kept), before.Unix(), limit)
	return int(n), failed(ctx, "delete series", err)
}
