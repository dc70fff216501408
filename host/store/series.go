package store

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/abi"
)

// Counts are numbers of executions and sums over them, each at its place: those below, then, from [CountDurations]
// on, how many took how long. [CountNames] has a name for each.
type Counts [CountDurations + DurationBuckets]int64

// The places of Counts.
const (
	CountHTTP = iota // by what caused them
	CountExecute
	CountTrigger
	CountInvoke
	CountOK // by how they ended
	CountScriptInvalid
	CountScriptError
	CountOverloaded
	CountTimeout
	CountLimitExceeded
	CountInternal
	CountCancelled
	CountServerErrors // requests that were answered with a status of 500 or above
	CountDurationUS   // microseconds
	CountCPUUS        // microseconds for which they had a processor
	CountLogBytes     // see [Execution.LogBytes]
	CountDurations
)

// CountNames are the names of Counts, by their places.
var CountNames = func() (names [len(Counts{})]string) {
	for place, name := range map[int]string{
		CountHTTP: "http", CountExecute: "execute", CountTrigger: "trigger", CountInvoke: "invoke",
		CountOK: "ok", CountScriptInvalid: "script_invalid", CountScriptError: "script_error", CountOverloaded: "overloaded",
		CountTimeout: "timeout", CountLimitExceeded: "limit_exceeded", CountInternal: "internal", CountCancelled: "cancelled",
		CountServerErrors: "server_errors", CountDurationUS: "duration_us", CountCPUUS: "cpu_us", CountLogBytes: "log_bytes",
	} {
		names[place] = name
	}
	for bucket := range DurationBuckets {
		names[CountDurations+bucket] = "d" + strconv.Itoa(bucket)
	}
	return names
}()

// DurationBuckets is into how many buckets durations are sorted: up to 64 µs, then each up to √2 times as much, the last one
// without a bound.
const DurationBuckets = 44

// durationBounds are the upper bounds of all buckets but the last, in microseconds.
var durationBounds = func() (bounds [DurationBuckets - 1]int64) {
	for i := range bounds {
		bounds[i] = int64(math.Round(64 * math.Pow(2, float64(i)/2)))
	}
	return bounds
}()

// CountedTypes and CountedOutcomes are what the places from [CountHTTP] and from [CountOK] on count.
var (
	CountedTypes = [CountOK - CountHTTP]abi.InvocationType{
		CountHTTP: abi.InvocationHTTP, CountExecute: abi.InvocationExecute, CountTrigger: abi.InvocationTrigger, CountInvoke: abi.InvocationInvoke,
	}
	CountedOutcomes = [CountServerErrors - CountOK]abi.ErrorCode{
		0: "", CountScriptInvalid - CountOK: abi.CodeScriptInvalid, CountScriptError - CountOK: abi.CodeScriptError,
		CountOverloaded - CountOK: abi.CodeOverloaded, CountTimeout - CountOK: abi.CodeTimeout, CountLimitExceeded - CountOK: abi.CodeLimitExceeded,
		CountInternal - CountOK: abi.CodeInternal, CountCancelled - CountOK: abi.CodeCancelled,
	}
)

// Count adds an execution with these bytes of log.
func (c *Counts) Count(e *Execution, logBytes int) {
	if i := slices.Index(CountedTypes[:], e.InvocationType); i >= 0 {
		c[CountHTTP+i]++
	}
	outcome := slices.Index(CountedOutcomes[:], e.Outcome)
	if outcome < 0 { // a code of the guest's own making
		outcome = CountScriptError - CountOK
	}
	c[CountOK+outcome]++
	if e.Status >= 500 && (e.InvocationType == abi.InvocationHTTP || e.InvocationType == abi.InvocationExecute) {
		c[CountServerErrors]++
	}
	us := e.Duration.Microseconds()
	c[CountDurationUS] += us
	c[CountCPUUS] += e.CPU.Microseconds()
	c[CountLogBytes] += int64(logBytes)
	bucket, _ := slices.BinarySearch(durationBounds[:], us)
	c[CountDurations+bucket]++
}

// Add adds what others counted.
func (c *Counts) Add(other *Counts) {
	for i, n := range other {
		c[i] += n
	}
}

// Executions returns how many executions there are.
func (c *Counts) Executions() (n int64) {
	for _, of := range c[CountDurations:] {
		n += of
	}
	return n
}

// Quantile returns how long the part q of the executions, 0 to 1, took at most, to within a fifth; 0 if there are none. Of those
// that took more than two minutes it says that they did.
func (c *Counts) Quantile(q float64) time.Duration {
	rank := q * float64(c.Executions())
	lower, before := 0.0, 0.0
	for i, n := range c[CountDurations:] {
		upper := lower // of the last bucket
		if i < len(durationBounds) {
			upper = float64(durationBounds[i])
		}
		if in := float64(n); in > 0 && before+in >= rank {
			return time.Duration((lower + (upper-lower)*(rank-before)/in) * float64(time.Microsecond))
		}
		before += float64(n)
		lower = upper
	}
	return 0
}

// The lengths of the pieces of time in which executions are counted, and how long these are kept.
const (
	Minute     = time.Minute
	Hour       = time.Hour
	KeepMinute = 48 * time.Hour
	KeepHour   = 90 * 24 * time.Hour
)

// Counted is what was counted of a script in a minute.
type Counted struct {
	AppID    string
	ScriptID string
	At       time.Time // within the minute
	Counts
}

// Piece is what was counted in a piece of time.
type Piece struct {
	At time.Time // when it begins
	Counts
}

// MaxBusiest is how many scripts [Series.ByScript] returns at most.
const MaxBusiest = 100

// ScriptCounts is what was counted of a script.
type ScriptCounts struct {
	ScriptID   string
	ScriptName string
	Counts
}

// SeriesQuery asks for the pieces of an app, or of one of its scripts.
type SeriesQuery struct {
	AppID    string
	ScriptID string // "": all of the app, those of scripts that are gone, too
	From, To time.Time
	Kept     time.Duration // the pieces to make it of: [Minute] or [Hour]
	Step     time.Duration // of the pieces that are returned: a multiple of Kept. They begin at multiples of it since 1970
}

// Series keeps what is counted of executions over time. It outlives the records of the executions.
type Series interface {
	// Add adds counts to those of their pieces, all or none. Of an app that is gone nothing is kept, of a script
	// that is gone what its app did.
	Add(ctx context.Context, counted []Counted) error
	// List returns the pieces that begin from From on, cut to the step, and before To, in order, without those in
	// which there was nothing.
	List(ctx context.Context, query SeriesQuery) ([]Piece, error)
	// ByScript returns what was counted of the scripts of a query that there are, all pieces in one, those that ran most
	// often first: of [MaxBusiest] at most.
	ByScript(ctx context.Context, query SeriesQuery) ([]ScriptCounts, error)
	// DeleteBefore removes up to limit pieces of a kept length, 1 to [MaxBatch], that begin before a time, and returns their
	// number: less than limit when none is left.
	DeleteBefore(ctx context.Context, kept time.Duration, before time.Time, limit int) (int, error)
}
