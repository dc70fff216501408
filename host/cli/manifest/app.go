package manifest

import (
	"context"
	"fmt"

	"github.com/picloud/picloud/host/api/wire"
)

// appStep creates the app, or changes its name or its CORS policy.
type appStep struct {
	want   App
	id     string // "" when it is to be created
	slug   string
	fields []string // that are to be changed
}

// planApp returns the step for an app that is missing (the zero App) or has another name.
func planApp(want App, present wire.App) []step {
	if present.ID == "" {
		return []step{&appStep{want: want, slug: want.Ref}}
	}
	s := &appStep{want: want, id: present.ID, slug: present.Slug}
	if want.Name != "" && want.Name != present.Name {
		s.fields = append(s.fields, "name")
	}
	if want.CORS != nil && !sameCORS(present.CORS, want.CORS) && (present.CORS != nil || len(want.CORS.Origins) > 0) {
		s.fields = append(s.fields, "cors")
	}
	if s.fields == nil {
		return nil
	}
	return []step{s}
}

func (s *appStep) planned() Change {
	if s.id == "" {
		return Change{What: "app", Name: s.slug, Result: Created}
	}
	return Change{What: "app", Name: s.slug, Result: Updated, Fields: s.fields, ID: s.id}
}

func (s *appStep) apply(ctx context.Context, a *application) (change Change, err error) {
	change = s.planned()
	var app wire.App
	if s.id == "" {
		app, err = a.server.CreateApp(ctx, wire.AppCreate{Slug: s.slug, Name: s.want.Name})
		if err == nil && s.want.CORS != nil {
			app, err = a.server.UpdateApp(ctx, app.ID, wire.AppUpdate{CORS: s.want.CORS})
		}
	} else {
		var change wire.AppUpdate
		for _, field := range s.fields {
			switch field {
			case "name":
				change.Name = &s.want.Name
			case "cors":
				change.CORS = s.want.CORS
			}
		}
		app, err = a.server.UpdateApp(ctx, s.id, change)
	}
	if err != nil {
		return change, fmt.Errorf("app %s: %w", s.slug, err)
	}
	change.ID = app.ID
	return change, nil
}
