package catalog

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of what a script is tried with.
const (
	MaxCases         = 100
	MaxCaseNameBytes = 128
	MaxCasesBytes    = 64 << 10 // of all of a script's as JSON
)

// SetCases replaces what a script is tried with. Nothing is run: a case need not succeed. At another version than the
// one expected, unless that is nil, it is [fault.Stale].
func (c *Catalog) SetCases(ctx context.Context, scriptID string, list []store.Case, expect *int64) (store.Cases, error) {
	if err := checkCases(list); err != nil {
		return store.Cases{}, err
	}
	return c.store.Scripts().SetCases(ctx, scriptID, list, expect)
}

func checkCases(list []store.Case) error {
	if len(list) > MaxCases {
		return fault.Refuse("cases", "must not be more than %d, got %d", MaxCases, len(list))
	}
	names := map[string]bool{}
	for _, of := range list {
		if err := store.CheckName("cases.name", of.Name, MaxCaseNameBytes); err != nil {
			return err
		}
		switch {
		case names[of.Name]:
			return fault.Refuse("cases", "each must have a name of its own, got %q twice", of.Name)
		case of.Request != nil && of.Event != nil:
			return fault.Refuse("cases", "the case %q must have a request or an event, not both", of.Name)
		case of.Event != nil && !bytes.HasPrefix(bytes.TrimSpace(of.Event), []byte("{")):
			return fault.Refuse("cases", "the event of the case %q must be a map", of.Name)
		case of.Status != 0 && (of.Status < 200 || of.Status > 599):
			return fault.Refuse("cases", "the status of the case %q must be 200 to 599, got %d", of.Name, of.Status)
		}
		names[of.Name] = true
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fault.Refuse("cases", "must be JSON")
	}
	if len(text) > MaxCasesBytes {
		return fault.Refuse("cases", "must not be larger than %d bytes together, got %d", MaxCasesBytes, len(text))
	}
	return nil
}
