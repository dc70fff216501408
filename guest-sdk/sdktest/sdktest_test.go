package sdktest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/kv"
)

func TestOneHostAtATime(t *testing.T) {
	New(t)
	_, err := Open(t.TempDir())
	assert.ErrorContains(t, err, "another host")
}

func TestNoHost(t *testing.T) {
	assert.ErrorContains(t, kv.Collection[int]("c").Set("k", 1), "sdktest.New")
}

func TestDeny(t *testing.T) {
	host := New(t)
	counts := kv.Collection[int]("counts")
	require.NoError(t, counts.Set("k", 1))
	host.Deny("AppKvWrite")
	assert.Equal(t, sdk.CodeDenied, sdk.ErrorCode(counts.Set("k", 2)))
	n, found, err := counts.Get("k")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, 1, n)
}

// Each host has data of its own.
func TestHostsAreFresh(t *testing.T) {
	for range 2 {
		t.Run("", func(t *testing.T) {
			New(t)
			set, err := kv.Collection[int]("c").SetWith("k", 1, kv.Options{IfAbsent: true})
			require.NoError(t, err)
			assert.True(t, set)
		})
	}
}
