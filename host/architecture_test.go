// Package host has no code: it is the folder of the server's packages. Its one test holds them to
// the architecture, which is the table of rooms below.
package host

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/picloud/picloud/"

// A room is a package, or with "/..." a folder of packages that may import one another, and what of
// this repository it may import.
type room struct {
	name       string
	mayImport  []string
	speaksHTTP bool // may import a library of HTTP; then it has no rules
}

// house is the whole repository, from the roof to the cellar: a room may import rooms further down
// only. Where several rows fit a package, the longest name counts.
//
//	cmd -> cli, server -> api, front, dashboard -> catalog, dispatch, identity -> executions
//	    -> hostcalls, sandbox -> the services, events -> store
//
// Everything in host may also import the foundation.
var house = []room{
	// Tests and what is measured. A benchmark may look into everything but the roof.
	{"host", nil, false},
	{"host/e2e", []string{"host/server", "host/cli/...", "host/config"}, false}, // whose store and settings it reads
	{"host/bench/...", []string{
		"host/e2e/hostile",
		"host/client", "host/api/wire", "host/catalog", "host/executions", "host/hostcalls", "host/sandbox/...",
		"host/kv", "host/docs", "host/files", "host/fetch", "host/routing", "host/config",
		"host/store/sqlite", "host/store/postgres", "host/store/pgtest", "host/store", "host/events", "host/events/schedule", "host/dispatch",
	}, true},
	{"host/e2e/hostile", []string{"host/client", "host/api/wire", "host/sandbox/..."}, false}, // attacks, for both

	// Commands. Nothing imports cmd, cli or server but what is above them.
	{"host/cmd/picloud", []string{"host/cli/...", "host/server", "host/config", "host/apptest", "host/apptest/bench", "host/backup/archive"}, false},
	{"host/cmd/rhai", []string{"host/sandbox/...", "plugins/rhai/..."}, false},
	{"host/cli/...", []string{ // routing: for what conflicts in a manifest; plugins/rhai: to compile without a server
		"host/client", "host/api/wire", "host/apptest", "host/archive/pack", "host/backup/archive", "host/routing", "host/sites", "host/reference", "plugins/rhai/...",
	}, true},
	{"host/server", []string{
		"host/apptest/bench", "host/client", // for the server that tests of an app run on
		"host/dashboard", "host/api", "host/front/...", "host/backup", "host/backup/archive",
		"host/archive", "host/catalog", "host/dispatch", "host/identity", "host/executions", "host/hostcalls", "host/sandbox/...",
		"host/events", "host/events/schedule", "host/realtime", "host/relay", "host/kv", "host/docs", "host/files", "host/fetch", "host/secrets",
		"host/domains", "host/quota", "host/audit", "host/authz", "host/routing", "host/config",
		"host/store/sqlite", "host/store/postgres", "host/store",
	}, false},

	// Tests that the authors of apps write, and what runs them.
	{"host/apptest/bench", []string{
		"host/apptest", "host/client", "host/api/wire", "host/dispatch", "host/executions", "host/sandbox/...", "host/events/schedule", "host/store",
	}, true}, // a call of a test is a request
	{"host/apptest", []string{"plugins/rhai/..."}, false},

	{"host/api/apitest", []string{ // for tests
		"host/api", "host/archive", "host/front/...", "host/api/wire", "host/catalog", "host/dispatch", "host/identity", "host/executions", "host/hostcalls", "host/sandbox/...",
		"host/events", "host/realtime", "host/kv", "host/docs", "host/files", "host/fetch", "host/secrets", "host/quota", "host/audit", "host/authz", "host/backup", "host/store/eachtest", "host/store",
	}, true},

	// What the pages that people read are made by, with the bounds that the services have.
	{"host/reference/generate", []string{
		"host/reference", "host/events", "host/kv", "host/docs", "host/files", "host/store", "plugins/rhai/bridge/reference", "plugins/rhai/conformance",
	}, false},

	// Handlers translate.
	{"host/dashboard", []string{"host/front/...", "host/api/problem"}, true},
	{"host/api", []string{
		"host/front/...", "host/api/contract", "host/api/wire", "host/api/problem", "host/archive", "host/catalog", "host/dispatch", "host/identity", "host/executions",
		"host/events", "host/events/schedule", "host/kv", "host/docs", "host/files", "host/secrets", "host/domains", "host/quota", "host/audit",
		"host/authz", "host/backup", "host/routing", "host/store", "host/reference",
	}, true},
	{"host/front/...", []string{ // edge below fasthttp, which reads heads as http1 has them; budget of bytes; content in parts; codings
		"host/api/problem", "host/catalog", "host/dispatch", "host/identity", "host/executions", "host/events", "host/realtime", "host/files",
		"host/sites", "host/secrets", "host/signing", "host/domains", "host/quota", "host/audit", "host/authz", "host/form", "host/routing", "host/store",
	}, true},
	{"host/client", []string{"host/api/wire"}, true},
	{"host/api/contract", []string{"host/api/problem", "host/api/wire"}, true},
	{"host/api/problem", []string{"host/api/wire"}, true},
	{"host/api/wire", nil, false},

	// A whole app as one stream of bytes.
	{"host/archive", []string{"host/archive/pack", "host/catalog", "host/kv", "host/docs", "host/files", "host/secrets", "host/sites", "host/authz", "host/routing", "host/store"}, false},

	// The rules about what is kept, and about when something runs.
	{"host/catalog", []string{
		"host/sites", "host/executions", "host/sandbox/...", "host/events", "host/events/schedule", "host/domains", "host/quota", "host/audit",
		"host/secrets", "host/signing", "host/authz", "host/routing", "host/store",
	}, false},
	{"host/dispatch", []string{"host/executions", "host/events", "host/events/schedule", "host/quota", "host/authz", "host/store"}, false},
	{"host/relay", []string{"host/executions", "host/form", "host/store"}, false},
	{"host/backup", []string{"host/backup/archive", "host/files", "host/events/schedule", "host/store"}, false},
	{"host/backup/archive", []string{"host/archive/pack", "host/store"}, false},
	{"host/archive/pack", nil, false}, // of many files, for apps and backups
	{"host/identity", []string{"host/audit", "host/authz", "host/store"}, false},

	// Running a script, and what it asks for.
	{"host/executions", []string{"host/sites", "host/hostcalls", "host/sandbox/...", "host/events", "host/quota", "host/authz", "host/store", "host/reference"}, false},
	{"host/hostcalls", []string{
		"host/sites", "host/events", "host/kv", "host/docs", "host/files", "host/fetch", "host/secrets", "host/quota", "host/authz", "host/store",
		"host/signing",
	}, false},
	{"host/sandbox/...", nil, false},

	// Services know the store and nothing of one another.
	{"host/events", []string{"host/events/schedule", "host/events/subscriber", "host/docs", "host/sites", "host/store"}, false}, // docs: for the language of filters
	{"host/events/schedule", nil, false},
	{"host/realtime", []string{"host/events/subscriber", "host/store"}, false},
	{"host/events/subscriber", []string{"host/store"}, false},
	{"host/kv", []string{"host/store"}, false},
	{"host/docs", []string{"host/store"}, false},
	{"host/files", []string{"host/store"}, false},
	{"host/secrets", []string{"host/store"}, false},
	{"host/fetch", nil, true}, // HTTP to other servers is its subject
	{"host/quota", []string{"host/store"}, false},
	{"host/audit", []string{"host/store"}, false},
	{"host/authz", []string{"host/store"}, false},
	{"host/routing", []string{"host/domains", "host/store"}, false},
	{"host/domains", []string{"host/store"}, false},
	{"host/signing", nil, false},
	{"host/sites", nil, false},
	{"host/form", nil, false},
	{"host/config", nil, false},

	// What people read.
	{"host/reference", nil, false},

	// Persistence. Who chooses a database is the server alone.
	{"host/store/eachtest", []string{"host/store/pgtest", "host/store/sqlite", "host/store/postgres", "host/store"}, false}, // for tests
	{"host/store/sqlite", []string{"host/store/sqlstore", "host/store", "migrations"}, false},
	{"host/store/postgres", []string{"host/store/sqlstore", "host/store", "migrations"}, false},
	{"host/store/sqlstore", []string{"host/store/sqlstore/segment", "host/store"}, false},
	{"host/store/sqlstore/segment", []string{"host/store"}, false}, // how executions are kept together
	{"host/store/storetest", []string{"host/store"}, false},        // for tests
	{"host/store/pgtest", nil, false},                              // for tests
	{"host/store", nil, false},
	{"migrations", nil, false},

	// The foundation.
	{"host/background/...", nil, false},
	{"host/fault", nil, true}, // whose table names the statuses

	// The language, plugins' SDK and the contract that both share with the host.
	{"plugins/rhai/bridge/reference", []string{"abi/..."}, false}, // which the interpreter does not import
	{"plugins/rhai/conformance", []string{"plugins/rhai/...", "abi/..."}, false},
	{"plugins/rhai/...", []string{"abi/..."}, false},
	{"abi/...", nil, false},
}

