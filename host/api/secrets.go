package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountSecrets(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/secrets", "list-secrets", "List an app's secrets, without their values", http.StatusOK, a.listSecrets)
	operation(a, admin, http.MethodPut, "/apps/{app}/secrets/{name}", "set-secret", "Set a secret that scripts of an app may read", http.StatusOK, a.setSecret)
	operation(a, admin, http.MethodDelete, "/apps/{app}/secrets/{name}", "delete-secret", "Delete a secret", http.StatusNoContent, a.deleteSecret)
	operation(a, admin, http.MethodPost, "/secrets:rotate", "rotate-secrets", "Seal the secrets of all apps, and of second factors, with the first key", http.StatusOK, a.rotateSecrets)
}

// SecretPath is the path parameters of a secret.
type SecretPath struct {
	AppPath
	Name string `path:"name"`
}

func (a *API) listSecrets(ctx context.Context, in *AppPath) (*body[wire.Page[wire.Secret]], error) {
	app, err := a.findApp(ctx, in.App, authz.SecretRead)
	if err != nil {
		return nil, err
	}
	listed, err := a.secrets.List(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Secret]]{wirePage(store.Page[store.Secret]{Items: listed}, wireSecret)}, nil
}

func (a *API) setSecret(ctx context.Context, in *struct {
	SecretPath
	Body wire.SecretSet
}) (*body[wire.Secret], error) {
	app, err := a.findApp(ctx, in.App, authz.SecretWrite)
	if err != nil {
		return nil, err
	}
	set, err := a.secrets.Set(ctx, app.ID, in.Name, in.Body.Value)
	if err != nil {
		return nil, located(err, "name", "path.name")
	}
	return &body[wire.Secret]{wireSecret(set)}, nil
}

func (a *API) deleteSecret(ctx context.Context, in *SecretPath) (*none, error) {
	app, err := a.findApp(ctx, in.App, authz.SecretWrite)
	if err != nil {
		return nil, err
	}
	return nil, unknown(a.secrets.Delete(ctx, app.ID, in.Name), "secret")
}

func (a *API) rotateSecrets(ctx context.Context, _ *none) (*body[wire.SecretsRotated], error) {
	if !caller(ctx).May(authz.SecretRotate) {
		return nil, caller(ctx).Denied(authz.SecretRotate)
	}
	done, err := a.secrets.Rotate(ctx)
	if err != nil {
		return nil, err
	}
	return &body[wire.SecretsRotated]{wire.SecretsRotated(done)}, nil
}

// missingSecret warns of a route that demands a signature of a secret that its app does not have; "" of
// any other, and to a caller who may not see which secrets there are.
func (a *API) missingSecret(ctx context.Context, route store.Route) string {
	if route.Signature == nil {
		return ""
	}
	if may, err := a.authority.MayIn(ctx, caller(ctx), route.AppID, authz.SecretRead); err != nil || !may {
		return ""
	}
	there, err := a.store.Secrets().List(ctx, route.AppID)
	if err != nil || slices.ContainsFunc(there, func(s store.Secret) bool { return s.Name == route.Signature.Secret }) {
		return ""
	}
	return fmt.Sprintf("the secret %s is not set: until it is, the route answers 503", route.Signature.Secret)
}

func wireSecret(s store.Secret) wire.Secret {
	return wire.Secret{Name: s.Name, Size: s.Size, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt}
}
