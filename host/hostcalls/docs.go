package hostcalls

import (
	"cmp"
	"context"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// docsHandlers are the operations on documents.
func docsHandlers(s *docs.Service) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpDocsCreate: inTransaction(abi.OpDocsCreate, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsCreateRequest) (msgp.Marshaler, error) {
			doc, err := s.Create(ctx, scope.AppID, r.Collection, r.Data)
			return &abi.DocsCreateResponse{ID: doc.ID}, err
		}),
		abi.OpDocsGet: inTransaction(abi.OpDocsGet, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsGetRequest) (msgp.Marshaler, error) {
			doc, err := s.Get(ctx, scope.AppID, r.Collection, r.ID)
			if fault.Of(err) == fault.NotFound {
				return &abi.DocsGetResponse{}, nil
			}
			if err != nil {
				return nil, err
			}
			envelope, err := envelope(doc)
			return &abi.DocsGetResponse{Document: &envelope}, err
		}),
		abi.OpDocsFind: inTransaction(abi.OpDocsFind, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsFindRequest) (msgp.Marshaler, error) {
			page, how, err := s.Explain(ctx, scope.AppID, r.Collection, docs.Query{Filter: r.Filter, Sort: r.Sort, Cursor: r.Cursor, Limit: r.Limit})
			if err != nil {
				return nil, err
			}
			if r.Explain {
				return &abi.DocsFindResponse{Explain: &abi.DocsExplained{Plan: how.Plan, Path: how.Path, Range: how.Range, Sort: how.Sort, Looked: how.Looked}}, nil
			}
			if limit := cmp.Or(r.Limit, store.DefaultPageSize); page.Next != "" && len(page.Items) < limit {
				// A script that asks for an array would take it for all there is.
				return nil, fault.Refuse("limit",
					"the first %d documents have more than %d bytes; ask for fewer than %d", len(page.Items)+1, docs.MaxPageBytes, limit)
			}
			response := &abi.DocsFindResponse{Items: make([]abi.Document, len(page.Items)), Cursor: page.Next}
			for i, doc := range page.Items {
				if response.Items[i], err = envelope(doc); err != nil {
					return nil, err
				}
			}
			return response, nil
		}),
		abi.OpDocsUpdate: inTransaction(abi.OpDocsUpdate, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsUpdateRequest) (msgp.Marshaler, error) {
			return updated(s.Update(ctx, scope.AppID, r.Collection, r.ID, r.Data, r.IfVersion))
		}),
		abi.OpDocsPatch: inTransaction(abi.OpDocsPatch, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsUpdateRequest) (msgp.Marshaler, error) {
			return updated(s.Patch(ctx, scope.AppID, r.Collection, r.ID, r.Data, r.IfVersion))
		}),
		abi.OpDocsDelete: inTransaction(abi.OpDocsDelete, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsGetRequest) (msgp.Marshaler, error) {
			err := s.Delete(ctx, scope.AppID, r.Collection, r.ID)
			if fault.Of(err) == fault.NotFound {
				return &abi.DocsDeleteResponse{}, nil
			}
			return &abi.DocsDeleteResponse{Found: true}, err
		}),
		abi.OpDocsCount: inTransaction(abi.OpDocsCount, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsFindRequest) (msgp.Marshaler, error) {
			count, err := s.Count(ctx, scope.AppID, r.Collection, r.Filter)
			return &abi.DocsCountResponse{Count: count}, err
		}),
		abi.OpDocsIndex: inTransaction(abi.OpDocsIndex, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsIndexRequest) (msgp.Marshaler, error) {
			index, _, err := s.Index(ctx, scope.AppID, r.Collection, r.Path)
			return &abi.DocsIndexResponse{Index: shownIndex(index)}, err
		}),
		abi.OpDocsIndexes: inTransaction(abi.OpDocsIndexes, s, func(ctx context.Context, scope *Scope, s *docs.Service, r *abi.DocsIndexesRequest) (msgp.Marshaler, error) {
			if err := store.CheckCollection(r.Collection); err != nil { // no name would be that of all
				return nil, err
			}
			indexes, err := s.Indexes(ctx, scope.AppID, r.Collection)
			response := &abi.DocsIndexesResponse{Items: make([]abi.DocsIndex, len(indexes))}
			for i, index := range indexes {
				response.Items[i] = shownIndex(index)
			}
			return response, err
		}),
	}
}

// shownIndex is an index as a guest sees it.
func shownIndex(index store.DocumentIndex) abi.DocsIndex {
	return abi.DocsIndex{Path: index.Path, State: string(index.State), Built: index.Built}
}

func updated(doc store.Document, err error) (msgp.Marshaler, error) {
	if err != nil {
		return nil, err
	}
	envelope, err := envelope(doc)
	return &abi.DocsUpdateResponse{Document: envelope}, err
}

// documentTime is RFC 3339 with all its digits, so that texts of times are in the
// order of the times.
const documentTime = "2006-01-02T15:04:05.000000Z07:00"

// envelope is a document as a guest sees it.
func envelope(doc store.Document) (abi.Document, error) {
	data, err := storedValue(doc.Data)
	return abi.Document{
		ID:        doc.ID,
		Data:      data,
		CreatedAt: doc.CreatedAt.Format(documentTime),
		UpdatedAt: doc.UpdatedAt.Format(documentTime),
		Version:   doc.Version,
	}, err
}
