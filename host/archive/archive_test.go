package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

const (
	maxArchive = 64 << 20
	maxPlugin  = 1 << 20
	maxFile    = 8 << 20
	maxFiles   = 16 << 20 // of an app
)

// box is shared: compiling the guest takes longer than the tests. Fuzzing does without.
var box = sync.OnceValues(func() (*sandbox.Sandbox, error) {
	return sandbox.New(context.Background(), sandbox.Config{MaxConcurrent: 4, Logger: slog.New(slog.DiscardHandler)})
})

// node is a server as far as an archive is concerned, on a database of its own.
type node struct {
	*Service
	store   store.Store
	catalog *catalog.Catalog
	secrets *secrets.Service
	root    string // of the files
}

func newNode(t testing.TB, open eachtest.Opener) node {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	triggers := events.NewTable()
	quotas := quota.NewApps(quota.Limits{FilesBytes: maxFiles})
	emitter := events.NewEmitter(events.Config{Table: triggers, MaxDepth: 4, Log: log})
	listeners := emitter.Registry()
	db, err := open(listeners)
	require.NoError(t, err)
	emitter.Bind(db)
	root := t.TempDir()
	stored, err := files.New(files.Config{Store: db.Files(), Root: root, MaxFileSize: maxFile, Log: log, Quota: func(appID string) int64 { return quotas.Of(appID).FilesBytes }})
	require.NoError(t, err)
	sealed, err := secrets.New(t.Context(), secrets.Config{Store: db.Secrets(), Factors: db.SecondFactors(), File: filepath.Join(t.TempDir(), secrets.FileName), Log: log})
	require.NoError(t, err)
	services := hostcalls.Services{
		KV: kv.New(kv.Config{Store: db.KV(), Log: log}), Docs: docs.New(docs.Config{Store: db.Docs()}), Files: stored, Events: emitter, Transactions: db, Secrets: sealed,
	}
	shared, err := box()
	require.NoError(t, err)
	runs := executions.New(executions.Config{
		Store: db, Sandbox: shared, Ceiling: abi.DefaultCeiling, ScriptCacheSize: 8, Logger: log, Registerer: prometheus.NewRegistry(),
		Dispatcher: hostcalls.New(hostcalls.Config{Services: services, Log: log}),
	})
	runs.Start()
	t.Cleanup(func() {
		require.NoError(t, runs.Stop(context.Background()))
		require.NoError(t, db.Close())
	})
	apps, err := catalog.New(t.Context(), catalog.Config{
		Store: db, Executions: runs, Logger: log, Registry: listeners, Triggers: triggers, Quotas: quotas, SecretsChanged: sealed.Changed,
	})
	require.NoError(t, err)
	return node{
		New(Config{
			Store: db, Catalog: apps, KV: services.KV, Docs: services.Docs, Files: stored,
			MaxBytes: maxArchive, MaxPluginBytes: maxPlugin, Version: "test", Log: log,
		}),
		db, apps, sealed, root,
	}
}

// user makes a user, or finds the one that there is.
func (n node) user(t testing.TB, name string) store.User {
	t.Helper()
	user, err := n.store.Users().GetByUsername(t.Context(), name)
	if err != nil {
		user, err = n.store.Users().Create(t.Context(), store.User{Username: name, Role: store.RoleOwner})
	}
	require.NoError(t, err)
	return user
}

// into is an import by an owner.
func (n node) into(t testing.TB, slug string) Into {
	return Into{
		Slug: slug, Registrant: n.user(t, "importer").ID,
		Rights: func(context.Context, store.Store, string) (authz.Rights, error) {
			return authz.Rights{Role: "owner", Capabilities: append([]authz.Capability{authz.QuotaManage}, authz.InApp...)}, nil
		},
	}
}

func (n node) export(t testing.TB, appID string) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, n.Export(t.Context(), appID, &out))
	return out.Bytes()
}

// plugin is a small one.
const plugin = "\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x0a\x01\x06handle\x00\x00\x0a\x06\x01\x04\x00\x41\x00\x0b"

