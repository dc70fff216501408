package hostcalls

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

// kvHandlers are the operations on keys and values.
func kvHandlers(s *kv.Service) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpKVGet: handle(abi.OpKVGet, func(ctx context.Context, scope *Scope, r *abi.KVGetRequest) (msgp.Marshaler, error) {
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
		abi.OpKVHas: handle(abi.OpKVHas, func(ctx context.Context, scope *Scope, r *abi.KVGetRequest) (msgp.Marshaler, error) {
			found, err := s.Has(ctx, scope.AppID, r.Collection, r.Key)
			return &abi.KVFoundResponse{Found: found}, err
		}),
		abi.OpKVList: handle(abi.OpKVList, func(ctx context.Context, scope *Scope, r *abi.KVListRequest) (msgp.Marshaler, error) {
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
		abi.OpKVSet: handle(abi.OpKVSet, func(ctx context.Context, scope *Scope, r *abi.KVSetRequest) (msgp.Marshaler, error) {
			value, err := valueJSON("value", r.Value)
			if err != nil {
				return nil, err
			}
			set, err := s.Set(ctx, scope.AppID, r.Collection, r.Key, value, kv.SetOptions{TTLMillis: r.TTLMillis, IfAbsent: r.IfAbsent})
			return &abi.KVSetResponse{Set: set}, err
		}),
		abi.OpKVDelete: handle(abi.OpKVDelete, func(ctx context.Context, scope *Scope, r *abi.KVGetRequest) (msgp.Marshaler, error) {
			found, err := s.Delete(ctx, scope.AppID, r.Collection, r.Key)
			return &abi.KVFoundResponse{Found: found}, err
		}),
		abi.OpKVIncr: handle(abi.OpKVIncr, func(ctx context.Context, scope *Scope, r *abi.KVIncrRequest) (msgp.Marshaler, error) {
			sum, err := s.Incr(ctx, scope.AppID, r.Collection, r.Key, r.By)
			return &abi.KVIncrResponse{Value: sum}, err
		}),
		abi.OpKVCompareAndSet: handle(abi.OpKVCompareAndSet, func(ctx context.Context, scope *Scope, r *abi.KVCompareAndSetRequest) (msgp.Marshaler, error) {
			old, err := valueJSON("old", r.Old)
			if err != nil {
				return nil, err
			}
			next, err := valueJSON("new", r.New)
			if err != nil {
				return nil, err
			}
			set, err := s.CompareAndSet(ctx, scope.AppID, r.Collection, r.Key, old, next)
			return &abi.KVSetResponse{Set: set}, err
		}),
	}
}

// storedValue is a stored value as a guest sees it.
func storedValue(text json.RawMessage) (msgp.Raw, error) {
	return abi.AppendFromJSON(make([]byte, 0, len(text)), text)
}

// valueJSON is a guest's value as it is stored. The error names the place in
// the field that cannot be.
func valueJSON(field string, value msgp.Raw) (json.RawMessage, error) {
	if len(value) == 0 {
		return json.RawMessage("null"), nil // which is how msgp reads nil
	}
	// No value is five times as long in MessagePack as in JSON.
	if len(value) > 5*kv.MaxValueBytes {
		return nil, fault.Refuse(field, "must be at most %d bytes of JSON, got more", kv.MaxValueBytes)
	}
	text, err := abi.AppendJSON(make([]byte, 0, len(value)+len(value)/2), value)
	var at *abi.ValueError
	if errors.As(err, &at) {
		if at.Path != "" {
			field = strings.Replace(field+"."+at.Path, ".[", "[", 1)
		}
		return nil, fault.Refuse(field, "%s", at.Reason)
	}
	return text, err
}
