package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// notImported refuses to take a module away from the scripts that import it by its name. field is
// what would do so. It belongs in the transaction of the change.
func notImported(ctx context.Context, tx store.Store, module store.Script, field string) error {
	if module.Kind != abi.KindModule {
		return nil
	}
	importers, err := tx.Scripts().Importers(ctx, module.AppID, module.Name)
	if err != nil || len(importers) == 0 {
		return err
	}
	by := "is imported by " + namesOf(importers)
	return &fault.Error{
		Code: fault.Conflict, Text: fmt.Sprintf("module %q %s", module.Name, by),
		Field: field, Reason: "the module " + by, Other: importers[0].ID,
	}
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

// setImports keeps what a script imports, unless a module it was compiled with has gone since. It
// belongs in the transaction that keeps the script.
func setImports(ctx context.Context, tx store.Store, script store.Script, imports []string) error {
	for _, name := range imports {
		module, err := tx.Scripts().GetByName(ctx, script.AppID, name)
		if fault.Of(err) == fault.NotFound || err == nil && module.Kind != abi.KindModule {
			return &fault.Error{
				Code: fault.Conflict, Text: fmt.Sprintf("module %q was removed meanwhile, try again", name),
				Field: "source", Reason: fmt.Sprintf("imports %q, which was removed meanwhile", name),
			}
		}
		if err != nil {
			return err
		}
	}
	return tx.Scripts().SetImports(ctx, script.ID, imports)
}
