package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

// keep is a handler that keeps the event it sees, by its source.
const keep = `kv::collection("seen").set(ctx.event.source, ctx.event);`

// seen waits until a handler has kept an event.
func seen(s *apitest.Site, app, source string) (event map[string]any) {
	s.T.Helper()
	require.Eventually(s.T, func() bool {
		got := s.Admin(s.Token, "GET", "apps/"+app+"/kv/seen/"+source, "")
		if got.StatusCode != 200 {
			return false
		}
		var entry struct{ Value map[string]any }
		require.NoError(s.T, json.Unmarshal(got.Content, &entry))
		event = entry.Value
		return true
	}, 10*time.Second, 5*time.Millisecond, "no event of %s", source)
	return event
}

// Each kind of trigger starts its script, which sees what happened.
func TestTriggers(t *testing.T) {
	for _, c := range []struct {
		kind, trigger string
		cause         func(s *apitest.Site)
		source        string // of ctx.event
		event         string // JSON that ctx.event has among other things
	}{
		{"docs", `{"script":"keep","collection":"ord*","operations":["create"],"filter":{"total":{"$gt":10}}}`, func(s *apitest.Site) {
			for _, total := range []string{"5", "50"} {
				apitest.Do[wire.Document](s, "POST", "apps/a/docs/orders", `{"data":{"total":`+total+`}}`, 201)
			}
		}, "docs", `{"operation":"create","attempt":1,"max_attempts":3,"depth":1,"truncated":false,"trigger_name":"keep-docs",
			"docs":{"collection":"orders","version":1,"data":{"total":50},"prev_data":null}}`},
		{"kv", `{"script":"keep","collection":"stock","operations":["update"]}`, func(s *apitest.Site) {
			for _, value := range []string{"1", "2"} {
				s.Admin(s.Token, "PUT", "apps/a/kv/stock/apples", `{"value":`+value+`}`)
			}
		}, "kv", `{"operation":"update","kv":{"collection":"stock","key":"apples","value":2,"previous":1}}`},
		{"files", `{"script":"keep","collection":"*"}`, func(s *apitest.Site) {
			s.Send(s.Request("POST", "/api/v1/admin/apps/a/files/pictures?name=a.txt", "hello", "Authorization: Bearer "+s.Token, "Content-Type: text/plain"))
		}, "files", `{"operation":"create","files":{"collection":"pictures","name":"a.txt","size":5}}`},
		{"cron", `{"script":"keep","schedule":"* * * * * *"}`, func(*apitest.Site) {}, "cron",
			`{"operation":"tick","cron":{"schedule":"* * * * * *","timezone":"UTC","missed":0}}`},
		{"queue", `{"script":"keep","topic":"mail"}`, func(s *apitest.Site) {
			apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/mail/messages", `{"message":{"to":"x"},"key":"k"}`, 202)
		}, "queue", `{"queue":{"topic":"mail"}}`},
	} {
		t.Run(c.kind, func(t *testing.T) {
			s := apitest.New(t)
			s.App("a")
			s.Script("a", "keep", keep)
			made := apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/"+c.kind, c.trigger, 201)
			assert.Equal(t, c.kind, made.Kind)
			c.cause(s)
			event := seen(s, "a", c.source)
			var want map[string]any
			require.NoError(t, json.Unmarshal([]byte(c.event), &want))
			contains(t, want, event)
			assert.Equal(t, made.ID, event["trigger_id"])
			require.Eventually(t, func() bool { // the execution is recorded a moment later
				ran := apitest.Do[wire.ExecutionPage](s, "GET", "apps/a/executions", nil, 200)
				return slices.ContainsFunc(ran.Items, func(e wire.Execution) bool { return e.EventID == event["id"] })
			}, 10*time.Second, 5*time.Millisecond, "an execution of the event")
			listed := apitest.Do[wire.Page[wire.Trigger]](s, "GET", "apps/a/triggers", nil, 200)
			require.Len(t, listed.Items, 1)
		})
	}
}

// contains expects all of a map in another one.
func contains(t *testing.T, want, got map[string]any) {
	t.Helper()
	for key, value := range want {
		if inner, ok := value.(map[string]any); ok {
			found, ok := got[key].(map[string]any)
			require.True(t, ok, "%s: %v", key, got[key])
			contains(t, inner, found)
			continue
		}
		assert.Equal(t, value, got[key], key)
	}
}

