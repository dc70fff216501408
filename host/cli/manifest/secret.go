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

// planSecrets looks for the secrets that an app needs. present reports whether the app is there yet.
func planSecrets(ctx context.Context, state State, want App, present bool) (steps []step, err error) {
	if len(want.Secrets) == 0 {
		return nil, nil
	}
	there := map[string]bool{}
	unknown := false
	if present {
		for secret, err := range state.Secrets(ctx, want.Ref) {
			if client.HasStatus(err, http.StatusForbidden) {
				unknown = true
				break
			}
			if err != nil {
				return nil, err
			}
			there[secret.Name] = true
		}
	}
	for _, name := range want.Secrets {
		steps = append(steps, &secretStep{app: want.Ref, name: name, there: there[name], unknown: unknown})
	}
	return steps, nil
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
