package dispatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/reference"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// saidOfEvents is what the reference says of the properties of ctx.event.
func saidOfEvents() map[string]string {
	said := map[string]string{}
	for _, m := range reference.Read().Modules {
		for _, it := range m.Items {
			if strings.HasPrefix(it.Name, "event.") && it.Kind == "property" {
				said[it.Name] = it.Says
			}
		}
	}
	return said
}

// What the reference tells of ctx.event is what a script gets.
func TestReferenceOfEvents(t *testing.T) {
	var have []string
	var fields func(of reflect.Type)
	fields = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			if f.Anonymous {
				fields(f.Type)
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch name {
			case "message", "call", "truncated": // the first two are told in other ways, and the last is there once
				continue
			}
			have = append(have, "event."+name)
		}
	}
	fields(reflect.TypeFor[common]())
	have = append(have, "event.truncated")
	assert.ElementsMatch(t, have, slices.Collect(maps.Keys(saidOfEvents())))
}

// samplesFile has the events that the dashboard offers to try a script with.
const samplesFile = "../dashboard/page/src/screens/scripts/samples.json"

// mapOf is the map with which the reference begins what it says of a part of an event.
var mapOf = regexp.MustCompile("^`(#\\{[^`]*\\})`")

// An event of each kind, as a script gets it, has what the reference and the dashboard's sample of its kind have.
func TestSamplesOfEvents(t *testing.T) {
	text, err := os.ReadFile(samplesFile)
	require.NoError(t, err)
	var samples map[string]map[string]any
	require.NoError(t, json.Unmarshal(text, &samples))
	said := saidOfEvents()
	operation := func(name string) {
		t.Helper()
		assert.Contains(t, said["event.operation"], fmt.Sprintf("`%q`", name))
	}
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		got := eventsOfEachKind(t, open, operation)
		for source, event := range got {
			names := namesIn(event[source])
			found := mapOf.FindStringSubmatch(said["event."+source])
			if assert.NotNil(t, found, "event.%s is told with a map", source) {
				assert.ElementsMatch(t, regexp.MustCompile(`\w+`).FindAllString(found[1], -1), names, source)
			}
		}
		sampled := map[string]bool{}
		for title, sample := range samples {
			source, _ := sample["source"].(string)
			sampled[source] = true
			operation(fmt.Sprint(sample["operation"]))
			if !assert.Contains(t, got, source, title) {
				continue
			}
			want, have := map[string]string{}, map[string]string{}
			kindsIn("event", got[source], want)
			kindsIn("event", sample, have)
			assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(have)), title)
			for path, kind := range want {
				if kind != "any" && have[path] != "any" {
					assert.Equal(t, kind, have[path], "%s: %s", title, path)
				}
			}
		}
		for source := range got {
			assert.True(t, sampled[source], "there is no sample of %s", source)
		}
	})
}

// eventsOfEachKind has a script handle an event of each kind, and returns what it saw, by source. It calls operation
// with whatever led to events.
func eventsOfEachKind(t *testing.T, open eachtest.Opener, operation func(string)) map[string]map[string]any {
	var mu sync.Mutex
	got, operations := map[string]map[string]any{}, map[string]bool{}
	n := newNode(t, open, 4, func(e event) (*executions.Outcome, error) {
		var seen map[string]any
		if err := json.Unmarshal(e.text, &seen); err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		got[e.Source], operations[fmt.Sprint(seen["operation"])] = seen, true
		return succeeded, nil
	})
	ctx, script := t.Context(), n.app("kinds")
	var triggers []store.Trigger
	for _, of := range []store.Trigger{
		{Kind: store.TriggerKV, Data: &store.DataTrigger{Collection: "c"}},
		{Kind: store.TriggerDocs, Data: &store.DataTrigger{Collection: "c"}},
		{Kind: store.TriggerFiles, Data: &store.DataTrigger{Collection: "c"}},
		{Kind: store.TriggerCron, Cron: &store.CronTrigger{Schedule: "@yearly", Timezone: "UTC", CatchUp: store.CatchUpOnce, NextAt: time.Now().AddDate(1, 0, 0)}},
		{Kind: store.TriggerQueue, Queue: &store.QueueTrigger{Topic: "t", MaxBatch: 1}},
		{Kind: store.TriggerPubSub, PubSub: &store.PubSubTrigger{Topic: "t"}},
		{Kind: store.TriggerDeadLetter, DeadLetter: &store.DeadLetterTrigger{}},
	} {
		triggers = append(triggers, n.consume(script, func(t *store.Trigger) {
			t.Kind, t.Name = of.Kind, string(of.Kind)
			t.Data, t.Cron, t.Queue, t.PubSub, t.DeadLetter = of.Data, of.Cron, of.Queue, of.PubSub, of.DeadLetter
		}))
	}
	n.start()
	for _, trigger := range triggers {
		_, err := n.emitter.Fire(ctx, trigger, nil)
		require.NoError(t, err)
	}
	n.drained(script.AppID)

	// What happens by itself.
	_, err := n.store.KV().Set(ctx, script.AppID, "c", store.KVEntry{Key: "k", Value: json.RawMessage("1")}, false)
	require.NoError(t, err)
	n.push(script.AppID, "key", "1")
	_, err = n.emitter.Publish(ctx, script.AppID, "t", json.RawMessage("1"))
	require.NoError(t, err)
	require.NoError(t, n.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		return n.emitter.Tick(ctx, tx, triggers[3], events.Tick{Schedule: "@yearly", Timezone: "UTC"})
	}))
	n.drained(script.AppID)
	for _, made := range n.emitter.OfDeadLetter(&store.DeadLetter{AppID: script.AppID, Source: store.EventQueue}, 0, json.RawMessage("null")) {
		operation(made.Operation)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, got, len(triggers))
	require.Len(t, operations, 5, "%v", operations) // fire, create, push, publish, tick
	for name := range operations {
		operation(name)
	}
	return got
}

// appsOwn are the fields of events whose values are an app's: what is in them is no field of ours.
var appsOwn = []string{"value", "previous", "data", "prev_data", "body", "message", "event"}

// kindsIn collects the kinds of the fields of a value by their paths, "any" for those that are of an app or null.
func kindsIn(at string, value any, into map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		into[at] = "map"
		for name, of := range value {
			if slices.Contains(appsOwn, name) {
				of = nil
			}
			kindsIn(at+"."+name, of, into)
		}
	case []any:
		into[at] = "array"
		for _, of := range value {
			kindsIn(at+"[]", of, into)
		}
	case nil:
		into[at] = "any"
	default:
		into[at] = fmt.Sprintf("%T", value)
	}
}

// namesIn are the names of the fields of a value, also of those within others.
func namesIn(value any) (names []string) {
	kinds := map[string]string{}
	kindsIn("", value, kinds)
	for path := range kinds {
		if !strings.HasSuffix(path, "[]") && path != "" {
			names = append(names, path[strings.LastIndexByte(path, '.')+1:])
		}
	}
	return names
}
