package plugin

import (
	"bytes"
	"strings"

	extism "github.com/extism/go-sdk"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/gate"
)

// logLevels are ours for those of Extism.
var logLevels = map[extism.LogLevel]abi.LogLevel{
	extism.LogLevelTrace: abi.LogTrace, extism.LogLevelDebug: abi.LogDebug, extism.LogLevelInfo: abi.LogInfo,
	extism.LogLevelWarn: abi.LogWarn, extism.LogLevelError: abi.LogError,
}

// extismLog takes the log that Extism's own functions write.
func extismLog(e *gate.Execution, level extism.LogLevel, message string) {
	if level <= extism.LogLevelDebug && ofExtism(message) {
		return
	}
	writeLog(e, logLevels[level], message)
}

// ofExtism reports whether a message is of the SDK itself and not of a plugin.
func ofExtism(message string) bool {
	for _, own := range []string{"Calling function : ", "Calling _", "Initializing runtime for ", "Initialized Haskell "} {
		if strings.HasPrefix(message, own) {
			return true
		}
	}
	return false
}

// writeLog writes a line to the execution's log.
func writeLog(e *gate.Execution, level abi.LogLevel, message string) {
	entry := abi.LogEntry{Level: level, Message: message}
	if request, err := entry.MarshalMsg(nil); err == nil {
		_, _ = e.Perform(abi.OpLogWrite, request)
	}
}

// logWriter makes lines of the log out of what a plugin writes to stdout or stderr.
type logWriter struct {
	execution *gate.Execution
	level     abi.LogLevel
	line      []byte
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
			writeLog(w.execution, w.level, string(w.line))
			w.line = w.line[:0]
		}
	}
	return written, nil
}

// flush writes what has no line feed behind it.
func (w *logWriter) flush() {
	if len(w.line) > 0 {
		writeLog(w.execution, w.level, string(w.line))
		w.line = nil
	}
}
