// Package wire holds the JSON bodies of the admin API as Go types, for the
// server, the client and the command line. It imports nothing of the server.
package wire

import (
	"encoding/json"
	"time"

	"github.com/picloud/picloud/abi"
)

// Page is one piece of a listing.
type Page[T any] struct {
	Items  []T    `json:"items" doc:"The items, in the listing's order" nullable:"false"`
	Cursor string `json:"cursor,omitempty" doc:"Pass it as ?cursor= to get the next piece; absent on the last"`
}

// App owns scripts, routes and data.
type App struct {
	ID        string    `json:"id" doc:"UUIDv7"`
	Slug      string    `json:"slug" doc:"Unique name, usable wherever an id is"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// AppCreate is the body of POST apps.
type AppCreate struct {
	Slug string `json:"slug" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and inner hyphens" doc:"Unique name: lower-case letters, digits and hyphens between them"`
	Name string `json:"name,omitempty" maxLength:"200" doc:"For people; the slug when empty"`
}

// AppUpdate is the body of PUT apps/{app}; absent fields stay as they are.
type AppUpdate struct {
	Slug *string `json:"slug,omitempty" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and inner hyphens"`
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
}

// Script is a script in its present version.
type Script struct {
	ID        string      `json:"id" doc:"UUIDv7"`
	AppID     string      `json:"app_id"`
	Name      string      `json:"name" doc:"Unique in its app"`
	Kind      abi.Kind    `json:"kind" enum:"endpoint,module,plugin"`
	Source    string      `json:"source,omitempty" doc:"Absent in listings"`
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
	Kind     abi.Kind    `json:"kind,omitempty" enum:"endpoint,module,plugin" default:"endpoint" doc:"A plugin comes as its module, not as JSON"`
	Source   string      `json:"source" doc:"Rhai, UTF-8, up to 1 MiB"`
	Limits   *abi.Limits `json:"limits,omitempty"`
	ReadOnly bool        `json:"read_only,omitempty" doc:"Its executions can read the app's data but change nothing, and send no HTTP requests"`
}

// ScriptUpdate is the JSON body of PUT scripts/{id}; absent fields stay as they are.
type ScriptUpdate struct {
	Name     *string     `json:"name,omitempty" minLength:"1" maxLength:"128" pattern:"^[A-Za-z_][A-Za-z0-9_.-]*([/][A-Za-z0-9_][A-Za-z0-9_.-]*)*$" patternDescription:"a letter or underscore, then letters, digits and _ . - with / between parts"`
	Kind     *abi.Kind   `json:"kind,omitempty" enum:"endpoint,module,plugin" doc:"A plugin stays one, and nothing becomes one"`
	Source   *string     `json:"source,omitempty" doc:"Rhai, UTF-8, up to 1 MiB"`
	Limits   *abi.Limits `json:"limits,omitempty" doc:"Replaces all limits"`
	ReadOnly *bool       `json:"read_only,omitempty"`
	Version  int64       `json:"version,omitempty" minimum:"0" doc:"The version this change was made for: at any other it is refused with 409"`
}

// Validate is the body of POST scripts/{id}/validate.
type Validate struct {
	Source *string     `json:"source,omitempty" doc:"What to compile in place of the stored source"`
	Limits *abi.Limits `json:"limits,omitempty"`
}

// Validation answers it.
type Validation struct {
	Valid   bool             `json:"valid"`
	Imports []string         `json:"imports" nullable:"false" doc:"Names the script imports, in order of appearance"`
	Error   *abi.ScriptError `json:"error,omitempty" doc:"Why it does not compile"`
	Line    string           `json:"source_line,omitempty" doc:"The line of the source that the error is on"`
}

// Route binds requests to a script.
type Route struct {
	ID        string    `json:"id" doc:"UUIDv7"`
	AppID     string    `json:"app_id"`
	ScriptID  string    `json:"script_id"`
	Method    string    `json:"method" doc:"Empty for any"`
	Host      string    `json:"host" doc:"Empty for any"`
	HostKind  string    `json:"host_kind" enum:"any,strict,wildcard"`
	Path      string    `json:"path"`
	PathKind  string    `json:"path_kind" enum:"exact,param,prefix"`
	Dispatch  string    `json:"dispatch" enum:"sync,async"`
	CreatedAt time.Time `json:"created_at"`
	Warning   string    `json:"warning,omitempty" doc:"Set when the route was made and a route of another app answers its requests first"`
}

