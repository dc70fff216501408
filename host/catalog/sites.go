package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// The files of an app's static sites lie in one collection, which is theirs alone. They are uploaded
// first; then one change of a script makes them the site. Those that no site leads to are deleted: at
// once when a change has let go of them, and by the sweep when a deploy has uploaded them and then
// failed.

// Uploads is the collection of an app where what is uploaded waits for its deploy: files of static sites, and
// modules of plugins. What no site leads to is deleted within two hours.
const Uploads = sites.Collection

const (
	sweepSitesEvery = time.Hour
	uploadAge       = time.Hour // how long an uploaded file may wait for its site
)

// Awaited stands for the id of a file that is not uploaded yet, while a part of a transaction awaits uploads.
const Awaited = sites.Awaited

// AwaitUploads has a part of a transaction that will not be committed take static sites whose files are [Awaited].
func (c *Catalog) AwaitUploads() { c.awaited = true }

// checkFiles refuses a static site that leads to files which are not there. Those of the site before
// are not looked for.
func (c *Catalog) checkFiles(ctx context.Context, tx store.Store, before, now store.Script) error {
	site := siteOf(now)
	if site == nil {
		return nil
	}
	missing := map[string]string{} // paths by ids
	for path, id := range site.All() {
		missing[id] = path
	}
	if c.awaited {
		delete(missing, Awaited)
	}
	if old := siteOf(before); old != nil {
		for _, id := range old.All() {
			delete(missing, id)
		}
	}
	for page := (store.PageRequest{Limit: store.MaxPageSize}); len(missing) > 0; {
		listed, err := tx.Files().List(ctx, now.AppID, sites.Collection, page)
		if err != nil {
			return err
		}
		for _, file := range listed.Items {
			delete(missing, file.ID)
		}
		if page.Cursor = listed.Next; page.Cursor == "" {
			break
		}
	}
	for id, path := range missing {
		return fault.Refuse("source", "files: %.100q must be the id of a file in %s, and there is no %s", path, sites.Collection, id)
	}
	return nil
}

// siteOf returns the static site that a script is; nil: it is none.
func siteOf(script store.Script) *sites.Site {
	if script.Kind != abi.KindStatic {
		return nil
	}
	site, _ := sites.Parse(script.Source) // which was checked when it was stored
	return site
}

// freeFiles deletes the files that a static site led to before a change and does not any more, but for
// those that another site of the app leads to. What fails the sweep makes good.
func (c *Catalog) freeFiles(ctx context.Context, before, now store.Script) {
	site := siteOf(before)
	if site == nil {
		return
	}
	if c.part {
		c.later = append(c.later, func(ctx context.Context, whole *Catalog) { whole.freeFiles(ctx, before, now) })
		return
	}
	kept := map[string]bool{}
	if site := siteOf(now); site != nil {
		for _, id := range site.All() {
			kept[id] = true
		}
	}
	var ids []string
	for _, id := range site.All() {
		if !kept[id] {
			ids = append(ids, id)
		}
	}
	if _, err := c.deleteUnused(context.WithoutCancel(ctx), before.AppID, ids); err != nil {
		c.log.Warn("files of a static site were not deleted", "error", err)
	}
}

// SiteSweeper makes the sweep of files that were uploaded for static sites and are of none.
func (c *Catalog) SiteSweeper() *background.Sweep {
	return background.NewSweep("unused", "files of sites", sweepSitesEvery, c.log, func(ctx context.Context) (int, error) {
		return c.SweepSites(ctx, time.Now())
	})
}

// SweepSites deletes the files that were uploaded for static sites more than an hour before now and
// are of none, and returns their number: a deploy has failed.
func (c *Catalog) SweepSites(ctx context.Context, now time.Time) (deleted int, err error) {
	for apps := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		listed, err := c.store.Apps().List(ctx, apps)
		if err != nil {
			return deleted, err
		}
		for _, app := range listed.Items {
			n, err := c.sweepApp(ctx, app.ID, now.Add(-uploadAge))
			deleted += n
			if err != nil {
				return deleted, err
			}
		}
		if apps.Cursor = listed.Next; apps.Cursor == "" {
			return deleted, nil
		}
	}
}

func (c *Catalog) sweepApp(ctx context.Context, appID string, before time.Time) (int, error) {
	var old []string
	for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		listed, err := c.store.Files().List(ctx, appID, sites.Collection, page)
		if err != nil {
			return 0, err
		}
		for _, file := range listed.Items {
			if file.CreatedAt.Before(before) {
				old = append(old, file.ID)
			}
		}
		if page.Cursor = listed.Next; page.Cursor == "" {
			break
		}
	}
	if len(old) == 0 {
		return 0, nil
	}
	used, err := used(ctx, c.store, appID) // so that nothing is locked where nothing is to be done
	if err != nil {
		return 0, err
	}
	return c.deleteUnused(ctx, appID, slices.DeleteFunc(old, func(id string) bool { return used[id] }))
}

// deleteUnused deletes those of some files that no static site of the app leads to. It does so in
// steps: a change of the catalog need not wait for all of them.
func (c *Catalog) deleteUnused(ctx context.Context, appID string, ids []string) (deleted int, err error) {
	const step = 200
	for ids := range slices.Chunk(ids, step) {
		n := 0
		err := c.store.InTx(ctx, func(tx store.Store) error { // no site changes meanwhile
			used, err := used(ctx, tx, appID)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if used[id] {
					continue
				}
				switch _, err := tx.Files().Delete(ctx, appID, sites.Collection, id, ""); {
				case err == nil:
					n++
				case fault.Of(err) != fault.NotFound:
					return err
				}
			}
			return nil
		})
		if err != nil {
			return deleted, err
		}
		deleted += n
	}
	return deleted, nil
}

// used returns the ids of the files that the static sites of an app lead to.
func used(ctx context.Context, s store.Store, appID string) (map[string]bool, error) {
	used := map[string]bool{}
	for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		listed, err := s.Scripts().List(ctx, appID, page)
		if err != nil {
			return nil, err
		}
		for _, script := range listed.Items {
			if script.Kind != abi.KindStatic {
				continue
			}
			script, err := s.Scripts().Get(ctx, script.ID) // with its source
			if err != nil {
				return nil, err
			}
			site := siteOf(script)
			if site == nil { // rather nothing is deleted
				return nil, fmt.Errorf("the source of the static site %s cannot be read", script.ID)
			}
			for _, id := range site.All() {
				used[id] = true
			}
		}
		if page.Cursor = listed.Next; page.Cursor == "" {
			return used, nil
		}
	}
}
