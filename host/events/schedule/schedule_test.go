package schedule

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/reference"
)

// Cases made with cronsim 2.8, which follows Debian's cron.
func TestAgainstDebiansCron(t *testing.T) {
	file, err := os.Open("testdata/cron.jsonl")
	require.NoError(t, err)
	defer file.Close()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); n++ {
		var c struct {
			Zone, Schedule string
			After          time.Time
			Next           []time.Time
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		s, err := Parse(c.Schedule, c.Zone)
		require.NoError(t, err, "%s", lines.Text())
		at := c.After
		for i, want := range c.Next {
			next, fires := s.Next(at)
			if !assert.True(t, fires) || !assert.True(t, next.Equal(want), "%s in %s, number %d after %s: got %s, want %s", c.Schedule, c.Zone, i+1, c.After, next, want) {
				break
			}
			at = next
		}
	}
	assert.Greater(t, n, 290)
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"0 * * * * *":           "every minute, UTC",
		"* * * * * *":           "every second, UTC",
		"*/15 * * * *":          "every 15 minutes, UTC",
		"0 9 * * 1-5":           "at 09:00 on Monday to Friday, UTC",
		"30 0 9,17 * * *":       "at 09:00:30 and 17:00:30, UTC",
		"0 0 1 1 *":             "at 00:00 on day 1 of the month in January, UTC",
		"0 12 1,15 * mon":       "at 12:00 on day 1 and 15 of the month and on Monday, UTC",
		"0 12 */2 * 1":          "at 12:00 on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month if it is Monday, UTC",
		"0 */20 1-3 * * *":      "every 20 minutes of hours 1 to 3, UTC",
		"5-10 * * * *":          "minutes 5 to 10, UTC",
		"0 0 */2 * * *":         "every 2 hours, UTC",
		"*/10 * 3 * * *":        "every 10 seconds of hour 3, UTC",
		"@hourly":               "every hour, UTC",
		"@daily":                "at 00:00, UTC",
		"@every 90m":            "every 1h30m0s, counted from 1970-01-01 00:00 UTC",
		"0 0 0 ? * SUN":         "at 00:00 on Sunday, UTC",
		"0 0 0 * JAN-MAR,dec *": "at 00:00 in January to March and December, UTC",
	} {
		s, err := Parse(text, "")
		require.NoError(t, err, text)
		assert.Equal(t, want, s.Words(), text)
	}
}

// What the page of schedules tells of them is so.
func TestReferenceOfSchedules(t *testing.T) {
	page, ok := reference.Markdown("cron")
	require.True(t, ok)
	told := 0
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|$").FindAllStringSubmatch(page, -1) {
		s, err := Parse(row[1], "")
		require.NoError(t, err, row[1])
		assert.Equal(t, row[2], s.Words(), row[1])
		told++
	}
	assert.Equal(t, 10, told)
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (\\S+) \\| (\\S+) \\|$").FindAllStringSubmatch(page, -1) {
		s, err := Parse(row[1], "Europe/Zurich")
		require.NoError(t, err, row[1])
		after, err := time.Parse(time.RFC3339, row[2])
		require.NoError(t, err)
		next, fires := s.Next(after)
		assert.True(t, fires)
		assert.Equal(t, row[3], next.Format(time.RFC3339), "%s after %s", row[1], row[2])
		told++
	}
	assert.Equal(t, 14, told)
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "schedule: must have 5 fields, or 6 with seconds first, got 0",
		"* * * *":                "schedule: must have 5 fields, or 6 with seconds first, got 4",
		"* * * * * * *":          "schedule: must have 5 fields, or 6 with seconds first, got 7",
		"60 * * * * *":           `schedule: the field second is "60": end of range (60) above maximum (59)`,
		"* 60 * * * *":           `schedule: the field minute is "60": end of range (60) above maximum (59)`,
		"* * 24 * * *":           `schedule: the field hour is "24": end of range (24) above maximum (23)`,
		"0 0 0 0 * *":            `schedule: the field day of month is "0": beginning of range (0) below minimum (1)`,
		"0 0 0 1 13 *":           `schedule: the field month is "13": end of range (13) above maximum (12)`,
		"0 0 0 * * 8":            `schedule: the field day of week is "8": end of range (8) above maximum (6)`,
		"0 0 0 * * FOO":          `schedule: the field day of week is "FOO": `,
		"0 0 0 30 2 *":           "schedule: never fires: no year has day of month 30 in month 2",
		"0 0 31 4,6,9 *":         "schedule: never fires",
		"@every":                 "schedule: @every needs a duration",
		"@every 500ms":           "schedule: @every must be at least 1s, got 500ms",
		"@every 1500ms":          "schedule: @every must be whole seconds, got 1.5s",
		"@every -1h":             "schedule: @every must be at least 1s, got -1h0m0s",
		"@reboot":                `schedule: has an unknown descriptor "@reboot"`,
		"TZ=0":                   "schedule: must not name a zone: that is timezone",
		"CRON_TZ=UTC 0 0 * * *":  "schedule: must not name a zone",
		"*/0 * * * *":            `schedule: the field minute is "*/0": `,
		"0 0 0 * * 5-1":          `schedule: the field day of week is "5-1": `,
		strings.Repeat("1", 201): "schedule: must be at most 200 bytes, got 201",
	} {
		_, err := Parse(text, "")
		assert.ErrorContains(t, err, want, "%q", text)
	}
	for _, zone := range []string{"Mars/Olympus", "Local", "../etc/passwd", "+01:00", "europe/zürich"} {
		_, err := Parse("@daily", zone)
		assert.ErrorContains(t, err, "timezone: must be a name of the IANA database", zone)
	}
}

