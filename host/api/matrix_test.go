package api_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

const (
	matrixFile = "testdata/matrix.txt"
	// matrixWrite has the test write the file instead of comparing it: see `make matrix`.
	matrixWrite = "PICLOUD_MATRIX_WRITE"
)

// executeOperation is the one of the data plane that has callers, and is not in the document.
const executeOperation = "execute"

const matrixHead = `# Who may do what over the API: every operation of its document, tried on a real object of an app by
# everybody below. Made by "make matrix", and compared by the tests: a change here is a change of rights.
#
#   yes  it is done
#   401  nobody knows who that is
#   403  may be seen, and not be done
#   404  may not even be seen
#
`

// identities are those who try, in the order of the columns.
var identities = []struct {
	name, is string
	token    func(m *matrix) string
}{
	{name: "nobody", is: "without a credential", token: func(*matrix) string { return "" }},
	{name: "gone", is: "a user who is deactivated, owner and app_admin before", token: (*matrix).gone},
	{name: "member", is: "a user of the instance, with no role in the app", token: session("member")},
	{name: "other", is: "app_admin of another app", token: session("other")},
	{name: "viewer", is: "viewer of the app", token: session("viewer")},
	{name: "editor", is: "editor of the app", token: session("editor")},
	{name: "appadm", is: "app_admin of the app", token: session("app_admin")},
	{name: "admin", is: "admin of the instance", token: session("admin")},
	{name: "owner", is: "owner of the instance", token: session("boss")},
	{name: "s:read", is: "key of the owner with the scope script:read", token: scoped("boss", authz.ScopeScriptRead)},
	{name: "s:writ", is: "likewise script:write", token: scoped("boss", authz.ScopeScriptWrite)},
	{name: "r:writ", is: "likewise route:write", token: scoped("boss", authz.ScopeRouteWrite)},
	{name: "l:read", is: "likewise log:read", token: scoped("boss", authz.ScopeLogRead)},
	{name: "d:mana", is: "likewise domain:manage", token: scoped("boss", authz.ScopeDomainManage)},
	{name: "a:admi", is: "likewise app:admin", token: scoped("boss", authz.ScopeAppAdmin)},
	{name: "i:admi", is: "likewise instance:admin", token: scoped("boss", authz.ScopeInstanceAdmin)},
	{name: "all", is: "key of the owner with all scopes", token: scoped("boss", authz.Scopes...)},
	{name: "bound", is: "likewise, bound to the app", token: func(m *matrix) string { return m.key("boss", m.app(), authz.Scopes...) }},
	{name: "apart", is: "likewise, bound to another app", token: func(m *matrix) string { return m.key("boss", m.elsewhere, authz.Scopes...) }},
	{name: "v:all", is: "key of the viewer with all scopes", token: scoped("viewer", authz.Scopes...)},
}

// matrixBodies are good bodies for the operations of which a sample of the document's test can be done
// once only; {n} is another number each time.
var matrixBodies = map[string]string{
	"create-app":           `{"slug":"made-{n}"}`,
	"rename-app":           `{"slug":"renamed-{n}"}`,
	"create-script":        `{"name":"made-{n}","source":"1"}`,
	"create-route":         `{"path":"/made/{n}"}`,
	"create-queue-trigger": `{"script":"main","topic":"made-{n}"}`,
	"create-user":          `{"username":"made-{n}","role":"member"}`,
	"create-domain":        `{"host":"c{n}.example"}`,
	"create-index":         `{"collection":"c-{n}","path":"made"}`,
	"accept-invite":        `{"token":"{invite}","password":"another horse"}`,
	"confirm-totp":         `{"code":"{code}"}`,
	"upload-file":          "content",
	"import-app":           "{archive}",
	"replace-file":         "content",
}

// factors are how the second factor of who tries has to be, if not as it is.
var factors = map[string]string{
	"begin-totp": "none", "confirm-totp": "begun", "disable-totp": "confirmed", "renew-recovery-codes": "confirmed",
}

// totpSecret is that of all second factors.
const totpSecret = "JBSWY3DPEHPK3PXP"

// ending are the operations after which who tried has to log in again.
var ending = []string{"logout", "change-password", "end-session", "end-sessions", "begin-totp", "confirm-totp", "disable-totp", "renew-recovery-codes"}

