package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountDeploy(admin huma.API) {
	operation(a, admin, http.MethodPost, "/apps/{app}:deploy", "deploy-app", "Make several changes of an app, all of them or none", http.StatusOK, a.deploy)
}

// A deployable is an operation that can be a part of a deploy.
type deployable struct {
	needs        []authz.Capability // in the app
	method, path string             // whose document says what the body may be; {kind} is the kind's
	run          func(*deploying, context.Context, wire.DeployChange) (wire.DeployResult, error)
}

// deploying is a deploy within its transaction: the API as it would be if what was done so far were
// committed.
type deploying struct {
	*API
	app    store.App
	dryRun bool
}

var deployables = map[string]deployable{
	"update-app":     {needs(authz.AppUpdate), http.MethodPut, "/apps/{app}", deployBody((*deploying).updateTheApp)},
	"create-script":  {needs(authz.ScriptWrite), http.MethodPost, "/apps/{app}/scripts", deployBody((*deploying).createTheScript)},
	"update-script":  {needs(authz.ScriptWrite), http.MethodPut, "/scripts/{id}", deployBody((*deploying).updateTheScript)},
	"delete-script":  {needs(authz.ScriptDelete), "", "", (*deploying).deleteTheScript},
	"create-route":   {needs(authz.RouteWrite), http.MethodPost, "/scripts/{id}/routes", deployBody((*deploying).createTheRoute)},
	"update-route":   {needs(authz.RouteWrite), http.MethodPut, "/routes/{id}", deployBody((*deploying).updateTheRoute)},
	"delete-route":   {needs(authz.RouteWrite), "", "", (*deploying).deleteTheRoute},
	"create-domain":  {needs(authz.DomainsManage), http.MethodPost, "/apps/{app}/domains", deployBody((*deploying).createTheDomain)},
	"delete-domain":  {needs(authz.DomainsManage), "", "", (*deploying).deleteTheDomain},
	"create-index":   {needs(authz.DataWrite), http.MethodPost, "/apps/{app}/docs-indexes", deployBody((*deploying).createTheIndex)},
	"delete-index":   {needs(authz.DataWrite), "", "", (*deploying).deleteTheIndex},
	"create-trigger": {needs(authz.TriggerWrite, authz.ScriptExecute), http.MethodPost, "/apps/{app}/triggers/{kind}", deployBody((*deploying).createTheTrigger)},
	"update-trigger": {needs(authz.TriggerWrite), http.MethodPatch, "/triggers/{id}", deployBody((*deploying).updateTheTrigger)},
	"delete-trigger": {needs(authz.TriggerWrite), "", "", (*deploying).deleteTheTrigger},
	"set-topic":      {needs(authz.RouteWrite), http.MethodPut, "/apps/{app}/topics/{topic}", deployBody((*deploying).setTheTopic)},
	"delete-topic":   {needs(authz.RouteWrite), "", "", (*deploying).deleteTheTopic},
	"delete-secret":  {needs(authz.SecretWrite), "", "", (*deploying).deleteTheSecret},
	"set-kv":         {needs(authz.DataWrite), http.MethodPut, "/apps/{app}/kv/{collection}/{key}", deployBody((*deploying).setTheKV)},
	"create-doc":     {needs(authz.DataWrite), http.MethodPost, "/apps/{app}/docs/{collection}", deployBody((*deploying).createTheDoc)},
	"put-doc":        {needs(authz.DataWrite), http.MethodPut, "/apps/{app}/docs/{collection}/{id}", deployBody((*deploying).putTheDoc)},
	"keep-file":      {needs(authz.DataWrite), "", "", (*deploying).keepTheFile},
}

// changesData reports whether an operation changes data of the app.
func changesData(operation string) bool {
	switch operation {
	case "set-kv", "create-doc", "put-doc", "keep-file":
		return true
	}
	return false
}

func needs(capabilities ...authz.Capability) []authz.Capability { return capabilities }

