package api

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
)

// What the resources of an app's data (kv, docs and files) have in common.

// CollectionPath is the path parameters of everything in a collection.
type CollectionPath struct {
	AppPath
	Collection string `path:"collection" doc:"Name of the collection"`
}

// within finds the app, for a caller with a capability in it, and the name of the collection.
func (a *API) within(ctx context.Context, in CollectionPath, c authz.Capability) (appID, collection string, err error) {
	app, err := a.findApp(ctx, in.App, c)
	if err != nil {
		return "", "", err
	}
	return app.ID, in.Collection, nil
}

// located tells of a field that a service refuses where in the request it is: places are pairs of a
// field of the service and a location. A change for another version, or for other bytes, than there
// are failed the precondition of If-Match.
func located(err error, places ...string) error {
	if fault.Of(err) == fault.Stale {
		stale := fault.From(err)
		return problem.New(http.StatusPreconditionFailed, stale.Code, stale.Text,
			wire.FieldError{Location: "header.If-Match", Message: stale.Text, Value: stale.Value})
	}
	return problem.At(err, places...)
}
