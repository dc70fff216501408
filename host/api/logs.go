package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountLogs(admin huma.API) {
	operation(a, admin, http.MethodGet, "/scripts/{id}/logs", "list-logs", "Read a script's log", http.StatusOK, a.listLogs)
}

// listLogs waits for what is not yet written, so that a caller sees the log of every execution that
// was answered before.
func (a *API) listLogs(ctx context.Context, in *struct {
	ScriptPath
	Paging
	Level abi.LogLevel `query:"level" enum:"trace,debug,info,warn,error" doc:"Least severity"`
	Since time.Time    `query:"since" doc:"Written at or after (RFC 3339)"`
	Order string       `query:"order" enum:"newest,oldest" default:"newest" doc:"oldest always answers a cursor, from which to follow the log"`
}) (*body[wire.Page[wire.LogLine]], error) {
	script, err := a.findScript(ctx, in.ID, authz.LogRead)
	if err != nil {
		return nil, err
	}
	query := store.LogQuery{ScriptID: script.ID, MinLevel: in.Level, Since: in.Since, Page: in.request()}
	if err := a.executions.Flush(ctx); err != nil {
		return nil, err
	}
	if in.Order == "oldest" {
		query.Order = store.OldestFirst
	}
	page, err := a.store.Executions().Logs(ctx, query)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.LogLine]]{wirePage(store.Page[store.LogLine]{Items: page.Items, Next: page.Next}, wireLogLine)}, nil
}

func wireLogLine(l store.LogLine) wire.LogLine {
	return wire.LogLine{
		ExecutionID: l.ExecutionID, ScriptVersion: l.ScriptVersion, Seq: l.Seq, At: l.At, Level: l.Level, Message: l.Message, Data: l.Data,
	}
}
