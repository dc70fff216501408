package bridge

import (
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// now returns the wall clock, in nanoseconds since 1970 UTC.
func (h *host) now() int64 {
	if now := h.clock().UnixNano; now != 0 {
		return now
	}
	return h.unixNano
}

// registerTime adds the functions of time. A time is an integer, milliseconds since 1970 UTC,
// or a text of RFC 3339 between the years 1 and 9999 (a date alone is its midnight, UTC). A zone is
// an IANA name or "UTC".
//
//	now()                              text, in UTC
//	now_ms()                           integer
//	parse(text [, pattern [, zone]])   integer; without a pattern, RFC 3339; a text without offset is
//	                                   in the zone, or UTC
//	format(time [, pattern [, zone]])  text; without a pattern, RFC 3339 in UTC; a text keeps its
//	                                   offset unless there is a zone
//	in_zone(time, zone)                text of RFC 3339 with the zone's offset
//	add(time, #{years, months, weeks, days, hours, minutes, seconds, ms} [, zone])
//	                                   a time of the same type; the clock in the zone counts for what
//	                                   is not shorter than a day, and the last day of a month for one
//	                                   it does not have
//	diff(from, to [, unit])            to - from: an integer, ms; or a float in "seconds", "minutes",
//	                                   "hours", "days" or "weeks"
//	start_of(time, unit [, zone])      of the "minute", "hour", "day", "week" (Monday), "month" or
//	                                   "year": a time of the same type
//	parts(time [, zone])               #{year, month, day, hour, minute, second, ms, yearday, zone,
//	                                   weekday (1 is Monday), offset (seconds)}
//
// Patterns are those of strftime: %Y %m %d %H %M %S %L (milliseconds), %F (%Y-%m-%d), %T
// (%H:%M:%S), %z (+0100), %:z (+01:00), %Z (CET), %s (seconds since 1970), %B %b (month), %A %a
// (day), %e (day, padded by a space), %j (day of the year), %u (1 is Monday), %y, %I and %p (hours
// of AM and PM), %%. Names are English.
func registerTime(l *vm.Library) {
	l.Func("time::now", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		ms, _ := floorDiv(hostOf(t).now(), 1e6)
		return vm.String(moment{ms: ms}.rfc3339()), nil
	})
	l.Func("time::now_ms", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		ms, _ := floorDiv(hostOf(t).now(), 1e6)
		return vm.Int(ms), nil
	})
	const text, amounts = vm.KindString, vm.KindMap
	calendarFunc(l, "time::parse", 2, (*calendar).parse, []vm.Kind{text, text}, []vm.Kind{text, text, text})
	momentFunc(l, "time::parse", 2, (*calendar).milliseconds, []vm.Kind{text})
	for _, time := range []vm.Kind{vm.KindInt, vm.KindString} {
		momentFunc(l, "time::format", 2, (*calendar).format, []vm.Kind{time}, []vm.Kind{time, text}, []vm.Kind{time, text, text})
		momentFunc(l, "time::in_zone", 1, (*calendar).inZone, []vm.Kind{time, text})
		momentFunc(l, "time::add", 2, (*calendar).add, []vm.Kind{time, amounts}, []vm.Kind{time, amounts, text})
		momentFunc(l, "time::diff", 3, (*calendar).diff,
			[]vm.Kind{time, vm.KindInt}, []vm.Kind{time, vm.KindString}, []vm.Kind{time, vm.KindInt, text}, []vm.Kind{time, vm.KindString, text})
		momentFunc(l, "time::start_of", 2, (*calendar).startOf, []vm.Kind{time, text}, []vm.Kind{time, text, text})
		momentFunc(l, "time::parts", 1, (*calendar).parts, []vm.Kind{time}, []vm.Kind{time, text})
	}
}

// A calendar is a function of time at work: its name, its arguments, and the zone among them.
type calendar struct {
	t    *vm.Thread
	name string
	args []vm.Value
	zone string // "": none
}

// calendarFunc adds a function of time, with the kinds of its arguments for each overload. The zone
// is the argument number zone, where there is one. The call is counted by its texts.
func calendarFunc(l *vm.Library, name string, zone int, f func(*calendar) (vm.Value, *vm.Error), overloads ...[]vm.Kind) {
	call := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		c := calendar{t: t, name: name, args: args}
		if len(args) > zone {
			if c.zone = args[zone].AsString(); c.zone == "" {
				return vm.Unit, invalid(name, "the zone must not be empty")
			}
		}
		bytes := 0
		for _, a := range args {
			if a.Kind() == vm.KindString {
				bytes += len(a.AsString())
			}
		}
		if err := t.Charge(8 + int64(bytes)/16); err != nil {
			return vm.Unit, err
		}
		return f(&c)
	}
	for _, kinds := range overloads {
		l.Func(name, call, kinds...)
	}
}

