package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/joho/godotenv"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/cli/watch"
	"github.com/picloud/picloud/host/client"
)

// DevCmd deploys a folder whenever something in it changes, and shows what its app does.
type DevCmd struct {
	Remote
	Dir     string `arg:"" default:"." help:"The folder, with a picloud.yaml (default ${default})." complete:"files"`
	Env     string `placeholder:"NAME" help:"Environment of picloud.yaml to deploy."`
	Data    string `placeholder:"DIR" help:"Keep the data of the server that is started; else they end with it." complete:"files"`
	Addr    string `placeholder:"HOST:PORT" help:"Address of the server that is started; 127.0.0.1:8080 if it is free, else any port, when absent."`
	EnvFile string `placeholder:"FILE" help:"Values of the secrets that picloud.yaml names, as NAME=VALUE lines; .env in the folder, if it is there, for a server that is started." complete:"files"`
	Prune   bool   `help:"On a running server, also delete what the app has and picloud.yaml does not name, but for secrets. On one that is started that is done anyway."`
}

// Help is shown by --help.
func (DevCmd) Help() string {
	return `A server is started in this process, on data of its own, unless --url (or
PICLOUD_URL) or --context names one that runs. Whatever changes in the folder is deployed at
once, as picloud deploy does it: what fails changes nothing, is shown, and tried again after the
next change. Requests, log lines and errors of the app are shown as they come, until
the command is interrupted, which ends the server, too. Of several nodes
that share a database, the requests that the node which is asked has answered are shown. With --output json each line is an object,
whose event says what it is: ready, deployed, failed, request, execution, log or error.`
}

// A Starter starts a server in this process, for a command that wants one of its own.
type Starter func(ctx context.Context, want LocalServer) (*Local, error)

// LocalServer is what a server in this process is to be.
type LocalServer struct {
	Data     string             // its directory
	Addr     string             // to listen on; "" for 127.0.0.1:8080 or another port
	Password string             // of its first user, if it is new; "" has one made and told
	Answered func(LocalRequest) // told of each request to an app, by its own goroutine; nil: nobody is
	Bench    bool               // it is for tests: it delivers nothing by itself and has a bench
	Cover    bool               // with Bench: it counts the lines of scripts that are reached
}

// Local is a server in this process.
type Local struct {
	URL   string
	Token string        // of a session of an owner
	Ended <-chan error  // receives once when the server has ended
	Stop  func() error  // stops it in order
	Bench apptest.Bench // nil unless it was wanted
}

// LocalRequest is a request that a server in this process has answered.
type LocalRequest struct {
	At           time.Time // when it had been
	Method, Path string
	Status       int
	Took         time.Duration
	ExecutionID  string // "" if nothing was executed
}

// devPoll is how often the server is asked what scripts did.
const devPoll = 300 * time.Millisecond

// Run is `picloud dev`.
func (cmd *DevCmd) Run(ctx context.Context, r *Remote, start Starter) (err error) {
	local := r.URL == "" && r.Context == ""
	if !local && (cmd.Data != "" || cmd.Addr != "") {
		return &usageError{errors.New("--data and --addr are for a server that is started here, and --url and --context name one that runs")}
	}
	if _, err := os.Stat(filepath.Join(cmd.Dir, manifest.FileName)); err != nil {
		return &usageError{fmt.Errorf("%s cannot be deployed: %w", cmd.Dir, err)}
	}
	d := &dev{
		cmd: cmd, r: r, local: local, prune: local || cmd.Prune, began: time.Now(),
		followed: map[string]bool{}, files: map[string]string{}, secrets: map[string]string{}, warned: map[string]bool{},
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var others []string
	if cmd.Data != "" { // it may be in the folder, and must be there to be left out
		if err := os.MkdirAll(cmd.Data, 0o700); err != nil {
			return err
		}
		others = []string{cmd.Data}
	}
	changes, err := watch.Folder(ctx, cmd.Dir, others...)
	if err != nil {
		return err
	}
	var ended <-chan error
	if local {
		server, remove, failed := cmd.start(ctx, start, d)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, server.Stop(), remove()) }()
		ended = server.Ended
		if d.c, err = client.New(server.URL, server.Token); err != nil {
			return err
		}
		defer d.leave(ctx)
	} else if d.c, err = r.connect(); err != nil {
		return err
	}
	defer d.following.Wait()
	defer cancel()
	return d.loop(ctx, changes, ended)
}

