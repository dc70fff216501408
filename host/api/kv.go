package api

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

func (s *Server) mountKV() {
	operation(s, http.MethodGet, "/apps/{app}/kv", "list-kv-collections", "List the collections that have entries", http.StatusOK, s.listKVCollections)
	operation(s, http.MethodGet, "/apps/{app}/kv/{collection}", "list-kv", "List the entries of a collection in the order of their keys", http.StatusOK, s.listKV)
	operation(s, http.MethodGet, "/apps/{app}/kv/{collection}/{key}", "get-kv", "Show an entry", http.StatusOK, s.getKV)
	operation(s, http.MethodPut, "/apps/{app}/kv/{collection}/{key}", "set-kv", "Write an entry", http.StatusOK, s.setKV)
	operation(s, http.MethodDelete, "/apps/{app}/kv/{collection}/{key}", "delete-kv", "Delete an entry", http.StatusNoContent, s.deleteKV)
}

// KeyPath is the path parameters of an entry.
type KeyPath struct {
	CollectionPath
	Key string `path:"key" doc:"Percent-encoded"`
}

func (s *Server) withinKV(ctx context.Context, in KeyPath, c authz.Capability) (appID, collection, key string, err error) {
	if appID, collection, err = s.within(ctx, in.CollectionPath, c); err != nil {
		return "", "", "", err
	}
	key, err = unescape("path.key", in.Key)
	return appID, collection, key, err
}

// inKV locates the fields of the service in a request.
func inKV(err error) error {
	return located(err, "collection", "path.collection", "key", "path.key", "prefix", "query.prefix",
		"value", "body.value", "ttl_ms", "body.ttl_ms", "expires_at", "body.expires_at")
}

func (s *Server) listKVCollections(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.KVCollection]], error) {
	app, err := s.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := s.kv.Collections(ctx, app.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.KVCollection]]{wirePage(page, func(c store.KVCollection) wire.KVCollection {
		return wire.KVCollection{Name: c.Name, Entries: c.Entries}
	})}, nil
}

func (s *Server) listKV(ctx context.Context, in *struct {
	CollectionPath
	Paging
	Prefix string `query:"prefix" doc:"Only keys that begin so"`
}) (*body[wire.Page[wire.KVEntry]], error) {
	appID, collection, err := s.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := s.kv.List(ctx, appID, collection, in.Prefix, in.request())
	if err != nil {
		return nil, inKV(err)
	}
	return &body[wire.Page[wire.KVEntry]]{wirePage(page, wireKVEntry)}, nil
}

func (s *Server) getKV(ctx context.Context, in *KeyPath) (*body[wire.KVEntry], error) {
	appID, collection, key, err := s.withinKV(ctx, *in, authz.DataRead)
	if err != nil {
		return nil, err
	}
	entry, err := s.kv.Get(ctx, appID, collection, key)
	if err != nil {
		return nil, inKV(err)
	}
	return &body[wire.KVEntry]{wireKVEntry(entry)}, nil
}

func (s *Server) setKV(ctx context.Context, in *struct {
	KeyPath
	Body wire.KVSet
}) (*body[wire.KVEntry], error) {
	appID, collection, key, err := s.withinKV(ctx, in.KeyPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	options := kv.SetOptions{TTLMillis: in.Body.TTLMillis, IfAbsent: in.Body.IfAbsent}
	if in.Body.ExpiresAt != nil {
		if in.Body.TTLMillis != nil {
			return nil, invalidField("body.expires_at", "cannot be given together with ttl_ms", nil)
		}
		options.ExpiresAt = *in.Body.ExpiresAt
	}
	set, err := s.kv.Set(ctx, appID, collection, key, kv.JSON(in.Body.Value), options)
	if err != nil {
		return nil, inKV(err)
	}
	if !set {
		return nil, newProblem(http.StatusConflict, codeConflict, "there is such a key",
			wire.FieldError{Location: "path.key", Message: "is in use", Value: shorten(key)})
	}
	entry, err := s.kv.Get(ctx, appID, collection, key)
	if err != nil {
		return nil, inKV(err)
	}
	return &body[wire.KVEntry]{wireKVEntry(entry)}, nil
}

func (s *Server) deleteKV(ctx context.Context, in *KeyPath) (*none, error) {
	appID, collection, key, err := s.withinKV(ctx, *in, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	found, err := s.kv.Delete(ctx, appID, collection, key)
	if err == nil && !found {
		return nil, notFound("key")
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
