// Package manifest reads what is to be deployed (a picloud.yaml with its scripts, or a single
// script) and makes a plan of it: what to create, update and delete, computed before anything is
// done.
//
// There is a file for each thing that a plan is about: app.go, script.go, site.go, route.go,
// trigger.go. A new one is a field of the manifest, a step, and a line in [Make].
package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// FileName is the file that makes a folder deployable.
const FileName = "picloud.yaml"

// An App is what a deploy wants to be true of an app.
type App struct {
	Ref      string     // slug, or id of one that is there
	Name     string     // for people; "" leaves it as it is
	CORS     *wire.CORS // nil leaves it as it is
	Domains  []string   // hosts that it claims, as the server has them; nil leaves them as they are
	Scripts  []Script   // modules first, else in the manifest's order; static sites last
	Triggers []Trigger  // in the manifest's order; those of dead letters last
	Secrets  []string   // names of those that it needs; nil leaves all as they are
	Topics   []Topic    // that are open to subscribers from outside
	Indexes  []Index    // on paths of documents
	Seeds    []Seed     // data that collections begin with
	Reseed   bool       // write the seeds over what collections have
	Create   bool       // create the app when it is missing
	Prune    bool       // delete the scripts, triggers, topics and indexes that are there and not wanted
	Release  bool       // with Prune: also the secrets that are there and not in Secrets, whose values nobody has back

	file     onDisk // the manifest; nothing of one that is laid over by an environment
	TellLeft bool   // have the plan tell what Prune would delete
}

// A Script is what a deploy wants to be true of a script. Nil fields are left as they are.
type Script struct {
	File     string // for messages
	Name     string
	Source   string
	Wasm     []byte // module of a plugin, which has no source; nil of anything else
	Kind     *abi.Kind
	ReadOnly *bool
	Limits   *abi.Limits
	Routes   []wire.RouteCreate // method, host and path; nil when the deploy is not about routes
	Site     *Site              // of a static site, which has no source yet; nil of anything else
}

// document is a manifest as it is written:
//
//	app: todo                   # slug; the app is created when missing
//	name: Todo list             # for people, optional
//	cors:                       # which pages of other origins may call the app, optional
//	  origins: [https://a.example]
//	domains: [a.example]        # hosts on which only the app answers, or *.a.example; others are given
//	                            # back. Left alone when absent
//	static: public/ -> /        # a folder that is served as it is; or a list of them
//	scripts:
//	  - name: todo
//	    file: todo.rhai         # inside the folder; NAME.rhai when absent, NAME.wasm of a plugin
//	    kind: endpoint          # or module; endpoint when absent, plugin of a WebAssembly module
//	    read_only: true         # may read the app's data only; false when absent
//	    limits:
//	      timeout_ms: 2000
//	    routes:                 # [METHOD ][HOST]/PATH
//	      - GET /todos
//	      - GET /todos/:id
//	      - route: POST /todos  # with a policy of its own
//	        cors: {origins: []}
//	        rate_limit: {requests: 5, per_seconds: 60, by: address}
//	      - route: POST /paid   # that only takes what is signed
//	        signature: {scheme: stripe, secret: stripe-webhooks}
//	secrets:                    # that the app needs, by name; values are set by hand
//	  - stripe-webhooks
//	triggers:                   # what else starts a script
//	  - name: reminders         # see triggerEntry
//	    kind: cron
//	    script: todo
//	    schedule: 0 9 * * 1-5
//	topics:                     # which of pubsub can be subscribed to from outside
//	  - topic: todos            # see topicEntry
//	    access: public
//	indexes:                    # on paths of documents, see indexEntry
//	  - collection: todos
//	    path: due
//	seed:                       # data that collections begin with, see seedEntry
//	  kv: {settings: seed/settings.json}
//	environments:               # what is otherwise, with --env NAME, see overlay
//	  staging:
//	    app: todo-staging
//	    domains: [staging.a.example]
type document struct {
	App      string         `yaml:"app"`
	Name     string         `yaml:"name"`
	CORS     *wire.CORS     `yaml:"cors"`
	Domains  []string       `yaml:"domains"`
	Static   staticEntries  `yaml:"static"`
	Scripts  []scriptEntry  `yaml:"scripts"`
	Triggers []triggerEntry `yaml:"triggers"`
	Secrets  []string       `yaml:"secrets"`
	Topics   []topicEntry   `yaml:"topics"`
	Indexes  []indexEntry   `yaml:"indexes"`
	Seed     seedEntry      `yaml:"seed"`

	Environments map[string]yaml.Node `yaml:"environments"` // which are laid over the rest before it is read

	sources map[string]bool // paths of files that the manifest names, in whatever environment
}

