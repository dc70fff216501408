package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

const (
	// A batch of rows is one transaction, during which SQLite has nobody else write: some 20 ms.
	maxBatchRows    = 200
	maxBatchBytes   = 1 << 20
	compileAttempts = 30 // of a script, while the server has much else to do

	batchAttempts = 5 // when others are at the same data, or the database is slow

	maxLeft = 1000     // damaged files that are named in a report
	maxKept = 32 << 20 // bytes of the rows that are kept in memory until all have come

	keepEvery = time.Minute     // how often the catalog is told that an import goes on
	keepFor   = 5 * time.Minute // how long an import goes on that cannot tell
	undoFor   = 10 * time.Minute
)

// Into is where an archive goes, and who brings it.
type Into struct {
	Slug  string // of the app to be made
	AppID string // of one that is there and empty, instead; "" for none

	Registrant string // the id of the user with whose rights the triggers run
	// Rights finds those of who imports, in the app, as they are now, and refuses if they are not enough any more.
	Rights func(ctx context.Context, tx store.Store, appID string) (authz.Rights, error)
	// MayClaim refuses a host that the app may not have by these rights; nil: it may have any.
	MayClaim func(rights authz.Rights, host string) error
}

// Report is what has come of an import.
type Report struct {
	catalog.Arrived
	Rows           map[string]int64 // in the archive, by kind
	MissingSecrets []string         // names of secrets to be set
}

// Import makes an app of an archive, or fills an empty one. Nobody finds the app until all of it is there;
// when anything is wrong, or from ends early, there is nothing of it. With a deed in the context, the entry
// is written with the app's appearance.
func (s *Service) Import(ctx context.Context, into Into, from io.Reader) (report Report, err error) {
	if !s.imports.TryAcquire(1) {
		return Report{}, tooMany("imported")
	}
	defer s.imports.Release(1)
	r, err := newReader(from, s.config.MaxBytes)
	if err != nil {
		return Report{}, err
	}
	defer r.close()
	// What is not finished was not done; until then it is only known who does it.
	deed := store.NewDeed(store.DeedOf(ctx).Entry())
	deed.Take()
	quiet := store.WithDeed(ctx, deed)
	app, err := s.config.Catalog.StartImport(quiet, into.Slug, into.AppID)
	if err != nil {
		return Report{}, err
	}
	defer func() {
		if err != nil {
			s.undo(quiet, app)
		}
	}()
	kept, stop := s.keep(quiet, app)
	defer stop()
	i := &arriving{
		Service: s, ctx: kept, r: r, into: into, app: app, scripts: map[string]string{},
		arrival: catalog.Arrival{
			Name: r.Manifest.App.Name, CORS: r.Manifest.App.CORS, EventsPaused: r.Manifest.App.EventsPaused, Quota: r.Manifest.App.Quota,
			Rights:   func(ctx context.Context, tx store.Store) (authz.Rights, error) { return into.Rights(ctx, tx, app.ID) },
			MayClaim: into.MayClaim,
		},
	}
	if err := i.makeRoom(); err != nil {
		return Report{}, err
	}
	if err := i.read(); err != nil {
		if cause := context.Cause(kept); ctx.Err() == nil && fault.From(cause) != nil {
			return Report{}, cause
		}
		return Report{}, err
	}
	report = Report{Rows: maps.Clone(r.seen)}
	if report.MissingSecrets, err = i.missingSecrets(); err != nil {
		return Report{}, err
	}
	report.Arrived, err = s.config.Catalog.FinishImport(store.WithDeed(kept, store.DeedOf(ctx)), app, i.arrival)
	report.Left = append(report.Left, i.leftFiles()...)
	if refused := fault.From(err); fault.Of(err) == fault.Invalid {
		err = refuse("%s", refused.Error()) // which the manifest or a row says
	}
	return report, err
}

// makeRoom gives a new app its quota before its data come, if who imports may: else the server's holds for these.
func (i *arriving) makeRoom() error {
	if !i.app.Import.Created || i.arrival.Quota == (store.Quota{}) {
		return nil
	}
	rights, err := i.into.Rights(i.ctx, i.config.Store, i.app.ID)
	if err != nil || !rights.Hold(authz.QuotaManage) {
		return err
	}
	return i.config.Catalog.SetQuota(i.ctx, i.app.ID, i.arrival.Quota)
}

