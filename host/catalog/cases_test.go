package catalog

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// What no case can be is refused whoever says it, as an archive does, and changes nothing.
func TestSetCasesIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		script := n.script(t, n.app(t, "app"), "tried", "1")
		kept, err := n.SetCases(t.Context(), script.ID, []store.Case{{Name: "one", Status: 200}}, nil)
		require.NoError(t, err)
		for says, list := range map[string][]store.Case{
			`the event of the case "a" must be a map`:                {{Name: "a", Event: json.RawMessage(`[1]`)}},
			`the status of the case "a" must be 200 to 599, got 600`: {{Name: "a", Status: 600}},
			`"a" must have a request or an event, not both`:          {{Name: "a", Request: &store.CaseRequest{}, Event: json.RawMessage(`{}`)}},
			`got "a" twice`:                                {{Name: "a"}, {Name: "a"}},
			`must not be more than 100, got 101`:           make([]store.Case, MaxCases+1),
			`must not be larger than 65536 bytes together`: {{Name: "a", Body: json.RawMessage(`"` + strings.Repeat("x", MaxCasesBytes) + `"`)}},
			`must be 1 to 128 bytes, got 0`:                {{Name: ""}},
		} {
			_, err := n.SetCases(t.Context(), script.ID, list, nil)
			require.Equal(t, fault.Invalid, fault.Of(err), says)
			require.ErrorContains(t, err, says)
		}
		now, err := n.store.Scripts().Cases(t.Context(), script.ID)
		require.NoError(t, err)
		require.Equal(t, kept, now)
	})
}