// deployBody makes a part of a deploy of one that takes a body.
func deployBody[B any](run func(*deploying, context.Context, wire.DeployChange, B) (wire.DeployResult, error)) func(*deploying, context.Context, wire.DeployChange) (wire.DeployResult, error) {
	return func(d *deploying, ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
		var body B
		if err := json.Unmarshal(change.Body, &body); err != nil {
			return wire.DeployResult{}, unreadable()
		}
		return run(d, ctx, change, body)
	}
}

// unreadable refuses a body that its schema has allowed.
func unreadable() error { return problem.InvalidField("body", "cannot be read", nil) }

// deploy makes changes in one transaction. Each has its own entry in the record.
func (a *API) deploy(ctx context.Context, in *struct {
	AppPath
	Body wire.Deploy
}) (*body[wire.Deployed], error) {
	changes := in.Body.Changes
	app, err := a.deployTo(ctx, in.App, in.Body)
	if err != nil {
		return nil, err
	}
	for i, change := range changes {
		if err := a.checkChange(change, in.Body.DryRun); err != nil {
			return nil, a.ofChange(ctx, i, err)
		}
	}
	turn := cmp.Or(app.ID, "new/"+caller(ctx).User.ID) // who would create an app takes turns with others who would
	if slices.ContainsFunc(changes, func(c wire.DeployChange) bool { return changesData(c.Operation) }) {
		// One after the other, and those of an app after others' who wait.
		leave, err := a.deploysOfData.Enter(ctx, turn)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	if slices.ContainsFunc(changes, compiles) {
		// Which later could wait for the transaction.
		admitted, leave, err := a.executions.Admit(ctx, turn)
		if err != nil {
			return nil, err
		}
		defer leave()
		ctx = admitted
	}
	if err := a.compileModules(ctx, app, changes); err != nil {
		return nil, err
	}
	if err := a.admitData(ctx, app.ID, changes); err != nil {
		return nil, err
	}
	// The whole has no entry in the record: each change has its own.
	ctx = a.audit.BeginReading(ctx, store.DeedOf(ctx).Entry())
	var out wire.Deployed
	err = a.catalog.Together(ctx, func(ctx context.Context, tx store.Store, part *catalog.Catalog) error {
		now, err := a.authority.Again(ctx, tx, caller(ctx))
		if err != nil {
			return err
		}
		if in.Body.DryRun {
			part.AwaitUploads()
		}
		ctx = context.WithValue(ctx, principalKey{}, now)
		d := &deploying{API: a.inTx(tx, part), app: app, dryRun: in.Body.DryRun}
		if in.Body.NewApp {
			if err := d.createTheApp(ctx); err != nil {
				return err
			}
		}
		out, err = d.all(ctx, changes)
		if err == nil && in.Body.DryRun {
			err = errDryRun
		}
		return err
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	return &body[wire.Deployed]{out}, nil
}

// deployTo finds the app of a deploy, for a caller who may make all of its changes. That is checked before anything is
// done for them, or others have to wait. Of an app that a dry run would create there is only the slug.
func (a *API) deployTo(ctx context.Context, ref string, deploy wire.Deploy) (store.App, error) {
	switch {
	case deploy.NewApp && !deploy.DryRun:
		return store.App{}, problem.InvalidField("body.new_app", "is of a dry run only: create the app first", true)
	case deploy.NewApp && !caller(ctx).May(authz.AppCreate):
		return store.App{}, caller(ctx).Denied(authz.AppCreate)
	case deploy.NewApp:
		// In an app that nobody is a member of yet there are the rights of the instance.
		return store.App{Slug: ref}, a.mayAll(ctx, deploy.Changes, func(c authz.Capability) error {
			if !caller(ctx).May(c) {
				return caller(ctx).Denied(c)
			}
			return nil
		})
	}
	app, err := a.findApp(ctx, ref, authz.AppRead) // each change needs a right of its own
	if err != nil {
		return store.App{}, err
	}
	return app, a.mayAll(ctx, deploy.Changes, func(c authz.Capability) error { return a.need(ctx, app.ID, "app", c) })
}

// mayAll refuses the first of the changes that needs a capability which need refuses.
func (a *API) mayAll(ctx context.Context, changes []wire.DeployChange, need func(authz.Capability) error) error {
	may := map[authz.Capability]bool{}
	for i, change := range changes {
		for _, c := range deployables[change.Operation].needs {
			if may[c] {
				continue
			}
			if err := need(c); err != nil {
				return a.ofChange(ctx, i, err)
			}
			may[c] = true
		}
	}
	return nil
}

// admitData checks the entries and documents of a deploy, and asks whether the app may have them. Within the transaction
// others would have to wait for that, and it would take another connection. appID is "" of an app that is not there.
func (a *API) admitData(ctx context.Context, appID string, changes []wire.DeployChange) error {
	entries, documents := 0, 0
	for i, change := range changes {
		var n int
		var err error
		switch change.Operation {
		case "set-kv":
			n, err = a.sizeOfEntry(change)
			entries += n
		case "create-doc", "put-doc":
			n, err = a.sizeOfDocument(ctx, appID, change)
			documents += n
		}
		if err != nil {
			return a.ofChange(ctx, i, err)
		}
	}
	if appID == "" {
		return nil
	}
	if entries > 0 { // an app that is over its quota is refused none, too
		if err := a.kv.Admit(ctx, appID, entries); err != nil {
			return err
		}
	}
	if documents > 0 {
		return a.docs.Admit(ctx, appID, documents)
	}
	return nil
}

// sizeOfEntry returns what the entry of a change counts for, and refuses what is none.
func (a *API) sizeOfEntry(change wire.DeployChange) (int, error) {
	var set wire.KVSet
	if err := json.Unmarshal(change.Body, &set); err != nil {
		return 0, unreadable()
	}
	n, err := a.kv.Size(change.Collection, change.ID, kv.JSON(set.Value), setOptions(set))
	return n, inKV(err)
}

// sizeOfDocument returns what the document of a change counts for, and refuses what is none.
func (a *API) sizeOfDocument(ctx context.Context, appID string, change wire.DeployChange) (int, error) {
	var write wire.DocumentWrite
	if err := json.Unmarshal(change.Body, &write); err != nil {
		return 0, unreadable()
	}
	data, err := documentData(write.Data)
	if err != nil {
		return 0, err
	}
	n, err := a.docs.Size(ctx, appID, change.Collection, change.ID, data)
	return n, inDocs(err)
}

// createTheApp creates the app that a dry run is about.
func (d *deploying) createTheApp(ctx context.Context) error {
	made, err := d.createApp(ctx, &struct{ Body wire.AppCreate }{wire.AppCreate{Slug: d.app.Slug}})
	if err != nil {
		return problem.At(err, "slug", "path.app")
	}
	d.app, err = d.findApp(ctx, made.Body.ID, authz.AppRead)
	return err
}

// compiles reports whether a change compiles a script.
func compiles(change wire.DeployChange) bool {
	return change.Operation == "create-script" || change.Operation == "update-script"
}

// errDryRun undoes what could be done.
var errDryRun = errors.New("a dry run")

// inTx returns the API on a transaction. What it decides by and reads is of that: a connection more might never come.
func (a *API) inTx(tx store.Store, c *catalog.Catalog) *API {
	return &API{
		store: tx, catalog: c, authority: a.authority.In(tx), identity: a.identity, executions: a.executions,
		kv: a.kv.In(tx).Admitted(), docs: a.docs.In(tx).Admitted(), files: a.files.In(tx), secrets: a.secrets, audit: a.audit, requests: a.requests, maxBody: a.maxBody, maxPlugin: a.maxPlugin,
		quotas: a.quotas, reserved: a.reserved, version: a.version, log: a.log, events: a.events, queueRate: a.queueRate,
		triggerRetry: a.triggerRetry, triggerConcurrency: a.triggerConcurrency, contract: a.contract,
	}
}

// checkChange checks a change as the request that it stands for would be.
func (a *API) checkChange(change wire.DeployChange, dryRun bool) error {
	of := deployables[change.Operation]
	switch takes := of.method != ""; {
	case takes && len(change.Body) == 0:
		return problem.InvalidField("body", "is missing", nil)
	case !takes && len(change.Body) > 0:
		return problem.InvalidField("body", "must be absent: "+change.Operation+" takes none", nil)
	case change.Kind == "" && change.Operation == "create-trigger":
		return problem.InvalidField("kind", "is missing", nil)
	case change.Kind != "" && change.Operation != "create-trigger":
		return problem.InvalidField("kind", "is of create-trigger only", change.Kind)
	case change.Module != "" && !compiles(change):
		return problem.InvalidField("module", "is of plugins only", change.Module)
	case change.Module == catalog.Awaited && !dryRun:
		return problem.InvalidField("module", "must be the id of a file in "+catalog.Uploads, change.Module)
	case change.Collection == "" && changesData(change.Operation):
		return problem.InvalidField("collection", "is missing", nil)
	case change.Collection != "" && !changesData(change.Operation):
		return problem.InvalidField("collection", "is of data only", change.Collection)
	case change.Upload == "" && change.Operation == "keep-file":
		return problem.InvalidField("upload", "is missing", nil)
	case change.Upload != "" && change.Operation != "keep-file":
		return problem.InvalidField("upload", "is of keep-file only", change.Upload)
	case change.Upload == catalog.Awaited && !dryRun:
		return problem.InvalidField("upload", "must be the id of a file in "+catalog.Uploads, change.Upload)
	case change.ID == "" && needsID(change.Operation):
		return problem.InvalidField("id", "is missing", nil)
	case change.ID != "" && !needsID(change.Operation) && change.Operation != "keep-file":
		return problem.InvalidField("id", "must be absent: "+change.Operation+" takes none", change.ID)
	case !takes:
		return nil
	}
	operation, err := a.contract().Operation(of.method, adminPrefix+strings.Replace(of.path, "{kind}", change.Kind, 1))
	if err != nil {
		return err
	}
	wrong, err := operation.Body(change.Body)
	if err == nil && len(wrong) > 0 {
		err = problem.InvalidFields(wrong)
	}
	return err
}

// needsID reports whether an operation is of something that is there already.
func needsID(operation string) bool {
	switch operation {
	case "update-app", "create-script", "create-domain", "create-index", "create-trigger", "create-doc", "keep-file":
		return false
	}
	return true
}

// compileModules compiles the modules of plugins: that can take long, and must not while the transaction keeps
// others waiting, which finds them compiled. It has one of them in memory at a time.
func (a *API) compileModules(ctx context.Context, app store.App, changes []wire.DeployChange) error {
	compiled := map[string]bool{}
	for i, change := range changes {
		if change.Module == "" || compiled[change.Module] {
			continue
		}
		module, err := a.deployModule(ctx, app, change)
		if err == nil {
			_, err = a.catalog.Compile(ctx, store.Script{AppID: app.ID, Name: "plugin", Kind: abi.KindPlugin, Wasm: module})
		}
		if err != nil {
			return a.ofChange(ctx, i, err)
		}
		compiled[change.Module] = true
	}
	return nil
}

// standIn is a module that does nothing: of a dry run, in the place of one that is not uploaded yet. It exports
// handle, which answers 0.
var standIn = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x05\x01\x60\x00\x01\x7f" + "\x03\x02\x01\x00" + "\x07\x0a\x01\x06handle\x00\x00" + "\x0a\x06\x01\x04\x00\x41\x00\x0b")

// deployModule reads the module of a change, which was uploaded.
func (a *API) deployModule(ctx context.Context, app store.App, change wire.DeployChange) ([]byte, error) {
	if change.Module == catalog.Awaited {
		return standIn, nil
	}
	file, err := a.files.Open(ctx, app.ID, catalog.Uploads, change.Module)
	if fault.Unknown(err) {
		return nil, problem.InvalidField("module", "must be the id of a file in "+catalog.Uploads, change.Module)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if file.File.Size > a.maxPlugin {
		reason := fmt.Sprintf("a module must not be larger than %d bytes, this one has %d", a.maxPlugin, file.File.Size)
		return nil, problem.New(http.StatusRequestEntityTooLarge, fault.TooLarge, reason, wire.FieldError{Location: "module", Message: reason})
	}
	module := make([]byte, file.File.Size)
	_, err = io.ReadFull(file, module)
	return module, err
}

// all makes the changes, one after the other.
func (d *deploying) all(ctx context.Context, changes []wire.DeployChange) (wire.Deployed, error) {
	out := wire.Deployed{Results: make([]wire.DeployResult, len(changes))}
	for i := 0; i < len(changes); {
		n := 1
		if data := changesData(changes[i].Operation); data && (i == 0 || !changesData(changes[i-1].Operation)) {
			if err := d.hear(ctx); err != nil {
				return out, err
			}
		}
		for i+n < len(changes) && changes[i].Operation == "delete-script" && changes[i+n].Operation == "delete-script" {
			n++
		}
		// A module goes after those that import it, whatever their order.
		for waiting := changeNumbers(i, n); len(waiting) > 0; {
			var refused []int
			var first error
			for _, number := range waiting {
				result, err := d.one(ctx, changes[number])
				switch {
				case err == nil:
					out.Results[number] = result
				case n > 1 && d.isConflict(ctx, err):
					refused = append(refused, number)
					first = cmp.Or(first, d.ofChange(ctx, number, err))
				default:
					return out, d.ofChange(ctx, number, err)
				}
			}
			if len(refused) == len(waiting) {
				return out, first
			}
			waiting = refused
		}
		i += n
	}
	return out, nil
}

func changeNumbers(from, n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = from + i
	}
	return numbers
}

func (d *deploying) isConflict(ctx context.Context, err error) bool {
	return d.problemOf(ctx, err).Status == http.StatusConflict
}

// hear has the changes of data from here on be events for the triggers that the transaction has made the app's.
func (d *deploying) hear(ctx context.Context) error {
	triggers, err := d.store.Triggers().ByApp(ctx, d.app.ID)
	if err == nil {
		d.store.Hear(d.app.ID, d.events.Audience(d.app.ID, triggers))
	}
	return err
}

// one makes a change, which is a deed of its own in the record.
func (d *deploying) one(ctx context.Context, change wire.DeployChange) (result wire.DeployResult, err error) {
	entry := store.DeedOf(ctx).Entry()
	entry.Action, entry.Kind, entry.Object, entry.AppID = change.Operation, strings.SplitN(change.Operation, "-", 2)[1], "", d.app.ID
	begin := d.audit.Begin
	if changesData(change.Operation) {
		begin = d.audit.BeginData
	}
	ctx = begin(ctx, entry)
	err = d.catalog.Recorded(ctx, func() (err error) {
		result, err = deployables[change.Operation].run(d, ctx, change)
		return err
	})
	return result, err
}

// ofChange tells of an error that it is of a change, by its number from 0.
func (a *API) ofChange(ctx context.Context, number int, err error) error {
	p := a.problemOf(ctx, err)
	at := fmt.Sprintf("body.changes[%d]", number)
	if len(p.Errors) == 0 {
		p.Errors = []wire.FieldError{{Location: at, Message: p.Detail}}
		return p
	}
	p.Errors = slices.Clone(p.Errors)
	for i := range p.Errors {
		was := p.Errors[i].Location
		now := at + "." + strings.TrimPrefix(strings.TrimPrefix(was, "path."), "header.")
		before := p.Errors[i].Field() + ": "
		p.Errors[i].Location = now
		if rest, ok := strings.CutPrefix(p.Detail, before); ok {
			p.Detail = p.Errors[i].Field() + ": " + rest
		}
	}
	return p
}

// owned refuses what belongs to another app: a deploy is of one.
func (d *deploying) owned(appID, what string) error {
	if appID != d.app.ID {
		return fault.Missing(what)
	}
	return nil
}

func (d *deploying) updateTheApp(ctx context.Context, _ wire.DeployChange, update wire.AppUpdate) (wire.DeployResult, error) {
	app, err := d.updateApp(ctx, &struct {
		AppPath
		Body wire.AppUpdate
	}{AppPath{d.app.ID}, update})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: app.Body.ID}, nil
}

// withModule puts the module of a plugin where requests have it.
func (d *deploying) withModule(ctx context.Context, change wire.DeployChange) (context.Context, error) {
	if change.Module == "" {
		return ctx, nil
	}
	module, err := d.deployModule(ctx, d.app, change)
	return context.WithValue(ctx, moduleKey{}, module), err
}

func (d *deploying) createTheScript(ctx context.Context, change wire.DeployChange, create wire.ScriptCreate) (wire.DeployResult, error) {
	switch {
	case change.Module != "":
		create.Kind, create.Source = abi.KindPlugin, ""
	case create.Kind == abi.KindPlugin:
		return wire.DeployResult{}, problem.InvalidField("module", "is missing: a plugin is a WebAssembly module", nil)
	case create.Kind == "":
		create.Kind = abi.KindEndpoint
	}
	ctx, err := d.withModule(ctx, change)
	if err != nil {
		return wire.DeployResult{}, err
	}
	script, err := d.createScript(ctx, &struct {
		AppPath
		ModuleQuery
		Body wire.ScriptCreate
	}{AppPath: AppPath{d.app.ID}, Body: create})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: script.Body.ID, Version: script.Body.Version}, nil
}

// theScript finds a script of the app.
func (d *deploying) theScript(ctx context.Context, id string, c authz.Capability) (store.Script, error) {
	script, err := d.findScript(ctx, id, c)
	if err == nil {
		err = d.owned(script.AppID, "script")
	}
	return script, err
}

func (d *deploying) updateTheScript(ctx context.Context, change wire.DeployChange, update wire.ScriptUpdate) (wire.DeployResult, error) {
	if _, err := d.theScript(ctx, change.ID, authz.ScriptWrite); err != nil {
		return wire.DeployResult{}, err
	}
	ctx, err := d.withModule(ctx, change)
	if err != nil {
		return wire.DeployResult{}, err
	}
	script, err := d.updateScript(ctx, &struct {
		ScriptPath
		IfMatch
		ModuleChange
		Body wire.ScriptUpdate
	}{ScriptPath: ScriptPath{change.ID}, Body: update})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: script.Body.ID, Version: script.Body.Version}, nil
}

