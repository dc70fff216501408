package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/events"
)

// The deepest data that an event may have is not too deep for the guest, nor when it has become a dead letter
// whose handler sees the event around it: [events.MaxDataDepth] is made of what the guest can take.
func TestDeepestEvents(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "fail", `let whole = ctx.event; throw #{ dead_letter: true };`)
	s.Script("a", "keep", `kv::collection("seen").set(ctx.event.dead_letter.event.source, ctx.event);`)
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/dead_letter", `{"script":"keep"}`, 201)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/queue", `{"script":"fail","topic":"t"}`, 201)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/docs", `{"script":"fail","collection":"c"}`, 201)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/kv", `{"script":"fail","collection":"c"}`, 201)

	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":`+deep(events.MaxDataDepth)+`}`, 202)
	s.Refused(s.Admin(s.Token, "POST", "apps/a/queues/t/messages", `{"message":`+deep(events.MaxDataDepth+1)+`}`), 422, "body.message", "nested at most")
	apitest.Do[wire.Document](s, "POST", "apps/a/docs/c", `{"data":{"d":`+deep(events.MaxDataDepth-1)+`}}`, 201)
	require.Equal(t, 200, s.Admin(s.Token, "PUT", "apps/a/kv/c/k", `{"value":`+deep(events.MaxDataDepth)+`}`).StatusCode)
	for source, data := range map[string]string{
		"queue": deep(events.MaxDataDepth), "docs": `{"d":` + deep(events.MaxDataDepth-1) + `}`, "kv": deep(events.MaxDataDepth),
	} {
		var entry struct {
			Value struct {
				DeadLetter struct{ Event json.RawMessage } `json:"dead_letter"`
			}
		}
		require.Eventually(t, func() bool {
			got := s.Admin(s.Token, "GET", "apps/a/kv/seen/"+source, "")
			return got.StatusCode == 200 && json.Unmarshal(got.Content, &entry) == nil
		}, 20*time.Second, 5*time.Millisecond, "no dead letter of %s", source)
		require.Contains(t, string(entry.Value.DeadLetter.Event), data, source)
	}
}
