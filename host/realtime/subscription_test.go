package realtime

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
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
