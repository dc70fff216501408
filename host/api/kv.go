package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountKV(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/kv", "list-kv-collections", "List the collections that have entries", http.StatusOK, a.listKVCollections)
	operation(a, admin, http.MethodGet, "/apps/{app}/kv/{collection}", "list-kv", "List the entries of a collection in the order of their keys", http.StatusOK, a.listKV)
	operation(a, admin, http.MethodGet, "/apps/{app}/kv/{collection}/{key}", "get-kv", "Show an entry", http.StatusOK, a.getKV)
	operation(a, admin, http.MethodPut, "/apps/{app}/kv/{collection}/{key}", "set-kv", "Write an entry", http.StatusOK, a.setKV)
	operation(a, admin, http.MethodDelete, "/apps/{app}/kv/{collection}/{key}", "delete-kv", "Delete an entry", http.StatusNoContent, a.deleteKV)
}

// KeyPath is the path parameters of an entry.
type KeyPath struct {
	CollectionPath
	Key string `path:"key"`
}

func (a *API) withinKV(ctx context.Context, in KeyPath, c authz.Capability) (appID, collection, key string, err error) {
	if appID, collection, err = a.within(ctx, in.CollectionPath, c); err != nil {
		return "", "", "", err
	}
	return appID, collection, in.Key, nil
}

// inKV locates the fields of the service in a request.
func inKV(err error) error {
	return located(err, "collection", "path.collection", "key", "path.key", "prefix", "query.prefix",
		"value", "body.value", "ttl_ms", "body.ttl_ms", "expires_at", "body.expires_at")
}

func (a *API) listKVCollections(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.KVCollection]], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.kv.Collections(ctx, app.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.KVCollection]]{wirePage(page, func(c store.KVCollection) wire.KVCollection {
		return wire.KVCollection{Name: c.Name, Entries: c.Entries}
	})}, nil
}

func (a *API) listKV(ctx context.Context, in *struct {
	CollectionPath
	Paging
	Prefix string `query:"prefix" doc:"Only keys that begin so"`
}) (*body[wire.Page[wire.KVEntry]], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.kv.List(ctx, appID, collection, in.Prefix, in.request())
	if err != nil {
		return nil, inKV(err)
	}
	return &body[wire.Page[wire.KVEntry]]{wirePage(page, wireKVEntry)}, nil
}

func (a *API) getKV(ctx context.Context, in *KeyPath) (*body[wire.KVEntry], error) {
	appID, collection, key, err := a.withinKV(ctx, *in, authz.DataRead)
	if err != nil {
		return nil, err
	}
	entry, err := a.kv.Get(ctx, appID, collection, key)
	if err != nil {
		return nil, inKV(err)
	}
	return &body[wire.KVEntry]{wireKVEntry(entry)}, nil
}

func (a *API) setKV(ctx context.Context, in *struct {
	KeyPath
	Body wire.KVSet
}) (*body[wire.KVEntry], error) {
	appID, collection, key, err := a.withinKV(ctx, in.KeyPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	set, err := a.kv.Set(ctx, appID, collection, key, kv.JSON(in.Body.Value), setOptions(in.Body))
	if err != nil {
		return nil, inKV(err)
	}
	if !set {
		return nil, problem.New(http.StatusConflict, fault.Conflict, "there is such a key",
			wire.FieldError{Location: "path.key", Message: "is in use", Value: problem.Shorten(key)})
	}
	entry, err := a.kv.Get(ctx, appID, collection, key)
	if err != nil {
		return nil, inKV(err)
	}
	return &body[wire.KVEntry]{wireKVEntry(entry)}, nil
}

func setOptions(set wire.KVSet) kv.SetOptions {
	options := kv.SetOptions{TTLMillis: set.TTLMillis, IfAbsent: set.IfAbsent}
	if set.ExpiresAt != nil {
		options.ExpiresAt = *set.ExpiresAt
	}
	return options
}

func (a *API) deleteKV(ctx context.Context, in *KeyPath) (*none, error) {
	appID, collection, key, err := a.withinKV(ctx, *in, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	found, err := a.kv.Delete(ctx, appID, collection, key)
	if err == nil && !found {
		return nil, fault.Missing("key")
	}
	return nil, inKV(err)
}

func wireKVEntry(e store.KVEntry) wire.KVEntry {
	out := wire.KVEntry{Key: e.Key, Value: e.Value}
	if !e.ExpiresAt.IsZero() {
		out.ExpiresAt = &e.ExpiresAt
	}
	return out
}
