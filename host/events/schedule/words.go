package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Words tells in English when it fires: correct rather than pretty.
func (s *Schedule) Words() string {
	if s.every > 0 {
		return "every " + s.every.String() + ", counted from 1970-01-01 00:00 UTC"
	}
	words := s.timeWords()
	if days := s.dayWords(); days != "" {
		words += " " + days
	}
	if !s.whole(month, 1, 12) {
		words += " in " + s.list(month, func(n int) string { return time.Month(n).String() })
	}
	return words + ", " + s.zone.String()
}

// most is how many times of the day are listed.
const most = 6

func (s *Schedule) timeWords() string {
	hours, minutes, seconds := s.values(hour), s.values(minute), s.values(second)
	if len(hours)*len(minutes)*len(seconds) <= most {
		var times []string
		for _, h := range hours {
			for _, m := range minutes {
				for _, sec := range seconds {
					at := fmt.Sprintf("%02d:%02d", h, m)
					if sec != 0 || len(seconds) > 1 {
						at += fmt.Sprintf(":%02d", sec)
					}
					times = append(times, at)
				}
			}
		}
		return "at " + enumerate(times)
	}
	var parts []string
	if len(seconds) > 1 || seconds[0] != 0 {
		parts = append(parts, s.unit(second, 60))
	}
	if len(parts) > 0 || len(minutes) > 1 || minutes[0] != 0 {
		if !(s.whole(minute, 0, 59) && len(parts) > 0) {
			parts = append(parts, s.unit(minute, 60))
		}
	}
	if len(parts) == 0 || !s.whole(hour, 0, 23) {
		parts = append(parts, s.unit(hour, 24))
	}
	return strings.Join(parts, " of ")
}

// unit tells of the seconds, minutes or hours: all, every so many, or a list.
func (s *Schedule) unit(field, of int) string {
	name := fieldNames[field]
	values := s.values(field)
	if len(values) == of {
		return "every " + name
	}
	if len(values) > 1 && values[0] == 0 {
		step := values[1]
		regular := of%step == 0 && len(values) == of/step
		for i, v := range values {
			regular = regular && v == i*step
		}
		if regular {
			return fmt.Sprintf("every %d %ss", step, name)
		}
	}
	if len(values) > 1 {
		name += "s"
	}
	return name + " " + s.list(field, strconv.Itoa)
}

func (s *Schedule) dayWords() string {
	anyDate, anyWeekday := s.whole(dayOfMonth, 1, 31), s.whole(dayOfWeek, 0, 6)
	dates := "on day " + s.list(dayOfMonth, strconv.Itoa) + " of the month"
	weekdays := "on " + s.list(dayOfWeek, func(n int) string { return time.Weekday(n).String() })
	switch {
	case anyDate && anyWeekday, s.anyDay && (anyDate || anyWeekday):
		return ""
	case anyWeekday:
		return dates
	case anyDate:
		return weekdays
	case s.anyDay:
		return dates + " and " + weekdays
	default:
		return dates + " if it is " + strings.TrimPrefix(weekdays, "on ")
	}
}

func (s *Schedule) whole(field, from, to int) bool {
	for v := from; v <= to; v++ {
		if !s.has(field, v) {
			return false
		}
	}
	return true
}

func (s *Schedule) values(field int) (values []int) {
	for v := range 60 {
		if s.has(field, v) {
			values = append(values, v)
		}
	}
	return values
}

// list names the values of a field, with runs of three or more as from and to.
func (s *Schedule) list(field int, name func(int) string) string {
	values := s.values(field)
	var items []string
	for i := 0; i < len(values); {
		end := i
		for end+1 < len(values) && values[end+1] == values[end]+1 {
			end++
		}
		if end-i >= 2 {
			items = append(items, name(values[i])+" to "+name(values[end]))
			i = end + 1
			continue
		}
		items = append(items, name(values[i]))
		i++
	}
	return enumerate(items)
}

func enumerate(items []string) string {
	if n := len(items); n > 1 {
		return strings.Join(items[:n-1], ", ") + " and " + items[n-1]
	}
	return items[0]
}