// objects make what a parameter of a path stands for, by how the path begins: the longest fits. All are
// in the matrix's app, or of the one who tries.
var objects = map[string]func(m *matrix) string{
	"{app}":  (*matrix).app,
	"{slug}": (*matrix).alias,
	"/apps/{app}:import": func(m *matrix) string { // which is empty
		id := m.made("POST", "apps", `{"slug":"empty-{n}"}`, 201)
		for user, role := range map[string]store.AppRole{"viewer": store.RoleViewer, "editor": store.RoleEditor, "app_admin": store.RoleAppAdmin} {
			m.join(id, user, role)
		}
		return id
	},
	"{collection}": func(*matrix) string { return "c" },
	"{key}":        func(m *matrix) string { m.do("PUT", "apps/"+m.app()+"/kv/c/k", `{"value":1}`, 200); return "k" },
	"{topic}":      (*matrix).topic,
	"/apps/{app}/secrets/{name}": func(m *matrix) string {
		m.do("PUT", "apps/"+m.app()+"/secrets/made", `{"value":"v"}`, 200)
		return "made"
	},
	"{user}":                          func(m *matrix) string { m.join(m.app(), "somebody", store.RoleViewer); return m.users["somebody"].ID },
	"{api_key}":                       func(m *matrix) string { return m.keyOf("somebody") },
	"/scripts/{id}":                   (*matrix).script,
	"/scripts/{id}/wasm":              func(m *matrix) string { return m.s.plugin(m.app(), m.unique("plugin"), pluginModule("")).ID },
	"/scripts/{id}/versions/{n}/wasm": func(m *matrix) string { return m.s.plugin(m.app(), m.unique("plugin"), pluginModule("")).ID },
	"{n}":                             func(*matrix) string { return "1" },
	"/routes/{id}":                    func(m *matrix) string { return m.made("POST", "scripts/"+m.script()+"/routes", `{"path":"/{n}"}`, 201) },
	"/executions/{id}":                (*matrix).execution,
	"/api/v1/execute/{id}":            (*matrix).script,
	"/triggers/{id}":                  (*matrix).trigger,
	"/events/{id}":                    (*matrix).event,
	"/dead-letters/{id}":              func(m *matrix) string { return m.s.deadLetter(m.app()) },
	"/apps/{app}/docs/{collection}":   func(m *matrix) string { return m.made("POST", "apps/"+m.app()+"/docs/c", `{"data":{"a":1}}`, 201) },
	"/apps/{app}/domains/": func(m *matrix) string {
		return m.made("POST", "apps/"+m.app()+"/domains", `{"host":"d{n}.example"}`, 201)
	},
	"/apps/{app}/docs-indexes/": func(m *matrix) string {
		return m.made("POST", "apps/"+m.app()+"/docs-indexes", `{"collection":"d-{n}","path":"made"}`, 201)
	},
	"/apps/{app}/files/":     func(m *matrix) string { return m.s.store(m.app(), "c", "f.txt", "text/plain", "hello").ID },
	"/me/keys/{id}":          func(m *matrix) string { return m.keyOf(m.who) },
	"/me/sessions/{id}":      (*matrix).session,
	"/users/{id}":            (*matrix).user,
	"/users/{id}/keys":       func(m *matrix) string { return m.users["somebody"].ID },
	"/users/{id}/totp":       func(m *matrix) string { id := m.user(); m.factor(id, "confirmed"); return id },
	"/users/{id}:invite":     func(m *matrix) string { return m.made("POST", "users", `{"username":"u-{n}","role":"member"}`, 201) },
	"/users/{id}:reactivate": func(m *matrix) string { id := m.user(); m.do("POST", "users/"+id+":deactivate", "", 200); return id },
}

// A matrix is tried out on a site.
type matrix struct {
	s         *site
	users     map[string]store.User // by name
	elsewhere string                // id of another app
	who       string                // the name of the user who tries; "" for nobody

	tokens map[string]string // of the identities
	kept   map[string]string // objects that are still there
	n      int
}

