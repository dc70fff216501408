package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox"
)

// oracleDir is the native Rhai engine's runner, a cargo project.
const oracleDir = "plugins/rhai/conformance/oracle"

// A workload is a script for both engines.
type workload struct {
	file  string // in workloads
	name  string
	reach string // against native Rhai
}

// longScript has 200 lines; its compilation is measured.
const longScript = "long.rhai"

var workloads = []workload{
	{"fib.rhai", "fib(27)", "8 times faster"},
	{"loop.rhai", "for loop, 3,000,000 turns", "6 times faster"},
	{"while.rhai", "while loop, 1,000,000 turns", "6 times faster"},
	{"strings.rhai", "string, 100,000 appends", "2.5 times faster"},
	{"array.rhai", "array of 100,000: push, sort, map, filter, reduce", "2.5 times faster"},
	{"map.rhai", "map of 100,000 string keys", "2 times faster"},
	{"sieve.rhai", "sieve of 1,000,000", "6 times faster"},
	{"json.rhai", "JSON of 100 KB: parse, transform, write", ""},
	{"template.rhai", "template of 2,000 rows", ""},
	{"routing.rhai", "20,000 requests over a map of closures", ""},
	{"records.rhai", "sort 10,000 maps by a field", ""},
	{"text.rhai", "parse 2,000 lines of text", ""},
	{"evals.rhai", "2,000 short evals", "1.5 times faster"},
	{"words.rhai", "split, replace, case and join of 200 lines", "1.5 times faster"},
	{"unicode.rhai", "characters of a text beyond ASCII by index", "1.5 times faster"},
	{"errors.rhai", "25,000 errors thrown and caught", "1.5 times faster"},
	{"ends.rhai", "array, insert and remove in front", "1.5 times faster"},
	{"switch.rhai", "switch of 20 cases, 200,000 times", "1.5 times faster"},
}

// Groups of figures: the chart draws the first one.
const (
	groupEngine   = "engine"
	groupBuiltins = "built-ins"
)

