package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// A server that is killed at any moment loses no event of a change that it acknowledged, or pushed
// message, and makes none of a change that is not there.
func TestKilledWhileEventsAreHandled(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, args ...string) {
		p := newPlace(t)
		d := launch(t, p, args...)
		token := d.login()
		ask := func(d *daemon, method, path, body string) ([]byte, error) {
			r, err := http.NewRequest(method, d.url+"/api/v1/admin/"+path, strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				return nil, err
			}
			defer answer.Body.Close()
			content, err := io.ReadAll(answer.Body)
			if err == nil && answer.StatusCode >= 300 {
				err = fmt.Errorf("%s: %s", answer.Status, content)
			}
			return content, err
		}
		for _, made := range []struct{ path, body string }{
			{"apps/default/scripts", `{"name":"changed","source":"kv::collection(\"changed\").incr(ctx.event.docs.id, 1);"}`},
			{"apps/default/scripts", `{"name":"pushed","source":"for m in ctx.event.queue.messages { kv::collection(\"pushed\").incr(m.body, 1); }"}`},
			{"apps/default/triggers/docs", `{"script":"changed","collection":"d","operations":["create"]}`},
			{"apps/default/triggers/queue", `{"script":"pushed","topic":"t","max_batch":5}`},
		} {
			_, err := ask(d, "POST", made.path, made.body)
			require.NoError(t, err)
		}
		var mu sync.Mutex
		changed, pushed := map[string]bool{}, map[string]bool{}
		for round := range killRounds(t) {
			if round > 0 {
				d = launch(t, p, args...)
			}
			c, err := client.New(d.url, token)
			require.NoError(t, err)
			var writers sync.WaitGroup
			for w := range 4 {
				writers.Go(func() {
					for i := 0; ; i++ {
						doc, err := c.CreateDoc(context.Background(), "default", "d", json.RawMessage(`{}`))
						if err != nil {
							return
						}
						body := fmt.Sprintf("%d-%d-%d", round, w, i)
						_, failed := ask(d, "POST", "apps/default/queues/t/messages", fmt.Sprintf(`{"message":%q}`, body))
						mu.Lock()
						changed[doc.ID] = true
						if failed == nil {
							pushed[body] = true
						}
						mu.Unlock()
						if failed != nil {
							return
						}
					}
				})
			}
			time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond) // the moment is what is tested
			_ = d.end(syscall.SIGKILL)
			writers.Wait()
		}
		d = launch(t, p, args...)
		require.Eventually(t, func() bool {
			content, err := ask(d, "GET", "apps/default/events", "")
			var page wire.Page[wire.Event]
			return err == nil && json.Unmarshal(content, &page) == nil && len(page.Items) == 0
		}, 2*time.Minute, 50*time.Millisecond, "on PostgreSQL the leases of the killed must end")
		c, err := client.New(d.url, token)
		require.NoError(t, err)
		effects := func(collection string) map[string]bool {
			found := map[string]bool{}
			for entry, err := range c.KV(t.Context(), "default", collection, "") {
				require.NoError(t, err)
				found[entry.Key] = true
			}
			return found
		}
		done := effects("changed")
		for id := range changed {
			require.True(t, done[id], "document %s was acknowledged, and its event was not handled", id)
		}
		there := map[string]bool{}
		for doc, err := range c.Docs(t.Context(), "default", "d", "", "") {
			require.NoError(t, err)
			there[doc.ID] = true
			require.True(t, done[doc.ID], "document %s is there, and its event was not handled", doc.ID)
		}
		for id := range done {
			require.True(t, there[id], "an event of document %s was handled, which is not there", id)
		}
		got := effects("pushed")
		for body := range pushed {
			require.True(t, got[body], "message %s was acknowledged, and was not handled", body)
		}
		content, err := ask(d, "GET", "apps/default/dead-letters", "")
		require.NoError(t, err)
		assert.Contains(t, string(content), `"items":[]`)
		t.Logf("%d documents and %d messages were acknowledged", len(changed), len(pushed))
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
	})
}