func (d *deploying) deleteTheScript(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	if _, err := d.theScript(ctx, change.ID, authz.ScriptDelete); err != nil {
		return wire.DeployResult{}, err
	}
	_, err := d.deleteScript(ctx, &ScriptPath{change.ID})
	return wire.DeployResult{ID: change.ID}, err
}

func (d *deploying) createTheRoute(ctx context.Context, change wire.DeployChange, create wire.RouteCreate) (wire.DeployResult, error) {
	if err := d.need(ctx, d.app.ID, "app", authz.RouteWrite); err != nil { // which may have changed since
		return wire.DeployResult{}, err
	}
	script, err := d.scriptOf(ctx, d.app.ID, change.ID)
	if err != nil {
		return wire.DeployResult{}, problem.At(err, "script", "id")
	}
	create.Dispatch = cmp.Or(create.Dispatch, string(store.DispatchSync)) // as huma does for requests
	if limit := create.RateLimit; limit != nil {
		limit.PerSeconds, limit.By = cmp.Or(limit.PerSeconds, 1), cmp.Or(limit.By, "address")
	}
	route, err := d.createRoute(ctx, &struct {
		ScriptPath
		Body wire.RouteCreate
	}{ScriptPath{script}, create})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: route.Body.ID, Warning: route.Body.Warning}, nil
}

