package api_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// onEach runs a test on a site on every kind of database.
func onEach(t *testing.T, test func(t *testing.T, s *site)) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
		test(t, &site{apitest.NewOn(t, log, open)})
	})
}

func (s *site) versions(script wire.Script) []wire.ScriptVersion {
	s.T.Helper()
	return do[wire.Page[wire.ScriptVersion]](s, "GET", "scripts/"+script.ID+"/versions", nil, 200).Items
}

func TestVersions(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.App("app")
		script := s.Script("app", "greet", `"é"`)
		path := "scripts/" + script.ID
		key := do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "ci", Scopes: []string{"script:write"}}, 201)
		changed := decoded[wire.Script](s, s.Admin(key.Key, "PUT", path, `{"source":"2","limits":{"timeout_ms":500},"read_only":true}`), 200)
		restored := do[wire.Script](s, "POST", path+"/versions/1:restore", nil, 200)
		want := script
		want.Version, want.UpdatedAt = 3, restored.UpdatedAt
		assert.Equal(t, want, restored)
		assert.Equal(t, want, do[wire.Script](s, "GET", path, nil, 200))

		one := wire.ScriptVersion{Version: 1, Name: "greet", Kind: abi.KindEndpoint, Size: 4, CreatedAt: script.UpdatedAt, CreatedBy: "owner"}
		two := wire.ScriptVersion{
			Version: 2, Name: "greet", Kind: abi.KindEndpoint, Size: 1, Limits: abi.Limits{TimeoutMS: 500}, ReadOnly: true,
			CreatedAt: changed.UpdatedAt, CreatedBy: "owner", APIKey: key.ID,
		}
		three := wire.ScriptVersion{Version: 3, Name: "greet", Kind: abi.KindEndpoint, Size: 4, CreatedAt: restored.UpdatedAt, CreatedBy: "owner", RestoredFrom: 1}
		assert.Equal(t, []wire.ScriptVersion{three, two, one}, s.versions(script))
		first := do[wire.Page[wire.ScriptVersion]](s, "GET", path+"/versions?limit=2", nil, 200)
		assert.Equal(t, []wire.ScriptVersion{three, two}, first.Items)
		last := do[wire.Page[wire.ScriptVersion]](s, "GET", path+"/versions?limit=2&cursor="+first.Cursor, nil, 200)
		assert.Equal(t, wire.Page[wire.ScriptVersion]{Items: []wire.ScriptVersion{one}}, last)
		one.Source, two.Source = `"é"`, "2"
		assert.Equal(t, one, do[wire.ScriptVersion](s, "GET", path+"/versions/1", nil, 200))
		assert.Equal(t, two, do[wire.ScriptVersion](s, "GET", path+"/versions/2", nil, 200))

		entry := s.record("?action=restore-script-version")[0]
		assert.Equal(t, []string{"script", script.ID, script.AppID, "done"}, []string{entry.Kind, entry.Object, entry.AppID, entry.Outcome})
		assert.Contains(t, string(entry.After), `"version":3`)
		assert.NotContains(t, string(entry.After), `é`, "no source")

		for range store.KeptVersions - 2 {
			do[wire.Script](s, "PUT", path, `{}`, 200)
		}
		assert.Len(t, s.versions(script), store.KeptVersions)
		s.Refused(s.Admin(s.Token, "GET", path+"/versions/1", ""), 404, "", "version not found")
		do[any](s, "DELETE", path, nil, 204)
		s.Refused(s.Admin(s.Token, "GET", path+"/versions", ""), 404, "", "script not found")
	})
}