func newMatrix(t *testing.T) *matrix {
	m := &matrix{s: newSite(t), users: map[string]store.User{}, tokens: map[string]string{}, kept: map[string]string{}}
	for name, role := range map[string]store.InstanceRole{
		"boss": store.RoleOwner, "admin": store.RoleAdmin, "gone": store.RoleOwner, "member": store.RoleMember, "other": store.RoleMember,
		"viewer": store.RoleMember, "editor": store.RoleMember, "app_admin": store.RoleMember, "somebody": store.RoleMember,
	} {
		m.s.User(name, role)
		user, err := m.s.DB.Users().GetByUsername(t.Context(), name)
		require.NoError(t, err)
		m.users[name] = user
	}
	m.elsewhere = m.s.App("elsewhere").ID
	m.join(m.elsewhere, "other", store.RoleAppAdmin)
	return m
}

func session(user string) func(*matrix) string {
	return func(m *matrix) string {
		m.who = user
		id, hash := m.users[user].ID, m.users[user].PasswordHash
		_, err := m.s.DB.Users().Update(m.s.T.Context(), id, store.UserChange{PasswordHash: &hash}) // which the user may have changed
		require.NoError(m.s.T, err)
		m.factor(id, "none")
		login, err := m.s.Auth.Login(m.s.T.Context(), authz.LoginRequest{Username: user, Password: apitest.AdminPassword})
		require.NoError(m.s.T, err)
		return login.Token
	}
}

// factor has a user's second factor be none, begun or confirmed.
func (m *matrix) factor(id, state string) {
	factors := m.s.DB.SecondFactors()
	if err := factors.Delete(m.s.T.Context(), id); fault.Of(err) != fault.NotFound {
		require.NoError(m.s.T, err)
	}
	if state != "none" {
		require.NoError(m.s.T, factors.Begin(m.s.T.Context(), store.SecondFactor{UserID: id, Secret: totpSecret}))
	}
	if state == "confirmed" {
		require.NoError(m.s.T, factors.Confirm(m.s.T.Context(), id))
	}
}

func scoped(user string, scopes ...authz.Scope) func(*matrix) string {
	return func(m *matrix) string { return m.key(user, "", scopes...) }
}

func (m *matrix) key(user, appID string, scopes ...authz.Scope) string {
	m.who = user
	key, _, err := m.s.Auth.CreateKey(m.s.T.Context(), m.users[user].ID, "k", scopes, appID, time.Time{})
	require.NoError(m.s.T, err)
	return key
}

// gone logs in and is deactivated then.
func (m *matrix) gone() string {
	id := m.users["gone"].ID
	token := session("gone")(m)
	m.do("POST", "users/"+id+":deactivate", "", 200)
	return token
}

func (m *matrix) join(appID, user string, role store.AppRole) {
	require.NoError(m.s.T, m.s.DB.Apps().SetMember(m.s.T.Context(), appID, m.users[user].ID, role))
}

func (m *matrix) unique(name string) string {
	m.n++
	return name + "-" + strconv.Itoa(m.n)
}

// do performs a request as the site's owner.
func (m *matrix) do(method, path, body string, status int) answer {
	got := m.s.Admin(m.s.Token, method, path, m.numbered(body))
	require.Equal(m.s.T, status, got.StatusCode, "%s %s: %s", method, path, got.Content)
	return got
}

// made performs one that makes something, and returns its id.
func (m *matrix) made(method, path, body string, status int) string {
	return decoded[struct {
		ID string `json:"id"`
	}](m.s, m.do(method, path, body, status), status).ID
}

func (m *matrix) numbered(text string) string {
	m.n++
	return strings.ReplaceAll(text, "{n}", strconv.Itoa(m.n))
}

// keep makes an object unless it is there.
func (m *matrix) keep(what string, make func() string) string {
	if m.kept[what] == "" {
		m.kept[what] = make()
	}
	return m.kept[what]
}

func (m *matrix) app() string {
	return m.keep("app", func() string {
		id := m.made("POST", "apps", `{"slug":"shop-{n}"}`, 201)
		for user, role := range map[string]store.AppRole{
			"viewer": store.RoleViewer, "editor": store.RoleEditor, "app_admin": store.RoleAppAdmin, "gone": store.RoleAppAdmin,
		} {
			m.join(id, user, role)
		}
		m.made("POST", "apps/"+id+"/scripts", `{"name":"main","source":"1"}`, 201)
		return id
	})
}

// alias has the app have a slug for a while.
func (m *matrix) alias() string {
	path := "apps/" + m.app()
	present := decoded[wire.App](m.s, m.do("GET", path, "", 200), 200).Slug
	before := m.unique("alias")
	m.do("POST", path+":rename", `{"slug":"`+before+`"}`, 200)
	m.do("POST", path+":rename", `{"slug":"`+present+`"}`, 200)
	return before
}

