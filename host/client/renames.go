package client

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// renames are the apps that are called otherwise than they were, as far as the client has been told.
type renames struct {
	mu     sync.Mutex
	slugs  map[string]string // the present ones
	asked  map[string]bool   // those that were asked about
	onTold func(before, now string)
}

// unknown reports whether a slug has not been asked about yet.
func (r *renames) unknown(slug string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked[slug] {
		return false
	}
	if r.asked == nil {
		r.asked = map[string]bool{}
	}
	r.asked[slug] = true
	return true
}

// OnRename has fn called when the server tells for the first time that an app is called otherwise now.
func (c *Client) OnRename(fn func(before, now string)) {
	c.renames.mu.Lock()
	defer c.renames.mu.Unlock()
	c.renames.onTold = fn
}

// slugOf returns the slug or id in a path of the API below apps, and what follows it in the same element.
func slugOf(path []string) (slug, verb string) {
	if len(path) < 2 || path[0] != "apps" {
		return "", ""
	}
	if i := strings.IndexByte(path[1], ':'); i >= 0 {
		return path[1][:i], path[1][i:]
	}
	return path[1], ""
}

// present returns a path with the app's present slug.
func (r *renames) present(path []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, verb := slugOf(path)
	now, moved := r.slugs[before]
	if !moved {
		return path
	}
	path = slices.Clone(path)
	path[1] = now + verb
	return path
}

// note remembers the slug that a redirect tells instead of the one in the path, and reports whether it tells another.
func (r *renames) note(path []string, redirect *http.Response) bool {
	before, _ := slugOf(path)
	location, err := url.Parse(redirect.Header.Get("Location"))
	if before == "" || err != nil {
		return false
	}
	_, rest, found := strings.Cut(location.Path, adminPath+"apps/")
	now := rest
	if i := strings.IndexAny(rest, "/:"); i >= 0 {
		now = rest[:i]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !found || now == "" || now == before {
		return false
	}
	if r.slugs == nil {
		r.slugs = map[string]string{}
	}
	for old, slug := range r.slugs { // that has been renamed again
		if slug == before {
			r.slugs[old] = now
		}
	}
	delete(r.slugs, now) // which it may have had before
	r.slugs[before] = now
	if r.onTold != nil {
		r.onTold(before, now)
	}
	return true
}
