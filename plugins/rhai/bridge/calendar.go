package bridge

import "strconv"

// A moment is a time with the offset and abbreviation of a zone.
type moment struct {
	ms     int64 // since 1970 UTC
	offset int64 // seconds east of UTC
	zone   string
}

// The moments of the years 1 to 9999, which RFC 3339 can write.
const (
	firstMoment = -62135596800000
	lastMoment  = 253402300799999
)

// A clock is the date and time that calendars and clocks show, in the proleptic Gregorian calendar.
type clock struct {
	year                                    int64
	month, day, hour, minute, second, milli int64 // month and day from 1
}

// Lengths in milliseconds.
const (
	secondMS = 1000
	minuteMS = 60 * secondMS
	hourMS   = 60 * minuteMS
	dayMS    = 24 * hourMS
)

// floorDiv returns a / b and a % b rounded down, for b > 0.
func floorDiv(a, b int64) (quotient, rest int64) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	return quotient, rest
}

// dayNumber returns how many days after 1970-01-01 a date is. The year begins in March for it, so
// that a leap day is the last day.
func dayNumber(year, month, day int64) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era, y := floorDiv(year, 400)
	return era*146097 + y*365 + y/4 - y/100 + (153*(month-3)+2)/5 + day - 1 - 719468
}

// date returns the date with a number, as dayNumber counts.
func date(number int64) (year, month, day int64) {
	era, n := floorDiv(number+719468, 146097)
	y := (n - n/1460 + n/36524 - n/146096) / 365
	n -= y*365 + y/4 - y/100
	m := (5*n + 2) / 153
	year, month, day = era*400+y, m+3, n-(153*m+2)/5+1
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}

// daysIn returns how many days a month has.
func daysIn(year, month int64) int64 {
	if month == 12 {
		return 31
	}
	return dayNumber(year, month+1, 1) - dayNumber(year, month, 1)
}

// ms returns the time at which a clock shows c at an offset of 0, in milliseconds since 1970.
func (c clock) ms() int64 {
	return dayNumber(c.year, c.month, c.day)*dayMS + c.hour*hourMS + c.minute*minuteMS + c.second*secondMS + c.milli
}

// clockAt returns what a clock shows at ms, at an offset of 0.
func clockAt(ms int64) (c clock) {
	days, rest := floorDiv(ms, dayMS)
	c.year, c.month, c.day = date(days)
	c.hour, c.minute, c.second, c.milli = rest/hourMS, rest/minuteMS%60, rest/secondMS%60, rest%1000
	return c
}

// clock returns what a clock shows at m.
func (m moment) clock() clock { return clockAt(m.ms + m.offset*1000) }

// weekday returns 1 for a Monday, 7 for a Sunday.
func (c clock) weekday() int64 {
	_, n := floorDiv(dayNumber(c.year, c.month, c.day)+3, 7)
	return n + 1
}

// yearday returns 1 for the first of January.
func (c clock) yearday() int64 {
	return dayNumber(c.year, c.month, c.day) - dayNumber(c.year, 1, 1) + 1
}

// problem returns what is wrong with a field that no clock shows, "" if there is none.
func (c clock) problem() string {
	for _, f := range []struct {
		name            string
		value, from, to int64
	}{
		{"year", c.year, 1, 9999}, {"month", c.month, 1, 12}, {"day", c.day, 1, 31},
		{"hour", c.hour, 0, 23}, {"minute", c.minute, 0, 59}, {"second", c.second, 0, 59},
	} {
		if f.name == "day" {
			f.to = daysIn(c.year, c.month)
		}
		if f.value < f.from || f.value > f.to {
			return f.name + " must be between " + strconv.FormatInt(f.from, 10) + " and " + strconv.FormatInt(f.to, 10) + ", got " + strconv.FormatInt(f.value, 10)
		}
	}
	return ""
}

// appendNumber appends n with at least width digits.
func appendNumber(b []byte, n int64, width int, pad byte) []byte {
	start := len(b)
	b = strconv.AppendInt(b, n, 10)
	for len(b)-start < width {
		b = append(b, 0)
		copy(b[start+1:], b[start:])
		b[start] = pad
	}
	return b
}

// appendOffset appends an offset as +01:00, or with another separator.
func appendOffset(b []byte, seconds int64, separator string) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	b = appendNumber(append(b, sign), seconds/3600, 2, '0')
	return appendNumber(append(b, separator...), seconds/60%60, 2, '0')
}

