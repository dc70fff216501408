package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// ScriptsCmd groups the commands on scripts.
type ScriptsCmd struct {
	Remote
	InApp
	List     ScriptsListCmd     `cmd:"" help:"List the app's scripts."`
	Show     ScriptsShowCmd     `cmd:"" help:"Show a script or one of its versions, or print its source or a plugin's module."`
	Versions ScriptsVersionsCmd `cmd:"" help:"List the versions of a script that are kept, the newest first."`
	Diff     ScriptsDiffCmd     `cmd:"" help:"Print what is different between two versions of a script."`
	Restore  ScriptsRestoreCmd  `cmd:"" help:"Make what a script was in a version its newest one."`
	Cases    ScriptsCasesCmd    `cmd:"" help:"List or run what a script is tried with, or replace that."`
	Validate ScriptsValidateCmd `cmd:"" help:"Compile a script or a file, without keeping or running it."`
	Delete   ScriptsDeleteCmd   `cmd:"" help:"Delete a script with its versions, routes, triggers and log, which is told first."`
}

var scriptColumns = []column[wire.Script]{
	{"NAME", func(s wire.Script) string { return s.Name }},
	{"KIND", func(s wire.Script) string { return string(s.Kind) }},
	{"VERSION", func(s wire.Script) string { return strconv.FormatInt(s.Version, 10) }},
	{"BYTES", func(s wire.Script) string { return strconv.FormatInt(s.Size, 10) }},
	{"UPDATED", func(s wire.Script) string { return localTime(s.UpdatedAt) }},
	{"ID", func(s wire.Script) string { return s.ID }},
}

// describeLimits writes the limits that are set as "timeout_ms=2000 ...", or "defaults".
func describeLimits(limits abi.Limits) string {
	encoded, err := json.Marshal(limits)
	if err != nil || string(encoded) == "{}" {
		return "defaults"
	}
	return strings.NewReplacer("{", "", "}", "", `"`, "", ":", "=", ",", " ").Replace(string(encoded))
}

// A ScriptArg is the argument that names a script. The Run method of a command that embeds it
// receives the script that it names, without its source. (It receives the client before that: an
// error of a provider that another one needs would begin with a type's name.)
type ScriptArg struct {
	Script string `arg:"" help:"Name or id." complete:"scripts"`
}

// ProvideScript finds the script.
func (arg *ScriptArg) ProvideScript(ctx context.Context, c *client.Client, in *InApp) (wire.Script, error) {
	return findScript(ctx, c, in.App, arg.Script)
}

// findScript finds the script that a person means by ref: an id, or a name in the app. Sources are
// absent.
func findScript(ctx context.Context, c *client.Client, app, ref string) (wire.Script, error) {
	if uuid.Validate(ref) == nil {
		script, err := c.Script(ctx, ref)
		script.Source = ""
		return script, err
	}
	var names []string
	for script, err := range c.Scripts(ctx, app) {
		if err != nil {
			return wire.Script{}, err
		}
		if script.Name == ref {
			return script, nil
		}
		names = append(names, script.Name)
	}
	return wire.Script{}, &noSuchScriptError{App: app, Name: ref, Names: names}
}

// A noSuchScriptError names a script that is not there, and those that are.
type noSuchScriptError struct {
	App, Name string
	Names     []string
}

func (e *noSuchScriptError) Error() string {
	const shown = 20
	switch n := len(e.Names); {
	case n == 0:
		return fmt.Sprintf("app %s has no script %q: it has none", e.App, e.Name)
	case n > shown:
		return fmt.Sprintf("app %s has no script %q among its %d", e.App, e.Name, n)
	default:
		return fmt.Sprintf("app %s has no script %q: it has %s", e.App, e.Name, strings.Join(e.Names, ", "))
	}
}

// ScriptsListCmd is `picloud scripts list`.
type ScriptsListCmd struct{}

// Run lists the scripts.
func (ScriptsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	scripts, err := client.Collect(c.Scripts(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, scripts, scriptColumns)
}

// ScriptsShowCmd is `picloud scripts show`.
type ScriptsShowCmd struct {
	ScriptArg
	Version *int64 `placeholder:"N" help:"Show what it was in version N."`
	Source  bool   `help:"Print the source, or the module of a plugin, and nothing else."`
}

// Run shows the script.
func (cmd *ScriptsShowCmd) Run(ctx context.Context, r *Remote, c *client.Client, found wire.Script) error {
	if cmd.Version != nil {
		return showVersion(ctx, r, c, found.ID, *cmd.Version, cmd.Source)
	}
	script, err := c.Script(ctx, found.ID)
	if err != nil {
		return err
	}
	if cmd.Source && script.Wasm != nil {
		return printModule(r, script.Name, *script.Wasm, func() (io.ReadCloser, error) { return c.DownloadModule(ctx, script.ID) })
	}
	if cmd.Source {
		_, err := fmt.Fprint(r.stdout, script.Source)
		return err
	}
	properties := append(scriptColumns[:len(scriptColumns):len(scriptColumns)],
		column[wire.Script]{"LIMITS", func(s wire.Script) string { return describeLimits(s.Limits) }})
	if script.Wasm != nil {
		properties = append(properties, column[wire.Script]{"SHA256", func(s wire.Script) string { return s.Wasm.SHA256 }})
	}
	return printOne(r, script, properties)
}

// printModule writes the module of a plugin to standard output, and compares what came with its
// checksum.
func printModule(r *Remote, name string, is wire.WasmModule, download func() (io.ReadCloser, error)) error {
	if terminal(r.stdout) {
		return &usageError{fmt.Errorf("%s is a plugin, whose module is nothing for a terminal: send it to a file with > %s", name, path.Base(name)+manifest.WasmSuffix)}
	}
	module, err := download()
	if err != nil {
		return err
	}
	defer module.Close()
	bar := r.progressBytes(client.Printable(name), is.Size)
	defer bar.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(r.stdout, hash), counted(module, bar)); err != nil {
		return fmt.Errorf("download of %s: %w", name, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != is.SHA256 {
		return fmt.Errorf("download of %s: what came has the checksum %s, not %s: it was changed meanwhile or damaged", name, got, is.SHA256)
	}
	return nil
}

// ScriptsDeleteCmd is `picloud scripts delete`.
type ScriptsDeleteCmd struct {
	Confirmation
	ScriptArg
}

// Run deletes the script.
func (cmd *ScriptsDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	contents, err := c.ScriptDeletion(ctx, script.ID)
	if err != nil {
		return err
	}
	with := present([]amount{
		{n: contents.Routes, kind: "route"}, {n: contents.Triggers, kind: "trigger"}, {contents.Executions, "execution", wire.MaxContents},
	})
	if len(with) == 0 {
		with = []string{"nothing else"}
	}
	if err := cmd.confirm(ctx, r, "This deletes the script %s with %s. Go on?", script.Name, strings.Join(with, ", ")); err != nil {
		return err
	}
	if err := c.DeleteScript(ctx, script.ID); err != nil {
		return err
	}
	return r.printDone(script, "Script %s deleted.", script.Name)
}