// momentFunc works as calendarFunc, for a function whose first argument is a time.
func momentFunc(l *vm.Library, name string, zone int, f func(*calendar, moment) (vm.Value, *vm.Error), overloads ...[]vm.Kind) {
	calendarFunc(l, name, zone, func(c *calendar) (vm.Value, *vm.Error) {
		m, err := c.moment(c.args[0])
		if err != nil {
			return vm.Unit, err
		}
		return f(c, m)
	}, overloads...)
}

// offset returns the offset and abbreviation of the zone at a number of seconds since 1970; local
// says that they are those of a clock there.
func (c *calendar) offset(seconds int64, local bool) (offset int64, abbreviation string, err *vm.Error) {
	if c.zone == "UTC" || c.zone == "" {
		return 0, "UTC", nil
	}
	r := open(c.t, abi.OpTimeZone).text("zone", c.zone).integer("unix", seconds)
	if local {
		r.field("local")
		r.e.b = msgp.AppendBool(r.e.b, true)
	}
	response, err := r.send()
	if err != nil {
		return 0, "", err
	}
	var zone abi.TimeZoneResponse
	if _, failed := zone.UnmarshalMsg(response); failed != nil {
		return 0, "", r.misread(failed)
	}
	return int64(zone.Offset), zone.Abbreviation, nil
}

// moment returns a time, in the zone if there is one.
func (c *calendar) moment(v vm.Value) (moment, *vm.Error) {
	m := moment{ms: v.AsInt(), zone: "UTC"}
	if v.Kind() == vm.KindString {
		r := timeReader{text: v.AsString(), clock: clock{year: 1970, month: 1, day: 1}}
		r.rfc3339()
		ms := r.end()
		if r.problem != "" {
			return m, invalid(c.name, "not a time of RFC 3339: "+r.problem)
		}
		m = moment{ms: ms - r.offset*1000, offset: r.offset}
		m.zone = "UTC"
		if r.offset != 0 {
			m.zone = string(appendOffset(nil, r.offset, ":"))
		}
	}
	if err := c.check(m.ms); err != nil {
		return m, err
	}
	if c.zone == "" {
		return m, nil
	}
	seconds, _ := floorDiv(m.ms, 1000)
	var err *vm.Error
	m.offset, m.zone, err = c.offset(seconds, false)
	return m, err
}

// check refuses what is not between the years 1 and 9999.
func (c *calendar) check(ms int64) *vm.Error {
	if ms < firstMoment || ms > lastMoment {
		return invalid(c.name, "the time must be between the years 1 and 9999, got "+strconv.FormatInt(ms, 10)+" ms")
	}
	return nil
}

// absolute returns the time at which the clock of the zone, or at m's offset if there is none,
// shows local: milliseconds since 1970.
func (c *calendar) absolute(m moment, local int64) (int64, *vm.Error) {
	if c.zone == "" {
		return local - m.offset*1000, nil
	}
	seconds, _ := floorDiv(local, 1000)
	offset, _, err := c.offset(seconds, true)
	return local - offset*1000, err
}

// like returns the time ms as a value of the type that v has.
func (c *calendar) like(v vm.Value, m moment, ms int64) (vm.Value, *vm.Error) {
	if err := c.check(ms); err != nil {
		return vm.Unit, err
	}
	if v.Kind() == vm.KindInt {
		return vm.Int(ms), nil
	}
	m.ms = ms
	if c.zone != "" {
		var err *vm.Error
		if m, err = c.moment(vm.Int(ms)); err != nil {
			return vm.Unit, err
		}
	}
	return vm.String(m.rfc3339()), nil
}

// milliseconds does what parse does to a text without a pattern.
func (c *calendar) milliseconds(m moment) (vm.Value, *vm.Error) { return vm.Int(m.ms), nil }

func (c *calendar) parse() (vm.Value, *vm.Error) {
	pattern := c.args[1].AsString()
	if problem := checkPattern(pattern); problem != "" {
		return vm.Unit, invalid(c.name, problem)
	}
	r := timeReader{text: c.args[0].AsString(), clock: clock{year: 1970, month: 1, day: 1}}
	r.pattern(pattern)
	local := r.end()
	if r.problem != "" {
		return vm.Unit, invalid(c.name, r.problem)
	}
	ms := local - r.offset*1000
	if !r.placed && !r.epoch {
		var err *vm.Error
		if ms, err = c.absolute(moment{}, local); err != nil {
			return vm.Unit, err
		}
	}
	return vm.Int(ms), c.check(ms)
}

func (c *calendar) format(m moment) (vm.Value, *vm.Error) {
	if len(c.args) == 1 {
		return vm.String(m.rfc3339()), nil
	}
	pattern := c.args[1].AsString()
	if problem := checkPattern(pattern); problem != "" {
		return vm.Unit, invalid(c.name, problem)
	}
	if err := c.t.Charge(int64(len(pattern))); err != nil {
		return vm.Unit, err
	}
	text := m.append(make([]byte, 0, 2*len(pattern)+32), pattern)
	if err := makeString(c.t, len(text)); err != nil {
		return vm.Unit, err
	}
	return vm.String(string(text)), nil
}

