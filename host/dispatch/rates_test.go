package dispatch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/store"
)

func TestRates(t *testing.T) {
	start := time.Unix(1_000_000_000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	var r rates
	assert.Zero(t, r.of("a", start))
	r.add("a", 6, at(0))
	r.add("a", 54, at(30))
	r.add("b", 1, at(30))
	for _, c := range []struct {
		lane   string
		second int
		want   float64
	}{
		{"a", 30, 1},
		{"b", 30, 1. / 60},
		{"a", 59, 1},
		{"a", 60, 54. / 60}, // the first second is more than a minute ago
		{"a", 89, 54. / 60},
		{"a", 90, 0},
		{"none", 30, 0},
	} {
		assert.Equal(t, c.want, r.of(c.lane, at(c.second)), "%s after %d s", c.lane, c.second)
	}
	r.add("a", 60, at(1000))
	assert.Equal(t, 1.0, r.of("a", at(1000)))
	assert.Len(t, r.lanes, 1, "b is forgotten")
	r.add("a", 60, at(990)) // the clock was set back
	assert.Equal(t, 2.0, r.of("a", at(1000)))
}

func TestRatesCountWhatIsDone(t *testing.T) {
	var r rates
	messages := []store.Event{{Lane: "l", Source: store.EventQueue}, {Lane: "l", Source: store.EventQueue}, {Lane: "l", Source: store.EventQueue}}
	r.count(messages, []store.Settlement{{}, {Retry: &store.RetryAt{}}, {Dead: &store.DeadLetter{}}})
	r.count([]store.Event{{Lane: "l", Source: store.EventKV}}, []store.Settlement{{}})
	assert.Equal(t, 1./60, r.of("l", time.Now()))
}