// start starts a server. remove deletes its data if nobody wants them.
func (cmd *DevCmd) start(ctx context.Context, start Starter, d *dev) (server *Local, remove func() error, err error) {
	want := LocalServer{Data: cmd.Data, Addr: cmd.Addr, Answered: d.request}
	remove = func() error { return nil }
	if cmd.Data == "" {
		if want.Data, err = os.MkdirTemp("", "picloud-dev-*"); err != nil {
			return nil, nil, err
		}
		remove = func() error { return os.RemoveAll(want.Data) }
		want.Password = rand.Text()
		d.password = want.Password
		keepCompiled(want.Data)
	}
	if server, err = start(ctx, want); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return server, remove, nil
}

// keepCompiled has a server on a directory that will be deleted find what earlier ones have compiled.
// Without that it starts, too, later.
func keepCompiled(data string) {
	caches, err := os.UserCacheDir()
	if err != nil {
		return
	}
	compiled := filepath.Join(caches, "picloud", "dev")
	if os.MkdirAll(compiled, 0o700) == nil {
		_ = os.Symlink(compiled, filepath.Join(data, "cache"))
	}
}

// dev is the state of `picloud dev`.
type dev struct {
	cmd      *DevCmd
	r        *Remote
	c        *client.Client // nil until the server runs
	local    bool           // the server is in this process
	password string         // of its admin; "" where the data stay
	prune    bool
	began    time.Time
	app      string            // slug; "" until the manifest could be read
	secrets  map[string]string // that were set, by name; of the goroutine that deploys, as what is around it
	deployed bool              // at least once
	watching bool              // requests are asked for
	warned   map[string]bool   // of what, by its text
	failed   string            // the error of the last deploy; "" if it has worked

	printing  sync.Mutex
	following sync.WaitGroup
	mu        sync.Mutex        // for what follows
	files     map[string]string // of scripts, by name
	followed  map[string]bool   // scripts, by id
}

// devEvent is what happened, for programs.
type devEvent struct {
	Event   string            `json:"event"` // ready, deployed, failed, request, execution, log, error
	At      time.Time         `json:"at"`
	URL     string            `json:"url,omitempty"`
	App     string            `json:"app,omitempty"`
	MS      *float64          `json:"ms,omitempty"` // from the change, or of the request, to the end of it
	Changes []manifest.Change `json:"changes,omitempty"`
	Error   *failure          `json:"error,omitempty"`

	Script      string        `json:"script,omitempty"`
	Method      string        `json:"method,omitempty"`
	Path        string        `json:"path,omitempty"`
	Status      int           `json:"status,omitempty"`
	Outcome     string        `json:"outcome,omitempty"`
	Invocation  string        `json:"invocation_type,omitempty"`
	ExecutionID string        `json:"execution_id,omitempty"`
	Log         *wire.LogLine `json:"log,omitempty"`
}

// tell prints what happened: a text for people, after the time, or an object.
func (d *dev) tell(e devEvent, format string, args ...any) {
	d.printing.Lock()
	defer d.printing.Unlock()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if d.r.Output == "json" {
		encoder := json.NewEncoder(d.r.stdout)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(e)
		return
	}
	at := paint(d.r.stdout, faint, e.At.Local().Format("15:04:05.000"))
	fmt.Fprintf(d.r.stdout, "%s %s\n", at, fmt.Sprintf(format, args...))
}