// fill makes an app that has some of everything.
func (n node) fill(t testing.TB, slug string) store.App {
	t.Helper()
	ctx := t.Context()
	app, err := n.catalog.CreateApp(ctx, slug, "The Shop")
	require.NoError(t, err)
	app, err = n.catalog.UpdateApp(ctx, app.ID, store.AppChange{CORS: &store.CORS{Origins: []string{"https://a.example"}, MaxAge: 60}})
	require.NoError(t, err)
	require.NoError(t, n.catalog.SetQuota(ctx, app.ID, store.Quota{KVBytes: new(int64(1 << 20)), PendingEvents: new(int64(77))}))
	require.NoError(t, n.store.Apps().SetMember(ctx, app.ID, n.user(t, "ada").ID, store.RoleEditor))
	_, err = n.secrets.Set(ctx, app.ID, "stripe", "sesame")
	require.NoError(t, err)

	scripts := map[string]store.Script{}
	script := func(s store.Script) {
		t.Helper()
		s.AppID = app.ID
		made, err := n.catalog.CreateScript(ctx, s)
		require.NoError(t, err)
		scripts[s.Name] = made
	}
	// Their names are not in the order of what they need.
	script(store.Script{Name: "zebra", Kind: abi.KindModule, Source: `fn stripes() { 7 }`})
	script(store.Script{Name: "middle", Kind: abi.KindModule, Source: `import "zebra" as z; fn stripes() { z::stripes() }`})
	script(store.Script{Name: "main", Kind: abi.KindEndpoint, Source: "import \"middle\" as m;\n// äöü <&> \t\n m::stripes()", Limits: abi.Limits{MemoryMB: 32, TimeoutMS: 500}})
	script(store.Script{Name: "reader", Kind: abi.KindEndpoint, Source: `1`, ReadOnly: true})
	_, err = n.catalog.SetCases(ctx, scripts["reader"].ID, []store.Case{
		{Name: "it reads", Request: &store.CaseRequest{Path: "/<&>"}, Status: 200, Body: json.RawMessage(`1`)},
		{Name: "twice", Event: json.RawMessage(`{"a":1,"a":2,"n":12345678901234567890}`), Body: json.RawMessage(`null`)},
	}, nil)
	require.NoError(t, err)
	script(store.Script{Name: "plug", Kind: abi.KindPlugin, Wasm: []byte(plugin)})

	set := func(collection, key, value string, expires time.Time) {
		t.Helper()
		_, err := n.config.KV.Set(ctx, app.ID, collection, key, kv.JSON([]byte(value)), kv.SetOptions{ExpiresAt: expires})
		require.NoError(t, err)
	}
	set("carts", "ada", `{"items": [1, 2.50, 1e3]}`, time.Time{})
	set("carts", "soon", `"x"`, time.Now().Add(time.Hour))
	set("carts", "gone", `"x"`, time.Now().Add(-time.Hour))
	set("odd", "lines", "{\n  \"a\": 1\n}", time.Time{})
	set("odd", "twice", `{"a":1,"a":2}`, time.Time{})
	set("odd", "null", `null`, time.Time{})
	set("odd", "html", `"<b>&\u003c"`, time.Time{})
	set("ünïcode 😀", "ключ", `"значение"`, time.Time{})

	doc := func(collection, data string) store.Document {
		t.Helper()
		raw, err := abi.AppendFromJSON(nil, []byte(data))
		require.NoError(t, err)
		made, err := n.config.Docs.Create(ctx, app.ID, collection, raw)
		require.NoError(t, err)
		return made
	}
	order := doc("orders", `{"total":9007199254740993,"tags":["a",{"b":null}],"blob":{"$blob":"AAEC"}}`)
	changed, err := abi.AppendFromJSON(nil, []byte(`{"total":1.5}`))
	require.NoError(t, err)
	_, err = n.config.Docs.Update(ctx, app.ID, "orders", order.ID, msgp.Raw(changed), nil)
	require.NoError(t, err)
	doc("orders", `{"total":2,"text":"a\nb"}`)
	doc("notes", `{}`)

	file := func(collection, name, content string) store.File {
		t.Helper()
		made, err := n.config.Files.Create(ctx, app.ID, collection, name, "text/plain; charset=utf-8", strings.NewReader(content))
		require.NoError(t, err)
		return made
	}
	file("photos", "empty.txt", "")
	file("photos", "large.bin", strings.Repeat("0123456789abcdef", 200_000)) // of several parts
	page := file(sites.Collection, "index.html", "<h1>hello</h1>")
	source, err := json.Marshal(sites.Site{Files: map[string]string{"index.html": page.ID}})
	require.NoError(t, err)
	script(store.Script{Name: "pages", Kind: abi.KindStatic, Source: string(source)})

	for _, host := range []string{"shop.example", "*.shop.example"} {
		_, err := n.catalog.ClaimDomain(ctx, app.ID, host, "")
		require.NoError(t, err)
	}
	for name, access := range map[string]store.TopicAccess{"news": store.AccessPublic, "orders": store.AccessToken} {
		_, err := n.catalog.SetTopic(ctx, store.Topic{AppID: app.ID, Name: name, Access: access})
		require.NoError(t, err)
	}
	for _, path := range []string{"total", `address.a\.b`} {
		_, _, err := n.config.Docs.Index(ctx, app.ID, "orders", path)
		require.NoError(t, err)
	}
	route := func(to, method, host, path string, more func(*store.Route)) {
		t.Helper()
		r, err := routing.Parse(method, host, "", path, "")
		require.NoError(t, err)
		r.Dispatch = store.DispatchSync
		if more != nil {
			more(&r)
		}
		_, _, err = n.catalog.CreateRoute(ctx, scripts[to], r)
		require.NoError(t, err)
	}
	route("main", "GET", "", "/stripes", nil)
	route("main", "", "shop.example", "/users/:id", func(r *store.Route) { r.CORS = &store.CORS{Origins: []string{"*"}} })
	route("reader", "POST", "a.shop.example", "/hooks/*", func(r *store.Route) {
		r.Dispatch = store.DispatchAsync
		r.Signature = &store.Signature{Scheme: "stripe", Secret: "stripe"}
		r.RateLimit = &store.RateLimit{Requests: 5, PerSeconds: 60, By: "header:x-key"}
	})
	route("pages", "GET", "", "/static/*", nil)

	retry := store.Retry{MaxAttempts: 3, Backoff: store.BackoffLinear, Base: 10 * time.Millisecond, Max: time.Minute, Jitter: 0.25}
	ids := map[string]string{}
	trigger := func(tr store.Trigger) {
		t.Helper()
		tr.AppID, tr.Retry, tr.Concurrency, tr.RegisteredBy = app.ID, retry, 2, n.user(t, "ada").ID
		made, err := n.catalog.CreateTrigger(ctx, tr)
		require.NoError(t, err)
		ids[tr.Name] = made.ID
	}
	main := scripts["main"].ID
	trigger(store.Trigger{Name: "a cart", Kind: store.TriggerKV, ScriptID: main, Enabled: true, Data: &store.DataTrigger{Collection: "carts", Operations: []store.ChangeOperation{store.ChangeCreate, store.ChangeExpire}}})
	trigger(store.Trigger{Name: "an order", Kind: store.TriggerDocs, ScriptID: main, Enabled: true, Paused: true, Data: &store.DataTrigger{Collection: "*", Filter: json.RawMessage(`{"total":{"$gt":1}}`)}})
	trigger(store.Trigger{Name: "a photo", Kind: store.TriggerFiles, ScriptID: main, Enabled: true, Data: &store.DataTrigger{Collection: "pho*"}})
	trigger(store.Trigger{Name: "nightly", Kind: store.TriggerCron, ScriptID: scripts["reader"].ID, Enabled: true, Cron: &store.CronTrigger{Schedule: "30 3 * * *", Timezone: "Europe/Berlin", CatchUp: store.CatchUpSkip}})
	trigger(store.Trigger{Name: "mails", Kind: store.TriggerQueue, ScriptID: main, Queue: &store.QueueTrigger{Topic: "mails", MaxBatch: 10, MaxWait: time.Second, Ordered: true}})
	trigger(store.Trigger{Name: "told", Kind: store.TriggerPubSub, ScriptID: main, Enabled: true, PubSub: &store.PubSubTrigger{Topic: "news.*"}})
	trigger(store.Trigger{Name: "a failure", Kind: store.TriggerDeadLetter, ScriptID: main, Enabled: true, DeadLetter: &store.DeadLetterTrigger{Source: store.EventCron, Trigger: ids["nightly"], Script: scripts["reader"].ID}})
	trigger(store.Trigger{Name: "of what is gone", Kind: store.TriggerDeadLetter, ScriptID: main, Enabled: true, DeadLetter: &store.DeadLetterTrigger{Trigger: uuid.NewString()}})
	n.clearEvents(t, app.ID)
	return app
}

