package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// docs implements [store.Docs].
type docs struct{ *sqlStore }

const (
	docOf  = ` WHERE app_id = $1 AND collection = $2 AND id = $3`
	docKey = docOf + ` AND ` + ofLiveApp // for writes: who reads has found the app

	// docInsert does nothing when the id is there or the app is not.
	docInsert = `INSERT INTO docs (app_id, collection, id, version, created_at, updated_at, terms, data, entries)
		SELECT id, $2, $3, $4, $5, $6, $7, $8, $9 FROM apps WHERE id = $1 AND ` + liveApp + ` ON CONFLICT DO NOTHING`
	docGet = `SELECT id, version, created_at, updated_at, data FROM docs` + docOf
	// The dialect's ForUpdate comes behind docRead.
	docRead    = docGet + ` AND ` + ofLiveApp
	docVersion = `SELECT id, version, created_at, updated_at, '' FROM docs` + docKey
	docUpdate  = `UPDATE docs SET version = $4, updated_at = $5, terms = $6, data = $7, entries = $8` + docKey
	docDelete  = `DELETE FROM docs` + docKey + ` RETURNING id, version, created_at, updated_at, data`

	// docReplace updates a document that is at the version $7, if that is not NULL, and returns the
	// data it had too, in one statement of PostgreSQL.
	docReplace = `WITH old AS MATERIALIZED (SELECT version, updated_at, data FROM docs` + docKey + ` FOR UPDATE)
		UPDATE docs SET version = old.version + 1, updated_at = GREATEST($4, old.updated_at + INTERVAL '1 microsecond'),
			terms = $5, data = $6, entries = $8
		FROM old WHERE app_id = $1 AND collection = $2 AND id = $3 AND ($7::bigint IS NULL OR old.version = $7)
		RETURNING id, docs.version, created_at, docs.updated_at, old.data`
)

func scanDocument(row scanner) (d store.Document, err error) {
	err = row.Scan(&d.ID, &d.Version, instant{&d.CreatedAt}, instant{&d.UpdatedAt}, (*[]byte)(&d.Data))
	return d, err
}

func docArgs(key store.DocumentKey, more ...any) []any {
	return append([]any{key.AppID, key.Collection, key.ID}, more...)
}

func (d docs) Create(ctx context.Context, key store.DocumentKey, content store.DocumentContent) (store.Document, error) {
	if err := checkDocument(key, content); err != nil {
		return store.Document{}, err
	}
	if key.ID == "" {
		key.ID = newID()
	}
	now := d.db.now()
	doc := store.Document{ID: key.ID, Data: content.Data, Version: 1, CreatedAt: now, UpdatedAt: now}
	args := docArgs(key, doc.Version, doc.CreatedAt, doc.UpdatedAt, d.db.Dialect.Terms.Value(content.Terms), string(content.Data), encodeEntries(content.Entries))
	about := aboutDoc(key)
	about.Version, about.Operation, about.New = doc.Version, store.ChangeCreate, content.Data
	const op = "create document"
	made, tried, err := d.foretold(ctx, op, about, docInsert, args...)
	switch {
	case tried && err == nil && !made:
		err = failed(ctx, op, notMade(ctx, d.reader(), key))
	case tried && err != nil && fault.From(err) != nil: // of its events, before it was known whether there would be any
		if _, there := one(ctx, d.reader(), "document", scanDocument, docVersion, docArgs(key)...); there == nil {
			err = store.Conflict("document", "id", key.ID, key.ID)
		}
	case !tried && err == nil:
		err = d.mutateAlone(ctx, op, about, func(tx mutation) error {
			n, err := affect(ctx, tx.writer(), docInsert, args...)
			if err != nil {
				return err
			}
			if n == 0 {
				return notMade(ctx, tx.reader(), key)
			}
			return tx.tell(ctx, store.ChangeCreate, content.Data, nil)
		})
	}
	if err != nil {
		return store.Document{}, err
	}
	return doc, nil
}

func (d docs) Restore(ctx context.Context, key store.DocumentKey, doc store.Document, content store.DocumentContent) error {
	if err := checkDocument(key, content); err != nil {
		return err
	}
	return d.mutateAlone(ctx, "restore document", aboutDoc(key), func(tx mutation) error {
		n, err := affect(ctx, tx.writer(), docInsert, docArgs(key, doc.Version, cut(doc.CreatedAt), cut(doc.UpdatedAt),
			d.db.Dialect.Terms.Value(content.Terms), string(content.Data), encodeEntries(content.Entries))...)
		if err != nil {
			return err
		}
		if n == 0 {
			return notMade(ctx, tx.reader(), key)
		}
		return tx.at(doc.Version).tell(ctx, store.ChangeCreate, content.Data, nil)
	})
}