func (c *calendar) inZone(m moment) (vm.Value, *vm.Error) {
	return vm.String(m.rfc3339()), nil
}

// unitOf returns the length in milliseconds of a unit that always has the same.
func unitOf(name string) (ms int64, known bool) {
	switch name {
	case "ms":
		return 1, true
	case "seconds":
		return secondMS, true
	case "minutes":
		return minuteMS, true
	case "hours":
		return hourMS, true
	case "days":
		return dayMS, true
	case "weeks":
		return 7 * dayMS, true
	}
	return 0, false
}

func (c *calendar) add(m moment) (vm.Value, *vm.Error) {
	var months, days, ms int64
	amounts := c.args[1].AsMap()
	for _, n := range amounts.Order() {
		name, v := amounts.Entry(n)
		unit, known := unitOf(name)
		if !known && name != "months" && name != "years" {
			return vm.Unit, invalid(c.name, "unknown unit "+quoted(name)+"; there are years, months, weeks, days, hours, minutes, seconds, ms")
		}
		if v.IsUnit() {
			continue
		}
		if v.Kind() != vm.KindInt {
			return vm.Unit, invalid(c.name, name+" must be an integer, got "+v.TypeName())
		}
		size := unit
		if !known {
			size = 28 * dayMS
		}
		n := v.AsInt()
		if most := int64(lastMoment-firstMoment) / size; n < -most || n > most {
			return vm.Unit, invalid(c.name, name+" must be between "+strconv.FormatInt(-most, 10)+" and "+strconv.FormatInt(most, 10)+", got "+strconv.FormatInt(n, 10))
		}
		switch {
		case name == "years":
			months += 12 * n
		case name == "months":
			months += n
		case unit >= dayMS:
			days += n * (unit / dayMS)
		default:
			ms += n * unit
		}
	}
	at := m.ms
	if months != 0 || days != 0 {
		k := m.clock()
		month := int64(0)
		k.year, month = floorDiv(k.year*12+k.month-1+months, 12)
		k.month = month + 1
		k.day = min(k.day, daysIn(k.year, k.month))
		local := k.ms() + days*dayMS
		if err := c.check(local); err != nil {
			return vm.Unit, err
		}
		var err *vm.Error
		if at, err = c.absolute(m, local); err != nil {
			return vm.Unit, err
		}
	}
	return c.like(c.args[0], m, at+ms)
}

func (c *calendar) diff(from moment) (vm.Value, *vm.Error) {
	to, err := c.moment(c.args[1])
	if err != nil {
		return vm.Unit, err
	}
	ms := to.ms - from.ms
	if len(c.args) == 2 || c.args[2].AsString() == "ms" {
		return vm.Int(ms), nil
	}
	unit, known := unitOf(c.args[2].AsString())
	if !known {
		return vm.Unit, invalid(c.name, "unknown unit "+quoted(c.args[2].AsString())+"; there are weeks, days, hours, minutes, seconds, ms")
	}
	return vm.Float(float64(ms) / float64(unit)), nil
}

func (c *calendar) startOf(m moment) (vm.Value, *vm.Error) {
	k := m.clock()
	midnight := clock{year: k.year, month: k.month, day: k.day}
	back := int64(0) // days
	switch unit := c.args[1].AsString(); unit {
	case "minute", "hour":
		// By the time that has gone by since: a clock may show an hour twice.
		length := int64(minuteMS)
		if unit == "hour" {
			length = hourMS
		}
		_, since := floorDiv(m.ms+m.offset*1000, length)
		return c.like(c.args[0], m, m.ms-since)
	case "day":
	case "week":
		back = k.weekday() - 1
	case "month":
		midnight.day = 1
	case "year":
		midnight.month, midnight.day = 1, 1
	default:
		return vm.Unit, invalid(c.name, "unknown unit "+quoted(c.args[1].AsString())+"; there are minute, hour, day, week, month, year")
	}
	at, err := c.absolute(m, midnight.ms()-back*dayMS)
	if err != nil {
		return vm.Unit, err
	}
	return c.like(c.args[0], m, at)
}

func (c *calendar) parts(m moment) (vm.Value, *vm.Error) {
	k := m.clock()
	parts := vm.NewMap(11)
	for _, p := range []struct {
		name  string
		value int64
	}{
		{"year", k.year}, {"month", k.month}, {"day", k.day}, {"hour", k.hour}, {"minute", k.minute}, {"second", k.second},
		{"ms", k.milli}, {"weekday", k.weekday()}, {"yearday", k.yearday()}, {"offset", m.offset},
	} {
		parts.Set(p.name, vm.Int(p.value))
	}
	parts.Set("zone", vm.String(m.zone))
	return vm.NewMapValue(parts), nil
}