// events counts those of an app that wait.
func (n node) events(t testing.TB, appID string) int {
	t.Helper()
	count, err := n.store.Outbox().Count(t.Context(), appID, 1000)
	require.NoError(t, err)
	return count
}

func (n node) clearEvents(t testing.TB, appID string) {
	t.Helper()
	listed, err := n.store.Outbox().List(t.Context(), store.EventQuery{AppID: appID})
	require.NoError(t, err)
	for _, e := range listed.Items {
		require.NoError(t, n.store.Outbox().Delete(t.Context(), e.ID))
	}
}

// unpacked is what an archive has, a row each, without when and by whom it was written.
func unpacked(t testing.TB, archive []byte) (rows []string) {
	t.Helper()
	r, err := newReader(bytes.NewReader(archive), maxArchive)
	require.NoError(t, err)
	defer r.close()
	assert.Equal(t, Format, r.Manifest.Format)
	text, err := json.Marshal(r.Manifest.App)
	require.NoError(t, err)
	rows = append(rows, string(text))
	for {
		kind, row, err := r.next()
		if err == io.EOF {
			return rows
		}
		require.NoError(t, err)
		line := kind + " " + string(row)
		size := int64(-1)
		switch kind {
		case kindFile:
			var file fileRow
			require.NoError(t, decode(row, &file))
			if !file.Damaged {
				size = file.Size
			}
		case kindScript:
			var script scriptRow
			require.NoError(t, decode(row, &script))
			if script.Wasm != nil {
				size = script.Wasm.Size
			}
		}
		if size >= 0 {
			from, err := r.bytes(size)
			require.NoError(t, err)
			content, err := io.ReadAll(from)
			require.NoError(t, err)
			require.Len(t, content, int(size))
			line += fmt.Sprintf(" %.40q", content)
		}
		rows = append(rows, line)
	}
}

