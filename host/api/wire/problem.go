package wire

import (
	"encoding/json"
	"strings"
)

// Problem is an error of the admin API (RFC 9457).
type Problem struct {
	Type   string        `json:"type,omitempty" doc:"Where this kind of problem is told of, by its code"`
	Title  string        `json:"title" doc:"The status in words"`
	Status int           `json:"status"`
	Detail string        `json:"detail" doc:"What is wrong with this request"`
	Code   string        `json:"code,omitempty" doc:"For programs: script_invalid, conflict, ..."`
	Errors []FieldError  `json:"errors,omitempty" doc:"Each thing that is wrong"`
	Other  string        `json:"other,omitempty" doc:"Id of what is in the way (409)"`
	Script *ScriptSource `json:"script,omitempty" doc:"Where a script does not compile"`
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Location string `json:"location,omitempty" doc:"body.limits.timeout_ms, query.limit, path.id, ..."`
	Message  string `json:"message"`
	Value    any    `json:"value,omitempty"`
}

// Field returns what people call the field: its location without the part of the request that it is in,
// which programs have. Of a change of a deploy it is the number, and the field of that.
func (f FieldError) Field() string {
	name := strings.Replace(f.Location, "].body.", "].", 1)
	for _, part := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(name, part); ok {
			return rest
		}
	}
	return name
}

// Sentence returns what is wrong for people: "slug: must be at least 1 character, got 0". A value is told where it
// helps to see what must be otherwise.
func (f FieldError) Sentence() string {
	text := strings.TrimPrefix(f.Field()+": "+f.Message, ": ")
	value, err := json.Marshal(f.Value)
	if err != nil || f.Value == nil || f.Value == "" || !strings.HasPrefix(f.Message, "must ") || strings.Contains(f.Message, "got ") {
		return text
	}
	return text + ", got " + string(value)
}

// ScriptSource is a place in a script's source.
type ScriptSource struct {
	Line       int    `json:"line,omitempty" doc:"From 1; absent when unknown"`
	Column     int    `json:"column,omitempty" doc:"In characters from 1; absent when unknown"`
	Message    string `json:"message"`
	SourceLine string `json:"source_line,omitempty"`
}
