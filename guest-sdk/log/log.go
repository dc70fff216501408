// Package log writes to the execution's log. It has at most 1000 lines and 256 KiB; a message is
// cut after 16 KiB.
package log

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Trace writes a line at level trace. Data is kept beside the message: one value as it is, several
// as an array.
func Trace(message string, data ...any) { write(abi.LogTrace, message, data) }

// Debug writes a line at level debug, see [Trace].
func Debug(message string, data ...any) { write(abi.LogDebug, message, data) }

// Info writes a line at level info, see [Trace].
func Info(message string, data ...any) { write(abi.LogInfo, message, data) }

// Warn writes a line at level warn, see [Trace].
func Warn(message string, data ...any) { write(abi.LogWarn, message, data) }

// Error writes a line at level error, see [Trace].
func Error(message string, data ...any) { write(abi.LogError, message, data) }

type entry struct {
	Level   abi.LogLevel `json:"level"`
	Message string       `json:"message"`
	Data    any          `json:"data,omitzero"`
}

func write(level abi.LogLevel, message string, data []any) {
	line := entry{Level: level, Message: message}
	switch len(data) {
	case 0:
	case 1:
		line.Data = data[0]
	default:
		line.Data = data
	}
	// A plugin has nothing better to do with a log that fails. Only data that is no value can make
	// it fail: then the message is kept, with the reason why its data is not.
	if _, err := host.Call[host.None](host.LogWrite, line); err != nil {
		line.Data = map[string]string{"data": err.Error()}
		_, _ = host.Call[host.None](host.LogWrite, line)
	}
}