// theRoute checks that a route is of the app.
func (d *deploying) theRoute(ctx context.Context, id string) error {
	route, err := d.findRoute(ctx, id, authz.RouteWrite)
	if err == nil {
		err = d.owned(route.AppID, "route")
	}
	return err
}

func (d *deploying) updateTheRoute(ctx context.Context, change wire.DeployChange, update wire.RouteUpdate) (wire.DeployResult, error) {
	if err := d.theRoute(ctx, change.ID); err != nil {
		return wire.DeployResult{}, err
	}
	if limit := update.RateLimit; limit != nil {
		limit.PerSeconds, limit.By = cmp.Or(limit.PerSeconds, 1), cmp.Or(limit.By, "address")
	}
	route, err := d.updateRoute(ctx, &struct {
		ID   string `path:"id"`
		Body wire.RouteUpdate
	}{change.ID, update})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: route.Body.ID, Warning: route.Body.Warning}, nil
}

func (d *deploying) deleteTheRoute(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	if err := d.theRoute(ctx, change.ID); err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: change.ID}, d.catalog.DeleteRoute(ctx, change.ID)
}

func (d *deploying) createTheIndex(ctx context.Context, _ wire.DeployChange, create wire.IndexCreate) (wire.DeployResult, error) {
	index, err := d.createIndex(ctx, &struct {
		AppPath
		Body wire.IndexCreate
	}{AppPath{d.app.ID}, create})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: index.Body.ID}, nil
}

