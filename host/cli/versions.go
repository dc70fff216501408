package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/aymanbagabas/go-udiff"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/caret"
	"github.com/picloud/picloud/host/client"
)

var versionColumns = []column[wire.ScriptVersion]{
	{"VERSION", func(v wire.ScriptVersion) string { return strconv.FormatInt(v.Version, 10) }},
	{"NAME", func(v wire.ScriptVersion) string { return v.Name }},
	{"KIND", func(v wire.ScriptVersion) string { return string(v.Kind) }},
	{"BYTES", func(v wire.ScriptVersion) string { return strconv.FormatInt(v.Size, 10) }},
	{"CREATED", func(v wire.ScriptVersion) string { return localTime(v.CreatedAt) }},
	{"BY", func(v wire.ScriptVersion) string { return v.CreatedBy }},
	{"RESTORED FROM", func(v wire.ScriptVersion) string {
		if v.RestoredFrom == 0 {
			return ""
		}
		return strconv.FormatInt(v.RestoredFrom, 10)
	}},
}

// ScriptsVersionsCmd is `picloud scripts versions`.
type ScriptsVersionsCmd struct{ ScriptArg }

// Run lists the versions.
func (ScriptsVersionsCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	versions, err := client.Collect(c.ScriptVersions(ctx, script.ID))
	if err != nil {
		return err
	}
	return printAll(r, versions, versionColumns)
}

// showVersion shows a version of a script, or prints its source or module.
func showVersion(ctx context.Context, r *Remote, c *client.Client, scriptID string, n int64, source bool) error {
	v, err := c.ScriptVersion(ctx, scriptID, n)
	switch {
	case err != nil:
		return err
	case source && v.Kind == abi.KindPlugin:
		return printModule(r, v.Name, wire.WasmModule{SHA256: v.SHA256, Size: v.Size}, func() (io.ReadCloser, error) {
			return c.DownloadVersionModule(ctx, scriptID, n)
		})
	case source:
		_, err := fmt.Fprint(r.stdout, v.Source)
		return err
	}
	return printOne(r, v, append(versionColumns[:len(versionColumns):len(versionColumns)],
		column[wire.ScriptVersion]{"API KEY", func(v wire.ScriptVersion) string { return v.APIKey }},
		column[wire.ScriptVersion]{"LIMITS", func(v wire.ScriptVersion) string { return describeLimits(v.Limits) }},
		column[wire.ScriptVersion]{"READ ONLY", func(v wire.ScriptVersion) string { return strconv.FormatBool(v.ReadOnly) }},
		column[wire.ScriptVersion]{"SHA256", func(v wire.ScriptVersion) string { return v.SHA256 }},
	))
}

// ScriptsDiffCmd is `picloud scripts diff`.
type ScriptsDiffCmd struct {
	ScriptArg
	From *int64 `arg:"" optional:"" name:"n" help:"Version to begin with (default: the one before)."`
	To   *int64 `arg:"" optional:"" name:"m" help:"Version to compare it with (default: the present one)."`
}

// Help is shown by --help.
func (ScriptsDiffCmd) Help() string {
	return `Sources are compared line by line, as a unified diff. Of plugins, which have none, it
tells whether the module is another one.`
}

// difference is what differs between two versions of a script.
type difference struct {
	From wire.ScriptVersion `json:"from"` // without the source
	To   wire.ScriptVersion `json:"to"`
	Diff string             `json:"diff"` // of the sources; "" of the same, and of plugins
}

// Run compares the versions.
func (cmd *ScriptsDiffCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	from, to := script.Version-1, script.Version
	if cmd.From != nil {
		from = *cmd.From
	}
	if cmd.To != nil {
		to = *cmd.To
	}
	if cmd.From == nil && from < 1 {
		return fmt.Errorf("%s has one version: there is none before to compare it with", script.Name)
	}
	var d difference
	var err error
	if d.From, err = c.ScriptVersion(ctx, script.ID, from); err != nil {
		return fmt.Errorf("version %d: %w", from, err)
	}
	if d.To, err = c.ScriptVersion(ctx, script.ID, to); err != nil {
		return fmt.Errorf("version %d: %w", to, err)
	}
	label := func(v wire.ScriptVersion) string {
		return fmt.Sprintf("%s version %d", client.Printable(v.Name), v.Version)
	}
	d.Diff = udiff.Unified(label(d.From), label(d.To), inLines(d.From), inLines(d.To))
	d.From.Source, d.To.Source = "", ""
	if r.Output == "json" {
		return r.printJSON(d)
	}
	return d.print(r)
}

// inLines is the source of a version in lines: that of a static site has none.
func inLines(v wire.ScriptVersion) string {
	var lines bytes.Buffer
	if v.Kind == abi.KindStatic && json.Indent(&lines, []byte(v.Source), "", "  ") == nil {
		return lines.String() + "\n"
	}
	return v.Source
}

// print writes what differs beside the sources, a line each, and then the diff of those.
func (d *difference) print(r *Remote) error {
	text := d.Diff
	if terminal(r.stdout) {
		text = client.Printable(text)
	}
	var others string
	for _, property := range []column[wire.ScriptVersion]{
		{"name", func(v wire.ScriptVersion) string { return client.Printable(v.Name) }},
		{"kind", func(v wire.ScriptVersion) string { return string(v.Kind) }},
		{"module", func(v wire.ScriptVersion) string { return fmt.Sprintf("%s (%d bytes)", v.SHA256, v.Size) }},
		{"limits", func(v wire.ScriptVersion) string { return describeLimits(v.Limits) }},
		{"read_only", func(v wire.ScriptVersion) string { return strconv.FormatBool(v.ReadOnly) }},
	} {
		if property.title == "module" && d.From.SHA256 == d.To.SHA256 {
			continue
		}
		if before, after := property.value(d.From), property.value(d.To); before != after {
			others += fmt.Sprintf("%s: %s -> %s\n", property.title, before, after)
		}
	}
	if text = others + text; text == "" {
		text = fmt.Sprintf("Version %d is the same as version %d.\n", d.To.Version, d.From.Version)
	}
	_, err := fmt.Fprint(r.stdout, text)
	return err
}

// ScriptsRestoreCmd is `picloud scripts restore`.
type ScriptsRestoreCmd struct {
	Confirmation
	ScriptArg
	Version int64 `arg:"" name:"n" help:"Number of the version."`
}

// Help is shown by --help.
func (ScriptsRestoreCmd) Help() string {
	return `Name, kind, source or module, limits and read-only become what they were, as a new
version: nothing is lost, and restoring the version before undoes it. As any change it
is refused if the script does not compile, because a module is gone that it imports.`
}

// Run restores the version.
func (cmd *ScriptsRestoreCmd) Run(ctx context.Context, r *Remote, c *client.Client, script wire.Script) error {
	if err := cmd.confirm(ctx, r, "Make the script %s again what it was in version %d?", script.Name, cmd.Version); err != nil {
		return err
	}
	restored, err := c.RestoreScript(ctx, script.ID, cmd.Version, wire.ScriptRestore{Version: script.Version})
	var refused *client.Error
	switch {
	case errors.As(err, &refused) && refused.Script != nil:
		return &caret.Error{
			Name: fmt.Sprintf("%s version %d", script.Name, cmd.Version), Line: refused.Script.Line, Column: refused.Script.Column,
			Message: refused.Script.Message, SourceLine: refused.Script.SourceLine, Code: refused.Code,
		}
	case err != nil:
		return err
	}
	if restored.Name != script.Name {
		r.notices.warn("the script %s is called %s again", script.Name, restored.Name)
	}
	return r.printDone(restored, "Script %s is what it was in version %d, as version %d.", restored.Name, cmd.Version, restored.Version)
}
