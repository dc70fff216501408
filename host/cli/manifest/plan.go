package manifest

import (
	"context"
	"iter"
	"net/http"
	"slices"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// A State is where a plan reads what there is. [*client.Client] is one.
type State interface {
	App(ctx context.Context, ref string) (wire.App, error)
	Scripts(ctx context.Context, app string) iter.Seq2[wire.Script, error] // without sources
	Script(ctx context.Context, id string) (wire.Script, error)
	AppRoutes(ctx context.Context, app string) iter.Seq2[wire.Route, error]
	Domains(ctx context.Context, app string) iter.Seq2[wire.Domain, error]
	Triggers(ctx context.Context, app string) iter.Seq2[wire.Trigger, error]
	Secrets(ctx context.Context, app string) iter.Seq2[wire.Secret, error]
	Indexes(ctx context.Context, app string) iter.Seq2[wire.Index, error]
	Topics(ctx context.Context, app string) iter.Seq2[wire.Topic, error]
	Files(ctx context.Context, app, collection string) iter.Seq2[wire.File, error]
	KV(ctx context.Context, app, collection, prefix string) iter.Seq2[wire.KVEntry, error]
	Docs(ctx context.Context, app, collection, filter, sort string) iter.Seq2[wire.Document, error]
}

// A Plan is what is to be done so that an app becomes what a deploy wants, in the order in which it
// is to be done.
type Plan struct {
	app   string // slug or id
	steps []step
	seeds []*seedStep
	left  []Change // what is there, is not wanted and stays
}

// A step is one thing that a plan finds to do, or to be as wanted already.
type step interface {
	// planned returns what the step will do.
	planned() Change
	// change returns it as a part of a deploy, nil if nothing is to be done. What that needs to be on the
	// server before is uploaded here.
	change(context.Context, *application) (*wire.DeployChange, error)
	// explain tells of an error what it is about.
	explain(error) error
}

// A Change is one thing that a deploy found or did, or would do.
type Change struct {
	What    string   `json:"what"` // app, secret, script, static, trigger, topic, index, domain, route or seed
	Name    string   `json:"name"`
	Result  Result   `json:"result"`
	Fields  []string `json:"fields,omitempty"`  // that an update changes
	Diff    []string `json:"diff,omitempty"`    // what an update changes, as lines that begin with - or +; only of a plan
	ID      string   `json:"id,omitempty"`      // absent before it is created
	Version int64    `json:"version,omitempty"` // that a script has then; absent when it is deleted
	Warning string   `json:"warning,omitempty"`
}

// Result is what becomes of a thing.
type Result string

// The results.
const (
	Created   Result = "created"
	Updated   Result = "updated"
	Unchanged Result = "unchanged"
	Deleted   Result = "deleted"
	Left      Result = "left" // it is there, the manifest does not name it, and it stays
)

// A NoAppError names an app that is not there and that the deploy may not create.
type NoAppError struct{ App string }

func (e *NoAppError) Error() string { return "there is no app " + e.App }

// Make computes a plan. Nothing is changed. The error is a [*NoAppError], a [*ConflictError], or
// that of the state.
func Make(ctx context.Context, state State, want App) (*Plan, error) {
	plan := &Plan{app: want.Ref}
	app, err := state.App(ctx, want.Ref)
	missing := client.HasStatus(err, http.StatusNotFound)
	switch {
	case missing && !want.Create:
		return nil, &NoAppError{want.Ref}
	case err != nil && !missing:
		return nil, err
	}
	plan.add(planApp(want, app)...)

	present := map[string]wire.Script{} // by name
	var routes []wire.Route
	var triggers []wire.Trigger
	var claims []wire.Domain
	var topics []wire.Topic
	var indexes []wire.Index
	if !missing {
		for script, err := range state.Scripts(ctx, want.Ref) {
			if err != nil {
				return nil, err
			}
			present[script.Name] = script
		}
		if slices.ContainsFunc(want.Scripts, func(s Script) bool { return s.Routes != nil }) {
			if routes, err = client.Collect(state.AppRoutes(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
		if want.Domains != nil {
			if claims, err = client.Collect(state.Domains(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
		if len(want.Triggers) > 0 || want.Prune || want.TellLeft {
			if triggers, err = client.Collect(state.Triggers(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
		if len(want.Topics) > 0 || want.Prune || want.TellLeft {
			if topics, err = client.Collect(state.Topics(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
		if len(want.Indexes) > 0 || want.Prune || want.TellLeft {
			if indexes, err = client.Collect(state.Indexes(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
	}
	scripts, err := planScripts(ctx, state, want.Ref, want.Scripts, present)
	if err != nil {
		return nil, err
	}
	var unwanted []step
	if want.Prune {
		unwanted = planPrune(want.Scripts, present)
	}
	changed, err := planRoutes(want.Scripts, present, routes, want.Prune)
	if err != nil {
		return nil, err
	}
	listening, err := planTriggers(want, present, triggers)
	if err != nil {
		return nil, err
	}
	claimed, given := planDomains(want, claims)
	needed, released, err := planSecrets(ctx, state, want, !missing)
	if err != nil {
		return nil, err
	}
	plan.add(needed...)
	// A route of what becomes a module is in the way of that; any other that goes stays until the
	// scripts have been compiled, so that a refused deploy leaves the app answering. A trigger may
	// leave a script that is deleted, and would go with it. A route needs the claim on its host.
	plan.add(changed.ofModules...)
	plan.add(scripts...)
	plan.add(listening...)
	plan.add(planTopics(want, topics)...)
	plan.add(planIndexes(want, indexes)...)
	plan.add(unwanted...)
	plan.add(changed.deleted...)
	plan.add(claimed...)
	plan.add(changed.wanted...)
	plan.add(given...)
	if want.Release {
		plan.add(released...)
	}
	if want.TellLeft && !want.Prune {
		plan.left = leftOf(want, present, triggers, topics, indexes, released)
	}
	if plan.seeds, err = planSeeds(ctx, state, want, !missing); err != nil {
		return nil, err
	}
	return plan, nil
}

// leftOf returns what an app has that is not wanted, in the order in which --prune would delete it.
func leftOf(want App, present map[string]wire.Script, triggers []wire.Trigger, topics []wire.Topic, indexes []wire.Index, released []step) (left []Change) {
	for _, t := range triggers {
		if !slices.ContainsFunc(want.Triggers, func(w Trigger) bool { return w.Name == t.Name }) {
			left = append(left, Change{What: "trigger", Name: t.Name, Result: Left, ID: t.ID})
		}
	}
	for _, t := range topics {
		if !slices.ContainsFunc(want.Topics, func(w Topic) bool { return w.Name == t.Topic }) {
			left = append(left, Change{What: "topic", Name: t.Topic, Result: Left})
		}
	}
	for _, index := range indexes {
		if !slices.Contains(want.Indexes, indexOf(index)) {
			left = append(left, Change{What: "index", Name: indexOf(index).String(), Result: Left, ID: index.ID})
		}
	}
	for _, s := range append(planPrune(want.Scripts, present), released...) {
		change := s.planned()
		change.Result = Left
		left = append(left, change)
	}
	return left
}

// Left returns what the app has that the manifest does not name, and that stays, if that was wanted to be told.
func (p *Plan) Left() []Change { return p.left }

func (p *Plan) add(steps ...step) { p.steps = append(p.steps, steps...) }

// Changes returns what the plan would do, in its order.
func (p *Plan) Changes() []Change {
	changes := make([]Change, 0, len(p.steps)+len(p.seeds))
	for _, s := range p.steps {
		change := s.planned()
		if s, ok := s.(interface{ diff() difference }); ok && change.Result == Updated {
			change.Diff = s.diff()
		}
		changes = append(changes, change)
	}
	for _, s := range p.seeds {
		changes = append(changes, s.planned())
	}
	return changes
}
