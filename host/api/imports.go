package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

// notImported refuses to take a module away from the scripts that import it by
// its name. location is the field that would do so. It belongs in the
// transaction of the change.
func notImported(ctx context.Context, tx store.Store, module store.Script, location string) error {
	if module.Kind != abi.KindModule {
		return nil
	}
	importers, err := tx.Scripts().Importers(ctx, module.AppID, module.Name)
	if err != nil || len(importers) == 0 {
		return err
	}
	by := "is imported by " + namesOf(importers)
	p := problem.New(http.StatusConflict, problem.CodeConflict, fmt.Sprintf("module %q %s", module.Name, by),
		wire.FieldError{Location: location, Message: "the module " + by})
	p.Other = importers[0].ID
	return p
}

// namesOf lists names, not more than a person reads.
func namesOf(scripts []store.Script) string {
	const most = 10
	var names []string
	for _, s := range scripts[:min(len(scripts), most)] {
		names = append(names, s.Name)
	}
	text := strings.Join(names, ", ")
	if more := len(scripts) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// setImports keeps what a script imports, unless a module it was compiled with has
// gone since. It belongs in the transaction that keeps the script.
func setImports(ctx context.Context, tx store.Store, script store.Script, imports []string) error {
	for _, name := range imports {
		module, err := tx.Scripts().GetByName(ctx, script.AppID, name)
		if errors.Is(err, store.ErrNotFound) || err == nil && module.Kind != abi.KindModule {
			return problem.New(http.StatusConflict, problem.CodeConflict, fmt.Sprintf("module %q was removed meanwhile, try again", name),
				wire.FieldError{Location: "body.source", Message: fmt.Sprintf("imports %q, which was removed meanwhile", name)})
		}
		if err != nil {
			return err
		}
	}
	return tx.Scripts().SetImports(ctx, script.ID, imports)
}