type scriptEntry struct {
	Name     string           `yaml:"name"`
	File     string           `yaml:"file"`
	Kind     abi.Kind         `yaml:"kind"`
	ReadOnly bool             `yaml:"read_only"`
	Limits   map[string]int64 `yaml:"limits"`
	Routes   []routeEntry     `yaml:"routes"`
}

// Read reads and checks the manifest of a folder, as it is in an environment ("" for none), and the files
// it names. Nothing outside the folder is read. An error names the manifest and the place in it.
func Read(dir, environment string) (App, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return App{}, err
	}
	defer root.Close()
	text, err := readIn(root, FileName)
	if err != nil {
		return App{}, fmt.Errorf("%s is not deployable: %w", dir, err)
	}
	file := onDisk{path: filepath.Join(dir, FileName)}
	if environment == "" { // else lines are of what is laid over, too
		file.text = text
	}
	app, err := parse(root, text, environment)
	if err != nil {
		return App{}, fmt.Errorf("%s: %w", file.at(err.Error()), err)
	}
	app.file = file
	for i := range app.Scripts {
		app.Scripts[i].File = filepath.Join(dir, app.Scripts[i].File)
	}
	// A script is compiled when it arrives, and its imports must be there.
	slices.SortStableFunc(app.Scripts, func(a, b Script) int { return rank(*a.Kind) - rank(*b.Kind) })
	return app, nil
}

func rank(kind abi.Kind) int {
	if kind == abi.KindModule {
		return 0
	}
	return 1
}

// parse reads a manifest whose files are in root.
func parse(root *os.Root, text []byte, environment string) (App, error) {
	d, err := decode(text, environment)
	if err != nil {
		return App{}, err
	}
	if d.App == "" {
		return App{}, errors.New("app is missing: name the app's slug")
	}
	app := App{Ref: d.App, Name: d.Name, CORS: d.CORS, Secrets: d.Secrets, Create: true}
	if err := checkSecrets(d.Secrets); err != nil {
		return App{}, err
	}
	if d.Domains != nil {
		claims, err := readDomains(d.Domains)
		if err != nil {
			return App{}, err
		}
		app.Domains = append([]string{}, claims...)
	}
	for i, entry := range d.Scripts {
		script, err := entry.read(root)
		if err == nil && slices.ContainsFunc(app.Scripts, func(other Script) bool { return other.Name == entry.Name }) {
			err = fmt.Errorf("name %q is used twice", entry.Name)
		}
		if err != nil {
			return App{}, fmt.Errorf("scripts[%d]: %w", i, err)
		}
		app.Scripts = append(app.Scripts, script)
	}
	private := d.private(root)
	for i, entry := range d.Static {
		script, err := entry.read(root, private)
		if err == nil && slices.ContainsFunc(app.Scripts, func(other Script) bool { return other.Name == script.Name }) {
			err = fmt.Errorf("name %q is used twice", script.Name)
		}
		if err != nil {
			return App{}, fmt.Errorf("static[%d]: %w", i, err)
		}
		app.Scripts = append(app.Scripts, script)
	}
	triggers, err := readTriggers(d.Triggers)
	if err != nil {
		return App{}, err
	}
	app.Triggers = triggers
	if app.Topics, err = readTopics(d.Topics); err != nil {
		return App{}, err
	}
	if app.Indexes, err = readIndexes(d.Indexes); err != nil {
		return App{}, err
	}
	if app.Seeds, err = d.Seed.read(root); err != nil {
		return App{}, err
	}
	return app, checkRoutes(app.Scripts)
}