// A script's failures are tried again; then there is a dead letter, which its handler sees and which can be
// replayed.
func TestDeadLetters(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "keep", keep)
	s.Script("a", "fail", `kv::collection("tries").incr("n", 1); if kv::collection("tries").get("mended") == () { throw "no such thing"; }`)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/dead_letter", `{"script":"keep"}`, 201)
	trigger := apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/queue", `{"script":"fail","topic":"t"}`, 201)
	pushed := apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":7}`, 202)
	told := seen(s, "a", "dead_letter")
	letters := apitest.Do[wire.DeadLetters](s, "GET", "apps/a/dead-letters", nil, 200)
	require.Len(t, letters.Items, 1)
	letter := letters.Items[0]
	assert.Equal(t, pushed.EventID, letter.EventID)
	assert.Equal(t, 3, letter.Attempts)
	assert.Equal(t, trigger.ID, letter.TriggerID)
	assert.Contains(t, letter.Error, "no such thing")
	contains(t, map[string]any{"id": letter.ID, "attempts": 3.0, "event": map[string]any{"id": pushed.EventID, "source": "queue"}},
		told["dead_letter"].(map[string]any))

	require.Eventually(t, func() bool {
		return apitest.Do[wire.DeadLetter](s, "GET", "dead-letters/"+letter.ID, nil, 200).Resolution == "handled_by_script"
	}, 5*time.Second, 5*time.Millisecond)
	assert.Empty(t, apitest.Do[wire.Replayed](s, "POST", "apps/a/dead-letters:replay", `{}`, 202).EventIDs, "by default none that has a resolution")

	// One that nobody handles waits for a person.
	for _, other := range apitest.Do[wire.Page[wire.Trigger]](s, "GET", "apps/a/triggers", nil, 200).Items {
		if other.Kind == "dead_letter" {
			apitest.Do[wire.Trigger](s, "PATCH", "triggers/"+other.ID, `{"enabled":false}`, 200)
		}
	}
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":8}`, 202)
	require.Eventually(t, func() bool {
		letters = apitest.Do[wire.DeadLetters](s, "GET", "apps/a/dead-letters?unresolved=true", nil, 200)
		return len(letters.Items) == 1
	}, 5*time.Second, 5*time.Millisecond)
	assert.EqualValues(t, 1, letters.Unresolved)
	s.Admin(s.Token, "PUT", "apps/a/kv/tries/mended", `{"value":true}`)
	replayed := apitest.Do[wire.Replayed](s, "POST", "apps/a/dead-letters:replay", `{}`, 202)
	require.Len(t, replayed.EventIDs, 1)
	letter = apitest.Do[wire.DeadLetter](s, "GET", "dead-letters/"+letters.Items[0].ID, nil, 200)
	assert.Equal(t, "replayed", letter.Resolution)
	assert.Equal(t, "owner", letter.ResolvedBy)
	assert.Equal(t, replayed.EventIDs[0], letter.ReplayedAs)
	require.Eventually(t, func() bool { return s.Admin(s.Token, "GET", "events/"+letter.ReplayedAs, "").StatusCode == 404 }, 5*time.Second, 5*time.Millisecond)
	s.Refused(s.Admin(s.Token, "POST", "dead-letters/"+letter.ID+":replay", ""), 409, "", "replayed already, as the event "+letter.ReplayedAs)
	s.Refused(s.Admin(s.Token, "POST", "dead-letters/"+letter.ID+":resolve", `{}`), 409, "body.resolution", "replayed already")

	// That its handler told of it does not decide about the first: a person may think otherwise, as often as they like.
	first := apitest.Do[wire.DeadLetter](s, "POST", "dead-letters/"+told["dead_letter"].(map[string]any)["id"].(string)+":resolve", `{"resolution":"ignored"}`, 200)
	assert.Equal(t, []string{"ignored", "owner"}, []string{first.Resolution, first.ResolvedBy})
	replayed = apitest.Do[wire.Replayed](s, "POST", "apps/a/dead-letters:replay", `{"resolved":true}`, 202)
	require.Len(t, replayed.EventIDs, 1, "not the one that was replayed")
	first = apitest.Do[wire.DeadLetter](s, "GET", "dead-letters/"+first.ID, nil, 200)
	assert.Equal(t, []string{"replayed", replayed.EventIDs[0]}, []string{first.Resolution, first.ReplayedAs})
	assert.Equal(t, 2, apitest.Do[wire.Cleared](s, "POST", "apps/a/dead-letters:purge", `{"resolved":true}`, 200).Removed)
}