// undo leaves nothing of an import. What it does not get done is left to the sweep.
func (s *Service) undo(ctx context.Context, app store.App) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoFor)
	defer cancel()
	err := s.config.Catalog.KeepImport(ctx, app)
	if fault.Of(err) == fault.Conflict { // it was given up: what is in the app now is others'
		return
	}
	if err == nil {
		err = s.removeFiles(ctx, app.ID)
	}
	if err := errors.Join(err, s.config.Catalog.AbandonImport(ctx, app)); err != nil {
		s.config.Log.Error("an import that failed is not undone yet", "app_id", app.ID, "error", err)
	}
}

// removeFiles deletes the files of an app with their bytes, which would otherwise be in the way until they are
// swept.
func (s *Service) removeFiles(ctx context.Context, appID string) error {
	for {
		collections, err := s.config.Files.Collections(ctx, appID, store.PageRequest{Limit: 1})
		if err != nil || len(collections.Items) == 0 {
			return err
		}
		name := collections.Items[0].Name
		files, err := s.config.Files.List(ctx, appID, name, store.PageRequest{Limit: store.MaxPageSize})
		if err != nil {
			return err
		}
		for _, file := range files.Items {
			if err := s.config.Files.Delete(ctx, appID, name, file.ID, ""); err != nil {
				return err
			}
		}
	}
}

// keep tells the catalog that an import goes on, until it is stopped. The context ends when that cannot
// be told, before anybody else may undo the import.
func (s *Service) keep(ctx context.Context, app store.App) (kept context.Context, stop func()) {
	kept, cancel := context.WithCancelCause(ctx)
	told := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		again := time.NewTicker(s.keepEvery)
		defer again.Stop()
		for {
			select {
			case <-kept.Done():
				return
			case <-again.C:
			}
			err := s.config.Catalog.KeepImport(kept, app)
			switch {
			case err == nil:
				told = time.Now()
			case fault.Of(err) == fault.Conflict || time.Since(told) > keepFor:
				cancel(err)
			}
		}
	}()
	return kept, func() { cancel(nil); <-ended }
}

// arriving is an import under way.
type arriving struct {
	*Service
	ctx  context.Context
	r    *reader
	into Into
	app  store.App

	batch      []func(ctx context.Context, tx store.Store) error
	batchBytes int
	scripts    map[string]string // ids by name
	secrets    []string
	triggers   []triggerRow
	arrival    catalog.Arrival
	left       []catalog.Left // damaged files, at most maxLeft
	damaged    int64          // files
	kept       int            // bytes of rows
}

// read puts all rows where they belong: scripts and data into the app, the rest into the arrival.
func (i *arriving) read() error {
	before := ""
	for {
		kind, row, err := i.r.next()
		if kind != before || err != nil { // the batch is of one kind
			if err := i.flush(); err != nil {
				return i.r.within(err)
			}
			before = kind
		}
		if err == io.EOF {
			return i.resolve()
		}
		if err != nil {
			return err
		}
		if err := i.take(kind, row); err != nil {
			return i.r.within(err)
		}
	}
}

