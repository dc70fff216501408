package manifest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime"
	"os"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/sites"
)

// A Site is a folder that is wanted as a static site: what of the site does not depend on the ids that
// its files have on the server.
type Site struct {
	sites.Site
	root  *os.Root
	paths []string            // in order
	files map[string]siteFile // by path
	left  []string            // paths that are in the folder and not served
}

// siteFile is a file in the folder.
type siteFile struct {
	path        string // below root
	sha256      string
	contentType string
}

// staticEntries are the static sites of a manifest: one, or a list.
type staticEntries []staticEntry

// staticEntry is one of them, as text, "FOLDER -> [HOST]/PATH", or as a mapping.
type staticEntry struct {
	Name      string   `yaml:"name"`      // of the script that stands for it; "static" when absent
	From      string   `yaml:"from"`      // the folder
	To        string   `yaml:"to"`        // [HOST]/PATH
	Index     string   `yaml:"index"`     // index.html when absent
	NotFound  string   `yaml:"not_found"` // 404.html when absent and there
	Fallback  string   `yaml:"fallback"`  // for applications of a single page: index.html
	MaxAge    int64    `yaml:"max_age"`   // seconds
	Immutable []string `yaml:"immutable"` // beginnings of paths
}

func (e *staticEntries) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]staticEntry)(e))
	}
	*e = make(staticEntries, 1)
	return node.Decode(&(*e)[0])
}

func (e *staticEntry) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		from, to, found := strings.Cut(node.Value, "->")
		if !found {
			return fmt.Errorf("line %d: must be FOLDER -> PATH, as public/ -> /, got %q", node.Line, node.Value)
		}
		e.From, e.To = strings.TrimSpace(from), strings.TrimSpace(to)
		return nil
	}
	type plain staticEntry
	known := []string{"name", "from", "to", "index", "not_found", "fallback", "max_age", "immutable"}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; !slices.Contains(known, key.Value) {
			return fmt.Errorf("line %d: field %s is not known here", key.Line, key.Value)
		}
	}
	return node.Decode((*plain)(e))
}

// named returns the paths of the files that a document names, which are the sources of the app.
func (d document) named() map[string]bool {
	files := map[string]bool{FileName: true}
	for _, script := range d.Scripts {
		files[path.Clean(script.fileName())] = true
	}
	for _, of := range []map[string]string{d.Seed.KV, d.Seed.Docs} {
		for _, file := range of {
			files[path.Clean(file)] = true
		}
	}
	return files
}

// private returns the sources that are there: they are not to be served, by whatever path a static site comes to them.
func (d document) private(root *os.Root) (files []fs.FileInfo) {
	for name := range d.sources {
		if info, err := root.Stat(name); err == nil {
			files = append(files, info)
		}
	}
	return files
}

// notPublished are names of files, in small letters, that are in folders by mistake: with keys and passwords, or what was
// there before. Of env.* only what no page loads is among them.
var notPublished = []string{
	"*.env", "env.local", "env.prod*", "env.dev*", "env.stag*", "env.test*", "*.pem", "*.key", "*.bak", "*.orig", "*~", FileName + "*",
}

// isSource reports whether a file of a site's folder is not for everybody: one of the private ones, a test, or one that
// is not published for its name. Where the folder is the whole app's, all scripts are its sources.
func isSource(name string, info fs.FileInfo, whole bool, private []fs.FileInfo) bool {
	base := strings.ToLower(path.Base(name))
	return apptest.IsFile(name) || whole && strings.HasSuffix(name, RhaiSuffix) ||
		slices.ContainsFunc(notPublished, func(pattern string) bool { is, _ := path.Match(pattern, base); return is }) ||
		slices.ContainsFunc(private, func(source fs.FileInfo) bool { return os.SameFile(source, info) })
}

