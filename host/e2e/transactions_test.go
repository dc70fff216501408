package e2e

import (
	"encoding/json"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/pgtest"
)

// TestTransactions: scripts that read, add and write in transactions lose nothing, at the same time on one server or on
// two, and one that throws has done nothing.
func TestTransactions(t *testing.T) {
	database, files := pgtest.URL(t), t.TempDir() // the nodes have both in common
	servers := map[string]struct {
		nodes int
		env   []string
	}{
		eachtest.SQLite:   {1, nil},
		eachtest.Postgres: {2, []string{"PICLOUD_DATABASE_URL=" + database, "PICLOUD_FILES_ROOT=" + files}},
	}
	for _, kind := range eachtest.Kinds(t) {
		t.Run(kind, func(t *testing.T) {
			c := servers[kind]
			var nodes []*daemon
			for range c.nodes {
				p := newPlace(t)
				p.env = append(p.env, c.env...)
				nodes = append(nodes, launch(t, p))
			}
			token := nodes[0].login()
			source, err := json.Marshal(map[string]string{"name": "take", "source": `
				let stock = kv::collection("stock");
				let left = transaction(|| {
					let left = (stock.get("left") ?? 20) - 1;
					stock.set("left", left);
					docs::collection("sales").create(#{left: left});
					if left < 0 { throw #{none: true} }
					left
				});
				left`})
			require.NoError(t, err)
			status, answer := nodes[0].fetch("POST", "/api/v1/admin/apps/default/scripts", token, string(source))
			require.Equal(t, 201, status, "%s", answer)
			var script wire.Script
			require.NoError(t, json.Unmarshal(answer, &script))
			take := func(node *daemon) (int, string) {
				status, answer := node.fetch("POST", "/api/v1/execute/"+script.ID, token, "")
				return status, string(answer)
			}

			var mu sync.Mutex
			lefts := map[string]int{}
			var wait sync.WaitGroup
			for i := range 4 {
				wait.Go(func() {
					for range 5 {
						for { // others may be in the way each time
							status, answer := take(nodes[i%c.nodes])
							if status == 200 {
								mu.Lock()
								lefts[answer]++
								mu.Unlock()
								break
							}
							if !assert.Contains(t, answer, "has changed the same data at the same time") {
								return
							}
						}
					}
				})
			}
			wait.Wait()
			for left := range 20 {
				assert.Equal(t, 1, lefts[strconv.Itoa(left)], "%d left: %v", left, lefts)
			}
			status, answer2 := take(nodes[0])
			assert.Equal(t, 502, status)
			assert.Contains(t, answer2, `none`)
			status, answer = nodes[0].fetch("GET", "/api/v1/admin/apps/default/docs/sales?limit=100", token, "")
			require.Equal(t, 200, status)
			var sales struct{ Items []json.RawMessage }
			require.NoError(t, json.Unmarshal(answer, &sales))
			assert.Len(t, sales.Items, 20)
			status, answer = nodes[0].fetch("GET", "/api/v1/admin/apps/default/kv/stock/left", token, "")
			require.Equal(t, 200, status)
			var entry struct{ Value int }
			require.NoError(t, json.Unmarshal(answer, &entry), "%s", answer)
			assert.Zero(t, entry.Value)
		})
	}
}
