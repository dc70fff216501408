package catalog

import (
	"cmp"
	"context"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// CreateApp makes an app. Without a name it is called by its slug.
func (c *Catalog) CreateApp(ctx context.Context, slug, name string) (app store.App, err error) {
	if err := checkSlug(slug); err != nil {
		return store.App{}, err
	}
	err = c.change(ctx, func(tx store.Store) error {
		app, err = tx.Apps().Create(ctx, store.App{Slug: slug, Name: cmp.Or(name, slug)})
		return err
	})
	return app, err
}

// RenameApp gives an app another slug. The one before leads to it from now on.
func (c *Catalog) RenameApp(ctx context.Context, id, slug string) (store.App, error) {
	return c.UpdateApp(ctx, id, store.AppChange{Slug: &slug})
}

// ReleaseAlias has a slug be free that led to an app.
func (c *Catalog) ReleaseAlias(ctx context.Context, id, slug string) error {
	return c.change(ctx, func(tx store.Store) error { return tx.Apps().ReleaseAlias(ctx, id, slug) })
}

// UpdateApp changes an app.
func (c *Catalog) UpdateApp(ctx context.Context, id string, change store.AppChange) (app store.App, err error) {
	if change.Slug != nil {
		if err := checkSlug(*change.Slug); err != nil {
			return store.App{}, err
		}
	}
	if change.CORS != nil {
		if change.CORS, err = routing.CheckCORS(*change.CORS); err != nil {
			return store.App{}, err
		}
	}
	err = c.change(ctx, func(tx store.Store) error {
		app, err = tx.Apps().Update(ctx, id, change)
		return err
	})
	return app, err
}

// DeleteApp removes an app with all that belongs to it: it is gone at once, and [Catalog.Remover] removes
// the rest.
func (c *Catalog) DeleteApp(ctx context.Context, id string) error {
	return c.deleteApp(ctx, id, func(store.Store) error { return nil })
}

// deleteApp is DeleteApp, unless check refuses it within its transaction.
func (c *Catalog) deleteApp(ctx context.Context, id string, check func(tx store.Store) error) error {
	err := c.change(ctx, func(tx store.Store) error {
		if err := check(tx); err != nil {
			return err
		}
		return tx.Apps().Delete(ctx, id)
	})
	if err == nil {
		c.removeSoon()
	}
	return err
}

// removeEvery is how often is looked for what another node has deleted and not removed.
const removeEvery = time.Minute

// newRemover makes the sweep of what is left of deleted apps, scripts and topics.
func (c *Catalog) newRemover() *background.Sweep {
	return background.NewSweep("deleted", "rows", removeEvery, c.log, func(ctx context.Context) (int, error) {
		return store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
			removed, err := c.store.Deletions().Remove(ctx, limit)
			c.discard(removed.Blobs)
			return removed.Rows, err
		})
	})
}

// Remover removes what is left of deleted apps, scripts and topics, a piece at a time: as soon as one is deleted
// here, and within a minute what another node has left.
func (c *Catalog) Remover() *background.Sweep { return c.remover }

// Bounds of what an app is called by.
const (
	maxSlugBytes    = 63
	maxAppNameRunes = 200
)

// slug is what the slug of an app looks like.
var slug = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// checkSlug refuses what is no slug. It keeps slugs and ids apart, because either may name an app.
func checkSlug(text string) error {
	if len(text) > maxSlugBytes || !slug.MatchString(text) {
		return fault.Refuse("slug", "must be 1 to %d lower-case letters, digits and inner hyphens, got %.80q", maxSlugBytes, text)
	}
	if _, err := uuid.Parse(text); err == nil {
		return &fault.Error{Code: fault.Invalid, Field: "slug", Reason: "must not look like an id", Value: text}
	}
	return nil
}