// outside are the packages that are not part of the server: what authors of plugins use. sdktest
// runs their code against the server's own services, and nothing in the house imports any of it.
var outside = []room{
	{"examples/...", []string{"guest-sdk/..."}, false},
	{"guest-sdk/sdktest", []string{
		"guest-sdk/...", "host/hostcalls", "host/events", "host/events/subscriber", "host/kv", "host/docs", "host/files", "host/fetch", "host/secrets", "host/form", "host/fault", "host/store/sqlite", "host/store", "abi/...",
	}, true},
	{"guest-sdk/...", []string{"abi/..."}, false},
}

// foundation is what every package of host may import.
var foundation = []string{"abi/...", "host/fault", "host/background/..."}

// roof is what a test of another package may not import either.
var roof = []string{"host/cmd/picloud", "host/cmd/rhai", "host/cli/...", "host/server"}

// notYet are rooms of later parts, which nobody has built.
var notYet = []string{}

// knownExceptions are what is wrong and known, as the test words it. It should be empty; one that
// no longer holds has to go, or the test fails.
var knownExceptions = []string{}

// TestArchitecture compares what each package imports with the house. It reads the sources of all
// platforms and build tags; since what a package may import is bounded for every package, so is
// what it depends on.
func TestArchitecture(t *testing.T) {
	packages := readPackages(t, "..")
	require.NotEmpty(t, packages)
	rooms := slices.Concat(outside, house)
	found := map[string]bool{}
	inhabited := map[string]bool{}
	for _, p := range packages {
		r := roomOf(rooms, p.name)
		if r == nil {
			found[p.name+" has no row"] = true
			continue
		}
		inhabited[r.name] = true
		for _, imported := range p.imports {
			if !allowed(r, imported) && !contains(r.name, imported) {
				found[p.name+" imports "+imported] = true
			}
			if isHTTP(imported) && !r.speaksHTTP {
				found[p.name+" has rules, and imports "+imported] = true
			}
		}
		for _, imported := range p.testImports {
			if !allowedInTest(r, imported) && !contains(r.name, imported) {
				found["a test of "+p.name+" imports "+imported] = true
			}
		}
		if r.speaksHTTP && p.transaction != "" && !contains("host/bench/...", p.name) {
			found[p.name+" speaks HTTP, and begins a transaction in "+p.transaction] = true
		}
	}
	for _, r := range rooms {
		if !inhabited[r.name] && !slices.Contains(notYet, r.name) {
			found[r.name+" is a row without a package"] = true
		}
		if inhabited[r.name] && slices.Contains(notYet, r.name) {
			found[r.name+" is there, and still in the list notYet"] = true
		}
	}
	for _, finding := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(knownExceptions, finding) {
			t.Errorf("%s: see the table house in this file", finding)
		}
	}
	for _, exception := range knownExceptions {
		if !found[exception] {
			t.Errorf("strike %q from knownExceptions: it is no longer so", exception)
		}
	}
}

