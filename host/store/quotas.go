package store

import (
	"context"
	"time"
)

// Quota is what an administrator has set of an app's shares. Of what is nil the settings' default counts;
// 0 is no bound.
type Quota struct {
	RequestsPerSecond *int64 `json:"requests_per_second,omitempty"` // by routes and the execute endpoint, on each node
	RequestBurst      *int64 `json:"request_burst,omitempty"`       // that may come at once; 0: as many as in a second
	Executions        *int64 `json:"executions,omitempty"`          // at once, on each node
	CPUMillis         *int64 `json:"cpu_ms_per_day,omitempty"`      // processor time of executions on a day (UTC)
	KVBytes           *int64 `json:"kv_bytes,omitempty"`
	DocsBytes         *int64 `json:"docs_bytes,omitempty"`
	FilesBytes        *int64 `json:"files_bytes,omitempty"`
	LogBytes          *int64 `json:"log_bytes_per_day,omitempty"` // on a day (UTC)
	PendingEvents     *int64 `json:"pending_events,omitempty"`
}

// Quotas keeps the shares of apps.
type Quotas interface {
	// Get returns what is set for an app; the zero Quota, if nothing is.
	Get(ctx context.Context, appID string) (Quota, error)
	// All returns what is set, by app.
	All(ctx context.Context) (map[string]Quota, error)
	// Set replaces what is set for an app. An unknown app is [fault.NotFound].
	Set(ctx context.Context, appID string, quota Quota) error
	// Usage returns what all apps have of what is bounded on the day (UTC) of a time, by app.
	Usage(ctx context.Context, day time.Time) (map[string]WholeUsage, error)
}

// WholeUsage is also of what is slow to count.
type WholeUsage struct {
	AppUsage
	PendingEvents int64
}
