// Package schedule tells when a cron schedule fires.
//
// github.com/robfig/cron reads the fields; when they fire is decided here, because the library's own
// Next passes over gaps of the clock, fires twice where it is put back, and can search for ever. Here
// dates are matched by the calendar first, and become instants afterwards.
//
// # What fires when the clock is changed
//
// A time in a gap, as in spring, fires right after the gap, once however many times of the schedule lie in
// it, also if the gap is a whole day that a zone has left out. A time that comes twice, as in autumn, fires the
// first time. A schedule whose minute or hour begins with * goes on by the clock's own running: every half
// hour is every half hour. This is what Debian's cron does.
package schedule

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones, also where the system has none

	"github.com/robfig/cron/v3"

	"github.com/picloud/picloud/host/fault"
)

// A Schedule says when something fires. It is safe for concurrent use.
type Schedule struct {
	text  string
	zone  *time.Location
	every time.Duration // of @every; 0: the fields count

	fields  [6]string // as written
	bits    [6]uint64 // seconds, minutes, hours, days of the month, months, days of the week that match
	anyDay  bool      // a day that is in either of the two fields of days will do
	running bool      // it goes on by the clock's own running
}

const (
	second = iota
	minute
	hour
	dayOfMonth
	month
	dayOfWeek
)

var fieldNames = [6]string{"second", "minute", "hour", "day of month", "month", "day of week"}

var descriptors = map[string]string{
	"@yearly": "0 0 0 1 1 *", "@annually": "0 0 0 1 1 *", "@monthly": "0 0 0 1 * *", "@weekly": "0 0 0 * * 0",
	"@daily": "0 0 0 * * *", "@midnight": "0 0 0 * * *", "@hourly": "0 0 * * * *",
}

const maxText = 200 // bytes

// Parse reads a schedule, of six fields with seconds first, of five fields without, a descriptor such as
// @daily, or "@every 90m"; and the IANA name of the zone whose clock counts, "" for UTC. The error is
// [fault.Invalid] of schedule or timezone; it is also one of a schedule that never fires.
func Parse(text, zone string) (*Schedule, error) {
	s := &Schedule{text: text}
	var err error
	if s.zone, err = loadZone(zone); err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, fault.Refuse("schedule", "must be at most %d bytes, got %d", maxText, len(text))
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.Contains(trimmed, "TZ="):
		return nil, fault.Refuse("schedule", "must not name a zone: that is timezone")
	case strings.HasPrefix(trimmed, "@every"):
		return s, s.readEvery(strings.TrimSpace(strings.TrimPrefix(trimmed, "@every")))
	case strings.HasPrefix(trimmed, "@"):
		fields, known := descriptors[trimmed]
		if !known {
			return nil, fault.Refuse("schedule", "has an unknown descriptor %.40q; there are @hourly, @daily, @weekly, @monthly, @yearly and @every", trimmed)
		}
		trimmed = fields
	}
	fields := strings.Fields(trimmed)
	switch len(fields) {
	case 5:
		fields = append([]string{"0"}, fields...)
	case 6:
	default:
		return nil, fault.Refuse("schedule", "must have 5 fields, or 6 with seconds first, got %d", len(fields))
	}
	copy(s.fields[:], fields)
	for i := range s.fields {
		if s.bits[i], err = readField(i, s.fields[i]); err != nil {
			return nil, err
		}
	}
	star := func(i int) bool { return s.fields[i][0] == '*' || s.fields[i][0] == '?' }
	s.anyDay = !star(dayOfMonth) && !star(dayOfWeek)
	s.running = star(minute) || star(hour)
	if _, fires := s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !fires {
		return nil, fault.Refuse("schedule", "never fires: no year has day of month %s in month %s", s.fields[dayOfMonth], s.fields[month])
	}
	return s, nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // which is this machine's
		return nil, fault.Refuse("timezone", `must be a name of the IANA database, as in "Europe/Zurich", got %.60q`, name)
	}
	return zone, nil
}

