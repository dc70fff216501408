package fault

import "log/slog"

// Cause returns what the [Error] in the tree of err keeps for the log, nil if that is nothing.
func Cause(err error) error {
	if f := From(err); f != nil {
		return f.Cause
	}
	return nil
}

// LogValue shows the cause too.
func (e *Error) LogValue() slog.Value { return logValue(e, e.Cause) }

// ReplaceAttr is for [slog.HandlerOptions]. It makes a log show the cause of every [Error], also of
// one that is wrapped, of which slog would show the text alone.
func ReplaceAttr(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		if cause := Cause(err); cause != nil {
			a.Value = logValue(err, cause)
		}
	}
	return a
}

func logValue(err, cause error) slog.Value {
	if cause == nil {
		return slog.StringValue(err.Error())
	}
	return slog.GroupValue(slog.String("text", err.Error()), slog.String("cause", cause.Error()))
}
