package events

import (
	"slices"
	"strings"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// Listener wants to be told of changes of some collections of an app.
type Listener struct {
	ID         string // whatever the one who delivers knows it by
	Source     store.ChangeSource
	Collection string                  // a glob, see [CheckGlob]
	Operations []store.ChangeOperation // empty: any
}

// CheckGlob refuses what is no glob of collections: a name, which is that collection; the beginning
// of names with a * behind it, which is all collections that begin so; or * alone, which is all.
// There is no other place for a *. The error is [fault.Invalid] of the field.
func CheckGlob(field, glob string) error {
	if err := store.CheckName(field, glob, store.MaxCollectionBytes); err != nil {
		return err
	}
	if i := strings.IndexByte(glob, '*'); i >= 0 && i < len(glob)-1 {
		return fault.Refuse(field, "may have a * at its end only, got %q", glob)
	}
	return nil
}

// wants reports whether the listener is to be told of a change of its source.
func (l Listener) wants(change store.Change) bool {
	if len(l.Operations) > 0 && !slices.Contains(l.Operations, change.Operation) {
		return false
	}
	if prefix, ok := strings.CutSuffix(l.Collection, "*"); ok {
		served := change.Source == store.ChangeFiles && change.Collection == sites.Collection // which deploys fill
		return strings.HasPrefix(change.Collection, prefix) && !served
	}
	return change.Collection == l.Collection
}

// app is who listens to an app's data.
type app struct{ kv, docs, files *collections }

func newApp(listeners []Listener) *app {
	bySource := map[store.ChangeSource][]Listener{}
	for _, l := range listeners {
		bySource[l.Source] = append(bySource[l.Source], l)
	}
	return &app{newCollections(bySource[store.ChangeKV]), newCollections(bySource[store.ChangeDocs]), newCollections(bySource[store.ChangeFiles])}
}

// of returns who listens to a source, nil for nobody.
func (a *app) of(source store.ChangeSource) *collections {
	if a == nil {
		return nil
	}
	switch source {
	case store.ChangeKV:
		return a.kv
	case store.ChangeDocs:
		return a.docs
	case store.ChangeFiles:
		return a.files
	default:
		return nil
	}
}

// collections are those of a source that somebody listens to.
type collections struct {
	listeners []Listener
	names     map[string]struct{}
	prefixes  []string // in order; none begins with another
}

// newCollections returns nil for nobody.
func newCollections(listeners []Listener) *collections {
	if len(listeners) == 0 {
		return nil
	}
	c := &collections{listeners: listeners, names: map[string]struct{}{}}
	var prefixes []string
	for _, l := range listeners {
		if prefix, ok := strings.CutSuffix(l.Collection, "*"); ok {
			prefixes = append(prefixes, prefix)
		} else {
			c.names[l.Collection] = struct{}{}
		}
	}
	slices.Sort(prefixes)
	for _, prefix := range prefixes {
		if n := len(c.prefixes); n == 0 || !strings.HasPrefix(prefix, c.prefixes[n-1]) {
			c.prefixes = append(c.prefixes, prefix)
		}
	}
	return c
}

// has reports whether somebody listens to a collection. The one prefix that a name can begin with
// is the last that is not behind it: what comes between the two in order begins with the prefix
// too.
func (c *collections) has(name string) bool {
	if _, ok := c.names[name]; ok {
		return true
	}
	behind, found := slices.BinarySearch(c.prefixes, name)
	return found || behind > 0 && strings.HasPrefix(name, c.prefixes[behind-1])
}

// of returns those who want to be told of a change.
func (c *collections) of(change store.Change) (to []Listener) {
	for _, l := range c.listeners {
		if l.wants(change) {
			to = append(to, l)
		}
	}
	return to
}
