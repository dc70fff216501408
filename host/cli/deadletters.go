package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// DeadLettersCmd groups the commands on what could not be delivered.
type DeadLettersCmd struct {
	Remote
	InApp
	List    DeadLettersListCmd    `cmd:"" help:"List what could not be delivered, the newest first."`
	Show    DeadLettersShowCmd    `cmd:"" help:"Show a dead letter."`
	Replay  DeadLettersReplayCmd  `cmd:"" help:"Have dead letters delivered again."`
	Resolve DeadLettersResolveCmd `cmd:"" help:"Decide that a dead letter needs nothing more."`
	Delete  DeadLettersDeleteCmd  `cmd:"" help:"Delete a dead letter."`
	Purge   DeadLettersPurgeCmd   `cmd:"" help:"Delete the dead letters that match."`
}

var deadLetterColumns = []column[wire.DeadLetter]{
	{"ID", func(d wire.DeadLetter) string { return d.ID }},
	{"SOURCE", func(d wire.DeadLetter) string { return kindWord(d.Source) }},
	{"TRIGGER", func(d wire.DeadLetter) string { return cmp.Or(d.TriggerName, d.TriggerID) }},
	{"ATTEMPTS", func(d wire.DeadLetter) string { return strconv.Itoa(d.Attempts) }},
	{"LAST", func(d wire.DeadLetter) string { return localTime(d.LastAt) }},
	{"RESOLUTION", func(d wire.DeadLetter) string { return cmp.Or(d.Resolution, "none") }},
	{"ERROR", func(d wire.DeadLetter) string { return excerpt(d.Error) }},
}

// deadLetterProperties are what is shown of one dead letter.
var deadLetterProperties = slices.Concat(deadLetterColumns[:6:6], []column[wire.DeadLetter]{
	{"RESOLVED BY", func(d wire.DeadLetter) string { return d.ResolvedBy }},
	{"REPLAYED AS", func(d wire.DeadLetter) string { return d.ReplayedAs }},
	{"EVENT", func(d wire.DeadLetter) string { return d.EventID }},
	{"OPERATION", func(d wire.DeadLetter) string { return d.Operation }},
	{"CREATED", func(d wire.DeadLetter) string { return localTime(d.CreatedAt) }},
	{"SCRIPT", func(d wire.DeadLetter) string { return d.ScriptID }},
	{"TOPIC", func(d wire.DeadLetter) string { return d.Topic }},
	{"KEY", func(d wire.DeadLetter) string { return d.Key }},
	{"ERROR", func(d wire.DeadLetter) string { return d.Error }},
	{"PAYLOAD", func(d wire.DeadLetter) string { return string(d.Payload) }},
})

// DeadLetterFlags say which dead letters of an app are meant.
type DeadLetterFlags struct {
	Source  string `enum:"kv,docs,files,cron,queue,pubsub,dead-letter,call," default:"" help:"Only those of this source: ${enum}."`
	Trigger string `complete:"triggers" help:"Only those of this trigger, by name or id."`
	Script  string `complete:"scripts" help:"Only those of this script, by name or id."`
}

// filter returns what the flags ask for. Names become ids.
func (f *DeadLetterFlags) filter(ctx context.Context, c *client.Client, app string) (filter wire.DeadLetterFilter, err error) {
	filter.Source = strings.ReplaceAll(f.Source, "-", "_")
	if filter.Trigger, err = triggerID(ctx, c, app, f.Trigger); err != nil {
		return filter, err
	}
	filter.Script, err = scriptID(ctx, c, app, f.Script)
	return filter, err
}

// A DeadLetterArg is the argument that names a dead letter.
type DeadLetterArg struct {
	ID string `arg:"" help:"Id of the dead letter." complete:"dead-letters"`
}

// DeadLettersListCmd is `picloud dead-letters list`.
type DeadLettersListCmd struct {
	DeadLetterFlags
	Unresolved bool `help:"Only those about which nobody has decided."`
	Limit      int  `default:"100" help:"At most so many; 0 for all (default ${default})."`
}

// Run lists the dead letters.
func (cmd *DeadLettersListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	filter, err := cmd.filter(ctx, c, in.App)
	if err != nil {
		return err
	}
	filter.Resolved = !cmd.Unresolved
	letters, err := client.Collect(first(cmd.Limit, c.DeadLetters(ctx, in.App, filter)))
	if err != nil {
		return err
	}
	return printAll(r, letters, deadLetterColumns)
}

// DeadLettersShowCmd is `picloud dead-letters show`.
type DeadLettersShowCmd struct{ DeadLetterArg }

// Run shows the dead letter.
func (cmd *DeadLettersShowCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	letter, err := c.DeadLetter(ctx, cmd.ID)
	if err != nil {
		return err
	}
	return printOne(r, letter, deadLetterProperties)
}