func TestVersionsRefuse(t *testing.T) {
	s := newSite(t)
	app, other := s.App("app"), s.App("other")
	lib := s.module("app", "lib", `fn f() { 1 }`)
	script := s.Script("app", "old", "let a = 1;\n  import \"lib\" as l; l::f()")
	path := "scripts/" + script.ID
	do[wire.Script](s, "PUT", path, `{"name":"new","source":"2"}`, 200)
	for _, n := range []string{"0", "-1", "x", "1.5", "9223372036854775808"} {
		for _, ask := range [][2]string{{"GET", ""}, {"GET", "/wasm"}, {"POST", ":restore"}} {
			s.Refused(s.Admin(s.Token, ask[0], path+"/versions/"+n+ask[1], ""), 422, "path.n", "must be")
		}
	}
	for _, ask := range [][2]string{{"GET", ""}, {"GET", "/wasm"}, {"POST", ":restore"}} {
		s.Refused(s.Admin(s.Token, ask[0], path+"/versions/99"+ask[1], ""), 404, "", "version not found")
	}
	s.Refused(s.Admin(s.Token, "GET", path+"/versions/1/wasm", ""), 404, "", `has no module, being of kind endpoint`)

	restore := func(body string, headers ...string) answer {
		headers = append(headers, "Authorization: Bearer "+s.Token, "Content-Type: application/json")
		return s.Fetch("POST", "/api/v1/admin/"+path+"/versions/1:restore", body, headers...)
	}
	s.Refused(restore(`{"version":1}`), 409, "body.version", "is at version 2, not at version 1")
	s.Refused(restore(``, `If-Match: "1"`), 412, "header.If-Match", "version 2")
	s.Refused(restore(`{"version":2}`, `If-Match: "2"`), 422, "body.version", "must not stand beside If-Match")
	s.Refused(restore(`{"speed":1}`), 422, "body.speed", "no such field")
	taken := s.Script("app", "old", "1")
	assert.Equal(t, taken.ID, s.Refused(restore(``), 409, "path.n.name", "already in use").Other)
	do[any](s, "DELETE", "scripts/"+lib.ID, nil, 204)
	p := s.Refused(restore(``), 422, "path.n.source", "Module not found: lib")
	assert.Equal(t, "script_invalid", p.Code)
	if assert.NotNil(t, p.Script) {
		assert.Equal(t, []int{2, 10}, []int{p.Script.Line, p.Script.Column})
		assert.Equal(t, `  import "lib" as l; l::f()`, p.Script.SourceLine)
	}

	viewer := s.Member(app.ID, store.RoleViewer)
	assert.Len(t, decoded[wire.Page[wire.ScriptVersion]](s, s.Admin(viewer, "GET", path+"/versions", ""), 200).Items, 2)
	assert.Equal(t, script.Source, decoded[wire.ScriptVersion](s, s.Admin(viewer, "GET", path+"/versions/1", ""), 200).Source)
	s.Refused(s.Admin(viewer, "POST", path+"/versions/1:restore", ""), 403, "", "script.write")
	refused := s.record("?action=restore-script-version")[0]
	assert.Equal(t, []string{"refused", "script", script.ID, app.ID}, []string{refused.Outcome, refused.Kind, refused.Object, refused.AppID})
	stranger := s.Member(other.ID, store.RoleEditor)
	for _, ask := range [][2]string{{"GET", ""}, {"GET", "/1"}, {"GET", "/1/wasm"}, {"POST", "/1:restore"}} {
		s.Refused(s.Admin(stranger, ask[0], path+"/versions"+ask[1], ""), 404, "", "script not found")
	}

	now := do[wire.Script](s, "GET", path, nil, 200)
	assert.Equal(t, []any{"new", "2", int64(2)}, []any{now.Name, now.Source, now.Version}, "what was refused has changed nothing")
	assert.Len(t, s.versions(script), 2)
}

