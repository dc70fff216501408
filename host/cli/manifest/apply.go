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
	ReplaceFile(ctx context.Context, app, collection, id, contentType string, content io.Reader) (wire.File, error)
	DeleteFile(ctx context.Context, app, collection, id string) error
	SetKV(ctx context.Context, app, collection, key string, set wire.KVSet) (wire.KVEntry, error)
	CreateDoc(ctx context.Context, app, collection string, data json.RawMessage) (wire.Document, error)
	PutDoc(ctx context.Context, app, collection, id string, data json.RawMessage) (wire.Document, error)
}

// An application is a plan that is being applied.
type application struct {
	server  Server
	app     string
	sites   []string // ids of what was uploaded for static sites
	modules []string // ids of what was uploaded as modules of plugins
	dryRun  bool     // nothing is uploaded

	uncertain bool // the deploy has failed in a way in which it may have been done
}

// Apply does what the plan says, and returns what was done. What the plan changes of the app is made as a
// whole or not at all: when a step is refused, or anything fails before, all is as it was. Data to begin
// with come after that, one by one: when those fail, what was done before stays, and is returned. What
// changed since the plan was made is refused by the server, not overwritten.
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
	done, err = a.deploy(ctx, p.steps)
	if err != nil {
		if made != "" && !a.uncertain {
			err = errors.Join(err, a.undoApp(ctx, made))
		}
		return []Change{}, err
	}
	for _, s := range p.seeds {
		change, err := s.apply(ctx, a)
		if err != nil {
			return done, err
		}
		done = append(done, change)
	}
	return done, nil
}

// Check asks the server whether it would do what the plan says, and has nothing done. What would be uploaded it
// cannot see: unchecked says of what that is.
func (p *Plan) Check(ctx context.Context, server Server) (unchecked []string, err error) {
	a := &application{server: server, app: p.app, dryRun: true}
	deploy := wire.Deploy{DryRun: true}
	var of []int
	for i, s := range p.steps {
		if app, ok := s.(*appStep); ok && app.id == "" {
			deploy.NewApp = true
		}
		if s, ok := s.(interface{ uploads() string }); ok && s.uploads() != "" {
			unchecked = append(unchecked, s.uploads())
		}
		change, err := s.change(ctx, a)
		if err != nil {
			return unchecked, s.explain(err)
		}
		if change != nil {
			deploy.Changes, of = append(deploy.Changes, *change), append(of, i)
		}
	}
	if len(of) == 0 {
		return unchecked, nil
	}
	if _, err = server.Deploy(ctx, p.app, deploy); err != nil {
		if number, refused, ok := client.ChangeOf(err); ok && number < len(of) {
			err = p.steps[of[number]].explain(refused)
		}
	}
	return unchecked, err
}

// deploy makes the steps' changes, in one request.
func (a *application) deploy(ctx context.Context, steps []step) (done []Change, err error) {
	done = make([]Change, len(steps))
	var deploy wire.Deploy
	var of []int // numbers of the steps that have a change
	defer func() {
		a.forget(ctx, a.modules)
		if err != nil && !a.uncertain {
			a.forget(ctx, a.sites)
		}
	}()
	for i, s := range steps {
		done[i] = s.planned()
		change, err := s.change(ctx, a)
		if err != nil {
			return nil, s.explain(err)
		}
		if change != nil {
			deploy.Changes, of = append(deploy.Changes, *change), append(of, i)
		}
	}
	if len(of) == 0 {
		return done, nil
	}
	deployed, err := a.server.Deploy(ctx, a.app, deploy)
	if err != nil {
		if number, refused, ok := client.ChangeOf(err); ok && number < len(of) {
			return nil, steps[of[number]].explain(refused)
		}
		a.uncertain = !certain(err)
		return nil, err
	}
	for i, result := range deployed.Results {
		change := &done[of[i]]
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
