package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
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
// message, and makes none of a change that is not there. What is made and handled without a kill is handled once.
func TestKilledWhileEventsAreHandled(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, args ...string) {
		p := newPlace(t)
		d := launch(t, p, args...)
		token := d.login()
		request := func(d *daemon, method, path, body string) ([]byte, error) {
			r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
			if err != nil {
				return nil, err
			}
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
		ask := func(d *daemon, method, path, body string) ([]byte, error) {
			return request(d, method, "/api/v1/admin/"+path, body)
		}
		for _, made := range []struct{ path, body string }{
			{"apps/default/scripts", `{"name":"changed","source":"kv::collection(\"changed\").incr(ctx.event.docs.id, 1);"}`},
			{"apps/default/scripts", `{"name":"set","source":"kv::collection(\"set\").incr(ctx.event.kv.key, 1);"}`},
			{"apps/default/scripts", `{"name":"pushed","source":"for m in ctx.event.queue.messages { kv::collection(\"pushed\").incr(m.body, 1); }"}`},
			{"apps/default/scripts", `{"name":"booked","source":"kv::collection(\"booked\").incr(ctx.event.docs.data.name, 1);"}`},
			{"apps/default/triggers/docs", `{"script":"changed","collection":"d","operations":["create"]}`},
			{"apps/default/triggers/docs", `{"script":"booked","collection":"b","name":"booked"}`},
			{"apps/default/triggers/kv", `{"script":"set","collection":"k"}`},
			{"apps/default/triggers/queue", `{"script":"pushed","topic":"t","max_batch":5}`},
		} {
			_, err := ask(d, "POST", made.path, made.body)
			require.NoError(t, err)
		}
		for _, made := range []struct{ script, source, route string }{
			{"called", `kv::collection("called").incr(ctx.request.body, 1);`, `{"path":"/called","dispatch":"async"}`},
			{"book", `let name = ctx.request.body; transaction(|| { docs::collection("b").create(#{name: name}); kv::collection("book").set(name, 1); });`, `{"path":"/book"}`},
		} {
			answer, err := ask(d, "POST", "apps/default/scripts", fmt.Sprintf(`{"name":%q,"source":%q}`, made.script, made.source))
			require.NoError(t, err)
			var script wire.Script
			require.NoError(t, json.Unmarshal(answer, &script))
			_, err = ask(d, "POST", "scripts/"+script.ID+"/routes", made.route)
			require.NoError(t, err)
		}
		// What else makes an event, by the collection that counts what was handled.
		causes := []struct {
			effect string
			do     func(d *daemon, c *client.Client, name string) error
		}{
			{"set", func(d *daemon, c *client.Client, name string) error {
				_, err := c.SetKV(context.Background(), "default", "k", name, wire.KVSet{Value: json.RawMessage(`1`)})
				return err
			}},
			{"pushed", func(d *daemon, c *client.Client, name string) error {
				_, err := ask(d, "POST", "apps/default/queues/t/messages", fmt.Sprintf(`{"message":%q}`, name))
				return err
			}},
			{"called", func(d *daemon, c *client.Client, name string) error {
				_, err := request(d, "POST", "/called", fmt.Sprintf("%q", name))
				return err
			}},
			{"booked", func(d *daemon, c *client.Client, name string) error {
				_, err := request(d, "POST", "/book", fmt.Sprintf("%q", name))
				return err
			}},
		}
		var mu sync.Mutex
		changed, acknowledged := map[string]bool{}, map[string]map[string]bool{}
		for _, cause := range causes {
			acknowledged[cause.effect] = map[string]bool{}
		}
		// write makes events by four writers: so many of each kind each, or until a request fails.
		write := func(d *daemon, c *client.Client, round string, most int) {
			var writers sync.WaitGroup
			for w := range 4 {
				writers.Go(func() {
					for i := range most {
						name := fmt.Sprintf("%s-%d-%d", round, w, i)
						doc, err := c.CreateDoc(context.Background(), "default", "d", json.RawMessage(`{}`))
						if err != nil {
							return
						}
						mu.Lock()
						changed[doc.ID] = true
						mu.Unlock()
						for _, cause := range causes {
							if cause.do(d, c, name) != nil {
								return
							}
							mu.Lock()
							acknowledged[cause.effect][name] = true
							mu.Unlock()
						}
					}
				})
			}
			writers.Wait()
		}
		rounds := killRounds(t)
		for round := range rounds {
			if round > 0 {
				d = launch(t, p, args...)
			}
			c, err := client.New(d.url, token)
			require.NoError(t, err)
			var writing sync.WaitGroup
			writing.Go(func() { write(d, c, fmt.Sprint(round), math.MaxInt) })
			time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond) // the moment is what is tested
			_ = d.end(syscall.SIGKILL)
			writing.Wait()
		}
		d = launch(t, p, args...)
		c, err := client.New(d.url, token)
		require.NoError(t, err)
		before := maps.Clone(changed)
		const most = 50
		write(d, c, "last", most) // nothing kills this one
		lasting := 4 * most
		require.Equal(t, len(before)+lasting, len(changed), "no write of the last round may fail")
		require.Eventually(t, func() bool {
			content, err := ask(d, "GET", "apps/default/events", "")
			var page wire.Page[wire.Event]
			return err == nil && json.Unmarshal(content, &page) == nil && len(page.Items) == 0
		}, 2*time.Minute+time.Duration(rounds)*time.Second, 50*time.Millisecond, "on PostgreSQL the leases of the killed must end")
		effects := func(collection string) map[string]string { // how often each was handled
			found := map[string]string{}
			for entry, err := range c.KV(t.Context(), "default", collection, "") {
				require.NoError(t, err)
				found[entry.Key] = string(entry.Value)
			}
			return found
		}
		done := effects("changed")
		for id := range changed {
			require.NotEmpty(t, done[id], "document %s was acknowledged, and its event was not handled", id)
		}
		there := map[string]bool{}
		for doc, err := range c.Docs(t.Context(), "default", "d", "", "") {
			require.NoError(t, err)
			there[doc.ID] = true
			require.NotEmpty(t, done[doc.ID], "document %s is there, and its event was not handled", doc.ID)
		}
		for id := range done {
			require.True(t, there[id], "an event of document %s was handled, which is not there", id)
		}
		once := 0 // of the last round
		for id := range changed {
			if !before[id] {
				once++
				require.Equal(t, "1", done[id], "nothing was killed, and the event of document %s was handled so often", id)
			}
		}
		require.Equal(t, lasting, once)
		handled := effects("set")
		entries := effects("k")
		for key := range entries {
			require.NotEmpty(t, handled[key], "key %s is there, and its event was not handled", key)
		}
		for key := range handled {
			require.NotEmpty(t, entries[key], "an event of key %s was handled, which is not there", key)
		}
		for collection, names := range acknowledged {
			got, once := effects(collection), 0
			for name := range names {
				require.NotEmpty(t, got[name], "%s: acknowledged, and not handled", collection)
				if strings.HasPrefix(name, "last-") {
					once++
					require.Equal(t, "1", got[name], "%s: nothing was killed, and %s was handled so often", collection, name)
				}
			}
			require.Equal(t, lasting, once, collection)
		}
		content, err := ask(d, "GET", "apps/default/dead-letters", "")
		require.NoError(t, err)
		assert.Contains(t, string(content), `"items":[]`)
		for _, effect := range []string{"changed", "set", "pushed", "called", "booked"} {
			handled, twice := effects(effect), 0
			for _, times := range handled {
				if times != "1" {
					twice++
				}
			}
			said := len(acknowledged[effect])
			if effect == "changed" {
				said = len(changed)
			}
			t.Logf("%s: %d were acknowledged, %d of them without a kill; %d were handled, %d of them more than once",
				effect, said, lasting, len(handled), twice)
		}
		require.NoError(t, d.end(syscall.SIGTERM), "%s", d.output)
	})
}
