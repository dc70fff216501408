package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/e2e/hostile"
)

// TestAttacks tries each attack of package hostile on the built server, for as long as PICLOUD_ATTACK
// says. Meanwhile another app greets, and data is written. The process must be the same one
// afterwards, its memory as before, every greeting in time, and what was acknowledged there.
//
// It measures, so it wants the machine for itself: make attack runs it.
func TestAttacks(t *testing.T) {
	setting := os.Getenv("PICLOUD_ATTACK")
	if setting == "" {
		t.Skip("make attack runs it")
	}
	each, err := time.ParseDuration(setting)
	require.NoError(t, err, "PICLOUD_ATTACK")

	s := newBesieged(t)
	for _, attack := range slices.Concat(hostile.Connections, hostile.Scripts, hostile.Uploads) {
		t.Run(attack.Name, func(t *testing.T) { s.withstands(t, each, attack.Name) })
	}
	_, err = s.admin.KVEntry(t.Context(), "attacker", "hidden", "request")
	var refused *client.Error
	require.ErrorAs(t, err, &refused, "a request in a body was taken for one")
	assert.Equal(t, 404, refused.Status)
	require.NoError(t, s.end(syscall.SIGTERM))
	assert.NotContains(t, s.output.String(), "panic")
}

const (
	attackers = 64 // clients at once
	uploaders = 4

	// caches may have grown by so many MiB.
	caches = 16

	// worstGreeting is what 99 of 100 greetings must take less than, 95 of 100 in a short run.
	worstGreeting = 100 * time.Millisecond
)

// besieged is a server that is attacked, and one of its administrators.
type besieged struct {
	*daemon
	token string
	admin *client.Client
	kept  map[string]string // what was written and acknowledged, by key
}

func newBesieged(t *testing.T) *besieged {
	p := newPlace(t)
	p.env = append(p.env, "PICLOUD_MAX_BUFFERED_BYTES=134217728") // as on a machine of 1 GiB
	s := &besieged{daemon: launch(t, p), kept: map[string]string{}}
	s.token = s.login()
	admin, err := client.New(s.url, s.token)
	require.NoError(t, err)
	s.admin = admin
	require.NoError(t, hostile.Deploy(t.Context(), admin, "attacker"))
	return s
}

// attackFrom is the variable that makes this program attack: JSON of an onslaught.
const attackFrom = "PICLOUD_TEST_ATTACK"

// An onslaught is an attack by many clients, which another process does: what the clients need of a
// processor is not the server's, nor that of whoever looks at the clock.
type onslaught struct {
	Name, Server, Token string
	For                 time.Duration
}

// attackMain is this program as an attacker. It is nice: on real days it would have a machine of
// its own.
func attackMain(variable string) {
	var o onslaught
	if err := json.Unmarshal([]byte(variable), &o); err != nil {
		panic(err)
	}
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19)
	ctx, stop := context.WithTimeout(context.Background(), o.For)
	defer stop()
	admin, err := client.New("http://"+o.Server, o.Token)
	if err != nil {
		panic(err)
	}
	var clients sync.WaitGroup
	attacks := slices.Concat(hostile.Connections, hostile.Scripts, hostile.Uploads)
	attack := attacks[slices.IndexFunc(attacks, func(a hostile.Attack) bool { return a.Name == o.Name })]
	for i := range attackers {
		if attack.Upload && i >= uploaders {
			break
		}
		clients.Go(func() {
			c := hostile.Client{Server: o.Server, From: net.IPv4(127, 0, 1, byte(1+i%4)), Admin: admin, App: "attacker"}
			for ctx.Err() == nil {
				attack.Do(ctx, c)
			}
		})
	}
	clients.Wait()
}

// withstands checks the server during and after an attack.
func (s *besieged) withstands(t *testing.T, d time.Duration, name string) {
	s.t = t
	variable, err := json.Marshal(onslaught{name, strings.TrimPrefix(s.url, "http://"), s.token, d})
	require.NoError(t, err)
	before, _ := s.resident()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	attack := exec.Command(os.Args[0])
	attack.Env = append(os.Environ(), attackFrom+"="+string(variable))
	attack.Stderr = os.Stderr
	require.NoError(t, attack.Start())
	var greetings []time.Duration
	var others sync.WaitGroup
	others.Go(func() { greetings = s.greet(ctx, t) })
	others.Go(func() { s.write(ctx, t) })
	require.NoError(t, attack.Wait())
	others.Wait()

	require.NoError(t, s.Process.Signal(syscall.Signal(0)), "the process is there")
	slices.Sort(greetings)
	require.NotEmpty(t, greetings)
	p99 := greetings[len(greetings)*99/100]
	judged := p99
	if len(greetings) < 1000 { // too few for that
		judged = greetings[len(greetings)*95/100]
	}
	_, most := s.resident()
	start, after := time.Now(), 0
	calm := assert.Eventually(t, func() bool {
		after, _ = s.resident()
		return after <= before+before/5+caches
	}, patience, 100*time.Millisecond, "MiB: memory is back within a fifth of before")
	t.Logf("%d greetings, p50 %v, p99 %v, worst %v; memory %d MiB before, %d at most, %d after %v", len(greetings),
		greetings[len(greetings)/2].Round(time.Microsecond), p99.Round(time.Microsecond), greetings[len(greetings)-1].Round(time.Microsecond),
		before, most, after, time.Since(start).Round(100*time.Millisecond))
	assert.True(t, calm, "memory: %d MiB before, %d after", before, after)
	assert.Less(t, judged, worstGreeting)
	for key, value := range s.kept {
		got, err := s.admin.KVEntry(t.Context(), "default", "kept", key)
		require.NoError(t, err)
		require.JSONEq(t, value, string(got.Value), key)
	}
}

// greet asks another app to greet again and again, and returns how long each took.
func (s *besieged) greet(ctx context.Context, t *testing.T) (took []time.Duration) {
	conn := s.from(200)
	for ctx.Err() == nil {
		_ = conn.SetDeadline(time.Now().Add(patience))
		start := time.Now()
		status, text := answer(conn, hello)
		if status != 200 {
			t.Errorf("a greeting was answered %d: %s", status, text)
			return took
		}
		took = append(took, time.Since(start))
		time.Sleep(2 * time.Millisecond)
	}
	return took
}

// write writes as another app does.
func (s *besieged) write(ctx context.Context, t *testing.T) {
	for i := 0; ctx.Err() == nil; i++ {
		key, value := fmt.Sprint(i%20), fmt.Sprint(time.Now().UnixNano())
		if _, err := s.admin.SetKV(t.Context(), "default", "kept", key, wire.KVSet{Value: json.RawMessage(value)}); !assert.NoError(t, err) {
			return
		}
		s.kept[key] = value
		time.Sleep(10 * time.Millisecond)
	}
}
