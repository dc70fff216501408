package api_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
)

// pluginModule is a module whose handle answers nothing. A custom section makes it one of its own,
// as large as the note.
func pluginModule(note string) string {
	return "\x00asm\x01\x00\x00\x00" +
		"\x01\x05\x01\x60\x00\x01\x7f" + // type 0: () -> i32
		"\x03\x02\x01\x00" + // function 0 is of type 0
		"\x07\x0a\x01\x06handle\x00\x00" + // it is exported
		"\x0a\x06\x01\x04\x00\x41\x00\x0b" + // i32.const 0
		"\x00" + string(binary.AppendUvarint(nil, uint64(len(note)+5))) + "\x04note" + note
}

// sendModule sends a module alone.
func (s *site) sendModule(token, method, path, module string) answer {
	s.T.Helper()
	return s.Send(s.uploadRequest(token, method, path, "application/wasm", strings.NewReader(module)))
}

// formPart is a field of a form, or its file.
type formPart struct{ name, value string }

func form(t testing.TB, parts ...formPart) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var part io.Writer
		var err error
		if p.name == "file" {
			part, err = w.CreateFormFile("file", "plugin.wasm")
		} else {
			part, err = w.CreateFormField(p.name)
		}
		require.NoError(t, err)
		_, err = io.WriteString(part, p.value)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func (s *site) sendForm(method, path string, parts ...formPart) answer {
	s.T.Helper()
	body, contentType := form(s.T, parts...)
	return s.Send(s.uploadRequest(s.Token, method, path, contentType, strings.NewReader(body)))
}

// decoded expects a status and decodes the answer.
func decoded[T any](s *site, got answer, status int) (out T) {
	s.T.Helper()
	require.Equal(s.T, status, got.StatusCode, "%s", got.Content)
	require.NoError(s.T, json.Unmarshal(got.Content, &out), "%s", got.Content)
	return out
}

func (s *site) plugin(app, name, module string) wire.Script {
	s.T.Helper()
	return decoded[wire.Script](s, s.sendModule(s.Token, "POST", "apps/"+app+"/scripts?name="+name, module), 201)
}

func TestPlugins(t *testing.T) {
	s := newSite(t)
	app := s.App("app")
	first, second := pluginModule("first"), pluginModule("second")

	plugin := s.plugin("app", "lib/echo", first)
	assert.Equal(t, wire.Script{
		ID: plugin.ID, AppID: app.ID, Name: "lib/echo", Kind: abi.KindPlugin, Version: 1, Size: int64(len(first)),
		Wasm:      &wire.WasmModule{SHA256: digest(first), Size: int64(len(first))},
		CreatedAt: plugin.CreatedAt, UpdatedAt: plugin.UpdatedAt,
	}, plugin)
	path := "scripts/" + plugin.ID
	assert.Equal(t, plugin, do[wire.Script](s, "GET", path, nil, 200))
	assert.Equal(t, []wire.Script{plugin}, do[wire.Page[wire.Script]](s, "GET", "apps/app/scripts", nil, 200).Items)
	assert.True(t, do[wire.Validation](s, "POST", path+"/validate", nil, 200).Valid)

	s.Route(plugin, "GET", "/echo")
	assert.Equal(t, 204, s.Fetch("GET", "/echo", "").StatusCode)
	assert.Equal(t, 204, do[wire.RunResult](s, "POST", path+"/run", `{}`, 200).Status)

	replaced := decoded[wire.Script](s, s.sendModule(s.Token, "PUT", path+"?version=1", second), 200)
	assert.EqualValues(t, 2, replaced.Version)
	assert.Equal(t, &wire.WasmModule{SHA256: digest(second), Size: int64(len(second))}, replaced.Wasm)
	assert.Equal(t, second, string(s.download(path+"/wasm").Content))
	p := s.Refused(s.sendModule(s.Token, "PUT", path+"?version=1", first), 409, "body.version", "is at version 2, not at version 1")
	assert.Equal(t, "conflict", p.Code)

	renamed := do[wire.Script](s, "PUT", path, `{"name":"echo","kind":"plugin","limits":{"timeout_ms":7000},"read_only":true,"version":2}`, 200)
	assert.Equal(t, []any{"echo", int64(7000), true, replaced.Wasm}, []any{renamed.Name, renamed.Limits.TimeoutMS, renamed.ReadOnly, renamed.Wasm})

	// The same bytes again are another version all the same, and another plugin's.
	assert.EqualValues(t, 4, decoded[wire.Script](s, s.sendModule(s.Token, "PUT", path, second), 200).Version)
	other := s.plugin("app", "other", second)
	do[any](s, "DELETE", path, nil, 204)
	s.Refused(s.download(path+"/wasm"), 404, "", "script not found")
	assert.Equal(t, second, string(s.download("scripts/"+other.ID+"/wasm").Content))
	do[any](s, "DELETE", "apps/app", nil, 204)
}

