package hostcalls

import (
	"context"
	"encoding/json"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

// kvHandlers are the operations on keys and values.
func kvHandlers(s *kv.Service) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpKVGet: inTransaction(abi.OpKVGet, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVGetRequest) (msgp.Marshaler, error) {
			entry, err := s.Get(ctx, scope.AppID, r.Collection, r.Key)
			if fault.Of(err) == fault.NotFound {
				return &abi.KVGetResponse{}, nil
			}
			if err != nil {
				return nil, err
			}
			value, err := storedValue(entry.Value)
			return &abi.KVGetResponse{Found: true, Value: value}, err
		}),
		abi.OpKVHas: inTransaction(abi.OpKVHas, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVGetRequest) (msgp.Marshaler, error) {
			found, err := s.Has(ctx, scope.AppID, r.Collection, r.Key)
			return &abi.KVFoundResponse{Found: found}, err
		}),
		abi.OpKVList: inTransaction(abi.OpKVList, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVListRequest) (msgp.Marshaler, error) {
			page, err := s.List(ctx, scope.AppID, r.Collection, r.Prefix, store.PageRequest{Cursor: r.Cursor, Limit: r.Limit})
			if err != nil {
				return nil, err
			}
			response := &abi.KVListResponse{Items: make([]abi.KVItem, len(page.Items)), Cursor: page.Next}
			for i, entry := range page.Items {
				response.Items[i].Key = entry.Key
				if response.Items[i].Value, err = storedValue(entry.Value); err != nil {
					return nil, err
				}
			}
			return response, nil
		}),
		abi.OpKVSet: inTransaction(abi.OpKVSet, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVSetRequest) (msgp.Marshaler, error) {
			set, err := s.Set(ctx, scope.AppID, r.Collection, r.Key, kv.MessagePack(r.Value), kv.SetOptions{TTLMillis: r.TTLMillis, IfAbsent: r.IfAbsent})
			return &abi.KVSetResponse{Set: set}, err
		}),
		abi.OpKVDelete: inTransaction(abi.OpKVDelete, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVGetRequest) (msgp.Marshaler, error) {
			found, err := s.Delete(ctx, scope.AppID, r.Collection, r.Key)
			return &abi.KVFoundResponse{Found: found}, err
		}),
		abi.OpKVIncr: inTransaction(abi.OpKVIncr, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVIncrRequest) (msgp.Marshaler, error) {
			sum, err := s.Incr(ctx, scope.AppID, r.Collection, r.Key, r.By)
			return &abi.KVIncrResponse{Value: sum}, err
		}),
		abi.OpKVCompareAndSet: inTransaction(abi.OpKVCompareAndSet, s, func(ctx context.Context, scope *Scope, s *kv.Service, r *abi.KVCompareAndSetRequest) (msgp.Marshaler, error) {
			set, err := s.CompareAndSet(ctx, scope.AppID, r.Collection, r.Key, kv.MessagePack(r.Old), kv.MessagePack(r.New))
			return &abi.KVSetResponse{Set: set}, err
		}),
	}
}

// storedValue is a stored value as a guest sees it.
func storedValue(text json.RawMessage) (msgp.Raw, error) {
	return abi.AppendFromJSON(make([]byte, 0, len(text)), text)
}