// DeadLettersReplayCmd is `picloud dead-letters replay`.
type DeadLettersReplayCmd struct {
	ID string `arg:"" optional:"" help:"Id of a dead letter; else those that the flags name." complete:"dead-letters"`
	DeadLetterFlags
	All      bool `help:"All of the app about which nobody has decided."`
	Resolved bool `help:"Also those that a script has handled, or could not, and those that are ignored; none is replayed twice."`
}

// Run has the dead letters delivered again.
func (cmd *DeadLettersReplayCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	narrowed := cmd.DeadLetterFlags != DeadLetterFlags{}
	switch {
	case cmd.ID != "" && (narrowed || cmd.All || cmd.Resolved):
		return &usageError{fmt.Errorf("an id stands alone, without flags that name others")}
	case cmd.ID != "":
		made, err := c.ReplayDeadLetter(ctx, cmd.ID)
		if err != nil {
			return err
		}
		return r.printDone(wire.Replayed{EventIDs: []string{made.EventID}}, "Replayed as the event %s.", made.EventID)
	case !narrowed && !cmd.All:
		return &usageError{fmt.Errorf("which? Pass an id, --source, --trigger, --script or --all")}
	}
	filter, err := cmd.filter(ctx, c, in.App)
	if err != nil {
		return err
	}
	filter.Resolved = cmd.Resolved
	replayed, err := replayAll(ctx, c, in.App, filter)
	if n := len(replayed.EventIDs); err != nil && n > 0 {
		return fmt.Errorf("after %d dead letters were replayed: %w", n, err)
	} else if err != nil {
		return err
	}
	return r.printDone(replayed, "%d dead letters replayed.", len(replayed.EventIDs))
}

// replayAll replays those that are there, in as many requests as it takes: what fails again meanwhile is newer.
func replayAll(ctx context.Context, c *client.Client, app string, filter wire.DeadLetterFilter) (wire.Replayed, error) {
	all := wire.Replayed{EventIDs: []string{}}
	newest, err := client.Collect(first(1, c.DeadLetters(ctx, app, filter)))
	if err != nil || len(newest) == 0 {
		return all, err
	}
	filter.Newest = newest[0].ID
	for more := true; more; {
		replayed, err := c.ReplayDeadLetters(ctx, app, filter)
		if err != nil {
			return all, err
		}
		all.EventIDs = append(all.EventIDs, replayed.EventIDs...)
		more = replayed.More && len(replayed.EventIDs) > 0
	}
	return all, nil
}

// DeadLettersResolveCmd is `picloud dead-letters resolve`.
type DeadLettersResolveCmd struct {
	DeadLetterArg
	As string `enum:"ignored,handled-by-script" default:"ignored" help:"What was decided: ${enum} (default ${default})."`
}

// Run resolves the dead letter.
func (cmd *DeadLettersResolveCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	letter, err := c.ResolveDeadLetter(ctx, cmd.ID, strings.ReplaceAll(cmd.As, "-", "_"))
	if err != nil {
		return err
	}
	return r.printDone(letter, "Dead letter %s resolved: %s.", letter.ID, letter.Resolution)
}

// DeadLettersDeleteCmd is `picloud dead-letters delete`.
type DeadLettersDeleteCmd struct {
	Confirmation
	DeadLetterArg
}

// Run deletes the dead letter.
func (cmd *DeadLettersDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	letter, err := c.DeadLetter(ctx, cmd.ID)
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Delete the dead letter %s?", letter.ID); err != nil {
		return err
	}
	if err := c.DeleteDeadLetter(ctx, letter.ID); err != nil {
		return err
	}
	return r.printDone(letter, "Dead letter %s deleted.", letter.ID)
}

// DeadLettersPurgeCmd is `picloud dead-letters purge`.
type DeadLettersPurgeCmd struct {
	Confirmation
	DeadLetterFlags
	Resolved bool `help:"Also those about which somebody has decided."`
}

// Run deletes the dead letters.
func (cmd *DeadLettersPurgeCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	filter, err := cmd.filter(ctx, c, in.App)
	if err != nil {
		return err
	}
	filter.Resolved = cmd.Resolved
	if err := cmd.confirm(ctx, r, "Delete %s?", cmd.describe(in.App)); err != nil {
		return err
	}
	cleared, err := c.PurgeDeadLetters(ctx, in.App, filter)
	if err != nil {
		return err
	}
	return r.printDone(cleared, "%d dead letters deleted.", cleared.Removed)
}

// describe writes which dead letters are meant.
func (cmd *DeadLettersPurgeCmd) describe(app string) string {
	text := "the dead letters of " + app + " about which nobody has decided"
	if cmd.Resolved {
		text = "the dead letters of " + app
	}
	for _, narrowed := range [][2]string{{"source", cmd.Source}, {"trigger", cmd.Trigger}, {"script", cmd.Script}} {
		if narrowed[1] != "" {
			text += fmt.Sprintf(", of the %s %s", narrowed[0], narrowed[1])
		}
	}
	return text
}
