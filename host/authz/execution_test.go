package authz

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// What each operation of the contract asks of whoever starts the execution.
const (
	free   = "" // nothing
	read   = "read"
	write  = "write"
	fetch  = "http"
	secret = "secret"
)

// The table of operations is written out here, so that a new operation, or a changed capability, is
// a decision seen in a diff.
var operationNeeds = map[string]string{
	"yield": free, "log.write": free, "clock.monotonic": free, "clock.sleep": free, "time.zone": free,
	"kv.get": read, "kv.has": read, "kv.list": read,
	"kv.set": write, "kv.delete": write, "kv.incr": write, "kv.compare_and_set": write,
	"docs.get": read, "docs.find": read, "docs.count": read, "docs.indexes": read,
	"docs.create": write, "docs.update": write, "docs.patch": write, "docs.delete": write, "docs.index": write,
	"files.head": read, "files.get": read, "files.list": read,
	"files.create": write, "files.update": write, "files.delete": write,
	"http.request": fetch, "request.save_file": write, "stream.start": free, "stream.write": free, "stream.event": free,
	"crypto.verify": free, "crypto.hash_password": free, "crypto.verify_password": free,
	"jwt.sign": free, "jwt.verify": free, "gzip.compress": free, "gzip.decompress": free,
	"transaction.begin": free, "transaction.commit": free, "transaction.rollback": free, // what is done in it needs its own
	"invoke": free, "invoke_async": free, // what is invoked has the capabilities of its caller
	"queue.push": write, "pubsub.publish": write, "pubsub.token": write,
	"secrets.get": secret, "secrets.has": secret, "secrets.list": secret,
	"dead_letters.list": read, "dead_letters.get": read, "dead_letters.replay": write, "dead_letters.resolve": write,
}

func TestExecutionsOfCallers(t *testing.T) {
	h := newHouse(t)
	everything := []string{free, read, write, fetch, secret}
	for _, c := range []struct {
		user   string
		scopes []Scope // of an API key; nil: a session
		other  bool    // in an app of which the user is no member
		may    []string
	}{
		{user: "owner", may: everything},
		{user: "owner", other: true, may: everything},
		{user: "admin", other: true, may: everything},
		{user: "ann", may: everything},
		{user: "ann", other: true, may: []string{free}},
		{user: "ed", may: everything},
		{user: "vi", may: []string{free, read}},
		{user: "stranger", may: []string{free}},

		{user: "owner", scopes: []Scope{ScopeScriptRead}, may: []string{free}},
		{user: "owner", scopes: []Scope{ScopeScriptWrite}, may: everything},
		{user: "owner", scopes: []Scope{ScopeRouteWrite, ScopeLogRead, ScopeDomainManage}, may: []string{free}},
		{user: "owner", scopes: []Scope{ScopeAppAdmin}, may: everything},
		{user: "owner", scopes: []Scope{ScopeInstanceAdmin}, may: []string{free}},
		{user: "ed", scopes: []Scope{ScopeScriptRead}, may: []string{free}},
		{user: "ed", scopes: []Scope{ScopeScriptWrite}, may: everything},
		{user: "ed", scopes: []Scope{ScopeScriptWrite}, other: true, may: []string{free}},
		{user: "ed", scopes: []Scope{ScopeAppAdmin}, may: everything},
		{user: "vi", scopes: []Scope{ScopeScriptWrite}, may: []string{free, read}},
		{user: "vi", scopes: []Scope{ScopeAppAdmin}, may: []string{free, read}},
		{user: "vi", scopes: []Scope{ScopeLogRead}, may: []string{free}},
	} {
		p := &Principal{User: h.users[c.user]}
		if c.scopes != nil {
			p.Key = &store.APIKey{}
			for _, scope := range c.scopes {
				p.Key.Scopes = append(p.Key.Scopes, string(scope))
			}
		}
		app := h.app
		if c.other {
			app = h.other
		}
		has, err := h.Execution(context.Background(), p, app.ID)
		require.NoError(t, err)
		for _, row := range abi.Operations {
			needs, known := operationNeeds[row.Name]
			require.True(t, known, "%s is not in the table", row.Name)
			may := row.Capability == "" || slices.Contains(has, row.Capability)
			assert.Equal(t, slices.Contains(c.may, needs), may, "%s of %s with scopes %v, another app: %v", row.Name, c.user, c.scopes, c.other)
		}
	}
}

func TestKeyOfOneAppLendsNothingInAnother(t *testing.T) {
	h := newHouse(t)
	p := &Principal{User: h.users["owner"], Key: &store.APIKey{AppID: h.app.ID, Scopes: []string{string(ScopeAppAdmin)}}}
	here, err := h.Execution(context.Background(), p, h.app.ID)
	require.NoError(t, err)
	assert.ElementsMatch(t, AppExecution, here)
	there, err := h.Execution(context.Background(), p, h.other.ID)
	require.NoError(t, err)
	assert.Empty(t, there)
}

func TestExecutionsOfApps(t *testing.T) {
	reading := ReadOnly(AppExecution)
	for _, row := range abi.Operations {
		if row.Capability != "" {
			assert.Contains(t, AppExecution, row.Capability, row.Name)
			assert.Equal(t, operationNeeds[row.Name] == read || operationNeeds[row.Name] == secret, slices.Contains(reading, row.Capability), "%s of a read-only script", row.Name)
		}
	}
	assert.Empty(t, ReadOnly(nil), "a read-only script gains nothing")
	assert.Equal(t, []abi.Capability{abi.AppKVRead}, ReadOnly([]abi.Capability{abi.AppKVWrite, abi.AppKVRead, abi.AppHTTPRequest}))
}
