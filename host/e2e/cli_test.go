package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/store/eachtest"
)

// loggedIn is a place with a fresh server and a login to it. Variables are more of
// the server's environment.
func loggedIn(t *testing.T, variables ...string) (*place, running) {
	t.Helper()
	p := newPlace(t)
	p.env = append(p.env, variables...)
	server := startServer(t, p)
	if r := p.run(t, server.password+"\n", "login", "--url", server.url, "--password-stdin"); r.status != exitOK {
		t.Fatal(r)
	}
	return p, server
}

// write makes a file in the place.
func (p *place) write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// decode runs a command with --output json and decodes what it prints.
func decode[T any](t *testing.T, p *place, args ...string) T {
	t.Helper()
	var value T
	text := p.must(t, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("picloud %v printed %q: %v", args, text, err)
	}
	return value
}

// fails checks that a command fails with a status and says something on
// standard error.
func (p *place) fails(t *testing.T, status int, says string, args ...string) {
	t.Helper()
	if r := p.run(t, "", args...); r.status != status || !strings.Contains(r.stderr, says) {
		t.Errorf("%s\nwant status %d and standard error with: %s", r, status, says)
	}
}

func TestLoginAndLogout(t *testing.T) {
	p := newPlace(t)
	server := startServer(t, p)
	file := filepath.Join(p.dir, ".config", "picloud", "credentials.json")

	p.fails(t, exitUsage, "standard input is not a terminal: use --password-stdin", "login", "--url", server.url)
	p.fails(t, exitUsage, "no password on standard input", "login", "--url", server.url, "--password-stdin")
	if r := p.run(t, "wrong", "login", "--url", server.url, "--password-stdin"); r.status != exitFailed {
		t.Errorf("login with a wrong password: %s", r)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a failed login leaves credentials: %v", err)
	}
	p.fails(t, exitFailed, "not logged in to "+server.url, "apps", "list", "--url", server.url)

	if r := p.run(t, server.password+"\n", "login", "--url", server.url, "--password-stdin"); r.status != exitOK ||
		!strings.HasPrefix(r.stdout, "Logged in to "+server.url+" as admin until ") {
		t.Fatal(r)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode of the credentials: %v, %v, want 0600", info, err)
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var credentials struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(saved, &credentials); err != nil {
		t.Fatal(err)
	}
	p.must(t, "apps", "list") // neither URL nor token given
	p.must(t, "logout")
	p.fails(t, exitFailed, "not logged in", "apps", "list", "--url", server.url)

	// The session is over on the server too, not only forgotten here.
	p.env = append(p.env, "PICLOUD_URL="+server.url, "PICLOUD_TOKEN="+credentials.Token)
	if r := p.run(t, "", "apps", "list"); r.status != exitFailed {
		t.Errorf("the token works after logout: %s", r)
	}
}

// A logout ends the session of the server that is meant, and no other.
func TestLogoutFromAnotherServer(t *testing.T) {
	p, server := loggedIn(t)
	p.fails(t, exitFailed, "not logged in to http://127.0.0.1:1, but to "+server.url, "logout", "--url", "http://127.0.0.1:1")
	p.must(t, "apps", "list")
	p.must(t, "logout", "--url", server.url+"/")
	p.fails(t, exitFailed, "not logged in", "apps", "list", "--url", server.url)
}

// A context of an API key is added once the key has worked, and removed without touching the key.
func TestContextOfAKey(t *testing.T) {
	p, server := loggedIn(t)
	key := strings.TrimSpace(p.run(t, "", "keys", "create", "ci", "--scope", "script:read").stdout)
	key = key[strings.Index(key, "pic_"):]
	add := func(stdin string, args ...string) result {
		return p.run(t, stdin, append([]string{"context", "add", "staging", server.url}, args...)...)
	}
	if r := add("pic_wrong\n", "--token-stdin"); r.status != exitFailed {
		t.Errorf("a wrong key: %s", r)
	}
	if r := add(key); r.status != exitUsage || !strings.Contains(r.stderr, "use --token-stdin") {
		t.Errorf("without a terminal: %s", r)
	}
	if r := add(key+"\n", "--token-stdin"); r.status != exitOK || r.stdout != "Context staging added: commands use "+server.url+" as admin.\n" {
		t.Fatal(r)
	}
	if r := add(key+"\n", "--token-stdin"); r.status != exitUsage || !strings.Contains(r.stderr, "already") {
		t.Errorf("again: %s", r)
	}
	if info, err := os.Stat(filepath.Join(p.dir, ".config", "picloud", "credentials.json")); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode of the contexts: %v, %v, want 0600", info, err)
	}
	if table := p.must(t, "context", "list"); !regexp.MustCompile(`(?m)^\* +staging +\S+ +admin +as the key$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	p.must(t, "scripts", "list")
	p.fails(t, exitFailed, "", "apps", "create", "x")
	p.must(t, "context", "remove", "--yes", "staging")
	p.fails(t, exitFailed, "no context is current", "scripts", "list")
	p.fails(t, exitFailed, "there is no context", "context", "remove", "--yes", "staging")
}

// Anybody is told how a server is.
func TestStatus(t *testing.T) {
	p := newPlace(t)
	server := startServer(t, p)
	table := p.must(t, "status", "--url", server.url)
	for _, want := range []string{`(?m)^SERVER +` + server.url + `$`, `(?m)^VERSION +\S+ \(go`, `(?m)^STATE +ready$`, `(?m)^DATABASE +` + eachtest.Kind(t) + `, written to in`, `(?m)^EXECUTIONS +0 running of 32$`, `(?m)^DISK +\S+ \S+ free$`, `(?m)^USER +not logged in$`} {
		if !regexp.MustCompile(want).MatchString(table) {
			t.Errorf("printed\n%s\nwithout %s", table, want)
		}
	}
	p.fails(t, exitFailed, "cannot reach", "status", "--url", "http://127.0.0.1:1")
}

// Logins to several servers are contexts: one is current, and each has a session of its own.
func TestContexts(t *testing.T) {
	p, one := loggedIn(t)
	other := newPlace(t)
	two := startServer(t, other)
	if r := p.run(t, two.password+"\n", "login", "--url", two.url, "--context", "staging", "--password-stdin"); r.status != exitOK {
		t.Fatal(r)
	}
	p.must(t, "apps", "create", "there") // on the one last logged in to
	type context struct {
		Name, URL string
		Current   bool
	}
	host := strings.TrimPrefix(one.url, "http://")
	want := []context{{host, one.url, false}, {"staging", two.url, true}}
	if got := decode[[]context](t, p, "context", "list"); !slices.Equal(got, want) {
		t.Errorf("contexts are %+v, want %+v", got, want)
	}
	if got := p.must(t, "context", "use", host); got != "Commands use "+one.url+" as admin.\n" {
		t.Errorf("printed %q", got)
	}
	p.fails(t, exitFailed, "there is no app there", "apps", "show", "there")
	p.must(t, "apps", "show", "there", "--context", "staging")
	p.must(t, "apps", "show", "there", "--url", two.url+"/")
	p.fails(t, exitFailed, `there is no context "prod": there are `+host+", staging", "apps", "list", "--context", "prod")

	p.must(t, "logout")
	p.fails(t, exitFailed, "no context is current: choose one with `picloud context use`: staging", "apps", "list")
	p.must(t, "apps", "list", "--context", "staging")
	p.must(t, "logout", "--context", "staging")
	p.fails(t, exitFailed, `there is no context "staging": log in to have one`, "context", "use", "staging")
	if _, err := os.Stat(filepath.Join(p.dir, ".config", "picloud", "credentials.json")); !os.IsNotExist(err) {
		t.Errorf("the last logout leaves the credentials: %v", err)
	}
}

// What holds other things is deleted after a question; where nobody can be asked, only with --yes.
func TestDeleteNeedsYes(t *testing.T) {
	p, _ := loggedIn(t)
	p.must(t, "kv", "put", "c", "k", "1")
	p.fails(t, exitUsage, "This deletes the app default (Default) with 1 script, 1 route, 1 kv key. "+
		"Standard input is not a terminal to ask on: pass --yes", "apps", "delete", "default")
	p.fails(t, exitUsage, "This deletes the script hello with 1 route. Go on? Standard input is not a terminal to ask on: pass --yes", "scripts", "delete", "hello")
	p.must(t, "scripts", "show", "hello")
	p.must(t, "scripts", "delete", "hello", "--yes")
	p.must(t, "apps", "delete", "-y", "default")
	p.fails(t, exitFailed, "there is no app default", "apps", "show", "default")
}

// Commands, contexts and picloud.yaml find an app by the slug that it had.
func TestRenamedApp(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts:\n  - {name: s, routes: [GET /shop]}\n")
	p.write(t, "shop/s.rhai", "1")
	p.must(t, "deploy", "shop")
	if got := p.must(t, "apps", "rename", "shop", "store"); got != "App shop is now called store.\n" {
		t.Errorf("printed %q", got)
	}
	r := p.run(t, "", "scripts", "list", "--app", "shop")
	if r.status != exitOK || strings.Count(r.stderr, "warning: the app shop is now called store") != 1 || !strings.Contains(r.stdout, "endpoint") {
		t.Error(r)
	}
	p.write(t, "shop/s.rhai", "2")
	if r = p.run(t, "", "deploy", "shop"); r.status != exitOK || !strings.Contains(r.stdout, "version 2") {
		t.Error(r)
	}
	p.write(t, "file.txt", "bytes")
	p.must(t, "files", "put", "c", "file.txt", "--app", "shop")
	if app := decode[wire.App](t, p, "apps", "show", "store"); !slices.Equal(app.Aliases, []string{"shop"}) {
		t.Errorf("aliases are %q", app.Aliases)
	}
	p.fails(t, exitFailed, "already in use", "apps", "create", "shop")
	p.must(t, "apps", "release", "store", "shop")
	p.fails(t, exitFailed, "there is no app shop, or you are not a member of it", "apps", "show", "shop")
	p.must(t, "apps", "create", "shop")
}

// A negative number is an argument like another.
func TestNegativeNumbers(t *testing.T) {
	p, _ := loggedIn(t)
	for _, test := range []struct {
		key, want string
		args      []string
	}{
		{"n", "-5", []string{"n", "-5"}},
		{"-1", "-2.5e3", []string{"-1", "-2.5e3", "--ttl", "1h"}},
		{"f", "-7", []string{"--if-absent", "f", "-7"}},
		{"d", "-8", []string{"d", "--", "-8"}},
	} {
		p.must(t, append([]string{"kv", "put", "numbers"}, test.args...)...)
		if got := p.must(t, "kv", "get", "numbers", test.key); got != test.want+"\n" {
			t.Errorf("after put %q: got %q, want %s", test.args, got, test.want)
		}
	}
	p.fails(t, exitUsage, "--ttl must be at least 1ms, got -5s", "kv", "put", "numbers", "t", "1", "--ttl", "-5s")
	p.fails(t, exitUsage, "--limit must be at least 1, got -3", "logs", "hello", "-n", "-3")
	p.fails(t, exitUsage, "unexpected argument -5", "apps", "list", "-5")
	p.fails(t, exitUsage, "unknown flag -x", "kv", "put", "numbers", "n", "-x")
}

func TestEmptyNames(t *testing.T) {
	p, _ := loggedIn(t)
	p.fails(t, exitUsage, "key must be 1 to 512 bytes, got 0", "kv", "put", "c", "", "1")
	p.fails(t, exitUsage, "collection must be 1 to 512 bytes, got 0", "docs", "list", "")
	p.fails(t, exitFailed, `the name or id that comes after "apps" must not be empty`, "apps", "show", "")
}

// A byte order mark, as some editors write it, is no part of what is imported.
func TestImportsOfByteOrderMark(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "kv.jsonl", "\ufeff"+`{"key":"a","value":1}`+"\r\n"+`{"key":"b","value":2}`+"\r\n")
	if got := p.must(t, "kv", "import", "c", "kv.jsonl"); got != "2 imported.\n" {
		t.Errorf("printed %q", got)
	}
	p.write(t, "docs.jsonl", "\ufeff"+`{"data":{"a":1}}`)
	p.must(t, "docs", "import", "c", "docs.jsonl")
	p.write(t, "value.json", "\ufeff[1]")
	p.must(t, "kv", "put", "c", "v", "@value.json")
	p.write(t, "files/.picloud-files.jsonl", "\ufeff"+`{"file":"a","name":"b","content_type":"text/csv"}`)
	p.write(t, "files/a", "1")
	p.must(t, "files", "import", "c", "files")
	if files := decode[[]wire.File](t, p, "files", "list", "c"); len(files) != 1 || files[0].Name != "b" || files[0].ContentType != "text/csv" {
		t.Errorf("files are %+v, want what the index says", files)
	}
}

// A variable that is meant to be a setting is no setting when it is misspelt.
func TestUnknownVariables(t *testing.T) {
	for _, args := range [][]string{{"serve", "--addr", "127.0.0.1:0"}, {"apps", "list"}} {
		p := newPlace(t)
		p.env = append(p.env, "PICLOUD_DATABSE_URL=postgres://db.example.com/x")
		p.fails(t, exitUsage, "unknown variable PICLOUD_DATABSE_URL: did you mean PICLOUD_DATABASE_URL?", args...)
	}
	p := newPlace(t)
	p.env = append(p.env, "PICLOUD_SOMETHING=1", "PICLOUD_TEST_X=1", "PICLOUD_SERVICE_HOST=10.0.0.1", "PICLOUD_PORT_8080_TCP_ADDR=10.0.0.1")
	if r := p.run(t, "", "version"); r.status != exitOK || r.stderr != "warning: unknown variable PICLOUD_SOMETHING is ignored\n" {
		t.Errorf("%s\nwant a warning of the one that is nobody's", r)
	}
}

// With --output json, what is wrong is JSON too: an object a line on standard error.
func TestErrorsAreJSON(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "w.rhai", "let x = ;")
	p.write(t, "throws.rhai", "let x = 1;\nthrow x;")
	p.must(t, "deploy", "throws.rhai")
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"apps", "show", "shop"}, exitFailed, `{"code":"not_found","message":"there is no app shop, or you are not a member of it","status":404}`},
		{[]string{"apps", "lst"}, exitUsage, `{"code":"usage","message":"unexpected argument lst, did you mean \"list\"?"}`},
		{[]string{"scripts", "show", "nope"}, exitFailed, `{"code":"not_found","message":"app default has no script \"nope\": it has hello, throws"}`},
		{[]string{"routes", "match", "/nope"}, exitFailed, `{"code":"no_match","message":"no route answers this request"}`},
		{[]string{"apps", "list", "--url", "http://127.0.0.1:1"}, exitFailed, `{"code":"not_logged_in",`},
		{[]string{"deploy", "w.rhai"}, exitFailed, `"script":{"name":"w.rhai","line":1,"column":9,"message":"`},
		{[]string{"invoke", "throws"}, exitFailed, `{"code":"script_error","message":"Runtime error: 1 (line 2, position 1)","script":{"name":"throws","line":2,"column":1,"message":"Runtime error: 1 (line 2, position 1)","source_line":"throw x;"}}`},
	} {
		r := p.run(t, "", append(test.args, "-o", "json")...)
		var failure struct{ Error json.RawMessage }
		if err := json.Unmarshal([]byte(r.stderr), &failure); err != nil || r.status != test.status || !strings.Contains(string(failure.Error), test.want) {
			t.Errorf("%s\nwant status %d and an error with %s", r, test.status, test.want)
		}
	}
}

func TestTokenFromEnvironment(t *testing.T) {
	p, server := loggedIn(t)
	saved, err := os.ReadFile(filepath.Join(p.dir, ".config", "picloud", "credentials.json"))
	if err != nil {
		t.Fatal(err)
	}
	var credentials struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(saved, &credentials); err != nil {
		t.Fatal(err)
	}
	other := newPlace(t)
	other.env = append(other.env, "PICLOUD_URL="+server.url, "PICLOUD_TOKEN="+credentials.Token)
	other.must(t, "apps", "list")
}

func TestApps(t *testing.T) {
	p, _ := loggedIn(t)
	if got, want := p.must(t, "apps", "create", "shop", "--name", "The shop"), "App shop created.\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	p.fails(t, exitFailed, "slug", "apps", "create", "shop")
	p.fails(t, exitFailed, "SLUG: must be lower-case letters", "apps", "create", "No Spaces")
	shop := decode[wire.App](t, p, "apps", "show", "shop")
	if shop.Slug != "shop" || shop.Name != "The shop" {
		t.Errorf("app = %+v", shop)
	}
	var slugs []string
	for _, app := range decode[[]wire.App](t, p, "apps", "list") {
		slugs = append(slugs, app.Slug)
	}
	if got := strings.Join(slugs, " "); got != "default shop" {
		t.Errorf("apps are %q, want default shop", got)
	}
	if table := p.must(t, "apps", "list"); !regexp.MustCompile(`^SLUG +NAME +YOU ARE +CREATED +ID\ndefault +Default +owner +.*\nshop +The shop +owner +.*\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	p.must(t, "apps", "delete", shop.ID, "--yes")
	p.fails(t, exitFailed, "there is no app shop", "apps", "show", "shop")
}

func TestRoutes(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "user.rhai", "`user`")
	p.must(t, "deploy", "user.rhai")
	if got, want := p.must(t, "routes", "add", "user", "get", "/users/:id"), "Route GET /users/:id bound to user.\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	p.fails(t, exitFailed, "the host *.example.com is not claimed by the app", "routes", "add", "user", "*.example.com/in/*")
	if got, want := p.must(t, "domains", "add", "*.Example.com"), "Domain *.example.com is the app's.\n"; got != want {
		t.Errorf("domains add printed %q, want %q", got, want)
	}
	p.must(t, "domains", "add", "münchen.example")
	if got := p.must(t, "domains", "list"); !regexp.MustCompile(`(?m)^\*\.example\.com +wildcard`).MatchString(got) || !strings.Contains(got, "xn--mnchen-3ya.example") {
		t.Errorf("domains list printed\n%s", got)
	}
	p.must(t, "domains", "remove", "--yes", "MÜNCHEN.example")
	p.fails(t, exitFailed, `app default has no domain "münchen.example"`, "domains", "remove", "--yes", "münchen.example")
	p.must(t, "routes", "add", "user", "*.example.com/in/*")
	p.fails(t, exitFailed, "is needed by the route ANY *.example.com/in/*", "domains", "remove", "--yes", "*.example.com")
	if got, want := p.must(t, "routes", "limit", "GET", "/users/:id"), "GET /users/:id is used without limit.\n"; got != want {
		t.Errorf("routes limit printed %q, want %q", got, want)
	}
	if got, want := p.must(t, "routes", "limit", "GET", "/users/:id", "--requests", "5", "--per", "60", "--by", "header:X-Key"), "GET /users/:id is used 5 times in 60 s at most, by header:x-key.\n"; got != want {
		t.Errorf("routes limit printed %q, want %q", got, want)
	}
	p.must(t, "routes", "limit", "GET", "/users/:id", "--off")
	if got := p.must(t, "quota", "set", "--kv", "5MiB", "--cpu", "1h", "--files", "none"); !regexp.MustCompile(`(?m)^kv +0 B +5\.0 MiB +the app$`).MatchString(got) ||
		!regexp.MustCompile(`(?m)^files +0 B +none +the app$`).MatchString(got) || !regexp.MustCompile(`(?m)^processor time a day +\S+s +1h0m0s +the app$`).MatchString(got) {
		t.Errorf("quota set printed\n%s", got)
	}
	p.must(t, "quota", "set", "--kv", "default", "--executions", "3")
	if got := decode[wire.Quota](t, p, "quota", "show"); got.Set.KVBytes != nil || got.Limits.KVBytes != 1<<30 || got.Limits.Executions != 3 || *got.Set.CPUMillis != 3_600_000 {
		t.Errorf("quota is %+v", got)
	}
	p.fails(t, exitUsage, "name the quotas to set", "quota", "set")
	p.fails(t, exitUsage, "--docs: must be a number of bytes", "quota", "set", "--docs", "lots")
	p.fails(t, exitFailed, "--executions: must be at most 10000, got 10001", "quota", "set", "--executions", "10001")
	if got := p.must(t, "apps", "usage", "default"); !strings.Contains(got, "PROCESSOR TIME TODAY") {
		t.Errorf("apps usage printed\n%s", got)
	}
	p.must(t, "quota", "set", "--executions", "default", "--cpu", "default", "--files", "default")
	p.fails(t, exitFailed, "GET /users/:id", "routes", "add", "user", "GET", "/users/:name")
	p.fails(t, exitFailed, "/api/", "routes", "add", "user", "/api/x")
	p.fails(t, exitUsage, `route "users" has no path`, "routes", "add", "user", "users")
	p.fails(t, exitUsage, `expected "<route> ..."`, "routes", "add", "user")

	table := p.must(t, "routes", "list")
	want := regexp.MustCompile(`^ROUTE +SCRIPT +KIND +ID\nGET /hello +hello +any exact .*\nANY \*\.example\.com/in/\* +user +wildcard prefix .*\nGET /users/:id +user +any param .*\n$`)
	if !want.MatchString(table) {
		t.Errorf("table is\n%s\nwant %s", table, want)
	}
	if routes := decode[[]struct {
		wire.Route
		Script string
	}](t, p, "routes", "list", "hello"); len(routes) != 1 || routes[0].Path != "/hello" || routes[0].Script != "hello" {
		t.Errorf("routes of hello are %+v", routes)
	}
	if got := p.must(t, "routes", "match", "/users/7"); !regexp.MustCompile(`(?m)^SCRIPT +user$`).MatchString(got) || !regexp.MustCompile(`(?m)^:id +7$`).MatchString(got) {
		t.Errorf("match of /users/7 is\n%s", got)
	}
	if got := decode[wire.RouteMatched](t, p, "routes", "match", "POST", "https://eu.example.com/in/a/b"); !got.Matched || got.Rest != "a/b" && got.Rest != "/a/b" {
		t.Errorf("match of a wildcard host is %+v", got)
	}
	p.fails(t, exitFailed, "no route answers this request", "routes", "match", "/nothing")
	p.fails(t, exitFailed, "no route answers this method, only", "routes", "match", "DELETE", "/users/7")

	p.must(t, "routes", "delete", "--yes", "GET", "/users/:id")
	p.fails(t, exitFailed, `app default has no route "GET /users/:id"`, "routes", "delete", "--yes", "GET", "/users/:id")
}

func TestInvoke(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "echo.rhai", `let r = ctx.request;
print("seen " + r.method);
if r.method == "DELETE" { throw "no"; }
#{ statusCode: 201, headers: #{ "x-seen": "yes" }, body: #{ body: r.body, path: r.path, id: r.params.id, q: r.query.q, h: r.headers["x-a"] } }`)
	p.must(t, "deploy", "echo.rhai")
	r := p.run(t, "", "invoke", "echo", "--data", `{"n":9007199254740993}`, "-H", "X-A: b: c", "--path", "/p", "--param", "id=7", "--query", "q=x y")
	if want := regexp.MustCompile(`^201  \(version 1, [0-9.]+(µs|ms|s), [0-9]+ operations\)\n` + regexp.QuoteMeta(`{"body":{"n":9007199254740993},"h":"b: c","id":"7","path":"/p","q":"x y"}`) + "\n$"); r.status != exitOK || !want.MatchString(r.stdout) {
		t.Errorf("%s\nwant %s", r, want)
	}
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info  seen POST\n$`).MatchString(r.stderr) {
		t.Errorf("the log on standard error is %q", r.stderr)
	}

	p.write(t, "body.txt", "plain text")
	for _, args := range [][]string{{"--data", "plain text"}, {"--data", "@body.txt"}, {"--data", "@-"}} {
		r := p.run(t, "plain text", append([]string{"invoke", "echo"}, args...)...)
		if r.status != exitOK || !strings.Contains(r.stdout, `"body":"plain text"`) {
			t.Errorf("%s\nwant the text as body", r)
		}
	}
	run := decode[wire.RunResult](t, p, "invoke", "echo")
	if run.Outcome != "ok" || run.Status != 201 || run.Headers["x-seen"] != "yes" || len(run.Logs) != 1 || run.Logs[0].Message != "seen GET" {
		t.Errorf("result = %+v", run)
	}

	// A script that fails is shown where it failed.
	r = p.run(t, "", "invoke", "echo", "-X", "delete")
	if !strings.Contains(r.stderr, "picloud: error: echo:3:27: ") || !strings.HasSuffix(r.stderr, "  3 | if r.method == \"DELETE\" { throw \"no\"; }\n    |                           ^\n") ||
		r.status != exitFailed || !strings.HasPrefix(r.stdout, "502  (") {
		t.Errorf("%s\nwant status 1 and a caret below throw", r)
	}

	// Inside a function the caret is below what failed, not below the call; in a module, in its source.
	p.write(t, "lib.rhai", "fn half(x) {\n  x.nope()\n}")
	p.must(t, "deploy", "lib.rhai", "--kind", "module")
	p.write(t, "calls.rhai", "import \"lib\" as lib;\nfn third(x) {\n  x.gone()\n}\nif ctx.request.query.lib == \"yes\" { lib::half(1) } else { third(1) }")
	p.must(t, "deploy", "calls.rhai")
	r = p.run(t, "", "invoke", "calls")
	if !strings.Contains(r.stderr, "picloud: error: calls:3:5: Function not found: gone (i64) (line 3, position 5)\nin call to function 'third' (line 5, position ") ||
		!strings.HasSuffix(r.stderr, "  3 |   x.gone()\n    |     ^\n") {
		t.Errorf("%s\nwant a caret below gone", r)
	}
	r = p.run(t, "", "invoke", "calls", "--query", "lib=yes")
	if !strings.Contains(r.stderr, "picloud: error: lib:2:5: Function not found: nope (i64) @ 'lib' (line 2, position 5)\n") ||
		!strings.HasSuffix(r.stderr, "  2 |   x.nope()\n    |     ^\n") {
		t.Errorf("%s\nwant a caret below nope, in the module", r)
	}
	p.fails(t, exitUsage, `--header must be NAME: VALUE, got "x"`, "invoke", "echo", "-H", "x")
	p.fails(t, exitUsage, "--data: open gone: no such file or directory", "invoke", "echo", "-d", "@gone")
	p.fails(t, exitUsage, "--event must be a JSON object", "invoke", "echo", "--event", "[1]")
}

// What ran in an app is listed, followed, counted and traced, without naming a script.
func TestWhatRanInAnApp(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "say.rhai", `log::info("said"); kv::collection("c").set("k", 1); 1`)
	p.write(t, "fail.rhai", `throw "broken"`)
	p.must(t, "deploy", "say.rhai")
	p.must(t, "deploy", "fail.rhai")
	for _, command := range []string{"logs", "executions list"} {
		follower := p.command(t, append(strings.Fields(command), "-f", "--output", "json")...)
		stdout, err := follower.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := follower.Start(); err != nil {
			t.Fatal(err)
		}
		read := make(chan string)
		go func() {
			defer close(read)
			for lines := bufio.NewScanner(stdout); lines.Scan(); {
				read <- lines.Text()
			}
		}()
		var line string
		for line == "" { // until it has begun to follow
			p.must(t, "invoke", "say")
			select {
			case line = <-read:
			case <-time.After(time.Second):
			}
		}
		if !strings.Contains(line, `"script_name":"say"`) {
			t.Errorf("%s -f printed %s, want one of the script say", command, line)
		}
		if err := follower.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		for range read {
		}
		if err := follower.Wait(); err != nil {
			t.Errorf("following ended with %v, want success after an interrupt", err)
		}
	}
	p.run(t, "", "invoke", "fail")
	if lines := decode[[]client.AppLogLine](t, p, "logs", "-n", "1"); len(lines) != 1 || lines[0].ScriptName != "fail" {
		t.Errorf("the last line of the app's log is %+v, want that of fail", lines)
	}
	if got := p.must(t, "logs", "--level", "error"); !regexp.MustCompile(`^\d{4}-.* error fail: Runtime error: broken.*\n$`).MatchString(got) {
		t.Errorf("the app's log of errors is %q", got)
	}
	failed := decode[[]wire.Execution](t, p, "executions", "list", "--outcome", "failed", "--text", "BROKEN", "--since", "1h")
	if len(failed) != 1 || failed[0].ScriptName != "fail" {
		t.Errorf("what failed is %+v, want one of the script fail", failed)
	}
	if got := p.must(t, "executions", "list", "--kind", "execute", "--limit", "1"); !strings.Contains(got, "SCRIPT") || !strings.Contains(got, "script_error") {
		t.Errorf("executions list printed %s", got)
	}
	r := p.run(t, "", "invoke", "say", "--trace")
	if !regexp.MustCompile(`(?m)^kv\.set .* ok$`).MatchString(r.stderr) {
		t.Errorf("%s\nwant the call of kv.set", r)
	}
	traced := decode[[]wire.Execution](t, p, "executions", "list", "say", "--limit", "1")
	if got := p.must(t, "executions", "show", traced[0].ID); !regexp.MustCompile(`(?m)^kv\.set .* ok$`).MatchString(got) {
		t.Errorf("executions show printed %s\nwant the call of kv.set", got)
	}
	failing := decode[[]wire.Execution](t, p, "executions", "list", "--outcome", "failed", "--limit", "1")
	if got := p.must(t, "executions", "show", failing[0].ID); !strings.Contains(got, "It asked the host for nothing.") {
		t.Errorf("executions show printed %s\nwant that nothing was asked for", got)
	}
	stats := decode[wire.Series](t, p, "apps", "stats", "default", "--by-script")
	if stats.Total.Errors != 1 || len(stats.Scripts) != 2 || stats.Scripts[1].ScriptName != "fail" {
		t.Errorf("apps stats are %+v, want one error, of fail", stats)
	}
	if got := p.must(t, "apps", "stats"); !regexp.MustCompile(`(?m)^default +\d+ +1 `).MatchString(got) {
		t.Errorf("apps stats printed %s", got)
	}
	p.fails(t, exitUsage, "name the app", "apps", "stats", "--by-script")
	if got := p.must(t, "health"); !strings.Contains(got, eachtest.Kind(t)) {
		t.Errorf("health printed %s", got)
	}
}

func TestLogs(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "say.rhai", `if ctx.request.query.level == "debug" { debug(1); } else { print(ctx.request.query.say); }`)
	p.must(t, "deploy", "say.rhai")
	say := func(text string) { p.must(t, "invoke", "say", "--query", "say="+text) }

	if lines := decode[[]wire.LogLine](t, p, "logs", "say"); len(lines) != 0 {
		t.Errorf("log of a script that never ran: %+v", lines)
	}
	// Following the empty log shows what comes, each line once.
	follower := p.command(t, "logs", "-f", "say", "--output", "json")
	stdout, err := follower.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	followed := bufio.NewScanner(stdout)
	for _, text := range []string{"one", "two", "three"} {
		say(text)
		var line wire.LogLine
		if !followed.Scan() {
			t.Fatalf("following ended before %q", text)
		}
		if err := json.Unmarshal(followed.Bytes(), &line); err != nil || line.Message != text {
			t.Errorf("followed %q, want the line %q", followed.Text(), text)
		}
	}
	if err := follower.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if followed.Scan() {
		t.Errorf("followed %q, want nothing more", followed.Text())
	}
	if err := follower.Wait(); err != nil {
		t.Errorf("following ended with %v, want success after an interrupt", err)
	}

	p.must(t, "invoke", "say", "--query", "level=debug")
	messages := func(args ...string) string {
		t.Helper()
		var texts []string
		for _, line := range decode[[]wire.LogLine](t, p, append([]string{"logs", "say"}, args...)...) {
			texts = append(texts, line.Message)
		}
		return strings.Join(texts, ",")
	}
	all := messages()
	if want := regexp.MustCompile(`^one,two,three,[^,]*1$`); !want.MatchString(all) {
		t.Errorf("log is %s, want %s", all, want)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--level", "info"}, "one,two,three"},
		{[]string{"--level", "info", "-n", "2"}, "two,three"},
		{[]string{"--since", "1h", "-n", "4"}, all},
		{[]string{"--since", "2999-01-01T00:00:00Z"}, ""},
	} {
		if got := messages(test.args...); got != test.want {
			t.Errorf("logs %v are %s, want %s", test.args, got, test.want)
		}
	}
	if got := p.must(t, "logs", "say", "-n", "1", "--level", "info"); !regexp.MustCompile(`^\d{4}-.* info  three\n$`).MatchString(got) {
		t.Errorf("printed %q", got)
	}
	p.fails(t, exitUsage, `--since must be a duration such as 10m or a time`, "logs", "say", "--since", "yesterday")
	p.fails(t, exitUsage, "--limit must be at least 1, got 0", "logs", "say", "-n", "0")
	p.fails(t, exitUsage, "--level must be one of", "logs", "say", "--level", "loud")
}

// Following a log that has lines begins with the newest of them.
func TestFollowBeginsWithNewestLines(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "say.rhai", `for i in 0..5 { print(i); }`)
	p.must(t, "deploy", "say.rhai")
	p.must(t, "invoke", "say")
	follower := p.command(t, "logs", "-f", "say", "-n", "3", "--output", "json")
	stdout, err := follower.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	followed := bufio.NewScanner(stdout)
	next := func() string {
		t.Helper()
		var line wire.LogLine
		if !followed.Scan() || json.Unmarshal(followed.Bytes(), &line) != nil {
			t.Fatalf("following ended with %q", followed.Text())
		}
		return line.Message
	}
	for _, want := range []string{"2", "3", "4"} {
		if got := next(); got != want {
			t.Errorf("followed %s, want %s", got, want)
		}
	}
	p.must(t, "invoke", "say")
	for _, want := range []string{"0", "1", "2", "3", "4"} {
		if got := next(); got != want {
			t.Errorf("followed %s, want %s", got, want)
		}
	}
	if err := follower.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := follower.Wait(); err != nil {
		t.Error(err)
	}
}

func TestUsageErrors(t *testing.T) {
	p := newPlace(t)
	p.fails(t, exitUsage, "unexpected argument bogus", "bogus")
	p.fails(t, exitUsage, "--output must be one of", "apps", "list", "--output", "xml")
	p.fails(t, exitUsage, "server address must be an http or https URL", "apps", "list", "--url", "localhost")
	p.env = append(p.env, "PICLOUD_TOKEN=x")
	p.fails(t, exitFailed, "cannot reach http://127.0.0.1:1: ", "apps", "list", "--url", "http://127.0.0.1:1")
}

// Ctrl-C ends what it was waited for: the command, and the execution on the server.
func TestInterruptedInvoke(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "slow/slow.rhai", `print("begun"); for i in 0..10000000 { kv::collection("c").get("k"); }`)
	p.write(t, "slow/picloud.yaml", "app: slow\nscripts:\n  - {name: slow, limits: {max_operations: 100000000, timeout_ms: 120000}}\n")
	p.must(t, "deploy", "slow")
	invoke := p.command(t, "invoke", "slow", "--app", "slow")
	var said strings.Builder
	invoke.Stderr = &said
	require.NoError(t, invoke.Start())
	require.Eventually(t, func() bool {
		return regexp.MustCompile(`(?m)^EXECUTIONS +1 running`).MatchString(p.must(t, "status"))
	}, patience, 20*time.Millisecond)
	require.NoError(t, invoke.Process.Signal(os.Interrupt))
	_ = invoke.Wait()
	require.Equal(t, 130, invoke.ProcessState.ExitCode(), said.String())
	require.Equal(t, "picloud: interrupted\n", said.String())
	require.Eventually(t, func() bool {
		ended := decode[[]wire.Execution](t, p, "executions", "list", "slow", "--app", "slow")
		return len(ended) == 1 && ended[0].Outcome == "cancelled"
	}, patience, 20*time.Millisecond)
}

// Without a script, logs has the lines of all of an app, in the order of time.
func TestLogsOfAnApp(t *testing.T) {
	p, _ := loggedIn(t)
	for _, name := range []string{"a", "b"} {
		p.write(t, name+".rhai", `print("from `+name+`")`)
		p.must(t, "deploy", name+".rhai")
	}
	for _, name := range []string{"b", "a", "b"} {
		p.must(t, "invoke", name)
	}
	type line struct {
		Script  string `json:"script_name"`
		Message string
	}
	var lines []line
	require.Eventually(t, func() bool {
		lines = decode[[]line](t, p, "logs")
		return len(lines) == 3
	}, patience, 20*time.Millisecond)
	require.Equal(t, []line{{"b", "from b"}, {"a", "from a"}, {"b", "from b"}}, lines)
	require.Len(t, decode[[]line](t, p, "logs", "-n", "2"), 2)
	require.Regexp(t, `(?m)^\S+ \S+ info +a: from a$`, p.must(t, "logs"))

	follower := p.command(t, "logs", "--follow", "--limit", "0", "--output", "json")
	stdout, err := follower.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, follower.Start())
	defer func() { _ = follower.Process.Signal(os.Interrupt); _ = follower.Wait() }()
	followed := bufio.NewScanner(stdout)
	ended, invoked := make(chan struct{}), make(chan struct{})
	go func() { // it may not follow yet when the first is written
		defer close(invoked)
		for {
			select {
			case <-ended:
				return
			default:
				p.run(t, "", "invoke", "a")
			}
		}
	}()
	going := followed.Scan()
	close(ended)
	<-invoked
	require.True(t, going)
	var got line
	require.NoError(t, json.Unmarshal(followed.Bytes(), &got))
	require.Equal(t, line{"a", "from a"}, got)
}