// decode reads a manifest as it is in an environment. Of the others it is made sure, too, that they can be
// read.
func decode(text []byte, environment string) (document, error) {
	var d document
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); errors.Is(err, io.EOF) {
		return document{}, errors.New("is empty")
	} else if err != nil {
		return document{}, errors.New(describeYAML(err))
	}
	if _, known := d.Environments[environment]; !known && environment != "" {
		if len(d.Environments) == 0 {
			return document{}, fmt.Errorf("has no environments, and %q is asked for", environment)
		}
		return document{}, fmt.Errorf("has no environment %q: it has %s", environment, strings.Join(slices.Sorted(maps.Keys(d.Environments)), ", "))
	}
	wanted, sources := d, d.named()
	for _, name := range slices.Sorted(maps.Keys(d.Environments)) {
		laid, err := overlaid(text, d.Environments[name])
		if err != nil {
			return document{}, fmt.Errorf("environments.%s: %w", name, err)
		}
		maps.Copy(sources, laid.named())
		if name == environment {
			wanted = laid
		}
	}
	wanted.sources = sources
	return wanted, nil
}

// fileName returns the file of an entry.
func (e scriptEntry) fileName() string {
	switch {
	case e.File != "":
		return e.File
	case e.Kind == abi.KindPlugin:
		return e.Name + WasmSuffix
	}
	return e.Name + RhaiSuffix
}

// read checks an entry and reads its file.
func (e scriptEntry) read(root *os.Root) (Script, error) {
	switch e.Kind {
	case "", abi.KindEndpoint, abi.KindModule, abi.KindPlugin:
	default:
		return Script{}, fmt.Errorf("kind must be endpoint, module or plugin, got %q", e.Kind)
	}
	if e.Name == "" {
		return Script{}, errors.New("name is missing")
	}
	e.File = e.fileName()
	limits, err := limitsFrom(e.Limits)
	if err != nil {
		return Script{}, err
	}
	if e.Kind == abi.KindModule && len(e.Routes) > 0 {
		return Script{}, errors.New("routes: a module cannot have any")
	}
	routes := []wire.RouteCreate{}
	for i, entry := range e.Routes {
		route, err := parseRoute(entry.Route)
		if err != nil {
			return Script{}, fmt.Errorf("routes[%d]: %w", i, err)
		}
		route.CORS, route.Dispatch, route.Signature, route.RateLimit = entry.CORS, entry.Dispatch, entry.Signature, entry.RateLimit
		if d := entry.Dispatch; d != "" && d != "sync" && d != "async" {
			return Script{}, fmt.Errorf("routes[%d]: dispatch must be sync or async, got %q", i, d)
		}
		routes = append(routes, route)
	}
	content, err := readIn(root, e.File)
	if err != nil {
		return Script{}, fmt.Errorf("file: %w", err)
	}
	script, err := newScript(e.File, content, e.Kind)
	if err != nil {
		return Script{}, err
	}
	if script.Kind == nil {
		script.Kind = new(abi.KindEndpoint)
	}
	script.Name, script.ReadOnly, script.Limits, script.Routes = e.Name, &e.ReadOnly, &limits, routes
	return script, nil
}

// describeYAML takes what is about our code out of a YAML error.
func describeYAML(err error) string {
	text := strings.NewReplacer(
		"yaml: unmarshal errors:\n", "", "yaml: ", "",
		" not found in type manifest.scriptEntry", " is not known here",
		" not found in type manifest.document", " is not known here",
		" not found in type manifest.triggerEntry", " is not known here", " not found in type manifest.retryEntry", " is not known here",
		" not found in type manifest.topicEntry", " is not known here", " not found in type manifest.indexEntry", " is not known here", " not found in type manifest.seedEntry", " is not known here",
		" not found in type manifest.routeMapping", " is not known here", " not found in type wire.CORS", " is not known here",
		" not found in type wire.RateLimit", " is not known here", "wire.RateLimit", "a rate limit",
		" not found in type wire.Signature", " is not known here", "wire.Signature", "a signature",
		"[]manifest.routeEntry", "a list of routes", "manifest.routeMapping", "a route", "wire.CORS", "a CORS policy",
		"[]manifest.triggerEntry", "a list of triggers", "manifest.triggerEntry", "a trigger", "manifest.retryEntry", "a retry policy",
		"[]manifest.topicEntry", "a list of topics", "manifest.topicEntry", "a topic",
		"[]manifest.indexEntry", "a list of indexes", "manifest.indexEntry", "an index",
		"manifest.scriptEntry", "a script", "manifest.document", "a manifest",
	).Replace(err.Error())
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
