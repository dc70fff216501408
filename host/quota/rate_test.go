package quota

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// clocked is a limiter with a clock that stands still.
func clocked() (l *Limiter, clock *time.Duration) {
	l, clock = NewLimiter(), new(time.Hour)
	l.now = func() time.Duration { return *clock }
	return l, clock
}

func TestTake(t *testing.T) {
	l, clock := clocked()
	rate := Rate{Requests: 6, Per: time.Minute, Burst: 3} // one in 10 s
	for _, c := range []struct {
		after time.Duration
		want  State
	}{
		{0, State{true, 2, 10 * time.Second, 0}},
		{0, State{true, 1, 20 * time.Second, 0}},
		{0, State{true, 0, 30 * time.Second, 10 * time.Second}},
		{0, State{false, 0, 30 * time.Second, 10 * time.Second}},
		{4 * time.Second, State{false, 0, 26 * time.Second, 6 * time.Second}},
		{6 * time.Second, State{true, 0, 30 * time.Second, 10 * time.Second}},
		{25 * time.Second, State{true, 1, 15 * time.Second, 0}},
		{time.Hour, State{true, 2, 10 * time.Second, 0}},
	} {
		*clock += c.after
		assert.Equal(t, c.want, l.Take(KeyOf("a"), rate), "%+v", c)
	}
	look := l.Look(KeyOf("a"), rate)
	assert.Equal(t, State{true, 2, 10 * time.Second, 0}, look)
	assert.Equal(t, look, l.Look(KeyOf("a"), rate), "it is only looked at")
	assert.EqualValues(t, 3, l.Look(KeyOf("b"), rate).Remaining, "another has its own")
	assert.EqualValues(t, 1, l.Take(KeyOf("a"), Rate{Requests: 6, Per: time.Minute, Burst: 3}).Remaining)
	assert.EqualValues(t, 0, l.Take(KeyOf("a"), Rate{Requests: 1, Per: time.Minute, Burst: 1}).Remaining, "a lower limit counts at once")
}

// A clock that is set far back or on is followed, and what was counted is forgotten when that is wanted.
func TestFollow(t *testing.T) {
	l, now := NewLimiter(), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	l.Follow(func() time.Time { return now })
	rate := Rate{Requests: 1, Per: time.Hour, Burst: 1}
	client := KeyOf("a").Route("r").Address(netip.MustParseAddr("192.0.2.1"))
	take := func() (allowed []bool) {
		for _, key := range []Key{KeyOf("a"), client} {
			allowed = append(allowed, l.Take(key, rate).Allowed)
		}
		return allowed
	}
	both, neither := []bool{true, true}, []bool{false, false}
	assert.Equal(t, both, take())
	assert.Equal(t, neither, take())
	now = now.Add(time.Hour)
	assert.Equal(t, both, take())
	now = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.Equal(t, both, take())
	l.Forget()
	assert.Equal(t, both, take())
	assert.Equal(t, neither, take())
	assert.Equal(t, 1, l.all)
}

// However requests come, in any time there are no more than the rate and its burst allow, and one who
// asks for less is never refused.
func TestTakeKeepsTheRate(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		l, clock := clocked()
		rate := Rate{Requests: 1 + r.Int64N(20), Per: time.Duration(1+r.IntN(10)) * time.Second, Burst: 1 + r.Int64N(20)}
		begun, allowed := *clock, int64(0)
		for range 2000 {
			*clock += time.Duration(r.Int64N(int64(rate.Per) / rate.Requests))
			if state := l.Take(KeyOf("greedy"), rate); state.Allowed {
				allowed++
			} else {
				require.Positive(t, state.Retry, "seed %d", seed)
			}
			most := rate.Burst + int64(*clock-begun)*rate.Requests/int64(rate.Per) + 1
			require.LessOrEqual(t, allowed, most, "seed %d: %+v", seed, rate)
		}
		for range 100 {
			*clock += rate.Per / time.Duration(rate.Requests)
			require.True(t, l.Take(KeyOf("modest"), rate).Allowed, "seed %d", seed)
		}
		state := l.Take(KeyOf("waits"), rate)
		for state.Allowed {
			state = l.Take(KeyOf("waits"), rate)
		}
		*clock += state.Retry
		require.True(t, l.Take(KeyOf("waits"), rate).Allowed, "seed %d: who waits as told is allowed", seed)
	}
}