// What fails again while many are replayed is newer than the newest of them, and is not replayed once more.
func TestReplayOfThoseThatWereThere(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "fail", `throw "no"`)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/queue", `{"script":"fail","topic":"t","retry":{"max_attempts":1}}`, 201)
	for range 3 {
		apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":1}`, 202)
	}
	three := func() (letters []wire.DeadLetter) {
		require.Eventually(t, func() bool {
			letters = apitest.Do[wire.DeadLetters](s, "GET", "apps/a/dead-letters?unresolved=true", nil, 200).Items
			return len(letters) == 3
		}, 5*time.Second, 5*time.Millisecond)
		return letters
	}
	before := three()
	older := `{"newest":"` + before[1].ID + `"}`
	assert.Len(t, apitest.Do[wire.Replayed](s, "POST", "apps/a/dead-letters:replay", older, 202).EventIDs, 2)
	after := three() // the newest, and the two that failed again
	assert.Equal(t, before[0].ID, after[2].ID)
	assert.Empty(t, apitest.Do[wire.Replayed](s, "POST", "apps/a/dead-letters:replay", older, 202).EventIDs)
	assert.Equal(t, 1, apitest.Do[wire.Cleared](s, "POST", "apps/a/dead-letters:purge", `{"newest":"`+before[0].ID+`"}`, 200).Removed)
	assert.Equal(t, after[:2], apitest.Do[wire.DeadLetters](s, "GET", "apps/a/dead-letters?unresolved=true", nil, 200).Items)
}

// A message waits for a consumer, and for one that is paused; a batch is one delivery, of which those
// messages that the handler names are tried again.
func TestQueues(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "batch", `
		let failed = [];
		for m in ctx.event.queue.messages {
			kv::collection("got").incr("" + m.body, 1);
			if m.body == 2 && m.attempt == 1 { failed.push(m.id); }
		}
		kv::collection("got").incr("batches", 1);
		#{ failed: failed }`)
	for i := range 3 {
		apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", fmt.Sprintf(`{"message":%d}`, i), 202)
	}
	queues := apitest.Do[wire.Page[wire.Queue]](s, "GET", "apps/a/queues", nil, 200)
	require.Len(t, queues.Items, 1)
	assert.Equal(t, "t", queues.Items[0].Topic)
	assert.Equal(t, 3, queues.Items[0].Waiting)
	assert.WithinDuration(t, time.Now(), *queues.Items[0].OldestAt, time.Minute)
	assert.Zero(t, queues.Items[0].Rate)
	assert.Empty(t, queues.Items[0].TriggerID)

	trigger := apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/queue", `{"script":"batch","topic":"t","max_batch":10}`, 201)
	s.Refused(s.Admin(s.Token, "POST", "apps/a/triggers/queue", `{"script":"batch","topic":"t"}`), 409, "body.topic", "already in use")
	number := func(key string) (n int) {
		got := s.Admin(s.Token, "GET", "apps/a/kv/got/"+key, "")
		var entry struct{ Value int }
		if got.StatusCode == 200 {
			require.NoError(t, json.Unmarshal(got.Content, &entry))
		}
		return entry.Value
	}
	require.Eventually(t, func() bool { return number("batches") == 2 }, 5*time.Second, 5*time.Millisecond)
	assert.Equal(t, []int{1, 1, 2, 2}, []int{number("0"), number("1"), number("2"), number("batches")})
	// What a handler did is seen before its message is done.
	idle := func() {
		require.Eventually(t, func() bool {
			queues := apitest.Do[wire.Page[wire.Queue]](s, "GET", "apps/a/queues", nil, 200)
			at := slices.IndexFunc(queues.Items, func(q wire.Queue) bool { return q.Topic == "t" })
			return at < 0 || queues.Items[at].Waiting+queues.Items[at].Running == 0
		}, 5*time.Second, 5*time.Millisecond)
	}
	idle()

	// Each is done once; topics are there for their messages or their consumers, a page at a time.
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/other/messages", `{"message":1}`, 202)
	other := apitest.Do[wire.Page[wire.Queue]](s, "GET", "apps/a/queues?limit=1", nil, 200)
	require.Len(t, other.Items, 1)
	assert.Equal(t, "other", other.Items[0].Topic)
	require.NotEmpty(t, other.Cursor)
	queues = apitest.Do[wire.Page[wire.Queue]](s, "GET", "apps/a/queues?limit=1&cursor="+other.Cursor, nil, 200)
	require.Len(t, queues.Items, 1)
	assert.Empty(t, queues.Cursor)
	assert.Equal(t, wire.Queue{Topic: "t", TriggerID: trigger.ID, Rate: 3. / 60}, queues.Items[0])
	s.Refused(s.Admin(s.Token, "GET", "apps/a/queues?cursor=x", ""), 422, "query.cursor", "")

	apitest.Do[wire.Trigger](s, "POST", "triggers/"+trigger.ID+":pause", nil, 200)
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":9,"dedupe":"d"}`, 202)
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":9,"dedupe":"d"}`, 202)
	messages := apitest.Do[wire.Page[wire.Event]](s, "GET", "apps/a/queues/t/messages", nil, 200)
	require.Len(t, messages.Items, 1, "the other is a repeat")
	assert.Equal(t, []any{json.RawMessage(nil), 13, `{"message":9}`}, []any{messages.Items[0].Payload, messages.Items[0].PayloadBytes, messages.Items[0].PayloadStart})
	whole := apitest.Do[wire.Event](s, "GET", "events/"+messages.Items[0].ID, nil, 200)
	assert.Equal(t, []any{`{"message":9}`, 13, ""}, []any{string(whole.Payload), whole.PayloadBytes, whole.PayloadStart})
	assert.Equal(t, "waiting", messages.Items[0].State)
	apitest.Do[wire.Trigger](s, "POST", "triggers/"+trigger.ID+":resume", nil, 200)
	require.Eventually(t, func() bool { return number("9") == 1 }, 5*time.Second, 5*time.Millisecond)
	idle()

	apitest.Do[wire.App](s, "POST", "apps/a/events:pause", nil, 200)
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":1}`, 202)
	assert.Equal(t, 1, apitest.Do[wire.Cleared](s, "DELETE", "apps/a/queues/t/messages", nil, 200).Removed)
}

