package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// EventsCmd groups the commands on what is to be delivered.
type EventsCmd struct {
	Remote
	InApp
	List   EventsListCmd   `cmd:"" help:"List what is to be delivered, the oldest first."`
	Show   EventsShowCmd   `cmd:"" help:"Show an event."`
	Retry  EventsRetryCmd  `cmd:"" help:"Have an event delivered now."`
	Delete EventsDeleteCmd `cmd:"" help:"Delete an event that nobody handles now."`
	Pause  EventsPauseCmd  `cmd:"" help:"Have all events of the app wait."`
	Resume EventsResumeCmd `cmd:"" help:"Have the events of the app wait no longer."`
	Tail   EventsTailCmd   `cmd:"" help:"Print events as they come, change and go, until interrupted."`
}

// eventColumns are those of a listing, with the names of triggers by id.
func eventColumns(triggers map[string]string) []column[wire.Event] {
	return []column[wire.Event]{
		{"ID", func(e wire.Event) string { return e.ID }},
		{"STATE", func(e wire.Event) string { return e.State }},
		{"SOURCE", func(e wire.Event) string { return kindWord(e.Source) }},
		{"OPERATION", func(e wire.Event) string { return e.Operation }},
		{"FOR", func(e wire.Event) string { return cmp.Or(triggers[e.TriggerID], e.TriggerID, e.Topic, e.ScriptID) }},
		{"ATTEMPTS", func(e wire.Event) string { return strconv.Itoa(e.Attempts) }},
		{"DUE", func(e wire.Event) string { return localTime(e.DueAt) }},
		{"PAYLOAD", payloadStart},
	}
}

// payloadStart is what a table shows of the payload of a listed event.
func payloadStart(e wire.Event) string {
	if e.PayloadStart == "" {
		return plural(e.PayloadBytes, "byte")
	}
	return excerpt(e.PayloadStart)
}

// eventProperties are what is shown of one event.
var eventProperties = []column[wire.Event]{
	{"ID", func(e wire.Event) string { return e.ID }},
	{"STATE", func(e wire.Event) string { return e.State }},
	{"SOURCE", func(e wire.Event) string { return kindWord(e.Source) }},
	{"OPERATION", func(e wire.Event) string { return e.Operation }},
	{"ATTEMPTS", func(e wire.Event) string { return strconv.Itoa(e.Attempts) }},
	{"CREATED", func(e wire.Event) string { return localTime(e.CreatedAt) }},
	{"DUE", func(e wire.Event) string { return localTime(e.DueAt) }},
	{"TRIGGER", func(e wire.Event) string { return e.TriggerID }},
	{"SCRIPT", func(e wire.Event) string { return e.ScriptID }},
	{"TOPIC", func(e wire.Event) string { return e.Topic }},
	{"KEY", func(e wire.Event) string { return e.Key }},
	{"LAST ERROR", func(e wire.Event) string { return e.LastError }},
	{"PAYLOAD", func(e wire.Event) string { return string(e.Payload) }},
}

// EventFlags narrow a listing of events.
type EventFlags struct {
	Trigger string `complete:"triggers" help:"Only those of this trigger, by name or id."`
	Source  string `enum:"kv,docs,files,cron,queue,pubsub,dead-letter,call," default:"" help:"Only those of this source: ${enum}."`
	State   string `enum:"waiting,running,retrying," default:"" help:"Only those in this state: ${enum}."`
}

func (f *EventFlags) query(ctx context.Context, c *client.Client, app string) (client.EventQuery, error) {
	trigger, err := triggerID(ctx, c, app, f.Trigger)
	return client.EventQuery{Trigger: trigger, Source: strings.ReplaceAll(f.Source, "-", "_"), State: f.State}, err
}

// An EventArg is the argument that names an event.
type EventArg struct {
	ID string `arg:"" help:"Id of the event." complete:"events"`
}

// EventsListCmd is `picloud events list`.
type EventsListCmd struct {
	EventFlags
	Limit int `default:"100" help:"At most so many events; 0 for all (default ${default})."`
}

