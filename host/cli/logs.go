package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// followInterval is how often `logs -f` asks for new lines.
const followInterval = 500 * time.Millisecond

// LogsCmd prints the log of a script or of an app.
type LogsCmd struct {
	Remote
	InApp
	Script string       `arg:"" optional:"" help:"Name or id; all scripts of the app when absent." complete:"scripts"`
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
		return cmd.ofApp(ctx, r, c, in.App, query)
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
	if r.Output == "json" {
		return printAll(r, lines, []column[wire.LogLine]{})
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(r.stdout, formatLine(r.stdout, line)); err != nil {
			return err
		}
	}
	return nil
}

// A scriptLine is a line of the log of one of several scripts.
type scriptLine struct {
	ScriptName string `json:"script_name"`
	wire.LogLine
}

func formatScriptLine(w io.Writer, line scriptLine) string {
	text := line.LogLine
	text.Message = line.ScriptName + ": " + text.Message
	return formatLine(w, text)
}

// ofApp prints the lines of all scripts.
func (cmd *LogsCmd) ofApp(ctx context.Context, r *Remote, c *client.Client, app string, query client.LogQuery) error {
	scripts, err := scriptsThatRun(ctx, c, app)
	if err != nil {
		return err
	}
	if cmd.Follow {
		return follow(r, formatScriptLine, followScripts(ctx, c, app, scripts, query))
	}
	lines := []scriptLine{}
	for _, script := range scripts {
		of, err := c.Logs(ctx, script.ID, query)
		if err != nil {
			return err
		}
		for _, line := range of {
			lines = append(lines, scriptLine{script.Name, line})
		}
	}
	slices.SortStableFunc(lines, func(a, b scriptLine) int { return a.At.Compare(b.At) })
	lines = lines[max(0, len(lines)-cmd.Limit):]
	if r.Output == "json" {
		return r.printJSON(lines)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(r.stdout, formatScriptLine(r.stdout, line)); err != nil {
			return err
		}
	}
	return nil
}

// scriptsThatRun returns those of an app's scripts that have a log.
func scriptsThatRun(ctx context.Context, c *client.Client, app string) ([]wire.Script, error) {
	scripts, err := client.Collect(c.Scripts(ctx, app))
	return slices.DeleteFunc(scripts, func(s wire.Script) bool { return !runs(s) }), err
}

// newScripts is how often a log that is followed looks for scripts that are new in its app.
const newScripts = 5 * time.Second

// followScripts yields the lines of scripts, and of those that come to the app, as they are written.
func followScripts(ctx context.Context, c *client.Client, app string, scripts []wire.Script, q client.LogQuery) iter.Seq2[scriptLine, error] {
	type read struct {
		line scriptLine
		err  error
	}
	return func(yield func(scriptLine, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var following sync.WaitGroup
		defer following.Wait()
		defer cancel()
		coming := make(chan read)
		one := func(script wire.Script, q client.LogQuery) {
			for line, err := range c.FollowLogs(ctx, script.ID, q, followInterval) {
				if client.HasStatus(err, http.StatusNotFound) { // the script is gone
					return
				}
				select {
				case coming <- read{scriptLine{script.Name, line}, err}:
				case <-ctx.Done():
					return
				}
			}
		}
		known := map[string]bool{}
		begin := func(scripts []wire.Script) {
			for _, script := range scripts {
				if query := q; !known[script.ID] {
					known[script.ID] = true
					following.Go(func() { one(script, query) })
				}
			}
		}
		begin(scripts)
		look := time.NewTicker(newScripts)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case next := <-coming:
				if !yield(next.line, next.err) || next.err != nil {
					return
				}
			case <-look.C:
				now, err := scriptsThatRun(ctx, c, app)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					yield(scriptLine{}, err)
					return
				}
				q.Limit = mostRecent // of what is new all, not what was asked for of the others
				begin(now)
			}
		}
	}
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