func TestTakeIsNotOutrun(t *testing.T) {
	l, _ := clocked()
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if l.Take(KeyOf("a"), Rate{Requests: 1, Per: time.Hour, Burst: 500}).Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 500, allowed.Load())
}

func TestKeys(t *testing.T) {
	k := KeyOf("route")
	address := func(text string) Key { return k.Address(netip.MustParseAddr(text)) }
	assert.Equal(t, address("2001:db8::1"), address("2001:db8::ffff:1:2:3"), "an IPv6 network of 64 bits")
	assert.NotEqual(t, address("2001:db8::1"), address("2001:db8:0:1::1"))
	assert.Equal(t, address("2001:db8::1%eth0"), address("2001:db8::1"))
	assert.NotEqual(t, address("192.0.2.1"), address("192.0.2.2"))
	assert.Equal(t, address("192.0.2.1"), address("::ffff:192.0.2.1"))
	assert.NotEqual(t, k, address("192.0.2.1"))
	assert.NotEqual(t, address("192.0.2.1"), KeyOf("other").Address(netip.MustParseAddr("192.0.2.1")))
	assert.NotPanics(t, func() { k.Address(netip.Addr{}) })
	assert.Equal(t, k.Value("a"), k.Value("a"))
	assert.NotEqual(t, k.Value("a"), k.Value("b"))
}

// address is one of as many as there are numbers.
func address(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0x20, 4: byte(n >> 24), 5: byte(n >> 16), 6: byte(n >> 8), 7: byte(n)})
}

// A flood of addresses takes no more memory than there is for it, and does not free who was just refused.
func TestFloodOfAddresses(t *testing.T) {
	l, _ := clocked()
	rate := Rate{Requests: 1, Per: time.Hour, Burst: 1}
	route := KeyOf("a").Route("r")
	victim := route.Address(netip.MustParseAddr("192.0.2.1"))
	require.True(t, l.Take(victim, rate).Allowed)
	for i := range 2 * clientsOfRoute {
		l.Take(route.Address(address(i)), rate)
		if i%1000 == 0 {
			require.False(t, l.Take(victim, rate).Allowed, "after %d addresses", i)
		}
	}
	assert.Equal(t, clientsOfRoute, l.all)
	assert.Equal(t, map[string]int{"a": clientsOfRoute}, l.clients)
}

// Whoever makes keys at will makes nobody else's bucket be forgotten: neither another app's, nor another route's
// of the same app, nor what counts everybody.
func TestFloodOfOthers(t *testing.T) {
	l, clock := clocked()
	rate := Rate{Requests: 1, Per: time.Hour, Burst: 1}
	client := netip.MustParseAddr("192.0.2.1")
	used := []Key{
		KeyOf("quiet"), KeyOf("quiet").Route("r"), KeyOf("quiet").Route("r").Address(client), KeyOf("quiet").Route("s").Value("v"),
		KeyOf("loud"), KeyOf("loud").Route("0"), KeyOf("loud").Route("calm").Value("v"),
	}
	for _, key := range used {
		require.True(t, l.Take(key, rate).Allowed, "%+v", key)
	}
	for route := range 2 * clientsKnown / clientsOfRoute {
		for i := range clientsOfRoute {
			l.Take(KeyOf("loud").Route(fmt.Sprint(route)).Value(fmt.Sprint(i)), rate)
			require.LessOrEqual(t, l.all, clientsKnown)
		}
	}
	for _, key := range used {
		assert.False(t, l.Look(key, rate).Remaining > 0, "%+v", key)
		assert.False(t, l.Take(key, rate).Allowed, "%+v", key)
	}
	assert.Equal(t, 2, l.clients["quiet"])
	assert.Equal(t, l.all-2, l.clients["loud"])
	assert.Greater(t, l.all, clientsKnown-2*forgottenAtOnce)

	// Of many who are loud each keeps about as much.
	for app := range 20 {
		for i := range clientsOfRoute {
			l.Take(KeyOf(fmt.Sprint("app", app)).Route("r").Value(fmt.Sprint(i)), rate)
		}
	}
	for app, clients := range l.clients {
		if app != "quiet" {
			assert.Greater(t, clients, clientsKnown/30, app)
		}
	}
	assert.False(t, l.Take(used[2], rate).Allowed)

	// When all is full again, nothing of it is needed.
	*clock += 2 * time.Hour
	for i := range 2 * placesKept {
		l.Take(KeyOf("new").Route(fmt.Sprint(i)), rate)
	}
	assert.Equal(t, 0, l.all)
	assert.Empty(t, l.clients)
	*clock += 2 * time.Hour
	for i := range 10 * placesKept {
		l.Take(KeyOf("newer").Route(fmt.Sprint(i)), Rate{Requests: 1, Per: time.Second, Burst: 1})
		*clock += 10 * time.Millisecond
	}
	assert.LessOrEqual(t, len(l.places), 2*placesKept, "places that are gone are forgotten")
}

