package sdk_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

// A handler of a queue's messages handles what it can, and has the rest delivered again.
func ExampleEvent() {
	sdk.Handle(func(ctx sdk.Context, _ sdk.Request) (sdk.Response, error) {
		event, err := sdk.As[sdk.Event](ctx.Event)
		if err != nil || event.Queue == nil {
			return sdk.Response{}, &sdk.Failure{Err: errors.New("not a message"), DeadLetter: true}
		}
		var failed []string
		for _, message := range event.Queue.Messages {
			if price, err := sdk.As[int](message.Body); err != nil {
				failed = append(failed, message.ID)
			} else {
				fmt.Println(message.ID, "costs", price)
			}
		}
		return sdk.Failed(failed...), nil
	})
	sdktest.Run(func(host *sdktest.Host) {
		answer, err := host.Trigger(sdk.Event{Source: "queue", Queue: &sdk.QueueEvent{Topic: "prices", Messages: []sdk.QueueMessage{
			{ID: "m1", Body: sdk.Value(`250`)}, {ID: "m2", Body: sdk.Value(`"much"`)},
		}}})
		fmt.Println(answer, err)
		_, err = host.Trigger(sdk.Event{Source: "cron", Cron: &sdk.CronEvent{Schedule: "* * * * *"}})
		var failure *sdk.Failure
		fmt.Println(errors.As(err, &failure) && failure.DeadLetter, err)
	})
	// Output:
	// m1 costs 250
	// {"failed":["m2"]} <nil>
	// true not a message
}

// Events as the server sends them.
func TestEvents(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 5000, time.UTC)
	const stamp = `"2026-11-29T09:00:00.000005Z"`
	for name, c := range map[string]struct {
		text string
		want sdk.Event
	}{
		"kv": {`"kv":{"collection":"c","key":"k","value":[1.0],"previous":null}`, sdk.Event{KV: &sdk.KVEvent{Collection: "c", Key: "k", Value: sdk.Value(`[1.0]`), Previous: sdk.Value(`null`)}}},
		"docs": {`"docs":{"collection":"c","id":"d","version":2,"data":{"a":1},"prev_data":{}}`,
			sdk.Event{Docs: &sdk.DocsEvent{Collection: "c", ID: "d", Version: 2, Data: sdk.Value(`{"a":1}`), Previous: sdk.Value(`{}`)}}},
		"files": {`"files":{"collection":"c","id":"f","name":"n","content_type":"t","size":9007199254740993,"sha256":"00","created_at":` + stamp + `}`,
			sdk.Event{Files: &sdk.FilesEvent{Collection: "c", ID: "f", Name: "n", ContentType: "t", Size: 9007199254740993, SHA256: "00"}}},
		"cron": {`"cron":{"schedule":"@daily","timezone":"UTC","scheduled_at":` + stamp + `,"fired_at":` + stamp + `,"missed":3}`,
			sdk.Event{Cron: &sdk.CronEvent{Schedule: "@daily", Timezone: "UTC", ScheduledAt: at, FiredAt: at, Missed: 3}}},
		"queue": {`"queue":{"topic":"t","messages":[{"id":"m","key":null,"body":1,"attempt":2,"pushed_at":` + stamp + `}]}`,
			sdk.Event{Queue: &sdk.QueueEvent{Topic: "t", Messages: []sdk.QueueMessage{{ID: "m", Body: sdk.Value(`1`), Attempt: 2, PushedAt: at}}}}},
		"pubsub": {`"pubsub":{"topic":"t","message":{"$blob":"AA=="},"published_at":` + stamp + `}`,
			sdk.Event{PubSub: &sdk.PubSubEvent{Topic: "t", Message: sdk.Value(`{"$blob":"AA=="}`), PublishedAt: at}}},
		"dead_letter": {`"dead_letter":{"id":"d","attempts":5,"first_at":null,"last_at":` + stamp + `,"error":"no","event":{"id":"e1","source":"kv"}}`,
			sdk.Event{DeadLetter: &sdk.DeadLetterEvent{ID: "d", Attempts: 5, LastAt: at, Error: "no", Event: &sdk.Event{ID: "e1", Source: "kv"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"id":"e","source":"` + name + `","operation":"o","trigger_id":"t","trigger_name":"n","attempt":1,"max_attempts":5,"first_attempt_at":` + stamp +
				`,"depth":1,"root_execution_id":"r","truncated":true,` + c.text + `}`
			want := c.want
			want.ID, want.Source, want.Operation, want.TriggerID, want.TriggerName = "e", name, "o", "t", "n"
			want.Attempt, want.MaxAttempts, want.FirstAttemptAt, want.Depth, want.RootExecutionID, want.Truncated = 1, 5, at, 1, "r", true
			got, err := sdk.As[sdk.Event](sdk.Value(text))
			require.NoError(t, err)
			assert.Equal(t, want, got)
			again, err := sdk.ValueOf(got)
			require.NoError(t, err)
			assert.NotContains(t, again.String(), "null,", "of other sources there is nothing")
		})
	}
}

// What the host is told of a failure is what a script would throw.
func TestFailure(t *testing.T) {
	cause := errors.New("no \"tea\"")
	for _, c := range []struct {
		err  error
		text string
		tell string
	}{
		{cause, `no "tea"`, `no "tea"`},
		{&sdk.Failure{Err: cause, RetryAfter: 1500 * time.Millisecond}, `no "tea"`, `{"message":"no \"tea\"","retry_after_ms":1500}`},
		{&sdk.Failure{DeadLetter: true}, "the event is not to be delivered again", `{"message":"the event is not to be delivered again","dead_letter":true}`},
		{&sdk.Failure{RetryAfter: 1}, "the event is to be delivered again", `{"message":"the event is to be delivered again","retry_after_ms":0}`},
		{fmt.Errorf("tea: %w", &sdk.Failure{Err: cause, DeadLetter: true}), `tea: no "tea"`, `{"message":"tea: no \"tea\"","dead_letter":true}`},
		{&sdk.Failure{Err: cause}, `no "tea"`, `no "tea"`},
		{&sdk.Failure{Err: errors.New("\xff"), DeadLetter: true}, "\xff", "\xff"},
	} {
		assert.EqualError(t, c.err, c.text)
		assert.Equal(t, c.tell, sdk.FailureText(c.err))
	}
	assert.ErrorIs(t, &sdk.Failure{Err: cause}, cause)
}