// rfc3339 returns m as text, with milliseconds.
func (m moment) rfc3339() string {
	b := m.append(make([]byte, 0, 30), "%Y-%m-%dT%H:%M:%S.%L")
	if m.offset == 0 {
		return string(append(b, 'Z'))
	}
	return string(appendOffset(b, m.offset, ":"))
}

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
)

// append appends m by a pattern of strftime, see [registerTime]. An unknown directive, which
// checkPattern finds, stays as it is.
func (m moment) append(b []byte, pattern string) []byte {
	c := m.clock()
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b = append(b, pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case 'Y':
			b = appendNumber(b, c.year, 4, '0')
		case 'y':
			b = appendNumber(b, c.year%100, 2, '0')
		case 'm':
			b = appendNumber(b, c.month, 2, '0')
		case 'B':
			b = append(b, monthNames[c.month-1]...)
		case 'b':
			b = append(b, monthNames[c.month-1][:3]...)
		case 'd':
			b = appendNumber(b, c.day, 2, '0')
		case 'e':
			b = appendNumber(b, c.day, 2, ' ')
		case 'j':
			b = appendNumber(b, c.yearday(), 3, '0')
		case 'A':
			b = append(b, dayNames[c.weekday()-1]...)
		case 'a':
			b = append(b, dayNames[c.weekday()-1][:3]...)
		case 'u':
			b = appendNumber(b, c.weekday(), 1, '0')
		case 'H':
			b = appendNumber(b, c.hour, 2, '0')
		case 'I':
			b = appendNumber(b, (c.hour+11)%12+1, 2, '0')
		case 'p':
			b = append(b, "AMPM"[c.hour/12*2:][:2]...)
		case 'M':
			b = appendNumber(b, c.minute, 2, '0')
		case 'S':
			b = appendNumber(b, c.second, 2, '0')
		case 'L':
			b = appendNumber(b, c.milli, 3, '0')
		case 's':
			seconds, _ := floorDiv(m.ms, 1000)
			b = strconv.AppendInt(b, seconds, 10)
		case 'z':
			b = appendOffset(b, m.offset, "")
		case ':':
			b = appendOffset(b, m.offset, ":")
			i++
		case 'Z':
			b = append(b, m.zone...)
		case 'F':
			b = m.append(b, "%Y-%m-%d")
		case 'T':
			b = m.append(b, "%H:%M:%S")
		case '%':
			b = append(b, '%')
		}
	}
	return b
}

// checkPattern says what is wrong with a pattern, "" if nothing is.
func checkPattern(pattern string) string {
	const known = "YymBbdejAauHIpMSLszZFT%"
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			continue
		}
		i++
		if i+1 < len(pattern) && pattern[i:i+2] == ":z" {
			i++
			continue
		}
		if i == len(pattern) {
			return "the pattern ends with %"
		}
		found := false
		for j := range len(known) {
			found = found || known[j] == pattern[i]
		}
		if !found {
			r := []rune(pattern[i:])[0]
			return "the pattern has no directive %" + string(r)
		}
	}
	return ""
}

// A timeReader reads a text by a pattern.
type timeReader struct {
	text      string
	at        int
	clock     clock
	afternoon bool // PM
	half      bool // an hour of 12
	offset    int64
	placed    bool   // the text has an offset
	unix      int64  // seconds since 1970
	epoch     bool   // the text has those
	problem   string // "" so far
}

func (r *timeReader) fail(wanted string) {
	if r.problem == "" {
		r.problem = "expected " + wanted + " at byte " + strconv.Itoa(r.at) + " of the text"
	}
}

// number reads from least to most digits.
func (r *timeReader) number(wanted string, least, most int) (n int64) {
	start := r.at
	for r.at < len(r.text) && r.at-start < most && isDigit(r.text[r.at]) {
		n = n*10 + int64(r.text[r.at]-'0')
		r.at++
	}
	if r.at-start < least {
		r.fail(wanted)
	}
	return n
}

