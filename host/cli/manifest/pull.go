package manifest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/sites"
)

// A Source is where a running app is read from. [*client.Client] is one.
type Source interface {
	State
	DownloadModule(ctx context.Context, scriptID string) (io.ReadCloser, error)
	DownloadFile(ctx context.Context, app, collection, id string) (io.ReadCloser, error)
}

// A Folder is an app as the folder that would be deployed to make it.
type Folder struct {
	App      string // slug
	Files    []File // picloud.yaml first
	Warnings []string
}

// A File is a file of a [Folder].
type File struct {
	Path   string // below the folder, with slashes
	SHA256 string // of its bytes, in hex
	Open   func(context.Context) (io.ReadCloser, error)
}

// text makes a file of its contents.
func text(name string, content []byte) File {
	sum := sha256.Sum256(content)
	return File{name, hex.EncodeToString(sum[:]), func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// Pull reads a running app. A deploy of the folder that it describes changes nothing.
func Pull(ctx context.Context, from Source, ref string) (Folder, error) {
	app, err := from.App(ctx, ref)
	if err != nil {
		return Folder{}, err
	}
	p := &pull{from: from, folder: Folder{App: app.Slug}, document: object{}, scripts: map[string]wire.Script{}}
	p.document.add("app", app.Slug)
	if app.Name != app.Slug {
		p.document.add("name", app.Name)
	}
	if app.CORS != nil {
		p.document.add("cors", app.CORS)
	}
	for _, read := range []func(context.Context, string) error{p.domains, p.readScripts, p.triggers, p.topics, p.indexes, p.secrets} {
		if err := read(ctx, app.Slug); err != nil {
			return Folder{}, err
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(p.document.node()); err != nil {
		return Folder{}, err
	}
	p.folder.Files = append([]File{text(FileName, out.Bytes())}, p.folder.Files...)
	return p.folder, nil
}

// pull is an app that is being read.
type pull struct {
	from     Source
	folder   Folder
	document object
	scripts  map[string]wire.Script // by name
}

func (p *pull) warn(format string, args ...any) {
	p.folder.Warnings = append(p.folder.Warnings, fmt.Sprintf(format, args...))
}

func (p *pull) domains(ctx context.Context, app string) error {
	claims, err := client.Collect(p.from.Domains(ctx, app))
	if err != nil || len(claims) == 0 {
		return err
	}
	var hosts []string
	for _, claim := range claims {
		hosts = append(hosts, claim.Host)
	}
	p.document.add("domains", hosts)
	return nil
}

// readScripts reads the scripts with their routes, plugins and static sites.
func (p *pull) readScripts(ctx context.Context, app string) error {
	routes, err := client.Collect(p.from.AppRoutes(ctx, app))
	if err != nil {
		return err
	}
	var scripts, static []any
	listed, err := client.Collect(p.from.Scripts(ctx, app))
	if err != nil {
		return err
	}
	for _, script := range listed {
		if script, err = p.from.Script(ctx, script.ID); err != nil {
			return err
		}
		p.scripts[script.Name] = script
	}
	for _, name := range slices.Sorted(maps.Keys(p.scripts)) {
		script := p.scripts[name]
		of := slices.DeleteFunc(slices.Clone(routes), func(r wire.Route) bool { return r.ScriptID != script.ID })
		if script.Kind == abi.KindStatic {
			entry, err := p.site(ctx, app, script, of)
			if err != nil {
				return err
			}
			if entry != nil {
				static = append(static, entry)
			}
			continue
		}
		scripts = append(scripts, p.script(script, of))
	}
	if static != nil {
		p.document.add("static", static)
	}
	if scripts != nil {
		p.document.add("scripts", scripts)
	}
	return nil
}

func (p *pull) script(script wire.Script, routes []wire.Route) object {
	entry := object{}
	entry.add("name", script.Name)
	if script.Kind != abi.KindEndpoint {
		entry.add("kind", script.Kind)
	}
	if script.Wasm != nil {
		p.folder.Files = append(p.folder.Files, File{script.Name + WasmSuffix, script.Wasm.SHA256, func(ctx context.Context) (io.ReadCloser, error) {
			return p.from.DownloadModule(ctx, script.ID)
		}})
	} else {
		file := script.Name + RhaiSuffix
		if apptest.IsFile(file) { // as which it could not be deployed again
			file = script.Name + "_script" + RhaiSuffix
			entry.add("file", file)
		}
		p.folder.Files = append(p.folder.Files, text(file, []byte(script.Source)))
	}
	if script.ReadOnly {
		entry.add("read_only", true)
	}
	if script.Limits != (abi.Limits{}) {
		entry.add("limits", script.Limits)
	}
	var written []any
	for _, route := range routes {
		pattern := Pattern(route.Method, route.Host, route.Path)
		more := object{}
		more.add("route", pattern)
		if cmp.Or(route.Dispatch, "sync") != "sync" {
			more.add("dispatch", route.Dispatch)
		}
		if route.CORS != nil {
			more.add("cors", route.CORS)
		}
		if route.RateLimit != nil {
			more.add("rate_limit", route.RateLimit)
		}
		if route.Signature != nil {
			more.add("signature", route.Signature)
		}
		if len(more) == 1 {
			written = append(written, pattern)
		} else {
			written = append(written, more)
		}
	}
	if written != nil {
		entry.add("routes", written)
	}
	return entry
}

// site is a static site, whose files go into a folder of its name.
func (p *pull) site(ctx context.Context, app string, script wire.Script, routes []wire.Route) (object, error) {
	var site sites.Site
	if err := json.Unmarshal([]byte(script.Source), &site); err != nil { // as it is, without defaults
		return nil, fmt.Errorf("static site %s: %w", script.Name, err)
	}
	i := slices.IndexFunc(routes, func(r wire.Route) bool { return strings.HasSuffix(r.Path, "/*") })
	if i < 0 {
		p.warn("the static site %s has no route and is left out", script.Name)
		return nil, nil
	}
	folder := script.Name
	for slices.ContainsFunc(slices.Collect(maps.Keys(p.scripts)), func(name string) bool { return strings.HasPrefix(name, folder+"/") }) {
		folder += "-site" // which holds nothing else
	}
	to := routes[i].Host + "/" + strings.TrimPrefix(strings.TrimSuffix(routes[i].Path, "/*"), "/")
	most := 2 // the folder, and what is in it
	if strings.HasSuffix(to, "/") {
		most = 1
	}
	if len(routes) > most {
		p.warn("the static site %s has more routes than a manifest can say", script.Name)
	}
	stored := map[string]wire.File{}
	for file, err := range p.from.Files(ctx, app, sites.Collection) {
		if err != nil {
			return nil, err
		}
		stored[file.ID] = file
	}
	for _, name := range slices.Sorted(maps.Keys(site.Files)) {
		file, found := stored[site.Files[name]]
		if !found || sites.CheckPath(name) != "" {
			p.warn("the file %s of the static site %s is not there", name, script.Name)
			continue
		}
		p.folder.Files = append(p.folder.Files, File{path.Join(folder, name), file.SHA256, func(ctx context.Context) (io.ReadCloser, error) {
			return p.from.DownloadFile(ctx, app, sites.Collection, file.ID)
		}})
	}
	entry := object{}
	if script.Name != "static" {
		entry.add("name", script.Name)
	}
	entry.add("from", folder+"/")
	entry.add("to", to)
	for _, field := range []struct {
		name  string
		value any
		given bool
	}{
		{"index", site.Index, site.Index != ""}, {"not_found", site.NotFound, site.NotFound != ""}, {"fallback", site.Fallback, site.Fallback != ""},
		{"max_age", site.MaxAge, site.MaxAge != 0}, {"immutable", site.Immutable, len(site.Immutable) > 0},
	} {
		if field.given {
			entry.add(field.name, field.value)
		}
	}
	return entry, nil
}

func (p *pull) triggers(ctx context.Context, app string) error {
	listed, err := client.Collect(p.from.Triggers(ctx, app))
	if err != nil || len(listed) == 0 {
		return err
	}
	byName := map[string]wire.Trigger{}
	for _, t := range listed {
		byName[t.Name] = t
	}
	var entries []any
	for _, t := range listed {
		entry := object{}
		entry.add("name", t.Name)
		entry.add("kind", t.Kind)
		fields := fieldsOf(asWritten(t, p.scripts, byName))
		kind := triggerKinds[t.Kind]
		order := []string{"script", "enabled", kind.needs}
		order = append(order, slices.Sorted(maps.Keys(kind.has))...)
		for _, name := range append(order, "retry", "concurrency") {
			value, there := fields[name]
			usual, known := kind.has[name]
			if name == "enabled" {
				usual, known = "true", true
			}
			if there && !(known && bytes.Equal(canonical(value), canonical(json.RawMessage(usual)))) {
				entry.add(name, value)
			}
		}
		entries = append(entries, entry)
	}
	p.document.add("triggers", entries)
	return nil
}

func (p *pull) topics(ctx context.Context, app string) error {
	return addAll(p, "topics", p.from.Topics(ctx, app), func(t wire.Topic) object {
		return object{{"topic", t.Topic}, {"access", t.Access}}
	})
}

func (p *pull) indexes(ctx context.Context, app string) error {
	return addAll(p, "indexes", p.from.Indexes(ctx, app), func(i wire.Index) object {
		return object{{"collection", i.Collection}, {"path", i.Path}}
	})
}

// addAll adds a list to the manifest, with an entry for each of what there is; none if there is nothing.
func addAll[T any](p *pull, key string, there iter.Seq2[T, error], entry func(T) object) error {
	listed, err := client.Collect(there)
	if err != nil || len(listed) == 0 {
		return err
	}
	entries := make([]any, len(listed))
	for i, of := range listed {
		entries[i] = entry(of)
	}
	p.document.add(key, entries)
	return nil
}

// secrets reads the names of the app's secrets, if the caller may.
func (p *pull) secrets(ctx context.Context, app string) error {
	listed, err := client.Collect(p.from.Secrets(ctx, app))
	if client.HasStatus(err, http.StatusForbidden) {
		p.warn("you may not see which secrets there are: they are left out")
		return nil
	}
	if err != nil || len(listed) == 0 {
		return err
	}
	var names []string
	for _, secret := range listed {
		names = append(names, secret.Name)
	}
	p.document.add("secrets", names)
	return nil
}

// An object is a mapping that is written in its order.
type object []property

type property struct {
	key   string
	value any // an object, a list of those or of texts, or what JSON can be made of
}

func (o *object) add(key string, value any) { *o = append(*o, property{key, value}) }

// node makes YAML of the object.
func (o object) node() *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range o {
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: p.key}, nodeOf(p.value))
	}
	return node
}

func nodeOf(value any) *yaml.Node {
	switch value := value.(type) {
	case object:
		return value.node()
	case []any:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range value {
			list.Content = append(list.Content, nodeOf(item))
		}
		return list
	}
	encoded, _ := json.Marshal(value) // of what was JSON
	var document yaml.Node
	_ = yaml.Unmarshal(encoded, &document) // which JSON is
	node := document.Content[0]
	plain(node)
	return node
}

// plain takes away quotes that are not needed.
func plain(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		node.Style = 0
	}
	for _, child := range node.Content {
		plain(child)
	}
}