// Triggers that cause one another end, and one app's flood is refused rather than lost.
func TestEventsAreBounded(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "loop", `docs::collection("loop").create(#{ depth: ctx.event.depth });`)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/docs", `{"script":"loop","collection":"loop"}`, 201)
	apitest.Do[wire.Document](s, "POST", "apps/a/docs/loop", `{"data":{"depth":0}}`, 201)
	deepest := fmt.Sprintf(`{"depth":%d}`, apitest.MaxDepth)
	require.Eventually(t, func() bool {
		found := apitest.Do[wire.Page[wire.Document]](s, "GET", "apps/a/docs/loop?filter="+deepest, nil, 200)
		return len(found.Items) == 1
	}, 5*time.Second, 5*time.Millisecond)
	assert.Empty(t, apitest.Do[wire.Page[wire.Document]](s, "GET", fmt.Sprintf(`apps/a/docs/loop?filter={"depth":%d}`, apitest.MaxDepth+1), nil, 200).Items)
	assert.Empty(t, apitest.Do[wire.DeadLetters](s, "GET", "apps/a/dead-letters", nil, 200).Items)

	apitest.Do[wire.App](s, "POST", "apps/a/events:pause", nil, 200)
	made := 0
	for ; made < 2*apitest.MaxPending; made++ {
		if got := s.Admin(s.Token, "POST", "apps/a/docs/loop", `{"data":{"flood":true}}`); got.StatusCode != 201 {
			s.Refused(got, 507, "", fmt.Sprintf("the app may have %d pending events", apitest.MaxPending))
			break
		}
	}
	assert.Equal(t, apitest.MaxPending, made)
	found := apitest.Do[wire.Page[wire.Document]](s, "GET", `apps/a/docs/loop?limit=1000&filter={"flood":true}`, nil, 200)
	assert.Len(t, found.Items, made, "what was refused was not done")
}