// nothing checks that there is no app with a slug, and no import under way.
func (n node) nothing(t testing.TB, slug string) {
	t.Helper()
	_, err := n.store.Apps().GetBySlug(t.Context(), slug)
	require.Equal(t, fault.NotFound, fault.Of(err), "%v", err)
	under, _, err := n.store.Apps().Imports(t.Context())
	require.NoError(t, err)
	require.Empty(t, under)
}

// An app goes from each database to each, and what goes on from there is the same to the byte.
func TestRoundTrip(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, from eachtest.Opener) {
		here := newNode(t, from)
		app := here.fill(t, "shop")
		archive := here.export(t, app.ID)
		want := unpacked(t, archive)
		require.Greater(t, len(want), 30)
		eachtest.Run(t, func(t *testing.T, to eachtest.Opener) {
			there := newNode(t, to)
			ada := there.user(t, "ada")
			report, err := there.Import(t.Context(), there.into(t, "shop"), bytes.NewReader(archive))
			require.NoError(t, err)
			assert.Empty(t, report.Left)
			assert.Equal(t, []store.Member{{AppID: report.App.ID, UserID: ada.ID, Username: "ada", Role: store.RoleEditor}}, report.Members)
			assert.Equal(t, []string{"stripe"}, report.MissingSecrets)
			assert.EqualValues(t, 3, report.Rows["docs"])
			assert.EqualValues(t, 7, report.Rows["kv"])
			assert.EqualValues(t, 8, report.Rows["triggers"])
			assert.Zero(t, there.events(t, report.App.ID), "what is imported is no event")
			_, err = there.secrets.Set(t.Context(), report.App.ID, "stripe", "another")
			require.NoError(t, err)
			assert.Equal(t, want, unpacked(t, there.export(t, report.App.ID)))

			match, ok := there.catalog.Routes().Match("GET", "", "/stripes")
			require.True(t, ok)
			assert.Equal(t, report.App.ID, match.Route.AppID)
			triggers, err := there.store.Triggers().ByApp(t.Context(), report.App.ID)
			require.NoError(t, err)
			for _, tr := range triggers {
				assert.Equal(t, there.user(t, "importer").ID, tr.RegisteredBy, "%s runs with the rights of who imported it", tr.Name)
				if tr.Cron != nil {
					assert.True(t, tr.Cron.NextAt.After(time.Now()) && tr.Cron.LastAt.IsZero(), "%+v", tr.Cron)
				}
			}
			// Its triggers are there from now on, and its documents are found by what is in them.
			raw, err := abi.AppendFromJSON(nil, []byte(`{"total":5}`))
			require.NoError(t, err)
			_, err = there.config.Docs.Create(t.Context(), report.App.ID, "orders", raw)
			require.NoError(t, err)
			assert.Equal(t, 1, there.events(t, report.App.ID))
			filter, err := abi.AppendFromJSON(nil, []byte(`{"total":1.5}`))
			require.NoError(t, err)
			found, err := there.config.Docs.Find(t.Context(), report.App.ID, "orders", docs.Query{Filter: filter})
			require.NoError(t, err)
			require.Len(t, found.Items, 1)
			assert.EqualValues(t, 2, found.Items[0].Version)
		})
	})
}

