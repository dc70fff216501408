package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountQuota(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/quota", "get-quota", "Show what an app may have", http.StatusOK, a.getQuota)
	operation(a, admin, http.MethodPut, "/apps/{app}/quota", "set-quota", "Set what an app may have", http.StatusOK, a.setQuota)
	operation(a, admin, http.MethodGet, "/apps/{app}/usage", "get-usage", "Show what an app uses of its quotas", http.StatusOK, a.getUsage)
}

func (a *API) getQuota(ctx context.Context, in *AppPath) (*body[wire.Quota], error) {
	app, err := a.findApp(ctx, in.App, authz.AppRead)
	if err != nil {
		return nil, err
	}
	return a.quotaOf(ctx, app)
}

func (a *API) setQuota(ctx context.Context, in *struct {
	AppPath
	Body wire.QuotaSet
}) (*body[wire.Quota], error) {
	app, err := a.findApp(ctx, in.App, authz.QuotaManage)
	if err != nil {
		return nil, err
	}
	if err := a.catalog.SetQuota(ctx, app.ID, store.Quota(in.Body)); err != nil {
		return nil, err
	}
	return a.quotaOf(ctx, app)
}

func (a *API) quotaOf(ctx context.Context, app store.App) (*body[wire.Quota], error) {
	set, err := a.store.Quotas().Get(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.Quota]{wire.Quota{Limits: wire.QuotaLimits(a.quotas.With(set)), Set: wire.QuotaSet(set)}}, nil
}

// manyEvents is how many events that wait are counted of an app that may have any number.
const manyEvents = 1_000_000

func (a *API) getUsage(ctx context.Context, in *AppPath) (*body[wire.Usage], error) {
	app, err := a.findApp(ctx, in.App, authz.AppRead)
	if err != nil {
		return nil, err
	}
	has, err := a.store.Apps().Usage(ctx, app.ID, time.Now())
	if err != nil {
		return nil, err
	}
	may := a.quotas.Of(app.ID)
	most := manyEvents
	if may.PendingEvents > 0 {
		most = int(may.PendingEvents)
	}
	waiting, err := a.store.Outbox().Count(ctx, app.ID, most)
	if err != nil {
		return nil, err
	}
	dead, err := a.store.DeadLetters().Count(ctx, store.DeadLetterFilter{AppID: app.ID, Unresolved: true})
	if err != nil {
		return nil, err
	}
	var requests int64
	if rate := may.Rate(); rate.Requests > 0 {
		requests = rate.Burst - a.quotas.Limiter().Look(quota.KeyOf(app.ID), rate).Remaining
	}
	return &body[wire.Usage]{wire.Usage{
		KV: used(has.KV, may.KVBytes), Docs: used(has.Docs, may.DocsBytes), Files: used(has.Files, may.FilesBytes), Log: used(has.Log, may.LogBytes),
		CPU: share(has.CPU.Milliseconds(), may.CPUMillis), Events: share(int64(waiting), may.PendingEvents),
		Executions: share(int64(a.executions.Running(app.ID)), may.Executions), Requests: share(requests, may.RequestBurst),
		DeadLetters: dead,
	}}, nil
}

func used(bytes, most int64) wire.Used {
	return wire.Used{Bytes: bytes, Quota: most, Warning: quota.Warning(bytes, most)}
}

func share(n, most int64) wire.Share {
	return wire.Share{Used: n, Quota: most, Warning: quota.Warning(n, most)}
}
