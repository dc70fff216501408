package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
)

// manifestName is the file that makes a folder deployable.
const manifestName = "picloud.yaml"

// Most bytes that are read of a file: of source as many as a server takes, of a
// plugin's module as many as one can be made to take.
const (
	maxSource = 1 << 20
	maxModule = 256 << 20
)

// A manifest describes an app: its scripts and their routes.
//
//	app: todo                   # slug; the app is created when missing
//	name: Todo list             # for people, optional
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
type manifest struct {
	App     string           `yaml:"app"`
	Name    string           `yaml:"name"`
	Scripts []manifestScript `yaml:"scripts"`
}

type manifestScript struct {
	Name     string           `yaml:"name"`
	File     string           `yaml:"file"`
	Kind     abi.Kind         `yaml:"kind"`
	ReadOnly bool             `yaml:"read_only"`
	Limits   map[string]int64 `yaml:"limits"`
	Routes   []string         `yaml:"routes"`
}

// A plannedScript is what a deploy wants to be true of a script. Nil fields are
// left as they are.
type plannedScript struct {
	File     string // for messages
	Name     string
	Source   string
	Wasm     []byte // module of a plugin, which has no source; nil of anything else
	Kind     *abi.Kind
	ReadOnly *bool
	Limits   *abi.Limits
	Routes   []wire.RouteCreate // nil when the deploy is not about routes
}

// A plan is a manifest read and checked, with the sources it names.
type plan struct {
	App     string
	AppName string
	Scripts []plannedScript // modules first, else in the manifest's order
}

// readPlan reads the manifest of a folder and the files it names. Nothing
// outside the folder is read.
func readPlan(dir string) (plan, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return plan{}, err
	}
	defer root.Close()
	path := filepath.Join(dir, manifestName)
	text, err := readIn(root, manifestName)
	if err != nil {
		return plan{}, fmt.Errorf("%s is not deployable: %w", dir, err)
	}
	var m manifest
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&m); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("is empty")
		}
		return plan{}, fmt.Errorf("%s: %s", path, describeYAML(err))
	}
	if m.App == "" {
		return plan{}, fmt.Errorf("%s: app is missing: name the app's slug", path)
	}
	p := plan{App: m.App, AppName: m.Name}
	for i, s := range m.Scripts {
		planned, err := s.plan(root)
		if err != nil {
			return plan{}, fmt.Errorf("%s: scripts[%d]: %w", path, i, err)
		}
		planned.File = filepath.Join(dir, planned.File)
		if slices.ContainsFunc(p.Scripts, func(other plannedScript) bool { return other.Name == s.Name }) {
			return plan{}, fmt.Errorf("%s: scripts[%d]: name %q is used twice", path, i, s.Name)
		}
		p.Scripts = append(p.Scripts, planned)
	}
	// A script is compiled when it arrives, and its imports must be there.
	slices.SortStableFunc(p.Scripts, func(a, b plannedScript) int { return rank(*a.Kind) - rank(*b.Kind) })
	return p, nil
}

func rank(kind abi.Kind) int {
	if kind == abi.KindModule {
		return 0
	}
	return 1
}

func (s manifestScript) plan(root *os.Root) (plannedScript, error) {
	switch s.Kind {
	case "", abi.KindEndpoint, abi.KindModule, abi.KindPlugin:
	default:
		return plannedScript{}, fmt.Errorf("kind must be endpoint, module or plugin, got %q", s.Kind)
	}
	if s.Name == "" {
		return plannedScript{}, errors.New("name is missing")
	}
	if s.File == "" && s.Kind == abi.KindPlugin {
		s.File = s.Name + wasmSuffix
	} else if s.File == "" {
		s.File = s.Name + rhaiSuffix
	}
	limits, err := limitsFrom(s.Limits)
	if err != nil {
		return plannedScript{}, err
	}
	if s.Kind == abi.KindModule && len(s.Routes) > 0 {
		return plannedScript{}, errors.New("routes: a module cannot have any")
	}
	routes := []wire.RouteCreate{}
	for i, text := range s.Routes {
		route, err := parsePattern(text)
		if err != nil {
			return plannedScript{}, fmt.Errorf("routes[%d]: %w", i, err)
		}
		routes = append(routes, route)
	}
	content, err := readIn(root, s.File)
	if err != nil {
		return plannedScript{}, fmt.Errorf("file: %w", err)
	}
	planned, err := planScript(s.File, content, s.Kind)
	if err != nil {
		return plannedScript{}, err
	}
	if planned.Kind == nil {
		planned.Kind = new(abi.KindEndpoint)
	}
	planned.Name, planned.ReadOnly, planned.Limits, planned.Routes = s.Name, &s.ReadOnly, &limits, routes
	return planned, nil
}

// Suffixes of the files of scripts and plugins.
const (
	rhaiSuffix = ".rhai"
	wasmSuffix = ".wasm"
)

// wasmMagic is how a WebAssembly module begins.
var wasmMagic = []byte("\x00asm")

// planScript makes a script of the contents of its file, or a plugin if that is
// what they are. kind is "" when nothing is known of it.
func planScript(file string, content []byte, kind abi.Kind) (plannedScript, error) {
	planned := plannedScript{File: file}
	isWasm := bytes.HasPrefix(content, wasmMagic)
	switch {
	case isWasm && kind != "" && kind != abi.KindPlugin:
		return planned, fmt.Errorf("%s is a WebAssembly module: its kind is plugin, not %s", file, kind)
	case isWasm:
		kind = abi.KindPlugin
		planned.Wasm = content
	case kind == abi.KindPlugin || strings.HasSuffix(file, wasmSuffix):
		return planned, fmt.Errorf("%s is not a WebAssembly module", file)
	default:
		if err := checkUTF8(file, string(content)); err != nil {
			return planned, err
		}
		planned.Source = string(content)
	}
	if kind != "" {
		planned.Kind = &kind
	}
	return planned, nil
}

// readFile reads the file of a script or plugin.
func readFile(path string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readIn(root, filepath.Base(path))
}

// readIn reads a file inside root of at most maxSource bytes, or of maxModule if
// it is a WebAssembly module.
func readIn(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	most := maxSource
	content, err := io.ReadAll(io.LimitReader(file, maxSource+1))
	if err == nil && bytes.HasPrefix(content, wasmMagic) {
		most = maxModule
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(file, int64(maxModule+1-len(content))))
		content = append(content, rest...)
	}
	if err != nil {
		return nil, err
	}
	if len(content) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return content, nil
}

// describeYAML takes what is about our code out of a YAML error.
func describeYAML(err error) string {
	text := strings.NewReplacer(
		"yaml: unmarshal errors:\n", "", "yaml: ", "",
		" not found in type cli.manifestScript", " is not known here",
		" not found in type cli.manifest", " is not known here",
		"cli.manifestScript", "a script", "cli.manifest", "a manifest",
	).Replace(err.Error())
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
