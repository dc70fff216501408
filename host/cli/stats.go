package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// AppsStatsCmd is `picloud apps stats`.
type AppsStatsCmd struct {
	App      string        `arg:"" optional:"" help:"Slug or id; all that you can see when not given." complete:"apps"`
	Since    string        `default:"1h" placeholder:"WHEN" help:"From then on: 10m, 24h, 720h or 2026-01-31T15:04:05Z (default ${default}). Minutes are kept for two days, hours for 90."`
	Until    string        `placeholder:"WHEN" help:"Before then; now when not given."`
	Step     time.Duration `placeholder:"TIME" help:"How long a line is of, such as 5m or 1h."`
	Script   string        `placeholder:"SCRIPT" help:"Of this script alone, by name or id."`
	ByScript bool          `help:"A line for each script, rather than for each piece of time."`
}

// Run shows what ran.
func (cmd *AppsStatsCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	query := client.SeriesQuery{Step: cmd.Step, Script: cmd.Script, ByScript: cmd.ByScript}
	var err error
	if query.From, err = parseWhen("--since", cmd.Since, time.Now()); err != nil {
		return &usageError{err}
	}
	if query.To, err = parseWhen("--until", cmd.Until, time.Now()); err != nil {
		return &usageError{err}
	}
	switch {
	case cmd.App == "" && (cmd.Script != "" || cmd.ByScript || cmd.Step != 0):
		return &usageError{fmt.Errorf("name the app: --script, --by-script and --step are of one")}
	case cmd.App == "":
		all, err := c.AppsSeries(ctx, query)
		if err != nil {
			return err
		}
		return printAll(r, all.Items, figureColumns(func(a wire.AppSeries) wire.Figures { return a.Total },
			column[wire.AppSeries]{"APP", func(a wire.AppSeries) string { return a.Slug }}))
	}
	series, err := c.Series(ctx, cmd.App, query)
	if err != nil {
		return err
	}
	switch {
	case r.Output == "json":
		return r.printJSON(series)
	case cmd.ByScript:
		return printAll(r, series.Scripts, figureColumns(func(s wire.ScriptTotals) wire.Figures { return s.Figures },
			column[wire.ScriptTotals]{"SCRIPT", func(s wire.ScriptTotals) string { return s.ScriptName }}))
	}
	if err := printAll(r, series.Points, figureColumns(func(p wire.Point) wire.Figures { return p.Figures },
		column[wire.Point]{"FROM", func(p wire.Point) string { return localTime(p.At) }})); err != nil {
		return err
	}
	t := series.Total
	_, err = fmt.Fprintf(r.stdout, "%d executions, %d errors, in steps of %v\n", t.Executions, t.Errors, time.Duration(series.StepSeconds)*time.Second)
	return err
}

// figureColumns shows the figures of items, after a column of what they are of.
func figureColumns[T any](of func(T) wire.Figures, first column[T]) []column[T] {
	figure := func(title string, value func(wire.Figures) string) column[T] {
		return column[T]{title, func(item T) string { return value(of(item)) }}
	}
	micros := func(us int64) string { return (time.Duration(us) * time.Microsecond).String() }
	return []column[T]{
		first,
		figure("EXECUTIONS", func(f wire.Figures) string { return number(f.Executions) }),
		figure("ERRORS", func(f wire.Figures) string { return number(f.Errors) }),
		figure("REQUESTS", func(f wire.Figures) string { return number(f.Requests) }),
		figure("P50", func(f wire.Figures) string { return micros(f.P50US) }),
		figure("P90", func(f wire.Figures) string { return micros(f.P90US) }),
		figure("P99", func(f wire.Figures) string { return micros(f.P99US) }),
		figure("PROCESSOR", func(f wire.Figures) string { return micros(f.CPUUS) }),
		figure("LOG BYTES", func(f wire.Figures) string { return number(f.LogBytes) }),
	}
}