func TestPluginsInForms(t *testing.T) {
	s := newSite(t)
	s.App("app")
	first, second := pluginModule("first"), pluginModule("second")
	plugin := decoded[wire.Script](s, s.sendForm("POST", "apps/app/scripts",
		formPart{"name", "echo"}, formPart{"file", first}, formPart{"limits", `{"timeout_ms":2000}`}, formPart{"read_only", "true"}), 201)
	assert.Equal(t, []any{"echo", abi.KindPlugin, abi.Limits{TimeoutMS: 2000}, true, digest(first)},
		[]any{plugin.Name, plugin.Kind, plugin.Limits, plugin.ReadOnly, plugin.Wasm.SHA256})
	path := "scripts/" + plugin.ID
	changed := decoded[wire.Script](s, s.sendForm("PUT", path, formPart{"file", second}, formPart{"version", "1"}, formPart{"limits", `{}`}), 200)
	assert.Equal(t, []any{"echo", abi.Limits{}, true, digest(second)}, []any{changed.Name, changed.Limits, changed.ReadOnly, changed.Wasm.SHA256})
	s.Refused(s.sendForm("PUT", path, formPart{"file", first}, formPart{"version", "1"}), 409, "body.version", "is at version 2")
	decoded[wire.Script](s, s.sendForm("POST", "apps/app/scripts", formPart{"name", "of-kind"}, formPart{"kind", "plugin"}, formPart{"file", first}), 201)
}

func TestWasmDownload(t *testing.T) {
	s := newSite(t)
	s.App("app")
	module := pluginModule(strings.Repeat("\x00\xff", 100_000))
	plugin := s.plugin("app", "lib/echo.v2", module)
	path := "scripts/" + plugin.ID + "/wasm"
	got := s.download(path)
	assert.Equal(t, 200, got.StatusCode)
	assert.Equal(t, module, string(got.Content))
	for name, want := range map[string]string{
		"Content-Type": "application/wasm", "Etag": `"` + digest(module) + `"`, "Content-Length": fmt.Sprint(len(module)),
		"Content-Disposition": "attachment; filename=echo.v2.wasm", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache",
	} {
		assert.Equal(t, want, got.Header.Get(name), name)
	}
	for header, status := range map[string]int{
		`"` + digest(module) + `"`: 304, `W/"` + digest(module) + `"`: 304, `"x", "` + digest(module) + `"`: 304, "*": 304, `"x"`: 200,
	} {
		got := s.download(path, "If-None-Match: "+header)
		assert.Equal(t, status, got.StatusCode, header)
		assert.Equal(t, status == 304, len(got.Content) == 0, header)
	}
	script := s.Script("app", "script", "1")
	s.Refused(s.download("scripts/"+script.ID+"/wasm"), 404, "", `\"script\" has no module, being of kind endpoint`)
	s.Refused(s.download("scripts/01a20970-f805-7922-8ded-6d329840dbfc/wasm"), 404, "", "script not found")
}

