package e2e

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

// A change is what a deploy says of one thing that it found or did.
type change struct {
	What, Name, Result, ID string
	Version                int64
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
	p.must(t, "scripts", "delete", "lib", "-y")
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
	// A file that is no script is compiled with the modules of an app, and without a server with those beside it.
	p.write(t, "prices.rhai", "fn of(x) { x * 2 }")
	p.write(t, "cart.rhai", "import \"prices\" as p;\nimport \"gone\" as g;\np::of(1)")
	p.fails(t, exitFailed, "cart.rhai:1:8: ", "scripts", "validate", "cart.rhai")
	p.fails(t, exitFailed, "w.rhai:3:6: ", "scripts", "validate", "w.rhai")
	if got := p.must(t, "scripts", "validate", "prices.rhai", "--kind", "module"); got != "prices.rhai is valid.\n" {
		t.Errorf("printed %q", got)
	}
	const nowhere = "http://127.0.0.1:1"
	if r := p.run(t, "", "scripts", "validate", "cart.rhai", "--url", nowhere); r.status != exitOK || r.stdout != "cart.rhai is valid.\n" ||
		!strings.Contains(r.stderr, "compiled without a server: nobody has looked at what it imports, gone") {
		t.Error(r)
	}
	if r := p.run(t, "", "scripts", "validate", "w.rhai", "--url", nowhere); r.status != exitFailed || !strings.HasSuffix(r.stderr, want) {
		t.Errorf("%s\nwant\n%s", r, want)
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
	check("after a change", results("--prune", "--yes"), changes)
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

// A dry run shows what would be otherwise, line by line, and changes nothing. Where nobody can be asked,
// --prune asks nothing.
func TestDryRunIsADiff(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nname: Shop\nscripts: [{name: cart, routes: [GET /cart]}, {name: old}]\n")
	p.write(t, "shop/cart.rhai", "let a = 1;\na\n")
	p.write(t, "shop/old.rhai", "1")
	p.must(t, "deploy", "shop")
	p.write(t, "shop/picloud.yaml", "app: shop\nname: The shop\nsecrets: [key]\nscripts: [{name: cart, limits: {timeout_ms: 500}, "+
		"routes: [{route: GET /cart, dispatch: async}, POST /cart]}]\n")
	p.write(t, "shop/cart.rhai", "let a = 2;\na\n")
	const want = `~ app shop  would be updated: name
    -name: "Shop"
    +name: "The shop"
! secret key  would be missing
    is not set, and the app needs it: picloud secrets set key --app shop
~ script cart  would be updated (version 2): source, limits
    @@ -1,2 +1,2 @@
    -let a = 1;
    +let a = 2;
     a
    -limits: {}
    +limits: {"timeout_ms":500}
- script old  would be deleted
~ route GET /cart  would be updated: dispatch
    -dispatch: "sync"
    +dispatch: "async"
+ route POST /cart  would be created
0 of 6 would stay as they are.
`
	for range 2 {
		if got := p.must(t, "deploy", "shop", "--dry-run", "--prune"); got != want {
			t.Errorf("printed\n%s\nwant\n%s", got, want)
		}
	}
	if got := p.must(t, "deploy", "shop", "--dry-run"); !strings.HasSuffix(got, "left: script old (delete with --prune)\n0 of 5 would stay as they are.\n") {
		t.Errorf("printed\n%s\nwant what would be left", got)
	}
	p.must(t, "deploy", "shop", "--prune", "--yes")
	p.fails(t, exitFailed, `no script "old"`, "scripts", "show", "old", "--app", "shop")
}

// A deploy that is refused leaves nothing behind: not the scripts before the one that is wrong, not the app.
func TestDeployIsAllOrNothing(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nstatic: public/ -> /pages\nscripts: [{name: a, routes: [GET /a]}, {name: b}]\n"+
		"triggers: [{name: t, kind: cron, script: a, schedule: '@daily'}]\n")
	p.write(t, "shop/public/index.html", "page")
	p.write(t, "shop/a.rhai", "`one`")
	p.write(t, "shop/b.rhai", "let")
	for _, args := range [][]string{{"--dry-run"}, nil} {
		p.fails(t, exitFailed, "b.rhai:1:4: ", append([]string{"deploy", "shop"}, args...)...)
	}
	p.fails(t, exitFailed, "there is no app shop, or you are not a member of it", "apps", "show", "shop")
	p.write(t, "shop/b.rhai", "1")
	p.must(t, "deploy", "shop")

	// A dry run is refused as the deploy would be, after it has told what that is.
	p.write(t, "shop/b.rhai", "let")
	if r := p.run(t, "", "deploy", "shop", "--dry-run"); r.status != exitFailed || !strings.Contains(r.stderr, "b.rhai:1:4: ") || !strings.Contains(r.stdout, "~ script b  would be updated") {
		t.Errorf("%s\nwant the plan, and that b does not compile", r)
	}
	p.write(t, "shop/b.rhai", "2")
	p.must(t, "deploy", "shop", "--dry-run")
	if s := decode[wire.Script](t, p, "scripts", "show", "b", "--app", "shop"); s.Version != 1 || s.Source != "1" {
		t.Errorf("after a dry run b is %+v", s)
	}

	p.write(t, "shop/a.rhai", "`two`")
	p.write(t, "shop/public/index.html", "another")
	p.write(t, "shop/picloud.yaml", "app: shop\nstatic: public/ -> /pages\nscripts: [{name: a, routes: [GET /c]}]\n"+
		"triggers: [{name: t, kind: cron, script: a, schedule: 'every full moon'}]\n")
	p.fails(t, exitFailed, "trigger t: ", "deploy", "shop", "--prune", "--yes")
	for path, want := range map[string]string{"/a": "one", "/pages/": "page"} {
		if status, _, body := request(t, "GET", server.url+path, ""); status != 200 || body != want {
			t.Errorf("GET %s = %d %q after a deploy that was refused, want %q", path, status, body, want)
		}
	}
	if files := decode[[]wire.File](t, p, "files", "list", "@static", "--app", "shop"); len(files) != 1 {
		t.Errorf("%d files of sites are there, want the one of before", len(files))
	}
	p.must(t, "scripts", "show", "b", "--app", "shop")
}

// Seeds are a part of the deploy: when one entry is refused there is nothing of it, and no app. The triggers that the
// deploy makes hear of them.
func TestSeedsAreAllOrNothing(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts: [{name: told}]\ntriggers: [{name: t, kind: docs, script: told, collection: products}]\n"+
		"seed: {kv: {settings: s.json}, docs: {products: p.json}, files: {pictures: pictures}}\n")
	p.write(t, "shop/told.rhai", `kv::collection("told").incr("n", 1)`)
	p.write(t, "shop/s.json", `{"motd": "Welcome"}`)
	p.write(t, "shop/p.json", `[{"n": 1}, 2]`)
	p.write(t, "shop/pictures/a.txt", "a")
	for _, args := range [][]string{{"--dry-run"}, nil} {
		p.fails(t, exitFailed, "seed docs products: document 2 of p.json: ", append([]string{"deploy", "shop"}, args...)...)
	}
	p.fails(t, exitFailed, "there is no app shop, or you are not a member of it", "apps", "show", "shop")
	p.write(t, "shop/p.json", `[{"n": 1}, {"n": 2}]`)
	p.must(t, "deploy", "shop", "--dry-run")
	p.must(t, "deploy", "shop")
	require.Equal(t, "\"Welcome\"\n", p.must(t, "kv", "get", "settings", "motd", "--app", "shop"))
	require.Len(t, decode[[]wire.File](t, p, "files", "list", "pictures", "--app", "shop"), 1)
	require.Empty(t, decode[[]wire.File](t, p, "files", "list", "@static", "--app", "shop"))
	require.Eventually(t, func() bool { return p.run(t, "", "kv", "get", "told", "n", "--app", "shop").stdout == "2\n" }, patience, 10*time.Millisecond)

	// Written over, whole or not at all.
	p.write(t, "shop/s.json", `{"motd": "Hello"}`)
	p.write(t, "shop/p.json", `[3]`)
	p.write(t, "shop/pictures/a.txt", "other")
	p.fails(t, exitFailed, "seed docs products: document 1 of p.json: ", "deploy", "shop", "--seed")
	require.Equal(t, "\"Welcome\"\n", p.must(t, "kv", "get", "settings", "motd", "--app", "shop"))
	p.write(t, "shop/p.json", "["+strings.Repeat(`"`+strings.Repeat("x", 1<<20)+`",`, 10)+"1]")
	p.fails(t, exitFailed, "not be larger than 10485760 bytes: max_body_bytes of the server bounds it, and it has the seed's entries and documents", "deploy", "shop", "--seed")
	p.write(t, "shop/p.json", `[]`)
	p.must(t, "deploy", "shop", "--seed")
	require.Equal(t, "\"Hello\"\n", p.must(t, "kv", "get", "settings", "motd", "--app", "shop"))
	files := decode[[]wire.File](t, p, "files", "list", "pictures", "--app", "shop")
	require.Len(t, files, 1)
	require.EqualValues(t, 5, files[0].Size)
}

