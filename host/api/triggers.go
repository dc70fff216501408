package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/events/schedule"
)

func (a *API) mountTriggers(admin huma.API) {
	operation(a, admin, http.MethodPost, "/apps/{app}/triggers:preview", "preview-schedule", "When does a schedule fire?", http.StatusOK, a.previewSchedule)
}

// previewed is how many times are told.
const previewed = 5

func (a *API) previewSchedule(ctx context.Context, in *struct {
	AppPath
	Body wire.SchedulePreview
}) (*body[wire.SchedulePreviewed], error) {
	if _, err := a.findApp(ctx, in.App, authz.ScriptRead); err != nil {
		return nil, err
	}
	s, err := schedule.Parse(in.Body.Schedule, in.Body.Timezone)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	if in.Body.After != nil {
		at = *in.Body.After
	}
	out := &body[wire.SchedulePreviewed]{wire.SchedulePreviewed{Next: []time.Time{}, Words: s.Words()}}
	for range previewed {
		next, fires := s.Next(at)
		if !fires {
			break
		}
		out.Body.Next, at = append(out.Body.Next, next), next
	}
	return out, nil
}
