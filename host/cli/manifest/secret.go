package manifest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// Missing is the result of a secret that an app needs and does not have.
const Missing Result = "missing"

// secretStep tells of a secret that the app needs. A deploy has no values: what is missing is to be set
// by hand, and that can be after.
type secretStep struct {
	app, name string
	there     bool
	unknown   bool // the caller may not see which there are
}

// secretDeletion deletes a secret.
type secretDeletion struct{ name string }

// planSecrets looks for the secrets that an app needs, and for those that it has besides: none where it is not said which it
// needs. present reports whether the app is there yet.
func planSecrets(ctx context.Context, state State, want App, present bool) (needed, unwanted []step, err error) {
	if want.Secrets == nil || len(want.Secrets) == 0 && !want.Release && !want.TellLeft {
		return nil, nil, nil
	}
	there := map[string]bool{}
	unknown := false
	named := want.namedSecrets()
	if present {
		for secret, err := range state.Secrets(ctx, want.Ref) {
			if client.HasStatus(err, http.StatusForbidden) {
				unknown = true
				break
			}
			if err != nil {
				return nil, nil, err
			}
			if there[secret.Name] = true; !named[secret.Name] {
				unwanted = append(unwanted, &secretDeletion{secret.Name})
			}
		}
	}
	for _, name := range want.Secrets {
		needed = append(needed, &secretStep{app: want.Ref, name: name, there: there[name], unknown: unknown})
	}
	return needed, unwanted, nil
}

// namedSecrets are the secrets that an app needs: those that it lists, and those by which its routes check signatures.
func (a App) namedSecrets() map[string]bool {
	named := map[string]bool{}
	for _, name := range a.Secrets {
		named[name] = true
	}
	for _, script := range a.Scripts {
		for _, route := range script.Routes {
			if route.Signature != nil {
				named[route.Signature.Secret] = true
			}
		}
	}
	return named
}

func (s *secretDeletion) planned() Change {
	return Change{What: "secret", Name: s.name, Result: Deleted}
}

func (s *secretDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-secret", s.name, nil), nil
}

func (s *secretDeletion) explain(err error) error {
	return fmt.Errorf("delete secret %s: %w", s.name, err)
}

func (s *secretStep) planned() Change {
	change := Change{What: "secret", Name: s.name, Result: Unchanged}
	switch {
	case s.unknown:
		change.Warning = "you may not see whether it is set"
	case !s.there:
		change.Result = Missing
		change.Warning = fmt.Sprintf("is not set, and the app needs it: picloud secrets set %s --app %s", s.name, s.app)
	}
	return change
}

func (s *secretStep) change(context.Context, *application) (*wire.DeployChange, error) {
	return nil, nil
}
func (s *secretStep) explain(err error) error { return err }

// checkSecrets refuses a name that is missing or there twice.
func checkSecrets(names []string) error {
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("secrets[%d]: name is missing", i)
		}
		if seen[name] {
			return fmt.Errorf("secrets[%d]: name %q is used twice", i, name)
		}
		seen[name] = true
	}
	return nil
}
