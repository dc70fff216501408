package api_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/apitest"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

func TestQuota(t *testing.T) {
	s := newSite(t)
	app := s.App("shop")
	defaults := wire.QuotaLimits{Executions: apitest.MaxConcurrent / 2, FilesBytes: 3 * apitest.MaxFile, PendingEvents: apitest.MaxPending}
	assert.Equal(t, wire.Quota{Limits: defaults}, do[wire.Quota](s, "GET", "apps/shop/quota", nil, 200))
	set := wire.QuotaSet{KVBytes: new(int64(100)), FilesBytes: new(int64(0)), RequestsPerSecond: new(int64(5))}
	want := defaults
	want.KVBytes, want.FilesBytes, want.RequestsPerSecond, want.RequestBurst = 100, 0, 5, 5
	assert.Equal(t, wire.Quota{Limits: want, Set: set}, do[wire.Quota](s, "PUT", "apps/shop/quota", set, 200))
	assert.Equal(t, wire.Quota{Limits: want, Set: set}, do[wire.Quota](s, "GET", "apps/shop/quota", nil, 200))

	for body, at := range map[string]string{
		`{"kv_bytes":-1}`: "body.kv_bytes", `{"executions":10001}`: "body.executions", `{"request_burst":1.5}`: "body.request_burst",
		`{"bytes":1}`: "body.bytes", `{"docs_bytes":"1"}`: "body.docs_bytes",
	} {
		s.Refused(s.Admin(s.Token, "PUT", "apps/shop/quota", body), 422, at, "")
	}
	assert.Equal(t, wire.Quota{Limits: defaults}, do[wire.Quota](s, "PUT", "apps/shop/quota", `{}`, 200), "what is absent is as it was by default")

	admin := s.Member(app.ID, store.RoleAppAdmin)
	for _, token := range []string{s.Member(app.ID, store.RoleViewer), admin} {
		assert.Equal(t, 200, s.Admin(token, "GET", "apps/shop/quota", "").StatusCode, "a member reads")
		assert.Equal(t, 200, s.Admin(token, "GET", "apps/shop/usage", "").StatusCode)
		s.Refused(s.Admin(token, "PUT", "apps/shop/quota", `{}`), 403, "", "quota.manage")
	}
	s.App("other")
	s.Refused(s.Admin(admin, "GET", "apps/other/quota", ""), 404, "", "app not found")
}

// What an app uses is told beside its quota, with a warning from 80 % on, and more is refused.
func TestUsage(t *testing.T) {
	s := newSite(t)
	s.App("shop")
	usage := func() wire.Usage { return do[wire.Usage](s, "GET", "apps/shop/usage", nil, 200) }
	none := usage()
	assert.Equal(t, wire.Usage{
		Files: wire.Used{Quota: 3 * apitest.MaxFile}, Events: wire.Share{Quota: apitest.MaxPending}, Executions: wire.Share{Quota: apitest.MaxConcurrent / 2},
	}, none)
	do[wire.Quota](s, "PUT", "apps/shop/quota", `{"kv_bytes":100,"pending_events":4,"files_bytes":1000}`, 200)
	put := func(key string, size int) answer {
		return s.Admin(s.Token, "PUT", "apps/shop/kv/c/"+key, `{"value":"`+strings.Repeat("x", size-len(`""`))+`"}`)
	}
	require.Equal(t, 200, put("a", 78).StatusCode)
	assert.Equal(t, wire.Used{Bytes: 79, Quota: 100}, usage().KV)
	require.Equal(t, 200, put("b", 9).StatusCode)
	assert.Equal(t, wire.Used{Bytes: 89, Quota: 100, Warning: "89 % of the quota are used"}, usage().KV)
	p := s.Refused(put("c", 20), 507, "", "the kv entries of the app may have 100 bytes in all")
	assert.Equal(t, "quota_exceeded", p.Code)

	s.store("shop", "c", "f.txt", "text/plain", "hello")
	assert.Equal(t, wire.Used{Bytes: 5, Quota: 1000}, usage().Files)
	for range 4 {
		do[wire.EventMade](s, "POST", "apps/shop/queues/t/messages", `{"message":1}`, 202)
	}
	assert.Equal(t, wire.Share{Used: 4, Quota: 4, Warning: "100 % of the quota are used"}, usage().Events)
	s.Refused(s.Admin(s.Token, "POST", "apps/shop/queues/t/messages", `{"message":1}`), 507, "", "the app may have 4 pending events")
}

// An app that has had its processor time of a day is refused until an administrator allows more.
func TestCPUQuota(t *testing.T) {
	s := newSite(t)
	script := s.Deploy("/spin", `let n = 0; while n < 200000 { n += 1; } "done"`)
	app := script.AppID
	var usage wire.Usage
	require.Eventually(t, func() bool {
		assert.Equal(t, 200, s.Fetch("GET", "/spin", "").StatusCode)
		usage = do[wire.Usage](s, "GET", "apps/"+app+"/usage", nil, 200)
		return usage.CPU.Used >= 2
	}, 10*time.Second, 10*time.Millisecond, "what executions had is counted")
	do[wire.Quota](s, "PUT", "apps/"+app+"/quota", `{"cpu_ms_per_day":1}`, 200)
	got := s.Fetch("GET", "/spin", "")
	assert.Equal(t, 429, got.StatusCode, "%s", got.Content)
	wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
	require.NoError(t, err)
	assert.LessOrEqual(t, wait, 24*60*60)
	assert.Positive(t, wait)
	var refusal wire.ExecutionError
	require.NoError(t, json.Unmarshal(got.Content, &refusal))
	assert.EqualValues(t, "rate_limited", refusal.Error.Code)
	assert.Contains(t, refusal.Error.Message, "processor time")
	assert.NotEmpty(t, do[wire.Usage](s, "GET", "apps/"+app+"/usage", nil, 200).CPU.Warning)
	s.Refused(s.Admin(s.Token, "POST", "scripts/"+script.ID+"/run", `{}`), 429, "", "processor time")
	do[wire.Quota](s, "PUT", "apps/"+app+"/quota", `{}`, 200)
	assert.Equal(t, 200, s.Fetch("GET", "/spin", "").StatusCode)
}

var stateOf = regexp.MustCompile(`^"(\w+)";r=(\d+);t=(\d+)$`)

// A route's limit is counted by address, by a header or for all, told in each answer, and refuses more.
func TestRateLimit(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `"ok"`)
	limited := func(path, limit string) wire.Route {
		return do[wire.Route](s, "POST", "scripts/"+script.ID+"/routes", `{"path":"`+path+`","rate_limit":`+limit+`}`, 201)
	}
	route := limited("/address", `{"requests":2,"per_seconds":3600}`)
	assert.Equal(t, &wire.RateLimit{Requests: 2, PerSeconds: 3600, By: "address"}, route.RateLimit)
	for i, status := range []int{200, 200, 429, 429} {
		got := s.Fetch("GET", "/address", "")
		require.Equal(t, status, got.StatusCode)
		assert.Equal(t, `"route";q=2;w=3600`, got.Header.Get("RateLimit-Policy"))
		state := stateOf.FindStringSubmatch(got.Header.Get("RateLimit"))
		require.NotNil(t, state, got.Header.Get("RateLimit"))
		assert.Equal(t, []string{"route", fmt.Sprint(max(1-i, 0))}, state[1:3])
		if status == 429 {
			assert.Contains(t, []string{"1799", "1800"}, got.Header.Get("Retry-After"))
			assert.Contains(t, string(got.Content), `"code":"rate_limited","message":"to this route may be sent 2 requests in 3600 s`)
			assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
		}
	}
	limited("/header", `{"requests":1,"per_seconds":3600,"burst":2,"by":"header:X-Key"}`)
	for _, c := range []struct {
		key    string
		status int
	}{{"a", 200}, {"a", 200}, {"a", 429}, {"b", 200}, {"", 200}, {"", 200}, {"", 429}, {"b", 200}, {"b", 429}} {
		assert.Equal(t, c.status, s.Fetch("GET", "/header", "", "X-Key: "+c.key).StatusCode, "%+v", c)
	}
	whole := limited("/route", `{"requests":1,"per_seconds":3600,"by":"route"}`)
	assert.Equal(t, 200, s.Fetch("POST", "/route", "").StatusCode)
	assert.Equal(t, 429, s.Fetch("GET", "/route", "").StatusCode)
	kept := do[wire.Route](s, "PUT", "routes/"+whole.ID, `{"cors":{"origins":["*"]}}`, 200)
	assert.Equal(t, whole.RateLimit, kept.RateLimit, "absent, it stays")
	changed := do[wire.Route](s, "PUT", "routes/"+whole.ID, `{"rate_limit":{"requests":100}}`, 200)
	assert.Equal(t, &wire.RateLimit{Requests: 100, PerSeconds: 1, By: "address"}, changed.RateLimit)
	assert.Equal(t, 200, s.Fetch("GET", "/route", "").StatusCode)
	gone := do[wire.Route](s, "PUT", "routes/"+whole.ID, `{"rate_limit":{"requests":0}}`, 200)
	assert.Nil(t, gone.RateLimit)
	got := s.Fetch("GET", "/route", "")
	assert.Equal(t, 200, got.StatusCode)
	assert.Empty(t, got.Header.Get("RateLimit"), "nothing is told where nothing is limited")
	for body, at := range map[string]string{
		`{"requests":1,"by":"cookie"}`: "by", `{"requests":1,"by":"header:"}`: "by", `{"requests":-1}`: "requests",
		`{"requests":1,"per_seconds":86401}`: "per_seconds", `{}`: "requests", `{"requests":1,"window":5}`: "window",
	} {
		s.Refused(s.Admin(s.Token, "POST", "scripts/"+script.ID+"/routes", `{"path":"/x","rate_limit":`+body+`}`), 422, "body.rate_limit."+at, "")
	}
	assert.Contains(t, string(s.Fetch("GET", "/metrics", "").Content), `picloud_requests_limited_total{limit="route"} 6`)
}

// An app's rate counts what its routes and the execute endpoint answer, and no other app's.
func TestRequestsPerSecond(t *testing.T) {
	s := newSite(t)
	s.App("busy")
	script := s.Script("busy", "s", `"ok"`)
	s.Route(script, "", "/busy")
	s.App("calm")
	s.Route(s.Script("calm", "s", `"ok"`), "", "/calm")
	do[wire.Quota](s, "PUT", "apps/busy/quota", `{"requests_per_second":1,"request_burst":3}`, 200)
	refused := 0
	for i := range 6 {
		path := map[bool]string{true: "/busy", false: "/api/v1/execute/" + script.ID}[i%2 == 0]
		got := s.Fetch("GET", path, "", "Authorization: Bearer "+s.Token)
		assert.Equal(t, `"app";q=3;w=3`, got.Header.Get("RateLimit-Policy"))
		if got.StatusCode == 429 {
			refused++
			assert.Equal(t, "1", got.Header.Get("Retry-After"))
		}
	}
	assert.GreaterOrEqual(t, refused, 1)
	assert.LessOrEqual(t, refused, 3)
	assert.Equal(t, 200, s.Fetch("GET", "/calm", "").StatusCode)
	usage := do[wire.Usage](s, "GET", "apps/busy/usage", nil, 200)
	assert.EqualValues(t, 3, usage.Requests.Quota)
	assert.Positive(t, usage.Requests.Used)
}

// An app has as many executions at once as an administrator says.
func TestExecutionsQuota(t *testing.T) {
	s := newSite(t)
	s.App("app")
	script := s.Script("app", "s", `let n = 0; loop { n += 1; if n > 40000000 { break; } }`)
	do[wire.Script](s, "PUT", "scripts/"+script.ID, `{"limits":{"max_operations":100000000,"timeout_ms":3000}}`, 200)
	s.Route(script, "", "/slow")
	do[wire.Quota](s, "PUT", "apps/app/quota", `{"executions":1}`, 200)
	done := make(chan int)
	go func() { done <- s.Fetch("GET", "/slow", "").StatusCode }()
	require.Eventually(t, func() bool {
		return do[wire.Usage](s, "GET", "apps/app/usage", nil, 200).Executions.Used == 1
	}, 5*time.Second, time.Millisecond)
	got := s.Fetch("GET", "/slow", "")
	assert.Equal(t, 503, got.StatusCode)
	assert.Equal(t, "1", got.Header.Get("Retry-After"))
	<-done
	assert.Equal(t, wire.Share{Quota: 1}, do[wire.Usage](s, "GET", "apps/app/usage", nil, 200).Executions)
}
