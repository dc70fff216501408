package sqlstore

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A cursor is the base64url form of a JSON array: the name of the listing, then the keys of the
// last row seen. Rows that come or go between two pages shift nothing.

func makeCursor(listing string, keys ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(encode(append([]string{listing}, keys...))))
}

// readCursor returns the keys of a cursor of the listing.
func readCursor(listing, cursor string, keys int) ([]string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, store.ErrInvalidCursor
	}
	var parts []string
	if json.Unmarshal(raw, &parts) != nil || len(parts) != 1+keys || parts[0] != listing {
		return nil, store.ErrInvalidCursor
	}
	for _, part := range parts {
		if unstorable(part) != "" {
			return nil, store.ErrInvalidCursor
		}
	}
	return parts[1:], nil
}

// pageSize checks the limit of a page.
func pageSize(page store.PageRequest) (int, error) {
	if page.Limit == 0 {
		return store.DefaultPageSize, nil
	}
	return page.Limit, checkLimit(page.Limit, store.MaxPageSize)
}

// checkLimit refuses to go for more rows than most at a time, or for none.
func checkLimit(limit, most int) error {
	if limit < 1 || limit > most {
		return fault.Refuse("limit", "must be between 1 and %d, got %d", most, limit)
	}
	return nil
}

// afterName reads the request for a page of a listing that is ordered by a unique, non-empty text.
func afterName(listing string, page store.PageRequest) (after string, limit int, err error) {
	if limit, err = pageSize(page); err != nil || page.Cursor == "" {
		return "", limit, err
	}
	keys, err := readCursor(listing, page.Cursor, 1)
	if err != nil {
		return "", 0, err
	}
	return keys[0], limit, nil
}

// pageBy reads a page of a listing that is ordered by a unique, non-empty text, the key of a row.
// The query takes args, the key to go on behind and the number of rows.
func pageBy[T any](ctx context.Context, q queryer, listing string, scan func(scanner) (T, error), key func(T) string,
	page store.PageRequest, query string, args ...any) (store.Page[T], error) {
	after, limit, err := afterName(listing, page)
	if err != nil {
		return store.Page[T]{}, err
	}
	rows, err := many(ctx, q, listing, scan, query, append(args, after, limit+1)...)
	return pageOf(rows, limit, func(last T) string { return makeCursor(listing, key(last)) }), err
}

// pageOf makes a page of up to limit+1 rows; the one too many is there if there is a next page.
func pageOf[T any](rows []T, limit int, cursor func(last T) string) store.Page[T] {
	if len(rows) <= limit {
		return store.Page[T]{Items: rows}
	}
	rows = rows[:limit]
	return store.Page[T]{Items: rows, Next: cursor(rows[limit-1])}
}