func (d *deploying) deleteTheIndex(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	_, err := d.deleteIndex(ctx, &IndexPath{AppPath{d.app.ID}, change.ID})
	return wire.DeployResult{ID: change.ID}, err
}

func (d *deploying) createTheDomain(ctx context.Context, _ wire.DeployChange, create wire.DomainCreate) (wire.DeployResult, error) {
	domain, err := d.createDomain(ctx, &struct {
		AppPath
		Body wire.DomainCreate
	}{AppPath{d.app.ID}, create})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: domain.Body.ID}, nil
}

func (d *deploying) deleteTheDomain(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	_, err := d.deleteDomain(ctx, &struct {
		AppPath
		ID string `path:"id"`
	}{AppPath{d.app.ID}, change.ID})
	return wire.DeployResult{ID: change.ID}, err
}

// withIDs puts ids for the names of what a trigger of dead letters is about.
func (d *deploying) withIDs(ctx context.Context, t *wire.TriggerUpdate) error {
	if t.FailedScript != nil && *t.FailedScript != "" {
		id, err := d.scriptOf(ctx, d.app.ID, *t.FailedScript)
		if err != nil {
			return problem.At(err, "script", "body.failed_script")
		}
		t.FailedScript = &id
	}
	if t.FailedTrigger == nil || *t.FailedTrigger == "" {
		return nil
	}
	triggers, err := d.store.Triggers().ByApp(ctx, d.app.ID)
	if err != nil {
		return err
	}
	for _, other := range triggers {
		if other.Name == *t.FailedTrigger {
			t.FailedTrigger = &other.ID
			break
		}
	}
	return nil
}

