package client

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// PreviewSchedule tells when a schedule fires.
func (c *Client) PreviewSchedule(ctx context.Context, app string, preview wire.SchedulePreview) (wire.SchedulePreviewed, error) {
	return call[wire.SchedulePreviewed](ctx, c, http.MethodPost, []string{"apps", app, "triggers:preview"}, nil, preview)
}
