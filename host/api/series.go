package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountSeries(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/series", "get-series", "Show what ran in an app over time", http.StatusOK, a.getSeries)
	operation(a, admin, http.MethodGet, "/series", "list-series", "Show what ran in the apps you can see over time", http.StatusOK, a.listSeries)
}

// SpanQuery holds the query parameters that say of what time a series is.
type SpanQuery struct {
	From time.Time `query:"from" doc:"From then on (RFC 3339), 90 days at most; an hour before the end when not set"`
	To   time.Time `query:"to" doc:"Before then (RFC 3339); now when not set"`
	Step int64     `query:"step" minimum:"60" maximum:"7776000" doc:"The length of the pieces at least, in seconds; when not set, so that there are up to 120"`
}

// span returns of what time a series is to be, of so many pieces, after all that has run was counted.
func (a *API) span(ctx context.Context, in SpanQuery, most int) (store.SeriesQuery, wire.Span, error) {
	query := executions.Span(time.Now(), in.From, in.To, time.Duration(in.Step)*time.Second, most)
	err := a.executions.FlushSeries(ctx)
	return query, wire.Span{From: query.From, To: query.To, StepSeconds: int64(query.Step / time.Second)}, err
}

func (a *API) getSeries(ctx context.Context, in *struct {
	AppPath
	SpanQuery
	Script   string `query:"script" maxLength:"512" doc:"Of this script of the app, by id or name"`
	ByScript bool   `query:"by_script" doc:"And of each script, all pieces in one: of the 100 that ran most often"`
}) (*body[wire.Series], error) {
	app, err := a.findApp(ctx, in.App, authz.AppRead)
	if err != nil {
		return nil, err
	}
	query, span, err := a.span(ctx, in.SpanQuery, executions.MaxPieces)
	if err != nil {
		return nil, err
	}
	query.AppID = app.ID
	if query.ScriptID, err = a.queriedScript(ctx, app.ID, in.Script); err != nil {
		return nil, err
	}
	out := wire.Series{Span: span}
	if out.Points, out.Total, err = a.points(ctx, query); err != nil {
		return nil, err
	}
	if in.ByScript {
		if out.Scripts, err = a.scriptTotals(ctx, query); err != nil {
			return nil, err
		}
	}
	return &body[wire.Series]{out}, nil
}

// maxAppsOfSeries is how many apps a piece of the listing has: with its pieces of time it is to be of some megabytes at most.
const maxAppsOfSeries = 100

func (a *API) listSeries(ctx context.Context, in *struct {
	Paging
	SpanQuery
}) (*body[wire.AppsSeries], error) {
	query, span, err := a.span(ctx, in.SpanQuery, executions.MaxPiecesEach)
	if err != nil {
		return nil, err
	}
	request := in.request()
	request.Limit = min(request.Limit, maxAppsOfSeries)
	page, err := a.visibleApps(ctx, request)
	if err != nil {
		return nil, err
	}
	out := wire.AppsSeries{Span: span, Items: []wire.AppSeries{}, Cursor: page.Next}
	for _, app := range page.Items {
		may, err := a.authority.MayIn(ctx, caller(ctx), app.ID, authz.AppRead)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		of := wire.AppSeries{AppID: app.ID, Slug: app.Slug, Name: app.Name, Running: int64(a.executions.Running(app.ID))}
		query.AppID = app.ID
		if of.Points, of.Total, err = a.points(ctx, query); err != nil {
			return nil, err
		}
		if of.DeadLetters, err = a.store.DeadLetters().Count(ctx, store.DeadLetterFilter{AppID: app.ID, Unresolved: true}); err != nil {
			return nil, err
		}
		out.Items = append(out.Items, of)
	}
	return &body[wire.AppsSeries]{out}, nil
}

// points are the pieces that a query finds, and all of them together.
func (a *API) points(ctx context.Context, query store.SeriesQuery) ([]wire.Point, wire.Figures, error) {
	pieces, err := a.store.Series().List(ctx, query)
	if err != nil {
		return nil, wire.Figures{}, err
	}
	var total store.Counts
	points := make([]wire.Point, len(pieces))
	for i := range pieces {
		total.Add(&pieces[i].Counts)
		points[i] = wire.Point{At: pieces[i].At, Figures: wireFigures(&pieces[i].Counts)}
	}
	return points, wireFigures(&total), nil
}

func (a *API) scriptTotals(ctx context.Context, query store.SeriesQuery) ([]wire.ScriptTotals, error) {
	counts, err := a.store.Series().ByScript(ctx, query)
	if err != nil {
		return nil, err
	}
	totals := make([]wire.ScriptTotals, len(counts))
	for i := range counts {
		totals[i] = wire.ScriptTotals{ScriptID: counts[i].ScriptID, ScriptName: counts[i].ScriptName, Figures: wireFigures(&counts[i].Counts)}
	}
	return totals, nil
}

func wireFigures(c *store.Counts) wire.Figures {
	executions := c.Executions()
	out := wire.Figures{
		Executions: executions, Errors: executions - c[store.CountOK], Requests: c[store.CountHTTP] + c[store.CountExecute], ServerErrors: c[store.CountServerErrors],
		Outcomes: map[string]int64{}, Kinds: map[string]int64{},
		P50US: c.Quantile(0.5).Microseconds(), P90US: c.Quantile(0.9).Microseconds(), P99US: c.Quantile(0.99).Microseconds(),
		DurationUS: c[store.CountDurationUS], CPUUS: c[store.CountCPUUS], LogBytes: c[store.CountLogBytes],
	}
	for i, outcome := range store.CountedOutcomes {
		if n := c[store.CountOK+i]; n > 0 {
			out.Outcomes[cmp.Or(string(outcome), store.OutcomeSucceeded)] = n
		}
	}
	for i, kind := range store.CountedTypes {
		if n := c[store.CountHTTP+i]; n > 0 {
			out.Kinds[string(kind)] = n
		}
	}
	return out
}
