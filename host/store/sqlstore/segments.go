package sqlstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore/segment"
)

// How large segments are.
const (
	segmentRows  = store.MaxBatch / 2 // at most: to read one of them all are decoded
	segmentBytes = 1 << 20            // by weight, unless one execution alone has more
	openRows     = segmentRows / 2
	openBytes    = segmentBytes / 2
)

const (
	positionsTake = `UPDATE meta SET value = value + $1 WHERE name = 'executions' RETURNING value`

	segmentInsert = `INSERT INTO segments (first, last, count, bytes, open, id_from, id_to, started_from, started_to, body, rest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	segmentIndexInsert   = `INSERT INTO segment_index (key, segment, last, count, failed, level, lines_to, started_from, started_to) VALUES `
	segmentIndexColumns  = 9
	segmentIndexTogether = 8 // rows in a statement: SQLite's driver looks for each argument among all

	segmentRemove      = `DELETE FROM segments WHERE first = $1`
	segmentIndexRemove = `DELETE FROM segment_index WHERE segment = $1`

	segmentGet    = `SELECT first, last, open, body, rest FROM segments WHERE first = $1`
	segmentsOfIDs = `SELECT segment, (SELECT id_from FROM segments WHERE first = segment), (SELECT id_to FROM segments WHERE first = segment)
		FROM segment_index WHERE key IN {texts}` // no join, of which PostgreSQL may think that it has to read all segments
	segmentOf      = `SELECT segment FROM segment_index WHERE key = $1 ORDER BY segment LIMIT 1`
	segmentsBefore = `SELECT first, count, started_to FROM segments WHERE started_from < $1 ORDER BY started_from, first LIMIT 100`
	segmentsOpen   = `SELECT first, last, count, bytes FROM segments WHERE open = 1 ORDER BY first LIMIT 2000`
	segmentsWithin = `SELECT first, last, open, body, rest FROM segments WHERE first BETWEEN $1 AND $2 ORDER BY first`
	segmentClose   = `UPDATE segments SET open = 0 WHERE first = $1`
)

// kept is a segment with all of its rows, or with what can be read of them.
type kept struct {
	first, last int64 // positions: it has all rows between, or did
	closed      bool  // it is not to be joined with others
	damaged     bool
	rows        []segment.Row
}

// scanKept reads first, last, open, body and rest.
func scanKept(row scanner) (k kept, err error) {
	var (
		open       int
		body, rest []byte
	)
	if err = row.Scan(&k.first, &k.last, &open, &body, &rest); err != nil {
		return k, err
	}
	k.closed = open == 0
	s, err := segment.Decode(body)
	if err != nil {
		k.damaged = true
		return k, nil
	}
	more, err := segment.DecodeRest(rest, s.Len())
	if err != nil {
		k.damaged = true
		more, _ = segment.DecodeRest(nil, s.Len())
	}
	k.rows = make([]segment.Row, s.Len())
	for i := range k.rows {
		k.rows[i] = s.Row(i)
		more.Lines(i, &k.rows[i])
		if err := more.Trace(i, &k.rows[i]); err != nil {
			k.damaged = true
		}
	}
	return k, nil
}

// damage is which segments were found damaged. Whoever reads passes over what cannot be read; so it is told of here.
type damage struct {
	mu     sync.Mutex
	known  map[int64]bool // by their first positions
	untold []int64
}

func (d *damage) found(first int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[first] {
		return
	}
	if d.known == nil {
		d.known = map[int64]bool{}
	}
	d.known[first] = true
	d.untold = append(d.untold, first)
}

// tell returns an error about those that were found since it was last asked for; nil: there are none.
func (d *damage) tell() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.untold) == 0 {
		return nil
	}
	untold := d.untold
	d.untold = nil
	return fmt.Errorf("%w: those that begin at the positions %d", segment.ErrDamaged, untold)
}

func scanNumber(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// weight is about how many bytes a row has that segments are bounded by.
func weight(r *segment.Row) int { return r.LogBytes() + len(r.ErrorMessage) }

// pieces divides rows into those of one segment each.
func pieces(rows []segment.Row) (list [][]segment.Row) {
	if len(rows) == 0 {
		return nil
	}
	begin, bytes := 0, 0
	for i := range rows {
		w := weight(&rows[i])
		if i > begin && (i-begin == segmentRows || bytes+w > segmentBytes) {
			list = append(list, rows[begin:i])
			begin, bytes = i, 0
		}
		bytes += w
	}
	return append(list, rows[begin:])
}

// keepAll makes segments of rows, which are in the order of their positions.
func keepAll(ctx context.Context, q queryer, rows []segment.Row) error {
	var index []*segmentKey
	for _, piece := range pieces(rows) {
		k := kept{first: piece[0].Position, last: piece[len(piece)-1].Position, rows: piece}
		if err := k.insert(ctx, q); err != nil {
			return err
		}
		index = append(index, k.index()...)
	}
	return insertIndex(ctx, q, index)
}

// keep inserts a segment with its rows of the index, unless it has no rows.
func (k kept) keep(ctx context.Context, q queryer) error {
	if len(k.rows) == 0 {
		return nil
	}
	if err := k.insert(ctx, q); err != nil {
		return err
	}
	return insertIndex(ctx, q, k.index())
}

// insert inserts a segment without its rows of the index.
func (k kept) insert(ctx context.Context, q queryer) error {
	bytes := 0
	idFrom, idTo := k.rows[0].ID, k.rows[0].ID
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range k.rows {
		r := &k.rows[i]
		bytes += weight(r)
		idFrom, idTo = min(idFrom, r.ID), max(idTo, r.ID)
		from, to = min(from, r.StartedAt.UnixMicro()), max(to, r.StartedAt.UnixMicro())
	}
	open := 0
	if !k.closed && len(k.rows) < openRows && bytes < openBytes {
		open = 1
	}
	body, rest := segment.Encode(k.rows)
	_, err := q.ExecContext(ctx, segmentInsert, k.first, k.last, len(k.rows), bytes, open, idFrom, idTo, from, to, body, rest)
	return err
}

func insertIndex(ctx context.Context, q queryer, rows []*segmentKey) error {
	for some := range slices.Chunk(rows, segmentIndexTogether) {
		args := make([]any, 0, len(some)*segmentIndexColumns)
		for _, e := range some {
			args = append(args, e.key, e.segment, e.last, e.count, e.failed, e.level, e.linesTo, e.from, e.to)
		}
		if _, err := q.ExecContext(ctx, segmentIndexInserts[len(some)-1], args...); err != nil {
			return err
		}
	}
	return nil
}

// segmentIndexInserts are the statements that insert one row, two rows, and so on.
var segmentIndexInserts = func() (statements [segmentIndexTogether]string) {
	var s strings.Builder
	s.WriteString(segmentIndexInsert)
	for i := range statements {
		if i > 0 {
			s.WriteString(", ")
		}
		for c := range segmentIndexColumns {
			fmt.Fprintf(&s, "%s$%d", [...]string{"(", ", "}[min(c, 1)], i*segmentIndexColumns+c+1)
		}
		s.WriteString(")")
		statements[i] = s.String()
	}
	return statements
}()

// replace inserts a segment in the place of the one that has its first position.
func (k kept) replace(ctx context.Context, q queryer) error {
	if err := dropSegment(ctx, q, k.first); err != nil {
		return err
	}
	return k.keep(ctx, q)
}

func dropSegment(ctx context.Context, q queryer, first int64) error {
	for _, statement := range []string{segmentRemove, segmentIndexRemove} {
		if _, err := q.ExecContext(ctx, statement, first); err != nil {
			return err
		}
	}
	return nil
}

// segmentKey is a row of the index.
type segmentKey struct {
	key                  string
	segment, last        int64
	count, failed, level int
	linesTo, from, to    int64
}

// idKey is the key of the executions whose ids begin alike: those of UUIDv7 do that are made within 256 ms. No id of an app or
// a script is so short.
func idKey(id string) string { return strings.ToValidUTF8(id[:min(len(id), 11)], "") }

// index makes the rows of a segment, in the order of their keys: by it nodes that write the same wait for each other.
func (k kept) index() []*segmentKey {
	entries := map[string]*segmentKey{}
	for i := range k.rows {
		r := &k.rows[i]
		level, linesTo := -1, int64(math.MinInt64)
		for _, line := range r.Lines {
			level, linesTo = max(level, levelNumber(line.Level)), max(linesTo, line.At.UnixMicro())
		}
		at := r.StartedAt.UnixMicro()
		for _, key := range [...]string{r.AppID, r.ScriptID, r.RootID, idKey(r.ID)} {
			if key == "" {
				continue
			}
			e := entries[key]
			if e == nil {
				e = &segmentKey{key: key, segment: k.first, level: -1, linesTo: math.MinInt64, from: at, to: at}
				entries[key] = e
			}
			e.last = r.Position
			e.count++
			if r.Outcome != "" {
				e.failed++
			}
			e.level, e.linesTo = max(e.level, level), max(e.linesTo, linesTo)
			e.from, e.to = min(e.from, at), max(e.to, at)
		}
	}
	sorted := make([]*segmentKey, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		sorted = append(sorted, entries[key])
	}
	return sorted
}

// removeExecutions removes up to limit executions of an app or a script by its id, and returns how many those were, or limit if it
// had to leave some. What cannot be read of their segments goes with them. The transaction is the only one that removes what is
// deleted; forUpdate is the dialect's.
func removeExecutions(ctx context.Context, q queryer, id, forUpdate string, limit int) (removed int, err error) {
	const most = 32 // segments, lest the transaction last
	for n := 0; removed < limit; n++ {
		if n == most {
			return limit, nil
		}
		first, err := one(ctx, q, "segment", scanNumber, segmentOf, id)
		if err != nil {
			return removed, unlessMissing(err)
		}
		k, err := one(ctx, q, "segment", scanKept, segmentGet+forUpdate, first)
		if missing(err) { // another node has just joined it with those beside it
			continue
		}
		if err != nil {
			return removed, err
		}
		k.rows = slices.DeleteFunc(k.rows, func(r segment.Row) bool {
			of := r.AppID == id || r.ScriptID == id
			if of && removed < limit {
				removed++
				return true
			}
			return false
		})
		if err := k.replace(ctx, q); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// aged is a segment with what began before a time.
type aged struct {
	first     int64
	count     int
	startedTo int64
}

func scanAged(row scanner) (a aged, err error) {
	err = row.Scan(&a.first, &a.count, &a.startedTo)
	return a, err
}

func (e executions) DeleteBefore(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	before = cut(before)
	err = e.s.apart(ctx, "delete executions", func(tx *sqlStore) error {
		removed = 0
		for removed < limit {
			list, err := many(ctx, tx.tx, "segments", scanAged, segmentsBefore+tx.db.Dialect.ForUpdate, before.UnixMicro())
			if err != nil || len(list) == 0 {
				return err
			}
			for _, a := range list {
				if removed >= limit {
					break
				}
				n, err := a.deleteBefore(ctx, tx.tx, before, limit-removed)
				if err != nil {
					return err
				}
				removed += n
			}
		}
		return nil
	})
	return removed, err
}

// deleteBefore removes a segment of which all started before a time, or up to limit executions of it.
func (a aged) deleteBefore(ctx context.Context, q queryer, before time.Time, limit int) (removed int, err error) {
	if a.startedTo < before.UnixMicro() {
		return a.count, dropSegment(ctx, q, a.first)
	}
	return deleteOldest(ctx, q, a.first, before, limit)
}

// deleteOldest removes up to limit executions of a segment that started before a time, the oldest first.
func deleteOldest(ctx context.Context, q queryer, first int64, before time.Time, limit int) (removed int, err error) {
	k, err := one(ctx, q, "segment", scanKept, segmentGet, first)
	if err != nil {
		return 0, err
	}
	var old []segment.Row
	for _, r := range k.rows {
		if r.StartedAt.Before(before) {
			old = append(old, r)
		}
	}
	slices.SortStableFunc(old, func(a, b segment.Row) int { return a.StartedAt.Compare(b.StartedAt) })
	gone := map[int64]bool{}
	for _, r := range old[:min(len(old), limit)] {
		gone[r.Position] = true
	}
	k.rows = slices.DeleteFunc(k.rows, func(r segment.Row) bool { return gone[r.Position] })
	return len(gone), k.replace(ctx, q)
}

// A run is segments that are to be one.
type run struct {
	firsts      []int64
	last        int64
	count       int
	bytes       int64
	interrupted bool // something else comes after it: it will not grow
}

func (e executions) Compact(ctx context.Context) (moved int, err error) {
	if moved, err = e.convert(ctx); err != nil || moved > 0 {
		return moved, err
	}
	if moved, err = e.bringTogether(ctx); err != nil || moved > 0 {
		return moved, err
	}
	return 0, failed(ctx, "read executions", e.s.db.damage.tell())
}

// bringTogether joins small segments that lie side by side, and returns how many executions those have.
func (e executions) bringTogether(ctx context.Context) (moved int, err error) {
	type part struct {
		first, last int64
		count       int
		bytes       int64
	}
	open, err := many(ctx, e.s.reader(), "segments", func(row scanner) (p part, err error) {
		err = row.Scan(&p.first, &p.last, &p.count, &p.bytes)
		return p, err
	}, segmentsOpen)
	if err != nil {
		return 0, err
	}
	var runs []run
	for _, p := range open {
		if n := len(runs) - 1; n >= 0 {
			r := &runs[n]
			if p.first == r.last+1 && r.count+p.count <= segmentRows && r.bytes+p.bytes <= segmentBytes {
				r.firsts, r.last, r.count, r.bytes = append(r.firsts, p.first), p.last, r.count+p.count, r.bytes+p.bytes
				continue
			}
			r.interrupted = true
		}
		runs = append(runs, run{firsts: []int64{p.first}, last: p.last, count: p.count, bytes: p.bytes})
	}
	for _, r := range runs {
		switch {
		case !r.interrupted && r.count < openRows && r.bytes < openBytes: // which is the last one
		case len(r.firsts) == 1:
			if _, err := e.s.writer().ExecContext(ctx, segmentClose, r.firsts[0]); err != nil {
				return moved, failed(ctx, "join executions", err)
			}
		default:
			n, err := e.unite(ctx, r)
			if err != nil {
				return moved, err
			}
			moved += n
		}
	}
	return moved, nil
}

// unite makes one segment of a run, unless another node has done so meanwhile. One that is damaged stays as it is.
func (e executions) unite(ctx context.Context, r run) (moved int, err error) {
	err = e.s.apart(ctx, "join executions", func(tx *sqlStore) error {
		moved = 0
		list, err := many(ctx, tx.tx, "segments", scanKept, segmentsWithin+tx.db.Dialect.ForUpdate, r.firsts[0], r.firsts[len(r.firsts)-1])
		if err != nil || !slices.EqualFunc(list, r.firsts, func(k kept, first int64) bool { return k.first == first }) {
			return err
		}
		if i := slices.IndexFunc(list, func(k kept) bool { return k.damaged }); i >= 0 {
			e.s.db.damage.found(list[i].first)
			_, err := tx.tx.ExecContext(ctx, segmentClose, list[i].first)
			return err
		}
		whole := kept{first: r.firsts[0], last: r.last, closed: true}
		for _, k := range list {
			whole.rows = append(whole.rows, k.rows...)
			if err := dropSegment(ctx, tx.tx, k.first); err != nil {
				return err
			}
		}
		moved = len(whole.rows)
		return whole.keep(ctx, tx.tx)
	})
	return moved, err
}

// recent are the ids that were to be recorded of late, by a hash: at least the last recentIDs of them. One that is known may be there
// already, or another with the same hash.
type recent struct {
	mu          sync.Mutex
	now, before map[uint64]struct{}
}

const recentIDs = 1 << 15

var recentSeed = maphash.MakeSeed()

// add returns the ids of those executions of a batch that may have been recorded before: by whoever tries again, or, since
// the first execution of a call has the id that the call was given, by another node, whose claim of the event has ended. It knows
// all of the batch from now on.
func (r *recent) add(batch []segment.Row) (again map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		r.now, r.before = make(map[uint64]struct{}, recentIDs), make(map[uint64]struct{}, recentIDs)
	}
	for i := range batch {
		e := &batch[i]
		hash := maphash.String(recentSeed, e.ID)
		_, known := r.now[hash]
		if !known {
			_, known = r.before[hash]
		}
		if known || e.ID == e.EventID {
			if again == nil {
				again = map[string]bool{}
			}
			again[e.ID] = true
		}
		if len(r.now) == recentIDs {
			r.now, r.before = r.before, r.now
			clear(r.now)
		}
		r.now[hash] = struct{}{}
	}
	return again
}
