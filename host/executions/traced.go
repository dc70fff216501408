package executions

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/abi"
)

const (
	traceEvery    = time.Second // a trace of equal failures
	failuresKnown = 1000        // that are kept in mind, of all scripts
)

// traced knows which failures were traced lately: of those that are alike one a second is enough to see what happened, and more
// would fill the log of their app. It is safe for concurrent use.
type traced struct {
	last *lru.Cache[failure, time.Time]
}

// failure is what makes executions fail alike.
type failure struct {
	scriptID     string
	code         abi.ErrorCode
	line, column int
}

func newTraced() *traced {
	last, _ := lru.New[failure, time.Time](failuresKnown) // fails for a size below 1 only
	return &traced{last}
}

// isNew reports whether no failure like this one was new within the last second.
func (t *traced) isNew(scriptID string, e *abi.ScriptError, now time.Time) bool {
	f := failure{scriptID, e.Code, e.Line, e.Column}
	if last, known := t.last.Get(f); known && now.Sub(last) < traceEvery {
		return false
	}
	t.last.Add(f, now)
	return true
}
