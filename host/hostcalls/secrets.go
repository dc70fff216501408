package hostcalls

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/secrets"
)

// secretsHandlers read the app's secrets.
func secretsHandlers(s *secrets.Service) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpSecretsGet: handle(abi.OpSecretsGet, func(ctx context.Context, scope *Scope, r *abi.SecretsGetRequest) (msgp.Marshaler, error) {
			value, err := s.Get(ctx, scope.AppID, r.Name)
			if fault.Of(err) == fault.NotFound {
				return &abi.SecretsGetResponse{}, nil
			}
			if err != nil {
				return nil, err
			}
			// What it has read stays masked if it is changed meanwhile.
			mask, err := s.Mask(ctx, scope.AppID)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(scope.masks, mask) {
				scope.masks = append(scope.masks, mask)
			}
			return &abi.SecretsGetResponse{Found: true, Value: value}, nil
		}),
		abi.OpSecretsHas: handle(abi.OpSecretsHas, func(ctx context.Context, scope *Scope, r *abi.SecretsGetRequest) (msgp.Marshaler, error) {
			found, err := s.Has(ctx, scope.AppID, r.Name)
			return &abi.SecretsHasResponse{Found: found}, err
		}),
		abi.OpSecretsList: handle(abi.OpSecretsList, func(ctx context.Context, scope *Scope, _ *abi.SecretsListRequest) (msgp.Marshaler, error) {
			names, err := s.Names(ctx, scope.AppID)
			return &abi.SecretsListResponse{Names: names}, err
		}),
	}
}

// leftOut stands in the place of what cannot be masked, because the app's secrets cannot be read.
const leftOut = "(left out: the secrets of the app, which are masked here, cannot be read just now)"

// Hide masks the app's secrets in what the execution of scope has written or failed with: those that the app
// has now, and those that it had when the execution read one.
func (d *Dispatcher) Hide(ctx context.Context, scope *Scope, message string, data json.RawMessage) (string, json.RawMessage) {
	if d.secrets == nil {
		return message, data
	}
	mask, err := d.secrets.Mask(ctx, scope.AppID)
	if err != nil {
		return leftOut, nil
	}
	message, data = mask.Hide(message), mask.HideJSON(data)
	for _, older := range scope.masks {
		if older != mask {
			message, data = older.Hide(message), older.HideJSON(data)
		}
	}
	return message, data
}