// A secret that is not among those of the manifest is listed, and goes with --prune. What the manifest says nothing of stays.
func TestPruneOfSecrets(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\ndomains: [a.example, b.example]\nsecrets: [kept]\nscripts: [{name: a, routes: [GET a.example/a]}]\n")
	p.write(t, "shop/a.rhai", "1")
	p.must(t, "deploy", "shop")
	for _, name := range []string{"kept", "old"} {
		require.Equal(t, exitOK, p.run(t, "value", "secrets", "set", name, "--app", "shop").status)
	}
	require.Contains(t, p.must(t, "deploy", "shop", "--dry-run"), "left: secret old (delete with --prune)\n")
	p.must(t, "deploy", "shop")
	p.write(t, "silent/a.rhai", "1")
	p.write(t, "silent/picloud.yaml", "app: shop\nscripts: [{name: a, routes: [GET a.example/a]}]\n")
	p.must(t, "deploy", "silent", "--prune", "--yes")
	require.Len(t, decode[[]wire.Secret](t, p, "secrets", "list", "--app", "shop"), 2)
	p.must(t, "deploy", "shop", "--prune", "--yes")
	secrets := decode[[]wire.Secret](t, p, "secrets", "list", "--app", "shop")
	require.Len(t, secrets, 1)
	require.Equal(t, "kept", secrets[0].Name)
	domains := decode[[]wire.Domain](t, p, "domains", "list", "--app", "shop")
	require.Len(t, domains, 2)
}