// Beside the app itself its copy has all but what only one app can have, and says so.
func TestCopyBesideTheApp(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		app := n.fill(t, "shop")
		report, err := n.Import(t.Context(), n.into(t, "copy"), bytes.NewReader(n.export(t, app.ID)))
		require.NoError(t, err)
		left := map[string][]string{}
		for _, l := range report.Left {
			left[l.Kind] = append(left[l.Kind], l.Name)
		}
		assert.Equal(t, []string{"*.shop.example", "shop.example"}, left["domain"])
		assert.Equal(t, []string{"POST a.shop.example/hooks/*", "ANY shop.example/users/:id", "GET /static/*", "GET /stripes"}, left["route"])
		ours, err := n.store.Scripts().GetByName(t.Context(), app.ID, "main")
		require.NoError(t, err)
		theirs, err := n.store.Scripts().GetByName(t.Context(), report.App.ID, "main")
		require.NoError(t, err)
		assert.NotEqual(t, ours.ID, theirs.ID)
		assert.Equal(t, ours.Source, theirs.Source)
		failures, err := n.store.Triggers().ByApp(t.Context(), report.App.ID)
		require.NoError(t, err)
		for _, tr := range failures {
			if tr.Name == "a failure" {
				reader, err := n.store.Scripts().GetByName(t.Context(), report.App.ID, "reader")
				require.NoError(t, err)
				assert.Equal(t, reader.ID, tr.DeadLetter.Script, "a name leads to the copy's own script")
			}
		}
		require.NoError(t, n.catalog.DeleteApp(t.Context(), report.App.ID))
		match, ok := n.catalog.Routes().Match("GET", "shop.example", "/users/1")
		require.True(t, ok)
		assert.Equal(t, app.ID, match.Route.AppID)
	})
}

