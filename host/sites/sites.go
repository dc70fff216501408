// Package sites is what a static site is: a folder of an app, whose files lie in a collection of files,
// served as they are. It is kept as the source of a script of kind static, so that routes lead to it,
// a change of all its files is one change of a version, and other nodes follow as with any script.
package sites

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/fault"
)

// MaxFiles is how many files a site may have.
const MaxFiles = 5000

// A Site says what the paths of a site lead to.
type Site struct {
	Collection string            `json:"collection"`          // of the app's files
	Files      map[string]string `json:"files"`               // ids of files, by their paths: "css/page.css"
	Index      string            `json:"index"`               // of each folder; "" is index.html
	NotFound   string            `json:"not_found,omitempty"` // page for what is not there; "": 404.html, if there is one
	Fallback   string            `json:"fallback,omitempty"`  // page for all paths that a browser visits and that are not there
	MaxAge     int64             `json:"max_age,omitempty"`   // seconds that a file need not be asked for again
	Immutable  []string          `json:"immutable,omitempty"` // folders and beginnings of names that never change, as "assets/"
}

// Parse reads the source of a static site. The error is [fault.Invalid] of source.
func Parse(source string) (*Site, error) {
	refuse := func(format string, args ...any) error { return fault.Refuse("source", format, args...) }
	s := &Site{}
	decoder := json.NewDecoder(strings.NewReader(source))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return nil, refuse("is no static site: %v", err)
	}
	switch {
	case s.Collection == "":
		return nil, refuse("collection is missing")
	case len(s.Files) > MaxFiles:
		return nil, refuse("files must be at most %d, got %d", MaxFiles, len(s.Files))
	case s.MaxAge < 0 || s.MaxAge > 365*24*60*60:
		return nil, refuse("max_age must be 0 to 31536000, got %d", s.MaxAge)
	}
	for name, id := range s.Files {
		if reason := CheckPath(name); reason != "" {
			return nil, refuse("files: the path %.100q %s", name, reason)
		}
		if _, err := uuid.Parse(id); err != nil {
			return nil, refuse("files: %.100q must be the id of a file, got %.40q", name, id)
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

// CheckPath returns why a file cannot have a path in a site; "": it can.
func CheckPath(name string) string {
	switch {
	case name == "" || path.Clean(name) != name || strings.HasPrefix(name, "/"):
		return "must be one in the folder, without . or .. or an empty part"
	case strings.ContainsAny(name, "\\\x00") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "must not have a backslash or a control character"
	case slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") }):
		return "must not be hidden: nothing that begins with a dot is served"
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
	if s.Fallback != "" && browses {
		return Page{Status: 200, File: s.Files[s.Fallback], Cache: s.cache(s.Fallback)}
	}
	return Page{Status: 404, File: s.Files[s.NotFound], Cache: "no-cache"}
}

// cache is how long a file may be taken from a cache. By default it is asked for each time, and not
// sent again when it is the same.
func (s *Site) cache(name string) string {
	for _, prefix := range s.Immutable {
		if strings.HasPrefix(name, prefix) {
			return "public, max-age=31536000, immutable"
		}
	}
	if s.MaxAge > 0 && !strings.HasSuffix(name, ".html") {
		return "public, max-age=" + strconv.FormatInt(s.MaxAge, 10)
	}
	return "no-cache"
}
