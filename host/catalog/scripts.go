package catalog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// MaxSourceBytes is the size of the largest script; a static site's is [sites.MaxSourceBytes].
const MaxSourceBytes = 1 << 20

const maxScriptNameBytes = 128

// scriptName is what the name of a script looks like.
var scriptName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*([/][A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)

// InvalidScript tells more of a script or plugin that does not compile: it is the cause of a
// [fault.ScriptInvalid], whose field is "source", or "wasm" for a plugin.
type InvalidScript struct {
	*abi.ScriptError
	SourceLine string // where the error is, cut to a reasonable length; "" when unknown
}

// CreateScript makes a script or a plugin, which must compile.
func (c *Catalog) CreateScript(ctx context.Context, script store.Script) (store.Script, error) {
	if len(script.Name) > maxScriptNameBytes || !scriptName.MatchString(script.Name) {
		return store.Script{}, fault.Refuse("name", "must be a letter or underscore, then letters, digits and _ . - with / between parts, up to %d bytes, got %.140q", maxScriptNameBytes, script.Name)
	}
	imports, err := c.Compile(ctx, script)
	if err != nil {
		return store.Script{}, err
	}
	err = c.change(ctx, func(tx store.Store) error {
		if script, err = tx.Scripts().Create(ctx, script); err != nil {
			return err
		}
		if err := c.checkFiles(ctx, tx, store.Script{}, script); err != nil {
			return err
		}
		return setImports(ctx, tx, script, imports)
	})
	return script, err
}

// UpdateScript changes a script as it was read by the caller; it must compile as it will be. A script
// that is at another version than change expects, or than the one read, is [fault.Stale].
func (c *Catalog) UpdateScript(ctx context.Context, script store.Script, change store.ScriptChange) (store.Script, error) {
	if v := change.ExpectVersion; v != 0 && v != script.Version {
		return store.Script{}, store.Stale("script", v, script.Version)
	}
	change.ExpectVersion = script.Version // which is what is compiled
	candidate, err := Changed(script, change)
	if err != nil {
		return store.Script{}, err
	}
	if candidate.Kind != script.Kind {
		if err := mayBeOfKind(ctx, c.store, script, candidate.Kind); err != nil { // before it is compiled as that
			return store.Script{}, err
		}
	}
	imports, err := c.Compile(ctx, candidate)
	if err != nil {
		return store.Script{}, err
	}
	var before store.Script
	err = c.change(ctx, func(tx store.Store) error {
		if candidate.Kind != script.Kind {
			if err := notImported(ctx, tx, script, "kind"); err != nil {
				return err
			}
			if err := mayBeOfKind(ctx, tx, script, candidate.Kind); err != nil {
				return err
			}
		}
		if candidate.Name != script.Name {
			if err := notImported(ctx, tx, script, "name"); err != nil {
				return err
			}
		}
		updated, err := tx.Scripts().Update(ctx, script.ID, change)
		if err != nil {
			return err
		}
		if err := c.checkFiles(ctx, tx, script, updated); err != nil {
			return err
		}
		before, script = script, updated
		return setImports(ctx, tx, script, imports)
	})
	if err == nil {
		c.freeFiles(ctx, before, script)
	}
	return script, err
}

// mayBeOfKind refuses to make a module of what requests or events are bound to.
func mayBeOfKind(ctx context.Context, tx store.Store, script store.Script, kind abi.Kind) error {
	if kind != abi.KindModule {
		return nil
	}
	routes, err := tx.Routes().ByScript(ctx, script.ID)
	if err != nil {
		return err
	}
	if len(routes) > 0 {
		return &fault.Error{
			Code: fault.Conflict, Text: "a script with routes cannot become a module",
			Field: "kind", Reason: "the script has routes", Value: string(kind), Other: routes[0].ID,
		}
	}
	triggers, err := tx.Triggers().ByApp(ctx, script.AppID)
	if err != nil {
		return err
	}
	triggers = slices.DeleteFunc(triggers, func(t store.Trigger) bool { return t.ScriptID != script.ID })
	if len(triggers) == 0 {
		return nil
	}
	var names []string
	for _, t := range triggers[:min(len(triggers), 10)] {
		names = append(names, strconv.Quote(t.Name))
	}
	if more := len(triggers) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return &fault.Error{
		Code: fault.Conflict, Text: "a script with triggers cannot become a module: " + strings.Join(names, ", "),
		Field: "kind", Reason: "the script has triggers: " + strings.Join(names, ", "), Value: string(kind), Other: triggers[0].ID,
	}
}

// DeleteScript removes a script with its routes and records, and a static site with its files, unless it
// is a module that is imported.
func (c *Catalog) DeleteScript(ctx context.Context, script store.Script) error {
	err := c.change(ctx, func(tx store.Store) error {
		if err := notImported(ctx, tx, script, "id"); err != nil {
			return err
		}
		return tx.Scripts().Delete(ctx, script.ID)
	})
	if err == nil {
		c.freeFiles(ctx, script, store.Script{})
		c.removeSoon()
	}
	return err
}

// Changed is a script as a change makes it. A change that would make a plugin of a script, or a
// script of a plugin, is a [fault.Conflict].
func Changed(script store.Script, change store.ScriptChange) (store.Script, error) {
	isPlugin := script.Kind == abi.KindPlugin
	switch {
	case change.Wasm != nil && !isPlugin:
		return script, &fault.Error{
			Code: fault.Conflict, Text: fmt.Sprintf("only a plugin has a module, %q is of kind %s", script.Name, script.Kind),
			Field: "wasm",
		}
	case change.Kind != nil && (*change.Kind == abi.KindPlugin) != isPlugin:
		return script, &fault.Error{
			Code: fault.Conflict, Text: fmt.Sprintf("%q is of kind %s: a plugin stays one, and nothing becomes one", script.Name, script.Kind),
			Field: "kind", Value: string(*change.Kind),
		}
	case change.Source != nil && isPlugin:
		return script, fault.Refuse("source", "a plugin has no source: send another module")
	}
	set(&script.Name, change.Name)
	set(&script.Kind, change.Kind)
	set(&script.Source, change.Source)
	set(&script.Limits, change.Limits)
	set(&script.ReadOnly, change.ReadOnly)
	if change.Wasm != nil {
		script.Wasm = change.Wasm
	}
	return script, nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Compile checks a script that need not be stored, its size and limits, and that it compiles, and
// returns the names it imports, in order of appearance. What does not
// compile is [fault.ScriptInvalid], caused by an [*InvalidScript].
func (c *Catalog) Compile(ctx context.Context, script store.Script) (imports []string, err error) {
	most := MaxSourceBytes
	if script.Kind == abi.KindStatic {
		most = sites.MaxSourceBytes
	}
	if n := len(script.Source); n > most {
		return nil, fault.Refuse("source", "must not be larger than %d bytes, got %d", most, n)
	}
	if i := strings.IndexByte(script.Source, 0); i >= 0 {
		return nil, fault.Refuse("source", "must not contain NUL (byte %d)", i)
	}
	if script.Kind == abi.KindStatic {
		_, err := sites.Parse(script.Source)
		return nil, err
	}
	imports, err = c.executions.Validate(ctx, c.store, script)
	var cause *abi.ScriptError
	if !errors.As(err, &cause) {
		return imports, err
	}
	switch cause.Code {
	case abi.CodeScriptInvalid, abi.CodeLimitExceeded, abi.CodeTimeout:
		field := "source"
		if script.Kind == abi.KindPlugin {
			field = "wasm"
		}
		return nil, &fault.Error{
			Code: fault.ScriptInvalid, Text: cause.Message, Field: field,
			Cause: &InvalidScript{cause, lineOf(script.Source, cause.Line)},
		}
	case abi.CodeOverloaded:
		return nil, fault.New(fault.Overloaded, "too many executions at once, try again")
	}
	return nil, err
}

// lineOf is a line of a source, counted from 1, cut to a reasonable length; "" when there is none.
func lineOf(source string, number int) string {
	for line := range strings.SplitSeq(source, "\n") {
		if number--; number == 0 {
			line = strings.TrimSuffix(line, "\r")
			if len(line) > 1000 {
				line = strings.ToValidUTF8(line[:1000], "")
			}
			return line
		}
	}
	return ""
}