// RouteCreate is the body of POST scripts/{id}/routes. Kinds are inferred when
// absent and checked when given.
type RouteCreate struct {
	Method   string `json:"method,omitempty" doc:"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; empty or ANY for all. GET answers HEAD too"`
	Path     string `json:"path" minLength:"1" doc:"/greet, /users/:id or /hooks/*"`
	PathKind string `json:"path_kind,omitempty" enum:"exact,param,prefix"`
	Host     string `json:"host,omitempty" doc:"Empty for any, api.example.com, or *.example.com for the names below it"`
	HostKind string `json:"host_kind,omitempty" enum:"any,strict,wildcard"`
	Dispatch string `json:"dispatch,omitempty" enum:"sync" default:"sync"`
}

// RouteMatch is the body of POST apps/{app}/routes:match.
type RouteMatch struct {
	Method string `json:"method,omitempty" default:"GET"`
	Host   string `json:"host,omitempty" doc:"As a request would send it; a port is ignored"`
	Path   string `json:"path" minLength:"1" doc:"As a request would send it, percent-encoding included"`
}

// RouteMatched answers it.
type RouteMatched struct {
	Matched bool              `json:"matched"`
	Route   *Route            `json:"route,omitempty" doc:"Absent when nothing matches, or another app's route does"`
	Other   bool              `json:"other_app,omitempty" doc:"A route of another app answers this request"`
	Params  map[string]string `json:"params,omitempty"`
	Rest    string            `json:"rest,omitempty"`
	Allow   []string          `json:"allow,omitempty" doc:"Methods that would match, when only the method does not"`
}

// Request is an HTTP request handed to a test run.
type Request struct {
	Method  string            `json:"method,omitempty" default:"GET"`
	Path    string            `json:"path,omitempty" default:"/"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty" doc:"Any JSON value. A string is the body as it is, {\"$blob\":base64} its bytes, anything else goes as JSON"`
	Params  map[string]string `json:"params,omitempty"`
	Query   map[string]string `json:"query,omitempty"`
	Rest    string            `json:"rest,omitempty"`
}

// RunRequest is the body of POST scripts/{id}/run: a request or an event.
type RunRequest struct {
	Request *Request        `json:"request,omitempty"`
	Event   json.RawMessage `json:"event,omitempty" doc:"A map, seen by the script as ctx.event"`
}

// RunResult tells how a test run ended.
type RunResult struct {
	ExecutionID string            `json:"execution_id"`
	Outcome     string            `json:"outcome" doc:"ok, or the code of the error"`
	Status      int               `json:"status" doc:"What a route would have answered"`
	Headers     map[string]string `json:"headers" doc:"Names in lower case; values of a repeated header joined by a line feed"`
	Body        json.RawMessage   `json:"body" doc:"A JSON response as it is, text as a string, anything else as {\"$blob\":base64}, null when empty"`
	Error       *abi.ScriptError  `json:"error,omitempty"`
	Logs        []LogLine         `json:"logs" nullable:"false"`
	DurationUS  int64             `json:"duration_us" doc:"Microseconds"`
	Operations  int64             `json:"operations"`
}

// LogLine is one line of an execution's log.
type LogLine struct {
	ExecutionID string          `json:"execution_id"`
	Seq         int             `json:"seq" doc:"Place among the execution's lines, from 0"`
	At          time.Time       `json:"at"`
	Level       abi.LogLevel    `json:"level" enum:"trace,debug,info,warn,error"`
	Message     string          `json:"message"`
	Data        json.RawMessage `json:"data,omitempty"`
}

// Execution is the record of one run of a script.
type Execution struct {
	ID             string             `json:"id" doc:"UUIDv7"`
	AppID          string             `json:"app_id"`
	ScriptID       string             `json:"script_id"`
	ScriptVersion  int64              `json:"script_version"`
	RequestID      string             `json:"request_id"`
	InvocationType abi.InvocationType `json:"invocation_type" enum:"http,execute,trigger,invoke"`
	Outcome        string             `json:"outcome" doc:"ok, or the code of the error"`
	Status         int                `json:"status" doc:"HTTP status answered"`
	Error          *abi.ScriptError   `json:"error,omitempty"`
	StartedAt      time.Time          `json:"started_at"`
	DurationUS     int64              `json:"duration_us" doc:"Microseconds"`
	Operations     int64              `json:"operations"`
	Logs           []LogLine          `json:"logs,omitempty" doc:"Absent in listings"`
}

