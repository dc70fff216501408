package sqlstore

import (
	"context"
	"unicode/utf8"

	"github.com/picloud/picloud/host/store"
)

const (
	// kvPage reads values beyond $6 bytes as NULL.
	kvPage = `SELECT key, CASE WHEN octet_length(value) <= $6 THEN value END, expires_at FROM kv_entries
		WHERE app_id = $1 AND collection = $2 AND key >= $3 AND key <> $5 AND ` + kvLive
	kvList       = kvPage + ` ORDER BY key LIMIT $7`
	kvListPrefix = kvPage + ` AND key < $8 ORDER BY key LIMIT $7`
	// kvCollections jumps from one name to the next.
	kvCollections = `WITH RECURSIVE names (name) AS (
			SELECT min(collection) FROM kv_entries
			WHERE app_id = $1 AND collection > $4 AND (expires_at IS NULL OR expires_at > $2)
		UNION ALL
			SELECT (SELECT min(collection) FROM kv_entries
				WHERE app_id = $1 AND collection > name AND (expires_at IS NULL OR expires_at > $2))
			FROM names WHERE name IS NOT NULL)
		SELECT name, (SELECT count(*) FROM (SELECT 1 FROM kv_entries
			WHERE app_id = $1 AND collection = name AND (expires_at IS NULL OR expires_at > $2) LIMIT $3) AS counted)
		FROM names WHERE name IS NOT NULL LIMIT $5`
)

// kvInline is the size in bytes up to which values are read with their page; longer ones are read
// one by one while the page has room.
const kvInline = store.MaxKVPageBytes / (store.MaxPageSize + 1)

func (k kv) List(ctx context.Context, appID, collection, prefix string, page store.PageRequest) (store.Page[store.KVEntry], error) {
	var none store.Page[store.KVEntry]
	if err := check(field{"prefix", prefix}); err != nil {
		return none, err
	}
	after, limit, err := afterName("keys", page)
	if err != nil {
		return none, err
	}
	query, args := kvList, []any{appID, collection, max(prefix, after), k.db.now(), after, kvInline, limit + 1}
	if end := prefixEnd(prefix); end != "" {
		query, args = kvListPrefix, append(args, end)
	}
	rows, err := many(ctx, k.reader(), "keys", scanKV, query, args...)
	if err != nil {
		return none, err
	}
	list := pageOf(rows, limit, func(last store.KVEntry) string { return makeCursor("keys", last.Key) })
	return k.fill(ctx, appID, collection, list)
}

// fill reads the values that are missing from a page, which ends where they would be too many
// bytes.
func (k kv) fill(ctx context.Context, appID, collection string, page store.Page[store.KVEntry]) (store.Page[store.KVEntry], error) {
	kept, bytes := page.Items[:0], 0
	for _, entry := range page.Items {
		if entry.Value == nil {
			whole, err := k.Get(ctx, appID, collection, entry.Key)
			if missing(err) {
				continue // gone in the meantime
			}
			if err != nil {
				return store.Page[store.KVEntry]{}, err
			}
			entry = whole
		}
		if bytes += len(entry.Value); bytes > store.MaxKVPageBytes && len(kept) > 0 {
			return store.Page[store.KVEntry]{Items: kept, Next: makeCursor("keys", kept[len(kept)-1].Key)}, nil
		}
		kept = append(kept, entry)
	}
	return store.Page[store.KVEntry]{Items: kept, Next: page.Next}, nil
}

// prefixEnd is the first text in the order of bytes behind all that begin with prefix, "" if none
// is. UTF-8 is ordered as its characters are.
func prefixEnd(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch last {
		case utf8.MaxRune: // has no next one
		case 0xD7FF:
			return prefix + string(rune(0xE000)) // surrogates are no characters
		default:
			return prefix + string(last+1)
		}
	}
	return ""
}

func (k kv) Collections(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.KVCollection], error) {
	name := func(c store.KVCollection) string { return c.Name }
	return pageBy(ctx, k.reader(), "kv collections", scanKVCollection, name, page, kvCollections, appID, k.db.now(), store.MaxKVCount)
}

func scanKVCollection(row scanner) (c store.KVCollection, err error) {
	err = row.Scan(&c.Name, &c.Entries)
	return c, err
}
