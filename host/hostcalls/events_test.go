package hostcalls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// asked is an [Events] that writes down what it is asked for, and has dead letters.
type asked struct {
	calls   []string
	letters []store.DeadLetter
	fails   error
}

func (a *asked) note(format string, args ...any) error {
	a.calls = append(a.calls, fmt.Sprintf(format, args...))
	return a.fails
}

func (a *asked) Push(_ context.Context, appID, topic string, messages []events.Message) (ids []string, err error) {
	for i, m := range messages {
		ids = append(ids, fmt.Sprintf("%s-%d", topic, i))
		err = a.note("push %s %s %+v %s", appID, topic, struct {
			Key, Dedupe     string
			Delay, Debounce time.Duration
		}{m.Key, m.Dedupe, m.Delay, m.Debounce}, m.Body)
	}
	return ids, err
}

func (a *asked) Publish(_ context.Context, appID, topic string, message json.RawMessage) (int, error) {
	return 2, a.note("publish %s %s %s", appID, topic, message)
}

func (a *asked) Call(_ context.Context, appID, name string, args json.RawMessage, delay time.Duration, capabilities []abi.Capability) (string, error) {
	return "later", a.note("call %s %s %s %v %v", appID, name, args, delay, capabilities)
}

func (a *asked) DeadLetters(_ context.Context, appID string, unresolved bool, page store.PageRequest) (found store.Page[store.DeadLetter], err error) {
	for _, letter := range a.letters {
		if letter.AppID == appID && (letter.Resolution == "" || !unresolved) {
			found.Items = append(found.Items, letter)
		}
	}
	return found, a.note("list %s %v %+v", appID, unresolved, page)
}

func (a *asked) DeadLetter(_ context.Context, appID, id string) (store.DeadLetter, error) {
	for _, letter := range a.letters {
		if letter.AppID == appID && letter.ID == id {
			return letter, a.fails
		}
	}
	return store.DeadLetter{}, fault.Missing("dead letter")
}

func (a *asked) Replay(ctx context.Context, appID, id, by string) (string, error) {
	if _, err := a.DeadLetter(ctx, appID, id); err != nil {
		return "", err
	}
	return "again", a.note("replay %s %s by %s", appID, id, by)
}

func (a *asked) Resolve(ctx context.Context, appID, id string, as store.Resolution, by string) (store.DeadLetter, error) {
	letter, err := a.DeadLetter(ctx, appID, id)
	if err != nil {
		return letter, err
	}
	letter.Resolution, letter.ResolvedBy, letter.ResolvedAt = as, by, letter.LastAt
	return letter, a.note("resolve %s %s as %s by %s", appID, id, as, by)
}

// eventsGuest is an execution of the app "app" by the script "worker".
func eventsGuest(t *testing.T, e Events) guest {
	scope := newScope()
	scope.AppID, scope.ScriptName, scope.Capabilities = "app", "worker", []abi.Capability{abi.AppEventsRead, abi.AppEventsWrite}
	return guest{t, New(Config{Services: Services{Events: e}}), scope}
}

