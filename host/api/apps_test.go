package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func TestApps(t *testing.T) {
	s := newSite(t)
	app := do[wire.App](s, "POST", "apps", wire.AppCreate{Slug: "todo", Name: "To do"}, 201)
	assert.Equal(t, app, do[wire.App](s, "GET", "apps/todo", nil, 200), "by slug")
	assert.Equal(t, app, do[wire.App](s, "GET", "apps/"+app.ID, nil, 200), "by id")
	assert.Equal(t, "x", s.App("x").Name, "the slug stands in for a name")

	changed := do[wire.App](s, "PUT", "apps/todo", `{"name":"Later"}`, 200)
	assert.Equal(t, "Later", changed.Name)
	assert.Equal(t, "todo", changed.Slug)

	do[any](s, "DELETE", "apps/todo", nil, 204)
	s.Refused(s.Admin(s.Token, "DELETE", "apps/todo", ""), 404, "", "app not found")
}

func TestAppsRefuse(t *testing.T) {
	s := newSite(t)
	first := s.App("taken")
	create := func(body string) answer { return s.Admin(s.Token, "POST", "apps", body) }
	p := s.Refused(create(`{"slug":"taken"}`), 409, "body.slug", `app slug \"taken\" is already in use`)
	assert.Equal(t, first.ID, p.Other)
	s.App("second")
	s.Refused(s.Admin(s.Token, "POST", "apps/second:rename", `{"slug":"taken"}`), 409, "body.slug", "already in use")
	s.Refused(s.Admin(s.Token, "PUT", "apps/second", `{"slug":"third"}`), 422, "body.slug", "no such field")
	for _, slug := range []string{"", "To-Do", "to do", "-x", "x-", "x_y", "é", strings.Repeat("x", 64), "a/b"} {
		s.Refused(create(fmt.Sprintf(`{"slug":%q}`, slug)), 422, "body.slug", "must be")
	}
	s.Refused(create(`{"slug":"01a20970-f805-7922-8ded-6d329840dbfc"}`), 422, "body.slug", "id")
	s.Refused(create(`{"slug":3}`), 422, "body.slug", "must be a string")
	s.Refused(create(`{"slug":"a","owner":"me"}`), 422, "body.owner", "no such field")
	s.Refused(create(`{"name":"a"}`), 422, "body.slug", "missing")
	s.Refused(create(`{"slug":"a","name":"`+strings.Repeat("x", 201)+`"}`), 422, "body.name", "200")
	s.Refused(create(`{"slug":"a","name":"a\u0000b"}`), 422, "body.name", "control characters")
	for _, id := range []string{"nope", "01a20970-f805-7922-8ded-6d329840dbfc", "%00", "a%2Fb", strings.Repeat("x", 3000)} {
		s.Refused(s.Admin(s.Token, "GET", "apps/"+id, ""), 404, "", "not found")
	}
}

func TestListingIsPaged(t *testing.T) {
	s := newSite(t)
	for i := range 5 {
		s.App(fmt.Sprintf("app-%d", i))
	}
	var slugs []string
	cursor := ""
	for {
		page := do[wire.Page[wire.App]](s, "GET", "apps?limit=2&cursor="+cursor, nil, 200)
		for _, app := range page.Items {
			slugs = append(slugs, app.Slug)
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
		require.Len(t, page.Items, 2)
	}
	assert.Equal(t, []string{"app-0", "app-1", "app-2", "app-3", "app-4"}, slugs)
	get := func(query string) answer { return s.Admin(s.Token, "GET", "apps?"+query, "") }
	s.Refused(get("limit=0"), 422, "query.limit", "at least 1")
	s.Refused(get("limit=1001"), 422, "query.limit", "at most 1000")
	s.Refused(get("limit=many"), 422, "query.limit", "integer")
	s.Refused(get("cursor=nonsense"), 422, "query.cursor", "not a cursor")
	s.Refused(get("page=2"), 422, "query.page", "unknown query parameter")
}

func TestDeletingAnAppTakesItsRoutesOffTheAir(t *testing.T) {
	s := newSite(t)
	app := s.App("gone")
	s.Route(s.Script("gone", "s", `"here"`), "GET", "/gone")
	assert.Equal(t, 200, s.Fetch("GET", "/gone", "").StatusCode)
	do[any](s, "DELETE", "apps/"+app.ID, nil, 204)
	assert.Equal(t, 404, s.Fetch("GET", "/gone", "").StatusCode)
}
