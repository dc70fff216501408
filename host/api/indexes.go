package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// The ids of documents are all that may come behind a collection, so indexes are apart from them.
func (a *API) mountIndexes(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/docs-indexes", "list-indexes", "List the indexes on paths of an app's documents", http.StatusOK, a.listIndexes)
	operation(a, admin, http.MethodPost, "/apps/{app}/docs-indexes", "create-index", "Have a path of a collection's documents indexed", http.StatusOK, a.createIndex, alsoCreates[wire.Index](admin))
	operation(a, admin, http.MethodGet, "/apps/{app}/docs-indexes/{id}", "get-index", "Show an index, and how far it is built", http.StatusOK, a.getIndex)
	operation(a, admin, http.MethodDelete, "/apps/{app}/docs-indexes/{id}", "delete-index", "Delete an index; the documents stay", http.StatusNoContent, a.deleteIndex)
}

// IndexPath is the path parameters of an index.
type IndexPath struct {
	AppPath
	ID string `path:"id"`
}

// index finds the app of an index, for a caller with a capability, and reads its id.
func (a *API) index(ctx context.Context, in IndexPath, c authz.Capability) (appID string, id int64, err error) {
	app, err := a.findApp(ctx, in.App, c)
	if err != nil {
		return "", 0, err
	}
	if id, err = strconv.ParseInt(in.ID, 10, 64); err != nil {
		return "", 0, fault.Missing("index")
	}
	return app.ID, id, nil
}

func (a *API) listIndexes(ctx context.Context, in *struct {
	AppPath
	Collection string `query:"collection" doc:"Only those of this collection"`
}) (*body[wire.Page[wire.Index]], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	if in.Collection != "" {
		if err := store.CheckCollection(in.Collection); err != nil {
			return nil, problem.At(err, "collection", "query.collection")
		}
	}
	listed, err := a.docs.Indexes(ctx, app.ID, in.Collection)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Index]]{wirePage(store.Page[store.DocumentIndex]{Items: listed}, wireIndex)}, nil
}

// indexBody is an index, with 201 if it is new.
type indexBody struct {
	Status int
	Body   wire.Index
}

func (a *API) createIndex(ctx context.Context, in *struct {
	AppPath
	Body wire.IndexCreate
}) (*indexBody, error) {
	app, err := a.findApp(ctx, in.App, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	index, made, err := a.docs.Index(ctx, app.ID, in.Body.Collection, in.Body.Path)
	if err != nil {
		return nil, located(err, "collection", "body.collection", "path", "body.path")
	}
	out := &indexBody{http.StatusOK, wireIndex(index)}
	if made {
		out.Status = http.StatusCreated
	}
	return out, nil
}

func (a *API) getIndex(ctx context.Context, in *IndexPath) (*body[wire.Index], error) {
	appID, id, err := a.index(ctx, *in, authz.DataRead)
	if err != nil {
		return nil, err
	}
	index, err := a.docs.GetIndex(ctx, appID, id)
	if err != nil {
		return nil, unknown(err, "index")
	}
	return &body[wire.Index]{wireIndex(index)}, nil
}

func (a *API) deleteIndex(ctx context.Context, in *IndexPath) (*none, error) {
	appID, id, err := a.index(ctx, *in, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	return nil, unknown(a.docs.DropIndex(ctx, appID, id), "index")
}

func wireIndex(i store.DocumentIndex) wire.Index {
	out := wire.Index{
		ID: strconv.FormatInt(i.ID, 10), AppID: i.AppID, Collection: i.Collection, Path: i.Path,
		State: string(i.State), Built: i.Built, CreatedAt: i.CreatedAt,
	}
	if i.Full {
		out.Reason = "the app's quota of documents has no room for its entries; it is built on when there is"
	}
	return out
}

func wireExplained(e docs.Explained) *wire.Explained {
	return &wire.Explained{Plan: e.Plan, Path: e.Path, Range: e.Range, Sort: e.Sort, Looked: e.Looked}
}
