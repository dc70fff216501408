package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// sandboxed runs scripts as the server does: in the guest, under wazero.
type sandboxed struct {
	sandbox *sandbox.Sandbox
	scripts int
}

func newSandboxed(ctx context.Context) (engine, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	s, err := sandbox.New(ctx, sandbox.Config{CacheDir: filepath.Join(cache, "picloud", "wasm"), ScriptCacheSize: 1})
	if err != nil {
		return nil, err
	}
	return &sandboxed{sandbox: s}, nil
}

func (s *sandboxed) close() { s.sandbox.Close(context.Background()) }

func (s *sandboxed) script(source string, limits abi.Limits) sandbox.Script {
	s.scripts++
	return sandbox.Script{ID: strconv.Itoa(s.scripts), Name: "script", Kind: abi.KindEndpoint, Source: source, UpdatedAt: time.Unix(1, 0), Limits: limits}
}

func (s *sandboxed) outcome(ctx context.Context, source string, modules map[string]string) conformance.Outcome {
	host := &logRecorder{}
	script := s.script(source, conformance.Limits)
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		script.Modules = append(script.Modules, abi.Module{Name: name, Source: modules[name]})
	}
	d, _, err := s.sandbox.Describe(ctx, script, abi.Invocation{}, sandbox.NewWorld(host))
	if err == nil {
		return conformance.Outcome{OK: true, Type: d.Type, Value: d.Debug, Display: d.Display, Stdout: host.Lines}
	}
	var e *abi.ScriptError
	if !errors.As(err, &e) {
		return conformance.Outcome{Kind: "internal", Error: err.Error()}
	}
	o := conformance.Outcome{Kind: "runtime", Error: e.Message, Line: e.Line, Column: e.Column, Stdout: host.Lines}
	if e.Parsing {
		o.Kind = "parse"
	}
	return o
}

func (s *sandboxed) measure(ctx context.Context, source string, runs int) (compile, eval time.Duration, err error) {
	limits := benchLimits()
	for i := range runs {
		start := time.Now()
		if _, err := s.sandbox.Validate(ctx, s.script(source, limits)); err != nil {
			return 0, 0, explain(source, err)
		}
		if d := time.Since(start); i == 0 || d < compile {
			compile = d
		}
	}
	script := s.script(source, limits)
	for i := range runs {
		result, err := s.sandbox.Execute(ctx, script, abi.Invocation{}, sandbox.NewWorld(&logRecorder{}))
		if err != nil {
			return 0, 0, explain(source, err)
		}
		if i == 0 || result.Duration < eval {
			eval = result.Duration
		}
	}
	return compile, eval, nil
}

// explain shows a script's error with its source line.
func explain(source string, err error) error {
	var e *abi.ScriptError
	if errors.As(err, &e) {
		v := &vm.Error{Text: e.Message}
		v.Position.Line, v.Position.Column = int32(e.Line), int32(e.Column)
		return errors.New("error: " + e.Message + excerpt(source, v.Position))
	}
	return err
}

// logRecorder is a host that keeps the messages of the log.
type logRecorder struct {
	Lines []string
	now   int64
}

// Perform performs the operations that every script may ask for.
func (r *logRecorder) Perform(_ context.Context, op abi.Op, request []byte) ([]byte, error) {
	switch op {
	case abi.OpLogWrite:
		var e abi.LogEntry
		if _, err := e.UnmarshalMsg(request); err != nil {
			return nil, err
		}
		r.Lines = append(r.Lines, e.Message)
	case abi.OpClockSleep:
		var s abi.ClockSleepRequest
		if _, err := s.UnmarshalMsg(request); err != nil {
			return nil, err
		}
		r.now += s.Nanoseconds
	case abi.OpClockMonotonic:
		r.now += 1e6
		c := abi.Clock{Nanoseconds: r.now}
		return c.MarshalMsg(nil)
	}
	return nil, nil
}
