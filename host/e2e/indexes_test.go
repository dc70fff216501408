package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// Indexes of documents are deployed, built, used by scripts and people, pulled and pruned.
func TestIndexes(t *testing.T) {
	p, _ := loggedIn(t)
	const head = "app: shop\nscripts: [{name: orders}]\n"
	p.write(t, "shop/orders.rhai", `
		let orders = docs::collection("orders");
		orders.index("paid");
		#{paths: orders.indexes().map(|index| index.path), how: orders.find(#{total: #{"$gte": 2}}, #{sort: #{total: -1}, explain: true})}`)
	p.write(t, "shop/picloud.yaml", head+"indexes:\n  - {collection: orders, path: total}\n  - {collection: orders, path: customer.city}\n")
	indexes := func(args ...string) (lines []string) {
		t.Helper()
		for _, c := range decode[[]change](t, p, append([]string{"deploy", "shop"}, args...)...) {
			if c.What == "index" {
				lines = append(lines, c.Name+" "+c.Result)
			}
		}
		return lines
	}
	assert.Equal(t, []string{"orders total created", "orders customer.city created"}, indexes("--dry-run"))
	assert.Equal(t, []string{"orders total created", "orders customer.city created"}, indexes())
	assert.Equal(t, []string{"orders total unchanged", "orders customer.city unchanged"}, indexes())
	p.env = append(p.env, "PICLOUD_APP=shop")
	for _, total := range []string{"1", "2", "3", `"none"`} {
		p.must(t, "docs", "put", "orders", `{"total":`+total+`}`)
	}
	listed := func() (all []wire.Index) { return decode[[]wire.Index](t, p, "docs", "index", "list") }
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(listed(), func(i wire.Index) bool { return i.State != "ready" })
	}, patience, 50*time.Millisecond)
	assert.Contains(t, p.must(t, "docs", "list", "orders", "--filter", `{"total":{"$gte":2}}`, "--sort", `{"total":-1}`, "--explain"),
		"By the index on total, for the range and order: 2 documents looked at.")
	run := decode[wire.RunResult](t, p, "invoke", "orders")
	assert.JSONEq(t, `{"paths":["customer.city","paid","total"],"how":{"plan":"index","path":"total","range":true,"sort":true,"looked":2}}`, string(run.Body))

	p.must(t, "pull", "shop", "pulled")
	pulled := p.read(t, "pulled/picloud.yaml")
	for _, path := range []string{"customer.city", "paid", "total"} {
		assert.Contains(t, pulled, "path: "+path)
	}
	p.write(t, "shop/picloud.yaml", head+"indexes:\n  - {collection: orders, path: total}\n")
	assert.Equal(t, []string{"orders total unchanged", "orders customer.city left", "orders paid left"}, indexes("--dry-run"))
	assert.Equal(t, []string{"orders customer.city deleted", "orders paid deleted", "orders total unchanged"}, indexes("--prune", "--yes"))
	assert.Equal(t, "Index on status of orders is building.\n", p.must(t, "docs", "index", "add", "orders", "status"))
	assert.Equal(t, "Index on status of orders deleted.\n", p.must(t, "docs", "index", "delete", "orders", "status", "--yes"))
	p.fails(t, exitFailed, `has no index on "status"`, "docs", "index", "delete", "orders", "status", "--yes")
	p.fails(t, exitFailed, "version is of the document itself", "docs", "index", "add", "orders", "version")
	left := listed()
	require.Len(t, left, 1)
	assert.Equal(t, "total", left[0].Path)
	assert.True(t, strings.HasPrefix(p.must(t, "docs", "index", "list"), "COLLECTION"))
}
