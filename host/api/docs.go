package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountDocs(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/docs", "list-docs-collections", "List the collections that have documents", http.StatusOK, a.listDocsCollections)
	operation(a, admin, http.MethodGet, "/apps/{app}/docs/{collection}", "find-docs", "Find documents of a collection", http.StatusOK, a.findDocs)
	operation(a, admin, http.MethodPost, "/apps/{app}/docs/{collection}", "create-doc", "Create a document", http.StatusCreated, a.createDoc)
	operation(a, admin, http.MethodGet, "/apps/{app}/docs/{collection}/{id}", "get-doc", "Show a document", http.StatusOK, a.getDoc)
	operation(a, admin, http.MethodPut, "/apps/{app}/docs/{collection}/{id}", "put-doc", "Replace a document, or create one with this id", http.StatusOK, a.putDoc, alsoCreates[wire.Document](admin), underUUID)
	operation(a, admin, http.MethodPatch, "/apps/{app}/docs/{collection}/{id}", "patch-doc", "Merge into a document (RFC 7396)", http.StatusOK, a.patchDoc)
	operation(a, admin, http.MethodDelete, "/apps/{app}/docs/{collection}/{id}", "delete-doc", "Delete a document", http.StatusNoContent, a.deleteDoc)
}

// underUUID documents that the id of an item may be chosen, among UUIDs.
func underUUID(op *huma.Operation) {
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: "id", In: "path", Required: true,
		Schema: match(&huma.Schema{Type: huma.TypeString}, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "a UUID in lower case"),
	})
}

// ItemPath is the path parameters of a document or a file.
type ItemPath struct {
	CollectionPath
	ID string `path:"id"`
}

// IfMatch is the version that a change of a document or a script was made for.
type IfMatch struct {
	IfMatch string `header:"If-Match" pattern:"^(\\*|\"[1-9][0-9]{0,17}\")$" patternDescription:"one version in quotes, as in \"3\"" doc:"The version that the change was made for, as in the ETag: \"3\". At any other it is refused with 412"`
}

// version is nil without the header, and for "*".
func (m IfMatch) version() *int64 {
	version, err := strconv.ParseInt(strings.Trim(m.IfMatch, `"`), 10, 64)
	if err != nil {
		return nil
	}
	return &version
}

// docBody is a document with its version as the entity tag.
type docBody struct {
	Status int
	ETag   string `header:"ETag"`
	Body   wire.Document
}

func newDocBody(status int, doc store.Document) *docBody {
	return &docBody{Status: status, ETag: strconv.Quote(strconv.FormatInt(doc.Version, 10)), Body: wireDocument(doc)}
}

// inDocs locates the fields of the service in a request.
func inDocs(err error) error {
	return located(err, "collection", "path.collection", "id", "path.id",
		"filter", "query.filter", "sort", "query.sort", "data", "body.data")
}

func (a *API) listDocsCollections(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.DocsCollection]], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.docs.Collections(ctx, app.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.DocsCollection]]{wirePage(page, func(c store.DocumentCollection) wire.DocsCollection {
		return wire.DocsCollection{Name: c.Name, Documents: c.Count}
	})}, nil
}

func (a *API) findDocs(ctx context.Context, in *struct {
	CollectionPath
	Paging
	Filter  string `query:"filter" doc:"A JSON object as scripts' filters are: {\"age\":{\"$gte\":18}}; absent: every document"`
	Sort    string `query:"sort" doc:"A JSON object of path to 1 or -1, or an array of such pairs; absent: by id"`
	Explain bool   `query:"explain" doc:"Tell how the documents were found"`
}) (*body[wire.FoundDocuments], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	query := docs.Query{Cursor: in.Cursor, Limit: in.Limit}
	for _, p := range []struct {
		name, text string
		value      *msgp.Raw
	}{{"filter", in.Filter, &query.Filter}, {"sort", in.Sort, &query.Sort}} {
		if p.text == "" {
			continue
		}
		if *p.value, err = abi.AppendFromJSON(nil, []byte(p.text)); err != nil {
			reason := "must be a JSON object"
			if malformed := (*abi.JSONError)(nil); errors.As(err, &malformed) {
				reason += fmt.Sprintf(", and is no JSON at byte %d: %s", malformed.Offset, malformed.Reason)
			}
			return nil, problem.InvalidField("query."+p.name, reason, p.text)
		}
	}
	page, how, err := a.docs.Explain(ctx, appID, collection, query)
	if err != nil {
		return nil, inDocs(err)
	}
	found := wire.FoundDocuments{Page: wirePage(page, wireDocument)}
	if in.Explain {
		found.Explain = wireExplained(how)
	}
	return &body[wire.FoundDocuments]{found}, nil
}

func (a *API) createDoc(ctx context.Context, in *struct {
	CollectionPath
	Body wire.DocumentWrite
}) (*docBody, error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	data, err := documentData(in.Body.Data)
	if err != nil {
		return nil, err
	}
	doc, err := a.docs.Create(ctx, appID, collection, data)
	if err != nil {
		return nil, inDocs(err)
	}
	return newDocBody(http.StatusCreated, doc), nil
}

func (a *API) getDoc(ctx context.Context, in *ItemPath) (*docBody, error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	doc, err := a.docs.Get(ctx, appID, collection, in.ID)
	if err != nil {
		return nil, inDocs(err)
	}
	return newDocBody(http.StatusOK, doc), nil
}

// docChange is the input of a change of a document.
type docChange struct {
	ItemPath
	IfMatch
	Body wire.DocumentWrite
}

// read finds what a change is about.
func (in *docChange) read(ctx context.Context, a *API) (appID, collection string, version *int64, data msgp.Raw, err error) {
	if appID, collection, err = a.within(ctx, in.CollectionPath, authz.DataWrite); err != nil {
		return
	}
	version = in.version()
	data, err = documentData(in.Body.Data)
	return
}

func (a *API) putDoc(ctx context.Context, in *docChange) (*docBody, error) {
	appID, collection, version, data, err := in.read(ctx, a)
	if err != nil {
		return nil, err
	}
	if in.IfMatch.IfMatch != "" { // which says that there is a document
		doc, err := a.docs.Update(ctx, appID, collection, in.ID, data, version)
		if err != nil {
			return nil, inDocs(err)
		}
		return newDocBody(http.StatusOK, doc), nil
	}
	doc, created, err := a.docs.Put(ctx, appID, collection, in.ID, data)
	if err != nil {
		return nil, inDocs(err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return newDocBody(status, doc), nil
}

func (a *API) patchDoc(ctx context.Context, in *docChange) (*docBody, error) {
	appID, collection, version, data, err := in.read(ctx, a)
	if err != nil {
		return nil, err
	}
	doc, err := a.docs.Patch(ctx, appID, collection, in.ID, data, version)
	if err != nil {
		return nil, inDocs(err)
	}
	return newDocBody(http.StatusOK, doc), nil
}

func (a *API) deleteDoc(ctx context.Context, in *ItemPath) (*none, error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	return nil, inDocs(a.docs.Delete(ctx, appID, collection, in.ID))
}

func documentData(text json.RawMessage) (msgp.Raw, error) {
	data, err := abi.AppendFromJSON(make([]byte, 0, len(text)), text)
	if err != nil {
		return nil, problem.InvalidField("body.data", err.Error(), nil)
	}
	return data, nil
}

func wireDocument(d store.Document) wire.Document {
	return wire.Document{ID: d.ID, Data: d.Data, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
}