// KVCollection is a collection of keys and values in a listing.
type KVCollection struct {
	Name    string `json:"name"`
	Entries int    `json:"entries" doc:"Not counted beyond 1000"`
}

// KVEntry is a key with its value.
type KVEntry struct {
	Key       string          `json:"key"`
	Value     json.RawMessage `json:"value" doc:"Any JSON value. Integers keep 64 bits; {\"$blob\":base64} is a blob to scripts"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty" doc:"Absent: never"`
}

// KVSet is the body of PUT apps/{app}/kv/{collection}/{key}.
type KVSet struct {
	Value     json.RawMessage `json:"value" doc:"Any JSON value, up to 1 MiB"`
	TTLMillis *int64          `json:"ttl_ms,omitempty" doc:"Milliseconds until it expires; absent: never"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty" doc:"When it expires, instead of ttl_ms"`
	IfAbsent  bool            `json:"if_absent,omitempty" doc:"Refuse with 409 if there is such a key"`
}

// DocsCollection is a collection of documents in a listing.
type DocsCollection struct {
	Name      string `json:"name"`
	Documents int64  `json:"documents"`
}

// Document is a document in its envelope.
type Document struct {
	ID        string          `json:"id" doc:"UUIDv7 unless its creator chose another"`
	Data      json.RawMessage `json:"data" doc:"A JSON object"`
	Version   int64           `json:"version" doc:"1 at first, one more with every update"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// DocumentWrite is the body of requests that create, replace or patch a document.
type DocumentWrite struct {
	Data json.RawMessage `json:"data" doc:"A JSON object, up to 1 MiB; for PATCH what to change of it (RFC 7396)"`
}

// FilesCollection is a collection of files in a listing.
type FilesCollection struct {
	Name  string `json:"name"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes" doc:"Of all its files"`
}

// File is what is known of a stored file besides its bytes.
type File struct {
	ID          string    `json:"id" doc:"UUIDv7"`
	Name        string    `json:"name"`
	ContentType string    `json:"content_type"`
	Size        int64     `json:"size" doc:"Bytes"`
	SHA256      string    `json:"sha256" doc:"Of the bytes, in hex"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// FileUpdate is the body of PATCH apps/{app}/files/{collection}/{id}; absent
// fields stay as they are.
type FileUpdate struct {
	Name        *string `json:"name,omitempty"`
	ContentType *string `json:"content_type,omitempty"`
}

// Login is the body of POST auth/login.
type Login struct {
	Username string `json:"username" minLength:"1" maxLength:"128"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// Token answers it.
type Token struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer TOKEN"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Me tells who the caller is.
type Me struct {
	UserID   string   `json:"user_id"`
	Username string   `json:"username"`
	Role     string   `json:"role" enum:"owner,admin,member"`
	APIKey   string   `json:"api_key_id,omitempty" doc:"Set when the credential is an API key"`
	Scopes   []string `json:"scopes,omitempty" doc:"Of the API key"`
	AppID    string   `json:"app_id,omitempty" doc:"The only app that the API key may touch"`
}

// APIKeyCreate is the body of POST api-keys.
type APIKeyCreate struct {
	Name      string     `json:"name" minLength:"1" maxLength:"100"`
	Scopes    []string   `json:"scopes" minItems:"1" uniqueItems:"true" enum:"script:read,script:write,route:write,log:read,domain:manage,app:admin,instance:admin" nullable:"false"`
	App       string     `json:"app,omitempty" doc:"Id or slug of the only app the key may touch; empty for all of yours"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Absent: never"`
}

// APIKey is a credential for programs.
type APIKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Key        string     `json:"key,omitempty" doc:"The key itself: answered once, when it is made"`
	Prefix     string     `json:"prefix" doc:"How the key begins"`
	Scopes     []string   `json:"scopes" nullable:"false"`
	AppID      string     `json:"app_id,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// Problem is an error of the admin API (RFC 9457).
type Problem struct {
	Type   string        `json:"type,omitempty" doc:"A URI naming the kind of problem; absent: about:blank"`
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

// ExecutionError is the body of a route's or an execute request's answer when
// the script did not answer.
type ExecutionError struct {
	Error struct {
		Code        abi.ErrorCode `json:"code"`
		Message     string        `json:"message"`
		ExecutionID string        `json:"execution_id,omitempty"`
	} `json:"error"`
}