// The table's own arrows point one way.
func TestHouseHasNoArrowUp(t *testing.T) {
	var names []string
	for _, r := range house {
		names = append(names, r.name)
	}
	for i, r := range house {
		assert.Equal(t, i, slices.Index(names, r.name), "%s has two rows", r.name)
		for _, target := range r.mayImport {
			assert.Greater(t, slices.Index(names, target), i, "%s -> %s: there must be a row for it further down", r.name, target)
		}
	}
	for _, name := range slices.Concat(foundation, roof, notYet) {
		assert.Contains(t, names, name)
	}
}

// The README's table of folders is complete, and has nothing that is not there.
func TestReadmeShowsTheHouse(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	var shown []string
	for _, name := range regexp.MustCompile("`(host/[a-z0-9]+)/`").FindAllSubmatch(readme, -1) {
		shown = append(shown, string(name[1]))
	}
	var folders []string
	for _, r := range house {
		parts := strings.Split(r.name, "/")
		if parts[0] == "host" && len(parts) > 1 && !slices.Contains(notYet, r.name) {
			folders = append(folders, "host/"+parts[1])
		}
	}
	slices.Sort(shown)
	slices.Sort(folders)
	assert.Equal(t, slices.Compact(folders), shown)
}

// A sourcePackage is a folder with Go files.
type sourcePackage struct {
	name        string   // its path below the module's
	imports     []string // of its files but the tests: of this repository below the module's path, others in full
	testImports []string // of its tests
	transaction string   // a file of it that calls InTx, if there is one
}

