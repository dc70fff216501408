package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// at answers a GET of a path on a host.
func at(s *site, host, path string) string {
	s.T.Helper()
	request := s.Request(http.MethodGet, path, "")
	request.Host = host
	answer := s.Send(request)
	if answer.StatusCode != 200 {
		return fmt.Sprint(answer.StatusCode)
	}
	return string(answer.Content)
}

func TestDomains(t *testing.T) {
	s := newSite(t)
	shop := s.App("shop")
	claim := func(app, host string) wire.Domain {
		return do[wire.Domain](s, "POST", "apps/"+app+"/domains", wire.DomainCreate{Host: host}, 201)
	}
	exact := claim("shop", "Shop.Example.")
	assert.Equal(t, wire.Domain{ID: exact.ID, AppID: shop.ID, Host: "shop.example", Kind: "strict", CreatedAt: exact.CreatedAt}, exact)
	wild := claim("shop", "*.münchen.example")
	assert.Equal(t, []string{"*.xn--mnchen-3ya.example", "wildcard"}, []string{wild.Host, wild.Kind})
	page := do[wire.Page[wire.Domain]](s, "GET", "apps/shop/domains?limit=1", nil, 200)
	assert.Equal(t, []wire.Domain{wild}, page.Items)
	page = do[wire.Page[wire.Domain]](s, "GET", "apps/shop/domains?limit=1&cursor="+page.Cursor, nil, 200)
	assert.Equal(t, []wire.Domain{exact}, page.Items)
	assert.Empty(t, page.Cursor)

	for body, says := range map[string]string{
		`{"host":"127.0.0.1"}`: "address", `{"host":"a.example:80"}`: "port", `{"host":"*.com"}`: "top-level", `{"host":""}`: "", `{}`: "",
	} {
		s.Refused(s.Admin(s.Token, "POST", "apps/shop/domains", body), 422, "", says)
	}
	s.Refused(s.Admin(s.Token, "POST", "apps/shop/domains", `{"host":"SHOP.example"}`), 409, "body.host", "by the app already")

	script := s.Script("shop", "s", `"shop"`)
	route := do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", wire.RouteCreate{Path: "/", Host: "shop.example"}, 201)
	p := s.Refused(s.Admin(s.Token, "DELETE", "apps/shop/domains/"+exact.ID, ""), 409, "path.id", "is needed by the route ANY shop.example/")
	assert.Equal(t, route.ID, p.Other)
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", "routes/"+route.ID, "").StatusCode)
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", "apps/shop/domains/"+exact.ID, "").StatusCode)
	s.Refused(s.Admin(s.Token, "DELETE", "apps/shop/domains/"+exact.ID, ""), 404, "", "domain not found")
	s.App("other")
	s.Refused(s.Admin(s.Token, "DELETE", "apps/other/domains/"+wild.ID, ""), 404, "", "domain not found")

	editor, admin := s.Member(shop.ID, store.RoleEditor), s.Member(shop.ID, store.RoleAppAdmin)
	s.Refused(s.Admin(editor, "POST", "apps/shop/domains", `{"host":"b.example"}`), 403, "", string(authz.DomainsManage))
	s.Refused(s.Admin(editor, "DELETE", "apps/shop/domains/"+wild.ID, ""), 403, "", string(authz.DomainsManage))
	assert.Equal(t, 200, s.Admin(editor, "GET", "apps/shop/domains", "").StatusCode)
	s.Refused(s.Admin(admin, "GET", "apps/other/domains", ""), 404, "", "app not found")
	assert.Equal(t, 201, s.Admin(admin, "POST", "apps/shop/domains", `{"host":"b.example"}`).StatusCode)
}

// On a claimed host only the routes of its app answer; the most specific claim counts.
func TestClaimedHostsAnswer(t *testing.T) {
	s := newSite(t)
	for _, app := range []string{"shop", "blog"} {
		s.App(app)
		s.Route(s.Script(app, "s", `"`+app+`"`), "GET", "/"+app)
	}
	assert.Equal(t, "shop", at(s, "shop.example", "/shop"))
	assert.Equal(t, "blog", at(s, "shop.example", "/blog"))
	domain := do[wire.Domain](s, "POST", "apps/shop/domains", `{"host":"*.example"}`, 201)
	do[wire.Domain](s, "POST", "apps/blog/domains", `{"host":"blog.example"}`, 201)
	for _, c := range []struct{ host, path, want string }{
		{"shop.example", "/shop", "shop"}, {"shop.example", "/blog", "404"},
		{"blog.example", "/shop", "404"}, {"Blog.Example.:80", "/blog", "blog"},
		{"a.blog.example", "/shop", "shop"},
		{"example", "/blog", "blog"}, {"example", "/shop", "shop"},
	} {
		assert.Equal(t, c.want, at(s, c.host, c.path), "%+v", c)
	}
	matched := do[wire.RouteMatched](s, "POST", "apps/shop/routes:match", `{"path":"/shop","host":"blog.example"}`, 200)
	assert.False(t, matched.Matched)
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", "apps/shop/domains/"+domain.ID, "").StatusCode)
	assert.Equal(t, "blog", at(s, "shop.example", "/blog"))
	assert.Equal(t, 204, s.Admin(s.Token, "DELETE", "apps/blog", "").StatusCode)
	assert.Equal(t, "shop", at(s, "blog.example", "/shop"), "an app's claims go with it")
}

