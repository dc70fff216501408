package executions

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// kept is the entry k of the collection c, "" if there is none.
func (a *archive) kept() string {
	a.t.Helper()
	page, err := a.KV().List(context.Background(), a.script.AppID, "c", "k", store.PageRequest{})
	require.NoError(a.t, err)
	if len(page.Items) == 0 {
		return ""
	}
	return string(page.Items[0].Value)
}

// runCapable runs the archive's script with all that executions of its app may do.
func (a *archive) runCapable(s *Service) *Outcome {
	a.t.Helper()
	out, err := s.Run(context.Background(), Invocation{
		ScriptID: a.script.ID, Type: abi.InvocationHTTP, Request: &abi.Request{Method: "GET", Path: "/"}, Capabilities: authz.AppExecution,
	})
	require.NoError(a.t, err)
	return out
}

// Executions at the same time that read, add and write lose nothing.
func TestTransactionsCount(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	a.upload(s, `transaction(|| {
		let c = kv::collection("c");
		let n = c.get("k") ?? 0;
		c.set("k", n + 1);
		n
	})`)
	var wait sync.WaitGroup
	for range 2 { // as many as the app may have at once
		wait.Go(func() {
			for range 10 {
				if out := a.runCapable(s); out.Error != nil {
					t.Error(out.Error)
				}
			}
		})
	}
	wait.Wait()
	assert.Equal(t, "20", a.kept())
}

// However a transaction ends, it is kept as a whole or not at all, and others can write afterwards.
func TestTransactionsEnd(t *testing.T) {
	const set = `let c = kv::collection("c"); fn spin(seconds) { let t = timestamp(); while t.elapsed < seconds {} } `
	for name, test := range map[string]struct {
		script  string
		limits  abi.Limits
		body    string        // of the response
		outcome abi.ErrorCode // "": it has none
		kept    string
	}{
		"its value":           {set + `"v" + transaction(|| { c.set("k", 1); docs::collection("d").create(#{a: 1}); c.incr("k", 1) })`, abi.Limits{}, "v2", "", "2"},
		"an error":            {set + `transaction(|| { c.set("k", 1); throw "no" })`, abi.Limits{}, "", abi.CodeScriptError, ""},
		"one that is caught":  {set + `let r = ""; try { transaction(|| { c.set("k", 1); throw "no" }) } catch (e) { r = e; } r`, abi.Limits{}, "no", "", ""},
		"exit":                {set + `transaction(|| { c.set("k", 1); exit("bye") }); "no"`, abi.Limits{}, "bye", "", "1"},
		"operations":          {set + `transaction(|| { c.set("k", 1); loop {} })`, abi.Limits{MaxOperations: 10_000}, "", abi.CodeLimitExceeded, ""},
		"memory":              {set + `transaction(|| { c.set("k", 1); let a = []; loop { a.push([1, 2, 3, 4, 5, 6, 7, 8]); } })`, abi.Limits{MemoryMB: 2}, "", abi.CodeLimitExceeded, ""},
		"the script's time":   {set + `transaction(|| { c.set("k", 1); loop {} })`, abi.Limits{TimeoutMS: 100, MaxOperations: 100_000_000}, "", abi.CodeTimeout, ""},
		"the database's time": {set + `let r = ""; try { transaction(|| { c.set("k", 1); spin(1.1); c.get("k") }) } catch (e) { r = e.code + " " + e.message } r`, abi.Limits{MaxOperations: 100_000_000}, "timeout kv.get: the transaction has not ended within 1000 ms", "", ""},
		"at the commit":       {set + `let r = ""; try { transaction(|| { c.set("k", 1); spin(1.1); }) } catch (e) { r = e.message } r`, abi.Limits{MaxOperations: 100_000_000}, "transaction.commit: the transaction has not ended within 1000 ms", "", ""},
		"nested":              {set + `let r = ""; try { transaction(|| { c.set("k", 1); transaction(|| 1) }) } catch (e) { r = e.message } r`, abi.Limits{}, "transaction.begin: there is a transaction already: they do not nest", "", ""},
		"sleep":               {set + `let r = ""; transaction(|| { c.set("k", 1); try { sleep(60) } catch (e) { r = e.code + " " + e.operation } }); r`, abi.Limits{}, "invalid clock.sleep", "", "1"},
		"invoke":              {set + `transaction(|| { c.set("k", 1); invoke("s") })`, abi.Limits{}, "", abi.CodeScriptError, ""},
		"a stream":            {set + `#{statusCode: 200, stream: |out| { transaction(|| { c.set("k", 1); out.write("x") }) }}`, abi.Limits{}, "", abi.CodeScriptError, ""},
		"within a stream":     {set + `#{statusCode: 200, stream: |out| { out.write(transaction(|| c.incr("k", 5))) }}`, abi.Limits{}, "5", "", "5"},
		"one after the other": {set + `fn f(c) { transaction(|| c.incr("k", 1)) } f(c) + f(c)`, abi.Limits{}, "3", "", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			s := newService(t, a)
			_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Limits: &test.limits})
			require.NoError(t, err)
			a.upload(s, test.script)
			out := a.runCapable(s)
			if test.outcome == "" {
				require.Nil(t, out.Error)
				assert.Equal(t, test.body, string(out.Response.Body))
			} else if assert.NotNil(t, out.Error) {
				assert.Equal(t, test.outcome, out.Error.Code, out.Error.Message)
			}
			assert.Equal(t, test.kept, a.kept())
			_, err = a.KV().Set(t.Context(), a.script.AppID, "other", store.KVEntry{Key: "k", Value: []byte(`1`)}, false)
			require.NoError(t, err)
		})
	}
}