func (s *Schedule) readEvery(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return fault.Refuse("schedule", "@every needs a duration, as in @every 90m, got %.40q", text)
	case d < time.Second:
		return fault.Refuse("schedule", "@every must be at least 1s, got %s", d)
	case d%time.Second != 0:
		return fault.Refuse("schedule", "@every must be whole seconds, got %s", d)
	}
	s.every = d
	return nil
}

var parser = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// readField has the library read one field, beside others that match everything.
func readField(i int, text string) (set uint64, err error) {
	refuse := func(reason any) error {
		return fault.Refuse("schedule", "the field %s is %.60q: %v", fieldNames[i], text, reason)
	}
	defer func() {
		if p := recover(); p != nil { // the library panics of some texts
			err = refuse("it is malformed")
		}
	}()
	all := [6]string{"*", "*", "*", "*", "*", "*"}
	all[i] = text
	if i == dayOfWeek {
		all[i] = withoutSeven(text)
	}
	parsed, err := parser.Parse(strings.Join(all[:], " "))
	if err != nil {
		return 0, refuse(strings.TrimSuffix(err.Error(), ": "+all[i]))
	}
	spec := parsed.(*cron.SpecSchedule)
	set = [6]uint64{spec.Second, spec.Minute, spec.Hour, spec.Dom, spec.Month, spec.Dow}[i] &^ (1 << 63) // the library's mark of a star
	if set == 0 {
		return 0, refuse("it matches nothing")
	}
	return set, nil
}

// withoutSeven writes a field of days of the week in which Sunday is 7, too, with 0 for it.
func withoutSeven(text string) string {
	parts := strings.Split(text, ",")
	for i, part := range parts {
		span, step, stepped := strings.Cut(part, "/")
		from, to, ranged := strings.Cut(span, "-")
		switch {
		case !ranged && from == "7" && !stepped:
			parts[i] = "0"
		case ranged && to == "7":
			first, err := strconv.Atoi(from)
			every := 1
			if stepped {
				every, _ = strconv.Atoi(step)
			}
			if err != nil || first < 0 || first > 7 || every < 1 {
				continue // which the library refuses
			}
			var days []string
			for day := first; day <= 7; day += every {
				days = append(days, strconv.Itoa(day%7))
			}
			parts[i] = strings.Join(days, ",")
		}
	}
	return strings.Join(parts, ",")
}

func (s *Schedule) has(field, value int) bool { return s.bits[field]>>uint(value)&1 == 1 }

// matchesDate reports whether it fires on a date.
func (s *Schedule) matchesDate(date time.Time) bool {
	if !s.has(month, int(date.Month())) {
		return false
	}
	inMonth, inWeek := s.has(dayOfMonth, date.Day()), s.has(dayOfWeek, int(date.Weekday()))
	if s.anyDay {
		return inMonth || inWeek
	}
	return inMonth && inWeek
}

// searched is how many days are looked at before a schedule is said to fire no more: 100 years.
const searched = 36_600

// Next returns the first time after another at which the schedule fires, in its zone; false: there is
// none within a hundred years.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	if s.every > 0 {
		every := int64(s.every / time.Second)
		passed := after.Unix() / every
		if after.Unix() < 0 && after.Unix()%every != 0 {
			passed--
		}
		return time.Unix((passed+1)*every, 0).In(s.zone), true
	}
	local := after.In(s.zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1)
	for range searched {
		if s.matchesDate(day) {
			if at, found := s.onDay(day, after); found {
				return at, true
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}, false
}

// Quarters returns the quarters of an hour, 0 to 95 by the zone's clock, in which it fires on the day of a time. A change
// of the clock on that day is left out of account.
func (s *Schedule) Quarters(day time.Time) []int {
	day = day.In(s.zone)
	midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, s.zone)
	quarters := []int{}
	for quarter := range 96 {
		if s.every > 0 {
			begin := midnight.Add(time.Duration(quarter) * 15 * time.Minute)
			if at, _ := s.Next(begin.Add(-time.Nanosecond)); at.Before(begin.Add(15 * time.Minute)) {
				quarters = append(quarters, quarter)
			}
			continue
		}
		date := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
		if s.matchesDate(date) && s.has(hour, quarter/4) && s.bits[minute]>>(quarter%4*15)&(1<<15-1) != 0 {
			quarters = append(quarters, quarter)
		}
	}
	return quarters
}

