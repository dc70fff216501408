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
	Triggers(ctx context.Context, app string) iter.Seq2[wire.Trigger, error]
	Secrets(ctx context.Context, app string) iter.Seq2[wire.Secret, error]
	Topics(ctx context.Context, app string) iter.Seq2[wire.Topic, error]
	Files(ctx context.Context, app, collection string) iter.Seq2[wire.File, error]
}

// A Plan is what is to be done so that an app becomes what a deploy wants, in the order in which it
// is to be done.
type Plan struct {
	app      string // slug or id
	steps    []step
	scripts  map[string]string // ids of what there is, by name
	triggers map[string]string // as scripts
}

// A step is one thing that a plan finds to do, or to be as wanted already.
type step interface {
	// planned returns what the step will do.
	planned() Change
	// apply does it, and returns what it did.
	apply(context.Context, *application) (Change, error)
}

// A Change is one thing that a deploy found or did, or would do.
type Change struct {
	What    string   `json:"what"` // app, secret, script, static, trigger, topic or route
	Name    string   `json:"name"`
	Result  Result   `json:"result"`
	Fields  []string `json:"fields,omitempty"`  // that an update changes
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
)

// A NoAppError names an app that is not there and that the deploy may not create.
type NoAppError struct{ App string }

func (e *NoAppError) Error() string { return "there is no app " + e.App }

// Make computes a plan. Nothing is changed. The error is a [*NoAppError], a [*ConflictError], or
// that of the state.
func Make(ctx context.Context, state State, want App) (*Plan, error) {
	plan := &Plan{app: want.Ref, scripts: map[string]string{}, triggers: map[string]string{}}
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
	var topics []wire.Topic
	if !missing {
		for script, err := range state.Scripts(ctx, want.Ref) {
			if err != nil {
				return nil, err
			}
			present[script.Name], plan.scripts[script.Name] = script, script.ID
		}
		if slices.ContainsFunc(want.Scripts, func(s Script) bool { return s.Routes != nil }) {
			if routes, err = client.Collect(state.AppRoutes(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
		if len(want.Triggers) > 0 || want.Prune {
			if triggers, err = client.Collect(state.Triggers(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
		if len(want.Topics) > 0 || want.Prune {
			if topics, err = client.Collect(state.Topics(ctx, want.Ref)); err != nil {
				return nil, err
			}
		}
	}
	for _, trigger := range triggers {
		plan.triggers[trigger.Name] = trigger.ID
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
	needed, err := planSecrets(ctx, state, want, !missing)
	if err != nil {
		return nil, err
	}
	plan.add(needed...)
	// A route of what becomes a module is in the way of that; any other that goes stays until the
	// scripts have been compiled, so that a refused deploy leaves the app answering. A trigger may
	// leave a script that is deleted, and would go with it.
	plan.add(changed.ofModules...)
	plan.add(scripts...)
	plan.add(listening...)
	plan.add(planTopics(want, topics)...)
	plan.add(unwanted...)
	plan.add(changed.deleted...)
	plan.add(changed.wanted...)
	return plan, nil
}

func (p *Plan) add(steps ...step) { p.steps = append(p.steps, steps...) }

// Changes returns what the plan would do, in its order.
func (p *Plan) Changes() []Change {
	changes := make([]Change, len(p.steps))
	for i, s := range p.steps {
		changes[i] = s.planned()
	}
	return changes
}
