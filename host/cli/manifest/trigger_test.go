package manifest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// written reads the triggers of a manifest of an app with the scripts a and b and the module m.
func written(t *testing.T, triggers string) (App, error) {
	t.Helper()
	return Read(folder(t, map[string]string{
		"picloud.yaml": "app: shop\nscripts:\n  - name: a\n  - {name: b, file: a.rhai}\n  - {name: m, file: a.rhai, kind: module}\ntriggers:\n" + triggers,
		"a.rhai":       "1",
	}), "")
}

func TestReadTriggers(t *testing.T) {
	got, err := written(t, `
  - name: failed
    kind: dead_letter
    script: b
    failed_trigger: paid
  - name: paid
    kind: docs
    script: a
    collection: orders
    operations: [create, update]
    filter: {paid: true, day: {$gte: 2026-01-31}, n: [1, 2.5, "3"]}
    retry: {max_attempts: 3, jitter: 0}
    concurrency: 2
  - {name: nightly, kind: cron, script: a, schedule: 0 3 * * *, enabled: false}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{ // those of dead letters last
		`docs paid a {"retry":{"max_attempts":3,"jitter":0},"concurrency":2,"enabled":true,"collection":"orders","operations":["create","update"],` +
			`"filter":{"day":{"$gte":"2026-01-31"},"n":[1,2.5,"3"],"paid":true}}`,
		`cron nightly a {"enabled":false,"schedule":"0 3 * * *"}`,
		`dead_letter failed b {"enabled":true,"failed_trigger":"paid"}`,
	}
	var lines []string
	for _, trigger := range got.Triggers {
		lines = append(lines, strings.Join([]string{trigger.Kind, trigger.Name, trigger.Script, asJSON(trigger.Fields)}, " "))
	}
	if !slices.Equal(lines, want) {
		t.Errorf("triggers are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadRefusesTriggers(t *testing.T) {
	const queue = "  - {name: q, kind: queue, script: a, topic: t}\n"
	for _, test := range []struct{ name, triggers, want string }{
		{"no list", "  {}", "cannot unmarshal !!map into a list of triggers"},
		{"unknown field", "  - name: x\n    shedule: '@daily'", "line 8: field shedule is not known here"},
		{"unknown field of retry", "  - name: x\n    retry:\n      attempts: 3", "line 9: field attempts is not known here"},
		{"no name", "  - {kind: kv, script: a, collection: c}", "triggers[0]: name is missing"},
		{"no kind", "  - {name: x, script: a}", `triggers[0]: kind must be one of cron, dead_letter, docs, files, kv, pubsub, queue, got ""`},
		{"no script", "  - {name: x, kind: cron, schedule: '@daily'}", "triggers[0]: script is missing"},
		{"no collection", "  - {name: x, kind: kv, script: a}", "triggers[0]: collection is missing"},
		{"a detail of another kind", "  - {name: x, kind: kv, script: a, collection: c, topic: t}", "triggers[0]: topic is not of a trigger of kv"},
		{"a name twice", queue + "  - {name: q, kind: pubsub, script: a, topic: t}", `triggers[1]: name "q" is used twice`},
		{"two consumers", queue + "  - {name: r, kind: queue, script: b, topic: t}", `triggers[1]: topic "t" has a consumer already: q`},
		{"a filter that is no JSON", "  - {name: x, kind: kv, script: a, collection: c, filter: {a: .nan}}", "triggers[0]: filter: line 7: cannot be written as JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := written(t, test.triggers); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want it to say: %s", err, test.want)
			}
		})
	}
}

// listening is an app with two endpoints and four triggers of the first: q is the consumer of the topic
// t, and failed handles what paid cannot.
func listening() *remote {
	retry := wire.RetryPolicy{MaxAttempts: new(5), Backoff: new("exponential"), BaseMS: new(int64(1000)), MaxMS: new(int64(3600000)), Jitter: new(0.2)}
	trigger := func(name, kind string, details wire.TriggerDetails) wire.Trigger {
		return wire.Trigger{ID: "id-" + name, Name: name, Kind: kind, ScriptID: "id-a", Enabled: true, Paused: true, Retry: retry, Concurrency: 4, TriggerDetails: details}
	}
	return &remote{
		app: &wire.App{ID: "app", Slug: "shop"},
		scripts: []wire.Script{
			{ID: "id-a", Name: "a", Kind: abi.KindEndpoint, Source: "1", Version: 1},
			{ID: "id-b", Name: "b", Kind: abi.KindEndpoint, Source: "1", Version: 1},
			{ID: "id-m", Name: "m", Kind: abi.KindModule, Source: "1", Version: 1},
			{ID: "id-old", Name: "old", Kind: abi.KindEndpoint, Source: "1", Version: 1},
		},
		triggers: []wire.Trigger{
			trigger("paid", "docs", wire.TriggerDetails{
				Collection: new("orders"), Operations: &[]string{"update", "create"}, Filter: new(json.RawMessage(`{"paid": true, "n": 1}`)),
			}),
			trigger("q", "queue", wire.TriggerDetails{Topic: new("t"), MaxBatch: new(1), MaxWaitMS: new(int64(0)), Ordered: new(false)}),
			trigger("nightly", "cron", wire.TriggerDetails{Schedule: new("@daily"), Timezone: new("UTC"), CatchUp: new("once")}),
			trigger("failed", "dead_letter", wire.TriggerDetails{Source: new(""), FailedTrigger: new("id-paid"), FailedScript: new("")}),
		},
	}
}

func TestPlanTriggers(t *testing.T) {
	const (
		paid    = "  - {name: paid, kind: docs, script: a, collection: orders, operations: [create, update], filter: {n: 1, paid: true}}\n"
		q       = "  - {name: q, kind: queue, script: a, topic: t}\n"
		nightly = "  - {name: nightly, kind: cron, script: a, schedule: '@daily'}\n"
		failed  = "  - {name: failed, kind: dead_letter, script: a, failed_trigger: paid}\n"
	)
	for _, test := range []struct {
		name     string
		there    *remote
		triggers string
		prune    bool
		plan     []string // of triggers and deleted scripts
		done     []string
	}{
		{
			name: "all is new", there: &remote{},
			triggers: "  - {name: failed, kind: dead_letter, script: b, source: '', failed_trigger: x, failed_script: a}\n" +
				"  - {name: x, kind: kv, script: a, collection: 'c*', retry: {base_ms: 5}}\n",
			plan: []string{"trigger x created", "trigger failed created"},
			done: []string{
				`create trigger of kv {"script":"a","name":"x","retry":{"base_ms":5},"enabled":true,"collection":"c*"}`,
				`create trigger of dead_letter {"script":"b","name":"failed","enabled":true,"failed_trigger":"x","failed_script":"a"}`,
			},
		},
		{
			// Operations and keys have no order, and a pause is nobody's but the operator's.
			name: "nothing has changed", there: listening(), triggers: paid + q + nightly + failed,
			plan: []string{"trigger paid unchanged", "trigger q unchanged", "trigger nightly unchanged", "trigger failed unchanged"},
		},
		{
			name: "what is not named stays", there: listening(), triggers: q,
			plan: []string{"trigger q unchanged"},
		},
		{
			name: "details change, and those that are absent have their defaults", there: listening(),
			triggers: "  - {name: paid, kind: docs, script: b, collection: orders}\n" +
				"  - {name: q, kind: queue, script: a, topic: t, max_batch: 10, ordered: true, enabled: false}\n" +
				"  - {name: failed, kind: dead_letter, script: a, failed_script: a}\n",
			plan: []string{"trigger paid updated filter,operations,script", "trigger q updated enabled,max_batch,ordered", "trigger failed updated failed_script,failed_trigger"},
			done: []string{
				`update trigger id-paid {"script":"b","operations":[],"filter":{}}`,
				`update trigger id-q {"enabled":false,"max_batch":10,"ordered":true}`,
				`update trigger id-failed {"failed_trigger":"","failed_script":"a"}`,
			},
		},
		{
			name: "retry and concurrency are left as they are unless they are given", there: listening(),
			triggers: "  - {name: q, kind: queue, script: a, topic: t, retry: {max_attempts: 5, jitter: 0.2}, concurrency: 4}\n" +
				"  - {name: nightly, kind: cron, script: a, schedule: '@daily', retry: {max_attempts: 5, jitter: 0.5}, concurrency: 1}\n",
			plan: []string{"trigger q unchanged", "trigger nightly updated concurrency,retry"},
			done: []string{`update trigger id-nightly {"retry":{"max_attempts":5,"jitter":0.5},"concurrency":1}`},
		},
		{
			// The topic is free then; a trigger leaves a script before that is deleted.
			name: "what is not wanted is pruned", there: movedTo("id-old", listening()), prune: true,
			triggers: nightly + "  - {name: new, kind: queue, script: b, topic: t}\n",
			plan: []string{
				"trigger paid deleted", "trigger q deleted", "trigger failed deleted",
				"trigger nightly updated script", "trigger new created", "script old deleted",
			},
			done: []string{
				"delete trigger id-paid", "delete trigger id-q", "delete trigger id-failed", `update trigger id-nightly {"script":"a"}`,
				`create trigger of queue {"script":"b","name":"new","enabled":true,"topic":"t"}`, "delete script id-old",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, err := written(t, test.triggers)
			if err != nil {
				t.Fatal(err)
			}
			want.Prune = test.prune
			plan, err := Make(t.Context(), test.there, want)
			if err != nil {
				t.Fatal(err)
			}
			is := func(line string) bool {
				return !strings.HasPrefix(line, "trigger") && !strings.HasSuffix(line, "deleted")
			}
			if got := slices.DeleteFunc(lines(plan.Changes()), is); !slices.Equal(got, test.plan) {
				t.Errorf("plan is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.plan, "\n"))
			}
			if _, err := plan.Apply(t.Context(), test.there); err != nil {
				t.Fatal(err)
			}
			done := slices.DeleteFunc(test.there.done, func(line string) bool {
				return !strings.Contains(line, "trigger") && !strings.HasPrefix(line, "delete")
			})
			if !slices.Equal(done, test.done) {
				t.Errorf("done is\n%s\nwant\n%s", strings.Join(done, "\n"), strings.Join(test.done, "\n"))
			}
		})
	}
}

// movedTo has all triggers start another script.
func movedTo(script string, r *remote) *remote {
	for i := range r.triggers {
		r.triggers[i].ScriptID = script
	}
	return r
}

func TestPlanRefusesTriggers(t *testing.T) {
	for _, test := range []struct {
		name, triggers string
		prune          bool
		err            string
	}{
		{"another kind", "{name: q, kind: pubsub, script: a, topic: t}", false,
			"trigger q: is deployed as one of queue: delete it first, which makes dead letters of what waits for it, or choose another name"},
		{"no such script", "{name: x, kind: kv, script: nope, collection: c}", false, `trigger x: script: there is no script "nope", in this manifest or the app`},
		{"a script that is pruned", "{name: x, kind: kv, script: old, collection: c}", true, `trigger x: script: there is no script "old", in this manifest or the app`},
		{"a module", "{name: x, kind: kv, script: m, collection: c}", false, "trigger x: script: m is of kind module, which events cannot start"},
		{"no such failed trigger", "{name: x, kind: dead_letter, script: a, failed_trigger: nope}", false,
			`trigger x: failed_trigger: there is no trigger "nope", in this manifest or the app`},
		{"dead letters of dead letters", "{name: x, kind: dead_letter, script: a, failed_trigger: failed}", false,
			"trigger x: failed_trigger: failed is one of dead_letter, which has no dead letters"},
		{"no such failed script", "{name: x, kind: dead_letter, script: a, failed_script: nope}", false,
			`trigger x: failed_script: there is no script "nope", in this manifest or the app`},
		{"a topic with a consumer", "{name: x, kind: queue, script: a, topic: t}", false,
			`trigger x: topic "t" has a consumer already: q, which is deployed and not in this manifest: delete it, or deploy with --prune`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, err := written(t, "  - "+test.triggers)
			if err != nil {
				t.Fatal(err)
			}
			want.Prune = test.prune
			there := listening()
			if _, err := Make(t.Context(), there, want); err == nil || err.Error() != test.err {
				t.Errorf("error = %v, want %s", err, test.err)
			}
			if len(there.done) > 0 {
				t.Errorf("planning did %q", there.done)
			}
		})
	}
}
