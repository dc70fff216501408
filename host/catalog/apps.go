package catalog

import (
	"cmp"
	"context"

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

// checkSlug keeps slugs and ids apart, because either may name an app.
func checkSlug(slug string) error {
	if _, err := uuid.Parse(slug); err == nil {
		return &fault.Error{Code: fault.Invalid, Field: "slug", Reason: "must not look like an id", Value: slug}
	}
	return nil
}
