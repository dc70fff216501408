package sandbox

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestIsolation runs well-behaved and hostile scripts of several apps in turn
// and at once on shared slots: each must find its sandbox as if it were the
// first.
func TestIsolation(t *testing.T) {
	const workers, rounds = 4, 60
	s := newToy(t, Config{MaxConcurrent: 2 * workers})
	dirty := []Script{
		toy("touch 3"), toy("touch 12"), toy("garbage 20"), toy("fail x"), toy("trap"), toy("recurse"),
		toy("call 1 x"), toy("big 100000"), {Source: "allocate", ID: "allocate", Limits: abi.Limits{MemoryMB: 12}},
		{Source: "spin", ID: "spin", Limits: abi.Limits{TimeoutMS: 1}},
	}
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for round := range rounds {
				_, _ = run(t, s, dirty[(worker*7+round)%len(dirty)])

				own := fmt.Sprintf("worker %d", worker)
				for command, want := range map[string]any{"runs": int64(1), "clean 3": true, "text " + own: own} {
					script := toy(command)
					script.AppID = own
					got, err := run(t, s, script)
					if !assert.NoError(t, err, command) || !assert.Equal(t, want, got, command) {
						return
					}
				}
			}
		})
	}
	all.Wait()
}

func TestEntropyAndTimeAreFresh(t *testing.T) {
	s := newToy(t, Config{})
	seen := map[string]bool{}
	var last int64
	for range 1000 {
		entropy, err := run(t, s, toy("entropy"))
		require.NoError(t, err)
		require.Len(t, entropy, 32)
		require.False(t, seen[string(entropy.([]byte))], "entropy came twice")
		seen[string(entropy.([]byte))] = true
		now, err := run(t, s, toy("time"))
		require.NoError(t, err)
		require.Greater(t, now, last)
		last = now.(int64)
	}
}

// TestASlotIsItsBaseAgain compares all of a slot's memory with the base image
// after executions of every kind that leave the slot in use.
func TestASlotIsItsBaseAgain(t *testing.T) {
	s := newToy(t, Config{})
	for _, command := range []string{"text x", "touch 3", "garbage 30", "fail x", "call 1 x", "big 1000000"} {
		_, _ = run(t, s, toy(command))
		slot, err := s.guest.take(t.Context(), false)
		require.NoError(t, err)
		assert.Empty(t, region.Differing(slot.region.Bytes(), s.guest.base.memory.Bytes()), "pages that %q left changed", command)
		s.guest.put(slot)
	}
	assert.Len(t, append(s.guest.idle, s.guest.warm...), 1, "slots made for executions one after the other")
}

// TestAnImageIsWhatWasLoaded restores a script's image and compares the slot
// with the one the script was loaded in.
func TestAnImageIsWhatWasLoaded(t *testing.T) {
	s := newToy(t, Config{})
	script := toy("text x")
	script.Limits = abi.DefaultLimits
	e, err := s.gate.Enter(t.Context(), script.admission(NewWorld(nil)))
	require.NoError(t, err)
	defer s.gate.Leave(e)
	loaded, err := s.guest.take(t.Context(), false)
	require.NoError(t, err)
	var answer abi.LoadResult
	request := abi.LoadRequest{Source: script.Source, Limits: script.Limits}
	require.NoError(t, loaded.call(e, loaded.load, &request, answer.UnmarshalMsg))
	image := newImage(loaded, answer.Reads)
	restored, err := s.guest.take(context.Background(), false)
	require.NoError(t, err)
	require.NoError(t, restored.restore(image))

	stack := pageFloor(s.guest.base.stackPointer)
	assert.Empty(t, region.Differing(restored.region.Bytes()[stack:], loaded.region.Bytes()[stack:]))
	assert.NotEmpty(t, image.pages)
	s.guest.put(loaded)
	s.guest.put(restored)
}