// While an archive is read the app goes on, and nothing of that is in it: neither what is new, nor a lack of
// what is deleted, nor half of what belongs together.
func TestExportIsOfOneMoment(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		app := n.fill(t, "shop")
		want := unpacked(t, n.export(t, app.ID))
		from, to := io.Pipe()
		go func() { to.CloseWithError(n.Export(context.WithoutCancel(t.Context()), app.ID, to)) }()
		first := make([]byte, 1)
		_, err := io.ReadFull(from, first)
		require.NoError(t, err) // the moment is past

		ctx := t.Context()
		for _, collection := range []string{"photos", sites.Collection} {
			listed, err := n.config.Files.List(ctx, app.ID, collection, store.PageRequest{})
			require.NoError(t, err)
			for _, file := range listed.Items {
				require.NoError(t, n.config.Files.Delete(ctx, app.ID, collection, file.ID, ""))
			}
		}
		_, err = n.config.Files.Create(ctx, app.ID, "photos", "new", "text/plain", strings.NewReader("new"))
		require.NoError(t, err)
		_, err = n.config.KV.Set(ctx, app.ID, "carts", "ada", kv.JSON([]byte(`"another"`)), kv.SetOptions{})
		require.NoError(t, err)
		raw, err := abi.AppendFromJSON(nil, []byte(`{"new":true}`))
		require.NoError(t, err)
		for range 50 {
			_, err = n.config.Docs.Create(ctx, app.ID, "orders", raw)
			require.NoError(t, err)
		}
		main, err := n.store.Scripts().GetByName(ctx, app.ID, "main")
		require.NoError(t, err)
		require.NoError(t, n.catalog.DeleteScript(ctx, main))

		rest, err := io.ReadAll(from)
		require.NoError(t, err)
		assert.Equal(t, want, unpacked(t, append(first, rest...)))
		swept, err := n.config.Files.Sweep(ctx)
		require.NoError(t, err)
		assert.Zero(t, swept, "what was held is young still")
	})
}

// An empty app is filled, and keeps what was set up in it before.
func TestIntoAnEmptyApp(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		app := n.fill(t, "shop")
		archive := n.export(t, app.ID)
		empty, err := n.catalog.CreateApp(t.Context(), "empty", "")
		require.NoError(t, err)
		_, err = n.secrets.Set(t.Context(), empty.ID, "stripe", "set before")
		require.NoError(t, err)
		require.NoError(t, n.store.Apps().SetMember(t.Context(), empty.ID, n.user(t, "ada").ID, store.RoleAppAdmin))
		into := n.into(t, "empty")
		into.AppID = empty.ID

		t.Run("in vain", func(t *testing.T) {
			_, err := n.Import(t.Context(), into, bytes.NewReader(archive[:len(archive)-20]))
			require.Equal(t, fault.Invalid, fault.Of(err), "%v", err)
			now, err := n.store.Apps().Get(t.Context(), empty.ID)
			require.NoError(t, err)
			require.Nil(t, now.Import)
			require.Equal(t, []string{`{"slug":"empty","name":"empty","quota":{}}`, `secrets {"name":"stripe"}`, `members {"username":"ada","role":"app_admin"}`}, unpacked(t, n.export(t, empty.ID)))
		})
		report, err := n.Import(t.Context(), into, bytes.NewReader(archive))
		require.NoError(t, err)
		assert.Equal(t, empty.ID, report.App.ID)
		assert.Equal(t, "empty", report.App.Slug)
		assert.Equal(t, "The Shop", report.App.Name)
		assert.Empty(t, report.MissingSecrets)
		assert.Empty(t, report.Members)
		assert.Contains(t, report.Left, catalog.Left{Kind: "member", Name: "ada", Reason: "the user is app_admin of the app already"})
		role, err := n.store.Apps().Member(t.Context(), empty.ID, n.user(t, "ada").ID)
		require.NoError(t, err)
		assert.Equal(t, store.RoleAppAdmin, role)

		_, err = n.Import(t.Context(), into, bytes.NewReader(archive))
		require.Equal(t, fault.Conflict, fault.Of(err))
		assert.EqualError(t, err, "the app empty is not empty: it has scripts, topics, kv entries, documents, files")
		_, err = n.Import(t.Context(), n.into(t, "shop"), bytes.NewReader(archive))
		require.Equal(t, fault.Conflict, fault.Of(err), "%v", err)
	})
}

