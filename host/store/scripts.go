package store

import (
	"context"
	"time"

	"github.com/picloud/picloud/abi"
)

// Script is a script in its present version.
type Script struct {
	ID        string
	AppID     string
	Name      string // unique in the app
	Kind      abi.Kind
	Source    string     // empty in listings, and of a plugin
	Limits    abi.Limits // as the author set them; zero fields are not set
	Version   int64      // 1 at first, one more with every update
	ReadOnly  bool
	CreatedAt time.Time
	UpdatedAt time.Time // later with every update, even if the clock stands still: id and UpdatedAt name a version

	SourceSize int64 // bytes, in listings too; the store sets it

	Wasm       []byte // module of a plugin that is to be created; [Scripts.Wasm] reads it
	WasmSHA256 string // of a plugin's module, in hex; the store sets it
	WasmSize   int64  // of a plugin's module, bytes; the store sets it
}

// WasmModule is the module of a plugin.
type WasmModule struct {
	SHA256 string // of Data, in hex
	Data   []byte
}

// ScriptChange says what to change of a script; a nil field stays as it is.
type ScriptChange struct {
	Name     *string
	Kind     *abi.Kind
	Source   *string
	Wasm     []byte      // replaces the module of a plugin
	Limits   *abi.Limits // replaces all limits
	ReadOnly *bool

	// ExpectVersion, unless 0, is the version the change was made for: at any other the update
	// fails with [Stale] and changes nothing.
	ExpectVersion int64

	RestoredFrom int64 // the version that the change makes the script again what it was in; 0: none
}

// KeptVersions is how many versions of a script are kept: the newest.
const KeptVersions = 50

// ScriptVersion is what a script is, or was, in one of its versions.
type ScriptVersion struct {
	ScriptID   string
	Version    int64
	Name       string
	Kind       abi.Kind
	Source     string // empty in listings, and of a plugin
	Limits     abi.Limits
	ReadOnly   bool
	Size       int64  // of the source, or of a plugin's module, bytes
	WasmSHA256 string // of a plugin's module, in hex
	CreatedAt  time.Time

	// Who made it, by the [Deed] of the context: a user, by the name of then, and the API key; "" for none.
	UserID, Username, KeyID string

	RestoredFrom int64 // the version that it is again; 0: none
}

// Scripts keeps the scripts, their versions and what they import.
type Scripts interface {
	// Create keeps a new script and returns it with id, version and times. A name in use in the app
	// is a [Conflict] on "name", an unknown app [fault.NotFound]. A plugin must have a module and
	// no source, any other script no module.
	Create(ctx context.Context, script Script) (Script, error)
	// Get finds a script by id.
	Get(ctx context.Context, id string) (Script, error)
	// GetByName finds a script of an app by name.
	GetByName(ctx context.Context, appID, name string) (Script, error)
	// Wasm reads the module of a plugin, as it is now. It is kept once however many plugins have
	// it, and for as long as a kept version of one has it.
	Wasm(ctx context.Context, id string) (WasmModule, error)
	// WasmHashes lists the SHA-256 of every module that a plugin has now, in any app.
	WasmHashes(ctx context.Context) ([]string, error)
	// List pages through an app's scripts, without their sources, in the order of their names
	// (bytewise).
	List(ctx context.Context, appID string, page PageRequest) (Page[Script], error)
	// Update changes a script and returns it as it is now. An update without changes makes a new
	// version too. The newest [KeptVersions] stay, older ones are removed.
	Update(ctx context.Context, id string, change ScriptChange) (Script, error)
	// Contents counts what belongs to a script.
	Contents(ctx context.Context, id string) (ScriptContents, error)
	// Delete removes a script with its versions, cases, routes, triggers, imports, executions and log lines. It is
	// gone at once and its name is free; its versions, executions and their lines go later: see [Deletions].
	Delete(ctx context.Context, id string) error

	// Versions pages through the kept versions of a script, without their sources, the newest first.
	Versions(ctx context.Context, scriptID string, page PageRequest) (Page[ScriptVersion], error)
	// Version finds a kept version of a script; others are [fault.NotFound].
	Version(ctx context.Context, scriptID string, version int64) (ScriptVersion, error)
	// VersionWasm reads the module that a plugin had in a kept version.
	VersionWasm(ctx context.Context, scriptID string, version int64) (WasmModule, error)

	// Cases returns what a script is tried with; nothing of one that is not there.
	Cases(ctx context.Context, scriptID string) (Cases, error)
	// SetCases replaces what a script is tried with, and returns it as it is kept. At another version than
	// the one expected, unless that is nil, it fails with [Stale] and changes nothing.
	SetCases(ctx context.Context, scriptID string, list []Case, expect *int64) (Cases, error)

	// SetImports replaces the names a script imports. The names need not exist.
	SetImports(ctx context.Context, scriptID string, names []string) error
	// Imports lists the names a script imports, bytewise ordered.
	Imports(ctx context.Context, scriptID string) ([]string, error)
	// Importers lists the scripts of an app that import name, without their sources, in the order
	// of their names.
	Importers(ctx context.Context, appID, name string) ([]Script, error)
}