func (d *deploying) createTheTrigger(ctx context.Context, change wire.DeployChange, create wire.TriggerUpdate) (wire.DeployResult, error) {
	if err := d.need(ctx, d.app.ID, "app", authz.TriggerWrite); err != nil {
		return wire.DeployResult{}, err
	}
	if err := d.withIDs(ctx, &create); err != nil {
		return wire.DeployResult{}, err
	}
	trigger, err := createTrigger[wire.TriggerUpdate](d.API, store.TriggerKind(change.Kind))(ctx, &struct {
		AppPath
		Body wire.TriggerUpdate
	}{AppPath{d.app.ID}, create})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: trigger.Body.ID}, nil
}

// theTrigger checks that a trigger is of the app.
func (d *deploying) theTrigger(ctx context.Context, id string) error {
	trigger, err := d.findTrigger(ctx, id, authz.TriggerWrite)
	if err == nil {
		err = d.owned(trigger.AppID, "trigger")
	}
	return err
}

func (d *deploying) updateTheTrigger(ctx context.Context, change wire.DeployChange, update wire.TriggerUpdate) (wire.DeployResult, error) {
	if err := d.theTrigger(ctx, change.ID); err != nil {
		return wire.DeployResult{}, err
	}
	if err := d.withIDs(ctx, &update); err != nil {
		return wire.DeployResult{}, err
	}
	trigger, err := d.updateTrigger(ctx, &struct {
		TriggerPath
		Body wire.TriggerUpdate
	}{TriggerPath{change.ID}, update})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: trigger.Body.ID}, nil
}