func (m *matrix) script() string {
	return m.keep("script", func() string { return m.made("POST", "apps/"+m.app()+"/scripts", `{"name":"s-{n}","source":"1"}`, 201) })
}

func (m *matrix) execution() string {
	return decoded[wire.RunResult](m.s, m.do("POST", "scripts/"+m.script()+"/run", `{}`, 200), 200).ExecutionID
}

func (m *matrix) topic() string {
	m.do("PUT", "apps/"+m.app()+"/topics/t", `{"access":"token"}`, 200)
	return "t"
}

func (m *matrix) trigger() string {
	return m.made("POST", "apps/"+m.app()+"/triggers/kv", `{"script":"main","collection":"unused"}`, 201)
}

func (m *matrix) event() string {
	return decoded[wire.EventMade](m.s, m.do("POST", "apps/"+m.app()+"/queues/kept/messages", `{"message":1}`, 202), 202).EventID
}

func (m *matrix) user() string {
	return m.made("POST", "users", `{"username":"u-{n}","password":"`+apitest.AdminPassword+`","role":"member"}`, 201)
}

// session makes another session of who tries.
func (m *matrix) session() string {
	made, err := m.s.DB.Sessions().Create(m.s.T.Context(), store.Session{
		TokenHash: m.unique("session"), UserID: m.users[cmp.Or(m.who, "somebody")].ID, ExpiresAt: time.Now().Add(time.Hour),
	})
	require.NoError(m.s.T, err)
	return made.ID
}

func (m *matrix) keyOf(user string) string {
	row, err := m.s.DB.APIKeys().Create(m.s.T.Context(), store.APIKey{ // also of a user who is deactivated
		UserID: m.users[cmp.Or(user, "somebody")].ID, Name: "k", KeyHash: m.unique("key"), Scopes: []string{string(authz.ScopeLogRead)},
	})
	require.NoError(m.s.T, err)
	return row.ID
}

// fill puts objects for the parameters of an operation's path.
func (m *matrix) fill(t *testing.T, path string) string {
	t.Helper()
	whole := path
	for _, part := range strings.FieldsFunc(whole, func(r rune) bool { return r == '/' || r == ':' }) {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		what := part
		for of := range objects {
			if of == whole && part == "{app}" && strings.Count(whole, "{") == 1 { // of the app itself
				what = of
			}
			if (part == "{id}" || part == "{name}") && strings.HasPrefix(whole, of) && (what == part || len(of) > len(what)) {
				what = of
			}
		}
		make, known := objects[what]
		require.True(t, known, "the matrix has no object for %s of %s: see objects", part, whole)
		kept := what
		if strings.HasPrefix(what, "/me/") {
			kept += " of " + m.who
		}
		path = strings.Replace(path, part, m.keep(kept, func() string { return make(m) }), 1)
	}
	return path
}

// try has one identity try an operation, and returns the cell of it.
func (m *matrix) try(t *testing.T, op operation, as int) string {
	t.Helper()
	identity := identities[as]
	if m.tokens[identity.name] == "" {
		m.who = ""
		m.tokens[identity.name] = identity.token(m)
		m.tokens[identity.name+" is"] = m.who
	}
	m.who = m.tokens[identity.name+" is"]
	body, own := matrixBodies[op.id]
	if !own {
		body = samples[op.id].body
	}
	if request, _ := op.says["requestBody"].(map[string]any); request != nil && request["required"] == true {
		require.NotEmpty(t, body, "the matrix has no body for %s: see samples and matrixBodies", op.id)
	}
	if state := factors[op.id]; state != "" && m.who != "" {
		m.factor(m.users[m.who].ID, state)
	}
	if strings.Contains(body, "{invite}") {
		guest := decoded[wire.User](m.s, m.do("POST", "users", `{"username":"guest-{n}","role":"member"}`, 201), 201)
		body = strings.Replace(body, "{invite}", tokenOf(guest), 1)
	}
	if body == "{archive}" {
		body = string(m.s.archiveOf(m.elsewhere))
	}
	body = strings.Replace(body, "{code}", codeNow(t, wire.TOTPKey{Secret: totpSecret}), 1)
	address := whole(m.fill(t, op.path))
	if query := samples[op.id].query; query != "" {
		address += "?" + query
	}
	var headers []string
	if token := m.tokens[identity.name]; token != "" {
		headers = append(headers, "Authorization: Bearer "+token)
	}
	if body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	got := m.s.Fetch(op.method, address, m.numbered(body), headers...)
	done := got.StatusCode < 300
	if done && op.method != http.MethodGet && op.method != http.MethodHead { // what it was tried on may be gone
		if op.id == "delete-app" {
			delete(m.tokens, "bound") // with the app
			clear(m.kept)
		}
		for what := range m.kept {
			if what != "app" {
				delete(m.kept, what)
			}
		}
		if slices.Contains(ending, op.id) {
			delete(m.tokens, identity.name)
		}
	}
	switch {
	case done:
		return "yes"
	case slices.Contains([]int{401, 403, 404}, got.StatusCode):
		return strconv.Itoa(got.StatusCode)
	}
	t.Errorf("%s %s as %s answers %d, which tells nothing about rights: %s", op.method, address, identity.name, got.StatusCode, got.Content)
	return "???"
}

