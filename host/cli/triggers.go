package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// TriggersCmd groups the commands on triggers.
type TriggersCmd struct {
	Remote
	InApp
	List    TriggersListCmd    `cmd:"" help:"List the app's triggers."`
	Create  TriggersCreateCmd  `cmd:"" help:"Have events start a script."`
	Show    TriggersShowCmd    `cmd:"" help:"Show a trigger."`
	Update  TriggersUpdateCmd  `cmd:"" help:"Change a trigger; what is not given stays as it is."`
	Delete  TriggersDeleteCmd  `cmd:"" help:"Delete a trigger; what waits for it becomes dead letters."`
	Pause   TriggersPauseCmd   `cmd:"" help:"Have a trigger's events wait."`
	Resume  TriggersResumeCmd  `cmd:"" help:"Have a trigger's events wait no longer."`
	Fire    TriggersFireCmd    `cmd:"" help:"Make an event of a trigger by hand."`
	Preview TriggersPreviewCmd `cmd:"" help:"Tell when a schedule fires."`
}

// A namedTrigger is a trigger beside the name of its script.
type namedTrigger struct {
	wire.Trigger
	Script string `json:"script"`
}

var triggerColumns = []column[namedTrigger]{
	{"NAME", func(n namedTrigger) string { return n.Name }},
	{"KIND", func(n namedTrigger) string { return kindWord(n.Kind) }},
	{"OF", func(n namedTrigger) string { return excerpt(describeTrigger(n.Trigger)) }},
	{"SCRIPT", func(n namedTrigger) string { return n.Script }},
	{"STATE", func(n namedTrigger) string { return triggerState(n.Trigger) }},
	{"ID", func(n namedTrigger) string { return n.ID }},
}

// triggerProperties are shown of one trigger beside its columns.
var triggerProperties = []column[namedTrigger]{
	{"RETRY", func(n namedTrigger) string { return describeRetry(n.Retry) }},
	{"CONCURRENCY", func(n namedTrigger) string { return strconv.Itoa(n.Concurrency) }},
	{"STOPPED", func(n namedTrigger) string { return n.Stopped }},
	{"UPDATED", func(n namedTrigger) string { return localTime(n.UpdatedAt) }},
}

// kindWord writes a kind as commands take it: dead-letter for dead_letter.
func kindWord(kind string) string { return strings.ReplaceAll(kind, "_", "-") }

func triggerState(t wire.Trigger) string {
	switch {
	case !t.Enabled:
		return "disabled"
	case t.Stopped != "":
		return "stopped"
	case t.Paused:
		return "paused"
	}
	return "enabled"
}

