package quota

import (
	"strconv"
	"time"
)

// Told is what a response says of the rates that its request was counted for, as values of the header
// fields RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers). Of a policy the burst is the
// quota q, and the window w is the time in which that comes; r requests are left, and in t seconds all of
// them are there.
type Told struct{ Policy, State []byte }

// Add tells of a rate, by the name of its policy.
func (t *Told) Add(name string, rate Rate, state State) {
	t.Policy = item(t.Policy, name, ";q=", rate.Burst, ";w=", time.Duration(rate.capacity()))
	t.State = item(t.State, name, ";r=", state.Remaining, ";t=", state.Reset)
}

// item appends an item of a list (RFC 9651) with two parameters; a time is rounded up to seconds.
func item(to []byte, name, count string, n int64, seconds string, d time.Duration) []byte {
	if to == nil {
		to = make([]byte, 0, 64)
	} else {
		to = append(to, ", "...)
	}
	to = append(append(append(append(to, '"'), name...), '"'), count...)
	to = append(strconv.AppendInt(to, n, 10), seconds...)
	return strconv.AppendInt(to, int64((d+time.Second-1)/time.Second), 10)
}
