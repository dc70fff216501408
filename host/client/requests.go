package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/picloud/picloud/host/api/wire"
)

// Requests returns the requests to an app that the node which is asked has answered since the number that
// it gave the last time; 0 for those from now on.
func (c *Client) Requests(ctx context.Context, app string, after int64) (wire.AnsweredRequests, error) {
	return call[wire.AnsweredRequests](ctx, c, http.MethodGet, []string{"apps", app, "requests"}, url.Values{"after": {strconv.FormatInt(after, 10)}}, nil)
}