// A reserved host is claimed by whoever runs the instance alone, since apps without a claim answer there.
func TestReservedHosts(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	member, admin := s.Member(app.ID, store.RoleAppAdmin), s.User("another admin", store.RoleAdmin)
	for _, host := range []string{"server.test", "SERVER.test.", "*.test", "*.ours.test", "a.ours.test", "*.b.ours.test"} {
		body := `{"host":"` + host + `"}`
		s.Refused(s.Admin(member, "POST", "apps/shop/domains", body), 403, "", "is reserved")
		got := s.Admin(admin, "POST", "apps/shop/domains", body)
		assert.Equal(t, 204, s.Admin(admin, "DELETE", "apps/shop/domains/"+decoded[wire.Domain](s, got, 201).ID, "").StatusCode)
	}
	for _, host := range []string{"www.server.test", "ours.test", "*.server.test"} {
		assert.Equal(t, 201, s.Admin(member, "POST", "apps/shop/domains", `{"host":"`+host+`"}`).StatusCode, host)
	}
}

// What another app has claimed is refused, and that app named to who may see it.
func TestDomainOfAnotherApp(t *testing.T) {
	s := newSite(t)
	thief := s.App("thief")
	s.App("shop")
	for _, host := range []string{"shop.example", "*.cloud.example"} {
		do[wire.Domain](s, "POST", "apps/shop/domains", wire.DomainCreate{Host: host}, 201)
	}
	script := s.Script("shop", "s", `1`)
	do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", `{"path":"/","host":"used.cloud.example"}`, 201)
	stranger := s.Member(thief.ID, store.RoleAppAdmin)
	for host, says := range map[string]string{
		"SHOP.example":         "is claimed by another app",
		"*.cloud.example":      "is claimed by another app",
		"a.cloud.example":      "is below a wildcard that another app has claimed",
		"*.b.cloud.example":    "is below a wildcard that another app has claimed",
		"used.cloud.example":   "is below a wildcard that another app has claimed",
		"x.y.z.cloud.example.": "is below a wildcard that another app has claimed",
	} {
		refused := s.Refused(s.Admin(stranger, "POST", "apps/thief/domains", `{"host":"`+host+`"}`), 409, "body.host", says)
		assert.NotContains(t, fmt.Sprint(refused), "the app shop", host)
		assert.Empty(t, refused.Other, host)
	}
	refused := s.Refused(s.Admin(s.Token, "POST", "apps/thief/domains", `{"host":"shop.example"}`), 409, "body.host", "the app shop has shop.example")
	assert.NotEmpty(t, refused.Other)
	s.Refused(s.Admin(s.Token, "POST", "apps/thief/domains", `{"host":"used.cloud.example"}`), 409, "body.host", "has routes of another app")
	for _, host := range []string{"a.cloud.example", "*.b.cloud.example"} { // by who may decide for both
		do[wire.Domain](s, "POST", "apps/thief/domains", wire.DomainCreate{Host: host}, 201)
	}
	for _, host := range []string{"*.example", "cloud.example", "*.shop.example"} { // which were nobody's
		assert.Equal(t, 201, s.Admin(stranger, "POST", "apps/thief/domains", `{"host":"`+host+`"}`).StatusCode, host)
	}
	theirs := s.Script("thief", "s", `1`)
	for _, host := range []string{"shop.example", "c.cloud.example", "*.cloud.example"} {
		s.Refused(s.Admin(stranger, "POST", "scripts/"+theirs.ID+"/routes", `{"path":"/x","host":"`+host+`"}`), 409, "body.host", "is not claimed by the app")
	}
}

// Of many who claim a host at once one has it.
func TestOneOfManyClaimsWins(t *testing.T) {
	s := newSite(t)
	statuses := make([]int, 8)
	for i := range statuses {
		s.App(fmt.Sprint("app", i))
	}
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i] = s.Admin(s.Token, "POST", fmt.Sprintf("apps/app%d/domains", i), `{"host":"one.example"}`).StatusCode
		})
	}
	all.Wait()
	assert.Equal(t, 1, strings.Count(fmt.Sprint(statuses), "201"), "%v", statuses)
	assert.Equal(t, 7, strings.Count(fmt.Sprint(statuses), "409"), "%v", statuses)
}
