package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// TriggersCmd groups the commands on triggers.
type TriggersCmd struct {
	Remote
	InApp
	Preview TriggersPreviewCmd `cmd:"" help:"Tell when a schedule fires."`
}

// TriggersPreviewCmd is `picloud triggers preview`.
type TriggersPreviewCmd struct {
	Schedule string     `arg:"" help:"Six fields with seconds first, five without, a descriptor as @daily, or @every 90m."`
	Timezone string     `placeholder:"ZONE" help:"Of the IANA database, as in Europe/Zurich; UTC when absent."`
	After    *time.Time `placeholder:"TIME" help:"RFC 3339; now when absent."`
}

// Run shows the next times.
func (cmd *TriggersPreviewCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	preview, err := c.PreviewSchedule(ctx, in.App, wire.SchedulePreview{Schedule: cmd.Schedule, Timezone: cmd.Timezone, After: cmd.After})
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(preview)
	}
	fmt.Fprintln(r.stdout, preview.Words)
	for _, at := range preview.Next {
		fmt.Fprintln(r.stdout, at.Format("Mon 2006-01-02 15:04:05 -07:00"))
	}
	return nil
}