// describeTrigger writes what a trigger waits for in few words: the details of its kind that are not
// as they are by default.
func describeTrigger(t wire.Trigger) string {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	words := []string{text(t.Collection), text(t.Schedule), text(t.Topic)}
	if t.Operations != nil {
		words = append(words, strings.Join(*t.Operations, ","))
	}
	if t.Filter != nil {
		words = append(words, string(*t.Filter))
	}
	if t.Schedule != nil {
		words = append(words, text(t.Timezone))
	}
	if t.MaxBatch != nil && *t.MaxBatch > 1 {
		words = append(words, fmt.Sprintf("up to %d", *t.MaxBatch))
	}
	if t.Ordered != nil && *t.Ordered {
		words = append(words, "ordered")
	}
	if t.Kind == "dead_letter" {
		words = append(words, cmp.Or(text(t.Source), "any"), text(t.FailedTrigger), text(t.FailedScript))
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// describeRetry writes a policy as "5 attempts, exponential from 1s to 1h0m0s, jitter 0.2".
func describeRetry(r wire.RetryPolicy) string {
	if r.MaxAttempts == nil || r.Backoff == nil || r.BaseMS == nil || r.MaxMS == nil || r.Jitter == nil {
		return ""
	}
	millis := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	return fmt.Sprintf("%d attempts, %s from %v to %v, jitter %v", *r.MaxAttempts, *r.Backoff, millis(*r.BaseMS), millis(*r.MaxMS), *r.Jitter)
}

// A TriggerArg is the argument that names a trigger. The Run method of a command that embeds it
// receives the trigger that it names.
type TriggerArg struct {
	Trigger string `arg:"" help:"Name or id." complete:"triggers"`
}

// ProvideTrigger finds the trigger.
func (arg *TriggerArg) ProvideTrigger(ctx context.Context, c *client.Client, in *InApp) (wire.Trigger, error) {
	return findTrigger(ctx, c, in.App, arg.Trigger)
}

// findTrigger finds the trigger that a person means by ref: an id, or a name in the app.
func findTrigger(ctx context.Context, c *client.Client, app, ref string) (wire.Trigger, error) {
	if uuid.Validate(ref) == nil {
		return c.Trigger(ctx, ref)
	}
	for trigger, err := range c.Triggers(ctx, app) {
		if err != nil {
			return wire.Trigger{}, err
		}
		if trigger.Name == ref {
			return trigger, nil
		}
	}
	return wire.Trigger{}, fmt.Errorf("app %s has no trigger %q", app, ref)
}

// triggerID returns the id of the trigger that a flag names by ref. An id is not looked up: events and
// dead letters may be of a trigger that is gone.
func triggerID(ctx context.Context, c *client.Client, app, ref string) (string, error) {
	if ref == "" || uuid.Validate(ref) == nil {
		return ref, nil
	}
	trigger, err := findTrigger(ctx, c, app, ref)
	return trigger.ID, err
}

// triggerNames maps the ids of an app's triggers to their names.
func triggerNames(ctx context.Context, c *client.Client, app string) (map[string]string, error) {
	names := map[string]string{}
	for trigger, err := range c.Triggers(ctx, app) {
		if err != nil {
			return nil, err
		}
		names[trigger.ID] = trigger.Name
	}
	return names, nil
}

// scriptID is triggerID for a script.
func scriptID(ctx context.Context, c *client.Client, app, ref string) (string, error) {
	if ref == "" || uuid.Validate(ref) == nil {
		return ref, nil
	}
	script, err := findScript(ctx, c, app, ref)
	return script.ID, err
}

// TriggersListCmd is `picloud triggers list`.
type TriggersListCmd struct{}

// Run lists the triggers.
func (TriggersListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	names, err := scriptNames(ctx, c, in.App)
	if err != nil {
		return err
	}
	var triggers []namedTrigger
	for trigger, err := range c.Triggers(ctx, in.App) {
		if err != nil {
			return err
		}
		triggers = append(triggers, namedTrigger{trigger, names[trigger.ScriptID]})
	}
	return printAll(r, triggers, triggerColumns)
}

// TriggerFlags are the fields of a trigger that create and update have in common.
type TriggerFlags struct {
	Name *string `help:"Unique in the app."`

	Collection    *string        `group:"kv, docs and files" help:"A name, prefix* or *."`
	Operations    []string       `group:"kv, docs and files" enum:"create,update,delete,expire," placeholder:"OPERATION" help:"create, update, delete and, of kv, expire; empty for any."`
	Filter        *string        `group:"kv, docs and files" placeholder:"JSON" help:"A filter as of docs, on the new data or, of a deletion, on what was there; {} for any."`
	Schedule      *string        `group:"cron" help:"Six fields with seconds first, five without, a descriptor as @daily, or @every 90m."`
	Timezone      *string        `group:"cron" placeholder:"ZONE" help:"Of the IANA database, as in Europe/Zurich; UTC when absent."`
	CatchUp       *string        `group:"cron" enum:"once,skip" placeholder:"HOW" help:"What becomes of times that were missed: ${enum}."`
	Topic         *string        `group:"queue and pubsub" help:"A topic; of pubsub also prefix.* or *." complete:"topics"`
	MaxBatch      *int           `group:"queue" placeholder:"N" help:"Messages that an execution gets, at most; 1 when absent."`
	MaxWait       *time.Duration `group:"queue" placeholder:"DURATION" help:"How long a batch may wait to be full: 500ms, 1m."`
	Ordered       *bool          `group:"queue" negatable:"" help:"The messages of a key one after the other."`
	Source        *string        `group:"dead-letter" enum:"kv,docs,files,cron,queue,pubsub,call," placeholder:"SOURCE" help:"Dead letters of kv, docs, files, cron, queue, pubsub or call; empty for any."`
	FailedTrigger *string        `group:"dead-letter" placeholder:"TRIGGER" complete:"triggers" help:"Dead letters of this trigger, by name or id; empty for any."`
	FailedScript  *string        `group:"dead-letter" placeholder:"SCRIPT" complete:"scripts" help:"Dead letters of this script, by name or id; empty for any."`

	MaxAttempts *int           `group:"Deliveries" placeholder:"N" help:"Attempts until an event becomes a dead letter."`
	Backoff     *string        `group:"Deliveries" enum:"exponential,linear,constant" placeholder:"HOW" help:"How the pause between attempts grows: ${enum}."`
	Base        *time.Duration `group:"Deliveries" placeholder:"DURATION" help:"The first pause between attempts."`
	MaxPause    *time.Duration `group:"Deliveries" placeholder:"DURATION" help:"The longest pause between attempts."`
	Jitter      *float64       `group:"Deliveries" placeholder:"PART" help:"The part of a pause that is left to chance, 0 to 1."`
	Concurrency *int           `group:"Deliveries" placeholder:"N" help:"Deliveries at once, on all nodes."`
	Enabled     *bool          `group:"Deliveries" negatable:"disabled" help:"Whether events are made for it."`
}

// fields returns what the flags ask for. Names of triggers and scripts become ids.
func (f *TriggerFlags) fields(ctx context.Context, c *client.Client, app string) (wire.TriggerUpdate, error) {
	fields := wire.TriggerUpdate{
		Name: f.Name, Concurrency: f.Concurrency, Enabled: f.Enabled,
		TriggerDetails: wire.TriggerDetails{
			Collection: f.Collection, Schedule: f.Schedule, Timezone: f.Timezone, CatchUp: f.CatchUp, Topic: f.Topic,
			MaxBatch: f.MaxBatch, MaxWaitMS: millis(f.MaxWait), Ordered: f.Ordered, Source: f.Source,
		},
	}
	if retry := (wire.RetryPolicy{
		MaxAttempts: f.MaxAttempts, Backoff: f.Backoff, BaseMS: millis(f.Base), MaxMS: millis(f.MaxPause), Jitter: f.Jitter,
	}); retry != (wire.RetryPolicy{}) {
		fields.Retry = &retry
	}
	if f.Operations != nil {
		operations := []string{}
		for _, operation := range f.Operations {
			if operation != "" {
				operations = append(operations, operation)
			}
		}
		fields.Operations = &operations
	}
	if f.Filter != nil {
		if !json.Valid([]byte(*f.Filter)) {
			return fields, &usageError{fmt.Errorf(`--filter must be JSON, as in '{"paid": true}', got %s`, excerpt(*f.Filter))}
		}
		fields.Filter = new(json.RawMessage(*f.Filter))
	}
	if f.FailedTrigger != nil {
		id, err := triggerID(ctx, c, app, *f.FailedTrigger)
		if err != nil {
			return fields, err
		}
		fields.FailedTrigger = &id
	}
	if f.FailedScript != nil {
		id, err := scriptID(ctx, c, app, *f.FailedScript)
		if err != nil {
			return fields, err
		}
		fields.FailedScript = &id
	}
	return fields, nil
}

func millis(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	return new(d.Milliseconds())
}

// TriggersCreateCmd is `picloud triggers create`.
type TriggersCreateCmd struct {
	Kind   string `arg:"" enum:"kv,docs,files,cron,queue,pubsub,dead-letter" help:"What it waits for: ${enum}."`
	Script string `required:"" placeholder:"SCRIPT" complete:"scripts" help:"The script to start, by name or id."`
	TriggerFlags
}

// Help is shown by --help.
func (TriggersCreateCmd) Help() string {
	return `Triggers of kv, docs and files need --collection, those of cron --schedule, those of
queue and pubsub --topic. What else is absent has its default, and the name is made
of the script's and the kind. A trigger runs its script with your rights.`
}

// Run creates the trigger.
func (cmd *TriggersCreateCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	fields, err := cmd.fields(ctx, c, in.App)
	if err != nil {
		return err
	}
	fields.Script = &cmd.Script
	trigger, err := c.CreateTrigger(ctx, in.App, strings.ReplaceAll(cmd.Kind, "-", "_"), fields)
	if err != nil {
		return err
	}
	return r.printDone(trigger, "Trigger %s created.", trigger.Name)
}

// TriggersShowCmd is `picloud triggers show`.
type TriggersShowCmd struct{ TriggerArg }

// Run shows the trigger.
func (TriggersShowCmd) Run(ctx context.Context, r *Remote, c *client.Client, trigger wire.Trigger) error {
	script, err := c.Script(ctx, trigger.ScriptID)
	if err != nil {
		return err
	}
	properties := append(triggerColumns[:len(triggerColumns):len(triggerColumns)], triggerProperties...)
	if trigger.NextAt != nil {
		properties = append(properties, column[namedTrigger]{"NEXT", func(n namedTrigger) string { return localTime(*n.NextAt) }})
	}
	if trigger.LastAt != nil {
		properties = append(properties, column[namedTrigger]{"LAST", func(n namedTrigger) string { return localTime(*n.LastAt) }})
	}
	return printOne(r, namedTrigger{trigger, script.Name}, properties)
}

// TriggersUpdateCmd is `picloud triggers update`.
type TriggersUpdateCmd struct {
	TriggerArg
	Script *string `placeholder:"SCRIPT" complete:"scripts" help:"The script to start, by name or id."`
	Adopt  bool    `help:"Have it run with your rights, as when whoever registered it is deactivated."`
	TriggerFlags
}

// Run changes the trigger.
func (cmd *TriggersUpdateCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp, trigger wire.Trigger) error {
	fields, err := cmd.fields(ctx, c, in.App)
	if err != nil {
		return err
	}
	fields.Script = cmd.Script
	if cmd.Adopt {
		fields.Adopt = &cmd.Adopt
	}
	if fields == (wire.TriggerUpdate{}) {
		return &usageError{fmt.Errorf("nothing to change: pass a flag, such as --concurrency")}
	}
	if trigger, err = c.UpdateTrigger(ctx, trigger.ID, fields); err != nil {
		return err
	}
	return r.printDone(trigger, "Trigger %s changed.", trigger.Name)
}

// TriggersDeleteCmd is `picloud triggers delete`.
type TriggersDeleteCmd struct {
	Confirmation
	TriggerArg
}

// Run deletes the trigger.
func (cmd *TriggersDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, trigger wire.Trigger) error {
	if err := cmd.confirm(ctx, r, "Delete the trigger %s? What waits for it becomes dead letters.", trigger.Name); err != nil {
		return err
	}
	if err := c.DeleteTrigger(ctx, trigger.ID); err != nil {
		return err
	}
	return r.printDone(trigger, "Trigger %s deleted.", trigger.Name)
}

// TriggersPauseCmd is `picloud triggers pause`.
type TriggersPauseCmd struct{ TriggerArg }

// Run pauses the trigger.
func (TriggersPauseCmd) Run(ctx context.Context, r *Remote, c *client.Client, trigger wire.Trigger) error {
	trigger, err := c.PauseTrigger(ctx, trigger.ID)
	if err != nil {
		return err
	}
	return r.printDone(trigger, "Trigger %s paused: its events wait.", trigger.Name)
}

// TriggersResumeCmd is `picloud triggers resume`.
type TriggersResumeCmd struct{ TriggerArg }

// Run resumes the trigger.
func (TriggersResumeCmd) Run(ctx context.Context, r *Remote, c *client.Client, trigger wire.Trigger) error {
	trigger, err := c.ResumeTrigger(ctx, trigger.ID)
	if err != nil {
		return err
	}
	return r.printDone(trigger, "Trigger %s resumed.", trigger.Name)
}

// TriggersFireCmd is `picloud triggers fire`.
type TriggersFireCmd struct {
	TriggerArg
	Data string `short:"d" placeholder:"JSON" help:"The value, the document's data or the message of the event; @FILE reads a file, - standard input. A sample when absent."`
}

// Run makes the event.
func (cmd *TriggersFireCmd) Run(ctx context.Context, r *Remote, c *client.Client, trigger wire.Trigger) error {
	var data json.RawMessage
	if cmd.Data != "" {
		var err error
		if data, err = readJSON("--data", cmd.Data, r.stdin); err != nil {
			return &usageError{err}
		}
	}
	made, err := c.FireTrigger(ctx, trigger.ID, data)
	if err != nil {
		return err
	}
	return r.printDone(made, "Event %s made.", made.EventID)
}

// TriggersPreviewCmd is `picloud triggers preview`.
type TriggersPreviewCmd struct {
	Schedule string     `arg:"" help:"Six fields with seconds first, five without, a descriptor as @daily, or @every 90m."`
	Timezone string     `placeholder:"ZONE" help:"Of the IANA database, as in Europe/Zurich; UTC when absent."`
	After    *time.Time `placeholder:"TIME" help:"RFC 3339; now when absent."`
}

// Run shows the next times.
func (cmd *TriggersPreviewCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	preview, err := c.PreviewSchedule(ctx, in.App, wire.SchedulePreview{Schedule: cmd.Schedule, Timezone: cmd.Timezone, After: cmd.After})
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(preview)
	}
	fmt.Fprintln(r.stdout, preview.Words)
	for _, at := range preview.Next {
		fmt.Fprintln(r.stdout, at.Format("Mon 2006-01-02 15:04:05 -07:00"))
	}
	return nil
}