// Run lists the events.
func (cmd *EventsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	query, err := cmd.query(ctx, c, in.App)
	if err != nil {
		return err
	}
	names, err := triggerNames(ctx, c, in.App)
	if err != nil {
		return err
	}
	events, err := client.Collect(first(cmd.Limit, c.Events(ctx, in.App, query)))
	if err != nil {
		return err
	}
	return printAll(r, events, eventColumns(names))
}

// EventsShowCmd is `picloud events show`.
type EventsShowCmd struct{ EventArg }

// Run shows the event.
func (cmd *EventsShowCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	event, err := c.Event(ctx, cmd.ID)
	if err != nil {
		return err
	}
	return printOne(r, event, eventProperties)
}

// EventsRetryCmd is `picloud events retry`.
type EventsRetryCmd struct{ EventArg }

// Run has the event delivered.
func (cmd *EventsRetryCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	event, err := c.RetryEvent(ctx, cmd.ID)
	if err != nil {
		return err
	}
	return r.printDone(event, "Event %s is due now.", event.ID)
}

// EventsDeleteCmd is `picloud events delete`.
type EventsDeleteCmd struct {
	Confirmation
	EventArg
}

// Run deletes the event.
func (cmd *EventsDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	event, err := c.Event(ctx, cmd.ID)
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Delete the event %s, which is not delivered then?", event.ID); err != nil {
		return err
	}
	if err := c.DeleteEvent(ctx, event.ID); err != nil {
		return err
	}
	return r.printDone(event, "Event %s deleted.", event.ID)
}

// EventsPauseCmd is `picloud events pause`.
type EventsPauseCmd struct{}

// Run pauses the events of the app.
func (EventsPauseCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	app, err := c.PauseEvents(ctx, in.App)
	if err != nil {
		return err
	}
	return r.printDone(app, "The events of %s wait.", app.Slug)
}

// EventsResumeCmd is `picloud events resume`.
type EventsResumeCmd struct{}

// Run resumes the events of the app.
func (EventsResumeCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	app, err := c.ResumeEvents(ctx, in.App)
	if err != nil {
		return err
	}
	return r.printDone(app, "The events of %s are delivered.", app.Slug)
}

// EventsTailCmd is `picloud events tail`.
type EventsTailCmd struct {
	EventFlags
	Limit int `default:"1000" help:"Watch at most so many events at once (default ${default})."`
}

// Help is shown by --help.
func (EventsTailCmd) Help() string {
	return `What waits is read once a second, and so is what scripts have done: an attempt to
deliver an event is "done" or "failed", also one that was never seen waiting. With
--trigger, --source or --state only the attempts of events that were seen are. An event
that was listed and is not any more, without an attempt, is "gone": it was deleted, became a
dead letter, or is not in --state any more; a batch of messages is done as its first one, and
the others are gone. With --output json, one object a line; that of an attempt has the execution.`
}

// tailInterval is how often `events tail` reads the listing.
const tailInterval = time.Second

// Run prints events until it is interrupted.
func (cmd *EventsTailCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if cmd.Limit < 1 {
		return &usageError{fmt.Errorf("--limit must be at least 1, got %d", cmd.Limit)}
	}
	query, err := cmd.query(ctx, c, in.App)
	if err != nil {
		return err
	}
	poll := time.NewTicker(tailInterval)
	defer poll.Stop()
	done := attempts{app: in.App}
	seen, warned := tail{}, false
	for {
		listed, err := client.Collect(first(cmd.Limit+1, c.Events(ctx, in.App, query)))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if len(listed) > cmd.Limit {
			if listed = listed[:cmd.Limit]; !warned {
				r.notices.warn("there are more than %d events: only the oldest are watched", cmd.Limit)
				warned = true
			}
		}
		ended, err := done.fresh(ctx, c)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		for _, event := range seen.news(listed, ended, cmd.EventFlags == EventFlags{}) {
			if err := r.printEvent(event); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
	}
}

// attempts finds the executions of an app that handled events.
type attempts struct {
	app    string
	newest string // from where to go on; "" at first, when what is there is not told
}

// fresh returns those that have ended since the last time, the oldest first.
func (a *attempts) fresh(ctx context.Context, c *client.Client) (ended []wire.Execution, err error) {
	for {
		page, err := c.ExecutionsAfter(ctx, a.app, client.ExecutionQuery{Kind: string(abi.InvocationTrigger)}, a.newest)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if e.EventID != "" {
				ended = append(ended, e)
			}
		}
		if a.newest = page.Newest; len(page.Items) == 0 {
			return ended, nil
		}
	}
}

