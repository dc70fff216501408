package hostcalls

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

func askTimeZone(t *testing.T, handler Handler, request abi.TimeZoneRequest) (abi.TimeZoneResponse, error) {
	t.Helper()
	encoded, err := request.MarshalMsg(nil)
	require.NoError(t, err)
	answer, err := handler(context.Background(), newScope(), encoded)
	if err != nil {
		return abi.TimeZoneResponse{}, err
	}
	var response abi.TimeZoneResponse
	rest, err := response.UnmarshalMsg(answer)
	require.NoError(t, err)
	require.Empty(t, rest)
	return response, nil
}

func TestTimeZone(t *testing.T) {
	handler := timeZone()
	for _, c := range []struct {
		name, zone, at string // at: an instant with Z, or a wall clock time
		offset         int
		abbreviation   string
	}{
		{"winter", "Europe/Berlin", "2026-01-15T12:00:00Z", 3600, "CET"},
		{"summer", "Europe/Berlin", "2026-07-15T12:00:00Z", 7200, "CEST"},
		{"UTC", "UTC", "2026-07-15T12:00:00Z", 0, "UTC"},
		{"an hour that is not whole", "Asia/Kathmandu", "2026-07-15T12:00:00Z", 20700, "+0545"},
		{"long ago", "Europe/Berlin", "1800-01-01T00:00:00Z", 3208, "LMT"},
		{"far ahead", "America/New_York", "9999-07-01T00:00:00Z", -14400, "EDT"},

		{"winter there", "Europe/Berlin", "2026-01-15T12:00:00", 3600, "CET"},
		{"summer there", "Europe/Berlin", "2026-07-15T12:00:00", 7200, "CEST"},
		{"just before the hour that is skipped", "Europe/Berlin", "2026-03-29T01:59:59", 3600, "CET"},
		{"the first second skipped", "Europe/Berlin", "2026-03-29T02:00:00", 3600, "CET"},
		{"the last second skipped", "Europe/Berlin", "2026-03-29T02:59:59", 3600, "CET"},
		{"just after", "Europe/Berlin", "2026-03-29T03:00:00", 7200, "CEST"},
		{"just before the hour that comes twice", "Europe/Berlin", "2026-10-25T01:59:59", 7200, "CEST"},
		{"the first second that comes twice", "Europe/Berlin", "2026-10-25T02:00:00", 7200, "CEST"},
		{"the last second that comes twice", "Europe/Berlin", "2026-10-25T02:59:59", 7200, "CEST"},
		{"just after twice", "Europe/Berlin", "2026-10-25T03:00:00", 3600, "CET"},
		{"west, skipped", "America/New_York", "2026-03-08T02:30:00", -18000, "EST"},
		{"west, twice", "America/New_York", "2026-11-01T01:30:00", -14400, "EDT"},
		{"half an hour skipped", "Australia/Lord_Howe", "2026-10-04T02:15:00", 37800, "+1030"},
		{"a day that Samoa skipped", "Pacific/Apia", "2011-12-30T12:00:00", -36000, "-10"},
		{"the day after", "Pacific/Apia", "2011-12-31T12:00:00", 50400, "+14"},
		{"a day that Manila skipped in 1844", "Asia/Manila", "1845-06-01T00:00:00", 29032, "LMT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(c.at, "Z"))
			require.NoError(t, err)
			got, err := askTimeZone(t, handler, abi.TimeZoneRequest{Zone: c.zone, Unix: at.Unix(), Local: !strings.HasSuffix(c.at, "Z")})
			require.NoError(t, err)
			assert.Equal(t, abi.TimeZoneResponse{Offset: c.offset, Abbreviation: c.abbreviation}, got)
		})
	}
}

// A wall clock time made from an instant must lead back to an instant that the
// clock shows as that time.
func TestTimeZoneLeadsBack(t *testing.T) {
	handler := timeZone()
	for _, name := range []string{"Europe/Berlin", "America/St_Johns", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		for at := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2050; at = at.Add(61 * 67 * time.Minute) {
			_, offset := at.In(zone).Zone()
			wall := at.Unix() + int64(offset)
			got, err := askTimeZone(t, handler, abi.TimeZoneRequest{Zone: name, Unix: wall, Local: true})
			require.NoError(t, err)
			instant := wall - int64(got.Offset)
			_, back := time.Unix(instant, 0).In(zone).Zone()
			require.Equal(t, got.Offset, back, "%s at %s", name, at)
			require.LessOrEqual(t, instant, at.Unix(), "%s at %s: of two the first is meant", name, at)
		}
	}
}

func TestTimeZoneRefuses(t *testing.T) {
	handler := timeZone()
	for _, c := range []struct {
		zone string
		unix int64
		says string
	}{
		{"", 0, `got ""`},
		{"Local", 0, `got "Local"`},
		{"Mars/Olympus", 0, `zone must be an IANA name such as Europe/Berlin, got "Mars/Olympus"`},
		{"../../etc/passwd", 0, "etc/passwd"},
		{"/etc/localtime", 0, "/etc/localtime"},
		{".", 0, `"."`},
		{"Europe", 0, `"Europe"`},
		{"Europe/Berlin\x00", 0, `\x00`},
		{strings.Repeat("x", 10_000), 0, `xxx..."`},
		{"UTC", maxUnix + 1, "unix must be between"},
		{"Europe/Berlin", -1 << 63, "-9223372036854775808"},
	} {
		for _, local := range []bool{false, true} {
			_, err := askTimeZone(t, handler, abi.TimeZoneRequest{Zone: c.zone, Unix: c.unix, Local: local})
			var refused *abi.OpError
			require.ErrorAs(t, err, &refused, "%q", c.zone)
			assert.Equal(t, abi.OpCodeInvalid, refused.Code)
			assert.Contains(t, refused.Message, c.says)
			assert.Less(t, len(refused.Message), 200)
		}
	}
	for _, unix := range []int64{maxUnix, -maxUnix} {
		_, err := askTimeZone(t, handler, abi.TimeZoneRequest{Zone: "America/New_York", Unix: unix, Local: true})
		assert.NoError(t, err)
	}
}
