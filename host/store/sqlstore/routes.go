package sqlstore

import (
	"context"

	"github.com/picloud/picloud/host/store"
)

type routes struct{ s *sqlStore }

const (
	routeColumns = `r.id, r.app_id, r.script_id, r.method, r.host, r.host_kind, r.path, r.path_kind, r.dispatch, r.cors, a.cors, r.signature, r.rate_limit, r.created_at
		FROM routes r JOIN apps a ON a.id = r.app_id`
	routeInsert = `INSERT INTO routes (id, app_id, script_id, method, host, host_kind, path, path_kind, dispatch, cors, created_at, signature, rate_limit)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`
	routeInTheWay     = `SELECT id FROM routes WHERE app_id = $1 AND method = $2 AND host = $3 AND path = $4`
	routeGet          = `SELECT ` + routeColumns + ` WHERE r.id = $1`
	routeAll          = `SELECT ` + routeColumns + ` ORDER BY r.id`
	routeByApp        = `SELECT ` + routeColumns + ` WHERE r.app_id = $1 ORDER BY r.path, r.host, r.method`
	routeByScript     = `SELECT ` + routeColumns + ` WHERE r.script_id = $1 ORDER BY r.path, r.host, r.method`
	routeSetCORS      = `UPDATE routes SET cors = $2 WHERE id = $1`
	routeSetDispatch  = `UPDATE routes SET dispatch = $2 WHERE id = $1`
	routeSetRateLimit = `UPDATE routes SET rate_limit = $2 WHERE id = $1`
	routeSetSignature = `UPDATE routes SET signature = $2 WHERE id = $1`
	routeDelete       = `DELETE FROM routes WHERE id = $1 RETURNING app_id`

	scriptOfApp = `SELECT 1 FROM scripts s WHERE s.id = $1 AND s.app_id = $2 AND ` + liveScript
)

func scanRoute(row scanner) (r store.Route, err error) {
	err = row.Scan(&r.ID, &r.AppID, &r.ScriptID, &r.Method, &r.Host, &r.HostKind, &r.Path, &r.PathKind, &r.Dispatch,
		orNone{&r.CORS}, orNone{&r.AppCORS}, orNone{&r.Signature}, orNone{&r.RateLimit}, instant{&r.CreatedAt})
	return r, err
}

func (r routes) Create(ctx context.Context, route store.Route) (store.Route, error) {
	if err := require(field{"path", route.Path}, field{"path_kind", string(route.PathKind)},
		field{"host_kind", string(route.HostKind)}, field{"dispatch", string(route.Dispatch)}); err != nil {
		return store.Route{}, err
	}
	if err := check(field{"id", route.ID}, field{"method", route.Method}, field{"host", route.Host}); err != nil {
		return store.Route{}, err
	}
	if route.ID == "" {
		route.ID = newID()
	}
	route.CreatedAt = r.s.db.now()
	revision := &store.Revision{Resource: store.ResourceRoute, AppID: route.AppID, ID: route.ID}
	err := r.s.reconfigure(ctx, "create route", revision, func(tx queryer) error {
		if err := must(ctx, tx, "script", scriptOfApp, route.ScriptID, route.AppID); err != nil {
			return err
		}
		app, err := one(ctx, tx, "app", scanApp, appGet, route.AppID)
		if err != nil {
			return err
		}
		route.AppCORS = app.CORS
		note(tx, ofRevision(revision, nil, route))
		n, err := affect(ctx, tx, routeInsert, route.ID, route.AppID, route.ScriptID, route.Method, route.Host,
			string(route.HostKind), route.Path, string(route.PathKind), string(route.Dispatch), encodeOrNull(route.CORS), route.CreatedAt, encodeOrNull(route.Signature), encodeOrNull(route.RateLimit))
		if err != nil || n == 1 {
			return err
		}
		other, err := one(ctx, tx, "route", text, routeInTheWay, route.AppID, route.Method, route.Host, route.Path)
		switch {
		case missing(err):
			return store.Conflict("route", "id", route.ID, route.ID)
		case err != nil:
			return err
		}
		return store.Conflict("route", "path", route.Path, other)
	})
	if err != nil {
		return store.Route{}, err
	}
	return route, nil
}

func (r routes) Get(ctx context.Context, id string) (store.Route, error) {
	return one(ctx, r.s.reader(), "route", scanRoute, routeGet, id)
}

func (r routes) All(ctx context.Context) ([]store.Route, error) {
	return many(ctx, r.s.reader(), "routes", scanRoute, routeAll)
}

func (r routes) ByApp(ctx context.Context, appID string) ([]store.Route, error) {
	return many(ctx, r.s.reader(), "routes", scanRoute, routeByApp, appID)
}

func (r routes) ByScript(ctx context.Context, scriptID string) ([]store.Route, error) {
	return many(ctx, r.s.reader(), "routes", scanRoute, routeByScript, scriptID)
}

func (r routes) SetCORS(ctx context.Context, id string, cors *store.CORS) (store.Route, error) {
	return r.set(ctx, id, routeSetCORS, encodeOrNull(cors))
}

func (r routes) SetSignature(ctx context.Context, id string, signature *store.Signature) (store.Route, error) {
	return r.set(ctx, id, routeSetSignature, encodeOrNull(signature))
}

func (r routes) SetDispatch(ctx context.Context, id string, dispatch store.Dispatch) (store.Route, error) {
	if err := require(field{"dispatch", string(dispatch)}); err != nil {
		return store.Route{}, err
	}
	return r.set(ctx, id, routeSetDispatch, string(dispatch))
}

func (r routes) SetRateLimit(ctx context.Context, id string, limit *store.RateLimit) (store.Route, error) {
	return r.set(ctx, id, routeSetRateLimit, encodeOrNull(limit))
}

// set changes one column of a route.
func (r routes) set(ctx context.Context, id, statement string, value any) (route store.Route, err error) {
	revision := &store.Revision{Resource: store.ResourceRoute, ID: id}
	err = r.s.reconfigure(ctx, "change route", revision, func(tx queryer) error {
		before := was(tx, func() (store.Route, error) { return one(ctx, tx, "route", scanRoute, routeGet, id) })
		if _, err := tx.ExecContext(ctx, statement, id, value); err != nil {
			return err
		}
		route, err = one(ctx, tx, "route", scanRoute, routeGet, id)
		revision.AppID = route.AppID
		note(tx, ofRevision(revision, before, route))
		return err
	})
	return route, err
}

func (r routes) Delete(ctx context.Context, id string) error {
	revision := &store.Revision{Resource: store.ResourceRoute, ID: id}
	return r.s.reconfigure(ctx, "delete route", revision, func(tx queryer) (err error) {
		before := was(tx, func() (store.Route, error) { return one(ctx, tx, "route", scanRoute, routeGet, id) })
		defer func() { note(tx, ofRevision(revision, before, nil)) }()
		revision.AppID, err = one(ctx, tx, "route", text, routeDelete, id)
		return err
	})
}
