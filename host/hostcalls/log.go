package hostcalls

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

// Bounds of one execution's log. What comes after either is dropped, and one
// line says so.
const (
	MaxLogLines = 1000
	MaxLogBytes = 256 << 10 // of messages and data
	MaxLogLine  = 16 << 10  // of one message, and of one line's data
)

// Log collects the lines that one execution writes. It is used by one
// goroutine at a time.
type Log struct {
	// Hide masks what must not be in a line; nil: nothing is.
	Hide func(message string, data json.RawMessage) (string, json.RawMessage)

	lines     []store.LogLine
	bytes     int
	truncated bool
}

// Lines are the lines written so far.
func (l *Log) Lines() []store.LogLine { return l.lines }

// Write appends a line, or notes that the log is full. Messages longer than
// [MaxLogLine] are cut.
func (l *Log) Write(level abi.LogLevel, message string, data json.RawMessage) {
	if l.truncated {
		return
	}
	message, data = l.shown(message, cutData(data))
	data = cutData(data) // which may have become longer
	now := time.Now().UTC().Truncate(time.Microsecond)
	if l.bytes += len(message) + len(data); len(l.lines) >= MaxLogLines || l.bytes > MaxLogBytes {
		l.truncated = true
		level, data = abi.LogWarn, nil
		message = fmt.Sprintf("log truncated: an execution may write %d lines of %d bytes in all", MaxLogLines, MaxLogBytes)
	}
	l.lines = append(l.lines, store.LogLine{Seq: len(l.lines), At: now, Level: level, Message: message, Data: data})
}

// Shown is a text as a line has it: masked, and cut to [MaxLogLine].
func (l *Log) Shown(message string) string {
	message, _ = l.shown(message, nil)
	return message
}

// shown masks a message before it is cut, since half a value would not be found after: as much of it as can be
// seen, and what tells whether a value ends that. The data are masked as they are.
func (l *Log) shown(message string, data json.RawMessage) (string, json.RawMessage) {
	if l.Hide == nil {
		return CutMessage(message), data
	}
	const read = MaxLogLine + secrets.Ahead
	if len(message) <= read {
		message, data = l.Hide(message, data)
		return CutMessage(message), data
	}
	more := len(message) - read
	message, data = l.Hide(message[:read], data)
	if message != leftOut {
		message = cut(message, len(message)-secrets.Ahead, more)
	}
	return message, data
}

// cutNote is room for what is said of a text that is cut, bytes.
const cutNote = 40

// CutMessage makes a text that a script wrote one that may be recorded: valid UTF-8, and of what is
// longer than [MaxLogLine] the beginning, with a note of how many bytes more there were.
func CutMessage(message string) string {
	if len(message) > MaxLogLine {
		return cut(message, len(message), 0)
	}
	return strings.ToValidUTF8(message, "\uFFFD")
}

// cut leaves up to so many bytes of a text, and up to what a line may have, and says how many more there were,
// with those that came after it.
func cut(message string, upTo, more int) string {
	at := max(0, min(upTo, MaxLogLine-cutNote))
	for least := max(0, at-utf8.UTFMax); at > least && at < len(message) && !utf8.RuneStart(message[at]); {
		at--
	}
	return strings.ToValidUTF8(message[:at]+fmt.Sprintf("... (%d bytes more)", len(message)-at+more), "\uFFFD")
}

// cutData puts a note in the place of data that a line may not have.
func cutData(data json.RawMessage) json.RawMessage {
	if len(data) > MaxLogLine {
		data, _ = json.Marshal(fmt.Sprintf("(%d bytes of data, more than the %d a line may have)", len(data), MaxLogLine))
	}
	return data
}

// WriteLast appends a line even when the log is full: why an execution ended is
// never lost.
func (l *Log) WriteLast(level abi.LogLevel, message string) {
	l.truncated, l.bytes = false, 0
	full := l.lines
	l.lines = nil
	l.Write(level, message, nil)
	last := l.lines[0]
	last.Seq = len(full)
	l.lines, l.truncated = append(full, last), true
}

func logWrite(_ context.Context, scope *Scope, entry *abi.LogEntry) (msgp.Marshaler, error) {
	switch entry.Level {
	case abi.LogTrace, abi.LogDebug, abi.LogInfo, abi.LogWarn, abi.LogError:
	default:
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: fmt.Sprintf("log.write: unknown level %q", entry.Level)}
	}
	var data json.RawMessage
	if len(entry.Data) > 0 {
		var err error
		if data, err = abi.AppendJSON(nil, entry.Data); err != nil {
			return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "log data: " + err.Error()}
		}
	}
	scope.Log.Write(entry.Level, entry.Message, data)
	return nil, nil
}
