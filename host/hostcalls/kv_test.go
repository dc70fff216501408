package hostcalls

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// kvGuest is an execution of an app that calls kv.
type kvGuest struct{ Performer }

// newKVGuests makes executions of apps of one store.
func newKVGuests(t *testing.T, n int) []kvGuest {
	t.Helper()
	opened, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	d := New(Config{Services: Services{KV: kv.New(kv.Config{Store: opened.KV()})}})
	guests := make([]kvGuest, n)
	for i := range guests {
		app, err := opened.Apps().Create(t.Context(), store.App{Slug: string(rune('a' + i))})
		require.NoError(t, err)
		guests[i] = kvGuest{Performer{d, &Scope{AppID: app.ID, Capabilities: []abi.Capability{abi.AppKVRead, abi.AppKVWrite}, Log: &Log{}, Started: time.Now(), Now: time.Now}}}
	}
	return guests
}

func (g kvGuest) call(t *testing.T, op abi.Op, request msgp.Marshaler, response msgp.Unmarshaler) error {
	t.Helper()
	encoded, err := request.MarshalMsg(nil)
	require.NoError(t, err)
	answer, err := g.Perform(t.Context(), op, encoded)
	if err == nil {
		rest, err := response.UnmarshalMsg(answer)
		require.NoError(t, err)
		require.Empty(t, rest)
	}
	return err
}

// raw is a value as a guest writes it.
func raw(t *testing.T, value any) msgp.Raw {
	t.Helper()
	b, err := msgp.AppendIntf(nil, value)
	require.NoError(t, err)
	return b
}

func TestKVValuesComeBack(t *testing.T) {
	g := newKVGuests(t, 1)[0]
	for _, value := range []any{
		nil, true, false, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), 0.0, 1.0, -1.5, 1e300, 5e-324, math.Copysign(0, -1),
		"", "é🦀\x00\n\"", []byte(nil), []byte{0, 255}, strings.Repeat("x", 70_000),
		[]any{}, []any{int64(1), 1.0, []any{nil}}, map[string]any{}, map[string]any{"a": map[string]any{"": []byte("x")}, "b c": "d"},
	} {
		var set abi.KVSetResponse
		require.NoError(t, g.call(t, abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "k", Value: raw(t, value)}, &set))
		require.True(t, set.Set)
		var got abi.KVGetResponse
		require.NoError(t, g.call(t, abi.OpKVGet, &abi.KVGetRequest{Collection: "c", Key: "k"}, &got))
		require.True(t, got.Found)
		back, _, err := msgp.ReadIntfBytes(append(got.Value, 0xc0)) // of nil msgp keeps nothing
		require.NoError(t, err)
		require.Equal(t, value, back)
		if zero, isFloat := back.(float64); isFloat {
			require.Equal(t, math.Signbit(value.(float64)), math.Signbit(zero))
		}
		var swapped abi.KVSetResponse
		request := &abi.KVCompareAndSetRequest{Collection: "c", Key: "k", Old: got.Value, New: raw(t, nil)}
		require.NoError(t, g.call(t, abi.OpKVCompareAndSet, request, &swapped))
		require.Equal(t, value != nil, swapped.Set, "what get answers is what compare_and_set compares; unit is a missing key")
	}
}

// A visit to each operation, in the way of a script.
func TestKVOperations(t *testing.T) {
	guests := newKVGuests(t, 2)
	g, other := guests[0], guests[1]
	at := abi.KVGetRequest{Collection: "visits", Key: "home"}

	var got abi.KVGetResponse
	require.NoError(t, g.call(t, abi.OpKVGet, &at, &got))
	assert.False(t, got.Found)
	assert.Empty(t, got.Value)

	var sum abi.KVIncrResponse
	for want := int64(1); want <= 2; want++ {
		require.NoError(t, g.call(t, abi.OpKVIncr, &abi.KVIncrRequest{Collection: "visits", Key: "home", By: 1}, &sum))
		assert.Equal(t, want, sum.Value)
	}
	var set abi.KVSetResponse
	require.NoError(t, g.call(t, abi.OpKVSet, &abi.KVSetRequest{Collection: "visits", Key: "home", Value: raw(t, "x"), IfAbsent: true}, &set))
	assert.False(t, set.Set)
	require.NoError(t, g.call(t, abi.OpKVSet, &abi.KVSetRequest{Collection: "visits", Key: "about", Value: raw(t, 0.5), TTLMillis: new(int64(60_000))}, &set))
	assert.True(t, set.Set)

	var list abi.KVListResponse
	require.NoError(t, g.call(t, abi.OpKVList, &abi.KVListRequest{Collection: "visits", Limit: 1}, &list))
	assert.Equal(t, []abi.KVItem{{Key: "about", Value: raw(t, 0.5)}}, list.Items)
	require.NoError(t, g.call(t, abi.OpKVList, &abi.KVListRequest{Collection: "visits", Cursor: list.Cursor}, &list))
	require.Len(t, list.Items, 1)
	assert.Equal(t, "home", list.Items[0].Key)
	assert.Empty(t, list.Cursor)
	require.NoError(t, g.call(t, abi.OpKVList, &abi.KVListRequest{Collection: "visits", Prefix: "ab"}, &list))
	require.Len(t, list.Items, 1)
	assert.Equal(t, "about", list.Items[0].Key)

	// Another app that knows all the names finds nothing.
	var has, deleted abi.KVFoundResponse
	require.NoError(t, other.call(t, abi.OpKVGet, &at, &got))
	assert.False(t, got.Found)
	require.NoError(t, other.call(t, abi.OpKVHas, &at, &has))
	assert.False(t, has.Found)
	require.NoError(t, other.call(t, abi.OpKVDelete, &at, &deleted))
	assert.False(t, deleted.Found)
	require.NoError(t, other.call(t, abi.OpKVList, &abi.KVListRequest{Collection: "visits"}, &list))
	assert.Empty(t, list.Items)

	require.NoError(t, g.call(t, abi.OpKVHas, &at, &has))
	assert.True(t, has.Found)
	require.NoError(t, g.call(t, abi.OpKVDelete, &at, &deleted))
	assert.True(t, deleted.Found)
	require.NoError(t, g.call(t, abi.OpKVHas, &at, &has))
	assert.False(t, has.Found)
}