func TestPluginsRefuse(t *testing.T) {
	s := newSite(t)
	s.App("app")
	good := pluginModule("good")
	plugin, script := s.plugin("app", "plugin", good), s.Script("app", "script", "1")
	ofPlugin, ofScript := "scripts/"+plugin.ID, "scripts/"+script.ID
	const create = "apps/app/scripts"
	file, name := formPart{"file", good}, formPart{"name", "new"}

	t.Run("what is no plugin", func(t *testing.T) {
		for module, says := range map[string]string{
			"not wasm": "not a WebAssembly module", "\x00asm": "not a WebAssembly module", good[:20]: "truncated",
			strings.Replace(good, "handle", "handel", 1): "handle",
		} {
			for _, got := range []answer{
				s.sendModule(s.Token, "POST", create+"?name=new", module), s.sendModule(s.Token, "PUT", ofPlugin, module),
				s.sendForm("POST", create, name, formPart{"file", module}),
			} {
				p := s.Refused(got, 422, "body", says)
				assert.Equal(t, "script_invalid", p.Code)
				assert.Nil(t, p.Script)
			}
		}
	})
	t.Run("wrong fields", func(t *testing.T) {
		s.Refused(s.sendModule(s.Token, "POST", create, good), 422, "query.name", "missing")
		s.Refused(s.sendModule(s.Token, "POST", create+"?name=a%20b", good), 422, "query.name", "letters, digits")
		s.Refused(s.sendModule(s.Token, "POST", create+"?name=plugin", good), 409, "body.name", "already in use")
		s.Refused(s.sendModule(s.Token, "POST", create+"?name=new&speed=1", good), 422, "query.speed", "unknown")
		s.Refused(s.sendModule(s.Token, "POST", create+"?name=new&version=1", good), 422, "query.version", "unknown")
		s.Refused(s.sendModule(s.Token, "POST", create+"?name=new&read_only=maybe", good), 422, "query.read_only", "boolean")
		s.Refused(s.sendModule(s.Token, "PUT", ofPlugin+"?version=one", good), 422, "query.version", "integer")
		s.Refused(s.sendModule(s.Token, "PUT", ofPlugin+"?name=new", good), 422, "query.name", "unknown")
		s.Refused(s.sendForm("POST", create, file), 422, "body.name", "missing")
		s.Refused(s.sendForm("POST", create, file, formPart{"name", "a b"}), 422, "body.name", "letters, digits")
		s.Refused(s.sendForm("POST", create, file, formPart{"name", "plugin"}), 409, "body.name", "already in use")
		s.Refused(s.sendForm("POST", create, file, name, formPart{"speed", "9"}), 422, "body.speed", "no such field")
		s.Refused(s.sendForm("POST", create, file, name, formPart{"limits", "fast"}), 422, "body.limits", "must be an object")
		s.Refused(s.sendForm("POST", create, file, name, formPart{"limits", `{"timeout_ms":300001}`}), 422, "body.limits.timeout_ms", "at most 300000")
		s.Refused(s.sendForm("POST", create, file, name, formPart{"read_only", "maybe"}), 422, "body.read_only", "must be a boolean")
		s.Refused(s.sendForm("POST", create, file, name, formPart{"kind", "endpoint"}), 422, "body.kind", "plugin or absent")
		s.Refused(s.sendForm("POST", create, file, name, formPart{"source", "1"}), 422, "body.source", "no source")
		s.Refused(s.sendForm("POST", create+"?name=x", file, name), 422, "query.name", "belongs into the body")
		s.Refused(s.Admin(s.Token, "POST", create+"?name=x", `{"name":"x","source":"1"}`), 422, "query.name", "belongs into the body")
		s.Refused(s.Admin(s.Token, "PUT", ofScript+"?version=1", `{"source":"1"}`), 422, "query.version", "belongs into the body")
	})
	t.Run("JSON", func(t *testing.T) {
		for _, body := range []string{`{"name":"x","kind":"plugin"}`, `{"name":"x","kind":"plugin","source":"AGFzbQ=="}`} {
			p := s.Refused(s.Admin(s.Token, "POST", create, body), 422, "body.kind", "content-type application/wasm")
			assert.Contains(t, p.Detail, "multipart/form-data")
		}
		s.Refused(s.Admin(s.Token, "PUT", ofPlugin, `{"source":"1"}`), 422, "body.source", "a plugin has no source")
		s.Refused(s.Admin(s.Token, "PUT", ofPlugin, `{"kind":"endpoint","source":"1"}`), 409, "body.kind", "of kind plugin")
		s.Refused(s.Admin(s.Token, "PUT", ofScript, `{"kind":"plugin"}`), 409, "body.kind", "of kind endpoint")
		s.Refused(s.Admin(s.Token, "POST", ofPlugin+"/validate", `{"source":"1"}`), 422, "body.source", "a plugin has no source")
		s.Refused(s.sendModule(s.Token, "PUT", ofScript, good), 409, "body", "only a plugin has a module")
		s.Refused(s.upload("app", "importing", "endpoint", `import "plugin" as p;`), 422, "body.source", "Module not found: plugin")
	})
	t.Run("content types", func(t *testing.T) {
		for _, contentType := range []string{"application/octet-stream", "text/plain", "nonsense", "multipart/form-data", "application/x-www-form-urlencoded"} {
			for method, path := range map[string]string{"POST": create, "PUT": ofPlugin} {
				got := s.Send(s.uploadRequest(s.Token, method, path, contentType, strings.NewReader(good)))
				p := s.Refused(got, 415, "", "must be application/json for a script, application/wasm or multipart/form-data for a plugin")
				assert.Contains(t, p.Detail, "got "+contentType)
			}
		}
		r := s.uploadRequest(s.Token, "POST", create+"?name=new", "application/wasm", strings.NewReader(good))
		r.Header.Set("Content-Encoding", "gzip")
		s.Refused(s.Send(r), 415, "", "compressed")
		s.Refused(s.sendModule(s.Token, "POST", create+"?name=new", ""), 422, "body", "not a WebAssembly module")
		s.Refused(s.Admin(s.Token, "POST", create, ""), 400, "", "body is required")
	})
	t.Run("forms", func(t *testing.T) {
		s.Refused(s.sendForm("POST", create, name), 422, "body.file", "is missing")
		s.Refused(s.sendForm("PUT", ofPlugin, name), 422, "body.file", "is missing")
		s.Refused(s.sendForm("POST", create, name, file, file), 422, "body.file", "twice")
		s.Refused(s.sendForm("POST", create, name, name, file), 422, "body.name", "twice")
		s.Refused(s.sendForm("POST", create, name, file, formPart{"", "x"}), 422, "body", "without a name")
		s.Refused(s.sendForm("POST", create, formPart{"name", "\xff"}, file), 400, "", "UTF-8")
		s.Refused(s.sendForm("POST", create, name, formPart{"limits", strings.Repeat(" ", api.MaxFormField+1)}, file), 422, "body.limits", fmt.Sprint(api.MaxFormField))
		many := []formPart{file}
		for i := range api.MaxFormParts {
			many = append(many, formPart{fmt.Sprint("field", i), "x"})
		}
		s.Refused(s.sendForm("POST", create, many...), 422, "body", fmt.Sprintf("more than %d parts", api.MaxFormParts))
		whole, contentType := form(t, name, file)
		for what, body := range map[string]string{
			"no form": "garbage", "an end too early": whole[:len(whole)-10], "a head too early": whole[:30], "parts of another boundary": "--x\r\n\r\n--x--",
			"a head that is none": strings.Replace(whole, "Content-Disposition:", "Content Disposition", 1),
		} {
			got := s.Send(s.uploadRequest(s.Token, "POST", create, contentType, strings.NewReader(body)))
			s.Refused(got, 400, "", "multipart/form-data")
			assert.NotEmpty(t, got.Content, what)
		}
		got := s.Send(s.uploadRequest(s.Token, "POST", create, contentType, strings.NewReader("preamble\r\n"+whole+"epilogue")))
		assert.Equal(t, 201, got.StatusCode, "what surrounds a form does not matter: %s", got.Content)
		do[any](s, "DELETE", "scripts/"+decoded[wire.Script](s, got, 201).ID, nil, 204)
	})
	t.Run("whoever may not", func(t *testing.T) {
		viewer := s.Member(plugin.AppID, "viewer")
		s.Refused(s.sendModule(viewer, "POST", create+"?name=new", good), 403, "", "script")
		s.Refused(s.sendModule(viewer, "PUT", ofPlugin, good), 403, "", "script")
		got := s.Fetch("GET", "/api/v1/admin/"+ofPlugin+"/wasm", "", "Authorization: Bearer "+viewer)
		assert.Equal(t, 200, got.StatusCode, "but read")
		s.Refused(s.sendModule("pcs_wrong", "POST", create+"?name=new", good), 401, "", "unknown")
		s.Refused(s.Fetch("GET", "/api/v1/admin/"+ofPlugin+"/wasm", ""), 401, "", "")
	})

	names := []string{}
	for _, script := range do[wire.Page[wire.Script]](s, "GET", "apps/app/scripts", nil, 200).Items {
		names = append(names, fmt.Sprint(script.Name, " ", script.Version))
	}
	assert.Equal(t, []string{"plugin 1", "script 1"}, names, "nothing was changed")
	assert.Equal(t, good, string(s.download(ofPlugin+"/wasm").Content))
}