func (d *deploying) deleteTheTrigger(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	if err := d.theTrigger(ctx, change.ID); err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: change.ID}, d.catalog.DeleteTrigger(ctx, change.ID)
}

func (d *deploying) setTheTopic(ctx context.Context, change wire.DeployChange, set wire.TopicSet) (wire.DeployResult, error) {
	_, err := d.setTopic(ctx, &struct {
		TopicPath
		Body wire.TopicSet
	}{TopicPath{AppPath{d.app.ID}, change.ID}, set})
	return wire.DeployResult{}, err
}

func (d *deploying) deleteTheTopic(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	_, err := d.deleteTopic(ctx, &TopicPath{AppPath{d.app.ID}, change.ID})
	return wire.DeployResult{}, err
}

func (d *deploying) deleteTheSecret(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	if err := d.need(ctx, d.app.ID, "app", authz.SecretWrite); err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{}, unknown(d.store.Secrets().Delete(ctx, d.app.ID, change.ID), "secret")
}

// collection is the path of what a change of data is in.
func (d *deploying) collection(change wire.DeployChange) CollectionPath {
	return CollectionPath{AppPath{d.app.ID}, change.Collection}
}

func (d *deploying) setTheKV(ctx context.Context, change wire.DeployChange, set wire.KVSet) (wire.DeployResult, error) {
	if d.dryRun && !set.IfAbsent {
		return d.wouldWrite(ctx, "")
	}
	_, err := d.setKV(ctx, &struct {
		KeyPath
		Body wire.KVSet
	}{KeyPath{d.collection(change), change.ID}, set})
	return wire.DeployResult{}, err
}