// Limits that the operator's ceiling no longer has room for cannot be restored, and are named.
func TestRestoreAboveTheCeiling(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", "1")
	_, err := s.DB.Scripts().Update(t.Context(), script.ID, store.ScriptChange{Limits: &abi.Limits{TimeoutMS: 300_001}}) // under another ceiling
	require.NoError(t, err)
	do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"limits":{}}`, 200)
	s.Refused(s.Admin(s.Token, "POST", "scripts/"+script.ID+"/versions/2:restore", ""), 422, "path.n.limits.timeout_ms", "300000")
	assert.EqualValues(t, 3, do[wire.Script](s, "GET", "scripts/"+script.ID, nil, 200).Version)
}

func TestVersionsOfPlugins(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.App("app")
		one, two := pluginModule("one"), pluginModule("two, longer")
		plugin := s.plugin("app", "plugin", one)
		path := "scripts/" + plugin.ID
		changed := decoded[wire.Script](s, s.sendModule(s.Token, "PUT", path, two), 200)
		restored := do[wire.Script](s, "POST", path+"/versions/1:restore", `{"version":2}`, 200)
		assert.Equal(t, plugin.Wasm, restored.Wasm)
		assert.Equal(t, one, string(s.download(path+"/wasm").Content))
		for n, want := range map[int]string{1: one, 2: two, 3: one} {
			got := s.download(fmt.Sprintf("%s/versions/%d/wasm", path, n))
			assert.Equal(t, want, string(got.Content))
		}
		etag := fmt.Sprintf("%q", changed.Wasm.SHA256)
		got := s.Fetch("GET", "/api/v1/admin/"+path+"/versions/2/wasm", "", "Authorization: Bearer "+s.Token, "If-None-Match: "+etag)
		assert.Equal(t, []string{"304", etag}, []string{fmt.Sprint(got.StatusCode), got.Header.Get("ETag")})
		var told []string
		for _, v := range s.versions(plugin) {
			told = append(told, fmt.Sprintf("%d %s %d %q", v.Version, v.SHA256, v.Size, v.Source))
		}
		assert.Equal(t, []string{
			fmt.Sprintf(`3 %s %d ""`, plugin.Wasm.SHA256, len(one)), fmt.Sprintf(`2 %s %d ""`, changed.Wasm.SHA256, len(two)), fmt.Sprintf(`1 %s %d ""`, plugin.Wasm.SHA256, len(one)),
		}, told)
	})
}

// Every execution tells which version ran, however it was started.
func TestVersionThatRan(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.App("app")
		script := s.Script("app", "s", `print("one")`)
		path := "scripts/" + script.ID
		first := do[wire.RunResult](s, "POST", path+"/run", `{}`, 200)
		assert.EqualValues(t, 1, first.ScriptVersion)
		do[wire.Script](s, "PUT", path, `{"source":"print(\"two\")"}`, 200)

		second := do[wire.RunResult](s, "POST", path+"/run", `{}`, 200)
		assert.EqualValues(t, 2, second.ScriptVersion)
		assert.EqualValues(t, 2, second.Logs[0].ScriptVersion)
		s.Route(script, "GET", "/s")
		assert.Equal(t, 204, s.Fetch("GET", "/s", "").StatusCode)
		assert.Equal(t, 204, s.Fetch("POST", "/api/v1/execute/"+script.ID, "", "Authorization: Bearer "+s.Token).StatusCode)
		caller := s.Script("app", "caller", `invoke("s", #{})`)
		do[wire.RunResult](s, "POST", "scripts/"+caller.ID+"/run", `{}`, 200)
		do[wire.Trigger](s, "POST", "apps/app/triggers/queue", `{"script":"s","topic":"t"}`, 201)
		do[wire.EventMade](s, "POST", "apps/app/queues/t/messages", `{"message":1}`, 202)

		var executions []wire.Execution
		require.Eventually(t, func() bool {
			executions = do[wire.Page[wire.Execution]](s, "GET", path+"/executions", nil, 200).Items
			return len(executions) == 6
		}, time.Minute, 10*time.Millisecond)
		ran := map[int64][]string{}
		for _, e := range executions {
			ran[e.ScriptVersion] = append(ran[e.ScriptVersion], string(e.InvocationType))
			shown := do[wire.Execution](s, "GET", "executions/"+e.ID, nil, 200)
			assert.Equal(t, e.ScriptVersion, shown.ScriptVersion)
			require.Len(t, shown.Logs, 1)
			assert.Equal(t, e.ScriptVersion, shown.Logs[0].ScriptVersion)
			source := do[wire.ScriptVersion](s, "GET", fmt.Sprintf("%s/versions/%d", path, e.ScriptVersion), nil, 200).Source
			assert.Contains(t, source, shown.Logs[0].Message)
		}
		slices.Sort(ran[2])
		assert.Equal(t, map[int64][]string{1: {"execute"}, 2: {"execute", "execute", "http", "invoke", "trigger"}}, ran)
		for _, order := range []string{"newest", "oldest"} {
			var lines []string
			for _, line := range do[wire.Page[wire.LogLine]](s, "GET", path+"/logs?order="+order, nil, 200).Items {
				lines = append(lines, fmt.Sprint(line.ScriptVersion, line.Message))
			}
			slices.Sort(lines)
			assert.Equal(t, "1one "+strings.Repeat("2two ", 5), strings.Join(lines, " ")+" ", order)
		}
	})
}
