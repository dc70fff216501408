package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// LogQuery narrows a script's log.
type LogQuery struct {
	Level abi.LogLevel // at least this severe; "" for all
	Since time.Time    // written at or after; zero for all
	Limit int          // of the newest lines, at most this many
}

// maxLogPage is the most lines that the server sends at once.
const maxLogPage = 1000

// Logs returns the newest lines of a script's log, the oldest of them first.
func (c *Client) Logs(ctx context.Context, scriptID string, q LogQuery) ([]wire.LogLine, error) {
	return c.newestLogs(ctx, scriptID, q, "")
}

// newestLogs returns the newest lines before a cursor, the oldest of them first.
func (c *Client) newestLogs(ctx context.Context, scriptID string, q LogQuery, cursor string) ([]wire.LogLine, error) {
	var lines []wire.LogLine
	for len(lines) < q.Limit {
		page, err := c.logPage(ctx, scriptID, q, "newest", cursor, min(q.Limit-len(lines), maxLogPage))
		if err != nil {
			return nil, err
		}
		lines = append(lines, page.Items...)
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	slices.Reverse(lines)
	return lines, nil
}

// FollowLogs yields the newest lines of a script's log and then lines as they are written; it asks
// for them at an interval. It goes on until the context ends, an error occurs or the caller stops.
func (c *Client) FollowLogs(ctx context.Context, scriptID string, q LogQuery, every time.Duration) iter.Seq2[wire.LogLine, error] {
	return func(yield func(wire.LogLine, error) bool) {
		lines, cursor, err := c.newestWithCursor(ctx, scriptID, q)
		poll := time.NewTicker(every)
		defer poll.Stop()
		for first := true; ; first = false {
			if err != nil {
				yield(wire.LogLine{}, err)
				return
			}
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
			if !first && len(lines) < maxLogPage { // caught up
				select {
				case <-ctx.Done():
					return
				case <-poll.C:
				}
			}
			var page wire.Page[wire.LogLine]
			page, err = c.logPage(ctx, scriptID, q, "oldest", cursor, maxLogPage)
			if ctx.Err() != nil {
				return
			}
			lines, cursor = page.Items, page.Cursor
		}
	}
}

// newestWithCursor returns the newest lines and a cursor to go on after them. A page's cursor leads
// on from the page's last line in either direction. So a page of the newest line alone has the
// cursor that is wanted, unless that line is the only one.
func (c *Client) newestWithCursor(ctx context.Context, scriptID string, q LogQuery) ([]wire.LogLine, string, error) {
	newest, err := c.logPage(ctx, scriptID, q, "newest", "", 1)
	if err != nil || newest.Cursor == "" {
		return nil, "", err // following from the start yields it
	}
	if q.Limit < 1 {
		return nil, newest.Cursor, nil
	}
	q.Limit--
	before, err := c.newestLogs(ctx, scriptID, q, newest.Cursor)
	return append(before, newest.Items...), newest.Cursor, err
}

func (c *Client) logPage(ctx context.Context, scriptID string, q LogQuery, order, cursor string, limit int) (wire.Page[wire.LogLine], error) {
	query := url.Values{"order": {order}, "limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if q.Level != "" {
		query.Set("level", string(q.Level))
	}
	if !q.Since.IsZero() {
		query.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	return call[wire.Page[wire.LogLine]](ctx, c, http.MethodGet, []string{"scripts", scriptID, "logs"}, query, nil)
}

// AppLogLine is a line of the log of an app.
type AppLogLine struct {
	wire.LogLine
	ScriptName string `json:"script_name"`
}

// levels are those of the log, from the least on.
var levels = []abi.LogLevel{abi.LogTrace, abi.LogDebug, abi.LogInfo, abi.LogWarn, abi.LogError}

// lines are those of an execution that a query asks for.
func (q LogQuery) lines(e wire.Execution) (lines []AppLogLine) {
	for _, line := range e.Logs {
		if slices.Index(levels, line.Level) >= slices.Index(levels, q.Level) && !line.At.Before(q.Since) {
			lines = append(lines, AppLogLine{line, e.ScriptName})
		}
	}
	return lines
}

// executions are those that may have lines which a query asks for.
func (q LogQuery) executions() ExecutionQuery {
	of := ExecutionQuery{Logs: true}
	if q.Level != levels[0] { // which every line has
		of.Level = q.Level
	}
	if !q.Since.IsZero() {
		of.Since = q.Since.Add(-maxExecution)
	}
	return of
}

// maxExecution is how long an execution may last that has lines in a log.
const maxExecution = time.Hour

// AppLogs returns the newest lines of the log of an app, those of an execution together, the oldest of them first.
func (c *Client) AppLogs(ctx context.Context, app string, q LogQuery) (lines []AppLogLine, err error) {
	for e, err := range c.AppExecutions(ctx, app, q.executions()) {
		if err != nil {
			return nil, err
		}
		of := q.lines(e)
		slices.Reverse(of)
		if lines = append(lines, of...); len(lines) >= q.Limit {
			lines = lines[:q.Limit]
			break
		}
	}
	slices.Reverse(lines)
	return lines, nil
}

// FollowAppLogs is AppLogs, and then lines as they are written; see [Client.FollowLogs].
func (c *Client) FollowAppLogs(ctx context.Context, app string, q LogQuery, every time.Duration) iter.Seq2[AppLogLine, error] {
	return func(yield func(AppLogLine, error) bool) {
		newest, err := c.newestExecution(ctx, app)
		var lines []AppLogLine
		if err == nil && q.Limit > 0 {
			lines, err = c.AppLogs(ctx, app, q)
		}
		if err != nil {
			yield(AppLogLine{}, err)
			return
		}
		seen := map[string]bool{} // also some that came after the newest
		for _, line := range lines {
			if seen[line.ExecutionID] = true; !yield(line, nil) {
				return
			}
		}
		following := q.executions()
		following.Since = time.Time{}
		c.followExecutions(ctx, app, following, newest, every, func(e wire.Execution, err error) bool {
			if err != nil {
				return yield(AppLogLine{}, err)
			}
			for _, line := range q.lines(e) {
				if !seen[e.ID] && !yield(line, nil) {
					return false
				}
			}
			return true
		})
	}
}