// The limit of modules is another than that of bodies: apitest.MaxBody is larger here.
func TestModuleLimit(t *testing.T) {
	s := newSite(t)
	s.App("app")
	fill := func(size int) string {
		return pluginModule(strings.Repeat("x", size-len(pluginModule(""))-2)) // the length of the section takes two bytes more
	}
	fits, tooLarge := fill(apitest.MaxPlugin), fill(apitest.MaxPlugin+1)
	require.Len(t, fits, apitest.MaxPlugin)
	plugin := s.plugin("app", "fits", fits)
	decoded[wire.Script](s, s.sendForm("PUT", "scripts/"+plugin.ID, formPart{"file", fits}), 200)
	limit := fmt.Sprintf("must not be larger than %d bytes", apitest.MaxPlugin)
	for _, got := range []answer{
		s.sendModule(s.Token, "POST", "apps/app/scripts?name=new", tooLarge),
		s.sendModule(s.Token, "PUT", "scripts/"+plugin.ID, tooLarge),
		s.sendForm("PUT", "scripts/"+plugin.ID, formPart{"file", tooLarge}),
		s.Send(s.uploadRequest(s.Token, "PUT", "scripts/"+plugin.ID, "application/wasm", io.LimitReader(repeating{[]byte(fits)}, 100<<20))), // its size is not known
	} {
		p := s.Refused(got, 413, "body", limit)
		assert.Equal(t, "body_too_large", p.Code)
	}
	// What is around the file is bounded too.
	whole, contentType := form(t, formPart{"file", fits})
	padded := strings.Repeat("preamble\r\n", (api.MaxFormExtra+apitest.MaxPlugin)/10) + whole
	s.Refused(s.Send(s.uploadRequest(s.Token, "PUT", "scripts/"+plugin.ID, contentType, strings.NewReader(padded))), 413, "body", limit)
	assert.EqualValues(t, 2, do[wire.Script](s, "GET", "scripts/"+plugin.ID, nil, 200).Version)
}

