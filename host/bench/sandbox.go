package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox"
)

// cachedScripts is the size of the script cache, the server's default.
const cachedScripts = 256

// measureSandbox measures what the sandbox adds to a script, in this process, without HTTP, routing
// and records.
func measureSandbox(ctx context.Context, s settings, r *report) (err error) {
	const group = "sandbox"
	metrics := prometheus.NewRegistry()
	box, err := newSandbox(ctx, metrics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()

	slots, err := slotRounds(ctx, s)
	if err != nil {
		return err
	}
	r.add(group, "take, restore and reset a slot, mean", "µs", "25 (p50)", slots)

	hello := endpoint("hello", helloSource, abi.Limits{})
	if _, _, err := executions(ctx, box, s.executions/4, func(int) sandbox.Script { return hello }); err != nil {
		return err
	}
	var p50, p99, first50, first99 samples
	for round := range s.rounds {
		mid, high, err := executions(ctx, box, s.executions, func(int) sandbox.Script { return hello })
		if err != nil {
			return err
		}
		p50, p99 = append(p50, 1e3*mid), append(p99, 1e3*high)
		mid, high, err = executions(ctx, box, s.executions/100, func(i int) sandbox.Script {
			return endpoint(fmt.Sprintf("first %d %d", round, i), helloSource, abi.Limits{})
		})
		if err != nil {
			return err
		}
		first50, first99 = append(first50, mid), append(first99, high)
	}
	r.add(group, "execution of hello, gate to result, p50", "µs", "60", p50)
	r.add(group, "execution of hello, gate to result, p99", "µs", "", p99)
	r.add(group, "first execution after upload, p50", "ms", "5", first50)
	r.add(group, "first execution after upload, p99", "ms", "", first99)

	long, err := os.ReadFile(filepath.Join(s.root, "host/bench/workloads", longScript))
	if err != nil {
		return err
	}
	for _, script := range []struct{ name, source, reach string }{
		{"hello", helloSource, "64"}, {"200 lines", string(long), ""},
	} {
		for i := range cachedScripts { // one after another pushes out what was there
			if _, err := box.Execute(ctx, endpoint(fmt.Sprintf("%s %d", script.name, i), script.source, abi.Limits{}), request(""), sandbox.NewWorld(silence{})); err != nil {
				return fmt.Errorf("%s: %w", script.name, err)
			}
		}
		bytes, err := gauge(metrics, "picloud_script_cache_bytes")
		if err != nil {
			return err
		}
		r.add(group, "memory of a cached script, "+script.name, "KiB", script.reach, samples{bytes / 1024 / cachedScripts})
	}
	return nil
}

// executions runs n scripts one after another and returns the median and the 99th percentile of the
// time each took, ms.
func executions(ctx context.Context, box *sandbox.Sandbox, n int, script func(i int) sandbox.Script) (p50, p99 float64, err error) {
	latencies := make([]float64, 0, n)
	for i := range n {
		s := script(i)
		began := time.Now()
		_, err := box.Execute(ctx, s, request(s.ID), sandbox.NewWorld(silence{}))
		if err != nil {
			return 0, 0, err
		}
		latencies = append(latencies, milliseconds(time.Since(began)))
	}
	slices.Sort(latencies)
	return percentile(latencies, 50), percentile(latencies, 99), nil
}

var slotResult = regexp.MustCompile(`BenchmarkSlot\S*\s+\d+\s+([0-9.]+) ns/op`)

// slotRounds measures what only the sandbox's own benchmark can reach: a slot taken, restored and
// put back, with nothing run. Each round is the mean of many, µs.
func slotRounds(ctx context.Context, s settings) (samples, error) {
	binary, err := filepath.Abs(filepath.Join(s.root, sandboxTests))
	if err != nil {
		return nil, err
	}
	var rounds samples
	for range s.rounds {
		c := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", "^BenchmarkSlot$", "-test.cpu", "1",
			"-test.benchtime", fmt.Sprintf("%dx", s.executions))
		c.Dir = filepath.Join(s.root, "host/sandbox")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		text, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("the sandbox's benchmark: %w: %s", err, stderr.String())
		}
		found := slotResult.FindSubmatch(text)
		if found == nil {
			return nil, fmt.Errorf("the sandbox's benchmark printed %q", text)
		}
		ns, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, ns/1e3)
	}
	return rounds, nil
}

// gauge reads a metric without labels.
func gauge(metrics prometheus.Gatherer, name string) (float64, error) {
	families, err := metrics.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetGauge().GetValue(), nil
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}
