// Package clock asks the host for the time and for time zones, whose rules a plugin
// need not carry with it.
package clock

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

type clock struct {
	Nanoseconds int64 `json:"ns"`
	UnixNano    int64 `json:"unix_ns"`
}

// Now is the host's time in UTC. time.Now has it as well; this one fails when the
// execution has been ended.
func Now() (time.Time, error) {
	now, err := host.Call[clock](host.ClockMonotonic, nil)
	return time.Unix(0, now.UnixNano).UTC(), err
}

// Elapsed is the time since the execution began, by a clock that only moves forward.
func Elapsed() (time.Duration, error) {
	now, err := host.Call[clock](host.ClockMonotonic, nil)
	return time.Duration(now.Nanoseconds), err
}

// Sleep waits. It fails when the execution has been ended meanwhile. A plugin that waits in any other way,
// as by time.Sleep, keeps a processor busy.
func Sleep(d time.Duration) error {
	_, err := host.Call[struct{}](host.ClockSleep, struct {
		Nanoseconds int64 `json:"ns"`
	}{max(d.Nanoseconds(), 0)})
	return err
}

// In is a time in a zone by its IANA name: "Europe/Berlin". Its location has the
// offset of that very moment and no other. An unknown zone is an [*sdk.Error],
// invalid.
func In(t time.Time, zone string) (time.Time, error) {
	location, err := locate(t.Unix(), zone, false)
	if err != nil {
		return time.Time{}, err
	}
	return t.In(location), nil
}

// Date is a wall clock time in a zone, as [time.Date] has it otherwise. Of one that
// occurs twice the first is meant, one that is skipped is read with the offset before
// it.
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
