package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/picloud/picloud/abi"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
)

// maxPluginOutput is the size of the largest response of a plugin, in bytes of JSON.
const maxPluginOutput = 16 << 20

// runPlugin runs a plugin once, in an instance that nobody has used.
func (s *Sandbox) runPlugin(e *execution, p *plugin, inv abi.Invocation, host HostCaller) (result Result, err error) {
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			err = s.internal("a plugin failed", fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
		result.Duration = time.Since(start)
	}()
	input, err := abi.PluginInput(inv)
	if err != nil {
		return result, s.internal("an invocation cannot be encoded", err)
	}
	calls := &hostCalls{execution: e, host: host}
	calls.ctx = context.WithValue(e.ctx, hostCallsKey{}, calls)
	memory := &pluginMemory{limit: uint64(e.limits.MemoryMB) << 20, regions: []*regionPool{s.kernel, p.memory}}
	defer memory.free()
	defer func() { result.MemoryBytes = int64(memory.used) }()
	stdout, stderr := &logWriter{calls: calls, level: abi.LogInfo}, &logWriter{calls: calls, level: abi.LogWarn}
	defer stderr.flush()
	defer stdout.flush()

	ctx := experimental.WithMemoryAllocator(calls.ctx, memory)
	instance, err := p.compiled.Instance(ctx, extism.PluginInstanceConfig{
		ModuleConfig: pluginConfig.WithStdout(stdout).WithStderr(stderr).WithNanosleep(e.sleep),
	})
	if err != nil {
		return result, pluginFailure(e, memory, err)
	}
	defer func() { _ = instance.CloseWithContext(context.WithoutCancel(ctx)) }()
	instance.SetLogger(calls.pluginLog)
	if p.resumes {
		if _, _, err := instance.CallWithContext(ctx, exportResume, nil); err != nil {
			return result, pluginFailure(e, memory, err)
		}
	}
	code, output, err := instance.CallWithContext(ctx, exportHandle, input)
	if err == nil && code != 0 {
		err = fmt.Errorf("the plugin answered %d and no error", code)
	}
	switch {
	case err != nil || e.ctx.Err() != nil: // a cancelled call may look like one that has ended
		return result, pluginFailure(e, memory, err)
	case len(output) > maxPluginOutput:
		return result, &abi.ScriptError{
			Code:    abi.CodeLimitExceeded,
			Message: fmt.Sprintf("the response of a plugin must not be larger than %d bytes, got %d", maxPluginOutput, len(output)),
		}
	case len(output) > 0:
		if result.Value, err = abi.AppendFromJSON(nil, output); err != nil {
			return result, &abi.ScriptError{Code: abi.CodeScriptError, Message: "invalid response: not JSON: " + err.Error()}
		}
	}
	return result, nil
}

// pluginConfig is what all plugins have of WASI: clocks, random bytes and nothing else.
var pluginConfig = wazero.NewModuleConfig().WithSysWalltime().WithSysNanotime().WithRandSource(rand.Reader)

// sleep waits as long as a plugin asks for, but not longer than the execution lasts.
func (e *execution) sleep(nanoseconds int64) {
	timer := time.NewTimer(time.Duration(nanoseconds))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.ctx.Done():
	}
}

// pluginFailure says what it means that a plugin failed.
func pluginFailure(e *execution, memory *pluginMemory, err error) *abi.ScriptError {
	if e.ctx.Err() != nil {
		return e.interruption()
	}
	// What follows the message is for who works on wazero, with addresses of this process.
	message, _, _ := strings.Cut(err.Error(), "\nwasm stack trace:")
	var exit *sys.ExitError
	switch {
	case memory.refused:
		return memoryExceeded(e)
	case message == "stack overflow":
		return stackExceeded()
	case errors.As(err, &exit):
		return &abi.ScriptError{Code: abi.CodeScriptError, Message: fmt.Sprintf("the plugin exited with code %d", exit.ExitCode())}
	}
	message = strings.TrimSuffix(message, " (recovered by wazero)")
	return &abi.ScriptError{Code: abi.CodeScriptError, Message: strings.ToValidUTF8(message, "\uFFFD")}
}
