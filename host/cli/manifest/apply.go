package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sites"
)

// A Server is what a plan is applied to. [*client.Client] is one.
type Server interface {
	CreateApp(ctx context.Context, app wire.AppCreate) (wire.App, error)
	AppDeletion(ctx context.Context, app string) (wire.AppDeletion, error)
	DeleteApp(ctx context.Context, app string) error
	Deploy(ctx context.Context, app string, deploy wire.Deploy) (wire.Deployed, error)

	UploadFile(ctx context.Context, app, collection, name, contentType string, content io.Reader) (wire.File, error)
	DeleteFile(ctx context.Context, app, collection, id string) error
}

// An application is a plan that is being applied.
type application struct {
	server  Server
	app     string
	files   []string // ids of what was uploaded for static sites and seeds
	modules []string // ids of what was uploaded as modules of plugins
	dryRun  bool     // nothing is uploaded

	uncertain bool // the deploy has failed in a way in which it may have been done
}

// Apply does what the plan says, and returns what was done. It is done as a whole or not at all: when a step is
// refused, or anything fails before, all is as it was. What changed since the plan was made is refused by the
// server, not overwritten.
func (p *Plan) Apply(ctx context.Context, server Server) (done []Change, err error) {
	a := &application{server: server, app: p.app}
	made := "" // id of the app, if there was none
	if len(p.steps) > 0 {
		if s, ok := p.steps[0].(*appStep); ok && s.id == "" {
			if err := s.create(ctx, server); err != nil {
				return []Change{}, err
			}
			made = s.made
		}
	}
	if done, err = a.deploy(ctx, p); err != nil {
		if made != "" && !a.uncertain {
			err = errors.Join(err, a.undoApp(ctx, made))
		}
		return []Change{}, err
	}
	return done, nil
}

// Check asks the server whether it would do what the plan says, and has nothing done. What would be uploaded it
// cannot see: unchecked says of what that is.
func (p *Plan) Check(ctx context.Context, server Server) (unchecked []string, err error) {
	for _, s := range p.steps {
		if s, ok := s.(interface{ uploads() string }); ok && s.uploads() != "" {
			unchecked = append(unchecked, s.uploads())
		}
	}
	for _, s := range p.seeds {
		if s.fill && len(s.seed.names) > 0 {
			unchecked = append(unchecked, fmt.Sprintf("%d files of the seed of %s", len(s.seed.names), s.seed.Collection))
		}
	}
	d, err := p.draft(ctx, &application{server: server, app: p.app, dryRun: true})
	if err != nil || len(d.Changes) == 0 {
		return unchecked, err
	}
	d.DryRun = true
	_, err = server.Deploy(ctx, p.app, d.Deploy)
	explained, _ := d.explained(err)
	return unchecked, explained
}

// A draft is a plan as the server is asked for it.
type draft struct {
	wire.Deploy
	of      []int               // for each change the number of its step
	explain []func(error) error // for each change, of an error what it is about
}

// draft makes the changes of a plan, the seeds last: by then there are the triggers that hear of them. What is to be
// uploaded before is uploaded here.
func (p *Plan) draft(ctx context.Context, a *application) (d draft, err error) {
	for i, s := range p.steps {
		if app, ok := s.(*appStep); ok && app.id == "" {
			d.NewApp = a.dryRun
		}
		change, err := s.change(ctx, a)
		if err != nil {
			return d, s.explain(err)
		}
		if change != nil {
			d.add(i, *change, s.explain)
		}
	}
	for i, s := range p.seeds {
		if err := s.draft(ctx, a, func(change wire.DeployChange, explain func(error) error) { d.add(len(p.steps)+i, change, explain) }); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *draft) add(step int, change wire.DeployChange, explain func(error) error) {
	d.Changes, d.of, d.explain = append(d.Changes, change), append(d.of, step), append(d.explain, explain)
}

// explained tells of a server's error which change it is about, if it is about one.
func (d *draft) explained(err error) (explained error, ok bool) {
	if number, refused, ok := client.ChangeOf(err); ok && number < len(d.explain) {
		return d.explain[number](refused), true
	}
	return err, false
}

// deploy makes a plan's changes, in one request.
func (a *application) deploy(ctx context.Context, p *Plan) (done []Change, err error) {
	defer func() {
		a.forget(ctx, a.modules)
		if err != nil && !a.uncertain {
			a.forget(ctx, a.files)
		}
	}()
	d, err := p.draft(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, s := range p.steps {
		done = append(done, s.planned())
	}
	for _, s := range p.seeds {
		done = append(done, s.planned())
	}
	if len(d.Changes) == 0 {
		return done, nil
	}
	deployed, err := a.server.Deploy(ctx, a.app, d.Deploy)
	if err != nil {
		explained, ok := d.explained(err)
		a.uncertain = !ok && !certain(err)
		if client.HasStatus(err, http.StatusRequestEntityTooLarge) && p.seeds != nil {
			explained = fmt.Errorf("%w: max_body_bytes of the server bounds it, and it has the seed's entries and documents. picloud kv import and docs import take any number, after a deploy without them", explained)
		}
		return nil, explained
	}
	for i, result := range deployed.Results {
		if d.of[i] >= len(p.steps) {
			break // of seeds
		}
		change := &done[d.of[i]]
		if result.ID != "" {
			change.ID = result.ID
		}
		if result.Version != 0 {
			change.Version = result.Version
		}
		change.Warning = result.Warning
	}
	return done, nil
}

// certain reports whether a deploy that failed with err was not done. Of an error of a proxy or of the storage nobody
// knows; a server that has too much to do, or an app that would have too much, has refused it.
func certain(err error) bool {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case http.StatusServiceUnavailable:
		return refused.Code != fault.Storage.String()
	case http.StatusInsufficientStorage:
		return true
	}
	return refused.Status < 500
}

// request makes a change of its parts.
func request(operation, id string, body any) *wire.DeployChange {
	change := &wire.DeployChange{Operation: operation, ID: id}
	if body != nil {
		change.Body, _ = json.Marshal(body) // of what was JSON, or is written as it
	}
	return change
}

// uploadModule sends the module of a plugin to where a deploy takes it from.
func (a *application) uploadModule(ctx context.Context, name string, module []byte) (id string, err error) {
	if a.dryRun {
		return sites.Awaited, nil
	}
	file, err := a.server.UploadFile(ctx, a.app, sites.Collection, name+WasmSuffix, "application/wasm", bytes.NewReader(module))
	if err != nil {
		return "", fmt.Errorf("upload the module: %w", err)
	}
	a.modules = append(a.modules, file.ID)
	return file.ID, nil
}

// forgetting bounds how long a deploy that has failed, or was interrupted, takes to clean up.
const forgetting = 10 * time.Second

// forget deletes what was uploaded and is not needed. What is left the server deletes within two hours.
func (a *application) forget(ctx context.Context, ids []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetting)
	defer cancel()
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		_ = a.server.DeleteFile(ctx, a.app, sites.Collection, id)
	}
}

// undoApp deletes the app that was made for a deploy which has failed, unless somebody has put something into it.
func (a *application) undoApp(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetting)
	defer cancel()
	has, err := a.server.AppDeletion(ctx, id)
	if err == nil && has != (wire.AppDeletion{}) {
		return fmt.Errorf("the app %s was made and stays: it is not empty any more", a.app)
	}
	if err == nil {
		err = a.server.DeleteApp(ctx, id)
	}
	if err != nil && !client.HasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("the app %s was made and could not be deleted: %w", a.app, err)
	}
	return nil
}