// notMade says why a document was not created.
func notMade(ctx context.Context, q queryer, key store.DocumentKey) error {
	if err := must(ctx, q, "app", appExists, key.AppID); err != nil {
		return err
	}
	return store.Conflict("document", "id", key.ID, key.ID)
}

func checkDocument(key store.DocumentKey, content store.DocumentContent) error {
	if err := require(field{"collection", key.Collection}); err != nil {
		return err
	}
	return check(field{"id", key.ID}, field{"data", string(content.Data)})
}

// aboutDoc is a change of a document.
func aboutDoc(key store.DocumentKey) store.Change {
	return store.Change{AppID: key.AppID, Source: store.ChangeDocs, Collection: key.Collection, Key: key.ID}
}

func (d docs) Get(ctx context.Context, key store.DocumentKey) (store.Document, error) {
	return one(ctx, d.lookup(), "document", scanDocument, docGet, docArgs(key)...)
}

func (d docs) Replace(ctx context.Context, key store.DocumentKey, content store.DocumentContent, expect *int64) (doc store.Document, err error) {
	if err := checkDocument(key, content); err != nil {
		return store.Document{}, err
	}
	if d.db.Dialect.ForUpdate == "" {
		// The database is in this process and nobody else writes: to read what was there costs
		// little.
		return d.Modify(ctx, key, expect, func(json.RawMessage) (store.DocumentContent, error) { return content, nil })
	}
	err = d.mutateAlone(ctx, "update document", aboutDoc(key), func(tx mutation) error {
		for {
			doc, err = one(ctx, tx.writer(), "document", scanDocument, docReplace, docArgs(key, tx.db.now(),
				tx.db.Dialect.Terms.Value(content.Terms), string(content.Data), expect, encodeEntries(content.Entries))...)
			if err == nil {
				previous := doc.Data
				doc.Data = content.Data
				return tx.at(doc.Version).tell(ctx, store.ChangeUpdate, doc.Data, previous)
			}
			if !missing(err) || expect == nil {
				return err
			}
			present, err := one(ctx, tx.reader(), "document", scanDocument, docVersion, docArgs(key)...)
			if err != nil {
				return err
			}
			if present.Version != *expect {
				return store.Stale("document", *expect, present.Version)
			}
			// It has come to that version in the meantime.
		}
	})
	if err != nil {
		return store.Document{}, err
	}
	return doc, nil
}

func (d docs) Modify(ctx context.Context, key store.DocumentKey, expect *int64,
	change func(json.RawMessage) (store.DocumentContent, error)) (doc store.Document, err error) {
	var refused error // by change, which may use errors of its own
	err = d.mutate(ctx, "update document", aboutDoc(key), func(tx mutation) error {
		refused = nil
		if doc, err = one(ctx, tx.tx, "document", scanDocument, docRead+tx.db.Dialect.ForUpdate, docArgs(key)...); err != nil {
			return err
		}
		if expect != nil && *expect != doc.Version {
			return store.Stale("document", *expect, doc.Version)
		}
		content, err := change(doc.Data)
		if err != nil {
			refused = err
			return err
		}
		if err := checkDocument(key, content); err != nil {
			return err
		}
		previous := doc.Data
		doc.Data = content.Data
		doc.Version++
		doc.UpdatedAt = later(doc.UpdatedAt, tx.db.now())
		_, err = tx.tx.ExecContext(ctx, docUpdate, docArgs(key, doc.Version, doc.UpdatedAt,
			tx.db.Dialect.Terms.Value(content.Terms), string(content.Data), encodeEntries(content.Entries))...)
		if err != nil {
			return err
		}
		return tx.at(doc.Version).tell(ctx, store.ChangeUpdate, doc.Data, previous)
	})
	if refused != nil {
		return store.Document{}, refused
	}
	if err != nil {
		return store.Document{}, err
	}
	return doc, nil
}

func (d docs) Delete(ctx context.Context, key store.DocumentKey) error {
	if !storable(docArgs(key)) {
		return notFound("document")
	}
	return d.mutateAlone(ctx, "delete document", aboutDoc(key), func(tx mutation) error {
		doc, err := one(ctx, tx.writer(), "document", scanDocument, docDelete, docArgs(key)...)
		if err != nil {
			return err
		}
		return tx.at(doc.Version).tell(ctx, store.ChangeDelete, nil, doc.Data)
	})
}
