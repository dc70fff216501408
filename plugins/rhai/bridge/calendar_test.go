package bridge

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestCalendarAgainstStandardLibrary compares random moments and offsets with package time.
func TestCalendarAgainstStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		ms := firstMoment + dayMS + random.Int64N(lastMoment-firstMoment-2*dayMS)
		offset := random.Int64N(24*60)*60 - 12*hourMS/1000
		m := moment{ms: ms, offset: offset}
		at := time.UnixMilli(ms).In(time.FixedZone("", int(offset)))
		if got, want := m.rfc3339(), at.Format("2006-01-02T15:04:05.000Z07:00"); got != want {
			t.Fatalf("%d ms at offset %d: got %s, want %s", ms, offset, got, want)
		}
		if got, want := string(m.append(nil, "%y %b %a %B %A %e %I %p %j %s %z")), at.Format("06 Jan Mon January Monday _2 03 PM 002 ")+
			string(appendNumber(nil, at.Unix(), 0, ' '))+at.Format(" -0700"); got != want {
			t.Fatalf("%d ms at offset %d: got %s, want %s", ms, offset, got, want)
		}
		if got, want := m.clock().weekday()%7, int64(at.Weekday()); got != want {
			t.Fatalf("%v: got weekday %d, want %d", at, got, want)
		}
		r := timeReader{text: m.rfc3339(), clock: clock{month: 1, day: 1}}
		r.rfc3339()
		if back := r.end() - r.offset*1000; back != ms || r.problem != "" {
			t.Fatalf("%s: read as %d, want %d (%s)", r.text, back, ms, r.problem)
		}
	}
}

// FuzzReadTime reads hostile texts by hostile patterns.
func FuzzReadTime(f *testing.F) {
	f.Add("2026-11-23T20:03:08.123+01:00", "%Y-%m-%d %H:%M:%S.%L %z%Z")
	f.Add("12 PM May", "%I %p %b%")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		r := timeReader{text: text, clock: clock{year: 1970, month: 1, day: 1}}
		if r.rfc3339(); r.problem == "" {
			if ms := r.end(); r.problem == "" && (ms < firstMoment-dayMS || ms > lastMoment+dayMS) {
				t.Errorf("%q reads as %d", text, ms)
			}
		}
		if checkPattern(pattern) != "" {
			return
		}
		moment{ms: lastMoment, offset: 86340}.append(nil, pattern)
		r = timeReader{text: text, clock: clock{year: 1970, month: 1, day: 1}}
		r.pattern(pattern)
		r.end()
	})
}
