package api

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/danielgtaylor/huma/v2"
	dto "github.com/prometheus/client_model/go"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/front"
)

func (a *API) mountHealth(admin huma.API) {
	operation(a, admin, http.MethodGet, "/health", "get-health", "Show how the node is that answers", http.StatusOK, a.getHealth)
}

// getHealth tells what the metrics tell, so that there is one source, and how the database is.
func (a *API) getHealth(ctx context.Context, _ *none) (*body[wire.Health], error) {
	if !caller(ctx).May(authz.HealthRead) {
		return nil, caller(ctx).Denied(authz.HealthRead)
	}
	values := a.measure(ctx)
	database, events := a.databaseHealth(ctx)
	out := wire.Health{
		Version: a.version, Go: runtime.Version(), StartedAt: a.started, UptimeSeconds: int64(time.Since(a.started).Seconds()),
		Database: database,
		Disk:     wire.HealthDisk{FreeBytes: values.known("picloud_disk_free_bytes")},
		Memory: wire.HealthMemory{
			ResidentBytes: values.known("process_resident_memory_bytes"), HeapBytes: values["go_memstats_heap_inuse_bytes"], Goroutines: int64(runtime.NumGoroutine()),
		},
		Executions: wire.HealthExecutions{
			Running: values["picloud_executions_running"], Limit: values["picloud_executions_limit"],
			Refused: values[`picloud_executions_total `+string(abi.CodeOverloaded)],
		},
		Caches: wire.HealthCaches{
			Scripts: values["picloud_script_cache_entries"], ScriptBytes: values["picloud_script_cache_bytes"],
			ScriptHits: values["picloud_script_cache_hits_total"], ScriptMisses: values["picloud_script_cache_misses_total"],
			MachineCodeBytes: values["picloud_code_cache_bytes"],
		},
		Clients: wire.HealthClients{Connections: values["picloud_connections"], Subscribers: values["picloud_subscribers"]},
		Backlog: wire.HealthBacklog{
			Events:         events,
			Records:        values["picloud_records_queued"],
			RecordsDropped: values["picloud_records_dropped_total execution"] + values["picloud_records_dropped_total log_line"],
		},
	}
	return &body[wire.Health]{out}, nil
}

// databasePatience is how long the database has to show how it is.
const databasePatience = 5 * time.Second

// databaseHealth tells how the database is, also when it fails, and how many events wait in it.
func (a *API) databaseHealth(ctx context.Context) (of wire.HealthDatabase, events int64) {
	ctx, cancel := context.WithTimeout(ctx, databasePatience)
	defer cancel()
	of.Kind = a.store.Kind()
	err := func() error {
		began := time.Now()
		if err := a.store.Ping(ctx); err != nil {
			return err
		}
		of.WriteUS = time.Since(began).Microseconds()
		var err error
		if of.SizeBytes, err = a.store.Size(ctx); err != nil {
			return err
		}
		usage, err := a.store.Quotas().Usage(ctx, time.Now())
		for _, app := range usage {
			events += app.PendingEvents
		}
		return err
	}()
	if err != nil {
		a.log.Error("the database fails", "request_id", front.RequestIDOf(ctx), "error", err)
		of.Error = "it cannot be written or read: the log of the server says why"
	}
	return of, events
}

// measured are metrics by their names; those with one label, a blank and its value after the name.
type measured map[string]int64

// known returns a metric, nil if there is none.
func (m measured) known(name string) *int64 {
	if value, ok := m[name]; ok {
		return &value
	}
	return nil
}

// measure reads the counters and gauges of the node, as many as there are.
func (a *API) measure(ctx context.Context) measured {
	values := measured{}
	if a.metrics == nil {
		return values
	}
	families, err := a.metrics.Gather()
	if err != nil {
		a.log.Error("some metrics cannot be read", "request_id", front.RequestIDOf(ctx), "error", err)
	}
	for _, family := range families {
		for _, metric := range family.Metric {
			name := family.GetName()
			if len(metric.Label) == 1 {
				name += " " + metric.Label[0].GetValue()
			}
			switch family.GetType() {
			case dto.MetricType_GAUGE:
				values[name] = int64(metric.Gauge.GetValue())
			case dto.MetricType_COUNTER:
				values[name] = int64(metric.Counter.GetValue())
			}
		}
	}
	return values
}