// A module is another's as nobody's.
func TestPluginsOfOtherApps(t *testing.T) {
	s := newSite(t)
	s.App("victim")
	other := s.App("other")
	module := pluginModule("secret")
	hidden := s.plugin("victim", "hidden", module)
	const none = "01a20970-f805-7922-8ded-6d329840dbfc"
	body, contentType := form(t, formPart{"file", module})
	for _, token := range []string{
		s.Member(other.ID, "editor"),
		do[wire.APIKey](s, "POST", "me/keys", wire.APIKeyCreate{Name: "k", Scopes: []string{"script:read", "script:write"}, App: other.ID}, 201).Key,
	} {
		ask := func(method, path, contentType, body string) answer {
			return s.Send(s.uploadRequest(token, method, path, contentType, strings.NewReader(body)))
		}
		for _, c := range []struct{ method, guessed, nobodys, contentType, body string }{
			{"GET", "scripts/" + hidden.ID + "/wasm", "scripts/" + none + "/wasm", "", ""},
			{"PUT", "scripts/" + hidden.ID, "scripts/" + none, "application/wasm", module},
			{"PUT", "scripts/" + hidden.ID, "scripts/" + none, contentType, body},
			{"POST", "apps/victim/scripts?name=new", "apps/nobodys/scripts?name=new", "application/wasm", module},
		} {
			want, got := ask(c.method, c.nobodys, c.contentType, c.body), ask(c.method, c.guessed, c.contentType, c.body)
			assert.Equal(t, 404, got.StatusCode, "%s %s", c.method, c.guessed)
			assert.Equal(t, string(want.Content), string(got.Content), "%s %s", c.method, c.guessed)
		}
		// The same bytes are nothing to remark in an app of one's own.
		got := decoded[wire.Script](s, ask("POST", "apps/other/scripts?name=m"+randomName(), "application/wasm", module), 201)
		do[any](s, "DELETE", "scripts/"+got.ID, nil, 204)
	}
	assert.Equal(t, hidden, do[wire.Script](s, "GET", "scripts/"+hidden.ID, nil, 200))
	assert.Equal(t, module, string(s.download("scripts/"+hidden.ID+"/wasm").Content))
}