// onDay returns the first time of a date, given as that date in UTC, after another.
func (s *Schedule) onDay(day, after time.Time) (time.Time, bool) {
	if s.running {
		return s.onRunningDay(day, after)
	}
	for h := range 24 {
		if !s.has(hour, h) {
			continue
		}
		for m := range 60 {
			if !s.has(minute, m) {
				continue
			}
			for sec := range 60 {
				if !s.has(second, sec) {
					continue
				}
				civil := day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second)
				if farBefore(civil, after) {
					continue
				}
				if at, exists := s.resolve(civil); exists && at.After(after) {
					return at, true
				}
			}
		}
	}
	return time.Time{}, false
}

// farBefore reports whether a time of the calendar is before an instant in every zone: no clock is more
// than 16 hours behind or ahead of UTC.
func farBefore(civil, instant time.Time) bool { return civil.Before(instant.Add(-16 * time.Hour)) }

// resolve returns the instant of a time of the calendar, given as that time in UTC.
func (s *Schedule) resolve(civil time.Time) (at time.Time, exists bool) {
	about := time.Date(civil.Year(), civil.Month(), civil.Day(), civil.Hour(), civil.Minute(), civil.Second(), 0, s.zone)
	start, end := about.ZoneBounds()
	offset := func(t time.Time) time.Duration {
		_, seconds := t.Zone()
		return time.Duration(seconds) * time.Second
	}
	here := offset(about)
	offsets := []time.Duration{here}
	if !start.IsZero() {
		offsets = append(offsets, offset(start.Add(-1)))
	}
	if !end.IsZero() {
		offsets = append(offsets, offset(end))
	}
	for _, o := range offsets {
		instant := civil.Add(-o).In(s.zone)
		if offset(instant) == o && (!exists || instant.Before(at)) {
			at, exists = instant, true
		}
	}
	if exists {
		return at, true
	}
	for _, boundary := range []time.Time{start, end} {
		if boundary.IsZero() {
			continue
		}
		before, behind := offset(boundary.Add(-1)), offset(boundary)
		if !civil.Before(boundary.UTC().Add(before)) && civil.Before(boundary.UTC().Add(behind)) {
			return boundary.In(s.zone), true
		}
	}
	return time.Time{}, false
}

// onRunningDay looks at each moment of a date at which the clock shows one that matches.
func (s *Schedule) onRunningDay(day, after time.Time) (time.Time, bool) {
	at, _ := s.resolve(day)
	if !at.After(after) {
		at = after.Truncate(time.Second).Add(time.Second).In(s.zone)
	}
	for at.Day() == day.Day() && at.Month() == day.Month() && at.Year() == day.Year() {
		switch {
		case !s.has(hour, at.Hour()):
			at = at.Add(time.Duration(3600-at.Minute()*60-at.Second()) * time.Second)
		case !s.has(minute, at.Minute()):
			at = at.Add(time.Duration(60-at.Second()) * time.Second)
		case !s.has(second, at.Second()):
			at = at.Add(time.Second)
		default:
			return at, true
		}
	}
	return time.Time{}, false
}

// Missed returns how many times the schedule fires after one instant and up to another, but no more than
// most.
func (s *Schedule) Missed(after, until time.Time, most int) (n int) {
	for n < most {
		next, fires := s.Next(after)
		if !fires || next.After(until) {
			break
		}
		after = next
		n++
	}
	return n
}
