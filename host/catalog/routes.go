package catalog

import (
	"context"
	"fmt"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/signing"
	"github.com/picloud/picloud/host/store"
)

// CreateRoute binds requests to a script. route is as [routing.Parse] gives it. A host that it names must
// be the app's, by a claim; shadowed reports whether, on hosts that nobody has claimed, a route of another
// app answers some of its requests first.
func (c *Catalog) CreateRoute(ctx context.Context, script store.Script, route store.Route) (created store.Route, shadowed bool, err error) {
	if route, err = prepareRoute(script, route); err != nil {
		return store.Route{}, false, err
	}
	err = c.change(ctx, func(tx store.Store) error {
		if other, taken := c.routes.Conflict(route); taken {
			return conflicting(route, other)
		}
		if err := c.needClaim(route); err != nil {
			return err
		}
		created, err = tx.Routes().Create(ctx, route)
		return err
	})
	if err != nil {
		return store.Route{}, false, err
	}
	_, shadowed = c.routes.Shadow(created)
	return created, shadowed, nil
}

// prepareRoute returns a route as it is kept of a script.
func prepareRoute(script store.Script, route store.Route) (_ store.Route, err error) {
	if script.Kind == abi.KindModule {
		return store.Route{}, &fault.Error{
			Code: fault.Invalid, Field: "id", Reason: "is a module, which cannot have routes", Value: script.ID,
		}
	}
	if err := mayDispatch(script, route.Dispatch); err != nil {
		return store.Route{}, err
	}
	if route.Signature, err = checkSignature(script, route.Signature); err != nil {
		return store.Route{}, err
	}
	route.AppID, route.ScriptID = script.AppID, script.ID
	if route.CORS != nil {
		if route.CORS, err = routing.CheckCORS(*route.CORS); err != nil {
			return store.Route{}, err
		}
	}
	route.RateLimit, err = quota.CheckRateLimit(route.RateLimit)
	return route, err
}

func conflicting(route, other store.Route) error {
	return &fault.Error{
		Code: fault.Conflict, Text: fmt.Sprintf("the route %s could match the same requests at the same precedence", describe(other)),
		Field: "path", Reason: "conflicts with " + describe(other), Value: route.Path, Other: other.ID,
	}
}

// UpdateRoute gives a route a CORS policy of its own, or nil for its app's; if dispatch is not "", another
// time at which its caller is answered; unless it is nil another signature that it demands, none if its
// scheme is [NoSignature]; and unless it is nil another limit, none if it has no requests.
func (c *Catalog) UpdateRoute(ctx context.Context, id string, cors *store.CORS, dispatch store.Dispatch, signature *store.Signature, limit *store.RateLimit) (route store.Route, err error) {
	checkedLimit, err := quota.CheckRateLimit(limit)
	if err != nil {
		return store.Route{}, err
	}
	if cors != nil {
		if cors, err = routing.CheckCORS(*cors); err != nil {
			return store.Route{}, err
		}
	}
	err = c.change(ctx, func(tx store.Store) error {
		if limit != nil {
			if route, err = tx.Routes().SetRateLimit(ctx, id, checkedLimit); err != nil {
				return err
			}
		}
		if route, err = tx.Routes().SetCORS(ctx, id, cors); err != nil {
			return err
		}
		script, err := tx.Scripts().Get(ctx, route.ScriptID)
		if err != nil {
			return err
		}
		if dispatch != "" && dispatch != route.Dispatch {
			if err := mayDispatch(script, dispatch); err != nil {
				return err
			}
			if route, err = tx.Routes().SetDispatch(ctx, id, dispatch); err != nil {
				return err
			}
		}
		if signature == nil {
			return nil
		}
		checked, err := checkSignature(script, signature)
		if err != nil {
			return err
		}
		route, err = tx.Routes().SetSignature(ctx, id, checked)
		return err
	})
	return route, err
}

// DeleteRoute removes a route.
func (c *Catalog) DeleteRoute(ctx context.Context, id string) error {
	return c.change(ctx, func(tx store.Store) error { return tx.Routes().Delete(ctx, id) })
}

// mayDispatch refuses to answer later what only files answer.
func mayDispatch(script store.Script, dispatch store.Dispatch) error {
	if dispatch == store.DispatchAsync && script.Kind == abi.KindStatic {
		return fault.Refuse("dispatch", "must be sync for a static site, got %q", string(dispatch))
	}
	return nil
}

// NoSignature is the scheme of no signature.
const NoSignature = "none"

// checkSignature returns what a route demands as it is to be kept, nil for nothing.
func checkSignature(script store.Script, signature *store.Signature) (*store.Signature, error) {
	if signature == nil || signature.Scheme == NoSignature {
		return nil, nil
	}
	if script.Kind == abi.KindStatic {
		return nil, fault.Refuse("signature", "must not be given: a static site is for everybody to visit")
	}
	tolerance, err := signing.CheckScheme(signature.Scheme, signature.Tolerance)
	if err != nil {
		return nil, err
	}
	if err := secrets.CheckName("signature.secret", signature.Secret); err != nil {
		return nil, err
	}
	return &store.Signature{Scheme: signature.Scheme, Secret: signature.Secret, Tolerance: tolerance}, nil
}

// describe names a route for people: "GET example.com/users/:id (id)".
func describe(r store.Route) string {
	method := r.Method
	if method == "" {
		method = "ANY"
	}
	return method + " " + r.Host + r.Path + " (" + r.ID + ")"
}
