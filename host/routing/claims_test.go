package routing

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// Whose route answers /x on a host, by what is claimed and by the rule for what is not.
func TestClaimedHosts(t *testing.T) {
	routes := []store.Route{
		route(t, "shop", "shop", "", "", "/x"),
		route(t, "shop at home", "shop", "", "shop.example", "/x"),
		route(t, "blog", "blog", "", "", "/x"),
		route(t, "blog anywhere", "blog", "", "*.example", "/x"),
		route(t, "default", "default", "", "", "/y"),
		route(t, "without a claim", "lost", "", "lost.com", "/x"),
	}
	claims := []store.Domain{claim("shop", "shop.example"), claim("blog", "*.example"), claim("quiet", "quiet.example"), claim("shop", "*.a.example")}
	for _, c := range []struct {
		only       Unclaimed
		host, path string
		want       string
	}{
		{Unclaimed{}, "shop.example", "/x", "shop at home"},
		{Unclaimed{}, "SHOP.example.:8080", "/x", "shop at home"},
		{Unclaimed{}, "shop.example", "/y", ""}, // which is another app's
		{Unclaimed{}, "blog.example", "/x", "blog anywhere"},
		{Unclaimed{}, "a.example", "/x", "blog anywhere"}, // no wildcard has its own name
		{Unclaimed{}, "b.a.example", "/x", "shop"},
		{Unclaimed{}, "c.b.a.example", "/x", "shop"},
		{Unclaimed{}, "quiet.example", "/x", ""}, // whose app has no route
		{Unclaimed{}, "example", "/x", "blog"},
		{Unclaimed{}, "elsewhere.com", "/x", "blog"},
		{Unclaimed{}, "", "/y", "default"},
		{Unclaimed{}, "lost.com", "/x", "blog"},
		{Unclaimed{Only: true, AppID: "default"}, "elsewhere.com", "/x", ""},
		{Unclaimed{Only: true, AppID: "default"}, "elsewhere.com", "/y", "default"},
		{Unclaimed{Only: true, AppID: "default"}, "b.a.example", "/x", "shop"},
		{Unclaimed{Only: true}, "elsewhere.com", "/y", ""}, // there is no such app
	} {
		table := NewTable(routes, claims...)
		table.SetUnclaimed(c.only)
		found, _ := table.Match("GET", c.host, c.path)
		assert.Equal(t, c.want, found.Route.ID, "%+v", c)
	}
}

// What answers is told before a claim takes it away.
func TestStrandedBy(t *testing.T) {
	table := NewTable([]store.Route{
		route(t, "exact", "a", "", "x.a.com", "/"),
		route(t, "wild", "a", "", "*.b.a.com", "/"),
		route(t, "other", "b", "", "b.com", "/"),
		route(t, "lost", "c", "", "b.com", "/"), // which answers nowhere as it is
	}, claim("a", "*.a.com"), claim("b", "b.com"), claim("b", "*.b.com"))
	lost := table.Stranded()
	require.Len(t, lost, 1)
	assert.Equal(t, "lost", lost[0].ID)
	for _, c := range []struct {
		claim store.Domain
		goes  bool
		want  string
	}{
		{claim("b", "x.a.com"), false, "exact"},
		{claim("a", "x.a.com"), false, ""},
		{claim("b", "y.a.com"), false, ""},
		{claim("b", "*.b.a.com"), false, "wild"},
		{claim("b", "y.b.a.com"), false, ""}, // of which the wildcard keeps the rest
		{claim("b", "*.com"), false, ""},
		{claim("b", "b.com"), true, "other"},
		{claim("b", "*.b.com"), true, ""},
	} {
		found, stranded := table.StrandedBy(c.claim, c.goes)
		assert.Equal(t, c.want, found.ID, "%+v", c)
		assert.Equal(t, c.want != "", stranded, "%+v", c)
		owner, _ := table.ClaimOf("x.a.com")
		assert.Equal(t, "a", owner.AppID, "it is only asked")
		owner, _ = table.ClaimOf("b.com")
		assert.Equal(t, "b", owner.AppID)
	}
}