// fail tells of an error.
func (d *dev) fail(event, what string, err error) {
	f := newFailure(err)
	d.tell(devEvent{Event: event, Error: &f}, "%s", paint(d.r.stdout, red, what)+"\n"+err.Error())
}

func milliseconds(took time.Duration) *float64 {
	return new(float64(took.Microseconds()) / 1000)
}

// loop deploys at first, and after each change.
func (d *dev) loop(ctx context.Context, changes <-chan time.Time, ended <-chan error) error {
	if d.password != "" {
		_ = d.c.DeleteApp(ctx, "default") // of a new server: its route /hello would be in the way
	}
	d.deploy(ctx, time.Now())
	d.ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return cmp.Or(err, errors.New("the server has ended"))
		case began, open := <-changes:
			if !open {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("%s is gone", d.cmd.Dir)
			}
			d.deploy(ctx, began)
		}
	}
}

// ready tells where the app is.
func (d *dev) ready() {
	text := fmt.Sprintf("%s on %s; deploys what changes in %s until it is interrupted", cmp.Or(d.app, "the app"), d.c.Address(), d.cmd.Dir)
	if d.password != "" {
		text += fmt.Sprintf("\n             (picloud login --url %s: the password of admin is %s)", d.c.Address(), d.password)
	}
	d.tell(devEvent{Event: "ready", URL: d.c.Address(), App: d.app}, "%s", text)
}

// settling is how long what is half there may take: a checkout deletes a file before it writes it.
const settling = 100 * time.Millisecond

// deploy makes the app what the folder says, and tells of it. began is when the change began.
func (d *dev) deploy(ctx context.Context, began time.Time) {
	changes, err := d.apply(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(settling):
			changes, err = d.apply(ctx)
		}
	}
	took := time.Since(began)
	if ctx.Err() != nil {
		return
	}
	before := d.failed
	if err != nil {
		if d.failed = err.Error(); d.failed != before { // an editor may write a file twice
			d.fail("failed", "not deployed, all stays as it was:", err)
		}
		return
	}
	d.failed = ""
	done := slices.ContainsFunc(changes, func(c manifest.Change) bool { return c.Result != manifest.Unchanged && c.Result != manifest.Missing })
	changes = slices.DeleteFunc(changes, func(c manifest.Change) bool { return c.Result == manifest.Unchanged && c.Warning == "" })
	switch {
	case done || len(changes) > 0 && !d.deployed:
		lines := make([]string, len(changes))
		for i, c := range changes {
			lines[i] = fmt.Sprintf("%s %s %s", c.What, client.Printable(c.Name), describeChange(c))
			if c.Warning != "" {
				lines[i] += paint(d.r.stdout, yellow, " warning: ") + client.Printable(c.Warning)
			}
		}
		d.tell(devEvent{Event: "deployed", App: d.app, MS: milliseconds(took), Changes: changes},
			"deployed in %d ms: %s", took.Milliseconds(), strings.Join(lines, "\n                      "))
	case before != "":
		d.tell(devEvent{Event: "deployed", App: d.app, MS: milliseconds(took), Changes: []manifest.Change{}}, "mended in %d ms: all is as it was deployed", took.Milliseconds())
	}
	if d.deployed = true; !d.local && !d.watching {
		d.watching = true
		d.following.Go(func() { d.watchRequests(ctx, d.app) })
	}
	d.follow(ctx)
}

// apply deploys the folder.
func (d *dev) apply(ctx context.Context) ([]manifest.Change, error) {
	app, err := manifest.Read(d.cmd.Dir, d.cmd.Env)
	if err != nil {
		return nil, err
	}
	app.Prune = d.prune
	d.app = app.Ref
	for _, warning := range app.Warnings() {
		if !d.warned[warning] {
			d.warned[warning] = true
			d.r.notices.warn("%s", warning)
		}
	}
	d.mu.Lock()
	for _, script := range app.Scripts {
		d.files[script.Name] = script.File
	}
	d.mu.Unlock()
	plan, err := manifest.Make(ctx, d.c, app)
	if err != nil {
		return nil, err
	}
	done, err := plan.Apply(ctx, d.c)
	if err != nil {
		return nil, app.Located(err)
	}
	set, err := d.setSecrets(ctx, app)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(done, func(c manifest.Change) bool { return c.What == "secret" && set[c.Name] }), nil
}

