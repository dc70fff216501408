package sqlstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// IndexSettling is how a database tells that all transactions know what a row of docs_indexes has come to be; the
// zero value where one transaction at a time writes. A transaction that began before an index was declared may write
// documents without an entry, and those may be seen only later; one that began before it was dropped may write
// entries. So the row gets the number of a transaction that began afterwards, and once all before that have ended
// there is nothing to come.
type IndexSettling struct {
	Since   string // the number of this transaction, as a text
	Unset   string // the condition that a row has no number of this database yet
	Settled string // the condition that all transactions before the row's number have ended
}

// stateFull is the state of an index that is being built and [store.DocumentIndex].Full.
const stateFull = "full"

const (
	indexColumns = `id, app_id, collection, path, state, built, created_at`
	indexThere   = `state <> 'dropped'`
	indexList    = `SELECT ` + indexColumns + ` FROM docs_indexes WHERE app_id = $1 AND ` + indexThere + ` ORDER BY collection, path`
	indexListOf  = `SELECT ` + indexColumns + ` FROM docs_indexes WHERE app_id = $1 AND collection = $2 AND ` + indexThere + ` ORDER BY collection, path`
	indexGet     = `SELECT ` + indexColumns + ` FROM docs_indexes WHERE app_id = $1 AND id = $2 AND ` + indexThere
	indexByPath  = `SELECT ` + indexColumns + ` FROM docs_indexes WHERE app_id = $1 AND collection = $2 AND path = $3 AND ` + indexThere
	indexCount   = `SELECT count(*), COALESCE(SUM(CASE WHEN collection = $2 THEN 1 ELSE 0 END), 0) FROM docs_indexes WHERE app_id = $1 AND ` + indexThere
	indexDeclare = `INSERT INTO docs_indexes (id, app_id, collection, path, state, since, built, built_to, created_at)
		SELECT $2, id, $3, $4, 'building', '', 0, '', $5 FROM apps WHERE id = $1 AND ` + liveApp + ` RETURNING ` + indexColumns
	indexDrop   = `UPDATE docs_indexes SET state = 'dropped', since = '' WHERE app_id = $1 AND id = $2 AND ` + indexThere
	indexReady  = `SELECT 1 FROM docs_indexes WHERE id = $1 AND state = 'ready'`
	indexFinish = `UPDATE docs_indexes SET state = 'ready' WHERE id = $1 AND state = 'building'`

	// Work is to be done at indexes that are being built, unless there is no room, or are dropped, and at entries with the
	// key $1. A query of its own for each index leaves a database no other way than by the entries' primary key.
	indexDue     = `state <> 'ready' AND state <> 'full'`
	indexUnknown = `SELECT ` + indexColumns + ` FROM docs_indexes WHERE ` + indexThere + `
		AND (SELECT 1 FROM docs_entries e WHERE e.index_id = docs_indexes.id AND e.key = $1 LIMIT 1) = 1 LIMIT 1`
	indexWaits  = `SELECT 1 FROM docs_indexes WHERE ` + indexDue + ` LIMIT 1`
	indexSettle = `UPDATE docs_indexes SET since = %s WHERE id = $1 AND %s`
	indexTake   = `SELECT ` + indexColumns + `, built_to FROM docs_indexes WHERE ` + indexDue + ` AND (%s) ORDER BY state, created_at, id LIMIT 1`
	indexBuilt  = `UPDATE docs_indexes SET built = built + $2, built_to = $3 WHERE id = $1`
	indexRemove = `DELETE FROM docs_indexes WHERE id = $1`
	indexFull   = `UPDATE docs_indexes SET state = 'full' WHERE id = $1 AND state = 'building'`
	indexesFull = `SELECT DISTINCT app_id FROM docs_indexes WHERE state <> 'ready' AND state = 'full'`
	indexResume = `UPDATE docs_indexes SET state = 'building' WHERE app_id = $1 AND state = 'full'`
	docsBytes   = `SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM data_usage WHERE app_id = $1 AND source = 'docs'`

	entriesClear = `DELETE FROM docs_entries WHERE index_id = $1 AND (key, id) IN (
		SELECT key, id FROM docs_entries WHERE index_id = $1 ORDER BY key, id LIMIT $2)`
	entriesUnknown = `SELECT id FROM docs_entries WHERE index_id = $1 AND key = $2 ORDER BY id LIMIT $3`

	docsToIndex = `SELECT id, data FROM docs WHERE app_id = $1 AND collection = $2 AND id > $3 ORDER BY id LIMIT $4`
	docToIndex  = `SELECT id, data FROM docs` + docOf
	docEntries  = `UPDATE docs SET entries = $4` + docOf + ` AND entries <> $4`
	// entryBuild is for a document whose writer named an index that its transaction did not see yet.
	entryBuild = `INSERT INTO docs_entries (index_id, key, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

	entryThere = `SELECT 1 FROM docs_entries WHERE index_id = $1 AND key = $2 AND id = $3`

	// In these the limit is written out, see rounded.
	entriesUp = `SELECT key, id FROM docs_entries WHERE index_id = $1 AND (key, id) > ($4, $5) AND key < $6
		ORDER BY key, id LIMIT %[1]d`
	// Downwards among equal keys ids go up, which is no order of the primary key's. So of the key that the place is in
	// come those behind it, then the highest keys with all that have them, and of the last of these keys, of which there
	// may be more than there is room for, the first. Nothing is sorted but what is found.
	entriesDown = `WITH highest AS MATERIALIZED (
			SELECT key, id FROM docs_entries WHERE index_id = $1 AND key >= $6 AND key < $4 ORDER BY key DESC, id DESC LIMIT %[1]d),
		last AS MATERIALIZED (SELECT key FROM highest ORDER BY key LIMIT 1)
		SELECT key, id FROM (SELECT key, id FROM docs_entries WHERE index_id = $1 AND key = $4 AND id > $5 ORDER BY id LIMIT %[1]d) AS here
		UNION ALL SELECT key, id FROM highest WHERE key > (SELECT key FROM last)
		UNION ALL SELECT key, id FROM (SELECT key, id FROM docs_entries WHERE index_id = $1 AND key = (SELECT key FROM last) ORDER BY id LIMIT %[1]d) AS cut
		ORDER BY key DESC, id LIMIT %[1]d`
	entriesByID = `SELECT key, id FROM docs_entries WHERE index_id = $1 AND key >= $4 AND key < $6 AND id > $5 UNION ALL
		SELECT key, id FROM docs_entries WHERE index_id = $1 AND key >= $7 AND id > $5 ORDER BY id LIMIT %[1]d`
	entriesUnplaced = `SELECT key, id FROM docs_entries WHERE index_id = $1 AND key >= $4`
	// docsOfEntries reads the documents of some entries, which are found first, joined by [Dialect.DocOfEntry].
	docsOfEntries = `SELECT e.key, d.id, d.version, d.created_at, d.updated_at, d.data FROM (%s) AS e CROSS JOIN %s%s`
	entriesCount  = `SELECT count(*) FROM (SELECT 1 FROM docs_entries WHERE index_id = $1 AND key >= $2 AND key < $3 UNION ALL
		SELECT 1 FROM docs_entries WHERE index_id = $1 AND key >= $4 LIMIT %d) AS found`
)

// Bounds of the documents that get their entries in one transaction: bytes of their data, and how long others who
// write may have to wait for it. What is left over comes next.
const (
	workBytes = 4 << 20
	workTime  = 15 * time.Millisecond
)

func scanIndex(row scanner) (i store.DocumentIndex, err error) {
	err = row.Scan(&i.ID, &i.AppID, &i.Collection, &i.Path, &i.State, &i.Built, instant{&i.CreatedAt})
	if i.State == stateFull {
		i.State, i.Full = store.IndexBuilding, true
	}
	return i, err
}

// encodeEntries makes the value of the column docs.entries. Equal entries make equal texts.
func encodeEntries(entries []store.DocumentEntry) string {
	b := []byte{'{'}
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendInt(append(b, '"'), e.Index, 10), `":"`...)
		b = append(hex.AppendEncode(b, e.Key), '"')
	}
	return string(append(b, '}'))
}

// ofIndex is a revision of an index of documents.
func ofIndex(appID string, id int64) *store.Revision {
	return &store.Revision{Resource: store.ResourceIndex, AppID: appID, ID: strconv.FormatInt(id, 10)}
}

func (d docs) Indexes(ctx context.Context, appID, collection string) ([]store.DocumentIndex, error) {
	if collection == "" {
		return many(ctx, d.reader(), "indexes", scanIndex, indexList, appID)
	}
	return many(ctx, d.reader(), "indexes", scanIndex, indexListOf, appID, collection)
}

func (d docs) Index(ctx context.Context, appID string, id int64) (store.DocumentIndex, error) {
	return one(ctx, d.reader(), "index", scanIndex, indexGet, appID, id)
}

func (d docs) Declare(ctx context.Context, index store.DocumentIndex) (declared store.DocumentIndex, made bool, err error) {
	if err := require(field{"collection", index.Collection}, field{"path", index.Path}); err != nil {
		return declared, false, err
	}
	there := func(q queryer) error {
		declared, err = one(ctx, q, "index", scanIndex, indexByPath, index.AppID, index.Collection, index.Path)
		return err
	}
	if err := there(d.reader()); !missing(err) {
		return declared, false, err
	}
	id := indexID()
	err = d.reconfigure(ctx, "declare index", ofIndex(index.AppID, id), func(tx queryer) error {
		if err := there(tx); !missing(err) {
			return err // it has been declared in the meantime
		}
		var all, others int
		if err := tx.QueryRowContext(ctx, indexCount, index.AppID, index.Collection).Scan(&all, &others); err != nil {
			return err
		}
		if err := cmp.Or(tooManyIndexes("a collection", others, store.MaxIndexes), tooManyIndexes("an app", all, store.MaxAppIndexes)); err != nil {
			return err
		}
		declared, err = one(ctx, tx, "app", scanIndex, indexDeclare, index.AppID, id, index.Collection, index.Path, d.db.now())
		made = err == nil
		note(tx, ofRevision(ofIndex(index.AppID, id), nil, declared))
		return err
	})
	return declared, made && err == nil, err
}

// tooManyIndexes refuses one more where there are as many as there may be; else it returns nil.
func tooManyIndexes(of string, has, most int) error {
	if has < most {
		return nil
	}
	return &fault.Error{
		Code: fault.Quota, Text: fmt.Sprintf("%s may have %d indexes, and this one has %d", of, most, has),
		Field: "path", Current: int64(has), Limit: int64(most),
	}
}

// indexID makes an id above 0, which a number of JavaScript holds.
func indexID() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // which never fails
	return int64(binary.BigEndian.Uint64(b[:])>>11) | 1
}

func (d docs) Drop(ctx context.Context, appID string, id int64) error {
	return d.reconfigure(ctx, "drop index", ofIndex(appID, id), func(tx queryer) error {
		before := was(tx, func() (store.DocumentIndex, error) { return one(ctx, tx, "index", scanIndex, indexGet, appID, id) })
		note(tx, ofRevision(ofIndex(appID, id), before, nil))
		return deleteOne(ctx, tx, "index", indexDrop, appID, id)
	})
}

// rounded is a limit that is written out in a statement, as [TermIndex.Count] explains; there are few of them.
func rounded(limit int) int {
	n := 16
	for n < limit {
		n *= 4
	}
	return n
}

// indexQuery is the statement of a query of an index, and its arguments. It looks at limit documents.
func (d docs) indexQuery(query store.IndexQuery, limit int) (string, []any) {
	after, id, to := query.AfterKey, query.AfterID, query.To
	var entries, order string
	var more []any
	switch query.Order {
	case store.IndexUp:
		entries, order = entriesUp, " ORDER BY e.key, e.id"
		if id == "" {
			after = query.From
		}
	case store.IndexDown:
		entries, order = entriesDown, " ORDER BY e.key DESC, e.id"
		if id == "" {
			after, id = query.To, "~" // behind all ids
		}
		to = query.From
	default:
		entries, order = entriesByID, " ORDER BY e.id"
		after, more = query.From, []any{store.SeveralKey}
	}
	args := append([]any{query.Index.ID, query.Index.AppID, query.Index.Collection, after, id, to}, more...)
	return fmt.Sprintf(docsOfEntries, fmt.Sprintf(entries, limit), d.db.Dialect.DocOfEntry, order), args
}

func (d docs) ScanIndex(ctx context.Context, query store.IndexQuery, visit func(store.Document) error) (looked store.IndexLooked, err error) {
	limit := rounded(query.Limit)
	statement, args := d.indexQuery(query, limit)
	looked, err = d.visitEntries(ctx, statement, args, visit)
	looked.More = looked.Documents >= limit
	if fault.From(err) != nil {
		return looked, err
	}
	// Entries are removed only of an index that is not ready any more, and never gets so again.
	if ready, failure := exists(ctx, d.reader(), indexReady, query.Index.ID); failure != nil {
		return looked, failed(ctx, "find documents", failure)
	} else if !ready {
		return looked, notFound("index")
	}
	return looked, err
}

func (d docs) Unplaced(ctx context.Context, index store.DocumentIndex, visit func(store.Document) error) (int, error) {
	looked, err := d.visitEntries(ctx, fmt.Sprintf(docsOfEntries, entriesUnplaced, d.db.Dialect.DocOfEntry, ""),
		[]any{index.ID, index.AppID, index.Collection, store.SeveralKey}, visit)
	return looked.Documents, err
}

// visitEntries visits the documents of entries.
func (d docs) visitEntries(ctx context.Context, statement string, args []any, visit func(store.Document) error) (looked store.IndexLooked, err error) {
	const op = "find documents"
	if !storable(args) {
		return looked, nil
	}
	rows, err := d.reader().QueryContext(ctx, statement, args...)
	if err != nil {
		return looked, failed(ctx, op, err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc store.Document
		var data sql.RawBytes
		if err := rows.Scan(&looked.Key, &doc.ID, &doc.Version, instant{&doc.CreatedAt}, instant{&doc.UpdatedAt}, &data); err != nil {
			return looked, failed(ctx, op, err)
		}
		looked.Documents++
		looked.ID = doc.ID
		doc.Data = json.RawMessage(data)
		if err := visit(doc); err != nil {
			return looked, err
		}
	}
	return looked, failed(ctx, op, rows.Err())
}

func (d docs) CountIndex(ctx context.Context, index int64, from, to []byte, most int) (count int, err error) {
	err = d.reader().QueryRowContext(ctx, fmt.Sprintf(entriesCount, most), index, from, to, store.SeveralKey).Scan(&count)
	return count, failed(ctx, "count documents", err)
}

func (d docs) Rare(ctx context.Context, groups [][]int64) (bool, error) {
	for _, group := range groups {
		var count int
		query, args := d.db.Dialect.Terms.Count(group, 1, rareTerm)
		if err := d.reader().QueryRowContext(ctx, query, args...).Scan(&count); err != nil {
			return false, failed(ctx, "find documents", err)
		}
		if count < rareTerm {
			return true, nil
		}
	}
	return false, nil
}

func (d docs) Work(ctx context.Context, work store.IndexWork) (worked store.IndexWorked, err error) {
	if err := checkLimit(work.Limit, store.MaxBatch); err != nil {
		return worked, err
	}
	const op = "index documents"
	// Most often there is nothing to do, and no need to keep writers waiting.
	found, err := exists(ctx, d.reader(), indexWaits)
	if err == nil && !found {
		_, err = one(ctx, d.reader(), "index", scanIndex, indexUnknown, store.UnknownKey)
	}
	if err != nil {
		return worked, failed(ctx, op, unlessMissing(err))
	}
	busy := false
	err = d.apart(ctx, op, func(tx *sqlStore) (err error) {
		if yield := d.db.Dialect.Yield; yield != "" {
			if _, err := tx.tx.ExecContext(ctx, yield); err != nil {
				return err
			}
		}
		w := indexWork{tx: docs{tx}, IndexWork: work, begun: time.Now()}
		worked, err = w.next(ctx)
		busy = err != nil && d.db.Dialect.Yielded != nil && d.db.Dialect.Yielded(err)
		return err
	})
	if busy {
		return store.IndexWorked{Busy: true}, nil
	}
	if err != nil {
		return store.IndexWorked{}, err
	}
	if worked.Done && worked.Index.State == store.IndexBuilding {
		index := worked.Index
		worked.Index.State = store.IndexReady
		err = d.reconfigure(ctx, "finish index", ofIndex(index.AppID, index.ID), func(tx queryer) error {
			_, err := affect(ctx, tx, indexFinish, index.ID)
			return err
		})
	}
	return worked, err
}

// indexWork is some work at indexes, in a transaction.
type indexWork struct {
	store.IndexWork
	tx    docs
	begun time.Time
}

// next does what is first to be done.
func (w indexWork) next(ctx context.Context) (worked store.IndexWorked, err error) {
	dialect := &w.tx.db.Dialect
	due := "true"
	if dialect.Settling.Since != "" {
		due = dialect.Settling.Unset + " OR " + dialect.Settling.Settled
	}
	builtTo := ""
	index, err := one(ctx, w.tx.tx, "index", func(row scanner) (i store.DocumentIndex, err error) {
		err = row.Scan(&i.ID, &i.AppID, &i.Collection, &i.Path, &i.State, &i.Built, instant{&i.CreatedAt}, &builtTo)
		return i, err
	}, fmt.Sprintf(indexTake, due)+dialect.ForUpdate+dialect.SkipLocked)
	if missing(err) {
		return w.mend(ctx)
	}
	if err != nil {
		return worked, err
	}
	if dialect.Settling.Since != "" {
		n, err := affect(ctx, w.tx.tx, fmt.Sprintf(indexSettle, dialect.Settling.Since, dialect.Settling.Unset), index.ID)
		if err != nil || n > 0 {
			return store.IndexWorked{Waiting: true}, err
		}
	}
	if index.State == store.IndexDropped {
		return w.clear(ctx, index)
	}
	return w.build(ctx, index, builtTo)
}

// build makes the entries of documents behind one.
func (w indexWork) build(ctx context.Context, index store.DocumentIndex, after string) (worked store.IndexWorked, err error) {
	room, err := w.room(ctx, index.AppID)
	if err != nil {
		return worked, err
	}
	found, all, err := w.read(ctx, docsToIndex+w.tx.db.Dialect.ForUpdate, index.AppID, index.Collection, after, w.Limit)
	if err != nil {
		return worked, err
	}
	n, full, err := w.write(ctx, index, found, room)
	if err != nil {
		return worked, err
	}
	worked = store.IndexWorked{Index: index, Documents: n, Done: all && len(found) < w.Limit && n == len(found)}
	if full {
		worked.Index.Full = true
		if _, err := affect(ctx, w.tx.tx, indexFull, index.ID); err != nil {
			return worked, err
		}
	}
	if n == 0 {
		return worked, nil
	}
	worked.Index.Built += int64(n)
	_, err = affect(ctx, w.tx.tx, indexBuilt, index.ID, n, found[n-1].ID)
	return worked, err
}

// room is how many bytes more the documents of an app may have.
func (w indexWork) room(ctx context.Context, appID string) (int64, error) {
	quota := w.Quota(appID)
	if quota == 0 {
		return math.MaxInt64, nil
	}
	has, err := one(ctx, w.tx.tx, "usage", scanBytes, docsBytes, appID)
	return quota - has, err
}

// read reads documents, and reports whether these are all: not more than there is memory for.
func (w indexWork) read(ctx context.Context, query string, args ...any) (found []store.Document, all bool, err error) {
	rows, err := w.tx.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		if size > workBytes {
			return found, false, nil
		}
		var doc store.Document
		if err := rows.Scan(&doc.ID, (*[]byte)(&doc.Data)); err != nil {
			return nil, false, err
		}
		size += len(doc.Data)
		found = append(found, doc)
	}
	return found, true, rows.Err()
}

// write writes the entries of documents of an index's collection as long as there is time, and room for those in the
// index, and returns of how many. full tells that there was no room for the next one's.
func (w indexWork) write(ctx context.Context, index store.DocumentIndex, found []store.Document, room int64) (n int, full bool, err error) {
	indexes, err := w.tx.Indexes(ctx, index.AppID, index.Collection)
	if err != nil {
		return 0, false, err
	}
	for _, doc := range found {
		made := w.Entries(indexes, doc.Data)
		i := slices.IndexFunc(made, func(e store.DocumentEntry) bool { return e.Index == index.ID })
		if i < 0 {
			return n, false, fmt.Errorf("a document was given no entry in the index %d", index.ID)
		}
		size := int64(len(made[i].Key) + len(doc.ID))
		if size > room {
			there, err := exists(ctx, w.tx.tx, entryThere, index.ID, made[i].Key, doc.ID)
			if err != nil || !there {
				return n, !there, err
			}
		}
		key := store.DocumentKey{AppID: index.AppID, Collection: index.Collection, ID: doc.ID}
		changed, err := affect(ctx, w.tx.tx, docEntries, docArgs(key, encodeEntries(made))...)
		if err != nil {
			return n, false, err
		}
		added, err := affect(ctx, w.tx.tx, entryBuild, index.ID, made[i].Key, doc.ID)
		if err != nil {
			return n, false, err
		}
		if changed+added > 0 {
			room -= size
		}
		if n++; time.Since(w.begun) > workTime {
			break
		}
	}
	return n, false, nil
}

// roomToResume is how many bytes there is to be room for before an index is built on: more than any entry has, so that it
// comes on.
const roomToResume = 2 << 10

func (d docs) Resume(ctx context.Context, quota func(appID string) int64) error {
	apps, err := many(ctx, d.reader(), "indexes", text, indexesFull)
	if err != nil {
		return err
	}
	for _, appID := range apps {
		has, err := one(ctx, d.reader(), "usage", scanBytes, docsBytes, appID)
		if err != nil {
			return err
		}
		if may := quota(appID); may == 0 || may-has >= roomToResume {
			if _, err := affect(ctx, d.writer(), indexResume, appID); err != nil {
				return failed(ctx, "index documents", err)
			}
		}
	}
	return nil
}

// mend makes the entries of documents whose writer did not know an index.
func (w indexWork) mend(ctx context.Context) (worked store.IndexWorked, err error) {
	if worked.Waiting, err = exists(ctx, w.tx.tx, indexWaits); err != nil {
		return worked, err
	}
	index, err := one(ctx, w.tx.tx, "index", scanIndex, indexUnknown, store.UnknownKey)
	if err != nil {
		return worked, unlessMissing(err)
	}
	unknown, err := many(ctx, w.tx.tx, "documents", text, entriesUnknown, index.ID, store.UnknownKey, w.Limit)
	if err != nil {
		return worked, err
	}
	for _, id := range unknown {
		key := store.DocumentKey{AppID: index.AppID, Collection: index.Collection, ID: id}
		found, _, err := w.read(ctx, docToIndex+w.tx.db.Dialect.ForUpdate, docArgs(key)...)
		if err != nil {
			return worked, err
		}
		// That a document has an entry counts already. Its key is longer, but without it the index is worth less.
		n, _, err := w.write(ctx, index, found, math.MaxInt64)
		if err != nil {
			return worked, err
		}
		if worked.Documents += n; time.Since(w.begun) > workTime {
			break
		}
	}
	return worked, nil
}

// clear removes entries of an index that is dropped, and in the end the index.
func (w indexWork) clear(ctx context.Context, index store.DocumentIndex) (worked store.IndexWorked, err error) {
	n, err := affect(ctx, w.tx.tx, entriesClear, index.ID, w.Limit)
	if err != nil {
		return worked, err
	}
	worked = store.IndexWorked{Index: index, Documents: int(n), Done: int(n) < w.Limit}
	if !worked.Done {
		return worked, nil
	}
	_, err = affect(ctx, w.tx.tx, indexRemove, index.ID)
	return worked, err
}
