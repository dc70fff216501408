package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

func TestCases(t *testing.T) {
	s := newSite(t)
	app, other := s.App("shop"), s.App("other")
	script := s.Script("shop", "greet", `#{ hello: ctx.request?.query?.name }`)
	path := "scripts/" + script.ID + "/cases"
	assert.Equal(t, wire.ScriptCases{Items: []wire.ScriptCase{}}, do[wire.ScriptCases](s, "GET", path, nil, 200))

	list := []wire.ScriptCase{
		{Name: "Ada", Request: &wire.Request{Method: "POST", Path: "/a", QueryAll: map[string][]string{"name": {"Ada"}}}, Status: 200, Body: json.RawMessage(`{"hello":"Ada"}`)},
		{Name: "an event", Event: json.RawMessage(`{"source":"cron"}`), Body: json.RawMessage(`null`)},
		{Name: "neither"},
	}
	set := do[wire.ScriptCases](s, "PUT", path, wire.ScriptCasesSet{Items: list, Version: new(int64(0))}, 200)
	assert.Equal(t, wire.ScriptCases{Version: 1, Items: list}, set)
	assert.Equal(t, set, do[wire.ScriptCases](s, "GET", path, nil, 200))
	entry := s.record("?action=set-script-cases")[0]
	assert.Equal(t, []string{"script", script.ID, app.ID, "done"}, []string{entry.Kind, entry.Object, entry.AppID, entry.Outcome})
	assert.Contains(t, string(entry.After), `"cases":["Ada","an event","neither"]`)
	assert.NotContains(t, string(entry.After), "cron", "what a request has may be secret")
	assert.Equal(t, script.Version, do[wire.Script](s, "GET", "scripts/"+script.ID, nil, 200).Version)

	s.Refused(s.Admin(s.Token, "PUT", path, `{"items":[],"version":0}`), 409, "body.version", "is at version 1, not at version 0")
	for body, says := range map[string]string{
		`{"items":[{"name":"a"},{"name":"a"}]}`:                                        "twice",
		`{"items":[{"name":"a","request":{},"event":{}}]}`:                             "must have a request or an event, not both",
		fmt.Sprintf(`{"items":[{"name":"a","body":%q}]}`, strings.Repeat("x", 64<<10)): "must not be larger than 65536 bytes together, got 65",
	} {
		s.Refused(s.Admin(s.Token, "PUT", path, body), 422, "body.items", says)
	}
	for body, field := range map[string]string{
		`{"items":[{"name":""}]}`:                                              "body.items[0].name",
		`{"items":[{"name":"a\n"}]}`:                                           "body.items[0].name",
		`{"items":[{"name":"a","status":42}]}`:                                 "body.items[0].status",
		`{"items":[{"name":"a","event":1}]}`:                                   "body.items[0].event",
		`{"items":[{"name":"a","expect":1}]}`:                                  "body.items[0].expect",
		`{"items":[{"name":"a","request":{"path":"a"}}]}`:                      "body.items[0].request.path",
		`{"items":[` + strings.Repeat(`{"name":"a"},`, 100) + `{"name":"a"}]}`: "body.items",
	} {
		s.Refused(s.Admin(s.Token, "PUT", path, body), 422, field, "")
	}
	assert.Equal(t, set, do[wire.ScriptCases](s, "GET", path, nil, 200), "what is refused changes nothing")

	viewer, stranger := s.Member(app.ID, store.RoleViewer), s.Member(other.ID, store.RoleEditor)
	assert.Equal(t, set, decoded[wire.ScriptCases](s, s.Admin(viewer, "GET", path, ""), 200))
	s.Refused(s.Admin(viewer, "PUT", path, `{"items":[]}`), 403, "", "script.write")
	s.Refused(s.Admin(stranger, "GET", path, ""), 404, "", "script not found")
	s.Refused(s.Admin(stranger, "PUT", path, `{"items":[]}`), 404, "", "script not found")

	emptied := do[wire.ScriptCases](s, "PUT", path, `{"items":[]}`, 200)
	assert.Equal(t, wire.ScriptCases{Version: 2, Items: []wire.ScriptCase{}}, emptied)
}
