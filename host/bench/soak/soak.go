package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/bench/process"
	"github.com/picloud/picloud/host/client"
)

// maxFailures ends a soak that is going wrong before its report is unreadable.
const maxFailures = 20

// apps are two owners of the same scripts.
var apps = []string{"soak-one", "soak-two"}

type soak struct {
	server *process.Process
	log    *errorLog
	http   *fasthttp.Client
	memory []float64 // MiB, one a second

	mu       sync.Mutex
	done     map[string]*tally // by case
	failures []error
}

// tally counts what became of a case's requests.
type tally struct{ right, refused int }

func (s *soak) run(ctx context.Context, d time.Duration, workers int) error {
	s.http = &fasthttp.Client{MaxConnsPerHost: workers + 1, ReadTimeout: time.Minute}
	defer s.http.CloseIdleConnections()
	c, err := client.New(s.server.Address, "")
	if err != nil {
		return err
	}
	if _, err := c.Login(ctx, wire.Login{Username: "admin", Password: process.AdminPassword}); err != nil {
		return err
	}
	for _, app := range apps {
		if err := deploy(ctx, c, app); err != nil {
			return err
		}
	}
	soaking, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { s.work(soaking, cancel) })
	}
	running.Go(func() { s.update(soaking, cancel, c) })
	err = s.watch(soaking)
	running.Wait()
	return errors.Join(err, ctx.Err(), errors.Join(s.failures...), s.settled(ctx), s.flat(1.10))
}

// deploy makes an app of all cases, each on a route of its name.
func deploy(ctx context.Context, c *client.Client, app string) error {
	if _, err := c.CreateApp(ctx, wire.AppCreate{Slug: app}); err != nil {
		return err
	}
	for _, sc := range append(slices.Clone(cases), soakCase{name: "versioned", source: `#{ version: 0 }`}) {
		script, err := c.CreateScript(ctx, app, wire.ScriptCreate{Name: sc.name, Kind: sc.kind, Source: sc.source, Limits: &sc.limits})
		if err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
		if sc.kind == abi.KindModule {
			continue
		}
		if _, err := c.CreateRoute(ctx, script.ID, wire.RouteCreate{Path: path(app, sc.name)}); err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
	}
	return nil
}

func path(app, name string) string { return "/" + app + "/" + name }

// work asks cases in random order until the soak ends.
func (s *soak) work(ctx context.Context, giveUp func()) {
	for ctx.Err() == nil {
		sc := &cases[rand.IntN(len(cases))]
		app := apps[rand.IntN(len(apps))]
		var right bool
		var err error
		switch {
		case sc.kind == abi.KindModule:
			continue
		case sc.leave:
			right, err = true, s.desert(ctx, path(app, sc.name))
		default:
			right, err = s.ask(sc, app)
		}
		s.count(sc.name, right, err, giveUp)
	}
}

// ask sends a request. It returns false and no error when the server was full.
func (s *soak) ask(sc *soakCase, app string) (right bool, err error) {
	n := rand.IntN(1 << 30)
	var body []byte
	if sc.body != nil {
		if body, err = json.Marshal(sc.body(n)); err != nil {
			return false, err
		}
	}
	status, answer, err := s.send(path(app, sc.name), body)
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", sc.name, err)
	case status == http.StatusServiceUnavailable && errorCode(answer) == abi.CodeOverloaded:
		return false, nil
	}
	return true, sc.check(n, status, answer)
}

func (s *soak) send(path string, body []byte) (status int, answer []byte, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(s.server.Address + path)
	if body != nil {
		request.Header.SetMethod(http.MethodPost)
		request.Header.SetContentType("application/json")
		request.SetBodyRaw(body)
	}
	if err := s.http.Do(request, response); err != nil {
		return 0, nil, err
	}
	return response.StatusCode(), slices.Clone(response.Body()), nil
}

// desert asks for a script that takes long, and hangs up.
func (s *soak) desert(ctx context.Context, path string) error {
	host := strings.TrimPrefix(s.server.Address, "http://")
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host); err != nil {
		return err
	}
	connection.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	_, _ = connection.Read(make([]byte, 1)) // a refusal, or the deadline
	return nil
}

