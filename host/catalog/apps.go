package catalog

import (
	"cmp"
	"context"
	"regexp"

	"github.com/google/uuid"

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

// DeleteApp removes an app with all that belongs to it.
func (c *Catalog) DeleteApp(ctx context.Context, id string) error {
	return c.change(ctx, func(tx store.Store) error { return tx.Apps().Delete(ctx, id) })
}

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