// readPackages parses every Go file below root, but those that are data of tests.
func readPackages(t *testing.T, root string) []*sourcePackage {
	byName := map[string]*sourcePackage{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		below, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		name := filepath.ToSlash(below)
		p := cmp.Or(byName[name], &sourcePackage{name: name})
		byName[name] = p
		return p.read(file)
	})
	require.NoError(t, err)
	packages := make([]*sourcePackage, 0, len(byName))
	for _, p := range byName {
		packages = append(packages, p)
	}
	return packages
}

// read adds what a file imports.
func (p *sourcePackage) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	isTest := strings.HasSuffix(file, "_test.go")
	for _, spec := range parsed.Imports {
		imported := strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), module)
		if isTest {
			p.testImports = append(p.testImports, imported)
		} else {
			p.imports = append(p.imports, imported)
		}
	}
	if !isTest {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "InTx" {
				p.transaction = path.Base(file)
			}
			return true
		})
	}
	return nil
}

// roomOf returns the row with the longest name that fits a package, or nil.
func roomOf(rooms []room, name string) (fits *room) {
	for i, r := range rooms {
		if contains(r.name, name) && (fits == nil || len(r.name) > len(fits.name)) {
			fits = &rooms[i]
		}
	}
	return fits
}

// contains reports whether a room's name is that of a package, or of a folder above it.
func contains(room, name string) bool {
	folder, ok := strings.CutSuffix(room, "/...")
	return name == folder || ok && strings.HasPrefix(name, folder+"/")
}

func contained(rooms []string, name string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return contains(r, name) })
}

// isOurs reports whether an import is a package of this repository.
func isOurs(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return slices.Contains([]string{"abi", "examples", "guest-sdk", "host", "migrations", "plugins"}, top)
}

// allowed reports whether the files of a room may import a package.
func allowed(r *room, imported string) bool {
	return !isOurs(imported) || contained(r.mayImport, imported) ||
		strings.HasPrefix(r.name, "host/") && contained(foundation, imported)
}

// allowedInTest reports whether the tests of a room may import a package. Those of host build on
// real parts, so that they may import all but the roof; the others keep to their row.
func allowedInTest(r *room, imported string) bool {
	if strings.HasPrefix(r.name, "host/") {
		return !contained(roof, imported) || slices.Contains(roof, r.name) || allowed(r, imported)
	}
	return allowed(r, imported)
}

// isHTTP reports whether a package is one for speaking HTTP.
func isHTTP(name string) bool {
	for _, library := range []string{"net/http", "github.com/gofiber/fiber", "github.com/valyala/fasthttp", "github.com/danielgtaylor/huma"} {
		if name == library || strings.HasPrefix(name, library+"/") {
			return true
		}
	}
	return false
}
