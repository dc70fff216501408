package wire

import (
	"encoding/json"
	"time"

	"github.com/picloud/picloud/abi"
)

// Script is a script in its present version.
type Script struct {
	ID        string      `json:"id" doc:"UUIDv7"`
	AppID     string      `json:"app_id"`
	Name      string      `json:"name" doc:"Unique in its app"`
	Kind      abi.Kind    `json:"kind" enum:"endpoint,module,plugin,static"`
	Source    string      `json:"source,omitempty" doc:"Absent in listings"`
	Size      int64       `json:"size" doc:"Of the source, or of a plugin's module, bytes"`
	Wasm      *WasmModule `json:"wasm,omitempty" doc:"Of a plugin, which has no source"`
	Limits    abi.Limits  `json:"limits" doc:"As the author set them; what is absent has the default"`
	ReadOnly  bool        `json:"read_only,omitempty" doc:"Its executions can read the app's data but change nothing, and send no HTTP requests"`
	Version   int64       `json:"version" doc:"1 at first, one more with every update"`
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
}

// WasmModule tells of the WebAssembly module of a plugin.
type WasmModule struct {
	SHA256 string `json:"sha256" doc:"Of its bytes, in hex"`
	Size   int64  `json:"size" doc:"Bytes"`
}

// ScriptCreate is the JSON body of POST apps/{app}/scripts.
type ScriptCreate struct {
	Name     string      `json:"name" minLength:"1" maxLength:"128" pattern:"^[A-Za-z_][A-Za-z0-9_.-]*([/][A-Za-z0-9_][A-Za-z0-9_.-]*)*$" patternDescription:"a letter or underscore, then letters, digits and _ . - with / between parts" doc:"Unique in the app"`
	Kind     abi.Kind    `json:"kind,omitempty" enum:"endpoint,module,plugin,static" default:"endpoint" doc:"A plugin comes as its module, not as JSON; the source of a static site names its files"`
	Source   string      `json:"source" doc:"Rhai, UTF-8, up to 1 MiB"`
	Limits   *abi.Limits `json:"limits,omitempty"`
	ReadOnly bool        `json:"read_only,omitempty" doc:"Its executions can read the app's data but change nothing, and send no HTTP requests"`
}

// ScriptUpdate is the JSON body of PUT scripts/{id}; absent fields stay as they are.
type ScriptUpdate struct {
	Name     *string     `json:"name,omitempty" minLength:"1" maxLength:"128" pattern:"^[A-Za-z_][A-Za-z0-9_.-]*([/][A-Za-z0-9_][A-Za-z0-9_.-]*)*$" patternDescription:"a letter or underscore, then letters, digits and _ . - with / between parts"`
	Kind     *abi.Kind   `json:"kind,omitempty" enum:"endpoint,module,plugin,static" doc:"A plugin stays one, and nothing becomes one"`
	Source   *string     `json:"source,omitempty" doc:"Rhai, UTF-8, up to 1 MiB"`
	Limits   *abi.Limits `json:"limits,omitempty" doc:"Replaces all limits"`
	ReadOnly *bool       `json:"read_only,omitempty"`
	Version  int64       `json:"version,omitempty" minimum:"0" doc:"The version this change was made for: at any other it is refused with 409"`
}

// ScriptVersion is what a script is, or was, in one of its versions.
type ScriptVersion struct {
	Version      int64      `json:"version"`
	Name         string     `json:"name"`
	Kind         abi.Kind   `json:"kind" enum:"endpoint,module,plugin,static"`
	Source       string     `json:"source,omitempty" doc:"Absent in listings, and of a plugin"`
	Size         int64      `json:"size" doc:"Of the source, or of a plugin's module, bytes"`
	SHA256       string     `json:"sha256,omitempty" doc:"Of a plugin's module, in hex"`
	Limits       abi.Limits `json:"limits"`
	ReadOnly     bool       `json:"read_only,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	CreatedBy    string     `json:"created_by,omitempty" doc:"A user, by the name of then; absent: the server itself, or it is not known"`
	APIKey       string     `json:"api_key,omitempty" doc:"Id of the API key that it was made with"`
	RestoredFrom int64      `json:"restored_from,omitempty" doc:"The version that it is again"`
}

// ScriptRestore is the JSON body of POST scripts/{id}/versions/{n}:restore.
type ScriptRestore struct {
	Version int64 `json:"version,omitempty" minimum:"0" doc:"The version that the script must be at: at any other this is refused with 409"`
}

// ScriptCase is a request or an event that a script is tried with, and what should come of it.
type ScriptCase struct {
	Name    string          `json:"name" doc:"Unique among the cases of the script"`
	Request *Request        `json:"request,omitempty" doc:"Absent with event: GET /"`
	Event   json.RawMessage `json:"event,omitempty" doc:"A map, seen by the script as ctx.event, in place of a request"`
	Status  int             `json:"status,omitempty" minimum:"200" maximum:"599" doc:"That a route should answer; absent: any"`
	Body    json.RawMessage `json:"body,omitempty" doc:"That it should answer, as a test run tells it: null is an empty one. Absent: any"`
}

// ScriptCases are what a script is tried with.
type ScriptCases struct {
	Version int64        `json:"version" doc:"One more with every change; 0: there never were any"`
	Items   []ScriptCase `json:"items"`
}

// ScriptCasesSet is the JSON body of PUT scripts/{id}/cases.
type ScriptCasesSet struct {
	Items   []ScriptCase `json:"items" doc:"All of them, up to 64 KiB of JSON"`
	Version *int64       `json:"version,omitempty" minimum:"0" doc:"The version this change was made for: at any other it is refused with 409"`
}

// Validate is the body of POST scripts/{id}/validate.
type Validate struct {
	Source *string     `json:"source,omitempty" doc:"What to compile in place of the stored source"`
	Limits *abi.Limits `json:"limits,omitempty"`
}

// ValidateNew is the body of POST apps/{app}/scripts:validate, of a script that need not be there.
type ValidateNew struct {
	Source string      `json:"source" doc:"Rhai, UTF-8, up to 1 MiB. What it imports is looked for among the app's modules"`
	Kind   abi.Kind    `json:"kind,omitempty" enum:"endpoint,module" default:"endpoint"`
	Name   string      `json:"name,omitempty" maxLength:"128" doc:"That it would have: a module must not import itself"`
	Limits *abi.Limits `json:"limits,omitempty"`
}

// Validation answers both.
type Validation struct {
	Valid   bool             `json:"valid"`
	Imports []string         `json:"imports" doc:"Names the script imports, in order of appearance"`
	Error   *abi.ScriptError `json:"error,omitempty" doc:"Why it does not compile"`
	Line    string           `json:"source_line,omitempty" doc:"The line of the source that the error is on"`
}
