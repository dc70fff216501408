package manifest

import (
	"context"
	"io"
	"maps"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// A Server is what a plan is applied to. [*client.Client] is one.
type Server interface {
	CreateApp(ctx context.Context, app wire.AppCreate) (wire.App, error)
	UpdateApp(ctx context.Context, ref string, change wire.AppUpdate) (wire.App, error)

	CreateScript(ctx context.Context, app string, script wire.ScriptCreate) (wire.Script, error)
	UpdateScript(ctx context.Context, id string, change wire.ScriptUpdate) (wire.Script, error)
	CreatePlugin(ctx context.Context, app string, plugin wire.ScriptCreate, module io.Reader) (wire.Script, error)
	UpdatePlugin(ctx context.Context, id string, change wire.ScriptUpdate, module io.Reader) (wire.Script, error)
	DeleteScript(ctx context.Context, id string) error

	UploadFile(ctx context.Context, app, collection, name, contentType string, content io.Reader) (wire.File, error)
	DeleteFile(ctx context.Context, app, collection, id string) error

	CreateRoute(ctx context.Context, scriptID string, route wire.RouteCreate) (wire.Route, error)
	UpdateRoute(ctx context.Context, id string, change wire.RouteUpdate) (wire.Route, error)
	DeleteRoute(ctx context.Context, id string) error

	CreateTrigger(ctx context.Context, app, kind string, trigger wire.TriggerUpdate) (wire.Trigger, error)
	UpdateTrigger(ctx context.Context, id string, change wire.TriggerUpdate) (wire.Trigger, error)
	DeleteTrigger(ctx context.Context, id string) error

	SetTopic(ctx context.Context, app, topic string, set wire.TopicSet) (wire.Topic, error)
	DeleteTopic(ctx context.Context, app, topic string) error
}

// An application is a plan that is being applied.
type application struct {
	server   Server
	app      string
	ids      map[string]string // of scripts, by name
	triggers map[string]string // ids, by name
}

// Apply does what the plan says, and returns what was done up to the first error. What changed
// since the plan was made is refused by the server, not overwritten.
func (p *Plan) Apply(ctx context.Context, server Server) ([]Change, error) {
	a := &application{server: server, app: p.app, ids: maps.Clone(p.scripts), triggers: maps.Clone(p.triggers)}
	done := []Change{}
	refused := 0 // deletions in a row
	for queue := p.steps; len(queue) > 0; queue = queue[1:] {
		change, err := queue[0].apply(ctx, a)
		// A module goes after those that import it: whether there are any, the server knows.
		if _, deletes := queue[0].(*scriptDeletion); deletes && client.HasStatus(err, http.StatusConflict) && refused < len(queue)-1 {
			refused++
			queue = append(queue[:len(queue):len(queue)], queue[0])
			continue
		}
		if err != nil {
			return done, err
		}
		refused = 0
		done = append(done, change)
	}
	return done, nil
}