// take reads a byte if it is the next one.
func (r *timeReader) take(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

// literal reads a byte that must be there.
func (r *timeReader) literal(c byte) {
	if !r.take(c) {
		r.fail("'" + string(rune(c)) + "'")
	}
}

// name reads one of some names, or its first three letters, in upper or lower case, and returns its
// number.
func (r *timeReader) name(wanted string, names []string) int64 {
	for _, short := range []bool{false, true} {
		for i, name := range names {
			if short {
				name = name[:3]
			}
			if len(r.text)-r.at >= len(name) && equalFold(r.text[r.at:r.at+len(name)], name) {
				r.at += len(name)
				return int64(i)
			}
		}
	}
	r.fail(wanted)
	return 0
}

// equalFold compares texts of equal length; letters are ASCII.
func equalFold(a, b string) bool {
	for i := range len(a) {
		if a[i] != b[i] && !(isLetter(a[i]) && a[i]|0x20 == b[i]|0x20) {
			return false
		}
	}
	return true
}

// zoneOffset reads Z or an offset like +01:00 or +0100.
func (r *timeReader) zoneOffset() {
	r.placed = true
	if r.take('Z') || r.take('z') {
		return
	}
	negative := r.take('-')
	if !negative && !r.take('+') {
		r.fail("an offset")
		return
	}
	hours := r.number("an offset", 2, 2)
	r.take(':')
	minutes := r.number("an offset", 2, 2)
	if hours > 23 || minutes > 59 {
		r.problem = "the offset is not within 23:59 hours"
	}
	if r.offset = hours*3600 + minutes*60; negative {
		r.offset = -r.offset
	}
}

// fraction reads the digits of a fraction of a second, of which three count.
func (r *timeReader) fraction() {
	start := r.at
	r.clock.milli = r.number("digits", 1, 3)
	for n := r.at - start; n < 3; n++ {
		r.clock.milli *= 10
	}
	for r.at < len(r.text) && isDigit(r.text[r.at]) {
		r.at++
	}
}

// pattern reads by a pattern of strftime.
func (r *timeReader) pattern(pattern string) {
	for i := 0; i < len(pattern) && r.problem == ""; i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			r.literal(pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case 'Y':
			r.clock.year = r.number("a year", 4, 4)
		case 'm':
			r.clock.month = r.number("a month", 1, 2)
		case 'B', 'b':
			r.clock.month = r.name("a month", monthNames[:]) + 1
		case 'd', 'e':
			r.take(' ')
			r.clock.day = r.number("a day", 1, 2)
		case 'A', 'a':
			r.name("a day of the week", dayNames[:])
		case 'H':
			r.clock.hour = r.number("an hour", 1, 2)
		case 'I':
			if r.clock.hour = r.number("an hour", 1, 2); r.clock.hour < 1 || r.clock.hour > 12 {
				r.problem = "hour must be between 1 and 12, got " + strconv.FormatInt(r.clock.hour, 10)
			}
			r.half = true
		case 'p':
			r.afternoon = !r.take('A') && !r.take('a')
			if r.afternoon && !r.take('P') && !r.take('p') || !r.take('M') && !r.take('m') {
				r.fail("AM or PM")
			}
		case 'M':
			r.clock.minute = r.number("a minute", 1, 2)
		case 'S':
			r.clock.second = r.number("a second", 1, 2)
		case 'L':
			r.fraction()
		case 's':
			negative := r.take('-')
			r.epoch = true
			if r.unix = r.number("seconds", 1, 12); negative {
				r.unix = -r.unix
			}
		case 'z':
			r.zoneOffset()
		case ':':
			i++
			r.zoneOffset()
		case 'F':
			r.pattern("%Y-%m-%d")
		case 'T':
			r.pattern("%H:%M:%S")
		case '%':
			r.literal('%')
		default:
			r.problem = "a text cannot be read by %" + string(rune(pattern[i]))
		}
	}
}

// rfc3339 reads a date, or a date with a time.
func (r *timeReader) rfc3339() {
	if r.pattern("%F"); r.at == len(r.text) {
		return
	}
	if !r.take('T') && !r.take('t') {
		r.literal(' ')
	}
	r.pattern("%T")
	if r.take('.') {
		r.fraction()
	}
	r.zoneOffset()
}

// end returns what the clock shows at an offset of 0, in milliseconds since 1970. A leap second is
// the one after it.
func (r *timeReader) end() int64 {
	if r.problem == "" && r.at < len(r.text) {
		r.fail("the end")
	}
	if r.epoch {
		return r.unix*1000 + r.clock.milli + r.offset*1000
	}
	if r.half {
		if r.clock.hour %= 12; r.afternoon {
			r.clock.hour += 12
		}
	}
	leap := r.clock.second == 60
	if leap {
		r.clock.second = 59
	}
	if r.problem == "" {
		r.problem = r.clock.problem()
	}
	if r.problem != "" {
		return 0
	}
	if leap {
		r.clock.second = 60
	}
	return r.clock.ms()
}