// A tailed is an event, or an attempt to deliver one.
type tailed struct {
	wire.Event
	Execution *wire.Execution `json:"execution,omitempty"` // the attempt
}

// tail is what was listed last, in its order, and what had left the listing then.
type tail struct {
	last, left []wire.Event
	tried      map[string]bool // ids of those in them of whose attempt nothing more is to be told
}

// States of what is tailed beside those of events: of one that was listed and is not any more, and of attempts.
const (
	stateGone   = "gone"
	stateDone   = "done"
	stateFailed = "failed"
)

// news takes a listing up, and the executions that have ended. It returns the attempts, of all events or of those
// that were listed; the events that had left the last listing without one, whose record comes a moment later than that;
// and the events that are new or changed.
func (t *tail) news(listed []wire.Event, ended []wire.Execution, all bool) (news []tailed) {
	before, there := byID(t.last), byID(listed)
	known := byID(slices.Concat(t.left, t.last, listed))
	if t.tried == nil {
		t.tried = map[string]bool{}
	}
	for _, e := range ended {
		event, ok := known[e.EventID]
		switch {
		case !ok && !all:
			continue
		case !ok:
			event = wire.Event{ID: e.EventID, AppID: e.AppID, ScriptID: e.ScriptID, CreatedAt: e.StartedAt, DueAt: e.StartedAt}
		}
		event.State, event.LastError = stateDone, ""
		if e.Error != nil {
			event.State, event.LastError = stateFailed, e.Error.Message
		}
		if ok {
			t.tried[e.EventID] = true
		}
		news = append(news, tailed{event, &e})
	}
	for _, event := range t.left {
		if !t.tried[event.ID] {
			event.State = stateGone
			news = append(news, tailed{Event: event})
		}
		delete(t.tried, event.ID)
	}
	t.left = nil
	for _, event := range t.last {
		if _, ok := there[event.ID]; !ok {
			t.left = append(t.left, event)
		}
	}
	for _, event := range listed {
		if event.State != "running" { // there will be another attempt
			delete(t.tried, event.ID)
		}
		if was, ok := before[event.ID]; !ok || was.State != event.State || was.Attempts != event.Attempts {
			news = append(news, tailed{Event: event})
		}
	}
	t.last = listed
	return news
}

func byID(events []wire.Event) map[string]wire.Event {
	by := make(map[string]wire.Event, len(events))
	for _, event := range events {
		by[event.ID] = event
	}
	return by
}

var stateColors = map[string]string{"retrying": yellow, stateFailed: red, stateGone: faint}

// printEvent prints an event on a line.
func (r *Remote) printEvent(event tailed) error {
	if r.Output == "json" {
		encoder := json.NewEncoder(r.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(event)
	}
	_, err := fmt.Fprintln(r.stdout, formatEvent(r.stdout, event, time.Now()))
	return err
}

// formatEvent writes an event for people who look at w.
func formatEvent(w io.Writer, event tailed, now time.Time) string {
	state := paint(w, stateColors[event.State], fmt.Sprintf("%-8s", event.State))
	text := fmt.Sprintf("%s %s %s", localTime(now), state, event.ID)
	if event.Source != "" { // it was listed
		text += " " + kindWord(event.Source) + " " + event.Operation
		if event.Attempts > 0 {
			text += fmt.Sprintf(" attempts=%d", event.Attempts)
		}
		text += " " + oneLine(payloadStart(event.Event))
	}
	if e := event.Execution; e != nil {
		text += fmt.Sprintf(" in %v, execution %s", time.Duration(e.DurationUS)*time.Microsecond, e.ID)
	}
	if event.State == "retrying" || event.State == stateFailed {
		text += " " + paint(w, red, oneLine(excerpt(event.LastError)))
	}
	return text
}
