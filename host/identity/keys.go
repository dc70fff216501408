package identity

import (
	"context"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// KeysOf lists the API keys of a user whom the caller may change. The error is that of Change.
func (s *Service) KeysOf(ctx context.Context, by *authz.Principal, id string) ([]store.APIKey, error) {
	user, err := manage(ctx, s.store, by, id, authz.UsersManage)
	if err != nil {
		return nil, err
	}
	return s.store.APIKeys().ListOf(ctx, user.ID)
}

// RevokeKeyOf ends an API key of a user whom the caller may change. The error is that of Change, or of
// [authz.Authority.RevokeKey].
func (s *Service) RevokeKeyOf(ctx context.Context, by *authz.Principal, id, key string) error {
	user, err := manage(ctx, s.store, by, id, authz.UsersManage)
	if err != nil {
		return err
	}
	return s.authority.RevokeKey(ctx, user.ID, key)
}
