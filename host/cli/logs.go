package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// followInterval is how often `logs -f` asks for new lines.
const followInterval = 500 * time.Millisecond

// LogsCmd prints the log of an app or a script.
type LogsCmd struct {
	Remote
	InApp
	Script string       `arg:"" optional:"" help:"Name or id; all of the app when not given." complete:"scripts"`
	Follow bool         `short:"f" help:"Go on with lines as they are written, until interrupted. With --output json, one object a line."`
	Level  abi.LogLevel `enum:"trace,debug,info,warn,error" default:"trace" help:"Least severity: ${enum}."`
	Since  string       `placeholder:"WHEN" help:"Lines from this time on: 10m, 2h or 2026-01-31T15:04:05Z."`
	Limit  int          `short:"n" default:"100" help:"At most this many of the newest lines; 0 with --follow for new ones only."`
}

// Run is `picloud logs`.
func (cmd *LogsCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	since, err := parseWhen("--since", cmd.Since, time.Now())
	if err == nil && (cmd.Limit < 0 || cmd.Limit == 0 && !cmd.Follow) {
		err = fmt.Errorf("--limit must be at least 1, got %d", cmd.Limit)
	}
	if err != nil {
		return &usageError{err}
	}
	query := client.LogQuery{Level: cmd.Level, Since: since, Limit: cmd.Limit}
	if cmd.Script == "" {
		if cmd.Follow {
			return follow(r, formatAppLine, c.FollowAppLogs(ctx, in.App, query, followInterval))
		}
		lines, err := c.AppLogs(ctx, in.App, query)
		if err != nil {
			return err
		}
		return printLines(r, lines, formatAppLine)
	}
	script, err := findScript(ctx, c, in.App, cmd.Script)
	if err != nil {
		return err
	}
	if cmd.Follow {
		return follow(r, formatLine, c.FollowLogs(ctx, script.ID, query, followInterval))
	}
	lines, err := c.Logs(ctx, script.ID, query)
	if err != nil {
		return err
	}
	return printLines(r, lines, formatLine)
}

func printLines[T any](r *Remote, lines []T, format func(io.Writer, T) string) error {
	if r.Output == "json" {
		return printAll(r, lines, []column[T]{})
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(r.stdout, format(r.stdout, line)); err != nil {
			return err
		}
	}
	return nil
}

// follow prints what comes, a line each, until there is no more: as format has it, or as JSON.
func follow[T any](r *Remote, format func(io.Writer, T) string, coming iter.Seq2[T, error]) error {
	for one, err := range coming {
		if err != nil {
			return err
		}
		text := format(r.stdout, one)
		if r.Output == "json" {
			encoded, err := json.Marshal(one)
			if err != nil {
				return err
			}
			text = string(encoded)
		}
		if _, err := fmt.Fprintln(r.stdout, text); err != nil {
			return err
		}
	}
	return nil
}

// parseWhen reads the value of a flag: a duration before now, or a time; "" is the zero time.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s must be a duration such as 10m or a time such as 2026-01-31T15:04:05Z, got %q", flag, text)
	}
	return at, nil
}

var levelColors = map[abi.LogLevel]string{abi.LogTrace: faint, abi.LogDebug: faint, abi.LogWarn: yellow, abi.LogError: red}

// formatLine writes a line for people who look at w, in their time zone.
func formatLine(w io.Writer, line wire.LogLine) string {
	level := paint(w, levelColors[line.Level], fmt.Sprintf("%-5s", line.Level))
	text := fmt.Sprintf("%s %s %s", line.At.Local().Format("2006-01-02 15:04:05.000"), level, client.Printable(line.Message))
	if len(line.Data) > 0 {
		text += " " + client.Printable(string(line.Data))
	}
	return text
}

// formatAppLine is formatLine with the script's name.
func formatAppLine(w io.Writer, line client.AppLogLine) string {
	line.Message = line.ScriptName + ": " + line.Message
	return formatLine(w, line.LogLine)
}
