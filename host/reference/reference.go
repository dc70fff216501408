// Package reference is what people read: a page of Markdown for each module of the SDK and for each subject, and
// the same for programs, as JSON and as definitions for Rhai's language server.
//
// Pages of modules, of limits, of errors and of Rhai's own functions are made, by the command in generate; those of the
// other subjects are written by hand. The table that they are made of is package
// plugins/rhai/bridge/reference: what a function is and does is told there once.
package reference

import (
	"cmp"
	"embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"
)

//go:generate go run ./generate .

var (
	//go:embed pages/*.md
	pages embed.FS
	//go:embed sdk.json
	sdkJSON []byte
	//go:embed picloud.d.rhai
	definitions string
)

// Page is a page of the reference.
type Page struct {
	Name  string // "kv"
	Title string // a few words
}

// Subjects are the pages that are not of a module, in the order in which one reads them.
var Subjects = []Page{
	{"tutorial", "From nothing to an app with events, in 20 minutes"},
	{"syntax", "The language, for people who know JavaScript"},
	{"manifest", "picloud.yaml: every key"},
	{"responses", "What a script answers: status, headers, cookies, files, streams"},
	{"filters", "The language of filters, and the order of documents"},
	{"triggers", "What starts a script beside a request: each kind, retries, dead letters"},
	{"cron", "Schedules: fields, zones, what was missed"},
	{"limits", "What scripts and data are bounded by"},
	{"errors", "How functions, executions and the API fail, and by which codes"},
	{"differences", "What differs from Rhai"},
	{"rhai", "Rhai's own functions"},
}

// Pages returns all pages: the subjects, then the modules.
func Pages() []Page {
	all := slices.Clone(Subjects)
	for _, m := range Read().Modules {
		all = append(all, Page{m.Name, m.Title})
	}
	return all
}

// Index is the name of the page that lists all others.
const Index = "index"

// Markdown returns the text of a page; ok is false when there is none of that name.
func Markdown(page string) (text string, ok bool) {
	if strings.ContainsAny(page, `/\.`) {
		return "", false
	}
	read, err := pages.ReadFile("pages/" + page + ".md")
	text = string(read)
	if _, after, made := strings.Cut(text, "-->\n\n"); made && strings.HasPrefix(text, "<!--") {
		text = after
	}
	return text, err == nil
}

// JSON returns what scripts can use as JSON, an [SDK].
func JSON() []byte { return sdkJSON }

// Definitions returns what scripts can use as a definition file for Rhai's language server.
func Definitions() string { return definitions }

// Read returns what scripts can use. It must not be changed.
func Read() *SDK { return read() }

var read = sync.OnceValue(func() *SDK {
	sdk := new(SDK)
	if err := json.Unmarshal(sdkJSON, sdk); err != nil {
		panic("sdk.json: " + err.Error()) // it is in the program
	}
	return sdk
})

// Find returns what there is to read about a name, as Markdown: of a page, a function, a method, a property or a type. A
// function has the name of its module before it, "kv.set", "kv::set" or "kv set", or stands alone; several of a name are
// all told about. ok is false when there is nothing of that name: then similar are the nearest names.
func Find(name string) (text string, similar []string, ok bool) {
	name = strings.TrimSuffix(strings.NewReplacer("::", ".", " ", ".").Replace(strings.TrimSpace(name)), "()")
	if text, ok := Markdown(name); ok {
		return text, nil, true
	}
	var parts []string
	for _, m := range Read().Modules {
		for _, it := range m.Items {
			if it.is(name) {
				parts = append(parts, it.titled())
			}
		}
	}
	for _, f := range Read().Standard {
		if f.Name == name {
			parts = append(parts, f.Markdown())
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, "\n"), nil, true
	}
	return "", nearest(name, names()), false
}

// is reports whether people may call it by a name.
func (it Item) is(name string) bool {
	return it.Full == name || it.Name == name || it.On != "" && it.On+"."+it.Name == name ||
		it.On == "map" && "ctx.request."+it.Name == name
}

// titled is what is told of an item alone.
func (it Item) titled() string {
	if it.Kind == "property" {
		return "# " + it.Full + "\n\n```rhai\n" + it.Call + "\n```\n\n" + it.Says + "\n"
	}
	text := it.Markdown(1)
	return strings.Replace(text, "# "+it.Name+"\n", "# "+it.Full+"\n", 1)
}

// names are all that can be found.
func names() (all []string) {
	all = []string{Index}
	for _, p := range Pages() {
		all = append(all, p.Name)
	}
	for _, m := range Read().Modules {
		for _, it := range m.Items {
			all = append(all, it.Full, it.Name)
		}
	}
	for _, f := range Read().Standard {
		all = append(all, f.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Names returns all names that [Find] knows, in their order.
func Names() []string { return names() }

// maxSimilar is how many names are suggested for one that is not known.
const maxSimilar = 3

// nearest returns those of the names that a name was most likely meant to be: none if there is none near.
func nearest(name string, candidates []string) []string {
	type near struct {
		name  string
		edits int
	}
	var found []near
	for _, candidate := range candidates {
		edits := distance(strings.ToLower(name), strings.ToLower(candidate))
		if edits <= max(1, min(len(name), len(candidate))/3) {
			found = append(found, near{candidate, edits})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.edits, b.edits) })
	var list []string
	for _, n := range found {
		if n.edits == found[0].edits && len(list) < maxSimilar {
			list = append(list, n.name)
		}
	}
	return list
}

// distance is how many edits lead from one name to another, where two letters in the wrong order are one.
func distance(a, b string) int {
	edits := levenshtein.ComputeDistance(a, b)
	if edits == 2 && len(a) == len(b) && sorted(a) == sorted(b) {
		return 1
	}
	return edits
}

func sorted(text string) string {
	letters := []byte(text)
	slices.Sort(letters)
	return string(letters)
}