// read looks at the folder.
func (e staticEntry) read(root *os.Root, private []fs.FileInfo) (Script, error) {
	if e.From == "" || e.To == "" {
		return Script{}, errors.New("from and to are needed: a folder, and where it is served")
	}
	host, prefix, found := strings.Cut(e.To, "/")
	if !found {
		return Script{}, fmt.Errorf("to must be [HOST]/PATH, got %q", e.To)
	}
	prefix = strings.Trim(prefix, "/")
	routes := []wire.RouteCreate{{Method: "GET", Host: host, Path: strings.TrimSuffix("/"+prefix, "/") + "/*"}}
	if prefix != "" { // which leads on to the folder
		routes = append(routes, wire.RouteCreate{Method: "GET", Host: host, Path: "/" + prefix})
	}
	site := &Site{
		Site:  sites.Site{Index: e.Index, NotFound: e.NotFound, Fallback: e.Fallback, MaxAge: e.MaxAge, Immutable: e.Immutable},
		files: map[string]siteFile{},
	}
	from := strings.Trim(path.Clean(e.From), "/")
	folder, err := root.OpenRoot(from)
	if err != nil {
		return Script{}, fmt.Errorf("from: %w", err)
	}
	site.root = folder
	whole, err := sameFolder(root, folder)
	if err != nil {
		return Script{}, fmt.Errorf("from: %w", err)
	}
	err = fs.WalkDir(folder.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && name != sites.WellKnown && strings.HasPrefix(entry.Name(), "."): // hidden: not served
			site.left = append(site.left, name)
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || isSource(name, info, whole, private) { // a link may lead to anything
			site.left = append(site.left, name)
			return nil
		}
		if reason := sites.CheckPath(name); reason != "" {
			return fmt.Errorf("%s: its path %s", path.Join(from, name), reason)
		}
		file, err := folder.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		site.paths = append(site.paths, name)
		site.files[name] = siteFile{name, hex.EncodeToString(sum.Sum(nil)), contentType(name)}
		return nil
	})
	if err != nil {
		return Script{}, err
	}
	if len(site.paths) == 0 {
		return Script{}, fmt.Errorf("from: the folder %s has no files that are published", e.From)
	}
	slices.Sort(site.paths)
	slices.Sort(site.left)
	return Script{
		File: e.From, Name: cmp.Or(e.Name, "static"), Kind: new(abi.KindStatic), Routes: routes, Site: site,
	}, nil
}

// sameFolder reports whether two roots are of one folder, to which a link may lead.
func sameFolder(a, b *os.Root) (bool, error) {
	at, err := a.Stat(".")
	if err != nil {
		return false, err
	}
	other, err := b.Stat(".")
	return err == nil && os.SameFile(at, other), err
}

// maxLeft is how many files are named that a site leaves out.
const maxLeft = 8

// Warnings tells what of the folders of static sites is not served, a line for each site.
func (a App) Warnings() (lines []string) {
	for _, script := range a.Scripts {
		if script.Site == nil || len(script.Site.left) == 0 {
			continue
		}
		names := strings.Join(script.Site.left[:min(len(script.Site.left), maxLeft)], ", ")
		if more := len(script.Site.left) - maxLeft; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		lines = append(lines, fmt.Sprintf("static site %s: not published, as sources, tests, keys, backups, links and hidden files are not: %s", script.Name, names))
	}
	return lines
}

// contentType is what browsers are told that a file is.
func contentType(name string) string {
	switch strings.ToLower(path.Ext(name)) { // which systems differ about
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	case ".woff2":
		return "font/woff2"
	case ".ico":
		return "image/x-icon"
	case ".xml":
		return "application/xml"
	case ".avif":
		return "image/avif"
	case ".webp":
		return "image/webp"
	}
	return cmp.Or(mime.TypeByExtension(path.Ext(name)), "application/octet-stream")
}

// siteStep makes a site what its folder is: it uploads what is new, and has the site be of the new
// files in one change. The server deletes what no site leads to any more.
type siteStep struct {
	want     Script
	present  wire.Script       // the zero Script when it is to be created
	there    map[string]string // ids of the files that are on the server as they are wanted, by path
	replaced map[string]string // ids of files that the present site leads to, by path, for the one after it to keep
	upload   []string          // paths
	gone     int               // paths that the present site has and the wanted one has not
	changed  bool
}

