package api_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// An index is declared, built, used and deleted; each change of it is in the record.
func TestIndexes(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		app := s.App("shop")
		for _, total := range []string{"3", "1", "2", `"none"`} {
			do[wire.Document](s, "POST", "apps/shop/docs/orders", `{"data":{"total":`+total+`}}`, 201)
		}
		find := "apps/shop/docs/orders?explain=true&filter=" + url.QueryEscape(`{"total":{"$gte":2}}`) + "&sort=" + url.QueryEscape(`{"total":-1}`)
		assert.Equal(t, wire.Explained{Plan: "all", Looked: 4}, *do[wire.FoundDocuments](s, "GET", find, nil, 200).Explain)
		assert.Nil(t, do[wire.FoundDocuments](s, "GET", strings.Replace(find, "true", "false", 1), nil, 200).Explain)

		made := do[wire.Index](s, "POST", "apps/shop/docs-indexes", `{"collection":"orders","path":"total"}`, 201)
		assert.Equal(t, []string{app.ID, "orders", "total"}, []string{made.AppID, made.Collection, made.Path})
		assert.Equal(t, made.ID, do[wire.Index](s, "POST", "apps/shop/docs-indexes", `{"collection":"orders","path":"total"}`, 200).ID)
		e := s.record("?action=create-index")
		require.Len(t, e, 1, "the second changes nothing")
		assert.Equal(t, []string{"index", made.ID, app.ID}, []string{e[0].Kind, e[0].Object, e[0].AppID})
		assert.Equal(t, "total", fieldsOf(t, e[0].After)["path"])

		require.Eventually(t, func() bool {
			return do[wire.Index](s, "GET", "apps/shop/docs-indexes/"+made.ID, nil, 200).State == "ready"
		}, time.Minute, 10*time.Millisecond)
		listed := do[wire.Page[wire.Index]](s, "GET", "apps/shop/docs-indexes?collection=orders", nil, 200).Items
		require.Len(t, listed, 1)
		assert.EqualValues(t, 4, listed[0].Built)
		assert.Empty(t, do[wire.Page[wire.Index]](s, "GET", "apps/shop/docs-indexes?collection=other", nil, 200).Items)
		s.Refused(s.Admin(s.Token, "GET", "apps/shop/docs-indexes?collection=a%00", ""), 422, "query.collection", "")
		found := do[wire.FoundDocuments](s, "GET", find, nil, 200)
		assert.Equal(t, wire.Explained{Plan: "index", Path: "total", Range: true, Sort: true, Looked: 2}, *found.Explain)
		require.Len(t, found.Items, 2)
		assert.Equal(t, `{"total":3}`, string(found.Items[0].Data))

		s.Refused(s.Admin(s.Token, "POST", "apps/shop/docs-indexes", `{"collection":"orders","path":"created_at"}`), 422, "body.path", "of the document itself")
		for _, path := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			do[wire.Index](s, "POST", "apps/shop/docs-indexes", `{"collection":"orders","path":"`+path+`"}`, 201)
		}
		s.Refused(s.Admin(s.Token, "POST", "apps/shop/docs-indexes", `{"collection":"orders","path":"h"}`), 507, "body.path", "may have 8 indexes")

		s.App("full")
		do[wire.Document](s, "POST", "apps/full/docs/orders", `{"data":{"total":1}}`, 201)
		do[any](s, "PUT", "apps/full/quota", `{"docs_bytes":20}`, 200)
		full := do[wire.Index](s, "POST", "apps/full/docs-indexes", `{"collection":"orders","path":"total"}`, 201)
		require.Eventually(t, func() bool {
			full = do[wire.Index](s, "GET", "apps/full/docs-indexes/"+full.ID, nil, 200)
			return full.Reason != ""
		}, time.Minute, 10*time.Millisecond)
		assert.Equal(t, "building", full.State)
		assert.Equal(t, "the app's quota of documents has no room for its entries; it is built on when there is", full.Reason)

		do[any](s, "DELETE", "apps/shop/docs-indexes/"+made.ID, nil, 204)
		s.Refused(s.Admin(s.Token, "DELETE", "apps/shop/docs-indexes/"+made.ID, ""), 404, "", "index not found")
		s.Refused(s.Admin(s.Token, "GET", "apps/shop/docs-indexes/x", ""), 404, "", "index not found")
		assert.Equal(t, "total", fieldsOf(t, s.record("?action=delete-index")[0].Before)["path"])
		assert.Equal(t, "all", do[wire.FoundDocuments](s, "GET", find, nil, 200).Explain.Plan)
	})
}
