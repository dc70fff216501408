package api_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/api/wire"
)

func TestPreviewOfASchedule(t *testing.T) {
	s := newSite(t)
	s.App("clock")
	preview := func(body string) wire.SchedulePreviewed {
		return do[wire.SchedulePreviewed](s, "POST", "apps/clock/triggers:preview", body, 200)
	}
	got := preview(`{"schedule":"0 30 2 * * *","timezone":"Europe/Zurich","after":"2026-03-28T00:00:00Z"}`)
	assert.Equal(t, "at 02:30, Europe/Zurich", got.Words)
	var times []string
	for _, at := range got.Next {
		times = append(times, at.Format("2006-01-02T15:04:05-07:00"))
	}
	assert.Equal(t, []string{
		"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", // right after the gap
		"2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00", "2026-04-01T02:30:00+02:00",
	}, times)
	assert.Equal(t, []int{10}, got.Quarters)
	assert.Len(t, preview(`{"schedule":"@every 1h"}`).Next, 5)
	for body, c := range map[string]struct{ location, says string }{
		`{"schedule":"0 0 30 2 *"}`:                       {"body.schedule", "never fires"},
		`{"schedule":"0 0 61 * * *"}`:                     {"body.schedule", "the field hour"},
		`{"schedule":"@daily","timezone":"Mars/Olympus"}`: {"body.timezone", "IANA"},
		`{"schedule":"@daily","after":"yesterday"}`:       {"body.after", ""},
		`{"timezone":"UTC"}`:                              {"body.schedule", "missing"},
	} {
		s.Refused(s.Admin(s.Token, "POST", "apps/clock/triggers:preview", body), 422, c.location, c.says)
	}
}