// An import whose process has died is undone, and its app is found by nobody until then.
func TestImportsOfTheDead(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		ctx := t.Context()
		app := n.fill(t, "shop")
		empty, err := n.catalog.CreateApp(ctx, "empty", "")
		require.NoError(t, err)
		for _, dead := range []struct{ slug, id string }{{"made", ""}, {"empty", empty.ID}} {
			begun, err := n.catalog.StartImport(ctx, dead.slug, dead.id)
			require.NoError(t, err)
			_, err = n.catalog.StartImport(ctx, dead.slug, begun.ID)
			require.EqualError(t, err, "the app "+dead.slug+" is being imported")
			_, err = n.catalog.CreateScript(ctx, store.Script{AppID: begun.ID, Name: "s", Kind: abi.KindEndpoint, Source: "1"})
			require.NoError(t, err)
			for i := range 250 { // which takes several steps
				_, err = n.config.KV.Set(ctx, begun.ID, "c", fmt.Sprint(i), kv.JSON([]byte("1")), kv.SetOptions{})
				require.NoError(t, err)
			}
			raw, err := abi.AppendFromJSON(nil, []byte(`{}`))
			require.NoError(t, err)
			_, err = n.config.Docs.Create(ctx, begun.ID, "c", raw)
			require.NoError(t, err)
			_, err = n.config.Files.Create(ctx, begun.ID, "c", "f", "text/plain", strings.NewReader("x"))
			require.NoError(t, err)
		}
		listed, err := n.store.Apps().List(ctx, store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, listed.Items, 1)
		require.Equal(t, app.ID, listed.Items[0].ID)

		undone, err := n.catalog.SweepImports(ctx, time.Minute)
		require.NoError(t, err)
		require.Zero(t, undone, "they may go on")
		undone, err = n.catalog.SweepImports(ctx, 0)
		require.NoError(t, err)
		require.Equal(t, 2, undone)
		n.nothing(t, "made")
		again, err := n.catalog.StartImport(ctx, "", empty.ID)
		require.NoError(t, err, "it is empty")

		// Who was given up and comes back is told.
		require.NoError(t, n.catalog.AbandonImport(ctx, again))
		assert.EqualError(t, n.catalog.KeepImport(ctx, again), "the import was given up: it was not heard of for too long")
		_, err = n.catalog.FinishImport(ctx, again, catalog.Arrival{Name: "late"})
		assert.Equal(t, fault.Conflict, fault.Of(err))
	})
}

// What an app may not have it does not get by an import.
func TestImportsKeepToBounds(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		ctx := t.Context()
		app, err := n.catalog.CreateApp(ctx, "large", "")
		require.NoError(t, err)
		for i := range 3 {
			_, err := n.config.Files.Create(ctx, app.ID, "c", fmt.Sprint(i), "text/plain", strings.NewReader(strings.Repeat("x", 5<<20)))
			require.NoError(t, err)
		}
		archive := n.export(t, app.ID)
		small := n.into(t, "small")
		empty, err := n.catalog.CreateApp(ctx, "small", "")
		require.NoError(t, err)
		require.NoError(t, n.catalog.SetQuota(ctx, empty.ID, store.Quota{FilesBytes: new(int64(12 << 20))}))
		small.AppID = empty.ID
		_, err = n.Import(ctx, small, bytes.NewReader(archive))
		require.Equal(t, fault.Quota, fault.Of(err), "%v", err)
		files, err := n.store.Files().Usage(ctx, empty.ID)
		require.NoError(t, err)
		require.Zero(t, files)

		n.config.MaxBytes = 4 << 20
		_, err = New(n.config).Import(ctx, n.into(t, "bomb"), bytes.NewReader(archive))
		require.Equal(t, fault.TooLarge, fault.Of(err), "%v", err)
		n.nothing(t, "bomb")
	})
}

