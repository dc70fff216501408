package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// A Trigger is what a deploy wants to be true of a trigger.
type Trigger struct {
	Name   string
	Kind   string
	Script string // its name
	// Fields are enabled, the details as they are written, of which absent ones have their defaults, and
	// what of retry and concurrency is not to be left as it is. The failed trigger and script are names.
	Fields wire.TriggerUpdate
}

// triggerEntry is a trigger as it is written:
//
//	name: paid                 # unique in the app
//	kind: docs                 # kv, docs, files, cron, queue, pubsub or dead_letter
//	script: mail               # by name
//	enabled: true              # true when absent
//	collection: orders         # the details of the kind
//	operations: [create, update]
//	filter: {paid: true}
//	retry: {max_attempts: 3, backoff: linear, base_ms: 1000, max_ms: 60000, jitter: 0.2}
//	concurrency: 2             # as retry, left as it is when absent
type triggerEntry struct {
	Name        string      `yaml:"name"`
	Kind        string      `yaml:"kind"`
	Script      string      `yaml:"script"`
	Enabled     *bool       `yaml:"enabled"`
	Retry       *retryEntry `yaml:"retry"`
	Concurrency *int        `yaml:"concurrency"`

	Collection    *string   `yaml:"collection"`
	Operations    *[]string `yaml:"operations"`
	Filter        yaml.Node `yaml:"filter"`
	Schedule      *string   `yaml:"schedule"`
	Timezone      *string   `yaml:"timezone"`
	CatchUp       *string   `yaml:"catch_up"`
	Topic         *string   `yaml:"topic"`
	MaxBatch      *int      `yaml:"max_batch"`
	MaxWaitMS     *int64    `yaml:"max_wait_ms"`
	Ordered       *bool     `yaml:"ordered"`
	Source        *string   `yaml:"source"`
	FailedTrigger *string   `yaml:"failed_trigger"` // by name
	FailedScript  *string   `yaml:"failed_script"`  // by name
}

// retryEntry is [wire.RetryPolicy] as it is written.
type retryEntry struct {
	MaxAttempts *int     `yaml:"max_attempts"`
	Backoff     *string  `yaml:"backoff"`
	BaseMS      *int64   `yaml:"base_ms"`
	MaxMS       *int64   `yaml:"max_ms"`
	Jitter      *float64 `yaml:"jitter"`
}

// kindDeadLetter is the kind of triggers that wait for what others could not deliver.
const kindDeadLetter = "dead_letter"

// A triggerKind is which details a kind has: one that it needs, "" for none, and others with their
// defaults as JSON.
type triggerKind struct {
	needs string
	has   map[string]string
}

var triggerKinds = map[string]triggerKind{
	"kv":           {"collection", map[string]string{"operations": `[]`, "filter": `{}`}},
	"docs":         {"collection", map[string]string{"operations": `[]`, "filter": `{}`}},
	"files":        {"collection", map[string]string{"operations": `[]`, "filter": `{}`}},
	"cron":         {"schedule", map[string]string{"timezone": `"UTC"`, "catch_up": `"once"`}},
	"queue":        {"topic", map[string]string{"max_batch": `1`, "max_wait_ms": `0`, "ordered": `false`}},
	"pubsub":       {"topic", nil},
	kindDeadLetter: {"", map[string]string{"source": `""`, "failed_trigger": `""`, "failed_script": `""`}},
}

// read checks an entry.
func (e triggerEntry) read() (Trigger, error) {
	kind, known := triggerKinds[e.Kind]
	switch {
	case e.Name == "":
		return Trigger{}, errors.New("name is missing")
	case !known:
		return Trigger{}, fmt.Errorf("kind must be one of %s, got %q", strings.Join(slices.Sorted(maps.Keys(triggerKinds)), ", "), e.Kind)
	case e.Script == "":
		return Trigger{}, errors.New("script is missing: name the script to start")
	}
	filter, err := jsonOf(&e.Filter)
	if err != nil {
		return Trigger{}, fmt.Errorf("filter: %w", err)
	}
	if e.Enabled == nil {
		e.Enabled = new(true)
	}
	t := Trigger{Name: e.Name, Kind: e.Kind, Script: e.Script, Fields: wire.TriggerUpdate{
		Enabled: e.Enabled, Concurrency: e.Concurrency, Retry: (*wire.RetryPolicy)(e.Retry),
		TriggerDetails: wire.TriggerDetails{
			Collection: e.Collection, Operations: e.Operations, Filter: filter, Schedule: e.Schedule, Timezone: e.Timezone, CatchUp: e.CatchUp,
			Topic: e.Topic, MaxBatch: e.MaxBatch, MaxWaitMS: e.MaxWaitMS, Ordered: e.Ordered, Source: e.Source,
			FailedTrigger: e.FailedTrigger, FailedScript: e.FailedScript,
		},
	}}
	given := fieldsOf(wire.TriggerUpdate{TriggerDetails: t.Fields.TriggerDetails})
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, has := kind.has[name]; !has && name != kind.needs {
			return Trigger{}, fmt.Errorf("%s is not of a trigger of %s", name, e.Kind)
		}
	}
	if _, ok := given[kind.needs]; kind.needs != "" && !ok {
		return Trigger{}, fmt.Errorf("%s is missing", kind.needs)
	}
	return t, nil
}

