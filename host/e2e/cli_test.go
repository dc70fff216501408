package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
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
func (p *place) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A change is what a deploy says of one thing that it found or did.
type change struct {
	What, Name, Result, ID string
	Version                int64
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
	p.fails(t, exitFailed, "slug", "apps", "create", "No Spaces")
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
	if table := p.must(t, "apps", "list"); !regexp.MustCompile(`^SLUG +NAME +CREATED +ID\ndefault +Default +.*\nshop +The shop +.*\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	p.must(t, "apps", "delete", shop.ID)
	p.fails(t, exitFailed, "not found", "apps", "show", "shop")
}

func TestDeployFile(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "adder.rhai", "let x = 40;\nx + 2")
	for _, want := range []string{"created (version 1)", "unchanged (version 1)"} {
		if got := p.must(t, "deploy", "adder.rhai"); !strings.Contains(got, "script  adder  "+want) {
			t.Errorf("printed\n%s\nwant %s", got, want)
		}
	}
	p.write(t, "adder.rhai", "let x = 41;\nx + 2")
	if got := p.must(t, "deploy", "adder.rhai"); !strings.Contains(got, "script  adder  updated (version 2)") {
		t.Errorf("printed\n%s\nwant version 2", got)
	}
	const module = "export const STEP = 2;\nfn add(x) { x + global::STEP }"
	p.write(t, "lib.rhai", module)
	changes := decode[[]change](t, p, "deploy", "lib.rhai", "--kind", "module")
	if len(changes) != 1 || changes[0].What != "script" || changes[0].Name != "lib" || changes[0].Result != "created" || changes[0].Version != 1 {
		t.Errorf("changes = %+v", changes)
	}
	if s := decode[wire.Script](t, p, "scripts", "show", "lib"); s.ID != changes[0].ID || s.Kind != "module" || s.Source != module {
		t.Errorf("script = %+v", s)
	}
	if got := p.must(t, "scripts", "show", "lib", "--source"); got != module {
		t.Errorf("source is %q", got)
	}
	if table := p.must(t, "scripts", "list"); !regexp.MustCompile(`^NAME +KIND +VERSION +BYTES +UPDATED +ID\nadder +endpoint +2 .*\nhello +endpoint +1 .*\nlib +module +1 .*\n$`).MatchString(table) {
		t.Errorf("table is\n%s", table)
	}
	p.must(t, "scripts", "delete", "lib")
	p.fails(t, exitFailed, `app default has no script "lib": it has adder, hello`, "scripts", "show", "lib")

	p.must(t, "routes", "add", "adder", "GET", "/adder")
	if status, _, body := request(t, "GET", server.url+"/adder", ""); status != 200 || body != "43" {
		t.Errorf("GET /adder = %d %q, want 200 43", status, body)
	}
}

// A script that does not compile is shown with a caret, tabs and all, and what
// runs already goes on.
func TestDeployOfWrongScript(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "w.rhai", "1")
	p.must(t, "deploy", "w.rhai")
	p.write(t, "w.rhai", "// größer\n{\n\tlet \"ö\" = 4;\n}\n")
	r := p.run(t, "", "deploy", "w.rhai")
	want := "  3 | \tlet \"ö\" = 4;\n    | \t    ^\n"
	if r.status != exitFailed || !strings.HasPrefix(r.stderr, "picloud: error: w.rhai:3:6: ") || !strings.HasSuffix(r.stderr, want) || r.stdout != "" {
		t.Errorf("%s\nwant status 1 and the error at w.rhai:3:6 with\n%s", r, want)
	}
	if s := decode[wire.Script](t, p, "scripts", "show", "w"); s.Version != 1 || s.Source != "1" {
		t.Errorf("script is %+v after a refused deploy, want version 1", s)
	}

	r = p.run(t, "", "scripts", "validate", "w", "w.rhai")
	if r.status != exitFailed || !strings.HasSuffix(r.stderr, want) {
		t.Errorf("%s\nwant\n%s", r, want)
	}
	if got := p.must(t, "scripts", "validate", "w"); got != "w is valid.\n" {
		t.Errorf("printed %q", got)
	}
	p.write(t, "binary.rhai", "ab\xff")
	p.fails(t, exitUsage, "binary.rhai:1:3: not valid UTF-8", "deploy", "binary.rhai")
	p.write(t, "large.rhai", strings.Repeat(" ", 1<<20+1))
	p.fails(t, exitUsage, "large.rhai is larger than 1048576 bytes", "deploy", "large.rhai")
	p.fails(t, exitUsage, "no such file", "deploy", "gone.rhai")
}

func TestDeployFolder(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "shop/picloud.yaml", `
app: shop
name: Shop
scripts:
  - name: cart
    routes: [GET /cart, POST /cart]
  - name: old
    routes: [GET /old]
`)
	p.write(t, "shop/cart.rhai", "`cart`")
	p.write(t, "shop/old.rhai", "`old`")
	results := func(args ...string) string {
		t.Helper()
		var lines []string
		for _, c := range decode[[]change](t, p, append([]string{"deploy", "shop"}, args...)...) {
			lines = append(lines, c.What+" "+c.Name+" "+c.Result)
		}
		return strings.Join(lines, "\n")
	}
	check := func(step, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", step, got, want)
		}
	}
	check("first deploy", results(), "app shop created\nscript cart created\nscript old created\n"+
		"route GET /cart created\nroute POST /cart created\nroute GET /old created")
	check("again", results(), "script cart unchanged\nscript old unchanged\n"+
		"route GET /cart unchanged\nroute POST /cart unchanged\nroute GET /old unchanged")
	if status, _, body := request(t, "GET", server.url+"/old", ""); status != 200 || body != "old" {
		t.Errorf("GET /old = %d %q", status, body)
	}

	// A script and a route go, a route moves, limits and the app's name change.
	p.write(t, "shop/picloud.yaml", `
app: shop
name: The shop
scripts:
  - name: cart
    limits: {timeout_ms: 500}
    routes: [GET /cart, GET /old]
`)
	p.fails(t, exitFailed, "route GET /old of cart conflicts with GET /old of old, which is deployed and not in this manifest", "deploy", "shop")
	if s := decode[wire.Script](t, p, "scripts", "show", "cart", "-a", "shop"); s.Version != 1 {
		t.Errorf("a deploy that was refused has made version %d", s.Version)
	}
	changes := "app shop updated\nscript cart updated\nscript old deleted\n" +
		"route POST /cart deleted\nroute GET /cart unchanged\nroute GET /old created"
	check("dry run", results("--prune", "--dry-run"), changes)
	check("the dry run did nothing", results("--prune", "--dry-run"), changes)
	check("after a change", results("--prune"), changes)
	if app := decode[wire.App](t, p, "apps", "show", "shop"); app.Name != "The shop" {
		t.Errorf("the app's name is %q", app.Name)
	}
	if s := decode[wire.Script](t, p, "scripts", "show", "cart", "-a", "shop"); s.Limits.TimeoutMS != 500 || s.Version != 2 {
		t.Errorf("script = %+v, want version 2 with a limit", s)
	}
	if status, _, body := request(t, "GET", server.url+"/old", ""); status != 200 || body != "cart" {
		t.Errorf("GET /old = %d %q", status, body)
	}
	if status, _, _ := request(t, "POST", server.url+"/cart", ""); status == 200 {
		t.Error("POST /cart is still answered")
	}
	p.fails(t, exitUsage, "is not deployable", "deploy", "bin")
	p.fails(t, exitUsage, "--name and --kind are for a single script", "deploy", "shop", "--name", "x")
}

func TestRoutes(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "user.rhai", "`user`")
	p.must(t, "deploy", "user.rhai")
	if got, want := p.must(t, "routes", "add", "user", "get", "/users/:id"), "Route GET /users/:id bound to user.\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	p.must(t, "routes", "add", "user", "*.example.com/in/*")
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

	p.must(t, "routes", "delete", "GET", "/users/:id")
	p.fails(t, exitFailed, `app default has no route "GET /users/:id"`, "routes", "delete", "GET", "/users/:id")
}

func TestInvoke(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "echo.rhai", `let r = ctx.request;
print("seen " + r.method);
if r.method == "DELETE" { throw "no"; }
#{ statusCode: 201, headers: #{ "x-seen": "yes" }, body: #{ body: r.body, path: r.path, id: r.params.id, q: r.query.q, h: r.headers["x-a"] } }`)
	p.must(t, "deploy", "echo.rhai")
	r := p.run(t, "", "invoke", "echo", "--data", `{"n":9007199254740993}`, "-H", "X-A: b: c", "--path", "/p", "--param", "id=7", "--query", "q=x y")
	if want := regexp.MustCompile(`^201  \([0-9.]+(µs|ms|s), [0-9]+ operations\)\n` + regexp.QuoteMeta(`{"body":{"n":9007199254740993},"h":"b: c","id":"7","path":"/p","q":"x y"}`) + "\n$"); r.status != exitOK || !want.MatchString(r.stdout) {
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
	p.fails(t, exitUsage, `--header must be NAME: VALUE, got "x"`, "invoke", "echo", "-H", "x")
	p.fails(t, exitUsage, "--data: open gone: no such file or directory", "invoke", "echo", "-d", "@gone")
	p.fails(t, exitUsage, "--event must be a JSON object", "invoke", "echo", "--event", "[1]")
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