// What is wrong with a manifest is found before anything is done: nothing of it is there then.
func TestDeployFindsConflictsFirst(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "a.rhai", "1")
	for says, routes := range map[string]string{
		"scripts[1]: routes[0]: route GET /x/:name of b conflicts with GET /x/:id of a": "[GET /x/:id]; [GET /x/:name]",
		"scripts[0]: routes[1]: route GET /x of a is there twice":                       "[GET /x, get /x]; []",
		`scripts[1]: routes[0]: path "/api/x" is reserved`:                              "[GET /x]; [/api/x]",
	} {
		of, rest, _ := strings.Cut(routes, "; ")
		p.write(t, "picloud.yaml", "app: shop\nscripts:\n"+
			"  - {name: a, routes: "+of+"}\n  - {name: b, file: a.rhai, routes: "+rest+"}\n")
		p.fails(t, exitUsage, says, "deploy", ".")
		p.fails(t, exitFailed, "there is no app shop", "apps", "show", "shop")
	}
}

// The manifest itself stands for its folder, and no other YAML is a script.
func TestDeployManifestFile(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts: [{name: cart}]\n")
	p.write(t, "shop/cart.rhai", "1")
	if got := p.must(t, "deploy", "shop/picloud.yaml"); !strings.Contains(got, "script  cart  created (version 1)") {
		t.Errorf("printed\n%s", got)
	}
	p.write(t, "shop.yml", "app: shop")
	p.fails(t, exitUsage, "shop.yml is not a script: a manifest is called picloud.yaml", "deploy", "shop.yml")
}