// Only so many are made at once.
func TestOnlySomeAtOnce(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		app := n.fill(t, "shop")
		for range atOnce {
			from, to := io.Pipe()
			go func() { to.CloseWithError(n.Export(context.WithoutCancel(t.Context()), app.ID, to)) }()
			_, err := io.ReadFull(from, make([]byte, 1))
			require.NoError(t, err)
			defer from.Close()
		}
		err := n.Export(t.Context(), app.ID, io.Discard)
		require.Equal(t, fault.Overloaded, fault.Of(err), "%v", err)
	})
}

// While others write, an archive has either both of what is written together, or neither.
func TestExportUnderLoad(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		app, err := n.catalog.CreateApp(t.Context(), "busy", "")
		require.NoError(t, err)
		for i := range 2000 { // so that an export is not over at once
			_, err := n.config.KV.Set(t.Context(), app.ID, "b", fmt.Sprint(i), kv.JSON([]byte(`"some text"`)), kv.SetOptions{})
			require.NoError(t, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		written := make([]int, 3)
		for w := range written {
			writers.Go(func() {
				for ; ctx.Err() == nil; written[w]++ {
					tx, err := n.store.Begin(ctx, app.ID)
					if err != nil {
						continue
					}
					value := kv.JSON(fmt.Append(nil, written[w]))
					err = tx.Do(func(ctx context.Context, tx store.Store) error {
						for _, collection := range []string{"a", "c"} { // the first and the last that are read
							if _, err := n.config.KV.In(tx).Set(ctx, app.ID, collection, fmt.Sprint(w), value, kv.SetOptions{}); err != nil {
								return err
							}
						}
						return nil
					})
					if err == nil {
						_ = tx.Commit()
					} else {
						_ = tx.Rollback()
					}
				}
			})
		}
		for range 10 {
			values := map[string]string{}
			for _, row := range unpacked(t, n.export(t, app.ID)) {
				var entry kvRow
				if text, ok := strings.CutPrefix(row, kindKV+" "); ok {
					require.NoError(t, decode([]byte(text), &entry))
					values[entry.Collection+entry.Key] = string(entry.json())
				}
			}
			for w := range written {
				require.Equal(t, values[fmt.Sprint("a", w)], values[fmt.Sprint("c", w)])
			}
		}
		stop()
		writers.Wait()
		t.Logf("%d transactions meanwhile", written)
		for _, count := range written {
			require.Positive(t, count)
		}
	})
}

// An import that was given up while its sender was slow does not come back.
func TestImportsThatAreGivenUp(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		n.keepEvery = time.Hour // it is not heard of
		app := n.fill(t, "shop")
		archive := n.export(t, app.ID)
		ended := make(chan error, 1)
		begin := func() *io.PipeWriter {
			from, to := io.Pipe()
			into := n.into(t, "late")
			go func() {
				_, err := n.Import(context.WithoutCancel(t.Context()), into, from)
				ended <- err
			}()
			_, err := to.Write(archive[:len(archive)/2])
			require.NoError(t, err)
			return to
		}
		finish := func(to *io.PipeWriter) {
			_, err := to.Write(archive[len(archive)/2:])
			to.CloseWithError(err)
		}

		to := begin()
		require.Eventually(t, func() bool {
			under, _, err := n.store.Apps().Imports(t.Context())
			return err == nil && len(under) == 1
		}, time.Minute, time.Millisecond)
		undone, err := n.catalog.SweepImports(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, 1, undone)
		go finish(to)
		require.Error(t, <-ended)
		n.nothing(t, "late")

		// One that is heard of goes on, and hears at once that it was given up.
		n.keepEvery = time.Millisecond
		again := begin()
		var first store.App
		require.Eventually(t, func() bool {
			under, _, err := n.store.Apps().Imports(t.Context())
			if err != nil || len(under) != 1 {
				return false
			}
			if first.ID == "" {
				first = under[0]
			}
			return under[0].Import.At.After(first.Import.At)
		}, time.Minute, time.Millisecond)
		require.NoError(t, n.catalog.AbandonImport(t.Context(), first))
		go finish(again)
		require.Error(t, <-ended)
		n.nothing(t, "late")
	})
}
