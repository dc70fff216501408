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

	for _, c := range []struct{ name, source, body string }{
		{"a value", `invoke("double", #{n: 21})`, `{"n":42,"type":"invoke"}`},
		{"eight deep, with two places at the gate", `invoke("deep", 7)`, `7`},
		{"nine deep", `let r = (); try { r = invoke("deep", 8); } catch (e) { r = e.code; } r`, `failed`},
		{"a failure", `let r = (); try { r = invoke("fails"); } catch (e) { r = e.code; } r`, `failed`},
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
