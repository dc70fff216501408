package realtime

import (
	"encoding/json"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// A subscriber hears something each 15 seconds, and nothing after its token has expired.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSubscription(&Hub{metrics: newMetrics(nil)}, key{"app", "topic"}, "")
		began := time.Now()
		s.until = began.Add(45 * time.Second)
		heard := func(want string, at time.Duration) {
			t.Helper()
			got, err := s.Next()
			require.NoError(t, err)
			require.Equal(t, want, string(got))
			require.Equal(t, at, time.Since(began))
		}
		heard(":\n\n", 15*time.Second)
		time.AfterFunc(10*time.Second, func() { s.offer(&event{[]byte("an event")}) })
		heard("an event", 25*time.Second)
		heard(":\n\n", 40*time.Second)
		_, err := s.Next()
		require.Equal(t, io.EOF, err)
		require.Equal(t, 45*time.Second, time.Since(began))
	})
}

// Of what is sent again as much is kept as there may be, or one message.
func TestFitting(t *testing.T) {
	for _, c := range []struct {
		lengths []int
		want    int
	}{
		{[]int{1}, 1}, {[]int{1, 2, 3}, 3}, {[]int{pageBytes, 1}, 1}, {[]int{pageBytes - 1, 1, 1}, 2}, {[]int{4 * pageBytes, 1}, 1}, {[]int{1, 4 * pageBytes}, 1},
	} {
		var page []store.Published
		for _, n := range c.lengths {
			page = append(page, store.Published{Message: make(json.RawMessage, n)})
		}
		require.Equal(t, c.want, fitting(page), c.lengths)
	}
}