func TestEvery(t *testing.T) {
	s, err := Parse("@every 90m", "Europe/Zurich")
	require.NoError(t, err)
	next, fires := s.Next(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	assert.True(t, fires)
	assert.Equal(t, "2026-11-29T14:30:00+01:00", next.Format(time.RFC3339), "it does not depend on when it is asked")
	next, _ = s.Next(next)
	assert.Equal(t, "2026-11-29T16:00:00+01:00", next.Format(time.RFC3339))
	next, _ = s.Next(time.Unix(-1, 0))
	assert.Equal(t, int64(0), next.Unix())
	assert.Equal(t, 16, s.Missed(time.Unix(0, 0), time.Unix(24*60*60, 0), 100))
	assert.Equal(t, 10, s.Missed(time.Unix(0, 0), time.Unix(24*60*60, 0), 10))
}

// Where the clock never changes the next time is the first second that matches, as one finds that looks
// at every one.
func TestQuarters(t *testing.T) {
	monday := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string][]int{
		"30 2 * * *": {10}, "0 0 * * 1": {0}, "0 0 * * 2": {}, "*/20 8 * * *": {32, 33, 34}, "59 23 * * *": {95},
		"@every 8h": {0, 32, 64}, "14 0-1 5 1 *": {0, 4},
	} {
		s, err := Parse(text, "")
		require.NoError(t, err, text)
		var next []int // as it fires
		for at, ok := s.Next(monday.Truncate(24 * time.Hour).Add(-1)); ok && at.Before(monday.Truncate(24*time.Hour).AddDate(0, 0, 1)); at, ok = s.Next(at) {
			if q := at.Hour()*4 + at.Minute()/15; len(next) == 0 || next[len(next)-1] != q {
				next = append(next, q)
			}
		}
		assert.Equal(t, want, s.Quarters(monday), text)
		assert.ElementsMatch(t, next, s.Quarters(monday), text)
	}
	s, err := Parse("0 9 * * *", "Asia/Kolkata")
	require.NoError(t, err)
	assert.Equal(t, []int{36}, s.Quarters(monday))
}

func TestAgainstEverySecond(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	field := func(from, to int) string {
		n := func() int { return from + random.IntN(to-from+1) }
		switch random.IntN(5) {
		case 0:
			return "*"
		case 1:
			return fmt.Sprintf("*/%d", 1+random.IntN(to))
		case 2:
			a, b := n(), n()
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		case 3:
			return fmt.Sprintf("%d,%d", n(), n())
		default:
			return fmt.Sprint(n())
		}
	}
	for range 300 {
		text := strings.Join([]string{field(0, 59), field(0, 59), field(0, 23), "*", "*", field(0, 7)}, " ")
		s, err := Parse(text, "")
		require.NoError(t, err, text)
		after := time.Unix(1_700_000_000+random.Int64N(1<<28), random.Int64N(1e9))
		next, fires := s.Next(after)
		require.True(t, fires)
		want := after.Truncate(time.Second).Add(time.Second).UTC()
		for s.bits[second]>>want.Second()&1 == 0 || s.bits[minute]>>want.Minute()&1 == 0 || s.bits[hour]>>want.Hour()&1 == 0 || !s.matchesDate(want) {
			want = want.Add(time.Second)
		}
		require.True(t, want.Equal(next), "%s after %s: got %s, want %s", text, after, next, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"0 0 * * *", "@every 1h", "TZ=0", "*/7 1-5 2,3 * JAN SUN", "0 0 29 2 *", "0 0 0 * * 5-7/2"} {
		f.Add(text, "Europe/Zurich", int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, text, zone string, at int64) {
		s, err := Parse(text, zone)
		if err != nil {
			return
		}
		after := time.Unix(at%(1<<34), 0)
		next, fires := s.Next(after)
		if fires && !next.After(after) {
			t.Errorf("%q in %s after %s: %s", text, zone, after, next)
		}
		if s.Words() == "" {
			t.Errorf("%q has no words", text)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, text := range []string{"*/5 * * * *", "0 9 * * 1-5", "0 0 29 2 *"} {
		s, err := Parse(text, "Europe/Zurich")
		require.NoError(b, err)
		after := time.Unix(1_700_000_000, 0)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				s.Next(after)
			}
		})
	}
}
