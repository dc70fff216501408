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
	PerSecond float64 // requests answered
	P50, P99  float64 // of the latency, ms
}

// applyLoad keeps a number of connections busy for a while. Each sends its next request when it has
// its answer, to one URL after the other. Every answer must be the expected one.
func applyLoad(ctx context.Context, urls []string, connections int, d time.Duration, want string) (loadResult, error) {
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
			latencies[i], failures[i] = askUntil(ctx, client, urls, i*len(urls)/connections, began.Add(d), want)
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
		PerSecond: float64(len(all)) / took.Seconds(),
		P50:       percentile(all, 50),
		P99:       percentile(all, 99),
	}, ctx.Err()
}

// askUntil sends requests one after another, beginning with the URL at next, and returns their
// latencies, ms.
func askUntil(ctx context.Context, client *fasthttp.Client, urls []string, next int, end time.Time, want string) ([]float64, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(urls[next])
	latencies := make([]float64, 0, 1<<16)
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if len(urls) > 1 {
			request.SetRequestURI(urls[next])
			next = (next + 1) % len(urls)
		}
		if err := client.Do(request, response); err != nil {
			return nil, fmt.Errorf("after %d requests: %w", len(latencies), err)
		}
		if response.StatusCode() != fasthttp.StatusOK || string(response.Body()) != want {
			return nil, fmt.Errorf("after %d requests: answered %d %q, want 200 %q",
				len(latencies), response.StatusCode(), response.Body(), want)
		}
		after := time.Now()
		latencies = append(latencies, after.Sub(now).Seconds()*1000)
		now = after
	}
	return latencies, nil
}