// planSite compares a folder with the site that is there.
func planSite(ctx context.Context, state State, app string, want Script, listed wire.Script) (*siteStep, error) {
	s := &siteStep{want: want, there: map[string]string{}}
	if listed.ID == "" {
		s.upload, s.changed = want.Site.paths, true
		return s, nil
	}
	var err error
	if s.present, err = state.Script(ctx, listed.ID); err != nil {
		return nil, err
	}
	if s.present.Kind != abi.KindStatic {
		return nil, fmt.Errorf("script %s is deployed as %s: delete it first, or give the static site another name", want.Name, s.present.Kind)
	}
	present, err := sites.Parse(s.present.Source)
	if err != nil {
		return nil, fmt.Errorf("script %s: %w", want.Name, err)
	}
	stored := map[string]wire.File{}
	for file, err := range state.Files(ctx, app, sites.Collection) {
		if err != nil {
			return nil, err
		}
		stored[file.ID] = file
	}
	for _, name := range want.Site.paths {
		local := want.Site.files[name]
		for _, id := range []string{present.Files[name], present.Previous[name]} {
			if file, found := stored[id]; found && file.SHA256 == local.sha256 && file.ContentType == local.contentType {
				s.there[name] = id
				break
			}
		}
		if s.there[name] == "" {
			s.upload = append(s.upload, name)
		}
	}
	for name := range present.Files {
		if _, wanted := want.Site.files[name]; !wanted {
			s.gone++
		}
	}
	s.replaced = present.Replaced(s.there)
	maps.DeleteFunc(s.replaced, func(_, id string) bool { return stored[id].ID == "" })
	s.changed = len(s.upload) > 0 || s.source(s.there) != s.present.Source
	return s, nil
}

// source is the site as the server keeps it.
func (s *siteStep) source(files map[string]string) string {
	site := s.want.Site.Site
	site.Files, site.Previous = files, s.replaced
	text, _ := json.Marshal(site) // maps are written in order
	return string(text)
}

func (s *siteStep) planned() Change {
	change := Change{What: "static", Name: s.want.Name, Result: Unchanged, ID: s.present.ID, Version: s.present.Version}
	switch {
	case s.present.ID == "":
		change.Result = Created
		change.Version++
	case s.changed:
		change.Result = Updated
		change.Version++
	}
	if n := len(s.upload); n > 0 {
		change.Fields = append(change.Fields, fmt.Sprintf("%d to upload", n))
	}
	if s.gone > 0 {
		change.Fields = append(change.Fields, fmt.Sprintf("%d to remove", s.gone))
	}
	return change
}

// uploads says what of the site has to be uploaded; "" for nothing.
func (s *siteStep) uploads() string {
	switch n := len(s.upload); n {
	case 0:
		return ""
	case 1:
		return "a file of the static site " + s.want.Name
	default:
		return fmt.Sprintf("%d files of the static site %s", n, s.want.Name)
	}
}

func (s *siteStep) change(ctx context.Context, a *application) (*wire.DeployChange, error) {
	result := s.planned().Result
	if result == Unchanged {
		return nil, nil
	}
	files := maps.Clone(s.there)
	for _, name := range s.upload {
		id, err := s.send(ctx, a, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Join(s.want.File, name), err)
		}
		files[name] = id
		a.files = append(a.files, id)
	}
	source := s.source(files)
	if result == Created {
		return request("create-script", "", wire.ScriptCreate{Name: s.want.Name, Kind: abi.KindStatic, Source: source}), nil
	}
	return request("update-script", s.present.ID, wire.ScriptUpdate{Source: &source, Version: s.present.Version}), nil
}

func (s *siteStep) explain(err error) error {
	return fmt.Errorf("static site %s: %w", s.want.Name, err)
}

func (s *siteStep) send(ctx context.Context, a *application, name string) (id string, err error) {
	if a.dryRun {
		return sites.Awaited, nil
	}
	content, err := s.want.Site.root.Open(name)
	if err != nil {
		return "", err
	}
	defer content.Close()
	file, err := a.server.UploadFile(ctx, a.app, sites.Collection, path.Base(name), s.want.Site.files[name].contentType, content)
	return file.ID, err
}
