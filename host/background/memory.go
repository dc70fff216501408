package background

import (
	"context"
	"log/slog"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// quiet is how long nothing may have been collected: whoever allocates has memory given back on
	// the way.
	quiet = 5 * time.Second

	// worthwhile is how many bytes are given back at least: 16 MiB.
	worthwhile = 16 << 20
)

// NewMemoryReturn makes a service that gives memory back to the operating system when it has become
// quiet. Go collects what a burst of work has left when it has allocated as much again, or after two
// minutes, and gives it back little by little after that; a server on a small machine has neighbours.
func NewMemoryReturn(log *slog.Logger) *Task {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/live:bytes"}, // as of the last collection
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	var collections uint64
	return NewTask(TaskConfig{
		Name: "give memory back", Every: quiet, Log: log,
		Run: func(context.Context) error {
			metrics.Read(samples)
			before := collections
			collections = samples[0].Value.Uint64()
			live := samples[1].Value.Uint64()
			held := samples[2].Value.Uint64() + samples[3].Value.Uint64() + samples[4].Value.Uint64()
			if collections == before && held > live+max(live/10, worthwhile) {
				debug.FreeOSMemory()
				collections++
			}
			return nil
		},
	})
}
