package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/picloud/picloud/host/api/wire"
)

// KVCollections lists the collections of an app that have entries.
func (c *Client) KVCollections(ctx context.Context, app string) iter.Seq2[wire.KVCollection, error] {
	return list[wire.KVCollection](ctx, c, "apps", app, "kv")
}

// KV lists the entries of a collection whose keys begin with prefix, in the order of the keys.
func (c *Client) KV(ctx context.Context, app, collection, prefix string) iter.Seq2[wire.KVEntry, error] {
	query := url.Values{}
	if prefix != "" {
		query.Set("prefix", prefix)
	}
	return listQuery[wire.KVEntry](ctx, c, query, "apps", app, "kv", collection)
}

// KVEntry returns the entry of a key.
func (c *Client) KVEntry(ctx context.Context, app, collection, key string) (wire.KVEntry, error) {
	return call[wire.KVEntry](ctx, c, http.MethodGet, []string{"apps", app, "kv", collection, key}, nil, nil)
}

// SetKV writes an entry.
func (c *Client) SetKV(ctx context.Context, app, collection, key string, set wire.KVSet) (wire.KVEntry, error) {
	return call[wire.KVEntry](ctx, c, http.MethodPut, []string{"apps", app, "kv", collection, key}, nil, set)
}

// DeleteKV removes an entry.
func (c *Client) DeleteKV(ctx context.Context, app, collection, key string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "kv", collection, key}, nil, nil, nil)
}