func (d *deploying) createTheDoc(ctx context.Context, change wire.DeployChange, write wire.DocumentWrite) (wire.DeployResult, error) {
	if d.dryRun {
		return d.wouldWrite(ctx, "")
	}
	made, err := d.createDoc(ctx, &struct {
		CollectionPath
		Body wire.DocumentWrite
	}{d.collection(change), write})
	if err != nil {
		return wire.DeployResult{}, err
	}
	return wire.DeployResult{ID: made.Body.ID}, nil
}

func (d *deploying) putTheDoc(ctx context.Context, change wire.DeployChange, write wire.DocumentWrite) (wire.DeployResult, error) {
	if d.dryRun {
		return d.wouldWrite(ctx, change.ID)
	}
	_, err := d.putDoc(ctx, &docChange{ItemPath: ItemPath{d.collection(change), change.ID}, Body: write})
	return wire.DeployResult{ID: change.ID}, err
}

// wouldWrite is the result in a dry run of a change that writes what [API.admitData] has checked: thousands would only
// keep others waiting.
func (d *deploying) wouldWrite(ctx context.Context, id string) (wire.DeployResult, error) {
	return wire.DeployResult{ID: id}, d.need(ctx, d.app.ID, "app", authz.DataWrite)
}

// keepTheFile makes what was uploaded before a file of a collection.
func (d *deploying) keepTheFile(ctx context.Context, change wire.DeployChange) (wire.DeployResult, error) {
	if err := d.need(ctx, d.app.ID, "app", authz.DataWrite); err != nil || change.Upload == catalog.Awaited {
		return wire.DeployResult{}, err
	}
	if _, err := d.files.Head(ctx, d.app.ID, catalog.Uploads, change.Upload); fault.Unknown(err) {
		return wire.DeployResult{}, problem.InvalidField("upload", "must be the id of a file in "+catalog.Uploads, change.Upload)
	} else if err != nil {
		return wire.DeployResult{}, err
	}
	file, freed, err := d.files.Move(ctx, d.app.ID, catalog.Uploads, change.Upload, change.Collection, change.ID)
	if err != nil {
		return wire.DeployResult{}, inFiles(err, "upload", "upload")
	}
	if freed != "" {
		d.store.AfterCommit(func() { d.files.Discard([]string{freed}) })
	}
	return wire.DeployResult{ID: file.ID}, nil
}
