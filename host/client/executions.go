package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// Executions lists the executions of a script, the last one first.
func (c *Client) Executions(ctx context.Context, scriptID string) iter.Seq2[wire.Execution, error] {
	return list[wire.Execution](ctx, c, "scripts", scriptID, "executions")
}

// ExecutionQuery narrows the executions of an app. What is zero does not.
type ExecutionQuery struct {
	Script       string        // id or name
	Outcome      string        // ok, failed, or the code of an error
	Kind         string        // http, execute, trigger or invoke
	Min, Max     time.Duration // took at least and at most; in whole milliseconds
	Since, Until time.Time     // started at or after, and before
	Level        abi.LogLevel  // with a line of the log that is at least so severe
	Text         string        // in the error's message or the log
	Root         string        // acted for this execution
	Logs         bool          // with their log lines
}

func (q ExecutionQuery) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{"script": q.Script, "outcome": q.Outcome, "kind": q.Kind, "level": string(q.Level), "text": q.Text, "root": q.Root} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, took := range map[string]time.Duration{"min_ms": q.Min, "max_ms": q.Max} {
		if took > 0 {
			values.Set(name, strconv.FormatInt(took.Milliseconds(), 10))
		}
	}
	for name, at := range map[string]time.Time{"from": q.Since, "to": q.Until} {
		if !at.IsZero() {
			values.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Logs {
		values.Set("logs", "true")
	}
	return values
}

// AppExecutions lists executions of an app, the last one first, as far back as there are any.
func (c *Client) AppExecutions(ctx context.Context, app string, q ExecutionQuery) iter.Seq2[wire.Execution, error] {
	return listQuery[wire.Execution](ctx, c, q.values(), "apps", app, "executions")
}

// ExecutionsAfter returns a piece of the executions of an app that were recorded after what Newest of another piece says,
// the oldest first; of "" only Newest, to follow from now on. There may be more as long as there are any.
func (c *Client) ExecutionsAfter(ctx context.Context, app string, q ExecutionQuery, newest string) (wire.ExecutionPage, error) {
	query := q.values()
	query.Set("limit", strconv.Itoa(maxLogPage))
	if newest == "" {
		query = url.Values{"limit": {"1"}}
	} else {
		query.Set("after", newest)
	}
	page, err := call[wire.ExecutionPage](ctx, c, http.MethodGet, []string{"apps", app, "executions"}, query, nil)
	if newest == "" {
		page.Items = nil
	}
	return page, err
}

// FollowExecutions yields executions of an app as they end, from now on; it asks for them at an interval. It goes on until the
// context ends, an error occurs or the caller stops.
func (c *Client) FollowExecutions(ctx context.Context, app string, q ExecutionQuery, every time.Duration) iter.Seq2[wire.Execution, error] {
	return func(yield func(wire.Execution, error) bool) {
		newest, err := c.newestExecution(ctx, app)
		if err != nil {
			yield(wire.Execution{}, err)
			return
		}
		c.followExecutions(ctx, app, q, newest, every, yield)
	}
}

// newestExecution returns from where to follow the executions of an app.
func (c *Client) newestExecution(ctx context.Context, app string) (newest string, err error) {
	page, err := c.ExecutionsAfter(ctx, app, ExecutionQuery{}, "")
	return page.Newest, err
}

func (c *Client) followExecutions(ctx context.Context, app string, q ExecutionQuery, newest string, every time.Duration, yield func(wire.Execution, error) bool) {
	poll := time.NewTicker(every)
	defer poll.Stop()
	for {
		page, err := c.ExecutionsAfter(ctx, app, q, newest)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			yield(wire.Execution{}, err)
			return
		}
		for _, e := range page.Items {
			if !yield(e, nil) {
				return
			}
		}
		if page.Newest != newest && (len(page.Items) > 0 || page.SearchedTo != nil) { // there may be more
			newest = page.Newest
			continue
		}
		newest = page.Newest
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// Execution returns an execution with its log.
func (c *Client) Execution(ctx context.Context, id string) (wire.Execution, error) {
	return call[wire.Execution](ctx, c, http.MethodGet, []string{"executions", id}, nil, nil)
}

// AbandonedExecutions lists executions of an app for other nodes whose answers nobody has had, the newest
// first.
func (c *Client) AbandonedExecutions(ctx context.Context, app string) iter.Seq2[wire.AbandonedExecution, error] {
	return list[wire.AbandonedExecution](ctx, c, "apps", app, "abandoned-executions")
}
