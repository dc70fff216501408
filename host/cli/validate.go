package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/caret"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// ScriptsValidateCmd is `picloud scripts validate`.
type ScriptsValidateCmd struct {
	Script string `arg:"" help:"Name or id of a script, or a file of Rhai." complete:"scripts"`
	File   string `arg:"" optional:"" help:"Source to compile in the place of the script's." complete:"files"`
	Kind   string `enum:"endpoint,module" default:"endpoint" help:"Kind of a file that stands alone: ${enum} (default ${default})."`
}

// Help is shown by --help.
func (ScriptsValidateCmd) Help() string {
	return `A file that stands alone is compiled with the modules of --app. Without a server, when
you are logged in to none or it cannot be reached, it is compiled here: then the modules that it
imports are those beside it, NAME.rhai, and of others is said that nobody has looked at them.`
}

// Run validates the script.
func (cmd *ScriptsValidateCmd) Run(ctx context.Context, r *Remote, in *InApp) error {
	if cmd.File == "" && isFile(cmd.Script) {
		return cmd.validateFile(ctx, r, in.App)
	}
	c, err := r.connect()
	if err != nil {
		return err
	}
	script, err := findScript(ctx, c, in.App, cmd.Script)
	if err != nil {
		return err
	}
	var instead wire.Validate
	name := script.Name
	if cmd.File != "" {
		source, err := readSource(cmd.File)
		if err != nil {
			return err
		}
		instead.Source, name = &source, cmd.File
	}
	validation, err := c.ValidateScript(ctx, script.ID, instead)
	if err != nil {
		return err
	}
	return printValidation(r, name, validation)
}

// isFile reports whether an argument is meant to be a file of Rhai.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && strings.HasSuffix(name, manifest.RhaiSuffix)
}

func readSource(file string) (string, error) {
	read, err := manifest.ReadScript(file, "")
	if err == nil && read.Wasm != nil {
		err = &usageError{fmt.Errorf("%s is a plugin: it is validated when it is deployed", file)}
	}
	return read.Source, err
}

// validateFile compiles a file that is no script yet.
func (cmd *ScriptsValidateCmd) validateFile(ctx context.Context, r *Remote, app string) error {
	source, err := readSource(cmd.Script)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(cmd.Script), manifest.RhaiSuffix)
	var validation wire.Validation
	c, err := r.connect()
	if err == nil {
		validation, err = c.ValidateSource(ctx, app, wire.ValidateNew{Source: source, Kind: abi.Kind(cmd.Kind), Name: name})
	}
	var nowhere *notLoggedInError
	var unreachable *client.UnreachableError
	if errors.As(err, &nowhere) || errors.As(err, &unreachable) {
		var unseen []string
		if validation, unseen, err = compileHere(filepath.Dir(cmd.Script), name, source, abi.Kind(cmd.Kind)); len(unseen) > 0 {
			r.notices.warn("compiled without a server: nobody has looked at what it imports, %s", strings.Join(unseen, ", "))
		}
	}
	if err != nil {
		return err
	}
	return printValidation(r, cmd.Script, validation)
}

// compileHere compiles a source without a server, as a server would. The modules that it imports are those of the
// folder; unseen are the names of others.
func compileHere(folder, name, source string, kind abi.Kind) (validation wire.Validation, unseen []string, err error) {
	session := bridge.Session{}
	request := abi.LoadRequest{Name: name, Source: source, Kind: kind, Limits: abi.DefaultLimits, Lazy: true}
	result := session.Load(&request)
	validation.Imports = append([]string{}, result.Imports...)
	for queue := slices.Clone(result.Imports); len(queue) > 0; queue = queue[1:] {
		wanted := queue[0]
		if slices.Contains(unseen, wanted) || slices.ContainsFunc(request.Modules, func(m abi.Module) bool { return m.Name == wanted }) {
			continue
		}
		text, err := readSource(filepath.Join(folder, filepath.FromSlash(wanted)+manifest.RhaiSuffix))
		if errors.Is(err, os.ErrNotExist) || !filepath.IsLocal(wanted) {
			unseen = append(unseen, wanted)
			continue
		}
		if err != nil {
			return validation, unseen, err
		}
		request.Modules = append(request.Modules, abi.Module{Name: wanted, Source: text})
		imported := (&bridge.Session{}).Load(&abi.LoadRequest{Name: wanted, Source: text, Kind: abi.KindModule, Limits: abi.DefaultLimits, Lazy: true})
		queue = append(queue, imported.Imports...)
	}
	if result.Error == nil && len(request.Modules) > 0 {
		result = session.Load(&request)
	}
	validation.Valid, validation.Error = result.Error == nil, result.Error
	if result.Error != nil {
		validation.Imports, validation.Line = []string{}, caret.Line(source, result.Error.Line)
	}
	return validation, unseen, nil
}

// printValidation tells what came of compiling a script, by its name or file.
func printValidation(r *Remote, name string, validation wire.Validation) error {
	if r.Output == "json" {
		if err := r.printJSON(validation); err != nil {
			return err
		}
	}
	if !validation.Valid {
		if validation.Error == nil {
			return errors.New(name + " is not valid")
		}
		return &caret.Error{
			Name: name, Line: validation.Error.Line, Column: validation.Error.Column,
			Message: validation.Error.Message, SourceLine: validation.Line, Code: string(validation.Error.Code),
		}
	}
	if r.Output == "table" {
		fmt.Fprintf(r.stdout, "%s is valid.\n", name)
	}
	return nil
}