// measureEngine runs each workload in the sandbox and in native Rhai, in turn.
// A round is the best of five evaluations of a compiled script, on each side.
// Both must come to the same value.
func measureEngine(ctx context.Context, s settings, r *report) (err error) {
	ours, err := filepath.Abs(filepath.Join(s.root, engineBinary))
	if err != nil {
		return err
	}
	native, version, err := buildOracle(ctx, s.root)
	if err != nil {
		return err
	}
	if native == "" {
		r.note("not compared with native Rhai: cargo is not installed")
	}
	box, err := newSandbox(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	speedups := make([]samples, s.rounds) // of each round, over the workloads
	for _, w := range workloads {
		e := engines{group: groupEngine, ours: ours, native: native, file: filepath.Join(s.root, "host/bench/workloads", w.file)}
		if native != "" {
			if err := e.agree(ctx, box); err != nil {
				return err
			}
		}
		us, them, err := e.rounds(ctx, s, func(m measurement) float64 { return m.EvalMS })
		if err != nil {
			return err
		}
		e.report(r, w, version, us, them)
		for round, ratio := range us.over(them) {
			speedups[round] = append(speedups[round], 1/ratio)
		}
	}
	if native != "" {
		var means samples
		for _, round := range speedups {
			means = append(means, round.geometricMean())
		}
		r.add(groupEngine, "times faster than "+version+", geometric mean", "", "", means)
	}
	long := engines{group: groupEngine, ours: ours, native: native, file: filepath.Join(s.root, "host/bench/workloads", longScript)}
	if native != "" {
		if err := long.agree(ctx, box); err != nil {
			return err
		}
	}
	us, them, err := long.rounds(ctx, s, func(m measurement) float64 { return m.CompileMS })
	if err != nil {
		return err
	}
	long.report(r, workload{name: "compile 200 lines", reach: "below 2 ms"}, version, us, them)
	return nil
}

// engines has both engines and a script for them.
type engines struct {
	group        string // of the figures
	ours, native string // programs; native is "" where there is none
	file         string
}

// measurement is what an engine's bench command prints.
type measurement struct {
	CompileMS float64 `json:"compile_ms"`
	EvalMS    float64 `json:"eval_ms"`
	Value     string  `json:"value"` // in debug form, cut to shownValue characters; native only
}

const shownValue = 80

func (e engines) rounds(ctx context.Context, s settings, of func(measurement) float64) (us, them samples, err error) {
	for range s.rounds {
		m, err := measure(ctx, e.ours, "bench", "--sandbox", e.file)
		if err != nil {
			return nil, nil, err
		}
		us = append(us, of(m))
		if e.native == "" {
			continue
		}
		if m, err = measure(ctx, e.native, "--bench", e.file); err != nil {
			return nil, nil, err
		}
		them = append(them, of(m))
	}
	return us, them, nil
}

func (e engines) report(r *report, w workload, version string, us, them samples) {
	if e.native == "" {
		r.add(e.group, w.name, "ms", w.reach, us)
		return
	}
	r.compare(e.group, w.name, "ms", w.reach, us, measured{version, them})
}

// agree returns an error unless a script's value is the same in both engines.
func (e engines) agree(ctx context.Context, box *sandbox.Sandbox) error {
	source, err := os.ReadFile(e.file)
	if err != nil {
		return err
	}
	script := endpoint(filepath.Base(e.file), string(source), abi.Limits{
		MaxOperations: 1 << 50, MaxArraySize: 1 << 24, MaxBlobSize: 1 << 24, MaxMapSize: 1 << 24, MemoryMB: 512, TimeoutMS: 60_000,
	})
	ours, _, err := box.Describe(ctx, script, request(""), sandbox.NewWorld(silence{}))
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(e.file), err)
	}
	theirs, err := measure(ctx, e.native, "--runs", "1", "--bench", e.file)
	if err != nil {
		return err
	}
	if value := []rune(ours.Debug); string(value[:min(len(value), shownValue)]) != theirs.Value {
		return fmt.Errorf("%s: the value is %s, native Rhai's is %s", filepath.Base(e.file), ours.Debug, theirs.Value)
	}
	return nil
}

// buildOracle builds the native engine's runner and returns its path, "" where there is no cargo,
// and the engine's name with its version.
func buildOracle(ctx context.Context, root string) (path, version string, err error) {
	if _, err := exec.LookPath("cargo"); err != nil {
		return "", "", nil
	}
	dir := filepath.Join(root, oracleDir)
	if err := command(ctx, dir, "cargo", "build", "--release", "--quiet"); err != nil {
		return "", "", err
	}
	var metadata struct {
		TargetDirectory string `json:"target_directory"`
		Packages        []struct{ Name, Version string }
	}
	list := exec.CommandContext(ctx, "cargo", "metadata", "--format-version", "1")
	list.Dir = dir
	text, err := list.Output()
	if err == nil {
		err = json.Unmarshal(text, &metadata)
	}
	if err != nil {
		return "", "", fmt.Errorf("cargo metadata: %w", err)
	}
	for _, p := range metadata.Packages {
		if p.Name == "rhai" {
			version = "native Rhai " + p.Version
		}
	}
	return filepath.Join(metadata.TargetDirectory, "release", "rhai-oracle"), version, nil
}

// measure runs an engine's bench command.
func measure(ctx context.Context, engine string, args ...string) (measurement, error) {
	c := exec.CommandContext(ctx, engine, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	text, err := c.Output()
	if err != nil {
		return measurement{}, fmt.Errorf("%s %v: %w: %s", filepath.Base(engine), args, err, stderr.String())
	}
	var m measurement
	if err := json.Unmarshal(text, &m); err != nil || m.EvalMS == 0 || m.CompileMS == 0 {
		return measurement{}, errors.Join(fmt.Errorf("%s %v: no times in %q", filepath.Base(engine), args, text), err)
	}
	return m, nil
}