func TestEvents(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 5000, time.UTC)
	letter := store.DeadLetter{
		ID: "d1", AppID: "app", EventID: "e1", TriggerID: "t1", TriggerName: "mail", ScriptID: "s1", Source: store.EventQueue, Operation: "push",
		GroupKey: "k", Attempts: 5, CreatedAt: at, FirstAt: at, LastAt: at.Add(time.Hour), LastError: "no (line 1, position 2)",
		Payload: json.RawMessage(`{"n":1.0,"b":{"$blob":"AP8="}}`),
	}
	const head = `{"id":"d1","event_id":"e1","source":"queue","operation":"push","trigger_id":"t1","trigger_name":"mail","script_id":"s1","key":"k","attempts":5,` +
		`"error":"no (line 1, position 2)","created_at":"2026-11-29T09:00:00.000005Z","first_at":"2026-11-29T09:00:00.000005Z","last_at":"2026-11-29T10:00:00.000005Z",`
	const open, payload = `"resolution":"","resolved_at":null,"resolved_by":"","replayed_as":""`, `,"payload":{"n":1.0,"b":{"$blob":"AP8="}}`
	for _, c := range []struct {
		op      abi.Op
		request msgp.Marshaler
		want    string
		asks    []string
	}{
		{abi.OpQueuePush, &abi.QueuePushRequest{Topic: "mail", Messages: []abi.QueueMessage{
			{Body: value(t, `{"to":"ada","b":{"$blob":"AP8="},"n":9223372036854775807,"f":1.0}`)}, {Key: "k", Dedupe: "d", DelayMillis: 1500}, {Key: "k", DebounceMillis: abi.MaxDelayMillis},
		}}, `{"ids":["mail-0","mail-1","mail-2"]}`, []string{
			`push app mail {Key: Dedupe: Delay:0s Debounce:0s} {"to":"ada","b":{"$blob":"AP8="},"n":9223372036854775807,"f":1.0}`,
			`push app mail {Key:k Dedupe:d Delay:1.5s Debounce:0s} null`, `push app mail {Key:k Dedupe: Delay:0s Debounce:720h0m0s} null`,
		}},
		{abi.OpPubSubPublish, &abi.PubSubPublishRequest{Topic: "a.b", Message: value(t, `[null]`)}, `{"delivered":2}`, []string{`publish app a.b [null]`}},
		{abi.OpInvokeAsync, &abi.InvokeAsyncRequest{Name: "resize", Args: value(t, `{"w":64}`), DelayMillis: 60_000}, `{"execution_id":"later"}`,
			[]string{`call app resize {"w":64} 1m0s [AppEventsRead AppEventsWrite]`}},
		{abi.OpInvokeAsync, &abi.InvokeAsyncRequest{Name: "resize"}, `{"execution_id":"later"}`, []string{`call app resize null 0s [AppEventsRead AppEventsWrite]`}},
		{abi.OpDeadLettersList, &abi.DeadLettersListRequest{Unresolved: true, Cursor: "x", Limit: 5}, `{"items":[` + head + open + `,"payload":null}],"cursor":""}`, []string{`list app true {Cursor:x Limit:5}`}},
		{abi.OpDeadLettersGet, &abi.DeadLettersGetRequest{ID: "d1"}, `{"dead_letter":` + head + open + payload + `}}`, nil},
		{abi.OpDeadLettersGet, &abi.DeadLettersGetRequest{ID: "d2"}, `{"dead_letter":null}`, nil},
		{abi.OpDeadLettersReplay, &abi.DeadLettersGetRequest{ID: "d1"}, `{"event_id":"again"}`, []string{`replay app d1 by script worker`}},
		{abi.OpDeadLettersReplay, &abi.DeadLettersGetRequest{ID: "d2"}, `not_found: dead_letters.replay: dead letter not found`, nil},
		{abi.OpDeadLettersResolve, &abi.DeadLettersResolveRequest{ID: "d1", As: "handled_by_script"},
			`{"dead_letter":` + head + `"resolution":"handled_by_script","resolved_at":"2026-11-29T10:00:00.000005Z","resolved_by":"script worker","replayed_as":""` + payload + `}}`,
			[]string{`resolve app d1 as handled_by_script by script worker`}},
	} {
		row, _ := abi.Lookup(c.op)
		t.Run(row.Name, func(t *testing.T) {
			service := &asked{letters: []store.DeadLetter{letter}}
			assert.Equal(t, c.want, eventsGuest(t, service).call(c.op, c.request))
			assert.Equal(t, c.asks, service.calls)
		})
	}
}

