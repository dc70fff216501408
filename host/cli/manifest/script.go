package manifest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/cli/caret"
	"github.com/picloud/picloud/host/client"
)

// scriptStep creates a script, updates it, or leaves it.
type scriptStep struct {
	want    Script
	present wire.Script // the zero Script when it is to be created
	update  wire.ScriptUpdate
	fields  []string // that the update changes
}

// planScripts returns a step for each script that is wanted. present are those that there are, by
// name, without their sources.
func planScripts(ctx context.Context, state State, app string, want []Script, present map[string]wire.Script) ([]step, error) {
	var steps []step
	for _, script := range want {
		if script.Site != nil {
			s, err := planSite(ctx, state, app, script, present[script.Name])
			if err != nil {
				return nil, err
			}
			steps = append(steps, s)
			continue
		}
		s := &scriptStep{want: script}
		if listed, ok := present[script.Name]; ok {
			var err error
			if s.present, err = state.Script(ctx, listed.ID); err != nil {
				return nil, err
			}
			if err := s.compare(); err != nil {
				return nil, err
			}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// compare finds what to update of a script that is there.
func (s *scriptStep) compare() error {
	want, present := s.want, s.present
	const remedy = "delete it first, with its routes and log, or choose another name"
	switch plugin := present.Kind == abi.KindPlugin; {
	case plugin && want.Wasm == nil:
		return fmt.Errorf("script %s is deployed as a plugin, and a plugin has no source: %s", want.Name, remedy)
	case !plugin && want.Wasm != nil:
		return fmt.Errorf("script %s is deployed as %s, and only a plugin has a module: %s", want.Name, present.Kind, remedy)
	}
	s.update.Version = present.Version
	changed := func(field string) { s.fields = append(s.fields, field) }
	if want.Wasm == nil && present.Source != want.Source {
		s.update.Source = &want.Source
		changed("source")
	}
	if s.otherModule() {
		changed("module")
	}
	if want.Kind != nil && present.Kind != *want.Kind {
		s.update.Kind = want.Kind
		changed("kind")
	}
	if want.ReadOnly != nil && present.ReadOnly != *want.ReadOnly {
		s.update.ReadOnly = want.ReadOnly
		changed("read_only")
	}
	if want.Limits != nil && present.Limits != *want.Limits {
		s.update.Limits = want.Limits
		changed("limits")
	}
	return nil
}

// otherModule reports whether the module of a wanted plugin is not the one that is there.
func (s *scriptStep) otherModule() bool {
	if s.want.Wasm == nil {
		return false
	}
	sum := sha256.Sum256(s.want.Wasm)
	return s.present.Wasm == nil || s.present.Wasm.SHA256 != hex.EncodeToString(sum[:])
}

func (s *scriptStep) planned() Change {
	change := Change{What: "script", Name: s.want.Name, Result: Unchanged, ID: s.present.ID, Version: s.present.Version, Fields: s.fields}
	if s.present.ID == "" {
		change.Result = Created
		change.Version++
	} else if len(s.fields) > 0 {
		change.Result = Updated
		change.Version++
	}
	return change
}

// uploads says what of the script has to be uploaded; "" for nothing.
func (s *scriptStep) uploads() string {
	if !s.otherModule() {
		return ""
	}
	return "the module of the plugin " + s.want.Name
}

func (s *scriptStep) diff() (d difference) {
	for _, field := range s.fields {
		switch field {
		case "source":
			d.source(s.present.Source, s.want.Source)
		case "module":
			d.field("module of bytes", s.present.Wasm.Size, len(s.want.Wasm))
		case "kind":
			d.field(field, s.present.Kind, *s.want.Kind)
		case "read_only":
			d.field(field, s.present.ReadOnly, *s.want.ReadOnly)
		case "limits":
			d.field(field, s.present.Limits, *s.want.Limits)
		}
	}
	return d
}

func (s *scriptStep) change(ctx context.Context, a *application) (change *wire.DeployChange, err error) {
	switch s.planned().Result {
	case Created:
		create := wire.ScriptCreate{Name: s.want.Name, Kind: abi.KindEndpoint, Source: s.want.Source, Limits: s.want.Limits}
		if s.want.Kind != nil {
			create.Kind = *s.want.Kind
		}
		if s.want.ReadOnly != nil {
			create.ReadOnly = *s.want.ReadOnly
		}
		change = request("create-script", "", create)
	case Updated:
		change = request("update-script", s.present.ID, s.update)
	default:
		return nil, nil
	}
	if s.otherModule() {
		change.Module, err = a.uploadModule(ctx, path.Base(s.want.Name), s.want.Wasm)
	}
	return change, err
}

// explain turns the refusal of a script into one that shows the place in the file.
func (s *scriptStep) explain(err error) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Script != nil {
		return &caret.Error{
			Name: s.want.File, Line: refused.Script.Line, Column: refused.Script.Column,
			Message: refused.Script.Message, SourceLine: caret.Line(s.want.Source, refused.Script.Line), Code: refused.Code,
		}
	}
	return fmt.Errorf("script %s: %w", s.want.Name, err)
}

// scriptDeletion deletes a script with its routes and log.
type scriptDeletion struct{ present wire.Script }

// planPrune returns a step for each script that is not wanted, modules last: others may import
// them.
func planPrune(want []Script, present map[string]wire.Script) []step {
	var unwanted []wire.Script
	for name, script := range present {
		if !slices.ContainsFunc(want, func(w Script) bool { return w.Name == name }) {
			unwanted = append(unwanted, script)
		}
	}
	slices.SortFunc(unwanted, func(a, b wire.Script) int {
		return cmp.Or(rank(b.Kind)-rank(a.Kind), cmp.Compare(a.Name, b.Name))
	})
	steps := make([]step, len(unwanted))
	for i, script := range unwanted {
		steps[i] = &scriptDeletion{script}
	}
	return steps
}

func (s *scriptDeletion) planned() Change {
	return Change{What: "script", Name: s.present.Name, Result: Deleted, ID: s.present.ID}
}

func (s *scriptDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-script", s.present.ID, nil), nil
}

func (s *scriptDeletion) explain(err error) error {
	return fmt.Errorf("delete script %s: %w", s.present.Name, err)
}
