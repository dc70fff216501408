package cli

import (
	"context"
	"slices"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// mostRecent is how many of a script's newest executions are looked at for those that are new.
const mostRecent = 200

// recent finds the executions of a script that have ended since it was last asked. They are not recorded in the
// order in which they began, so that it keeps in mind which it has told.
type recent struct {
	since time.Time       // those that began before are not looked for
	told  map[string]bool // ids, of the newest executions
}

// fresh returns the executions that were not there the last time, the oldest first.
func (r *recent) fresh(ctx context.Context, c *client.Client, scriptID string) (fresh []wire.Execution, err error) {
	seen := map[string]bool{}
	for e, err := range first(mostRecent, c.Executions(ctx, scriptID)) {
		if err != nil {
			return nil, err
		}
		if e.StartedAt.Before(r.since) {
			break
		}
		if seen[e.ID] = true; !r.told[e.ID] {
			fresh = append(fresh, e)
		}
	}
	r.told = seen
	slices.Reverse(fresh)
	return fresh, nil
}

// runs reports whether a script is executed by itself.
func runs(script wire.Script) bool {
	return script.Kind != abi.KindModule && script.Kind != abi.KindStatic
}
