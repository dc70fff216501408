// Package quota bounds what an app may use: how often it is asked, how much of the machine it has, and
// how much it keeps.
//
// [Apps] has the shares of all apps in memory: the settings' defaults, and what an administrator has set
// instead. A [Meter] bounds what the database counts, a [Limiter] how often something is done. Requests
// and executions at once are bounded on each node by itself: to agree on every request would cost a round
// trip for each. What the database counts is of all nodes together.
package quota

import (
	"fmt"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of quotas.
const (
	MaxRate       = 1_000_000     // requests a second, and of a burst
	MaxExecutions = 10_000        // at once
	MaxCPUMillis  = 1_000_000_000 // a day: that of 11 processors
	MaxBytes      = 1 << 50
	MaxEvents     = 100_000_000
)

// Limits are what an app may have. 0 is no bound.
type Limits struct {
	RequestsPerSecond int64 // on each node
	RequestBurst      int64 // that may come at once; never 0 where RequestsPerSecond is not
	Executions        int64 // at once, on each node
	CPUMillis         int64 // processor time on a day (UTC)
	KVBytes           int64
	DocsBytes         int64
	FilesBytes        int64
	LogBytes          int64 // on a day (UTC)
	PendingEvents     int64
}

// Rate is how often the app may be asked.
func (l Limits) Rate() Rate {
	return Rate{Requests: l.RequestsPerSecond, Per: time.Second, Burst: l.RequestBurst}
}

// A Field is a part of a quota and of the limits that follow from it.
type Field struct {
	Name  string // in JSON
	Most  int64
	Set   func(*store.Quota) **int64
	Limit func(*Limits) *int64
}

// Fields are all parts, in their order.
var Fields = []Field{
	{"requests_per_second", MaxRate, func(q *store.Quota) **int64 { return &q.RequestsPerSecond }, func(l *Limits) *int64 { return &l.RequestsPerSecond }},
	{"request_burst", MaxRate, func(q *store.Quota) **int64 { return &q.RequestBurst }, func(l *Limits) *int64 { return &l.RequestBurst }},
	{"executions", MaxExecutions, func(q *store.Quota) **int64 { return &q.Executions }, func(l *Limits) *int64 { return &l.Executions }},
	{"cpu_ms_per_day", MaxCPUMillis, func(q *store.Quota) **int64 { return &q.CPUMillis }, func(l *Limits) *int64 { return &l.CPUMillis }},
	{"kv_bytes", MaxBytes, func(q *store.Quota) **int64 { return &q.KVBytes }, func(l *Limits) *int64 { return &l.KVBytes }},
	{"docs_bytes", MaxBytes, func(q *store.Quota) **int64 { return &q.DocsBytes }, func(l *Limits) *int64 { return &l.DocsBytes }},
	{"files_bytes", MaxBytes, func(q *store.Quota) **int64 { return &q.FilesBytes }, func(l *Limits) *int64 { return &l.FilesBytes }},
	{"log_bytes_per_day", MaxBytes, func(q *store.Quota) **int64 { return &q.LogBytes }, func(l *Limits) *int64 { return &l.LogBytes }},
	{"pending_events", MaxEvents, func(q *store.Quota) **int64 { return &q.PendingEvents }, func(l *Limits) *int64 { return &l.PendingEvents }},
}

// warnAt is the part of a quota, in percent, from which on there is a warning.
const warnAt = 80

// Near reports whether so much of a quota is used that there is a warning; 0 is no quota.
func Near(used, quota int64) bool { return quota > 0 && float64(used) >= float64(quota)/100*warnAt }

// Warning says how much of a quota is used where that is [Near], and otherwise nothing.
func Warning(used, quota int64) string {
	if !Near(used, quota) {
		return ""
	}
	return fmt.Sprintf("%.0f %% of the quota are used", math.Floor(float64(used)/float64(quota)*100))
}

// Check refuses a quota that is out of bounds, naming the field.
func Check(set store.Quota) error {
	for _, field := range Fields {
		if value := *field.Set(&set); value != nil && (*value < 0 || *value > field.Most) {
			return fault.Refuse(field.Name, "must be between 0 and %d, got %d", field.Most, *value)
		}
	}
	return nil
}

// with returns the limits with what is set instead.
func (l Limits) with(set store.Quota) Limits {
	for _, field := range Fields {
		if value := *field.Set(&set); value != nil {
			*field.Limit(&l) = *value
		}
	}
	if l.RequestBurst == 0 {
		l.RequestBurst = l.RequestsPerSecond
	}
	return l
}

// Apps has the limits of apps. It is safe for concurrent use; to read takes no lock.
type Apps struct {
	defaults Limits
	limiter  *Limiter

	mu  sync.Mutex // held by whoever changes
	own atomic.Pointer[map[string]Limits]
}

// NewApps makes the limits of apps of which nothing is set.
func NewApps(defaults Limits) *Apps {
	a := &Apps{defaults: defaults.with(store.Quota{}), limiter: NewLimiter()}
	a.own.Store(&map[string]Limits{})
	return a
}

// Limiter counts the requests to apps and routes.
func (a *Apps) Limiter() *Limiter {
	if a == nil {
		return NewLimiter()
	}
	return a.limiter
}

// Of returns the limits of an app. Of nil there are none.
func (a *Apps) Of(appID string) Limits {
	if a == nil {
		return Limits{}
	}
	if limits, ok := (*a.own.Load())[appID]; ok {
		return limits
	}
	return a.defaults
}

// With returns the limits of an app for which this is set.
func (a *Apps) With(set store.Quota) Limits {
	if a == nil {
		return Limits{}.with(set)
	}
	return a.defaults.with(set)
}

// Set gives an app what is set for it, as [Check] allows it.
func (a *Apps) Set(appID string, set store.Quota) {
	a.change(func(own map[string]Limits) {
		if set == (store.Quota{}) {
			delete(own, appID)
		} else {
			own[appID] = a.defaults.with(set)
		}
	})
}

// Remove forgets what is set for an app.
func (a *Apps) Remove(appID string) { a.Set(appID, store.Quota{}) }

// Replace forgets all that is set but for this, by app.
func (a *Apps) Replace(all map[string]store.Quota) {
	a.change(func(own map[string]Limits) {
		clear(own)
		for appID, set := range all {
			own[appID] = a.defaults.with(set)
		}
	})
}

func (a *Apps) change(fn func(own map[string]Limits)) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	own := maps.Clone(*a.own.Load())
	fn(own)
	a.own.Store(&own)
}