func TestCheckRateLimit(t *testing.T) {
	for _, c := range []struct{ given, want *store.RateLimit }{
		{nil, nil},
		{&store.RateLimit{By: "nonsense"}, nil},
		{&store.RateLimit{Requests: 5}, &store.RateLimit{Requests: 5, PerSeconds: 1, By: "address"}},
		{&store.RateLimit{Requests: 5, PerSeconds: 60, Burst: 9, By: "header:X-Api-Key"}, &store.RateLimit{Requests: 5, PerSeconds: 60, Burst: 9, By: "header:x-api-key"}},
		{&store.RateLimit{Requests: MaxRouteRequests, PerSeconds: MaxRoutePerSeconds, By: "route"}, &store.RateLimit{Requests: MaxRouteRequests, PerSeconds: MaxRoutePerSeconds, By: "route"}},
	} {
		got, err := CheckRateLimit(c.given)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	for field, wrong := range map[string]store.RateLimit{
		"requests":    {Requests: -1},
		"per_seconds": {Requests: 1, PerSeconds: MaxRoutePerSeconds + 1},
		"burst":       {Requests: 1, Burst: -1},
		"by":          {Requests: 1, By: "cookie"},
	} {
		_, err := CheckRateLimit(&wrong)
		require.Equal(t, fault.Invalid, fault.Of(err), field)
		assert.Equal(t, "rate_limit."+field, fault.From(err).Field)
	}
	_, err := CheckRateLimit(&store.RateLimit{Requests: 1, PerSeconds: MaxRoutePerSeconds, Burst: 31})
	require.ErrorContains(t, err, "must come again within 2592000 seconds, at 1 requests in 86400 seconds it takes 2678400")
	for _, by := range []string{"header:", "header:a b", "header:x:y", "Address", "header:\x00"} {
		_, err := CheckRateLimit(&store.RateLimit{Requests: 1, By: by})
		assert.Equal(t, fault.Invalid, fault.Of(err), "%q", by)
	}
}

func TestTold(t *testing.T) {
	var told Told
	told.Add("route", Rate{Requests: 5, Per: time.Minute, Burst: 10}, State{Remaining: 7, Reset: 1500 * time.Millisecond})
	assert.Equal(t, []string{`"route";q=10;w=120`, `"route";r=7;t=2`}, []string{string(told.Policy), string(told.State)})
	told.Add("app", Rate{Requests: 100, Per: time.Second, Burst: 100}, State{})
	assert.Equal(t, []string{`"route";q=10;w=120, "app";q=100;w=1`, `"route";r=7;t=2, "app";r=0;t=0`}, []string{string(told.Policy), string(told.State)})
}

// What a request costs that is counted for its app and, by its client's address, for its route, and is
// told so.
func BenchmarkRequest(b *testing.B) {
	a := NewApps(Limits{RequestsPerSecond: 1_000_000, RequestBurst: 1_000_000})
	for i := range 1000 {
		a.Set(fmt.Sprint("app", i), store.Quota{KVBytes: new(int64(1))})
	}
	limit := store.RateLimit{Requests: 1_000_000, PerSeconds: 1}
	address := netip.MustParseAddr("2001:db8::1")
	b.ReportAllocs()
	for b.Loop() {
		var told Told
		route, app := RateOf(limit), a.Of("app7").Rate()
		told.Add("route", route, a.Limiter().Take(KeyOf("app7").Route("route").Address(address), route))
		told.Add("app", app, a.Limiter().Take(KeyOf("app7"), app))
	}
}