// TestMatrix has everybody try every operation, and compares who may do what with the file.
func TestMatrix(t *testing.T) {
	m := newMatrix(t)
	d := documentOf(t, m.s)
	ops := append(d.operations(), operation{id: executeOperation, method: "POST", path: "/api/v1/execute/{id}"})
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.path+" "+a.method, b.path+" "+b.method) })

	var text strings.Builder
	text.WriteString(matrixHead)
	for _, identity := range identities {
		fmt.Fprintf(&text, "#   %-7s %s\n", identity.name, identity.is)
	}
	width := 0
	for _, op := range ops {
		width = max(width, len(op.path))
	}
	fmt.Fprintf(&text, "\n%-7s%-*s", "", width, "")
	for _, identity := range identities {
		fmt.Fprintf(&text, " %-6s", identity.name)
	}
	text.WriteString("\n")
	for _, op := range ops {
		cells := map[string]string{}
		fmt.Fprintf(&text, "%-7s%-*s", op.method, width, op.path)
		for i, identity := range identities {
			cell := m.try(t, op, i)
			cells[identity.name] = cell
			fmt.Fprintf(&text, " %-6s", cell)
		}
		text.WriteString("\n")
		lawful(t, op, cells)
	}
	got := trimmed(text.String())
	if os.Getenv(matrixWrite) != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(matrixFile), 0o755))
		require.NoError(t, os.WriteFile(matrixFile, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(matrixFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "who may do what has changed: if that is meant, `make matrix` and commit %s", matrixFile)
}

// trimmed removes the blanks at the ends of lines.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// lawful checks what must be so of any operation, whatever the file says.
func lawful(t *testing.T, op operation, cells map[string]string) {
	t.Helper()
	what := op.method + " " + op.path
	if op.id != executeOperation && op.says["security"] == nil {
		return // anybody may
	}
	for _, name := range []string{"nobody", "gone"} {
		if cell, tried := cells[name]; tried {
			assert.Equal(t, "401", cell, "%s: %s", what, name)
		}
	}
	assert.Equal(t, "yes", cells["owner"], "%s: the owner", what)
	for _, less := range [][2]string{ // who may do no more than whom
		{"viewer", "editor"}, {"editor", "appadm"}, {"appadm", "admin"}, {"admin", "owner"}, {"member", "viewer"},
		{"v:all", "viewer"}, {"v:all", "all"}, {"bound", "all"}, {"apart", "all"}, {"all", "owner"},
		{"s:read", "all"}, {"s:writ", "all"}, {"r:writ", "all"}, {"l:read", "all"}, {"d:mana", "all"}, {"a:admi", "all"}, {"i:admi", "all"},
	} {
		if cells[less[0]] == "yes" {
			assert.Equal(t, "yes", cells[less[1]], "%s: %s may, and %s may not", what, less[0], less[1])
		}
	}
	own := strings.HasPrefix(op.path, "/me") || strings.HasPrefix(op.path, "/auth/") || strings.HasPrefix(op.path, "/users")
	if !own && !slices.Contains([]string{"/apps", "/audit", "/audit:export", "/secrets:rotate", "/backup", "/series", "/health"}, op.path) { // of an app
		for _, name := range []string{"member", "other", "apart"} {
			assert.Equal(t, "404", cells[name], "%s: %s must not know of the app", what, name)
		}
	}
}
