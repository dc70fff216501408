package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/picloud/picloud/host/api/wire"
)

// SeriesQuery says what is asked of what ran. What is zero is left to the server.
type SeriesQuery struct {
	From, To time.Time
	Step     time.Duration // in whole seconds
	Script   string        // id or name
	ByScript bool          // and of each script
}

func (q SeriesQuery) values() url.Values {
	values := url.Values{}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			values.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Step > 0 {
		values.Set("step", strconv.FormatInt(int64(q.Step/time.Second), 10))
	}
	if q.Script != "" {
		values.Set("script", q.Script)
	}
	if q.ByScript {
		values.Set("by_script", "true")
	}
	return values
}

// Series returns what ran in an app over time.
func (c *Client) Series(ctx context.Context, app string, q SeriesQuery) (wire.Series, error) {
	return call[wire.Series](ctx, c, http.MethodGet, []string{"apps", app, "series"}, q.values(), nil)
}

// AppsSeries returns what ran in all apps that the caller can see; script and by script are of one app alone.
func (c *Client) AppsSeries(ctx context.Context, q SeriesQuery) (all wire.AppsSeries, err error) {
	q.Script, q.ByScript = "", false
	query := q.values()
	for {
		page, err := call[wire.AppsSeries](ctx, c, http.MethodGet, []string{"series"}, query, nil)
		if err != nil {
			return all, err
		}
		all.Span, all.Items = page.Span, append(all.Items, page.Items...)
		if page.Cursor == "" {
			return all, nil
		}
		query.Set("cursor", page.Cursor)
	}
}

// Health returns how the node is that answers.
func (c *Client) Health(ctx context.Context) (wire.Health, error) {
	return call[wire.Health](ctx, c, http.MethodGet, []string{"health"}, nil, nil)
}
