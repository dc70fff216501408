package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

type apps struct{ s *sqlStore }

const (
	appInsert = `INSERT INTO apps (id, slug, name, cors, import, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
	appGet       = `SELECT id, slug, name, cors, events_paused, import, created_at, updated_at FROM apps WHERE id = $1 AND ` + liveApp
	appGetBySlug = `SELECT id, slug, name, cors, events_paused, import, created_at, updated_at FROM apps WHERE slug = $1 AND ` + liveApp
	appList      = `SELECT id, slug, name, cors, events_paused, import, created_at, updated_at FROM apps
		WHERE slug > $1 AND import IS NULL AND ` + liveApp + ` ORDER BY slug LIMIT $2`
	appListOfUser = `SELECT a.id, a.slug, a.name, a.cors, a.events_paused, a.import, a.created_at, a.updated_at
		FROM app_members m JOIN apps a ON a.id = m.app_id
		WHERE m.user_id = $1 AND a.slug > $2 AND a.import IS NULL ORDER BY a.slug LIMIT $3`
	appImports = `SELECT id, slug, name, cors, events_paused, import, created_at, updated_at FROM apps
		WHERE import IS NOT NULL AND ` + liveApp + ` ORDER BY id`
	appUpdate = `UPDATE apps SET slug = $2, name = $3, cors = $4, events_paused = $5, import = $6, updated_at = $7 WHERE id = $1`
	appExists = `SELECT 1 FROM apps WHERE id = $1 AND ` + liveApp

	aliasInsert = `INSERT INTO app_aliases (slug, app_id, created_at) VALUES ($1, $2, $3)`
	aliasGet    = `SELECT slug, app_id, created_at FROM app_aliases WHERE slug = $1`
	aliasList   = `SELECT slug, app_id, created_at FROM app_aliases WHERE app_id = $1 ORDER BY slug`
	aliasDelete = `DELETE FROM app_aliases WHERE app_id = $1 AND slug = $2`

	memberSet = `INSERT INTO app_members (app_id, user_id, role) VALUES ($1, $2, $3)
		ON CONFLICT (app_id, user_id) DO UPDATE SET role = excluded.role`
	memberGet   = `SELECT role FROM app_members WHERE app_id = $1 AND user_id = $2`
	memberRoles = `SELECT app_id, role FROM app_members WHERE user_id = $1`
	memberList  = `SELECT m.app_id, m.user_id, u.username, m.role
		FROM app_members m JOIN users u ON u.id = m.user_id
		WHERE m.app_id = $1 ORDER BY u.username_key`
	memberDelete = `DELETE FROM app_members WHERE app_id = $1 AND user_id = $2`
)

func scanApp(row scanner) (a store.App, err error) {
	err = row.Scan(&a.ID, &a.Slug, &a.Name, orNone{&a.CORS}, &a.EventsPaused, orNone{&a.Import}, instant{&a.CreatedAt}, instant{&a.UpdatedAt})
	return a, err
}

func (a apps) Create(ctx context.Context, app store.App) (store.App, error) {
	if err := checkApp(app); err != nil {
		return store.App{}, err
	}
	if app.ID == "" {
		app.ID = newID()
	}
	app.CreatedAt = a.s.db.now()
	app.UpdatedAt = app.CreatedAt
	err := a.s.reconfigure(ctx, "create app", ofApp(app.ID), func(tx queryer) error {
		note(tx, ofRevision(ofApp(app.ID), nil, app))
		if err := appSlugFree(ctx, tx, app); err != nil {
			return err
		}
		var err error
		if app.Import, err = a.heard(ctx, tx, app.Import); err != nil {
			return err
		}
		n, err := affect(ctx, tx, appInsert, app.ID, app.Slug, app.Name, encodeOrNull(app.CORS), encodeOrNull(app.Import), app.CreatedAt, app.UpdatedAt)
		if err != nil || n == 1 {
			return err
		}
		return store.Conflict("app", "id", app.ID, app.ID)
	})
	if err != nil {
		return store.App{}, err
	}
	return app, nil
}

func checkApp(app store.App) error {
	if err := require(field{"slug", app.Slug}); err != nil {
		return err
	}
	return check(field{"id", app.ID}, field{"name", app.Name})
}

// appSlugFree refuses a slug that another app has or had.
func appSlugFree(ctx context.Context, tx queryer, app store.App) error {
	other, err := one(ctx, tx, "app", scanApp, appGetBySlug, app.Slug)
	if missing(err) {
		var alias store.Alias
		alias, err = one(ctx, tx, "alias", scanAlias, aliasGet, app.Slug)
		other.ID = alias.AppID
	}
	switch {
	case missing(err) || err == nil && other.ID == app.ID:
		return nil
	case err != nil:
		return err
	}
	return store.Conflict("app", "slug", app.Slug, other.ID)
}

func scanAlias(row scanner) (a store.Alias, err error) {
	err = row.Scan(&a.Slug, &a.AppID, instant{&a.CreatedAt})
	return a, err
}

// keepAlias has the slug of an app that gets another lead to it.
func (a apps) keepAlias(ctx context.Context, tx queryer, app store.App, next string) error {
	if _, err := affect(ctx, tx, aliasDelete, app.ID, next); err != nil { // it may be one that it had
		return err
	}
	aliases, err := many(ctx, tx, "aliases", scanAlias, aliasList, app.ID)
	if err != nil {
		return err
	}
	if len(aliases) >= store.MaxAliases {
		return &fault.Error{
			Code: fault.Conflict, Text: fmt.Sprintf("%d old slugs lead to the app, which is the most: release one first", store.MaxAliases),
			Field: "slug", Value: next,
		}
	}
	_, err = tx.ExecContext(ctx, aliasInsert, app.Slug, app.ID, a.s.db.now())
	return err
}

func (a apps) Aliases(ctx context.Context, id string) ([]store.Alias, error) {
	return many(ctx, a.s.reader(), "aliases", scanAlias, aliasList, id)
}

func (a apps) ReleaseAlias(ctx context.Context, id, slug string) error {
	return a.s.reconfigure(ctx, "release alias", ofApp(id), func(tx queryer) error {
		alias, err := one(ctx, tx, "alias", scanAlias, aliasGet, slug)
		if err != nil {
			return err
		}
		note(tx, noted{kind: "alias", appID: id, id: slug, before: alias})
		return deleteOne(ctx, tx, "alias", aliasDelete, id, slug)
	})
}

func (a apps) Get(ctx context.Context, id string) (store.App, error) {
	return one(ctx, a.s.reader(), "app", scanApp, appGet, id)
}

func (a apps) GetBySlug(ctx context.Context, slug string) (store.App, error) {
	return one(ctx, a.s.reader(), "app", scanApp, appGetBySlug, slug)
}

func (a apps) GetByAlias(ctx context.Context, slug string) (store.App, error) {
	alias, err := one(ctx, a.s.reader(), "app", scanAlias, aliasGet, slug)
	if err != nil {
		return store.App{}, err
	}
	return a.Get(ctx, alias.AppID)
}

func (a apps) List(ctx context.Context, page store.PageRequest) (store.Page[store.App], error) {
	return pageBy(ctx, a.s.reader(), "apps", scanApp, appSlug, page, appList)
}

func (a apps) ListOf(ctx context.Context, userID string, page store.PageRequest) (store.Page[store.App], error) {
	return pageBy(ctx, a.s.reader(), "apps", scanApp, appSlug, page, appListOfUser, userID)
}

func (a apps) Imports(ctx context.Context) (under []store.App, now time.Time, err error) {
	if under, err = many(ctx, a.s.reader(), "imports", scanApp, appImports); err == nil {
		now, err = a.s.clock(ctx, a.s.reader()) // later than what is listed
	}
	return under, now, err
}

// heard returns what is kept of an import that goes on now; nil for none.
func (a apps) heard(ctx context.Context, q queryer, i *store.Import) (*store.Import, error) {
	if i == nil || i.Token == "" {
		return nil, nil
	}
	at, err := a.s.clock(ctx, q)
	return &store.Import{Token: i.Token, Created: i.Created, At: at}, err
}

func appSlug(app store.App) string { return app.Slug }

func (a apps) Update(ctx context.Context, id string, change store.AppChange) (app store.App, err error) {
	err = a.s.reconfigure(ctx, "update app", ofApp(id), func(tx queryer) error {
		if app, err = one(ctx, tx, "app", scanApp, appGet, id); err != nil {
			return err
		}
		before := app
		set(&app.Slug, change.Slug)
		set(&app.Name, change.Name)
		set(&app.EventsPaused, change.EventsPaused)
		if change.CORS != nil {
			if app.CORS = change.CORS; len(app.CORS.Origins) == 0 {
				app.CORS = nil
			}
		}
		if change.Import != nil {
			if app.Import, err = a.heard(ctx, tx, change.Import); err != nil {
				return err
			}
		}
		if err := checkApp(app); err != nil {
			return err
		}
		if err := appSlugFree(ctx, tx, app); err != nil {
			return err
		}
		if app.Slug != before.Slug {
			if err := a.keepAlias(ctx, tx, before, app.Slug); err != nil {
				return err
			}
		}
		app.UpdatedAt = later(app.UpdatedAt, a.s.db.now())
		note(tx, ofRevision(ofApp(id), before, app))
		_, err := tx.ExecContext(ctx, appUpdate, app.ID, app.Slug, app.Name, encodeOrNull(app.CORS), app.EventsPaused, encodeOrNull(app.Import), app.UpdatedAt)
		return err
	})
	if err != nil {
		return store.App{}, err
	}
	return app, nil
}

func (a apps) Delete(ctx context.Context, id string) error {
	return a.s.reconfigure(ctx, "delete app", ofApp(id), func(tx queryer) error {
		note(tx, ofRevision(ofApp(id), was(tx, func() (store.App, error) { return one(ctx, tx, "app", scanApp, appGet, id) }), nil))
		if n, err := affect(ctx, tx, appMark, id, a.s.db.now()); err != nil || n == 0 {
			return cmp.Or(err, notFound("app"))
		}
		return each(ctx, tx, appEnds, id)
	})
}

func (a apps) SetMember(ctx context.Context, appID, userID string, role store.AppRole) error {
	if err := require(field{"role", string(role)}); err != nil {
		return err
	}
	return a.s.reconfigure(ctx, "set member", ofMember(appID, userID), func(tx queryer) error {
		note(tx, noted{"member", appID, userID, wasMember(ctx, tx, appID, userID), store.Member{AppID: appID, UserID: userID, Role: role}})
		if err := must(ctx, tx, "app", appExists, appID); err != nil {
			return err
		}
		if err := must(ctx, tx, "user", userExists, userID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, memberSet, appID, userID, string(role))
		return err
	})
}

func (a apps) Member(ctx context.Context, appID, userID string) (store.AppRole, error) {
	role, err := one(ctx, a.s.reader(), "member", text, memberGet, appID, userID)
	return store.AppRole(role), err
}

// wasMember is the membership before a change, to be noted.
func wasMember(ctx context.Context, tx queryer, appID, userID string) any {
	return was(tx, func() (store.Member, error) {
		role, err := one(ctx, tx, "member", text, memberGet, appID, userID)
		return store.Member{AppID: appID, UserID: userID, Role: store.AppRole(role)}, err
	})
}

func (a apps) RolesOf(ctx context.Context, userID string) (map[string]store.AppRole, error) {
	places, err := many(ctx, a.s.reader(), "memberships", func(row scanner) (m store.Member, err error) {
		err = row.Scan(&m.AppID, &m.Role)
		return m, err
	}, memberRoles, userID)
	if err != nil {
		return nil, err
	}
	roles := make(map[string]store.AppRole, len(places))
	for _, m := range places {
		roles[m.AppID] = m.Role
	}
	return roles, nil
}

func (a apps) Members(ctx context.Context, appID string) ([]store.Member, error) {
	return many(ctx, a.s.reader(), "members", scanMember, memberList, appID)
}

func scanMember(row scanner) (m store.Member, err error) {
	err = row.Scan(&m.AppID, &m.UserID, &m.Username, &m.Role)
	return m, err
}

func (a apps) RemoveMember(ctx context.Context, appID, userID string) error {
	return a.s.reconfigure(ctx, "remove member", ofMember(appID, userID), func(tx queryer) error {
		note(tx, noted{"member", appID, userID, wasMember(ctx, tx, appID, userID), nil})
		return deleteOne(ctx, tx, "member", memberDelete, appID, userID)
	})
}

const appUsage = `SELECT
	COALESCE((SELECT CAST(SUM(bytes) AS BIGINT) FROM data_usage WHERE app_id = $1 AND source = 'kv'), 0),
	COALESCE((SELECT CAST(SUM(bytes) AS BIGINT) FROM data_usage WHERE app_id = $1 AND source = 'docs'), 0),
	COALESCE((SELECT bytes FROM file_usage WHERE app_id = $1), 0),
	COALESCE((SELECT bytes FROM log_usage WHERE app_id = $1 AND day = $2), 0),
	COALESCE((SELECT us FROM cpu_usage WHERE app_id = $1 AND day = $2), 0)
	FROM apps WHERE id = $1 AND ` + liveApp

func scanUsage(row scanner) (u store.AppUsage, err error) {
	var us int64
	err = row.Scan(&u.KV, &u.Docs, &u.Files, &u.Log, &us)
	u.CPU = time.Duration(us) * time.Microsecond
	return u, err
}

func (a apps) Usage(ctx context.Context, id string, day time.Time) (store.AppUsage, error) {
	usage, err := one(ctx, a.s.reader(), "usage", scanUsage, appUsage, id, dayOf(day))
	return usage, unlessMissing(err) // what is not there uses nothing
}

// dayOf is the number of a day since 1970-01-01, in UTC.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }
