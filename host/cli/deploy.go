package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// DeployCmd makes the server hold what a file or folder says.
type DeployCmd struct {
	Remote
	InApp
	Path   string `arg:"" help:"A script, the WebAssembly module of a plugin, or a folder with a picloud.yaml, or that file (its app wins over --app)." complete:"files"`
	Name   string `help:"Name of a single script or plugin; the file's name without .rhai or .wasm when absent."`
	Kind   string `enum:"endpoint,module,plugin," default:"" help:"Kind of a single script: endpoint or module (a new one is an endpoint); a WebAssembly module is a plugin."`
	Prune  bool   `help:"Delete the app's scripts, triggers and topics that the folder's picloud.yaml does not name."`
	DryRun bool   `help:"Show what would be done, and do nothing."`

	CreateApp bool `help:"Create the app of a single script when it is missing. (That of a picloud.yaml is created anyway.)"`
}

// Help is shown by --help.
func (DeployCmd) Help() string {
	return `Deploying again what has not changed changes nothing. A folder's routes are
made as picloud.yaml has them: a route of a named script that is not there any
more is deleted. A trigger or topic is deleted with --prune only; one that is named
is made as picloud.yaml has it, but that a trigger is paused, and what of retry and
concurrency is not there, stay as they are. All is checked before anything is changed, but for
what only the server can tell: that a script compiles, that a schedule or a filter
is good. When something fails, what was done before stays.`
}

// Run is `picloud deploy`.
func (cmd *DeployCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	app, err := cmd.read(in)
	if err != nil {
		return &usageError{err}
	}
	plan, err := manifest.Make(ctx, c, app)
	if err != nil {
		return suggestApp(ctx, c, err)
	}
	if cmd.DryRun {
		return printAll(r, plan.Changes(), changeColumns("WOULD BE"))
	}
	done, failed := plan.Apply(ctx, uploads{c, r})
	for _, change := range done {
		if change.Warning != "" {
			r.notices.warn("%s %s: %s", change.What, change.Name, change.Warning)
		}
	}
	if len(done) > 0 || failed == nil {
		if err := printAll(r, done, changeColumns("RESULT")); err != nil {
			return err
		}
	}
	return failed
}

// read reads what to deploy.
func (cmd *DeployCmd) read(in *InApp) (manifest.App, error) {
	info, err := os.Stat(cmd.Path)
	if err != nil {
		return manifest.App{}, err
	}
	folder := cmd.Path
	switch isFolder := info.IsDir(); {
	case !isFolder && filepath.Base(cmd.Path) == manifest.FileName:
		folder = filepath.Dir(cmd.Path)
	case !isFolder:
		return cmd.readScript(in)
	}
	if cmd.Name != "" || cmd.Kind != "" {
		return manifest.App{}, fmt.Errorf("--name and --kind are for a single script, %s is an app", cmd.Path)
	}
	app, err := manifest.Read(folder)
	app.Prune = cmd.Prune
	return app, err
}

// readScript reads a single script.
func (cmd *DeployCmd) readScript(in *InApp) (manifest.App, error) {
	if cmd.Prune {
		return manifest.App{}, fmt.Errorf("--prune is for a folder, %s is a file", cmd.Path)
	}
	script, err := manifest.ReadScript(cmd.Path, abi.Kind(cmd.Kind))
	if err != nil {
		return manifest.App{}, err
	}
	if cmd.Name != "" {
		script.Name = cmd.Name
	}
	return manifest.App{Ref: in.App, Scripts: []manifest.Script{script}, Create: cmd.CreateApp}, nil
}

// suggestApp adds to the error of an app that is not there which one may be meant.
func suggestApp(ctx context.Context, c *client.Client, err error) error {
	var missing *manifest.NoAppError
	if !errors.As(err, &missing) {
		return err
	}
	var slugs []string
	for app, err := range c.Apps(ctx) {
		if err != nil {
			break // the suggestion is not worth an error
		}
		slugs = append(slugs, app.Slug)
	}
	if meant := closest(missing.App, slugs); meant != "" {
		return fmt.Errorf("%w: did you mean %s? With --create-app it is created", err, meant)
	}
	return fmt.Errorf("%w: with --create-app it is created", err)
}

func changeColumns(result string) []column[manifest.Change] {
	return []column[manifest.Change]{
		{"WHAT", func(c manifest.Change) string { return c.What }},
		{"NAME", func(c manifest.Change) string { return c.Name }},
		{result, describeChange},
	}
}

// describeChange writes the result, the version of a script, and what is updated of a thing:
// "updated (version 2): source, limits".
func describeChange(c manifest.Change) string {
	text := string(c.Result)
	if c.Version > 0 {
		text += fmt.Sprintf(" (version %d)", c.Version)
	}
	if len(c.Fields) > 0 {
		text += ": " + strings.Join(c.Fields, ", ")
	}
	return text
}

// uploads is a client that shows the progress of what may take long.
type uploads struct {
	*client.Client
	remote *Remote
}

func (u uploads) CreatePlugin(ctx context.Context, app string, plugin wire.ScriptCreate, module io.Reader) (wire.Script, error) {
	bar := u.progress(plugin.Name, module)
	defer bar.Close()
	return u.Client.CreatePlugin(ctx, app, plugin, counted(module, bar))
}

func (u uploads) UpdatePlugin(ctx context.Context, id string, change wire.ScriptUpdate, module io.Reader) (wire.Script, error) {
	bar := u.progress("plugin", module)
	defer bar.Close()
	return u.Client.UpdatePlugin(ctx, id, change, counted(module, bar))
}

func (u uploads) progress(what string, module io.Reader) *progressbar.ProgressBar {
	size := int64(-1)
	if sized, ok := module.(interface{ Len() int }); ok {
		size = int64(sized.Len())
	}
	return u.remote.progressBytes(what, size)
}