func TestOpenAPIOfPlugins(t *testing.T) {
	s := newSite(t)
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody struct{ Content map[string]any }
			Responses   map[string]struct{ Content map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(s.Fetch("GET", "/api/v1/openapi.json", "").Content, &document))
	for path, method := range map[string]string{"/apps/{app}/scripts": "post", "/scripts/{id}": "put"} {
		content := document.Paths[api.AdminPrefix+path][method].RequestBody.Content
		for _, media := range []string{"application/json", "application/wasm", "multipart/form-data"} {
			assert.Contains(t, content, media, path)
		}
		assert.Len(t, content, 3, path)
	}
	assert.Contains(t, document.Paths[api.AdminPrefix+"/scripts/{id}/wasm"]["get"].Responses["200"].Content, "application/wasm")
}

// A module that ends early, or is not taken, becomes neither a plugin nor the next request.
func TestModulesThatBreakOff(t *testing.T) {
	s := newSite(t)
	s.App("app")
	const smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	head := func(token, query, contentType string, length int) string {
		return fmt.Sprintf("POST /api/v1/admin/apps/app/scripts"+query+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
			token, contentType, length)
	}
	for _, c := range []struct {
		name, raw, status string
		half              bool // the client ends its side
	}{
		{"shorter than its length", head(s.Token, "?name=a", "application/wasm", 100) + "\x00asm", "400", true},
		{"a form shorter than its length", head(s.Token, "", "multipart/form-data; boundary=x", 100) + "--x\r\nContent-Disposition: form-data; name=file\r\n\r\n\x00asm", "400", true},
		{"not authenticated", head("pcs_wrong", "?name=a", "application/wasm", len(smuggled)) + smuggled, "401", false},
		{"of another type", head(s.Token, "", "text/plain", len(smuggled)) + smuggled, "415", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := c.raw
			if !c.half {
				raw += "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
			}
			rest, err := io.ReadAll(s.Raw(t, raw, c.half, c.status))
			require.NoError(t, err, "the connection must end")
			assert.NotContains(t, string(rest), `"ok"`, "of /healthz")
		})
	}
	assert.Empty(t, do[wire.Page[wire.Script]](s, "GET", "apps/app/scripts", nil, 200).Items)
}
