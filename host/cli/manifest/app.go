package manifest

import (
	"context"
	"fmt"

	"github.com/picloud/picloud/host/api/wire"
)

// appStep creates or renames the app.
type appStep struct {
	want App
	id   string // "" when it is to be created
	slug string
}

// planApp returns the step for an app that is missing (the zero App) or has another name.
func planApp(want App, present wire.App) []step {
	switch {
	case present.ID == "":
		return []step{&appStep{want: want, slug: want.Ref}}
	case want.Name != "" && want.Name != present.Name:
		return []step{&appStep{want: want, id: present.ID, slug: present.Slug}}
	}
	return nil
}

func (s *appStep) planned() Change {
	if s.id == "" {
		return Change{What: "app", Name: s.slug, Result: Created}
	}
	return Change{What: "app", Name: s.slug, Result: Updated, Fields: []string{"name"}, ID: s.id}
}

func (s *appStep) apply(ctx context.Context, a *application) (change Change, err error) {
	change = s.planned()
	var app wire.App
	if s.id == "" {
		app, err = a.server.CreateApp(ctx, wire.AppCreate{Slug: s.slug, Name: s.want.Name})
	} else {
		app, err = a.server.UpdateApp(ctx, s.id, wire.AppUpdate{Name: &s.want.Name})
	}
	if err != nil {
		return change, fmt.Errorf("app %s: %w", s.slug, err)
	}
	change.ID = app.ID
	return change, nil
}
