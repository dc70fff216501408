package wire

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

// ScriptSource is a place in a script's source.
type ScriptSource struct {
	Line       int    `json:"line,omitempty" doc:"From 1; absent when unknown"`
	Column     int    `json:"column,omitempty" doc:"In characters from 1; absent when unknown"`
	Message    string `json:"message"`
	SourceLine string `json:"source_line,omitempty"`
}
