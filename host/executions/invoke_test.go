package executions

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// add makes another script of an app.
func (a *archive) add(appID, name, source string) {
	a.t.Helper()
	_, err := a.Scripts().Create(context.Background(), store.Script{
		AppID: appID, Name: name, Kind: abi.KindEndpoint, Source: source,
	})
	require.NoError(a.t, err)
}

func TestInvoke(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	other, err := a.Apps().Create(context.Background(), store.App{Slug: "other", Name: "other"})
	require.NoError(t, err)
	app := a.script.AppID
	a.add(other.ID, "theirs", `"secret"`)
	a.add(app, "double", `#{ n: ctx.args.n * 2, type: ctx.invocation_type }`)
	a.add(app, "deep", `if ctx.args == 0 { 0 } else { 1 + invoke("deep", ctx.args - 1) }`)

	a.add(app, "fails", `throw "boom"`)
	a.add(app, "spins", `loop {}`)
	_, err = a.Scripts().Create(context.Background(), store.Script{
		AppID: app, Name: "writes", Kind: abi.KindEndpoint, Source: `kv::collection("c").set("k", 1)`, ReadOnly: true,
	})
	require.NoError(t, err)

	for _, c := range []struct{ name, source, body string }{
		{"a value", `invoke("double", #{n: 21})`, `{"n":42,"type":"invoke"}`},
		{"eight deep, with two places at the gate", `invoke("deep", 7)`, `7`},
		{"nine deep", `let r = (); try { r = invoke("deep", 8); } catch (e) { r = e.code; } r`, `failed`},
		{"a failure", `let r = (); try { r = invoke("fails"); } catch (e) { r = e.code; } r`, `failed`},
		{"its limit", `let r = (); try { r = invoke("spins"); } catch (e) { r = e.code; } r`, `limit_exceeded`},
		{"a read-only callee", `let r = (); try { r = invoke("writes"); } catch (e) { r = e.message; } r.contains("AppKvWrite")`, `true`},
		{"of another app", `let r = (); try { r = invoke("theirs"); } catch (e) { r = e.message; } r`, `invoke "theirs": the app has no endpoint or plugin of this name`},
		{"of no app", `let r = (); try { r = invoke("nobody"); } catch (e) { r = e.message; } r`, `invoke "nobody": the app has no endpoint or plugin of this name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.upload(s, c.source)
			out, err := s.Run(context.Background(), Invocation{
				ScriptID: a.script.ID, Type: abi.InvocationHTTP, RequestID: "request-1", Capabilities: authz.AppExecution,
				Request: &abi.Request{Method: "GET", Path: "/"},
			})
			require.NoError(t, err)
			require.Nil(t, out.Error)
			assert.Equal(t, c.body, string(out.Response.Body))
		})
	}
}

// TestInvokeEndsWithItsCaller: the time that counts is the caller's, and the callee is
// recorded as an execution of its own.
func TestInvokeEndsWithItsCaller(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	sleeps, err := a.Scripts().Create(context.Background(), store.Script{
		AppID: a.script.AppID, Name: "sleeps", Kind: abi.KindEndpoint, Source: `sleep(60)`, Limits: abi.Limits{TimeoutMS: 60_000},
	})
	require.NoError(t, err)
	_, err = a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Limits: &abi.Limits{TimeoutMS: 200}})
	require.NoError(t, err)
	a.upload(s, `let r = (); try { r = invoke("sleeps"); } catch { r = 1; } r`)
	out := a.run(s)
	require.NotNil(t, out.Error, "the end cannot be caught")
	assert.Equal(t, abi.CodeTimeout, out.Error.Code, out.Error.Message)

	require.NoError(t, s.Flush(context.Background()))
	page, err := a.Executions().List(context.Background(), store.ExecutionQuery{AppID: sleeps.AppID, ScriptID: sleeps.ID})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	callee := page.Items[0]
	assert.Equal(t, abi.InvocationInvoke, callee.InvocationType)
	assert.Equal(t, "request-1", callee.RequestID)
	assert.Equal(t, abi.CodeCancelled, callee.Outcome)
}
