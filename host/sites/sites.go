// Package sites is what a static site is: a folder of an app, whose files lie in a collection of files,
// served as they are. It is kept as the source of a script of kind static, so that routes lead to it,
// a change of all its files is one change of a version, and other nodes follow as with any script.
//
// The files are the server's: what no site of the app leads to any more is deleted.
package sites

import (
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/fault"
)

// Collection is where the files of an app's sites lie. Scripts can read it, not write it.
const Collection = "@static"

// Awaited stands for the id of a file that is not uploaded yet, in a dry run of a deploy.
const Awaited = "00000000-0000-0000-0000-000000000000"

// WellKnown is the folder of a site whose name begins with a dot and that is served: others look for
// what they know by name there (RFC 8615).
const WellKnown = ".well-known"

// Bounds of a site.
const (
	MaxFiles       = 5000    // as many again are kept of the version before
	MaxSourceBytes = 4 << 20 // of its source
)

// A Site says what the paths of a site lead to.
type Site struct {
	Files     map[string]string `json:"files"`               // ids of files, by their paths: "css/page.css"
	Index     string            `json:"index"`               // of each folder; "" is index.html
	NotFound  string            `json:"not_found,omitempty"` // page for what is not there; "": 404.html, if there is one
	Fallback  string            `json:"fallback,omitempty"`  // page for all paths that a browser visits and that are not there
	MaxAge    int64             `json:"max_age,omitempty"`   // seconds that a file need not be asked for again
	Immutable []string          `json:"immutable,omitempty"` // folders and beginnings of names that never change, as "assets/"

	// Previous are the files of the version before that are not of this one. They are kept for the nodes
	// and requests that still have that version. Of their paths, those that never change are still
	// served: a page that was loaded before loads its parts.
	Previous map[string]string `json:"previous,omitempty"`
}

// Parse reads the source of a static site. The error is [fault.Invalid] of source.
func Parse(source string) (*Site, error) {
	refuse := func(format string, args ...any) error { return fault.Refuse("source", format, args...) }
	s := &Site{}
	decoder := json.NewDecoder(strings.NewReader(source))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		reason := strings.TrimPrefix(err.Error(), "json: ")
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			reason = strings.TrimPrefix(wrong.Field+" cannot be a JSON "+wrong.Value, " ")
		}
		return nil, refuse("is no static site: %s", reason)
	}
	switch {
	case len(s.Files) > MaxFiles:
		return nil, refuse("files must be at most %d, got %d", MaxFiles, len(s.Files))
	case len(s.Previous) > MaxFiles:
		return nil, refuse("previous must be at most %d, got %d", MaxFiles, len(s.Previous))
	case s.MaxAge < 0 || s.MaxAge > 365*24*60*60:
		return nil, refuse("max_age must be 0 to 31536000, got %d", s.MaxAge)
	}
	for field, files := range map[string]map[string]string{"files": s.Files, "previous": s.Previous} {
		for name, id := range files {
			if reason := CheckPath(name); reason != "" {
				return nil, refuse("%s: the path %.100q %s", field, name, reason)
			}
			if _, err := uuid.Parse(id); err != nil {
				return nil, refuse("%s: %.100q must be the id of a file, got %.40q", field, name, id)
			}
		}
	}
	if s.Index == "" {
		s.Index = "index.html"
	}
	if strings.Contains(s.Index, "/") {
		return nil, refuse("index must be the name of a file in each folder, got %.100q", s.Index)
	}
	for _, page := range []struct{ field, name string }{{"not_found", s.NotFound}, {"fallback", s.Fallback}} {
		if page.name != "" && s.Files[page.name] == "" {
			return nil, refuse("%s is %.100q, which is not among the files", page.field, page.name)
		}
	}
	if s.NotFound == "" && s.Files["404.html"] != "" {
		s.NotFound = "404.html"
	}
	return s, nil
}

// All yields the paths and ids of all files that the site refers to, those of the version before too.
func (s *Site) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, files := range []map[string]string{s.Files, s.Previous} {
			for name, id := range files {
				if !yield(name, id) {
					return
				}
			}
		}
	}
}

// Without returns the site without the files of some ids.
func (s *Site) Without(ids map[string]bool) *Site {
	left := *s
	gone := func(_, id string) bool { return ids[id] }
	left.Files, left.Previous = maps.Clone(s.Files), maps.Clone(s.Previous)
	maps.DeleteFunc(left.Files, gone)
	maps.DeleteFunc(left.Previous, gone)
	for _, page := range []*string{&left.NotFound, &left.Fallback} {
		if left.Files[*page] == "" {
			*page = ""
		}
	}
	return &left
}

// Replaced returns the files that a site with other files keeps of s, which it comes after: those that are not
// its own. With the same files it keeps those that s does.
func (s *Site) Replaced(files map[string]string) map[string]string {
	if maps.Equal(files, s.Files) {
		return s.Previous
	}
	replaced := maps.Clone(s.Files)
	maps.DeleteFunc(replaced, func(name, id string) bool { return files[name] == id })
	return replaced
}

// CheckPath returns why a file cannot have a path in a site; "": it can.
func CheckPath(name string) string {
	switch {
	case name == "" || path.Clean(name) != name || strings.HasPrefix(name, "/"):
		return "must be one in the folder, without . or .. or an empty part"
	case strings.ContainsAny(name, "\\\x00") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "must not have a backslash or a control character"
	case slices.ContainsFunc(strings.Split(strings.TrimPrefix(name, WellKnown+"/"), "/"), func(part string) bool { return strings.HasPrefix(part, ".") }):
		return "must not be hidden: nothing that begins with a dot is served, but for the folder " + WellKnown
	}
	return ""
}

// A Page is what a path leads to.
type Page struct {
	Status   int    // 200, 308 or 404
	File     string // its id; "" when there is none
	Redirect string // of 308: the path of the folder, relative to the one that was asked for
	Cache    string // Cache-Control
}

// Find returns what a path below the site leads to. Browses says that a browser visits it, which
// wants a page.
func (s *Site) Find(name string, browses bool) Page {
	wanted := name
	if wanted == "" || strings.HasSuffix(wanted, "/") {
		wanted += s.Index
	}
	if id := s.Files[wanted]; id != "" {
		return Page{Status: 200, File: id, Cache: s.cache(wanted)}
	}
	if id := s.Files[name+"/"+s.Index]; id != "" && name != "" && !strings.HasSuffix(name, "/") {
		return Page{Status: 308, Redirect: path.Base(name) + "/"}
	}
	if id := s.Previous[wanted]; id != "" && s.isImmutable(wanted) {
		return Page{Status: 200, File: id, Cache: s.cache(wanted)}
	}
	if s.Fallback != "" && browses {
		return Page{Status: 200, File: s.Files[s.Fallback], Cache: s.cache(s.Fallback)}
	}
	return Page{Status: 404, File: s.Files[s.NotFound], Cache: "no-cache"}
}

// cache is how long a file may be taken from a cache. By default it is asked for each time, and not
// sent again when it is the same.
func (s *Site) cache(name string) string {
	if s.isImmutable(name) {
		return "public, max-age=31536000, immutable"
	}
	if s.MaxAge > 0 && !strings.HasSuffix(name, ".html") {
		return "public, max-age=" + strconv.FormatInt(s.MaxAge, 10)
	}
	return "no-cache"
}

// isImmutable reports whether a path always leads to the same content, if to any.
func (s *Site) isImmutable(name string) bool {
	return hasFingerprint(name) || slices.ContainsFunc(s.Immutable, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