func TestKVRefuses(t *testing.T) {
	g := newKVGuests(t, 1)[0]
	require.NoError(t, g.call(t, abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "text", Value: raw(t, "x")}, &abi.KVSetResponse{}))
	one := raw(t, int64(1))
	set := func(value msgp.Raw) *abi.KVSetRequest {
		return &abi.KVSetRequest{Collection: "c", Key: "k", Value: value}
	}
	for _, c := range []struct {
		op      abi.Op
		request msgp.Marshaler
		message string
	}{
		{abi.OpKVGet, &abi.KVGetRequest{Key: "k"}, "kv.get: collection: must be 1 to 512 bytes, got 0"},
		{abi.OpKVHas, &abi.KVGetRequest{Collection: "c", Key: "a\n"}, "kv.has: key: must not contain control characters (U+000A at byte 1)"},
		{abi.OpKVDelete, &abi.KVGetRequest{Collection: "c", Key: "\xff"}, "kv.delete: key: must be UTF-8 (byte 0 is not)"},
		{abi.OpKVList, &abi.KVListRequest{Collection: "c", Limit: 1001}, "kv.list: limit: must be between 1 and 1000, got 1001"},
		{abi.OpKVList, &abi.KVListRequest{Collection: "c", Cursor: "x"}, "kv.list: invalid cursor"},
		{abi.OpKVIncr, &abi.KVIncrRequest{Collection: "c", Key: "text", By: 1}, `kv.incr: key: "text" holds a string, not an integer of 64 bits`},
		{abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "k", Value: one, TTLMillis: new(int64(0))}, "kv.set: ttl_ms: must be 1 to 3153600000000, got 0"},
		{abi.OpKVSet, set(raw(t, math.NaN())), "kv.set: value: NaN cannot be written as JSON"},
		{abi.OpKVSet, set(raw(t, []any{[]any{1, math.Inf(1)}})), "kv.set: value[0][1]: +Inf cannot be written as JSON"},
		{abi.OpKVSet, set(raw(t, map[string]any{"a": []any{time.Now()}})), "kv.set: value.a[0]: a function pointer or timestamp cannot be written as JSON"},
		{abi.OpKVSet, set(raw(t, strings.Repeat("x", 1<<20-1))), "kv.set: value: must be at most 1048576 bytes of JSON, got 1048577"},
		{abi.OpKVSet, set(raw(t, strings.Repeat("x", 6<<20))), "kv.set: value: must be at most 1048576 bytes of JSON, got more"},
		{abi.OpKVCompareAndSet, &abi.KVCompareAndSetRequest{Collection: "c", Key: "k", Old: raw(t, math.NaN()), New: one}, "kv.compare_and_set: old: NaN cannot be written as JSON"},
		{abi.OpKVCompareAndSet, &abi.KVCompareAndSetRequest{Collection: "c", Key: "k", Old: one, New: raw(t, math.NaN())}, "kv.compare_and_set: new: NaN cannot be written as JSON"},
	} {
		err := g.call(t, c.op, c.request, nil)
		var refusal *abi.OpError
		require.ErrorAs(t, err, &refusal, c.message)
		assert.Equal(t, abi.OpError{Code: abi.OpCodeInvalid, Message: c.message}, *refusal)
	}
}

func TestKVNeedsItsCapability(t *testing.T) {
	g := newKVGuests(t, 1)[0]
	for _, row := range abi.Operations {
		if !strings.HasPrefix(row.Name, "kv.") {
			continue
		}
		g.scope.Capabilities = []abi.Capability{abi.AppKVRead}
		if row.Capability == abi.AppKVRead {
			g.scope.Capabilities = []abi.Capability{abi.AppKVWrite}
		}
		_, err := g.Perform(t.Context(), row.Op, nil)
		var refusal *abi.OpError
		require.ErrorAs(t, err, &refusal, row.Name)
		assert.Equal(t, abi.OpCodeDenied, refusal.Code, row.Name)
		assert.Contains(t, refusal.Message, string(row.Capability))
	}
}

func TestKVEnds(t *testing.T) {
	g := newKVGuests(t, 1)[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request := abi.KVGetRequest{Collection: "c", Key: "k"}
	encoded, err := request.MarshalMsg(nil)
	require.NoError(t, err)
	_, err = g.Perform(ctx, abi.OpKVGet, encoded)
	var refusal *abi.OpError
	require.True(t, errors.As(err, &refusal))
	assert.Equal(t, abi.OpCodeCancelled, refusal.Code)
}