func TestTriggersAreRefused(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.App("b")
	s.Script("a", "handler", `1`)
	s.Script("b", "foreign", `1`)
	apitest.Do[wire.Script](s, "POST", "apps/a/scripts", `{"name":"module","kind":"module","source":"fn f() {}"}`, 201)
	for _, c := range []struct{ kind, body, location, says string }{
		{"docs", `{"script":"handler","collection":""}`, "body.collection", ""},
		{"docs", `{"script":"handler","collection":"a*b"}`, "body.collection", "may have a * at its end only"},
		{"docs", `{"script":"handler","collection":"c","operations":["expire"]}`, "body.operations", `\"expire\" is none of create, update, delete`},
		{"docs", `{"script":"handler","collection":"c","filter":{"a":{"$no":1}}}`, "body.filter.a.$no", "unknown operator"},
		{"docs", `{"script":"foreign","collection":"c"}`, "body.script", "is no script of the app"},
		{"docs", `{"script":"module","collection":"c"}`, "body.script", "is a module"},
		{"docs", `{"collection":"c"}`, "body.script", "is missing"},
		{"cron", `{"script":"handler","schedule":"61 * * * * *"}`, "body.schedule", ""},
		{"cron", `{"script":"handler","schedule":"* * * * *","timezone":"Mars/Olympus"}`, "body.timezone", ""},
		{"cron", `{"script":"handler","schedule":"@every 10ms"}`, "body.schedule", ""},
		{"cron", `{"script":"handler","schedule":"0 0 30 2 *"}`, "body.schedule", ""},
		{"queue", `{"script":"handler","topic":"t","max_batch":0}`, "body.max_batch", ""},
		{"queue", `{"script":"handler","topic":"t","retry":{"base_ms":1000,"max_ms":10}}`, "body.retry.max_ms", "must be between 1000 and"},
		{"pubsub", `{"script":"handler","topic":"a*"}`, "body.topic", "prefix.*"},
		{"dead_letter", `{"script":"handler","source":"dreams"}`, "body.source", ""},
	} {
		t.Run(c.kind+" "+c.body, func(t *testing.T) {
			s.Refused(s.Admin(s.Token, "POST", "apps/a/triggers/"+c.kind, c.body), 422, c.location, c.says)
		})
	}
	trigger := apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/kv", `{"script":"handler","collection":"c"}`, 201)
	s.Refused(s.Admin(s.Token, "PATCH", "triggers/"+trigger.ID, `{"schedule":"* * * * *"}`), 422, "body.schedule", "is not of a trigger of kv")
	for _, c := range []struct{ body, location string }{
		{`{"message":"` + strings.Repeat("x", 256<<10) + `"}`, "body.message"},
		{`{"message":1,"delay_ms":-1}`, "body.delay_ms"},
		{`{"message":1,"delay_ms":2592000001}`, "body.delay_ms"},
		{`{"message":1,"debounce_ms":5}`, "body.debounce_ms"},
	} {
		s.Refused(s.Admin(s.Token, "POST", "apps/a/queues/t/messages", c.body), 422, c.location, "")
	}
}

// A trigger runs with the rights of who registered it, as they are when it runs.
func TestRegistrantsRights(t *testing.T) {
	s := apitest.New(t)
	app := s.App("a")
	s.Script("a", "keep", keep)
	editor := s.Member(app.ID, store.RoleEditor)
	got := s.Admin(editor, "POST", "apps/a/triggers/queue", `{"script":"keep","topic":"t"}`)
	require.Equal(t, 201, got.StatusCode, "%s", got.Content)
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":1}`, 202)
	seen(s, "a", "queue")
	p, err := s.Auth.Authenticate(t.Context(), editor)
	require.NoError(t, err)
	require.NoError(t, s.DB.Apps().RemoveMember(t.Context(), app.ID, p.User.ID))
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/t/messages", `{"message":2}`, 202)
	var letters wire.DeadLetters
	require.Eventually(t, func() bool {
		letters = apitest.Do[wire.DeadLetters](s, "GET", "apps/a/dead-letters", nil, 200)
		return len(letters.Items) == 1
	}, 5*time.Second, 5*time.Millisecond)
	assert.Contains(t, letters.Items[0].Error, "may not start executions in this app any more")
}

