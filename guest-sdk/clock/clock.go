// Package clock asks the host for the time and for the rules of time zones, so that a plugin does
// not have to carry them.
package clock

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

type clock struct {
	Nanoseconds int64 `json:"ns"`
	UnixNano    int64 `json:"unix_ns"`
}

// Now returns the host's time in UTC. time.Now has it as well; this one fails when the execution
// has been ended.
func Now() (time.Time, error) {
	now, err := host.Call[clock](host.ClockMonotonic, nil)
	return time.Unix(0, now.UnixNano).UTC(), err
}

// Elapsed returns the time since the execution began, by a clock that only moves forward.
func Elapsed() (time.Duration, error) {
	now, err := host.Call[clock](host.ClockMonotonic, nil)
	return time.Duration(now.Nanoseconds), err
}

// Sleep waits. It fails when the execution has been ended meanwhile. A plugin that waits in any
// other way, as by time.Sleep, keeps a processor busy.
func Sleep(d time.Duration) error {
	_, err := host.Call[struct{}](host.ClockSleep, struct {
		Nanoseconds int64 `json:"ns"`
	}{max(d.Nanoseconds(), 0)})
	return err
}

// In returns a time in the zone with an IANA name such as "Europe/Berlin". Its location knows only
// the offset of that very moment. The error for an unknown zone is an [*sdk.Error], invalid.
func In(t time.Time, zone string) (time.Time, error) {
	location, err := locate(t.Unix(), zone, false)
	if err != nil {
		return time.Time{}, err
	}
	return t.In(location), nil
}

// Date returns the moment of a wall clock time in a zone, like [time.Date]. A time that occurs
// twice means its first occurrence; one that is skipped is read with the offset before the gap.
func Date(year int, month time.Month, day, hour, min, sec, nsec int, zone string) (time.Time, error) {
	wall := time.Date(year, month, day, hour, min, sec, nsec, time.UTC)
	location, err := locate(wall.Unix(), zone, true)
	if err != nil {
		return time.Time{}, err
	}
	_, offset := wall.In(location).Zone()
	return wall.Add(-time.Duration(offset) * time.Second).In(location), nil
}

func locate(unix int64, zone string, local bool) (*time.Location, error) {
	response, err := host.Call[struct {
		Offset       int    `json:"offset"`
		Abbreviation string `json:"abbreviation"`
	}](host.TimeZone, struct {
		Zone  string `json:"zone"`
		Unix  int64  `json:"unix"`
		Local bool   `json:"local,omitzero"`
	}{zone, unix, local})
	return time.FixedZone(response.Abbreviation, response.Offset), err
}