// setSecrets sets the secrets that the app needs to what the file of values has, and returns the names of
// those.
func (d *dev) setSecrets(ctx context.Context, app manifest.App) (set map[string]bool, err error) {
	file := d.cmd.EnvFile
	if file == "" && d.local {
		file = filepath.Join(d.cmd.Dir, ".env")
	}
	if file == "" || len(app.Secrets) == 0 {
		return nil, nil
	}
	values, err := secretValues(file, d.cmd.EnvFile == "", app.Secrets)
	if err != nil {
		return nil, err
	}
	set = map[string]bool{}
	for _, name := range app.Secrets {
		value := values[name]
		if value == "" {
			continue
		}
		if set[name] = true; d.secrets[name] == value {
			continue
		}
		if _, err := d.c.SetSecret(ctx, app.Ref, name, value); err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		d.secrets[name] = value
	}
	return set, nil
}

// secretValues reads the values that a file has for secrets, by the names of those that it has. An optional file need not
// be there.
func secretValues(file string, optional bool, names []string) (map[string]string, error) {
	lines, err := godotenv.Read(file)
	if errors.Is(err, fs.ErrNotExist) && optional {
		return nil, nil
	}
	var unread *fs.PathError
	switch {
	case errors.As(err, &unread):
		return nil, err
	case err != nil: // whose text has what follows, which are secrets
		return nil, fmt.Errorf("%s has a line that is not NAME=VALUE", file)
	}
	values := map[string]string{}
	for _, name := range names {
		value, there := lines[name]
		if !there { // a variable's name has no hyphens and points
			value, there = lines[strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(name))]
		}
		if there {
			values[name] = value
		}
	}
	return values, nil
}

// request tells of a request that the server in this process has answered.
func (d *dev) request(q LocalRequest) {
	d.tell(devEvent{
		Event: "request", At: q.At, Method: q.Method, Path: q.Path, Status: q.Status, MS: milliseconds(q.Took), ExecutionID: q.ExecutionID,
	}, "%s %s %s %s", client.Printable(q.Method+" "+q.Path), d.status(q.Status), inMilliseconds(q.Took), paint(d.r.stdout, faint, q.ExecutionID))
}

// status colours a status.
func (d *dev) status(status int) string {
	color := ""
	switch {
	case status >= 500:
		color = red
	case status >= 400:
		color = yellow
	}
	return paint(d.r.stdout, color, fmt.Sprint(status))
}

func inMilliseconds(took time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(took.Microseconds())/1000)
}

// follow begins to tell what the app's scripts do, those of which it does not yet.
func (d *dev) follow(ctx context.Context) {
	for script, err := range d.c.Scripts(ctx, d.app) {
		if err != nil {
			return // the next deploy tries again
		}
		d.mu.Lock()
		known := d.followed[script.ID]
		d.followed[script.ID] = true
		d.mu.Unlock()
		if known || !runs(script) {
			continue
		}
		d.following.Go(func() { d.followLog(ctx, script) })
		d.following.Go(func() { d.followExecutions(ctx, script) })
	}
}

// followLog tells of the lines of a script's log, until the script is gone.
func (d *dev) followLog(ctx context.Context, script wire.Script) {
	query := client.LogQuery{Since: d.began, Limit: 1000}
	for line, err := range d.c.FollowLogs(ctx, script.ID, query, devPoll) {
		if err != nil {
			d.lost(ctx, script, err)
			return
		}
		if d.r.Output == "table" && line.Level == abi.LogError && d.failedWith(ctx, line) {
			continue // which the execution tells of, with the place
		}
		text := fmt.Sprintf("%s %s: %s", paint(d.r.stdout, levelColors[line.Level], string(line.Level)), script.Name, client.Printable(line.Message))
		if len(line.Data) > 0 {
			text += " " + client.Printable(string(line.Data))
		}
		d.tell(devEvent{Event: "log", At: line.At, Script: script.Name, ExecutionID: line.ExecutionID, Log: &line}, "%s", text)
	}
}