// A slip in --app makes no app.
func TestDeployToMissingApp(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "a.rhai", "1")
	p.fails(t, exitFailed, "there is no app defualt: did you mean default? With --create-app it is created", "deploy", "a.rhai", "--app", "defualt")
	p.fails(t, exitFailed, "there is no app shop: with --create-app it is created", "deploy", "a.rhai", "--app", "shop")
	if apps := decode[[]wire.App](t, p, "apps", "list"); len(apps) != 1 {
		t.Errorf("apps are %+v, want default alone", apps)
	}
	p.must(t, "deploy", "a.rhai", "--app", "shop", "--create-app")
	p.must(t, "scripts", "show", "a", "--app", "shop")
}

// A route that another app answers first is warned of, whatever is deployed.
func TestDeployWarns(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "shop/picloud.yaml", "app: shop\nscripts: [{name: cart, routes: [/hello]}]\n")
	p.write(t, "shop/cart.rhai", "1")
	r := p.run(t, "", "deploy", "shop")
	const warning = "route ANY /hello: the route GET /hello of the app default answers the same requests first"
	if r.status != exitOK || r.stderr != "warning: "+warning+"\n" {
		t.Errorf("%s\nwant the warning on standard error", r)
	}
	p.must(t, "apps", "delete", "shop", "--yes")
	r = p.run(t, "", "deploy", "shop", "--output", "json")
	if r.status != exitOK || r.stderr != `{"warning":"`+warning+`"}`+"\n" || !strings.Contains(r.stdout, `"warning": "the route GET /hello`) {
		t.Errorf("%s\nwant the warning as JSON, and in the result", r)
	}
}

// A byte order mark, as some editors write it, is no part of a script or a manifest.
func TestDeployOfByteOrderMark(t *testing.T) {
	p, _ := loggedIn(t)
	p.write(t, "picloud.yaml", "\ufeffapp: shop\nscripts: [{name: a}]\n")
	p.write(t, "a.rhai", "\ufeff40 + 2")
	p.must(t, "deploy", ".")
	if got := p.must(t, "scripts", "show", "a", "--source", "--app", "shop"); got != "40 + 2" {
		t.Errorf("source is %q", got)
	}
	if got := p.must(t, "deploy", "."); !strings.Contains(got, "script  a     unchanged (version 1)") {
		t.Errorf("printed\n%s", got)
	}
}

// Domains and limits of routes are deployed and compared like routes.
func TestDeployDomainsAndLimits(t *testing.T) {
	p, server := loggedIn(t)
	p.write(t, "shop/s.rhai", `"shop"`)
	write := func(domains, limit string) {
		p.write(t, "shop/picloud.yaml", "app: shop\n"+domains+"scripts:\n  - name: s\n    routes:\n      - {route: GET shop.example/x"+limit+"}\n      - GET /y\n")
	}
	deploy := func(want ...string) {
		t.Helper()
		var got []string
		for _, c := range decode[[]change](t, p, "deploy", "shop") {
			if c.Result != "unchanged" {
				got = append(got, c.What+" "+c.Name+" "+c.Result)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("deploy did %q, want %q", got, want)
		}
	}
	visit := func() (status int, policy string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.url+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "shop.example"
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode, response.Header.Get("RateLimit-Policy")
	}
	write("", "")
	p.fails(t, exitFailed, "the host shop.example is not claimed by the app", "deploy", "shop")
	write("domains: [shop.example, '*.Shop.Example.']\n", ", rate_limit: {requests: 1, per_seconds: 3600, by: 'header:X-Key'}")
	deploy("app shop created", "script s created", "domain shop.example created", "domain *.shop.example created", "route GET shop.example/x created", "route GET /y created")
	deploy()
	for _, want := range []int{200, 429} {
		if status, policy := visit(); status != want || policy != `"route";q=1;w=3600` {
			t.Errorf("GET shop.example/x = %d with %s, want %d", status, policy, want)
		}
	}
	write("domains: [shop.example]\n", "")
	deploy("route GET shop.example/x updated", "domain *.shop.example deleted")
	if status, policy := visit(); status != 200 || policy != "" {
		t.Errorf("GET shop.example/x = %d with %s, without a limit", status, policy)
	}
}
