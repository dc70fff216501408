package hostcalls

import (
	"context"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the machine may have no zones of its own

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

const (
	zonesKept   = 64      // parsed zones are some KiB each
	maxZoneName = 64      // bytes; the longest of the IANA names has 32
	maxUnix     = 1 << 38 // either way, the year 10680: package time does not calculate with just any year
)

// timeZone returns the handler of [abi.OpTimeZone].
func timeZone() Handler {
	zones, err := lru.New[string, *time.Location](zonesKept)
	if err != nil {
		panic(err) // only for a size below 1
	}
	find := func(name string) (*time.Location, error) {
		if zone, ok := zones.Get(name); ok {
			return zone, nil
		}
		// Go also takes "" for UTC and "Local" for wherever the server stands.
		if name == "" || name == "Local" || len(name) > maxZoneName || strings.HasPrefix(name, ".") {
			return nil, unknownZone(name)
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			return nil, unknownZone(name)
		}
		zones.Add(name, zone)
		return zone, nil
	}
	return handle(abi.OpTimeZone, func(_ context.Context, _ *Scope, request *abi.TimeZoneRequest) (msgp.Marshaler, error) {
		zone, err := find(request.Zone)
		if err != nil {
			return nil, err
		}
		if request.Unix < -maxUnix || request.Unix > maxUnix {
			return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: fmt.Sprintf("time.zone: unix must be between %d and %d, got %d", -maxUnix, maxUnix, request.Unix)}
		}
		if request.Local {
			response := offsetAtWallClock(zone, request.Unix)
			return &response, nil
		}
		abbreviation, offset := time.Unix(request.Unix, 0).In(zone).Zone()
		return &abi.TimeZoneResponse{Offset: offset, Abbreviation: abbreviation}, nil
	})
}

func unknownZone(name string) error {
	if len(name) > maxZoneName {
		name = strings.ToValidUTF8(name[:maxZoneName], "") + "..."
	}
	return &abi.OpError{Code: abi.OpCodeInvalid, Message: fmt.Sprintf("time.zone: zone must be an IANA name such as Europe/Berlin, got %q", name)}
}

// offsetAtWallClock finds the offset at a wall clock time, given in seconds as
// if it were UTC. It is the offset of a day before or of a day after: no zone
// changes more than once in between. (It would have been the ends of the zone's
// periods, had Time.ZoneBounds not wrong ones after the last that is listed.)
func offsetAtWallClock(zone *time.Location, wall int64) abi.TimeZoneResponse {
	const day = 24 * 60 * 60 // more than any offset
	at := func(unix int64) abi.TimeZoneResponse {
		abbreviation, offset := time.Unix(unix, 0).In(zone).Zone()
		return abi.TimeZoneResponse{Offset: offset, Abbreviation: abbreviation}
	}
	before, after := at(wall-day), at(wall+day)
	first, last := at(wall-int64(before.Offset)), at(wall-int64(after.Offset))
	if first.Offset != before.Offset && last.Offset == after.Offset {
		return last
	}
	return before // also of a time that occurs twice or never
}