func (i *arriving) take(kind string, row []byte) error {
	switch kind {
	case kindSecret, kindDomain, kindTopic, kindIndex, kindMember, kindRoute, kindTrigger:
		if i.kept += len(row); i.kept > maxKept {
			return refuse("with it there are more than %d bytes of secrets' names, domains, topics, indexes, members, routes and triggers, which cannot be imported", maxKept)
		}
	}
	switch kind {
	case kindSecret:
		return taken(i, row, func(row secretRow) error {
			i.secrets = append(i.secrets, row.Name)
			return cmp.Or(i.most(len(i.secrets)), secrets.CheckName("name", row.Name))
		})
	case kindScript:
		return taken(i, row, func(row scriptRow) error { return i.script(row, false) })
	case kindSite:
		return taken(i, row, func(row scriptRow) error { return i.script(row, true) })
	case kindKV:
		return taken(i, row, i.kv)
	case kindDoc:
		return taken(i, row, i.doc)
	case kindFile:
		return taken(i, row, i.file)
	case kindDomain:
		return taken(i, row, func(row domainRow) error {
			i.arrival.Domains = append(i.arrival.Domains, row.Host)
			return i.most(len(i.arrival.Domains))
		})
	case kindTopic:
		return taken(i, row, func(row topicRow) error {
			i.arrival.Topics = append(i.arrival.Topics, store.Topic{Name: row.Name, Access: row.Access})
			return i.most(len(i.arrival.Topics))
		})
	case kindIndex:
		return taken(i, row, func(row indexRow) error {
			path, err := docs.CheckIndex(row.Collection, row.Path)
			i.arrival.Indexes = append(i.arrival.Indexes, store.DocumentIndex{Collection: row.Collection, Path: path})
			return cmp.Or(err, i.most(len(i.arrival.Indexes)))
		})
	case kindMember:
		return taken(i, row, func(row memberRow) error {
			i.arrival.Members = append(i.arrival.Members, store.Member{Username: row.Username, Role: row.Role})
			return i.most(len(i.arrival.Members))
		})
	case kindRoute:
		return taken(i, row, i.route)
	case kindTrigger:
		return taken(i, row, func(row triggerRow) error {
			i.triggers = append(i.triggers, row)
			return i.most(len(i.triggers))
		})
	}
	return refuse("has rows of an unknown kind %q", kind)
}

// taken decodes a row and does with it what take does.
func taken[T any](i *arriving, text []byte, take func(T) error) error {
	var row T
	if err := decode(text, &row); err != nil {
		return err
	}
	return take(row)
}

// most refuses more rows than are kept in memory.
func (i *arriving) most(n int) error {
	if n > catalog.MaxArrivals {
		return refuse("it is one of more than %d, which cannot be imported", catalog.MaxArrivals)
	}
	return nil
}

func (i *arriving) script(row scriptRow, site bool) error {
	kinds := []abi.Kind{abi.KindEndpoint, abi.KindModule, abi.KindPlugin}
	if site {
		kinds = []abi.Kind{abi.KindStatic}
	}
	if !slices.Contains(kinds, row.Kind) {
		return fault.Refuse("kind", "must be one of %v, got %.40q", kinds, string(row.Kind))
	}
	isPlugin := row.Kind == abi.KindPlugin
	if isPlugin != (row.Wasm != nil) || isPlugin && row.Source != "" {
		return fault.Refuse("wasm", "must be there for a plugin, which has no source, and for nothing else")
	}
	script := store.Script{AppID: i.app.ID, Name: row.Name, Kind: row.Kind, Source: row.Source, Limits: row.Limits, ReadOnly: row.ReadOnly}
	if isPlugin {
		if row.Wasm.Size < 0 || row.Wasm.Size > i.config.MaxPluginBytes {
			return fault.Refuse("wasm.size", "must be at most %d, got %d", i.config.MaxPluginBytes, row.Wasm.Size)
		}
		from, err := i.r.bytes(row.Wasm.Size)
		if err != nil {
			return err
		}
		if script.Wasm, err = io.ReadAll(from); err != nil {
			return err
		}
		if sum := sha256.Sum256(script.Wasm); hex.EncodeToString(sum[:]) != row.Wasm.SHA256 {
			return fault.Refuse("wasm.sha256", "must be that of the bytes, %x, got %.80q", sum, row.Wasm.SHA256)
		}
	}
	created, err := i.config.Catalog.CreateScript(i.ctx, script)
	for range compileAttempts {
		if fault.Of(err) != fault.Overloaded {
			break
		}
		select { // it is worth waiting for its turn to be compiled
		case <-i.ctx.Done():
			return i.ctx.Err()
		case <-time.After(time.Second):
		}
		created, err = i.config.Catalog.CreateScript(i.ctx, script)
	}
	if err != nil {
		return err
	}
	i.scripts[created.Name] = created.ID
	if row.Cases == "" {
		return nil
	}
	var cases []store.Case
	if err := json.Unmarshal([]byte(row.Cases), &cases); err != nil {
		return fault.Refuse("cases", "must be a JSON array of cases")
	}
	_, err = i.config.Catalog.SetCases(i.ctx, created.ID, cases, nil)
	return err
}

