package docs

import (
	"encoding/json"
	"errors"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Filter is a filter ready to be asked about documents that are not in the store. It is safe for
// concurrent use.
type Filter struct{ conditions all }

// CompileFilter reads a filter that is JSON; none, or null, matches every document. The error is
// [fault.Invalid] of a field that begins with filter.
func CompileFilter(filter json.RawMessage) (*Filter, error) {
	if len(filter) == 0 {
		return &Filter{}, nil
	}
	value, err := abi.AppendFromJSON(nil, filter)
	var malformed *abi.JSONError
	if errors.As(err, &malformed) {
		return nil, fault.Refuse("filter", "is no JSON at byte %d: %s", malformed.Offset, malformed.Reason)
	}
	if err != nil {
		return nil, err
	}
	conditions, err := parseFilter(value)
	return &Filter{conditions}, err
}

// Match reports whether a document, of which only the data must be there, matches.
func (f *Filter) Match(doc store.Document) bool { return f.conditions.match(&doc) }
