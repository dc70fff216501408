package sandbox

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

// steppingWorld is a world whose clock begins at a time of its own and goes on by a second
// whenever it is read.
func steppingWorld(entropy byte, started time.Time) World {
	w := World{Entropy: [32]byte{entropy}, Started: started}
	now := started
	w.Now = func() time.Time {
		now = now.Add(time.Second)
		return now
	}
	w.Operations = performer(func(_ context.Context, op abi.Op, _ []byte) ([]byte, error) {
		if op != abi.OpClockMonotonic {
			return nil, nil
		}
		now := w.Now()
		return abi.Clock{Nanoseconds: now.Sub(w.Started).Nanoseconds(), UnixNano: now.UnixNano()}.MarshalMsg(nil)
	})
	return w
}

// A script that is run again in the same world sees the same random numbers and times, and
// others in any other world.
func TestAScriptRunsAgainInItsWorld(t *testing.T) {
	s := newReal(t, Config{})
	day := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, source := range map[string]string{
		"random::int":   `random::int(0, 1000000000000)`,
		"random::bytes": `random::bytes(32)`,
		"shuffle":       `let a = []; for i in 0..50 { a.push(i); } random::shuffle(a)`,
		"uuid::v4":      `uuid::v4()`,
		"uuid::v7":      `uuid::v7()`,
	} {
		script := rhai(source)
		in := func(w World) any {
			result, err := s.Execute(t.Context(), script, abi.Invocation{}, w)
			require.NoError(t, err, name)
			return decode(t, result)
		}
		first := in(steppingWorld(1, day))
		assert.Equal(t, first, in(steppingWorld(1, day)), name)
		assert.NotEqual(t, first, in(steppingWorld(2, day)), name)
		assert.NotEqual(t, in(NewWorld(echo)), in(NewWorld(echo)), name)
	}
	for name, source := range map[string]string{
		"time::now": `time::now()`,
		"elapsed":   `let t = timestamp(); let n = 0; while t.elapsed < 5.0 { n += 1; } n`,
	} {
		for range 2 {
			result, err := s.Execute(t.Context(), rhai(source), abi.Invocation{}, steppingWorld(1, day))
			require.NoError(t, err, name)
			want := map[string]any{"time::now": "2027-01-02T03:04:06.000Z", "elapsed": int64(4)}[name]
			assert.Equal(t, want, decode(t, result), name)
		}
	}
}
