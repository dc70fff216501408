package manifest

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// folder makes a folder of files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	dir := folder(t, map[string]string{
		"picloud.yaml": `
app: shop
name: The shop
scripts:
  - name: cart
    read_only: true
    limits:
      timeout_ms: 2000
      max_operations: 5
    routes:
      - GET /cart/:id
      - /cart
      - route: POST /paid
        signature: {scheme: stripe, secret: stripe-hooks, tolerance: 60}
  - name: prices
    kind: module
    file: lib/prices.rhai
secrets: [stripe-hooks, mail-key]
`,
		"cart.rhai":       "1",
		"lib/prices.rhai": "2",
	})
	got, err := Read(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, module := abi.KindEndpoint, abi.KindModule
	want := App{Ref: "shop", Name: "The shop", Create: true, Secrets: []string{"stripe-hooks", "mail-key"}, Scripts: []Script{
		{File: filepath.Join(dir, "lib/prices.rhai"), Name: "prices", Source: "2", Kind: &module, ReadOnly: new(false), Limits: &abi.Limits{}, Routes: []wire.RouteCreate{}},
		{File: filepath.Join(dir, "cart.rhai"), Name: "cart", Source: "1", Kind: &endpoint, ReadOnly: new(true),
			Limits: &abi.Limits{TimeoutMS: 2000, MaxOperations: 5},
			Routes: []wire.RouteCreate{{Method: "GET", Path: "/cart/:id"}, {Path: "/cart"},
				{Method: "POST", Path: "/paid", Signature: &wire.Signature{Scheme: "stripe", Secret: "stripe-hooks", Tolerance: 60}}}},
	}}
	got.file = onDisk{} // see TestLocated
	if !reflect.DeepEqual(got, want) {
		t.Errorf("app = %+v, want %+v", got, want)
	}
}

func TestReadRefuses(t *testing.T) {
	const head = "app: a\nscripts:\n  - name: s\n"
	for _, test := range []struct{ name, manifest, want string }{
		{"nothing", "", "is empty"},
		{"no app", "scripts: []", "app is missing"},
		{"no name", "app: a\nscripts:\n  - file: s.rhai", "scripts[0]: name is missing"},
		{"misspelt limit", head + "    routes: [{route: /x, rate_limit: {requests: 5, per: 60}}]", "line 4: field per is not known here"},
		{"domains of another kind", "app: a\ndomains: a.example", "line 2: cannot unmarshal !!str `a.example` into []string"},
		{"no domain", "app: a\ndomains: [a.example, '*']", `domains[1]: must be a host, as in api.example.com or *.example.com, got "*"`},
		{"a domain twice", "app: a\ndomains: [a.example, A.example.]", `domains[1]: "a.example" is there twice`},
		{"unknown field", head + "    rotues: []", "line 4: field rotues is not known here"},
		{"wrong type", head + "    routes: /x", "line 4: cannot unmarshal !!str `/x` into a list of routes"},
		{"unknown kind", head + "    kind: daemon", `scripts[0]: kind must be endpoint, module or plugin, got "daemon"`},
		{"missing plugin", head + "    kind: plugin", "scripts[0]: file: openat s.wasm: no such file or directory"},
		{"a plugin of text", head + "    kind: plugin\n    file: s.rhai", "scripts[0]: s.rhai is not a WebAssembly module"},
		{"text named as a plugin", head + "    file: text.wasm", "scripts[0]: text.wasm is not a WebAssembly module"},
		{"a plugin as endpoint", head + "    kind: endpoint\n    file: plugin.wasm", "scripts[0]: plugin.wasm is a WebAssembly module: its kind is plugin, not endpoint"},
		{"unknown limit", head + "    limits: {timeout: 5}", `scripts[0]: limits: unknown field "timeout"`},
		{"zero limit", head + "    limits: {timeout_ms: 0}", "scripts[0]: limits.timeout_ms must be at least 1, got 0"},
		{"bad route", head + "    routes: [GET]", `scripts[0]: routes[0]: route "GET" has no path`},
		{"routes of a module", head + "    kind: module\n    routes: [/x]", "scripts[0]: routes: a module cannot have any"},
		{"reserved path", head + "    routes: [GET /api/x]", `scripts[0]: routes[0]: path "/api/x" is reserved`},
		{"unknown method", head + "    routes: [FETCH /x]", `scripts[0]: routes[0]: method "FETCH" must be one of GET`},
		{"a route twice", head + "    routes: [/x, /y, ANY /x]", `scripts[0]: routes[2]: route ANY /x of s is there twice`},
		{"routes of two scripts", head + "    routes: [GET /x/:id]\n  - name: t\n    file: s.rhai\n    routes: [GET /x/:name]",
			`scripts[1]: routes[0]: route GET /x/:name of t conflicts with GET /x/:id of s`},
		{"used twice", head + "  - name: s", `scripts[1]: name "s" is used twice`},
		{"a secret twice", "app: a\nsecrets: [k, l, k]", `secrets[2]: name "k" is used twice`},
		{"a secret without a name", "app: a\nsecrets: ['']", "secrets[0]: name is missing"},
		{"a secret's value", "app: a\nsecrets: {k: v}", "line 2: cannot unmarshal !!map into []string"},
		{"unknown field of a route", head + "    routes: [{route: /x, signatures: {}}]", "field signatures is not known here"},
		{"missing file", head + "    file: gone.rhai", "scripts[0]: file: openat gone.rhai: no such file or directory"},
		{"file outside", head + "    file: ../secret", "scripts[0]: file: openat ../secret: path escapes from parent"},
		{"a folder", head + "    file: sub", "scripts[0]: file: sub is not a file"},
		{"too large", head + "    file: large.rhai", "scripts[0]: file: large.rhai is larger than 1048576 bytes"},
		{"not text", head + "    file: binary.rhai", "scripts[0]: binary.rhai:1:3: not valid UTF-8"},
		{"not YAML", "\tapp", "found character that cannot start any token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := folder(t, map[string]string{
				"picloud.yaml": test.manifest,
				"s.rhai":       "1",
				"sub/x.rhai":   "1",
				"large.rhai":   strings.Repeat(" ", maxSource+1),
				"binary.rhai":  "ab\xff",
				"text.wasm":    "1",
				"plugin.wasm":  "\x00asm",
			})
			_, err := Read(dir, "")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want it to say: %s", err, test.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), filepath.Join(dir, "picloud.yaml")+":") {
				t.Errorf("error %q does not begin with the manifest's path", err)
			}
		})
	}
}

func TestReadNeedsManifest(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(dir, "")
	if err == nil || !strings.Contains(err.Error(), dir+" is not deployable: openat picloud.yaml") {
		t.Errorf("error = %v, want one that names folder and file", err)
	}
}
