package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// A loadResult is one round of load on one server.
type loadResult struct {
	Requests  int
	PerSecond float64 // requests answered
	P50, P99  float64 // of the latency, ms
}

// A question is what is asked of a server, and the answer that it must give.
type question struct {
	urls []string // asked one after the other
	send string   // the body: it is sent with POST; "" is a GET
	want string
}

// applyLoad keeps a number of connections busy for a while. Each sends its next request when it has
// its answer. Every answer must be the expected one.
func applyLoad(ctx context.Context, q question, connections int, d time.Duration) (loadResult, error) {
	client := &fasthttp.Client{MaxConnsPerHost: connections, NoDefaultUserAgentHeader: true}
	defer client.CloseIdleConnections()
	var (
		workers   sync.WaitGroup
		latencies = make([][]float64, connections)
		failures  = make([]error, connections)
		began     = time.Now()
	)
	for i := range connections {
		workers.Go(func() {
			latencies[i], failures[i] = q.askUntil(ctx, client, i*len(q.urls)/connections, began.Add(d))
		})
	}
	workers.Wait()
	took := time.Since(began)
	if err := errors.Join(failures...); err != nil {
		return loadResult{}, err
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	return loadResult{
		Requests:  len(all),
		PerSecond: float64(len(all)) / took.Seconds(),
		P50:       percentile(all, 50),
		P99:       percentile(all, 99),
	}, ctx.Err()
}

// askUntil sends requests one after another, beginning with the URL at next, and returns their
// latencies, ms.
func (q question) askUntil(ctx context.Context, client *fasthttp.Client, next int, end time.Time) ([]float64, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(q.urls[next])
	if q.send != "" {
		request.Header.SetMethod(fasthttp.MethodPost)
		request.Header.SetContentType("text/plain")
		request.SetBodyString(q.send)
	}
	latencies := make([]float64, 0, 1<<16)
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if len(q.urls) > 1 {
			request.SetRequestURI(q.urls[next])
			next = (next + 1) % len(q.urls)
		}
		if err := client.Do(request, response); err != nil {
			return nil, fmt.Errorf("after %d requests: %w", len(latencies), err)
		}
		if response.StatusCode() != fasthttp.StatusOK || string(response.Body()) != q.want {
			return nil, fmt.Errorf("after %d requests: answered %d %q, want 200 %q",
				len(latencies), response.StatusCode(), shortened(response.Body()), shortened([]byte(q.want)))
		}
		after := time.Now()
		latencies = append(latencies, after.Sub(now).Seconds()*1000)
		now = after
	}
	return latencies, nil
}

// shortened returns the beginning of a body, for an error.
func shortened(body []byte) []byte { return body[:min(len(body), 200)] }