// fieldsOf returns the fields that are there, as JSON by name.
func fieldsOf(update wire.TriggerUpdate) map[string]json.RawMessage {
	encoded, _ := json.Marshal(update) // of texts, numbers and JSON
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(encoded, &fields)
	return fields
}

// jsonOf makes JSON of what is written as YAML; nil of nothing. A date is a text.
func jsonOf(node *yaml.Node) (*json.RawMessage, error) {
	if node.IsZero() {
		return nil, nil
	}
	untimed(node)
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, errors.New(describeYAML(err))
	}
	if value == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("line %d: cannot be written as JSON", node.Line)
	}
	return new(json.RawMessage(encoded)), nil
}

// untimed makes texts of what YAML takes for times.
func untimed(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!timestamp" {
		node.SetString(node.Value)
	}
	for _, child := range node.Content {
		untimed(child)
	}
}

// readTriggers checks the triggers of a manifest. Those of dead letters come last: they may name
// others.
func readTriggers(entries []triggerEntry) ([]Trigger, error) {
	var triggers []Trigger
	for i, entry := range entries {
		t, err := entry.read()
		if err == nil {
			err = besideOthers(t, triggers)
		}
		if err != nil {
			return nil, fmt.Errorf("triggers[%d]: %w", i, err)
		}
		triggers = append(triggers, t)
	}
	last := func(t Trigger) int {
		if t.Kind == kindDeadLetter {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(triggers, func(a, b Trigger) int { return last(a) - last(b) })
	return triggers, nil
}

// besideOthers refuses a trigger that cannot be beside others of the manifest.
func besideOthers(t Trigger, others []Trigger) error {
	for _, other := range others {
		if other.Name == t.Name {
			return fmt.Errorf("name %q is used twice", t.Name)
		}
		if t.Kind == "queue" && other.Kind == "queue" && *other.Fields.Topic == *t.Fields.Topic {
			return fmt.Errorf("topic %q has a consumer already: %s", *t.Fields.Topic, other.Name)
		}
	}
	return nil
}

// triggerStep creates a trigger, updates it, or leaves it.
type triggerStep struct {
	want    Trigger
	present wire.Trigger // the zero Trigger when it is to be created
	update  wire.TriggerUpdate
	fields  []string                   // that the update has
	before  map[string]json.RawMessage // those that there are, by name
}

// triggerDeletion deletes a trigger.
type triggerDeletion struct{ present wire.Trigger }

// planTriggers returns the steps that give an app the triggers that are wanted, and before them those
// that delete what is not: it may be in the way. scripts are those that there are, by name.
func planTriggers(want App, scripts map[string]wire.Script, triggers []wire.Trigger) ([]step, error) {
	var steps []step
	present := map[string]wire.Trigger{} // by name
	for _, t := range triggers {
		unwanted := !slices.ContainsFunc(want.Triggers, func(w Trigger) bool { return w.Name == t.Name })
		if unwanted && want.Prune {
			steps = append(steps, &triggerDeletion{t})
			continue
		}
		present[t.Name] = t
	}
	for _, t := range want.Triggers {
		if err := checkTrigger(t, want, scripts, present); err != nil {
			return nil, fmt.Errorf("trigger %s: %w", t.Name, err)
		}
		s := &triggerStep{want: t, present: present[t.Name]}
		if s.present.ID != "" {
			s.compare(scripts, present)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// checkTrigger refuses a trigger that could not be beside what else there is, or is wanted.
func checkTrigger(t Trigger, want App, scripts map[string]wire.Script, present map[string]wire.Trigger) error {
	if there, ok := present[t.Name]; ok && there.Kind != t.Kind {
		return fmt.Errorf("is deployed as one of %s: delete it first, which makes dead letters of what waits for it, or choose another name", there.Kind)
	}
	switch kind, ok := kindOfScript(t.Script, want, scripts); {
	case !ok:
		return fmt.Errorf("script: there is no script %q, in this manifest or the app", t.Script)
	case kind == abi.KindModule || kind == abi.KindStatic:
		return fmt.Errorf("script: %s is of kind %s, which events cannot start", t.Script, kind)
	}
	if name := t.Fields.FailedScript; name != nil && *name != "" {
		if _, ok := kindOfScript(*name, want, scripts); !ok {
			return fmt.Errorf("failed_script: there is no script %q, in this manifest or the app", *name)
		}
	}
	if name := t.Fields.FailedTrigger; name != nil && *name != "" {
		kind := present[*name].Kind
		if i := slices.IndexFunc(want.Triggers, func(w Trigger) bool { return w.Name == *name }); i >= 0 {
			kind = want.Triggers[i].Kind
		}
		switch kind {
		case "":
			return fmt.Errorf("failed_trigger: there is no trigger %q, in this manifest or the app", *name)
		case kindDeadLetter:
			return fmt.Errorf("failed_trigger: %s is one of %s, which has no dead letters", *name, kind)
		}
	}
	for name, other := range present {
		wanted := slices.ContainsFunc(want.Triggers, func(w Trigger) bool { return w.Name == name })
		if t.Kind == "queue" && other.Kind == "queue" && !wanted && other.Topic != nil && *other.Topic == *t.Fields.Topic {
			return fmt.Errorf("topic %q has a consumer already: %s, which is deployed and not in this manifest: delete it, or deploy with --prune", *other.Topic, name)
		}
	}
	return nil
}

// kindOfScript returns the kind of a script as it will be, and whether there will be one of that name.
func kindOfScript(name string, want App, scripts map[string]wire.Script) (abi.Kind, bool) {
	there, ok := scripts[name]
	if i := slices.IndexFunc(want.Scripts, func(s Script) bool { return s.Name == name }); i >= 0 {
		if kind := want.Scripts[i].Kind; kind != nil {
			return *kind, true
		}
		return there.Kind, true
	}
	return there.Kind, ok && !want.Prune
}

// compare finds what to change of a trigger that is there. Scripts and triggers are compared by name.
func (s *triggerStep) compare(scripts map[string]wire.Script, triggers map[string]wire.Trigger) {
	wanted := s.want.Fields
	wanted.Script = &s.want.Script
	want, there := fieldsOf(wanted), fieldsOf(asWritten(s.present, scripts, triggers))
	for name, value := range triggerKinds[s.want.Kind].has {
		for _, fields := range []map[string]json.RawMessage{want, there} {
			if fields[name] == nil {
				fields[name] = json.RawMessage(value)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if sameField(name, want[name], there[name]) {
			delete(want, name)
		} else {
			s.fields = append(s.fields, name)
		}
	}
	s.before = there
	encoded, _ := json.Marshal(want)
	_ = json.Unmarshal(encoded, &s.update) // they are its fields
}

// asWritten returns a trigger as a manifest has it, with names for ids.
func asWritten(t wire.Trigger, scripts map[string]wire.Script, triggers map[string]wire.Trigger) wire.TriggerUpdate {
	fields := wire.TriggerUpdate{Script: &t.ScriptID, Enabled: &t.Enabled, Concurrency: &t.Concurrency, Retry: &t.Retry, TriggerDetails: t.TriggerDetails}
	for name, script := range scripts {
		if script.ID == t.ScriptID {
			fields.Script = &name
		}
		if fields.FailedScript != nil && script.ID == *t.FailedScript {
			fields.FailedScript = &name
		}
	}
	for name, trigger := range triggers {
		if fields.FailedTrigger != nil && trigger.ID == *t.FailedTrigger {
			fields.FailedTrigger = &name
		}
	}
	return fields
}

// sameField reports whether a field that is there is as it is wanted: of retry what is given, and of
// operations in whatever order.
func sameField(name string, want, there json.RawMessage) bool {
	switch name {
	case "retry":
		var w, t map[string]json.RawMessage
		_, _ = json.Unmarshal(want, &w), json.Unmarshal(there, &t)
		for key, value := range w {
			if !sameField(key, value, t[key]) {
				return false
			}
		}
		return true
	case "operations":
		var w, t []string
		_, _ = json.Unmarshal(want, &w), json.Unmarshal(there, &t)
		slices.Sort(w)
		slices.Sort(t)
		return slices.Equal(slices.Compact(w), slices.Compact(t))
	}
	return bytes.Equal(canonical(want), canonical(there))
}

// canonical writes JSON without spaces, and the keys of objects in order.
func canonical(text json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil
	}
	encoded, _ := json.Marshal(value)
	return encoded
}

func (s *triggerStep) planned() Change {
	change := Change{What: "trigger", Name: s.want.Name, Result: Unchanged, ID: s.present.ID, Fields: s.fields}
	switch {
	case s.present.ID == "":
		change.Result = Created
	case len(s.fields) > 0:
		change.Result = Updated
	}
	return change
}

func (s *triggerStep) diff() (d difference) {
	after := fieldsOf(s.update)
	for _, field := range s.fields {
		d.field(field, s.before[field], after[field])
	}
	return d
}

func (s *triggerStep) change(context.Context, *application) (*wire.DeployChange, error) {
	switch s.planned().Result {
	case Created:
		fields := s.want.Fields
		fields.Name, fields.Script = &s.want.Name, &s.want.Script
		if fields.Source != nil && *fields.Source == "" { // any, which a new one has of itself
			fields.Source = nil
		}
		change := request("create-trigger", "", fields)
		change.Kind = s.want.Kind
		return change, nil
	case Updated:
		return request("update-trigger", s.present.ID, s.update), nil
	}
	return nil, nil
}

func (s *triggerStep) explain(err error) error {
	return fmt.Errorf("trigger %s: %w", s.want.Name, err)
}

func (s *triggerDeletion) planned() Change {
	return Change{What: "trigger", Name: s.present.Name, Result: Deleted, ID: s.present.ID}
}

func (s *triggerDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-trigger", s.present.ID, nil), nil
}

func (s *triggerDeletion) explain(err error) error {
	return fmt.Errorf("delete trigger %s: %w", s.present.Name, err)
}