func (i *arriving) kv(row kvRow) error {
	options := kv.SetOptions{IfAbsent: true}
	if row.ExpiresAt != nil {
		options.ExpiresAt = *row.ExpiresAt
		if err := store.CheckTimes(options.ExpiresAt, options.ExpiresAt); err != nil {
			return fault.Refuse("expires_at", "must be of the years 1970 to 9999")
		}
	}
	value := row.json()
	return i.add(len(value), func(ctx context.Context, tx store.Store) error {
		wrote, err := i.config.KV.In(tx).Set(ctx, i.app.ID, row.Collection, row.Key, kv.JSON(value), options)
		if err == nil && !wrote {
			err = fault.Refuse("key", "%.100q is there twice in the collection %.100q", row.Key, row.Collection)
		}
		return err
	})
}

func (i *arriving) doc(row docRow) error {
	doc := store.Document{ID: row.ID, Data: row.json(), Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt}
	return i.add(len(doc.Data), func(ctx context.Context, tx store.Store) error {
		return i.config.Docs.In(tx).Restore(ctx, i.app.ID, row.Collection, doc)
	})
}

func (i *arriving) file(row fileRow) error {
	file := store.File{
		ID: row.ID, Name: row.Name, ContentType: row.ContentType, Size: row.Size, SHA256: row.SHA256, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
	if row.Damaged {
		if err := files.CheckRestored(row.Collection, &file); err != nil { // of which some is kept
			return err
		}
		if i.damaged++; i.damaged <= maxLeft {
			i.left = append(i.left, catalog.Left{
				Kind: "file", Name: row.Collection + "/" + row.ID, Reason: fmt.Sprintf("the bytes of %.100q were damaged when it was exported", row.Name),
			})
		}
		return nil
	}
	from, err := i.r.bytes(row.Size)
	if err != nil {
		return err
	}
	return i.config.Files.Restore(i.ctx, i.app.ID, row.Collection, file, from)
}

// leftFiles are the damaged files, named as far as they may be.
func (i *arriving) leftFiles() []catalog.Left {
	if i.damaged <= maxLeft {
		return i.left
	}
	return append(i.left, catalog.Left{Kind: "file", Reason: fmt.Sprintf("and %d more whose bytes were damaged", i.damaged-maxLeft)})
}

// add puts a row into the batch.
func (i *arriving) add(bytes int, write func(ctx context.Context, tx store.Store) error) error {
	at, line := i.r.at, i.r.line
	i.batch = append(i.batch, func(ctx context.Context, tx store.Store) error {
		if err := write(ctx, tx); err != nil {
			return &rowError{at, line, err}
		}
		return nil
	})
	if i.batchBytes += bytes; len(i.batch) < maxBatchRows && i.batchBytes < maxBatchBytes {
		return nil
	}
	return i.flush()
}

// rowError is an error of a row that is written later than it is read.
type rowError struct {
	at   string
	line int
	error
}

func (e *rowError) Unwrap() error { return e.error }

// flush writes the batch in a transaction.
func (i *arriving) flush() (err error) {
	for range batchAttempts {
		if len(i.batch) == 0 {
			return nil
		}
		if err = i.write(); err == nil {
			i.batch, i.batchBytes = i.batch[:0], 0
			return nil
		}
		if err != store.ErrCrossed && fault.Of(err) != fault.Timeout {
			break
		}
	}
	if of, ok := err.(*rowError); ok {
		i.r.at, i.r.line = of.at, of.line
		return of.error
	}
	return err
}

func (i *arriving) write() error {
	tx, err := i.config.Store.Begin(i.ctx, i.app.ID)
	if err != nil {
		return err
	}
	err = tx.Do(func(ctx context.Context, tx store.Store) error {
		for _, write := range i.batch {
			if err := write(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if lost := tx.Rollback(); lost != nil {
			return lost
		}
		return err
	}
	return tx.Commit()
}

func (i *arriving) route(row routeRow) error {
	script, err := i.scriptOf(row.Script)
	if err != nil {
		return err
	}
	route, err := routing.Parse(row.Method, row.Host, "", row.Path, "")
	if err != nil {
		return err
	}
	if row.Dispatch != store.DispatchSync && row.Dispatch != store.DispatchAsync {
		return fault.Refuse("dispatch", "must be sync or async, got %.40q", string(row.Dispatch))
	}
	route.ScriptID, route.Dispatch, route.CORS, route.Signature, route.RateLimit = script, row.Dispatch, row.CORS, row.Signature, row.RateLimit
	i.arrival.Routes = append(i.arrival.Routes, route)
	return i.most(len(i.arrival.Routes))
}

func (i *arriving) scriptOf(name string) (id string, err error) {
	if id, known := i.scripts[name]; known {
		return id, nil
	}
	return "", fault.Refuse("script", "must be a script of the archive, got %.140q", name)
}

// resolve makes the triggers, which may name one another.
func (i *arriving) resolve() error {
	ids := map[string]string{}
	for _, row := range i.triggers {
		if ids[row.Name] != "" {
			return refuse("has a trigger %.140q twice: the name is already in use", row.Name)
		}
		ids[row.Name] = uuid.Must(uuid.NewV7()).String()
	}
	for _, row := range i.triggers {
		t := store.Trigger{
			ID: ids[row.Name], AppID: i.app.ID, Kind: row.Kind, Name: row.Name, Enabled: row.Enabled, Paused: row.Paused, RegisteredBy: i.into.Registrant,
			Concurrency: row.Concurrency,
		}
		err := i.detail(&t, row, ids)
		if err != nil {
			return refuse("has a trigger %.140q that cannot be: %s", row.Name, err.Error())
		}
		i.arrival.Triggers = append(i.arrival.Triggers, t)
	}
	return nil
}

// millis is so many milliseconds, of a number that no sum overflows.
func millis(n int64) time.Duration {
	const most = int64(1<<62) / int64(time.Millisecond)
	return time.Duration(max(-most, min(n, most))) * time.Millisecond
}

func (i *arriving) detail(t *store.Trigger, row triggerRow, ids map[string]string) (err error) {
	if t.ScriptID, err = i.scriptOf(row.Script); err != nil {
		return err
	}
	t.Retry = store.Retry{
		MaxAttempts: row.Retry.MaxAttempts, Backoff: row.Retry.Backoff, Base: millis(row.Retry.BaseMS), Max: millis(row.Retry.MaxMS), Jitter: row.Retry.Jitter,
	}
	details := 0
	if d := row.Data; d != nil {
		details++
		t.Data = &store.DataTrigger{Collection: d.Collection, Operations: d.Operations, Filter: d.Filter}
	}
	if d := row.Cron; d != nil {
		details++
		t.Cron = &store.CronTrigger{Schedule: d.Schedule, Timezone: d.Timezone, CatchUp: d.CatchUp}
	}
	if d := row.Queue; d != nil {
		details++
		t.Queue = &store.QueueTrigger{Topic: d.Topic, MaxBatch: d.MaxBatch, MaxWait: millis(d.MaxWaitMS), Ordered: d.Ordered}
	}
	if d := row.PubSub; d != nil {
		details++
		t.PubSub = &store.PubSubTrigger{Topic: d.Topic}
	}
	if d := row.DeadLetter; d != nil {
		details++
		t.DeadLetter = &store.DeadLetterTrigger{Source: d.Source, Trigger: cmp.Or(ids[d.Trigger], d.TriggerID), Script: cmp.Or(i.scripts[d.Script], d.ScriptID)}
		if d.Trigger != "" && ids[d.Trigger] == "" {
			return fault.Refuse("dead_letter.trigger", "must be a trigger of the archive, got %.140q", d.Trigger)
		}
		if d.Script != "" && i.scripts[d.Script] == "" {
			return fault.Refuse("dead_letter.script", "must be a script of the archive, got %.140q", d.Script)
		}
		if err := store.CheckName("dead_letter.trigger_id", "x"+d.TriggerID, 100); err != nil {
			return err
		}
		if err := store.CheckName("dead_letter.script_id", "x"+d.ScriptID, 100); err != nil {
			return err
		}
	}
	if details != 1 {
		return fault.Refuse("kind", "%.40q needs its details, and those of no other", string(row.Kind))
	}
	return nil
}

// missingSecrets are those that the archive names and the app does not have.
func (i *arriving) missingSecrets() ([]string, error) {
	there, err := i.config.Store.Secrets().List(i.ctx, i.app.ID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(append([]string{}, i.secrets...), func(name string) bool {
		return slices.ContainsFunc(there, func(s store.Secret) bool { return s.Name == name })
	}), nil
}
