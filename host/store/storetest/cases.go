package storetest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testCases(t *testing.T, s subject) {
	app := s.app(t, "cases")
	script, other := s.script(t, app, "one"), s.script(t, app, "other")
	of := func(t *testing.T, script store.Script) store.Cases {
		t.Helper()
		cases, err := s.Scripts().Cases(s.ctx, script.ID)
		require.NoError(t, err)
		return cases
	}
	require.Equal(t, store.Cases{}, of(t, script), "none yet")
	generation, err := s.Revisions().Generation(s.ctx)
	require.NoError(t, err)

	list := []store.Case{
		{Name: "é <&>", Request: &store.CaseRequest{Path: "/<&>", Body: json.RawMessage(`12345678901234567890.50`)}, Status: 201, Body: json.RawMessage(`null`)},
		{Name: "event", Event: json.RawMessage(`{"a":1,"a":"\u0000"}`)},
	}
	set, err := s.Scripts().SetCases(s.ctx, script.ID, list, new(int64(0)))
	require.NoError(t, err)
	require.EqualValues(t, 1, set.Version)
	require.Len(t, set.List, 2)
	require.Equal(t, list[0].Request, set.List[0].Request, "numbers keep their digits")
	require.Equal(t, "null", string(set.List[0].Body), "which is not the same as none")
	require.Nil(t, set.List[1].Body)
	require.Equal(t, list[1].Event, set.List[1].Event)
	require.Equal(t, set, of(t, script))

	_, err = s.Scripts().SetCases(s.ctx, script.ID, nil, new(int64(0)))
	require.Equal(t, fault.Stale, fault.Of(err))
	require.EqualError(t, err, "the list of cases is at version 1, not at version 0")
	require.Equal(t, set, of(t, script), "what is refused changes nothing")
	set, err = s.Scripts().SetCases(s.ctx, script.ID, nil, nil)
	require.NoError(t, err)
	require.Equal(t, store.Cases{Version: 2, List: []store.Case{}}, set)
	require.Equal(t, set, of(t, script))
	now, err := s.Revisions().Generation(s.ctx)
	require.NoError(t, err)
	require.Equal(t, generation, now, "nobody has to read the script again")
	unchanged, err := s.Scripts().Get(s.ctx, script.ID)
	require.NoError(t, err)
	require.Equal(t, script.Version, unchanged.Version)

	kept, err := s.Scripts().SetCases(s.ctx, other.ID, list[1:], nil)
	require.NoError(t, err)
	require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
	_, err = s.Scripts().SetCases(s.ctx, script.ID, list, nil)
	notFound(t, err, "script")
	_, err = s.Scripts().SetCases(s.ctx, "nothing", list, nil)
	notFound(t, err, "script")
	s.remove(t, 10, nil)
	require.Equal(t, store.Cases{}, of(t, script), "they go with the script")
	require.Equal(t, kept, of(t, other))

	_, err = s.Scripts().SetCases(s.deedOf("set-script-cases"), other.ID, nil, nil)
	require.NoError(t, err)
	entry := s.audited(t, store.AuditQuery{Action: "set-script-cases"})[0]
	require.Equal(t, []string{"script", other.ID, app.ID}, []string{entry.Kind, entry.Object, entry.AppID})
	require.Equal(t, []string{`"cases 1"`, `"cases 0"`}, []string{string(entry.Before), string(entry.After)})
}
