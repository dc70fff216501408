package e2e

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of 64 clients at once that change one entry through scripts, no addition is
// lost, and of those that want the same lock one gets it.
func TestManyClientsOfOneEntry(t *testing.T) {
	const clients, each, locks = 64, 10, 10
	onEachDatabase(t, func(t *testing.T, args ...string) {
		d := launch(t, newPlace(t), append(args, "--max-concurrent-executions", fmt.Sprint(2*clients))...)
		token := d.login()
		d.deploy(token, "count", `kv::collection("c").incr("n", 1)`)
		d.deploy(token, "swap", `
			let c = kv::collection("c");
			loop {
				let n = c.get("swapped");
				if c.compare_and_set("swapped", n, (n ?? 0) + 1) { break n ?? 0; }
			}`)
		d.deploy(token, "lock", `
			let q = ctx.request.query;
			kv::collection("locks").compare_and_set(q.key, (), q.me)`)
		call := func(path string) string {
			status, body, err := send(d.url, "POST", path, "", "")
			assert.NoError(t, err)
			assert.Equal(t, 200, status, body)
			return body
		}
		var wait sync.WaitGroup
		won := make([][clients]bool, locks)
		for me := range clients {
			wait.Go(func() {
				for range each {
					call("/count")
				}
				call("/swap")
				for i := range won {
					won[i][me] = call(fmt.Sprintf("/lock?key=%d&me=%d", i, me)) == "true"
				}
			})
		}
		wait.Wait()
		entry := func(path string) string {
			status, body := d.fetch("GET", "/api/v1/admin/apps/default/kv/"+path, token, "")
			require.Equal(t, 200, status, "%s", body)
			return string(body)
		}
		assert.JSONEq(t, fmt.Sprintf(`{"key":"n","value":%d}`, clients*each), entry("c/n"))
		assert.JSONEq(t, fmt.Sprintf(`{"key":"swapped","value":%d}`, clients), entry("c/swapped"))
		for i, won := range won {
			winners := 0
			for me, has := range won {
				if has {
					winners++
					assert.JSONEq(t, fmt.Sprintf(`{"key":"%d","value":"%d"}`, i, me), entry(fmt.Sprintf("locks/%d", i)))
				}
			}
			assert.Equal(t, 1, winners, "of lock %d", i)
		}
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
	})
}
