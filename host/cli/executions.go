package cli

import (
	"cmp"
	"context"
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

// ExecutionsCmd groups the commands on what has run.
type ExecutionsCmd struct {
	Remote
	InApp
	List      ExecutionsListCmd      `cmd:"" help:"List the executions of an app or a script, the last one first."`
	Show      ExecutionsShowCmd      `cmd:"" help:"Show an execution."`
	Abandoned ExecutionsAbandonedCmd `cmd:"" help:"List executions for other nodes whose answers nobody has had, the newest first."`
}

var executionColumns = []column[wire.Execution]{
	{"ID", func(e wire.Execution) string { return e.ID }},
	{"VERSION", executionVersion},
	{"TYPE", func(e wire.Execution) string { return string(e.InvocationType) }},
	{"OUTCOME", func(e wire.Execution) string { return cmp.Or(e.Outcome, e.State) }},
	{"STATUS", func(e wire.Execution) string { return strconv.Itoa(e.Status) }},
	{"STARTED", func(e wire.Execution) string { return localTime(e.StartedAt) }},
	{"TOOK", func(e wire.Execution) string { return (time.Duration(e.DurationUS) * time.Microsecond).String() }},
}

// executionVersion is the version of the script that ran; "" of what has not run yet.
func executionVersion(e wire.Execution) string {
	if e.ScriptVersion == 0 {
		return ""
	}
	return strconv.FormatInt(e.ScriptVersion, 10)
}

// executionProperties are what is shown of one execution.
var executionProperties = slices.Concat(executionColumns, []column[wire.Execution]{
	{"OPERATIONS", func(e wire.Execution) string { return strconv.FormatInt(e.Operations, 10) }},
	{"SCRIPT", func(e wire.Execution) string { return e.ScriptID }},
	{"REQUEST", func(e wire.Execution) string { return e.RequestID }},
	{"EVENT", func(e wire.Execution) string { return e.EventID }},
	{"METHOD", func(e wire.Execution) string { return e.Method }},
	{"PATH", func(e wire.Execution) string { return e.Path }},
	{"ROUTE", func(e wire.Execution) string { return e.Route }},
	{"BYTES", func(e wire.Execution) string { return strconv.FormatInt(e.ResponseBytes, 10) }},
	{"INVOKED BY", func(e wire.Execution) string { return e.ParentID }},
	{"BEGUN BY", func(e wire.Execution) string { return e.RootID }},
	{"INVOKED", func(e wire.Execution) string { return strings.Join(e.Callees, " ") }},
	{"ERROR", func(e wire.Execution) string {
		if e.Error == nil {
			return ""
		}
		return e.Error.Message
	}},
})

// ExecutionsListCmd is `picloud executions list`.
type ExecutionsListCmd struct {
	Script  string        `arg:"" optional:"" help:"Name or id; all of the app when not given." complete:"scripts"`
	Outcome string        `enum:",ok,failed,script_invalid,script_error,timeout,limit_exceeded,internal,cancelled" default:"" help:"Those that ended so: ${enum}. failed is any error."`
	Kind    string        `enum:",http,execute,trigger,invoke" default:"" help:"Those that this has caused: ${enum}."`
	Min     time.Duration `placeholder:"TIME" help:"Those that took at least so long, such as 250ms."`
	Max     time.Duration `placeholder:"TIME" help:"Those that took at most so long."`
	Since   string        `placeholder:"WHEN" help:"Those that started from this time on: 10m, 2h or 2026-01-31T15:04:05Z."`
	Until   string        `placeholder:"WHEN" help:"Those that started before."`
	Level   abi.LogLevel  `enum:",trace,debug,info,warn,error" default:"" help:"Those with a line of the log that is at least so severe: ${enum}."`
	Text    string        `placeholder:"TEXT" help:"Those with this in the error or the log, whatever the case."`
	Root    string        `placeholder:"ID" help:"Those that acted for this execution, by invocations and events."`
	Follow  bool          `short:"f" help:"Show those that end from now on, until interrupted. With --output json, one object a line."`
	Limit   int           `default:"100" help:"At most so many; 0 for all (default ${default})."`
}

// Run lists the executions.
func (cmd *ExecutionsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	since, err := parseWhen("--since", cmd.Since, time.Now())
	if err != nil {
		return &usageError{err}
	}
	until, err := parseWhen("--until", cmd.Until, time.Now())
	if err != nil {
		return &usageError{err}
	}
	query := client.ExecutionQuery{
		Outcome: cmd.Outcome, Kind: cmd.Kind, Min: cmd.Min, Max: cmd.Max, Since: since, Until: until, Level: cmd.Level, Text: cmd.Text, Root: cmd.Root,
	}
	if cmd.Script != "" {
		script, err := findScript(ctx, c, in.App, cmd.Script)
		if err != nil {
			return err
		}
		query.Script, in.App = script.ID, script.AppID
	}
	if cmd.Follow {
		return follow(r, formatExecution, c.FollowExecutions(ctx, in.App, query, followInterval))
	}
	executions, err := client.Collect(first(cmd.Limit, c.AppExecutions(ctx, in.App, query)))
	if err != nil {
		return err
	}
	columns := executionColumns
	if cmd.Script == "" {
		columns = slices.Insert(slices.Clone(columns), 1, column[wire.Execution]{"SCRIPT", func(e wire.Execution) string { return e.ScriptName }})
	}
	return printAll(r, executions, columns)
}

// formatExecution writes an execution for people who look at w, in their time zone.
func formatExecution(w io.Writer, e wire.Execution) string {
	outcome := cmp.Or(e.Outcome, e.State)
	if e.Error != nil {
		outcome = paint(w, red, outcome) + " " + oneLine(e.Error.Message)
	}
	what := strings.TrimSpace(string(e.InvocationType) + " " + e.Method + " " + client.Printable(e.Path))
	return fmt.Sprintf("%s %s %s %s %d %v %s", e.StartedAt.Local().Format("2006-01-02 15:04:05.000"), e.ID, client.Printable(e.ScriptName),
		what, e.Status, time.Duration(e.DurationUS)*time.Microsecond, outcome)
}

// ExecutionsShowCmd is `picloud executions show`.
type ExecutionsShowCmd struct {
	ID string `arg:"" help:"Id of the execution, as X-Execution-Id tells it."`
}

// Run shows the execution, and what it asked the host for, where that is kept.
func (cmd *ExecutionsShowCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	execution, err := c.Execution(ctx, cmd.ID)
	if err != nil {
		return err
	}
	if err := printOne(r, execution, executionProperties); err != nil || r.Output == "json" || execution.Trace == nil {
		return err
	}
	fmt.Fprintln(r.stdout)
	return printTrace(r, r.stdout, execution.Trace)
}

// printTrace prints what an execution asked the host for.
func printTrace(r *Remote, w io.Writer, trace *wire.Trace) error {
	if len(trace.Calls) == 0 {
		_, err := fmt.Fprintln(w, "It asked the host for nothing.")
		return err
	}
	micros := func(us int64) string { return (time.Duration(us) * time.Microsecond).String() }
	to := *r
	to.stdout = w
	err := printAll(&to, trace.Calls, []column[wire.Call]{
		{"CALL", func(c wire.Call) string { return c.Name }},
		{"AFTER", func(c wire.Call) string { return micros(c.StartUS) }},
		{"TOOK", func(c wire.Call) string { return micros(c.DurationUS) }},
		{"SENT", func(c wire.Call) string { return strconv.Itoa(c.RequestBytes) }},
		{"GOT", func(c wire.Call) string { return strconv.Itoa(c.ResponseBytes) }},
		{"OUTCOME", func(c wire.Call) string { return c.Outcome }},
	})
	if err == nil && trace.More > 0 {
		_, err = fmt.Fprintf(w, "and %d more\n", trace.More)
	}
	return err
}

// ExecutionsAbandonedCmd is `picloud executions abandoned`.
type ExecutionsAbandonedCmd struct {
	Limit int `default:"100" help:"At most so many; 0 for all (default ${default})."`
}

// Run lists the abandoned executions.
func (cmd *ExecutionsAbandonedCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	abandoned, err := client.Collect(first(cmd.Limit, c.AbandonedExecutions(ctx, in.App)))
	if err != nil {
		return err
	}
	return printAll(r, abandoned, []column[wire.AbandonedExecution]{
		{"ID", func(e wire.AbandonedExecution) string { return e.ID }},
		{"SCRIPT", func(e wire.AbandonedExecution) string { return e.ScriptID }},
		{"REASON", func(e wire.AbandonedExecution) string { return kindWord(e.Reason) }},
		{"OUTCOME", func(e wire.AbandonedExecution) string { return cmp.Or(e.Outcome, "none") }},
		{"ASKED", func(e wire.AbandonedExecution) string { return localTime(e.AskedAt) }},
		{"ABANDONED", func(e wire.AbandonedExecution) string { return localTime(e.AbandonedAt) }},
	})
}
