package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// An app that comes from elsewhere arrives: StartImport makes it, or takes an empty one, and from then on
// nobody finds it. Scripts and data are put into it one after the other. Then FinishImport gives it, in one
// transaction, all by which anything is found or started: routes, domains, triggers, topics, members. What
// has gone wrong before that is undone by AbandonImport, or by the sweep when the process has died.

const (
	sweepImportsEvery = 5 * time.Minute
	// importAge is how long an import may not have been heard of before it is given up.
	importAge = 10 * time.Minute
)

// MaxArrivals is how many routes, and how many triggers, topics, indexes and members, an app may have that arrives: they
// are made in one transaction.
const MaxArrivals = 5_000

// errGivenUp refuses to go on with an import that was not heard of for too long.
var errGivenUp = fault.New(fault.Conflict, "the import was given up: it was not heard of for too long")

// StartImport makes an app with a slug that is to be filled, or takes the empty app with an id. One that
// is not empty, or that another import fills, is [fault.Conflict].
func (c *Catalog) StartImport(ctx context.Context, slug, id string) (app store.App, err error) {
	mark := &store.Import{Token: uuid.NewString(), Created: id == ""}
	if id == "" {
		if err := checkSlug(slug); err != nil {
			return store.App{}, err
		}
	}
	c.imports.Store(mark.Token, true) // before the sweep can see the mark
	defer func() {
		if err != nil {
			c.imports.Delete(mark.Token)
		}
	}()
	err = c.change(ctx, func(tx store.Store) error {
		if id == "" {
			app, err = tx.Apps().Create(ctx, store.App{Slug: slug, Name: slug, Import: mark})
			return err
		}
		if app, err = tx.Apps().Get(ctx, id); err != nil {
			return err
		}
		if app.Import != nil {
			return fault.New(fault.Conflict, "the app %s is being imported", app.Slug)
		}
		there, err := holding(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(there) > 0 {
			return fault.New(fault.Conflict, "the app %s is not empty: it has %s", app.Slug, strings.Join(there, ", "))
		}
		app, err = tx.Apps().Update(ctx, id, store.AppChange{Import: mark})
		return err
	})
	if err != nil {
		return store.App{}, err
	}
	return app, nil
}

// holding lists what an app has of that which an import brings.
func holding(ctx context.Context, s store.Store, appID string) (there []string, err error) {
	one := store.PageRequest{Limit: 1}
	scripts, err := s.Scripts().List(ctx, appID, one)
	if err != nil {
		return nil, err
	}
	topics, err := s.Topics().List(ctx, appID, one)
	if err != nil {
		return nil, err
	}
	entries, err := s.KV().Collections(ctx, appID, one)
	if err != nil {
		return nil, err
	}
	used, err := s.Apps().Usage(ctx, appID, time.Now())
	if err != nil {
		return nil, err
	}
	files, err := s.Files().Collections(ctx, appID, one)
	if err != nil {
		return nil, err
	}
	for _, of := range []struct {
		has  bool
		what string
	}{
		{len(scripts.Items) > 0, "scripts"}, {len(topics.Items) > 0, "topics"}, {len(entries.Items) > 0, "kv entries"},
		{used.Docs > 0, "documents"}, {len(files.Items) > 0, "files"},
	} {
		if of.has {
			there = append(there, of.what)
		}
	}
	return there, nil
}

// KeepImport says that an import goes on, which has to be said every few minutes. The error is [fault.Conflict]
// when it was given up.
func (c *Catalog) KeepImport(ctx context.Context, app store.App) error {
	return c.change(ctx, func(tx store.Store) error {
		if _, err := arriving(ctx, tx, app); err != nil {
			return err
		}
		_, err := tx.Apps().Update(ctx, app.ID, store.AppChange{Import: app.Import})
		return err
	})
}

// arriving finds the app as long as the import that began it fills it.
func arriving(ctx context.Context, s store.Store, app store.App) (store.App, error) {
	now, err := s.Apps().Get(ctx, app.ID)
	switch {
	case fault.Of(err) == fault.NotFound || err == nil && (now.Import == nil || now.Import.Token != app.Import.Token):
		return store.App{}, errGivenUp
	}
	return now, err
}

// Arrival is what an app gets at the end of an import.
type Arrival struct {
	Name         string
	CORS         *store.CORS // nil: none
	EventsPaused bool
	Quota        store.Quota
	Topics       []store.Topic
	Indexes      []store.DocumentIndex // with paths that docs.CheckIndex has checked
	Domains      []string              // hosts
	Members      []store.Member        // by user name
	Routes       []store.Route         // each with the id of its script
	Triggers     []store.Trigger

	// Rights finds those of who imports, in the app, as they are now, or refuses: without the capability a quota or a
	// member is left out.
	Rights func(ctx context.Context, tx store.Store) (authz.Rights, error)
	// MayClaim refuses a host that the app may not have by these rights; nil: it may have any.
	MayClaim func(rights authz.Rights, host string) error
}

// Arrived is an app that an import has filled, and what has become of what belongs to others here.
type Arrived struct {
	App     store.App
	Members []store.Member // who has got which role
	Left    []Left
}

// Shadowed is the reason of a route that an import has made and that does not answer.
const Shadowed = "shadowed by a route of another app, which answers the same requests first"

// Left is something that an import has left out, or that does not work as it did.
type Left struct {
	Kind   string // "domain", "route", "member", "quota", "file"
	Name   string
	Reason string
}

// FinishImport gives an app that is filled all the rest, and lets it be found. What belongs to somebody
// else here, as a host does, is left out; anything else that is wrong is an error, and nothing is done.
func (c *Catalog) FinishImport(ctx context.Context, app store.App, a Arrival) (done Arrived, err error) {
	if err := checkArrival(&a); err != nil {
		return Arrived{}, err
	}
	var made []store.Route
	err = c.change(ctx, func(tx store.Store) error {
		done, made = Arrived{}, nil
		if _, err := arriving(ctx, tx, app); err != nil {
			return err
		}
		rights, err := a.Rights(ctx, tx)
		if err != nil {
			return err
		}
		policy := store.CORS{} // which is none
		if a.CORS != nil {
			policy = *a.CORS
		}
		done.App, err = tx.Apps().Update(ctx, app.ID, store.AppChange{Name: &a.Name, CORS: &policy, EventsPaused: &a.EventsPaused, Import: &store.Import{}})
		if err != nil {
			return err
		}
		out := func(kind, name, reason string) { done.Left = append(done.Left, Left{kind, name, reason}) }
		if err := arriveSettings(ctx, tx, app.ID, a, rights, out); err != nil {
			return err
		}
		if done.Members, err = arriveMembers(ctx, tx, app.ID, a, rights, out); err != nil {
			return err
		}
		ours, err := c.arriveDomains(ctx, tx, app.ID, a, rights, out)
		if err != nil {
			return err
		}
		if made, err = c.arriveRoutes(ctx, tx, app.ID, ours, a.Routes, out); err != nil {
			return err
		}
		for _, t := range a.Triggers {
			if err := checkTarget(ctx, tx, t); err != nil {
				return named("trigger", t.Name, err)
			}
			if _, err := tx.Triggers().Create(ctx, t); err != nil {
				return named("trigger", t.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return Arrived{}, err
	}
	c.imports.Delete(app.Import.Token)
	for _, route := range made {
		if _, shadowed := c.routes.Shadow(route); shadowed {
			done.Left = append(done.Left, Left{"route", address(route), Shadowed})
		}
	}
	return done, nil
}

// checkArrival checks all that can be checked without looking at what there is.
func checkArrival(a *Arrival) (err error) {
	for _, many := range []struct {
		what string
		n    int
	}{{"routes", len(a.Routes)}, {"triggers", len(a.Triggers)}, {"topics", len(a.Topics)}, {"indexes", len(a.Indexes)}, {"members", len(a.Members)}, {"domains", len(a.Domains)}} {
		if many.n > MaxArrivals {
			return fault.Refuse(many.what, "must be at most %d to be imported, got %d", MaxArrivals, many.n)
		}
	}
	if n := utf8.RuneCountInString(a.Name); !utf8.ValidString(a.Name) || n > maxAppNameRunes || strings.ContainsFunc(a.Name, unicode.IsControl) {
		return fault.Refuse("name", "must be at most %d characters of UTF-8, none of them a control character, got %d", maxAppNameRunes, n)
	}
	if a.CORS != nil {
		if a.CORS, err = routing.CheckCORS(*a.CORS); err != nil {
			return err
		}
	}
	if err := quota.Check(a.Quota); err != nil {
		return err
	}
	for i := range a.Triggers {
		if err := prepareTrigger(&a.Triggers[i], nil); err != nil {
			return named("trigger", a.Triggers[i].Name, err)
		}
	}
	for _, topic := range a.Topics {
		if err := events.CheckTopic("topic", topic.Name); err != nil {
			return err
		}
		if topic.Access != store.AccessPublic && topic.Access != store.AccessToken {
			return fault.Refuse("topic.access", "must be public or token, got %.40q", string(topic.Access))
		}
	}
	for i, host := range a.Domains {
		if a.Domains[i], err = domains.ParseClaim(host); err != nil {
			return err
		}
	}
	return nil
}

// named tells of which thing of several an error is. What is in its way is one of the others.
func named(kind, name string, err error) error {
	refused := fault.From(err)
	if refused == nil || refused.Code.Ours() {
		return err
	}
	of := *refused
	if of.Code == fault.Conflict {
		of.Code = fault.Invalid
	}
	of.Field, of.Reason, of.Text = "", "", fmt.Sprintf("%s %.100q: %s", kind, name, refused.Error())
	return &of
}

// arriveSettings makes topics, indexes and quotas.
func arriveSettings(ctx context.Context, tx store.Store, appID string, a Arrival, rights authz.Rights, out func(kind, name, reason string)) error {
	if a.Quota != (store.Quota{}) {
		if rights.Hold(authz.QuotaManage) {
			if err := tx.Quotas().Set(ctx, appID, a.Quota); err != nil {
				return err
			}
		} else {
			out("quota", "", authz.Denied(authz.QuotaManage).Error())
		}
	}
	for _, topic := range a.Topics {
		topic.AppID = appID
		if _, err := tx.Topics().Set(ctx, topic); err != nil {
			return err
		}
	}
	for _, index := range a.Indexes {
		index.AppID = appID
		if _, _, err := tx.Docs().Declare(ctx, index); err != nil {
			return named("index", index.Collection+" "+index.Path, err)
		}
	}
	return nil
}

// arriveMembers gives roles to the users of the same names, and returns who has got one.
func arriveMembers(
	ctx context.Context, tx store.Store, appID string, a Arrival, rights authz.Rights, out func(kind, name, reason string),
) (given []store.Member, err error) {
	for _, member := range a.Members {
		user, err := tx.Users().GetByUsername(ctx, member.Username)
		if fault.Unknown(err) {
			out("member", member.Username, "there is no such user here")
			continue
		}
		if err != nil {
			return nil, err
		}
		role, err := tx.Apps().Member(ctx, appID, user.ID)
		if err == nil { // of the app that was empty
			out("member", member.Username, fmt.Sprintf("the user is %s of the app already", role))
			continue
		}
		if fault.Of(err) != fault.NotFound {
			return nil, err
		}
		if err := rights.CheckGrant(member.Role); fault.Of(err) == fault.Forbidden {
			out("member", member.Username, err.Error())
			continue
		} else if err != nil {
			return nil, named("member", member.Username, err)
		}
		if err := tx.Apps().SetMember(ctx, appID, user.ID, member.Role); err != nil {
			return nil, err
		}
		given = append(given, store.Member{AppID: appID, UserID: user.ID, Username: user.Username, Role: member.Role})
	}
	return given, nil
}

// arriveDomains claims hosts, and returns all that the app has then.
func (c *Catalog) arriveDomains(ctx context.Context, tx store.Store, appID string, a Arrival, rights authz.Rights, out func(kind, name, reason string)) (ours []store.Domain, err error) {
	for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		listed, err := tx.Domains().List(ctx, appID, page)
		if err != nil {
			return nil, err
		}
		ours = append(ours, listed.Items...)
		if page.Cursor = listed.Next; page.Cursor == "" {
			break
		}
	}
	for _, host := range a.Domains {
		if slices.ContainsFunc(ours, func(d store.Domain) bool { return d.Host == host }) {
			continue
		}
		var err error
		if a.MayClaim != nil {
			err = a.MayClaim(rights, host)
		}
		var claim store.Domain
		if err == nil {
			claim, err = c.claim(ctx, tx, store.Domain{AppID: appID, Host: host}, "")
		}
		switch code := fault.Of(err); {
		case err == nil:
			ours = append(ours, claim)
		case code == fault.Conflict || code == fault.Forbidden || code == fault.Invalid:
			out("domain", host, err.Error())
		default:
			return nil, err
		}
	}
	return ours, nil
}

// arriveRoutes makes the routes of an app that has none and these domains.
func (c *Catalog) arriveRoutes(ctx context.Context, tx store.Store, appID string, ours []store.Domain, routes []store.Route, out func(kind, name, reason string)) (made []store.Route, err error) {
	table := routing.NewTable(nil, ours...)
	scripts := map[string]store.Script{}
	for _, route := range routes {
		script, known := scripts[route.ScriptID]
		if !known {
			if script, err = tx.Scripts().Get(ctx, route.ScriptID); err != nil {
				return nil, err
			}
			if script.AppID != appID {
				return nil, fault.Missing("script")
			}
			script.Source = ""
			scripts[route.ScriptID] = script
		}
		prepared, err := prepareRoute(script, route)
		if err != nil {
			return nil, named("route", address(route), err)
		}
		if other, taken := table.Conflict(prepared); taken {
			return nil, named("route", address(route), conflicting(prepared, other))
		}
		if prepared.HostKind != store.HostAny {
			if _, ok := table.ClaimOf(prepared.Host); !ok {
				out("route", address(route), "the app does not have its host")
				continue
			}
			if claim, ok := c.routes.ClaimOf(prepared.Host); ok && claim.AppID != appID {
				out("route", address(route), "its host is another app's")
				continue
			}
		}
		created, err := tx.Routes().Create(ctx, prepared)
		if err != nil {
			return nil, named("route", address(route), err)
		}
		table.Add(created)
		made = append(made, created)
	}
	return made, nil
}

// address is how people know a route: "GET example.com/users/:id".
func address(r store.Route) string {
	method := r.Method
	if method == "" {
		method = "ANY"
	}
	return method + " " + r.Host + r.Path
}

// AbandonImport undoes an import that cannot be finished: the app goes, or is empty again. What is undone
// already, or was finished, stays.
func (c *Catalog) AbandonImport(ctx context.Context, app store.App) error {
	return c.abandon(ctx, app, time.Time{})
}

// abandon is AbandonImport, of an import that was not heard of since a time, unless that is zero. It takes the
// mark over before it removes anything: whoever is at the import after all cannot finish it any more.
func (c *Catalog) abandon(ctx context.Context, app store.App, heard time.Time) error {
	defer c.imports.Delete(app.Import.Token) // if that fails, the sweep goes on
	mark := *app.Import
	mark.Token = uuid.NewString()
	err := c.change(ctx, func(tx store.Store) error {
		now, err := arriving(ctx, tx, app)
		if err != nil {
			return err
		}
		if !heard.IsZero() && now.Import.At.After(heard) {
			return errGivenUp // which it is not any more
		}
		_, err = tx.Apps().Update(ctx, app.ID, store.AppChange{Import: &mark})
		return err
	})
	if errors.Is(err, errGivenUp) {
		return nil
	}
	if err != nil {
		return err
	}
	app.Import = &mark
	if app.Import.Created {
		return c.deleteApp(ctx, app.ID, func(tx store.Store) error { _, err := arriving(ctx, tx, app); return err })
	}
	if err := c.clear(ctx, app); err != nil {
		return err
	}
	return c.change(ctx, func(tx store.Store) error {
		if _, err := arriving(ctx, tx, app); err != nil {
			return err
		}
		_, err := tx.Apps().Update(ctx, app.ID, store.AppChange{Import: &store.Import{}})
		return err
	})
}

// clear removes what an import has put into an app, a little at a time, as long as nobody else undoes it.
func (c *Catalog) clear(ctx context.Context, app store.App) error {
	const step = 200
	appID := app.ID
	page := store.PageRequest{Limit: step}
	err := c.change(ctx, func(tx store.Store) error {
		if _, err := arriving(ctx, tx, app); err != nil {
			return err
		}
		for {
			scripts, err := tx.Scripts().List(ctx, appID, page)
			if err != nil || len(scripts.Items) == 0 {
				return err
			}
			for _, script := range scripts.Items {
				if err := tx.Scripts().Delete(ctx, script.ID); err != nil {
					return err
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for _, some := range []func(tx store.Store) (int, error){
		func(tx store.Store) (n int, err error) {
			collections, err := tx.KV().Collections(ctx, appID, page)
			for _, collection := range collections.Items {
				entries, err := tx.KV().List(ctx, appID, collection.Name, "", page)
				if err != nil {
					return n, err
				}
				for _, entry := range entries.Items {
					if _, err := tx.KV().Delete(ctx, appID, collection.Name, entry.Key); err != nil {
						return n, err
					}
				}
				if n += len(entries.Items); n >= step {
					break
				}
			}
			return n, err
		},
		func(tx store.Store) (n int, err error) {
			collections, err := tx.Docs().Collections(ctx, appID, page)
			for _, collection := range collections.Items {
				var ids []string
				query := store.DocumentQuery{AppID: appID, Collection: collection.Name, Limit: step}
				if _, err := tx.Docs().Scan(ctx, query, func(d store.Document) error { ids = append(ids, d.ID); return nil }); err != nil {
					return n, err
				}
				for _, id := range ids {
					if err := tx.Docs().Delete(ctx, store.DocumentKey{AppID: appID, Collection: collection.Name, ID: id}); err != nil {
						return n, err
					}
				}
				if n += len(ids); n >= step {
					break
				}
			}
			return n, err
		},
		func(tx store.Store) (n int, err error) { // whose bytes the sweep of files removes
			collections, err := tx.Files().Collections(ctx, appID, page)
			for _, collection := range collections.Items {
				files, err := tx.Files().List(ctx, appID, collection.Name, page)
				if err != nil {
					return n, err
				}
				for _, file := range files.Items {
					if _, err := tx.Files().Delete(ctx, appID, collection.Name, file.ID, ""); err != nil {
						return n, err
					}
				}
				if n += len(files.Items); n >= step {
					break
				}
			}
			return n, err
		},
	} {
		for {
			n := 0
			err := c.store.InTx(ctx, func(tx store.Store) (err error) {
				if _, err := arriving(ctx, tx, app); err != nil {
					return err
				}
				n, err = some(tx)
				return err
			})
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// ImportSweeper makes the sweep of imports whose process has died.
func (c *Catalog) ImportSweeper() *background.Sweep {
	return background.NewSweep("unfinished", "imports", sweepImportsEvery, c.log, func(ctx context.Context) (int, error) {
		return c.SweepImports(ctx, importAge)
	})
}

// SweepImports undoes the imports that have not been heard of for so long, by the database's clock, or that nobody can
// be at, and returns their number. No other process is at them where the database is this one's alone.
func (c *Catalog) SweepImports(ctx context.Context, silent time.Duration) (undone int, err error) {
	apps, now, err := c.store.Apps().Imports(ctx)
	if err != nil {
		return 0, err
	}
	for _, app := range apps {
		_, ours := c.imports.Load(app.Import.Token)
		if now.Sub(app.Import.At) < silent && (ours || c.store.Revisions().Shared()) {
			continue
		}
		if failed := c.abandon(ctx, app, app.Import.At); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		undone++
	}
	return undone, err
}
