package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

func randomName() string { return uuid.NewString()[:8] }

func messages(page wire.Page[wire.LogLine]) (texts []string) {
	for _, line := range page.Items {
		texts = append(texts, line.Message)
	}
	return texts
}

func TestLogs(t *testing.T) {
	s := newSite(t)
	script := s.Deploy("/log", `print("hello " + ctx.request.query.n); debug(1); if ctx.request.query.n == "3" { throw "three"; }`)
	logs := func(query string) wire.Page[wire.LogLine] {
		return do[wire.Page[wire.LogLine]](s, "GET", "scripts/"+script.ID+"/logs?"+query, nil, 200)
	}
	assert.Empty(t, logs("").Items)
	follow := logs("order=oldest").Cursor
	require.NotEmpty(t, follow, "an empty log can be followed")
	for _, n := range []string{"1", "2"} {
		s.Fetch("GET", "/log?n="+n, "")
	}
	assert.Equal(t, []string{"hello 1", "hello 2"}, messages(logs("order=oldest&level=info")))
	assert.Equal(t, []string{"hello 2", "hello 1"}, messages(logs("level=info")))
	page := logs("order=oldest&level=info&cursor=" + follow)
	assert.Equal(t, []string{"hello 1", "hello 2"}, messages(page))
	between := time.Now()
	s.Fetch("GET", "/log?n=3", "")
	page = logs("order=oldest&level=info&cursor=" + page.Cursor)
	require.Len(t, page.Items, 2)
	assert.Equal(t, "hello 3", page.Items[0].Message)
	assert.Contains(t, page.Items[1].Message, "three")
	assert.Len(t, logs("level=error").Items, 1)
	assert.Len(t, logs("level=trace").Items, 7)
	assert.Len(t, logs("limit=3").Items, 3)
	assert.NotEmpty(t, logs("limit=3").Cursor)
	assert.Len(t, logs("since="+url.QueryEscape(between.UTC().Format(time.RFC3339Nano))).Items, 3)
}

func TestLogsRefuse(t *testing.T) {
	s := newSite(t)
	script := s.Deploy("/log", `1`)
	get := func(query string) answer { return s.Admin(s.Token, "GET", "scripts/"+script.ID+"/logs?"+query, "") }
	s.Refused(get("level=loud"), 422, "query.level", "one of")
	s.Refused(get("order=random"), 422, "query.order", "one of")
	s.Refused(get("since=yesterday"), 422, "query.since", "RFC 3339")
	s.Refused(get("cursor=x"), 422, "query.cursor", "not a cursor")
	s.Refused(get("lines=5"), 422, "query.lines", "unknown query parameter")
	s.Refused(s.Admin(s.Token, "GET", "scripts/nope/logs", ""), 404, "", "script not found")
}

func TestExecutionsAreListed(t *testing.T) {
	s := newSite(t)
	script := s.Deploy("/x", `print("x"); 1`)
	var last string
	for range 3 {
		last = s.Fetch("GET", "/x", "", "X-Request-Id: mine").Header.Get("X-Execution-Id")
	}
	page := do[wire.Page[wire.Execution]](s, "GET", "scripts/"+script.ID+"/executions?limit=2", nil, 200)
	require.Len(t, page.Items, 2)
	assert.Equal(t, last, page.Items[0].ID, "the last first")
	assert.Equal(t, "ok", page.Items[0].Outcome)
	assert.Equal(t, "mine", page.Items[0].RequestID)
	assert.Empty(t, page.Items[0].Logs)
	next := do[wire.Page[wire.Execution]](s, "GET", "scripts/"+script.ID+"/executions?limit=2&cursor="+page.Cursor, nil, 200)
	require.Len(t, next.Items, 1)
	assert.Empty(t, next.Cursor)
	one := do[wire.Execution](s, "GET", "executions/"+last, nil, 200)
	require.Len(t, one.Logs, 1)
	assert.Equal(t, "x", one.Logs[0].Message)
	s.Refused(s.Admin(s.Token, "GET", "executions/nope", ""), 404, "", "execution not found")
}
