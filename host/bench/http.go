package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/valyala/fasthttp"
)

// connectionCounts are the loads that HTTP is measured under.
var connectionCounts = []int{1, 8, 32, 128}

// measureHTTP puts the same load on PiCloud's hello route and on bare fiber
// with the same answer, in turn.
func measureHTTP(ctx context.Context, s settings, r *report) (err error) {
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	ours, err := startPiCloud(ctx, s, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.stop()) }()
	contentType, body, err := answer(ours.url)
	if err != nil {
		return err
	}
	peer, err := startBareFiber(ctx, contentType, body)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.stop()) }()

	name := "bare fiber " + moduleVersion("github.com/gofiber/fiber/v2")
	for _, connections := range connectionCounts {
		for _, side := range []*server{ours, peer} {
			if _, err := applyLoad(ctx, side.url, connections, s.warmup, body); err != nil {
				return fmt.Errorf("%s with %d connections: %w", side.url, connections, err)
			}
		}
		var us, them loadRounds
		for range s.rounds {
			if err := errors.Join(us.take(ctx, s, ours.url, connections, body), them.take(ctx, s, peer.url, connections, body)); err != nil {
				return err
			}
		}
		at := fmt.Sprintf("GET /hello, %d connections: ", connections)
		r.compare(at+"throughput", "req/s", "", us.perSecond, name, them.perSecond)
		r.compare(at+"p50", "ms", "", us.p50, name, them.p50)
		r.compare(at+"p99", "ms", "", us.p99, name, them.p99)
	}
	resident, err := ours.residentMB()
	if err != nil {
		return err
	}
	r.add("resident memory, after the HTTP load", "MiB", "", samples{resident})
	return nil
}

// loadRounds are the rounds of one side.
type loadRounds struct{ perSecond, p50, p99 samples }

func (l *loadRounds) take(ctx context.Context, s settings, url string, connections int, want string) error {
	result, err := applyLoad(ctx, url, connections, s.load, want)
	if err != nil {
		return fmt.Errorf("%s with %d connections: %w", url, connections, err)
	}
	l.perSecond = append(l.perSecond, result.PerSecond)
	l.p50 = append(l.p50, result.P50)
	l.p99 = append(l.p99, result.P99)
	return nil
}

// answer reads what the route answers, so that the peer can answer the same.
func answer(url string) (contentType, body string, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(url)
	if err := fasthttp.Do(request, response); err != nil {
		return "", "", err
	}
	if response.StatusCode() != fasthttp.StatusOK {
		return "", "", fmt.Errorf("%s answered %d", url, response.StatusCode())
	}
	return string(response.Header.ContentType()), string(response.Body()), nil
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return ""
}
