package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	extism "github.com/extism/go-sdk"
	"github.com/picloud/picloud/abi"
)

// newPluginFunctions makes the functions of all operations. Each takes a block of
// Extism's memory with the request as JSON, 0 for an empty one, and answers one
// with {"result": response} or {"error": {"code", "message"}}. Plugins have
// no use for yield: they are interrupted without.
func newPluginFunctions(logger *slog.Logger) (functions []extism.HostFunction) {
	for _, row := range abi.Operations {
		if row.Op == abi.OpYield {
			continue
		}
		functions = append(functions, extism.NewHostFunctionWithStack(abi.PluginFunction(row.Name),
			func(ctx context.Context, p *extism.CurrentPlugin, stack []uint64) {
				request, err := pluginRequest(p, stack[0])
				if err != nil {
					panic(fmt.Errorf("%s: %w", row.Name, err))
				}
				if stack[0], err = p.WriteBytes(callsOf(ctx).pluginCall(row, request, logger)); err != nil || stack[0] == 0 {
					panic(fmt.Errorf("%s: no memory for the response", row.Name))
				}
			}, []extism.ValueType{extism.ValueTypePTR}, []extism.ValueType{extism.ValueTypePTR}))
	}
	return functions
}

func pluginRequest(p *extism.CurrentPlugin, at uint64) ([]byte, error) {
	if at == 0 {
		return nil, nil
	}
	request, err := p.ReadBytes(at)
	if err == nil && len(request) == 0 {
		err = errors.New("the request is not a block of memory")
	}
	return request, err
}

// pluginCall performs an operation for a plugin.
func (c *hostCalls) pluginCall(row abi.Operation, request []byte, logger *slog.Logger) []byte {
	return abi.PluginCall(row, request, func(request []byte) ([]byte, *abi.OpError) {
		response, err := c.perform(row.Op, request)
		if err != nil {
			return nil, c.shown(row.Op, err, logger)
		}
		return response, nil
	})
}

// pluginLog takes the log that Extism's own functions write.
func (c *hostCalls) pluginLog(level extism.LogLevel, message string) {
	if level <= extism.LogLevelDebug && ofExtism(message) {
		return
	}
	levels := map[extism.LogLevel]abi.LogLevel{
		extism.LogLevelTrace: abi.LogTrace, extism.LogLevelDebug: abi.LogDebug, extism.LogLevelInfo: abi.LogInfo,
		extism.LogLevelWarn: abi.LogWarn, extism.LogLevelError: abi.LogError,
	}
	c.log(levels[level], message)
}

// ofExtism tells whether a message is of the SDK itself and not of a plugin.
func ofExtism(message string) bool {
	for _, own := range []string{"Calling function : ", "Calling _", "Initializing runtime for ", "Initialized Haskell "} {
		if strings.HasPrefix(message, own) {
			return true
		}
	}
	return false
}

// log writes a line to the execution's log.
func (c *hostCalls) log(level abi.LogLevel, message string) {
	entry := abi.LogEntry{Level: level, Message: message}
	if request, err := entry.MarshalMsg(nil); err == nil {
		_, _ = c.perform(abi.OpLogWrite, request)
	}
}

// logWriter makes lines of the log out of what a plugin writes to stdout or stderr.
type logWriter struct {
	calls *hostCalls
	level abi.LogLevel
	line  []byte
}

// maxLogLine is where a line without end is broken.
const maxLogLine = 16 << 10

func (w *logWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		take := p[:min(len(p), maxLogLine-len(w.line))]
		if end >= 0 && end <= len(take) {
			take = p[:end]
		} else {
			end = -1
		}
		w.line = append(w.line, take...)
		p = p[len(take):]
		if end >= 0 {
			p = p[1:]
		}
		if end >= 0 || len(w.line) == maxLogLine {
			w.calls.log(w.level, string(w.line))
			w.line = w.line[:0]
		}
	}
	return written, nil
}

// flush writes what has no line feed behind it.
func (w *logWriter) flush() {
	if len(w.line) > 0 {
		w.calls.log(w.level, string(w.line))
		w.line = nil
	}
}
