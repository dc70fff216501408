package api_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// change sends a change of a document with an If-Match header.
func (s *site) change(method, path, match, body string) answer {
	s.T.Helper()
	return s.Fetch(method, "/api/v1/admin/"+path, body, "Authorization: Bearer "+s.Token, "Content-Type: application/json", "If-Match: "+match)
}

func TestDocs(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	const people = "apps/shop/docs/people"
	got := s.Admin(s.Token, "POST", people, `{"data":{"name":"Ada","born":1815,"id":9223372036854775807}}`)
	require.Equal(t, 201, got.StatusCode, "%s", got.Content)
	assert.Equal(t, `"1"`, got.Header.Get("ETag"))
	var ada wire.Document
	require.NoError(t, json.Unmarshal(got.Content, &ada))
	assert.EqualValues(t, 1, ada.Version)
	assert.Equal(t, `{"name":"Ada","born":1815,"id":9223372036854775807}`, string(ada.Data))

	assert.Equal(t, ada, do[wire.Document](s, "GET", people+"/"+ada.ID, nil, 200))

	patched := do[wire.Document](s, "PATCH", people+"/"+ada.ID, `{"data":{"born":null,"died":1852}}`, 200)
	assert.EqualValues(t, 2, patched.Version)
	assert.JSONEq(t, `{"name":"Ada","died":1852,"id":9223372036854775807}`, string(patched.Data))

	// Optimistic versions, as RFC 9110 has them.
	s.Refused(s.change("PUT", people+"/"+ada.ID, `"1"`, `{"data":{}}`), 412, "header.If-Match", "version 2")
	s.Refused(s.change("PATCH", people+"/"+ada.ID, `"7"`, `{"data":{}}`), 412, "header.If-Match", "version 2")
	for _, wrong := range []string{"2", `"2`, `W/"2"`, `"x"`, `"0"`, `"1", "2"`} {
		s.Refused(s.change("PUT", people+"/"+ada.ID, wrong, `{"data":{}}`), 422, "header.If-Match", "one version in quotes")
	}
	got = s.change("PUT", people+"/"+ada.ID, `"2"`, `{"data":{"name":"Ada"}}`)
	require.Equal(t, 200, got.StatusCode, "%s", got.Content)
	assert.Equal(t, `"3"`, got.Header.Get("ETag"))
	assert.Equal(t, 200, s.change("PUT", people+"/"+ada.ID, `*`, `{"data":{"name":"Ada"}}`).StatusCode)

	// An import puts a document back under its id.
	do[struct{}](s, "DELETE", people+"/"+ada.ID, nil, 204)
	s.Refused(s.Admin(s.Token, "DELETE", people+"/"+ada.ID, ""), 404, "", "document not found")
	s.Refused(s.Admin(s.Token, "PATCH", people+"/"+ada.ID, `{"data":{}}`), 404, "", "document not found")
	s.Refused(s.change("PUT", people+"/"+ada.ID, `*`, `{"data":{}}`), 404, "", "document not found")
	do[wire.Document](s, "PUT", people+"/"+ada.ID, `{"data":{"name":"Ada"}}`, 201)
	do[wire.Document](s, "PUT", people+"/"+ada.ID, `{"data":{"name":"Ada L."}}`, 200)

	collections := do[wire.Page[wire.DocsCollection]](s, "GET", "apps/shop/docs", nil, 200)
	assert.Equal(t, []wire.DocsCollection{{Name: "people", Documents: 1}}, collections.Items)
}

func TestFindDocs(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	const path = "apps/shop/docs/fruit"
	for _, data := range []string{`{"name":"apple","price":3}`, `{"name":"pear","price":2}`, `{"name":"plum","price":1}`, `{"name":"fig","price":9.5}`} {
		do[wire.Document](s, "POST", path, `{"data":`+data+`}`, 201)
	}
	find := func(filter, sort, more string) (names []string, cursor string) {
		t.Helper()
		page := do[wire.Page[wire.Document]](s, "GET", path+"?filter="+url.QueryEscape(filter)+"&sort="+url.QueryEscape(sort)+more, nil, 200)
		for _, doc := range page.Items {
			var data struct{ Name string }
			require.NoError(t, json.Unmarshal(doc.Data, &data))
			names = append(names, data.Name)
		}
		return names, page.Cursor
	}
	names, _ := find("", "", "")
	assert.Equal(t, []string{"apple", "pear", "plum", "fig"}, names, "in the order of their creation")
	names, _ = find(`{"price":{"$gte":2},"name":{"$ne":"pear"}}`, `{"price":-1}`, "")
	assert.Equal(t, []string{"fig", "apple"}, names)
	first, cursor := find("", `{"price":1}`, "&limit=3")
	require.NotEmpty(t, cursor)
	rest, last := find("", `{"price":1}`, "&limit=3&cursor="+url.QueryEscape(cursor))
	assert.Empty(t, last)
	assert.Equal(t, []string{"plum", "pear", "apple", "fig"}, append(first, rest...))

	for _, c := range []struct{ query, location, says string }{
		{"filter=x", "query.filter", "JSON"},
		{"filter=[]", "query.filter", "map"},
		{"filter=" + url.QueryEscape(`{"price":{"$near":1}}`), "query.filter.price", "$near"},
		{"sort=" + url.QueryEscape(`{"price":2}`), "query.sort.price", "2"},
		{"sort=7", "query.sort", ""},
		{"cursor=x", "query.cursor", ""},
	} {
		got := s.Admin(s.Token, "GET", path+"?"+c.query, "")
		p := s.Refused(got, 422, "", c.says)
		require.NotEmpty(t, p.Errors, c.query)
		assert.True(t, strings.HasPrefix(p.Errors[0].Location, c.location), "%s: %s", c.query, got.Content)
	}
}

func TestDocsRefuse(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	const id = "01a20970-f805-7922-8ded-6d329840dbfc"
	for _, c := range []struct{ method, path, body, location, says string }{
		{"POST", "docs/c", `{"data":[]}`, "body.data", "must be an object"},
		{"POST", "docs/c", `{"data":null}`, "body.data", "must be an object"},
		{"POST", "docs/c", `{"date":{}}`, "body.data", "missing"},
		{"POST", "docs/c", `{"data":{"a":{"b":"` + strings.Repeat("x", 1<<20) + `"}}}`, "body.data", "1048576"},
		{"POST", "docs/%0a", `{"data":{}}`, "path.collection", ""},
		{"PUT", "docs/c/not-an-id", `{"data":{}}`, "path.id", "UUID"},
		{"PUT", "docs/c/" + strings.ToUpper(id), `{"data":{}}`, "path.id", "lower case"},
	} {
		s.Refused(s.Admin(s.Token, c.method, "apps/shop/"+c.path, c.body), 422, c.location, c.says)
	}
	s.Refused(s.Admin(s.Token, "GET", "apps/shop/docs/c/not-an-id", ""), 404, "", "document not found")
}
