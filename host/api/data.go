package api

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// What the resources of an app's data (kv, docs and files) have in common.

// CollectionPath is the path parameters of everything in a collection.
type CollectionPath struct {
	AppPath
	Collection string `path:"collection" doc:"Name of the collection, percent-encoded"`
}

// within finds the app, for a caller with a capability in it, and the name of
// the collection.
func (a *API) within(ctx context.Context, in CollectionPath, c authz.Capability) (appID, collection string, err error) {
	app, err := a.findApp(ctx, in.App, c)
	if err != nil {
		return "", "", err
	}
	collection, err = unescape("path.collection", in.Collection)
	return app.ID, collection, err
}

// unescape decodes a part of the path, which may be any text.
func unescape(location, part string) (string, error) {
	text, err := url.PathUnescape(part)
	if err != nil {
		return "", problem.InvalidField(location, "is not percent-encoded", part)
	}
	return text, nil
}

// located tells of a field that a service refuses where in the request it is.
// places are pairs of a field of the service and a location.
func located(err error, places ...string) error {
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	for i := 0; i < len(places); i += 2 {
		rest, ok := strings.CutPrefix(invalid.Field, places[i])
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return problem.InvalidField(places[i+1]+rest, invalid.Reason, nil)
		}
	}
	return err
}