// What is over a limit gets to no service, and its refusal names the field, the limit and the value.
func TestEventsRefuse(t *testing.T) {
	push := func(messages ...abi.QueueMessage) msgp.Marshaler {
		return &abi.QueuePushRequest{Topic: "t", Messages: messages}
	}
	one := value(t, `1`)
	long := raw(t, strings.Repeat("x", abi.MaxMessageBytes))
	for _, c := range []struct {
		op      abi.Op
		request msgp.Marshaler
		message string
	}{
		{abi.OpQueuePush, &abi.QueuePushRequest{Messages: []abi.QueueMessage{{Body: one}}}, "topic: must be 1 to 512 bytes, got 0"},
		{abi.OpQueuePush, &abi.QueuePushRequest{Topic: strings.Repeat("t", 513)}, "topic: must be 1 to 512 bytes, got 513"},
		{abi.OpQueuePush, &abi.QueuePushRequest{Topic: "a\n"}, "topic: must not contain control characters (U+000A at byte 1)"},
		{abi.OpQueuePush, push(), "messages: must be 1 to 1000, got 0"},
		{abi.OpQueuePush, push(make([]abi.QueueMessage, 1001)...), "messages: must be 1 to 1000, got 1001"},
		{abi.OpQueuePush, push(abi.QueueMessage{Body: one}, abi.QueueMessage{Body: long}), "messages[1].body: must be at most 262144 bytes of JSON, got 262146"},
		{abi.OpQueuePush, push(abi.QueueMessage{Body: raw(t, strings.Repeat("x", 6*abi.MaxMessageBytes))}), "messages[0].body: must be at most 262144 bytes of JSON, got more"},
		{abi.OpQueuePush, push(abi.QueueMessage{Body: raw(t, map[string]any{"a": []any{math.NaN()}})}), "messages[0].body.a[0]: NaN cannot be written as JSON"},
		{abi.OpQueuePush, push(abi.QueueMessage{Key: "\x00"}), "messages[0].key: must not contain control characters (U+0000 at byte 0)"},
		{abi.OpQueuePush, push(abi.QueueMessage{Dedupe: strings.Repeat("d", 513)}), "messages[0].dedupe: must be 1 to 512 bytes, got 513"},
		{abi.OpQueuePush, push(abi.QueueMessage{DelayMillis: -1}), "messages[0].delay_ms: must be 0 to 2592000000, got -1"},
		{abi.OpQueuePush, push(abi.QueueMessage{DelayMillis: math.MaxInt64}), "messages[0].delay_ms: must be 0 to 2592000000, got 9223372036854775807"},
		{abi.OpQueuePush, push(abi.QueueMessage{Key: "k", DebounceMillis: 2592000001}), "messages[0].debounce_ms: must be 0 to 2592000000, got 2592000001"},
		{abi.OpQueuePush, push(abi.QueueMessage{DebounceMillis: 5}), "messages[0].debounce_ms: needs a key, got 5 without one"},
		{abi.OpPubSubPublish, &abi.PubSubPublishRequest{Message: one}, "topic: must be 1 to 512 bytes, got 0"},
		{abi.OpPubSubPublish, &abi.PubSubPublishRequest{Topic: "t", Message: long}, "message: must be at most 262144 bytes of JSON, got 262146"},
		{abi.OpInvokeAsync, &abi.InvokeAsyncRequest{Name: "f", DelayMillis: -5}, "delay_ms: must be 0 to 2592000000, got -5"},
		{abi.OpInvokeAsync, &abi.InvokeAsyncRequest{Name: "f", Args: long}, "args: must be at most 262144 bytes of JSON, got 262146"},
		{abi.OpDeadLettersResolve, &abi.DeadLettersResolveRequest{ID: "d", As: "replayed"}, `as: must be ignored or handled_by_script, got "replayed"`},
	} {
		row, _ := abi.Lookup(c.op)
		service := &asked{}
		assert.Equal(t, "invalid: "+row.Name+": "+c.message, eventsGuest(t, service).call(c.op, c.request))
		assert.Empty(t, service.calls, c.message)
	}
	// At the limits.
	assert.Equal(t, `{"ids":["t-0"]}`, eventsGuest(t, &asked{}).call(abi.OpQueuePush, push(abi.QueueMessage{
		Body: raw(t, strings.Repeat("x", abi.MaxMessageBytes-2)), Key: strings.Repeat("k", 512), DelayMillis: abi.MaxDelayMillis,
	})))
}

func TestEventsFail(t *testing.T) {
	call := &abi.InvokeAsyncRequest{Name: "f"}
	assert.Equal(t, `not_found: invoke_async "f": the app has no endpoint or plugin of this name`,
		eventsGuest(t, &asked{fails: fault.Missing("script")}).call(abi.OpInvokeAsync, call))
	assert.Equal(t, `quota: invoke_async: 10000 events are waiting`,
		eventsGuest(t, &asked{fails: fault.New(fault.Quota, "10000 events are waiting")}).call(abi.OpInvokeAsync, call))
	assert.Equal(t, `unavailable: invoke_async: the storage is not available`,
		eventsGuest(t, &asked{fails: store.Failed("add events", errors.New("disk full"))}).call(abi.OpInvokeAsync, call))

	for _, row := range abi.Operations { // without the service
		if row.Op >= abi.OpQueuePush && row.Op <= abi.OpDeadLettersResolve {
			_, err := eventsGuest(t, nil).d.Perform(t.Context(), everything(), row.Op, value(t, `{}`))
			var refused *abi.OpError
			require.ErrorAs(t, err, &refused, row.Name)
			assert.Equal(t, abi.OpError{Code: abi.OpCodeUnavailable, Message: row.Name + ": there are no events here"}, *refused)
		}
	}
}
