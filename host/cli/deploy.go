package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
	Env    string `placeholder:"NAME" help:"Environment of the folder's picloud.yaml."`
	Prune  bool   `help:"Delete the app's scripts, triggers, topics and indexes that the folder's picloud.yaml does not name, and where it has secrets, those that are not among them; after asking."`
	Seed   bool   `help:"Write the data of the manifest's seed over what the collections have; else only one that has nothing gets them."`
	DryRun bool   `help:"Show what would be done, as a diff, and do nothing."`

	Confirmation

	CreateApp bool `help:"Create the app of a single script when it is missing. (That of a picloud.yaml is created anyway.)"`
}

// Help is shown by --help.
func (DeployCmd) Help() string {
	return `Deploying again what has not changed changes nothing. A folder's routes are
made as picloud.yaml has them: a route of a named script that is not there any
more is deleted. A trigger, topic or index is deleted with --prune only, and a secret where secrets has others; a trigger or topic that is named
is made as picloud.yaml has it, but that a trigger is paused, and what of retry and
concurrency is not there, stay as they are. All of it is done, or nothing: when the
server refuses a part, a script that does not compile, say, the app stays as it was. So it is with data to
begin with (seed), which go into collections that have nothing.
--dry-run fails if the server would refuse it; only what would be uploaded, modules of plugins and files,
it has not seen then. It also tells what --prune would delete. Of a folder that is served as it is,
sources, tests, files with keys (*.env, *.pem, *.key), backups (*.bak, *~), links and hidden files are not published,
but for .well-known.`
}

// Run is `picloud deploy`.
func (cmd *DeployCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	app, err := cmd.read(in)
	if err != nil {
		return &usageError{err}
	}
	for _, warning := range app.Warnings() {
		r.notices.warn("%s", warning)
	}
	plan, err := manifest.Make(ctx, c, app)
	if err != nil {
		return suggestApp(ctx, c, err)
	}
	if cmd.DryRun {
		if err := printPlan(r, plan.Changes(), plan.Left()); err != nil {
			return err
		}
		unchecked, err := plan.Check(ctx, c)
		err = app.Located(err)
		if err == nil && len(unchecked) > 0 {
			r.notices.warn("what would be uploaded the server has not seen: %s", strings.Join(unchecked, ", "))
		}
		return err
	}
	if err := cmd.confirmPrune(ctx, r, plan); err != nil {
		return err
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
	return app.Located(failed)
}

// confirmPrune asks about what is deleted because the manifest does not name it.
func (cmd *DeployCmd) confirmPrune(ctx context.Context, r *Remote, plan *manifest.Plan) error {
	var gone []string
	for _, change := range plan.Changes() {
		if change.Result == manifest.Deleted && change.What != "route" {
			gone = append(gone, change.What+" "+change.Name)
		}
	}
	if !cmd.Prune || len(gone) == 0 {
		return nil
	}
	return cmd.confirm(ctx, r, "Delete %s?", strings.Join(gone, ", "))
}

// printPlan shows what a deploy would do.
func printPlan(r *Remote, changes, left []manifest.Change) error {
	if r.Output == "json" {
		return printAll(r, append(changes, left...), []column[manifest.Change]{})
	}
	unchanged := 0
	for _, c := range changes {
		sign, color := "~", yellow
		switch c.Result {
		case manifest.Created:
			sign, color = "+", green
		case manifest.Deleted:
			sign, color = "-", red
		case manifest.Missing:
			sign, color = "!", red
		case manifest.Unchanged:
			if c.Warning == "" {
				unchanged++
				continue
			}
			sign, color = "!", yellow
		}
		line := fmt.Sprintf("%s %s %s", sign, c.What, oneLine(c.Name))
		fmt.Fprintf(r.stdout, "%s  would be %s\n", paint(r.stdout, color, line), oneLine(describeChange(c)))
		if c.Warning != "" {
			fmt.Fprintf(r.stdout, "    %s\n", client.Printable(c.Warning))
		}
		for _, text := range c.Diff {
			color := ""
			switch {
			case strings.HasPrefix(text, "+"):
				color = green
			case strings.HasPrefix(text, "-"):
				color = red
			case strings.HasPrefix(text, "@@"):
				color = faint
			}
			fmt.Fprintf(r.stdout, "    %s\n", paint(r.stdout, color, client.Printable(text)))
		}
	}
	for _, c := range left {
		fmt.Fprintf(r.stdout, "left: %s %s (delete with --prune)\n", c.What, oneLine(c.Name))
	}
	_, err := fmt.Fprintf(r.stdout, "%d of %d would stay as they are.\n", unchanged, len(changes))
	return err
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
	app, err := manifest.Read(folder, cmd.Env)
	app.Prune, app.Release, app.Reseed, app.TellLeft = cmd.Prune, cmd.Prune, cmd.Seed, cmd.DryRun
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

func (u uploads) UploadFile(ctx context.Context, app, collection, name, contentType string, content io.Reader) (wire.File, error) {
	size := int64(-1)
	switch content := content.(type) {
	case interface{ Len() int }:
		size = int64(content.Len())
	case interface{ Stat() (fs.FileInfo, error) }:
		if info, err := content.Stat(); err == nil {
			size = info.Size()
		}
	}
	bar := u.remote.progressBytes(name, size)
	defer bar.Close()
	return u.Client.UploadFile(ctx, app, collection, name, contentType, counted(content, bar))
}
