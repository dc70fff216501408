package events_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// changed is what an event says of a change of keys or documents.
type changed struct {
	Collection string
	Key, ID    string
	Version    int64
	Value      json.RawMessage
	Data       json.RawMessage
	Previous   json.RawMessage
	PrevData   json.RawMessage `json:"prev_data"`
}

// Data that are too long or too deep for an event are left out of it, which says so and what they are of. What a filter
// is asked about is all of them.
func TestLongDataAreLeftOut(t *testing.T) {
	long := func(kind string, kib int) string {
		return `{"kind":"` + kind + `","text":"` + strings.Repeat("x", kib<<10) + `"}`
	}
	nested := func(levels int) string { // the document's own included
		return `{"kind":"paid","deep":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	const short = `{"kind":"paid"}`
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		table := events.NewTable()
		emitter := events.NewEmitter(events.Config{Table: table, MaxDepth: maxDepth, Log: slog.New(slog.DiscardHandler)})
		registry := emitter.Registry()
		db, err := open(registry)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		emitter.Bind(db)
		ctx := t.Context()
		app, err := db.Apps().Create(ctx, store.App{Slug: "a"})
		require.NoError(t, err)
		script, err := db.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "s", Kind: abi.KindEndpoint, Source: "1"})
		require.NoError(t, err)
		for _, kind := range []store.TriggerKind{store.TriggerKV, store.TriggerDocs} {
			_, err := db.Triggers().Create(ctx, store.Trigger{
				AppID: app.ID, ScriptID: script.ID, Kind: kind, Name: string(kind), Enabled: true, Concurrency: 1,
				Retry: store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Second, Max: time.Second},
				Data:  &store.DataTrigger{Collection: "c", Filter: json.RawMessage(`{"kind":"paid"}`)},
			})
			require.NoError(t, err)
		}
		require.NoError(t, registry.Reload(ctx, app.ID, func(ctx context.Context) ([]events.Listener, error) {
			triggers, err := db.Triggers().ByApp(ctx, app.ID)
			table.Set(app.ID, triggers, false)
			return events.Listeners(triggers), err
		}))

		set := func(value string) func() error {
			return func() error {
				_, err := db.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage(value)}, false)
				return err
			}
		}
		key := store.DocumentKey{AppID: app.ID, Collection: "c", ID: "d"}
		create := func(data string) func() error {
			return func() error {
				_, err := db.Docs().Create(ctx, key, store.DocumentContent{Data: json.RawMessage(data)})
				return err
			}
		}
		replace := func(data string) func() error {
			return func() error {
				_, err := db.Docs().Replace(ctx, key, store.DocumentContent{Data: json.RawMessage(data)}, nil)
				return err
			}
		}
		remove := func() error { return db.Docs().Delete(ctx, key) }

		const null = "null"
		seen := map[string]bool{}
		for _, step := range []struct {
			name          string
			do            func() error
			none          bool // there is no event
			truncated     bool
			now, previous string // what the event has of the data
		}{
			{"a short value", set(short), false, false, short, null},
			{"a long one", set(long("paid", 257)), false, true, null, null},
			{"a short one after it", set(short), false, true, null, null},
			{"a short one after that", set(short), false, false, short, short},
			{"a long one that the filter does not want", set(long("open", 257)), true, false, "", ""},
			{"a deletion that it does not want", func() error { _, err := db.KV().Delete(ctx, app.ID, "c", "k"); return err }, true, false, "", ""},
			{"as deep as can be", set(nested(events.MaxDataDepth)), false, false, nested(events.MaxDataDepth), null},
			{"deeper", set(nested(events.MaxDataDepth + 1)), false, true, null, null},
			{"a deletion of what is deep", func() error { _, err := db.KV().Delete(ctx, app.ID, "c", "k"); return err }, false, true, null, null},

			{"a document", create(long("paid", 130)), false, false, long("paid", 130), null},
			{"which is too long with what it was", replace(long("paid", 131)), false, true, null, null},
			{"and is short again", replace(short), false, false, short, long("paid", 131)},
			{"its deletion", remove, false, false, null, short},
			{"a long document", create(long("paid", 257)), false, true, null, null},
			{"its deletion", remove, false, true, null, null},
			{"a long document that the filter does not want", create(long("open", 257)), true, false, "", ""},
		} {
			require.NoError(t, step.do(), step.name)
			page, err := db.Outbox().List(ctx, store.EventQuery{AppID: app.ID})
			require.NoError(t, err)
			var fresh []string
			for _, e := range page.Items {
				if !seen[e.ID] {
					seen[e.ID] = true
					fresh = append(fresh, e.ID)
				}
			}
			if step.none {
				require.Empty(t, fresh, step.name)
				continue
			}
			require.Len(t, fresh, 1, step.name)
			e, err := db.Outbox().Get(ctx, fresh[0])
			require.NoError(t, err)
			var payload events.Payload
			require.NoError(t, json.Unmarshal(e.Payload, &payload))
			assert.Equal(t, step.truncated, payload.Truncated, step.name)
			var got changed
			if e.Source == store.EventKV {
				require.NoError(t, json.Unmarshal(payload.KV, &got))
				assert.Equal(t, "k", got.Key, step.name)
			} else {
				require.NoError(t, json.Unmarshal(payload.Docs, &got))
				assert.Equal(t, "d", got.ID, step.name)
				assert.NotZero(t, got.Version, step.name)
				got.Value, got.Previous = got.Data, got.PrevData
			}
			assert.Equal(t, "c", got.Collection, step.name)
			assert.JSONEq(t, step.now, string(got.Value), step.name)
			assert.JSONEq(t, step.previous, string(got.Previous), step.name)
		}
	})
}
