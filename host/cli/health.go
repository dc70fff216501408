package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// HealthCmd is `picloud health`.
type HealthCmd struct{ Remote }

// Help is shown by --help.
func (HealthCmd) Help() string {
	return "For owners and admins of the instance. `picloud status` tells less, and to anybody."
}

// Run shows the health.
func (cmd *HealthCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	health, err := c.Health(ctx)
	if err != nil {
		return err
	}
	bytes := func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
	known := func(n *int64) string {
		if n == nil {
			return "not known"
		}
		return bytes(*n)
	}
	return printOne(r, health, []column[wire.Health]{
		{"VERSION", func(h wire.Health) string { return h.Version + " (" + h.Go + ")" }},
		{"STARTED", func(h wire.Health) string {
			return localTime(h.StartedAt) + ", " + (time.Duration(h.UptimeSeconds) * time.Second).String() + " ago"
		}},
		{"DATABASE", func(h wire.Health) string {
			if h.Database.Error != "" {
				return h.Database.Kind + ", which fails: " + h.Database.Error
			}
			return fmt.Sprintf("%s, %s, written to in %v", h.Database.Kind, bytes(h.Database.SizeBytes), time.Duration(h.Database.WriteUS)*time.Microsecond)
		}},
		{"DISK", func(h wire.Health) string { return known(h.Disk.FreeBytes) + " free" }},
		{"MEMORY", func(h wire.Health) string {
			return known(h.Memory.ResidentBytes) + ", of it Go " + bytes(h.Memory.HeapBytes)
		}},
		{"EXECUTIONS", func(h wire.Health) string {
			return fmt.Sprintf("%d running of %d, %d refused", h.Executions.Running, h.Executions.Limit, h.Executions.Refused)
		}},
		{"SCRIPTS", func(h wire.Health) string {
			return fmt.Sprintf("%d ready, %s, %d hits, %d misses", h.Caches.Scripts, bytes(h.Caches.ScriptBytes), h.Caches.ScriptHits, h.Caches.ScriptMisses)
		}},
		{"MACHINE CODE", func(h wire.Health) string { return bytes(h.Caches.MachineCodeBytes) }},
		{"CONNECTIONS", func(h wire.Health) string {
			return fmt.Sprintf("%d, %d subscribers", h.Clients.Connections, h.Clients.Subscribers)
		}},
		{"WAITING", func(h wire.Health) string {
			return fmt.Sprintf("%d events, %d records, %d records dropped", h.Backlog.Events, h.Backlog.Records, h.Backlog.RecordsDropped)
		}},
	})
}
