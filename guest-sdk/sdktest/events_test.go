package sdktest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/deadletters"
	"github.com/picloud/picloud/guest-sdk/pubsub"
	"github.com/picloud/picloud/guest-sdk/queue"
)

func useEvents(t *testing.T, host *Host) {
	visits := queue.Topic[visit]("visits")
	first, err := visits.Push(visit{Who: "ada"})
	require.NoError(t, err)
	once, err := visits.PushWith(visit{Who: "bob"}, queue.Options{Dedupe: "d", Delay: time.Minute})
	require.NoError(t, err)
	again, err := visits.PushWith(visit{Who: "bob"}, queue.Options{Dedupe: "d"})
	require.NoError(t, err)
	assert.Equal(t, once, again)
	ids, err := visits.PushAll(
		queue.Message[visit]{Body: visit{Who: "c"}, Options: queue.Options{Key: "k", Debounce: time.Second}},
		queue.Message[visit]{Body: visit{Who: "d"}, Options: queue.Options{Key: "k", Debounce: 2 * time.Second}},
	)
	require.NoError(t, err)
	assert.Equal(t, []Pushed{
		{ID: first, Topic: "visits", Body: sdk.Value(`{"who":"ada"}`)},
		{ID: once, Topic: "visits", Dedupe: "d", Delay: time.Minute, Body: sdk.Value(`{"who":"bob"}`)},
		{ID: ids[1], Topic: "visits", Key: "k", Delay: 2 * time.Second, Body: sdk.Value(`{"who":"d"}`)},
	}, host.Pushed())
	_, err = visits.PushAll()
	assert.EqualError(t, err, "queue.push: messages: must be 1 to 1000, got 0")
	_, err = queue.Topic[any]("visits").PushWith(nil, queue.Options{Debounce: time.Second})
	assert.EqualError(t, err, "queue.push: messages[0].debounce_ms: needs a key, got 1000 without one")

	host.Subscribe("a.b", 2)
	delivered, err := pubsub.Publish("a.b", []int{1})
	require.NoError(t, err)
	assert.Equal(t, 2, delivered)
	_, err = pubsub.Publish("nobody", 2.0)
	require.NoError(t, err)
	assert.Equal(t, []Published{{"a.b", sdk.Value(`[1]`)}, {"nobody", sdk.Value(`2.0`)}}, host.Published())

	_, _, err = pubsub.SubscriberToken("a.b", time.Minute)
	assert.Equal(t, sdk.CodeNotFound, sdk.ErrorCode(err))
	require.NoError(t, host.OpenTopic("a.b"))
	token, end, err := pubsub.SubscriberToken("a.b", time.Minute)
	require.NoError(t, err)
	assert.Regexp(t, "^pct_[A-Za-z0-9_-]{54}$", token)
	assert.WithinDuration(t, time.Now().Add(time.Minute), end, 10*time.Second)
	_, _, err = pubsub.SubscriberToken("a.b", 25*time.Hour)
	assert.EqualError(t, err, "pubsub.token: ttl_ms: must be 1000 to 86400000, got 90000000")

	_, err = sdk.InvokeAsync("mail", visit{}, time.Second)
	assert.Equal(t, sdk.CodeNotFound, sdk.ErrorCode(err))
	host.Provide("mail", func(sdk.Value) (any, error) { return nil, nil })
	id, err := sdk.InvokeAsync("mail", visit{Who: "ada"}, time.Second)
	require.NoError(t, err)
	assert.Equal(t, []Called{{id, "mail", sdk.Value(`{"who":"ada"}`), time.Second}}, host.Called())

	useDeadLetters(t, host)
}

func useDeadLetters(t *testing.T, host *Host) {
	var letters []string
	for _, lastError := range []string{"one", "two", "three"} {
		id, err := host.Bury("queue", lastError, map[string]int{"n": 1})
		require.NoError(t, err)
		letters = append(letters, id)
	}
	page, err := deadletters.List(deadletters.Query{Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	assert.Equal(t, "three", page.Items[0].Error)
	assert.True(t, page.Items[0].Payload.IsNull())
	page, err = deadletters.List(deadletters.Query{Limit: 2, Cursor: page.Cursor})
	require.NoError(t, err)
	assert.Equal(t, "one", page.Items[1].Error)
	assert.Empty(t, page.Cursor)

	event, err := deadletters.Replay(letters[0])
	require.NoError(t, err)
	letter, found, err := deadletters.Get(letters[0])
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, event, letter.ReplayedAs)
	assert.Equal(t, `{"n":1}`, letter.Payload.String())
	_, err = deadletters.Resolve(letters[0], deadletters.Ignored)
	assert.Equal(t, sdk.CodeConflict, sdk.ErrorCode(err))
	_, found, err = deadletters.Get("none")
	require.NoError(t, err)
	assert.False(t, found)

	letter, err = deadletters.Resolve(letters[1], deadletters.HandledByScript)
	require.NoError(t, err)
	assert.Equal(t, deadletters.HandledByScript, letter.Resolution)
	assert.Equal(t, "script plugin", letter.ResolvedBy)
	assert.WithinDuration(t, time.Now(), letter.ResolvedAt, time.Minute)
	_, err = deadletters.Resolve(letters[2], "forgotten")
	assert.EqualError(t, err, `dead_letters.resolve: as: must be ignored or handled_by_script, got "forgotten"`)
	var left []string
	for letter, err := range deadletters.All(deadletters.Query{Unresolved: true, Limit: 1}) {
		require.NoError(t, err)
		assert.True(t, letter.ResolvedAt.IsZero())
		left = append(left, letter.ID)
	}
	assert.Equal(t, letters[2:], left)

	for _, capability := range []string{"AppEventsRead", "AppEventsWrite"} {
		held := host.scope.Capabilities
		host.Deny(capability)
		_, err = deadletters.List(deadletters.Query{})
		assert.Equal(t, capability == "AppEventsRead", sdk.ErrorCode(err) == sdk.CodeDenied)
		_, err = deadletters.Replay(letters[2])
		assert.Equal(t, capability == "AppEventsWrite", sdk.ErrorCode(err) == sdk.CodeDenied)
		host.scope.Capabilities = held
	}
}
