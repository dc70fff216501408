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
	there  wire.App
	fields []string // that are to be changed
	made   string   // id of the one that was created; "" for none yet
}

// planApp returns the step for an app that is missing (the zero App) or has another name.
func planApp(want App, present wire.App) []step {
	if present.ID == "" {
		return []step{&appStep{want: want, slug: want.Ref}}
	}
	s := &appStep{want: want, id: present.ID, slug: present.Slug, there: present}
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
		return Change{What: "app", Name: s.slug, Result: Created, ID: s.made}
	}
	return Change{What: "app", Name: s.slug, Result: Updated, Fields: s.fields, ID: s.id}
}

// create creates the app: everything else is below it.
func (s *appStep) create(ctx context.Context, server Server) error {
	app, err := server.CreateApp(ctx, wire.AppCreate{Slug: s.slug, Name: s.want.Name})
	if err != nil {
		return s.explain(err)
	}
	s.made = app.ID
	return nil
}

func (s *appStep) change(_ context.Context, a *application) (*wire.DeployChange, error) {
	if s.id == "" && a.dryRun { // which creates the app without what else it has
		update := wire.AppUpdate{CORS: s.want.CORS}
		if s.want.Name != "" {
			update.Name = &s.want.Name
		}
		return request("update-app", "", update), nil
	}
	if s.id == "" {
		if s.want.CORS == nil || len(s.want.CORS.Origins) == 0 {
			return nil, nil
		}
		return request("update-app", "", wire.AppUpdate{CORS: s.want.CORS}), nil
	}
	var update wire.AppUpdate
	for _, field := range s.fields {
		switch field {
		case "name":
			update.Name = &s.want.Name
		case "cors":
			update.CORS = s.want.CORS
		}
	}
	return request("update-app", "", update), nil
}

func (s *appStep) diff() (d difference) {
	for _, field := range s.fields {
		switch field {
		case "name":
			d.field(field, s.there.Name, s.want.Name)
		case "cors":
			d.field(field, s.there.CORS, s.want.CORS)
		}
	}
	return d
}

func (s *appStep) explain(err error) error { return fmt.Errorf("app %s: %w", s.slug, err) }
