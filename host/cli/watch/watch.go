// Package watch tells when something in a folder has changed, and is at rest again.
package watch

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// An editor that saves a file writes another and renames it, or empties the file first; a checkout
// changes hundreds. What comes within quiet is one change, and a change is told after longest even if
// there is no end of it.
const (
	quiet   = 20 * time.Millisecond
	longest = 500 * time.Millisecond
)

// Folder tells of changes in a folder and all below it, but for what editors and version control keep
// for themselves, and what is in skip, which are other folders. What it sends is the time at which a
// change began. Changes that come while nobody receives are one. The channel is closed when ctx ends,
// or when the folder itself is gone.
func Folder(ctx context.Context, dir string, skip ...string) (<-chan time.Time, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &folder{notifier: notifier, root: root}
	for _, other := range skip {
		if resolved, err := filepath.EvalSymlinks(other); err == nil {
			other = resolved
		}
		if absolute, err := filepath.Abs(other); err == nil {
			w.skip = append(w.skip, absolute)
		}
	}
	if err := w.add(root); err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	changes := make(chan time.Time)
	go w.run(ctx, changes)
	return changes, nil
}

// A folder is one that is watched.
type folder struct {
	notifier *fsnotify.Watcher
	root     string
	skip     []string // absolute
}

// add watches a folder and those below it: the system tells of what is directly in one only.
func (w *folder) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == w.root:
			return err
		case err != nil: // gone again
			return nil
		case !entry.IsDir():
			return nil
		case path != w.root && w.ignores(path):
			return fs.SkipDir
		}
		if err := w.notifier.Add(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	})
}

// ignores reports whether something is of no interest, by its name.
func (w *folder) ignores(path string) bool {
	if absolute, err := filepath.Abs(path); err == nil && slices.Contains(w.skip, absolute) {
		return true
	}
	switch name := filepath.Base(path); {
	case name == ".git", name == ".hg", name == ".svn", name == ".jj", name == "node_modules":
		return true
	case name == "4913", strings.HasSuffix(name, "~"), strings.HasPrefix(name, ".#"), strings.HasPrefix(name, "#"):
		return true // of vim and Emacs
	default:
		return strings.HasPrefix(name, ".") && (strings.Contains(name, ".sw") || strings.HasSuffix(name, ".tmp"))
	}
}

func (w *folder) run(ctx context.Context, changes chan<- time.Time) {
	defer close(changes)
	defer w.notifier.Close()
	var began time.Time // of the change that is not at rest yet
	var ready time.Time // when the change began that nobody has received yet
	rest := time.NewTimer(time.Hour)
	rest.Stop()
	for {
		var out chan<- time.Time // nil while there is nothing to tell
		if !ready.IsZero() {
			out = changes
		}
		select {
		case <-ctx.Done():
			return
		case event, open := <-w.notifier.Events:
			switch {
			case !open, event.Name == w.root && event.Has(fsnotify.Remove|fsnotify.Rename):
				return
			case event.Op == fsnotify.Chmod, w.ignores(event.Name):
				continue
			case event.Has(fsnotify.Create):
				_ = w.add(event.Name) // if it is a folder; what is wrong with it is told by who reads it
			}
			if began.IsZero() {
				began = time.Now()
			}
			rest.Reset(min(quiet, time.Until(began.Add(longest))))
		case _, open := <-w.notifier.Errors: // some events are lost
			if !open {
				return
			}
			if began.IsZero() {
				began = time.Now()
			}
			_ = w.add(w.root)
			rest.Reset(quiet)
		case <-rest.C:
			if ready.IsZero() {
				ready = began
			}
			began = time.Time{}
		case out <- ready:
			ready = time.Time{}
		}
	}
}
