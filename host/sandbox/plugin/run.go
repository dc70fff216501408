package plugin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/picloud/picloud/host/sandbox/wasmbin"
)

// maxOutput is the size of the largest response of a plugin, in bytes of JSON.
const maxOutput = 16 << 20

// Run runs the plugin once, in an instance that nobody has used, and returns what it answered and
// how many bytes of memory it had at the end. The error is an [*abi.ScriptError].
func (p *Plugin) Run(e *gate.Execution, inv abi.Invocation) (value msgp.Raw, memoryBytes int64, err error) {
	defer func() {
		if r := recover(); r != nil {
			value, err = nil, e.Failed("a plugin failed", fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	input, err := abi.PluginInput(inv)
	if err != nil {
		return nil, 0, e.Failed("an invocation cannot be encoded", err)
	}
	allocator := &memory{limit: uint64(e.Limits.MemoryMB) << 20, regions: []*region.Pool{p.runtime.kernel, p.memory}}
	defer allocator.free()
	defer func() { memoryBytes = int64(allocator.used) }()
	stdout, stderr := &logWriter{execution: e, level: abi.LogInfo}, &logWriter{execution: e, level: abi.LogWarn}
	defer stderr.flush()
	defer stdout.flush()

	e.Occupy()
	ctx := experimental.WithMemoryAllocator(e.Context(), allocator)
	instance, err := p.compiled.Instance(ctx, extism.PluginInstanceConfig{
		ModuleConfig: worldOf(e).WithStdout(stdout).WithStderr(stderr),
	})
	if err != nil {
		return nil, 0, failure(e, allocator, err)
	}
	defer func() { _ = instance.CloseWithContext(context.WithoutCancel(ctx)) }()
	instance.SetLogger(func(level extism.LogLevel, message string) { extismLog(e, level, message) })
	if p.resumes {
		if _, _, err := instance.CallWithContext(ctx, exportResume, nil); err != nil {
			return nil, 0, failure(e, allocator, err)
		}
	}
	code, output, err := instance.CallWithContext(ctx, exportHandle, input)
	if err == nil && code != 0 {
		err = fmt.Errorf("the plugin answered %d and no error", code)
	}
	switch {
	case err != nil || e.Context().Err() != nil: // a cancelled call may look like one that has ended
		return nil, 0, failure(e, allocator, err)
	case len(output) > maxOutput:
		return nil, 0, &abi.ScriptError{
			Code:    abi.CodeLimitExceeded,
			Message: fmt.Sprintf("the response of a plugin must not be larger than %d bytes, got %d", maxOutput, len(output)),
		}
	case len(output) > 0:
		if value, err = abi.AppendFromJSON(nil, output); err != nil {
			return nil, 0, &abi.ScriptError{Code: abi.CodeScriptError, Message: "invalid response: not JSON: " + err.Error()}
		}
	}
	return value, 0, nil
}

// worldOf is what an instance has of WASI: random bytes that come from the execution's entropy, its
// clock, and nothing else. That the generator is ChaCha8 makes the bytes good for keys, too.
func worldOf(e *gate.Execution) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithRandSource(rand.NewChaCha8(e.Entropy)).
		WithWalltime(func() (seconds int64, nanoseconds int32) {
			now := e.Now()
			return now.Unix(), int32(now.Nanosecond())
		}, sys.ClockResolution(time.Microsecond)).
		WithNanotime(func() int64 {
			// Beginning with the wall clock, it does not go back from what initialisation saw.
			return e.Started.UnixNano() + e.Now().Sub(e.Started).Nanoseconds()
		}, sys.ClockResolution(time.Nanosecond)).
		WithNanosleep(func(nanoseconds int64) { sleep(e, time.Duration(nanoseconds)) })
}

// sleep waits as long as a plugin asks for, but not longer than the execution lasts.
func sleep(e *gate.Execution, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.Context().Done():
	}
}

// failure says what it means that a plugin failed.
func failure(e *gate.Execution, m *memory, err error) *abi.ScriptError {
	if e.Context().Err() != nil {
		return e.Interruption()
	}
	// What follows the message is for who works on wazero, with addresses of this process.
	message, _, _ := strings.Cut(err.Error(), "\nwasm stack trace:")
	var exit *sys.ExitError
	switch {
	case m.refused:
		return e.MemoryExceeded()
	case wasmbin.StackExceeded(err), message == "stack overflow":
		return e.StackExceeded()
	case errors.As(err, &exit):
		return &abi.ScriptError{Code: abi.CodeScriptError, Message: fmt.Sprintf("the plugin exited with code %d", exit.ExitCode())}
	}
	message = strings.TrimSuffix(message, " (recovered by wazero)")
	message, advice := adviceOf(message)
	return &abi.ScriptError{Code: abi.CodeScriptError, Message: strings.ToValidUTF8(message, "\uFFFD"), Advice: advice}
}