// update changes a script again and again; each answer must come from the version just saved.
func (s *soak) update(ctx context.Context, giveUp func(), c *client.Client) {
	var id string
	for script, err := range c.Scripts(ctx, apps[0]) {
		if err == nil && script.Name == "versioned" {
			id = script.ID
		}
	}
	for version := 1; ctx.Err() == nil; version++ {
		source := fmt.Sprintf(`#{ version: %d }`, version)
		_, err := c.UpdateScript(ctx, id, wire.ScriptUpdate{Source: &source})
		var refused *client.Error
		if ctx.Err() != nil || errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable {
			continue // compiling it needs a place at the gate too
		}
		if err != nil {
			s.count("versioned", false, err, giveUp)
			return
		}
		sc := soakCase{name: "versioned", status: http.StatusOK, want: constant(map[string]any{"version": version})}
		right, err := s.ask(&sc, apps[0])
		s.count("versioned", right, err, giveUp)
	}
}

func (s *soak) count(name string, right bool, err error, giveUp func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.done[name]
	if t == nil {
		t = new(tally)
		s.done[name] = t
	}
	switch {
	case err != nil:
		if s.failures = append(s.failures, err); len(s.failures) >= maxFailures {
			giveUp()
		}
	case right:
		t.right++
	default:
		t.refused++
	}
}

// watch reads the server's memory each second until the soak ends.
func (s *soak) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			resident, err := s.server.ResidentMiB()
			if err != nil {
				return err
			}
			s.memory = append(s.memory, resident)
		}
	}
}

// settled returns an error if anything still runs or the server greets no more.
func (s *soak) settled(ctx context.Context) error {
	const patience = 10 * time.Second
	deadline, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		_, metrics, err := s.send("/metrics", nil)
		if err != nil {
			return err
		}
		if strings.Contains(string(metrics), "\npicloud_executions_running 0\n") {
			break
		}
		select {
		case <-deadline.Done():
			return fmt.Errorf("executions still run %v after the last request", patience)
		case <-poll.C:
		}
	}
	hello := &cases[slices.IndexFunc(cases, func(c soakCase) bool { return c.name == "hello" })]
	if right, err := s.ask(hello, apps[1]); err != nil || !right {
		return errors.Join(errors.New("no greeting after the soak"), err)
	}
	return nil
}

// windows returns the median memory after the warm-up, which is the first third, and at the end,
// each over a sixth of the time; 0 when the soak was too short.
func (s *soak) windows() (after, end float64) {
	n := len(s.memory)
	if n < 6 {
		return 0, 0
	}
	return median(s.memory[n/3 : n/3+n/6]), median(s.memory[n-n/6:])
}

// flat returns an error if memory has grown. Go returns memory late and the cache of the database
// fills slowly; hence the tolerance.
func (s *soak) flat(factor float64) error {
	const extra = 16.0 // MiB
	if after, end := s.windows(); end > after*factor+extra {
		return fmt.Errorf("resident memory grew from %.0f to %.0f MiB", after, end)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func (s *soak) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "script\tright\trefused, full\t")
	var all tally
	for _, sc := range append(slices.Clone(cases), soakCase{name: "versioned"}) {
		if t := s.done[sc.name]; t != nil {
			fmt.Fprintf(table, "%s\t%d\t%d\t\n", sc.name, t.right, t.refused)
			all.right += t.right
			all.refused += t.refused
		}
	}
	fmt.Fprintf(table, "all\t%d\t%d\t\n", all.right, all.refused)
	_ = table.Flush() // to a terminal or a pipe: nothing to be done
	if len(s.memory) > 0 {
		after, end := s.windows()
		fmt.Fprintf(w, "resident memory: after the warm-up %.0f MiB, at the end %.0f, highest %.0f\n", after, end, slices.Max(s.memory))
	}
	fmt.Fprintf(w, "wrong answers: %d\n", len(s.failures))
}