// An event can be fired by hand, seen, retried and deleted.
func TestEventsByHand(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "keep", keep)
	for _, c := range []struct{ kind, body string }{
		{"kv", `{"script":"keep","collection":"c*"}`}, {"docs", `{"script":"keep","collection":"c"}`}, {"files", `{"script":"keep","collection":"c"}`},
		{"cron", `{"script":"keep","schedule":"0 0 1 1 *"}`}, {"queue", `{"script":"keep","topic":"t"}`},
		{"pubsub", `{"script":"keep","topic":"t.*"}`}, {"dead_letter", `{"script":"keep"}`},
	} {
		trigger := apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/"+c.kind, c.body, 201)
		apitest.Do[wire.EventMade](s, "POST", "triggers/"+trigger.ID+":fire", `{}`, 202)
		event := seen(s, "a", c.kind)
		assert.Contains(t, event, c.kind)
		if c.kind != "kv" {
			continue
		}
		apitest.Do[wire.Trigger](s, "POST", "triggers/"+trigger.ID+":pause", nil, 200)
		made := apitest.Do[wire.EventMade](s, "POST", "triggers/"+trigger.ID+":fire", `{"data":{"x":1}}`, 202)
		shown := apitest.Do[wire.Event](s, "GET", "events/"+made.EventID, nil, 200)
		assert.JSONEq(t, `{"kv":{"collection":"c","key":"sample","value":{"x":1},"previous":null}}`, string(shown.Payload))
		apitest.Do[wire.Event](s, "POST", "events/"+made.EventID+":retry", nil, 200)
		listed := apitest.Do[wire.Page[wire.Event]](s, "GET", "apps/a/events?state=waiting&source=kv&trigger="+trigger.ID, nil, 200)
		require.Len(t, listed.Items, 1)
		apitest.Do[any](s, "DELETE", "events/"+made.EventID, nil, 204)
		s.Refused(s.Admin(s.Token, "GET", "events/"+made.EventID, ""), 404, "", "event not found")
		apitest.Do[any](s, "DELETE", "triggers/"+trigger.ID, nil, 204)
	}
}

// A transaction whose event is refused is lost, also when its script would go on: nothing is kept of a message or a
// replayed dead letter whose event there is not.
func TestTransactionOfARefusedEvent(t *testing.T) {
	s := apitest.New(t)
	app := s.App("a")
	apitest.Do[wire.Quota](s, "PUT", "apps/a/quota", `{"pending_events":1}`, 200)
	apitest.Do[wire.EventMade](s, "POST", "apps/a/queues/full/messages", `{"message":1}`, 202)
	script := s.Script("a", "goes-on", `let e = "";
		try { transaction(|| {
			kv::collection("c").set("k", 1);
			try { queue::topic("mail").push("hello", #{ dedupe: "once" }) } catch {}
		}) } catch (lost) { e = lost.code } e`)
	run := apitest.Do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
	assert.Equal(t, `"limit_exceeded"`, string(run.Body))
	s.Refused(s.Admin(s.Token, "GET", "apps/a/kv/c/k", ""), 404, "", "")
	apitest.Do[wire.Quota](s, "PUT", "apps/a/quota", `{"pending_events":9}`, 200)
	again := s.Script("a", "again", `queue::topic("mail").push("hello", #{ dedupe: "once" })`)
	apitest.Do[wire.RunResult](s, "POST", "scripts/"+again.ID+"/run", `{}`, 200)
	assert.Len(t, apitest.Do[wire.Page[wire.Event]](s, "GET", "apps/"+app.ID+"/events", nil, 200).Items, 2, "the message is no repeat")
}

// What a transaction pushes, and the events of its changes, are kept with it or not at all.
func TestEventsOfTransactions(t *testing.T) {
	s := apitest.New(t)
	s.App("a")
	s.Script("a", "keep", keep)
	apitest.Do[wire.Trigger](s, "POST", "apps/a/triggers/docs", `{"script":"keep","collection":"orders"}`, 201)
	apitest.Do[wire.App](s, "POST", "apps/a/events:pause", nil, 200)
	for _, c := range []struct {
		end  string
		want int // events
	}{{`throw "changed my mind"`, 0}, {`1`, 2}} {
		script := s.Script("a", fmt.Sprintf("s%d", c.want), `transaction(|| {
			docs::collection("orders").create(#{ n: 1 });
			queue::topic("mail").push("hello");
			`+c.end+`
		})`)
		apitest.Do[wire.RunResult](s, "POST", "scripts/"+script.ID+"/run", `{}`, 200)
		assert.Len(t, apitest.Do[wire.Page[wire.Event]](s, "GET", "apps/a/events", nil, 200).Items, c.want, c.end)
	}
}
