package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// oracleDir is the native Rhai engine's runner, a cargo project.
const oracleDir = "plugins/rhai/conformance/oracle"

// A workload is a script that both engines run.
type workload struct {
	file  string // in workloads
	name  string
	reach string // against native Rhai
}

var workloads = []workload{
	{"fib.rhai", "fib(27)", "ratio below 1"},
	{"loop.rhai", "for loop, 3,000,000 turns", "ratio below 1"},
	{"while.rhai", "while loop, 1,000,000 turns", "ratio below 1"},
}

// measureEngine runs each workload in the sandbox and in native Rhai, in turn.
// A round is the best of five evaluations of a compiled script, on each side.
func measureEngine(ctx context.Context, s settings, r *report) error {
	ours, err := filepath.Abs(filepath.Join(s.root, engineBinary))
	if err != nil {
		return err
	}
	native, version, err := buildOracle(ctx, s.root)
	if err != nil {
		return err
	}
	if native == "" {
		r.note("engine workloads are not compared with native Rhai: cargo is not installed")
	}
	for _, w := range workloads {
		file := filepath.Join(s.root, "host/bench/workloads", w.file)
		var us, them samples
		for range s.rounds {
			ms, err := evaluate(ctx, ours, "bench", "--sandbox", file)
			if err != nil {
				return err
			}
			us = append(us, ms)
			if native == "" {
				continue
			}
			ms, err = evaluate(ctx, native, "--bench", file)
			if err != nil {
				return err
			}
			them = append(them, ms)
		}
		if native == "" {
			r.add(w.name, "ms", "", us)
			continue
		}
		r.compare(w.name, "ms", w.reach, us, version, them)
	}
	return nil
}

// buildOracle builds the native engine's runner and answers its path, "" where
// there is no cargo.
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

// evaluate runs an engine on a script and answers the milliseconds of its best
// evaluation.
func evaluate(ctx context.Context, engine string, args ...string) (float64, error) {
	c := exec.CommandContext(ctx, engine, args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	text, err := c.Output()
	if err != nil {
		return 0, fmt.Errorf("%s %v: %w: %s", filepath.Base(engine), args, err, stderr.String())
	}
	var result struct {
		EvalMS *float64 `json:"eval_ms"`
	}
	if err := json.Unmarshal(text, &result); err != nil || result.EvalMS == nil {
		return 0, errors.Join(fmt.Errorf("%s %v: no eval_ms in %q", filepath.Base(engine), args, text), err)
	}
	return *result.EvalMS, nil
}
