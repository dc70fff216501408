package cli

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// ExecutionsCmd groups the commands on what has run.
type ExecutionsCmd struct {
	Remote
	InApp
	List      ExecutionsListCmd      `cmd:"" help:"List the executions of a script, the last one first."`
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
	{"ERROR", func(e wire.Execution) string {
		if e.Error == nil {
			return ""
		}
		return e.Error.Message
	}},
})

// ExecutionsListCmd is `picloud executions list`.
type ExecutionsListCmd struct {
	ScriptArg
	Limit int `default:"100" help:"At most so many; 0 for all (default ${default})."`
}

// Run lists the executions.
func (cmd *ExecutionsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	executions, err := client.Collect(first(cmd.Limit, c.Executions(ctx, script.ID)))
	if err != nil {
		return err
	}
	return printAll(r, executions, executionColumns)
}

// ExecutionsShowCmd is `picloud executions show`.
type ExecutionsShowCmd struct {
	ID string `arg:"" help:"Id of the execution, as X-Execution-Id tells it."`
}

// Run shows the execution.
func (cmd *ExecutionsShowCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	execution, err := c.Execution(ctx, cmd.ID)
	if err != nil {
		return err
	}
	return printOne(r, execution, executionProperties)
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