// failedWith reports whether a line is the error that its execution has ended with.
func (d *dev) failedWith(ctx context.Context, line wire.LogLine) bool {
	e, err := d.c.Execution(ctx, line.ExecutionID)
	return err == nil && e.Error != nil && e.Error.Message == line.Message
}

// lost tells that a script is not followed any more, unless that is as it should be.
func (d *dev) lost(ctx context.Context, script wire.Script, err error) {
	d.mu.Lock()
	delete(d.followed, script.ID)
	d.mu.Unlock()
	var refused *client.Error
	if ctx.Err() == nil && !(errors.As(err, &refused) && refused.Status == 404) {
		d.fail("error", "the log and executions of "+script.Name+" cannot be followed:", err)
	}
}

// watchRequests tells of requests that the running server has answered.
func (d *dev) watchRequests(ctx context.Context, app string) {
	poll := time.NewTicker(devPoll)
	defer poll.Stop()
	for after := int64(0); ; {
		answered, err := d.c.Requests(ctx, app, after)
		if err != nil {
			if ctx.Err() == nil {
				d.fail("error", "requests cannot be followed:", err)
			}
			return
		}
		after = answered.Next
		for _, q := range answered.Items {
			d.request(LocalRequest{
				At: q.At, Method: q.Method, Path: q.Path, Status: q.Status, Took: time.Duration(q.DurationUS) * time.Microsecond, ExecutionID: q.ExecutionID,
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// followExecutions tells of executions of a script that were not requests, and of why any have failed.
func (d *dev) followExecutions(ctx context.Context, script wire.Script) {
	poll := time.NewTicker(devPoll)
	defer poll.Stop()
	known := recent{since: d.began}
	for {
		fresh, err := known.fresh(ctx, d.c, script.ID)
		if err != nil {
			d.lost(ctx, script, err)
			return
		}
		for _, e := range fresh {
			d.execution(ctx, script, e)
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// execution tells of one.
func (d *dev) execution(ctx context.Context, script wire.Script, e wire.Execution) {
	byRequest := e.InvocationType == abi.InvocationHTTP || e.InvocationType == abi.InvocationExecute
	if !byRequest {
		took := time.Duration(e.DurationUS) * time.Microsecond
		d.tell(devEvent{
			Event: "execution", At: e.StartedAt, Script: script.Name, Status: e.Status, Outcome: e.Outcome, Invocation: string(e.InvocationType),
			MS: milliseconds(took), ExecutionID: e.ID,
		}, "%s %s %s %s %s", e.InvocationType, script.Name, e.Outcome, inMilliseconds(took), paint(d.r.stdout, faint, e.ID))
	}
	if e.Error == nil {
		return
	}
	if now, err := d.c.Script(ctx, script.ID); err == nil {
		script = now
	}
	failed := place(ctx, d.c, script.AppID, script, e.Error)
	if script.Version != e.ScriptVersion {
		failed.SourceLine = "" // is not of the version that ran
	}
	d.mu.Lock()
	failed.Name = cmp.Or(d.files[failed.Name], failed.Name)
	d.mu.Unlock()
	f := newFailure(failed)
	d.tell(devEvent{Event: "error", Script: script.Name, ExecutionID: e.ID, Error: &f}, "%s", paint(d.r.stdout, red, "error ")+failed.Error())
}

// leaving bounds how long the end of a session may take.
const leaving = 2 * time.Second

// leave ends the session.
func (d *dev) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaving)
	defer cancel()
	_ = d.c.Logout(ctx)
}
