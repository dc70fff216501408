package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/picloud/picloud/host/api/wire"
)

// DocsCollections lists the collections of an app that have documents.
func (c *Client) DocsCollections(ctx context.Context, app string) iter.Seq2[wire.DocsCollection, error] {
	return list[wire.DocsCollection](ctx, c, "apps", app, "docs")
}

// Docs lists the documents of a collection that match a filter. Filter and sort are JSON objects as
// in scripts, "" for every document and the order of their ids.
func (c *Client) Docs(ctx context.Context, app, collection, filter, sort string) iter.Seq2[wire.Document, error] {
	query := url.Values{}
	if filter != "" {
		query.Set("filter", filter)
	}
	if sort != "" {
		query.Set("sort", sort)
	}
	return listQuery[wire.Document](ctx, c, query, "apps", app, "docs", collection)
}

// Explain returns how the documents are found that a filter and a sort ask for, as for Docs, of a first page of
// limit of them; 0: as many as the server gives.
func (c *Client) Explain(ctx context.Context, app, collection, filter, sort string, limit int) (wire.Explained, error) {
	query := url.Values{"explain": {"true"}}
	if filter != "" {
		query.Set("filter", filter)
	}
	if sort != "" {
		query.Set("sort", sort)
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	found, err := call[wire.FoundDocuments](ctx, c, http.MethodGet, []string{"apps", app, "docs", collection}, query, nil)
	if err != nil || found.Explain == nil {
		return wire.Explained{}, err
	}
	return *found.Explain, nil
}

// Indexes lists the indexes on paths of documents of an app, named by id or slug.
func (c *Client) Indexes(ctx context.Context, app string) iter.Seq2[wire.Index, error] {
	return list[wire.Index](ctx, c, "apps", app, "docs-indexes")
}

// CreateIndex has a path of a collection's documents indexed, unless it is.
func (c *Client) CreateIndex(ctx context.Context, app string, index wire.IndexCreate) (wire.Index, error) {
	return call[wire.Index](ctx, c, http.MethodPost, []string{"apps", app, "docs-indexes"}, nil, index)
}

// Index returns an index of an app.
func (c *Client) Index(ctx context.Context, app, id string) (wire.Index, error) {
	return call[wire.Index](ctx, c, http.MethodGet, []string{"apps", app, "docs-indexes", id}, nil, nil)
}

// DeleteIndex removes an index of an app.
func (c *Client) DeleteIndex(ctx context.Context, app, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "docs-indexes", id}, nil, nil, nil)
}

// Doc returns the document with an id.
func (c *Client) Doc(ctx context.Context, app, collection, id string) (wire.Document, error) {
	return call[wire.Document](ctx, c, http.MethodGet, []string{"apps", app, "docs", collection, id}, nil, nil)
}

// CreateDoc stores a new document.
func (c *Client) CreateDoc(ctx context.Context, app, collection string, data json.RawMessage) (wire.Document, error) {
	return call[wire.Document](ctx, c, http.MethodPost, []string{"apps", app, "docs", collection}, nil, wire.DocumentWrite{Data: data})
}

// PutDoc replaces the document with an id, or stores a new one under it.
func (c *Client) PutDoc(ctx context.Context, app, collection, id string, data json.RawMessage) (wire.Document, error) {
	return call[wire.Document](ctx, c, http.MethodPut, []string{"apps", app, "docs", collection, id}, nil, wire.DocumentWrite{Data: data})
}

// DeleteDoc removes a document.
func (c *Client) DeleteDoc(ctx context.Context, app, collection, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "docs", collection, id}, nil, nil, nil)
}
