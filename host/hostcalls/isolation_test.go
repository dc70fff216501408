//go:build unix

package hostcalls

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// onBothDatabases runs a test with the services on either database.
func onBothDatabases(t *testing.T, test func(t *testing.T, db store.Store, d *Dispatcher)) {
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
		},
		"postgres": func(t *testing.T) (store.Store, error) {
			return postgres.Open(context.Background(), postgres.Config{URL: pgtest.URL(t)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := open(t)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			stored, err := files.New(files.Config{Store: db.Files(), Root: t.TempDir()})
			require.NoError(t, err)
			kept, err := secrets.New(t.Context(), secrets.Config{Store: db.Secrets(), Factors: db.SecondFactors(), File: filepath.Join(t.TempDir(), secrets.FileName)})
			require.NoError(t, err)
			test(t, db, New(Config{Services: Services{
				KV: kv.New(kv.Config{Store: db.KV()}), Docs: docs.New(docs.Config{Store: db.Docs()}), Files: stored,
				Transactions: db, Secrets: kept,
			}}))
		})
	}
}

// guest is an app that calls operations.
type guest struct {
	t     *testing.T
	d     *Dispatcher
	scope *Scope
}

func newGuest(t *testing.T, db store.Store, d *Dispatcher, slug string) guest {
	t.Helper()
	app, err := db.Apps().Create(context.Background(), store.App{Slug: slug, Name: slug})
	require.NoError(t, err)
	scope := newScope()
	scope.AppID, scope.Capabilities = app.ID, allCapabilities()
	return guest{t, d, scope}
}

func allCapabilities() (all []abi.Capability) {
	for _, row := range abi.Operations {
		all = append(all, row.Capability)
	}
	return all
}

// call performs an operation and shows what the guest gets, as text.
func (g guest) call(op abi.Op, request msgp.Marshaler) string {
	g.t.Helper()
	encoded, err := request.MarshalMsg(nil)
	require.NoError(g.t, err)
	response, err := g.d.Perform(context.Background(), g.scope, op, encoded)
	var refused *abi.OpError
	if errors.As(err, &refused) {
		return fmt.Sprintf("%s: %s", refused.Code, refused.Message)
	}
	require.NoError(g.t, err)
	if len(response) == 0 { // of an operation that has none
		return ""
	}
	text, err := abi.AppendJSON(nil, response)
	require.NoError(g.t, err)
	return string(text)
}

func value(t *testing.T, json string) msgp.Raw {
	t.Helper()
	v, err := abi.AppendFromJSON(nil, []byte(json))
	require.NoError(t, err)
	return v
}

// What an app gets that guesses what another has is what it gets for what
// nobody has, for every operation; and what the other has stays as it was.
func TestAppsAreIsolated(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store, d *Dispatcher) {
		owner, guesser := newGuest(t, db, d, "owner"), newGuest(t, db, d, "guesser")
		owner.call(abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "k", Value: value(t, `"secret"`)})
		owner.call(abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: "n", Value: value(t, `41`)})
		var doc abi.DocsCreateResponse
		var file abi.FilesInfoResponse
		owner.decode(&doc, abi.OpDocsCreate, &abi.DocsCreateRequest{Collection: "c", Data: value(t, `{"s":"secret"}`)})
		owner.decode(&file, abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", Name: "f", ContentType: "text/plain", Data: new([]byte("secret"))})
		owner.call(abi.OpDocsIndex, &abi.DocsIndexRequest{Collection: "c", Path: "secret"})
		_, err := d.secrets.Set(t.Context(), owner.scope.AppID, "k", "secret")
		require.NoError(t, err)
		// The service of events has this test of itself; here it is told whose app it is.
		service := &asked{letters: []store.DeadLetter{{ID: "01a20970-f805-7922-8ded-6d329840dbfd", AppID: owner.scope.AppID, LastError: "secret"}}}
		for op, handler := range eventsHandlers(service) {
			d.handlers[op] = handler
		}

		const none = "01a20970-f805-7922-8ded-6d329840dbfc"
		// request makes the same request of what is there and of what is not.
		type names struct{ collection, key, doc, file, letter string }
		theirs, nobodys := names{"c", "k", doc.ID, file.File.ID, service.letters[0].ID}, names{"c", "none", none, none, none}
		elsewhere := names{"none", "k", doc.ID, file.File.ID, none} // ids that exist, in another collection
		guesses := []struct {
			op      abi.Op
			request func(n names) msgp.Marshaler
		}{
			{abi.OpKVGet, func(n names) msgp.Marshaler { return &abi.KVGetRequest{Collection: n.collection, Key: n.key} }},
			{abi.OpKVHas, func(n names) msgp.Marshaler { return &abi.KVGetRequest{Collection: n.collection, Key: n.key} }},
			{abi.OpKVDelete, func(n names) msgp.Marshaler { return &abi.KVGetRequest{Collection: n.collection, Key: n.key} }},
			{abi.OpKVList, func(n names) msgp.Marshaler { return &abi.KVListRequest{Collection: n.collection} }},
			{abi.OpKVCompareAndSet, func(n names) msgp.Marshaler {
				return &abi.KVCompareAndSetRequest{Collection: n.collection, Key: n.key, Old: value(t, `"secret"`), New: value(t, `1`)}
			}},
			{abi.OpDocsGet, func(n names) msgp.Marshaler { return &abi.DocsGetRequest{Collection: n.collection, ID: n.doc} }},
			{abi.OpDocsFind, func(n names) msgp.Marshaler {
				return &abi.DocsFindRequest{Collection: n.collection, Filter: value(t, `{"s":"secret"}`)}
			}},
			{abi.OpDocsCount, func(n names) msgp.Marshaler { return &abi.DocsFindRequest{Collection: n.collection} }},
			{abi.OpDocsUpdate, func(n names) msgp.Marshaler {
				return &abi.DocsUpdateRequest{Collection: n.collection, ID: n.doc, Data: value(t, `{}`)}
			}},
			{abi.OpDocsUpdate, func(n names) msgp.Marshaler {
				return &abi.DocsUpdateRequest{Collection: n.collection, ID: n.doc, Data: value(t, `{}`), IfVersion: new(int64(9))}
			}},
			{abi.OpDocsPatch, func(n names) msgp.Marshaler {
				return &abi.DocsUpdateRequest{Collection: n.collection, ID: n.doc, Data: value(t, `{}`)}
			}},
			{abi.OpDocsDelete, func(n names) msgp.Marshaler { return &abi.DocsGetRequest{Collection: n.collection, ID: n.doc} }},
			{abi.OpDocsIndexes, func(n names) msgp.Marshaler { return &abi.DocsIndexesRequest{Collection: n.collection} }},
			{abi.OpFilesHead, func(n names) msgp.Marshaler { return &abi.FilesGetRequest{Collection: n.collection, ID: n.file} }},
			{abi.OpFilesGet, func(n names) msgp.Marshaler { return &abi.FilesReadRequest{Collection: n.collection, ID: n.file} }},
			{abi.OpFilesList, func(n names) msgp.Marshaler { return &abi.FilesListRequest{Collection: n.collection} }},
			{abi.OpFilesUpdate, func(n names) msgp.Marshaler {
				return &abi.FilesUpdateRequest{Collection: n.collection, ID: n.file, Name: new("x"), Data: new([]byte("x"))}
			}},
			{abi.OpFilesDelete, func(n names) msgp.Marshaler { return &abi.FilesGetRequest{Collection: n.collection, ID: n.file} }},
			// These make something, in the guesser's own app. They come last.
			{abi.OpKVIncr, func(n names) msgp.Marshaler {
				return &abi.KVIncrRequest{Collection: n.collection, Key: "n" + n.collection + n.key, By: 1}
			}},
			{abi.OpKVSet, func(n names) msgp.Marshaler {
				return &abi.KVSetRequest{Collection: n.collection, Key: n.key, Value: value(t, `1`), IfAbsent: true}
			}},
			{abi.OpDocsIndex, func(n names) msgp.Marshaler {
				return &abi.DocsIndexRequest{Collection: n.collection, Path: "s"}
			}},
			{abi.OpDeadLettersList, func(names) msgp.Marshaler { return &abi.DeadLettersListRequest{} }},
			{abi.OpDeadLettersGet, func(n names) msgp.Marshaler { return &abi.DeadLettersGetRequest{ID: n.letter} }},
			{abi.OpDeadLettersReplay, func(n names) msgp.Marshaler { return &abi.DeadLettersGetRequest{ID: n.letter} }},
			{abi.OpDeadLettersResolve, func(n names) msgp.Marshaler { return &abi.DeadLettersResolveRequest{ID: n.letter, As: "ignored"} }},
			{abi.OpQueuePush, func(n names) msgp.Marshaler {
				return &abi.QueuePushRequest{Topic: "topic", Messages: []abi.QueueMessage{{Key: n.key}}}
			}},
			{abi.OpPubSubToken, func(n names) msgp.Marshaler { return &abi.PubSubTokenRequest{Topic: n.key, TTLMillis: 1000} }},
			{abi.OpPubSubPublish, func(n names) msgp.Marshaler { return &abi.PubSubPublishRequest{Topic: n.key} }},
			{abi.OpInvokeAsync, func(n names) msgp.Marshaler { return &abi.InvokeAsyncRequest{Name: n.key} }},
			{abi.OpSecretsGet, func(n names) msgp.Marshaler { return &abi.SecretsGetRequest{Name: n.key} }},
			{abi.OpSecretsHas, func(n names) msgp.Marshaler { return &abi.SecretsGetRequest{Name: n.key} }},
			{abi.OpSecretsList, func(names) msgp.Marshaler { return &abi.SecretsListRequest{} }},
			{abi.OpDocsCreate, nil},
			{abi.OpFilesCreate, nil},
			{abi.OpRequestSaveFile, nil}, // of the execution's own request
		}
		tried := map[abi.Op]bool{
			// What touches no data of apps.
			abi.OpYield: true, abi.OpLogWrite: true, abi.OpClockMonotonic: true, abi.OpClockSleep: true, abi.OpTimeZone: true, abi.OpHTTPRequest: true,
			abi.OpCryptoVerify: true, abi.OpCryptoHashPassword: true, abi.OpCryptoVerifyPassword: true,
			abi.OpJWTSign: true, abi.OpJWTVerify: true, abi.OpGzipCompress: true, abi.OpGzipDecompress: true,
			// Which are about what others do.
			abi.OpTransactionBegin: true, abi.OpTransactionCommit: true, abi.OpTransactionRollback: true,
			// Whose names are those of package executions, which has this test of it.
			abi.OpInvoke: true,
			// What goes to the execution's own client.
			abi.OpStreamStart: true, abi.OpStreamWrite: true, abi.OpStreamEvent: true,
		}
		for _, g := range guesses {
			tried[g.op] = true
			if g.request == nil { // its ids are the server's: there is nothing to guess
				continue
			}
			row, _ := abi.Lookup(g.op)
			want := guesser.call(g.op, g.request(nobodys))
			assert.Equal(t, want, guesser.call(g.op, g.request(theirs)), row.Name)
			assert.Equal(t, want, guesser.call(g.op, g.request(elsewhere)), row.Name)
			assert.NotContains(t, want, "secret", row.Name)
		}
		for _, row := range abi.Operations {
			assert.True(t, tried[row.Op], "%s is not tried", row.Name)
		}
		guesser.call(abi.OpKVIncr, &abi.KVIncrRequest{Collection: "c", Key: "n", By: 1})
		for _, call := range service.calls {
			assert.Contains(t, call, guesser.scope.AppID)
			assert.NotContains(t, call, owner.scope.AppID)
		}

		assert.Equal(t, `{"found":true,"value":"secret"}`, owner.call(abi.OpKVGet, &abi.KVGetRequest{Collection: "c", Key: "k"}))
		assert.Equal(t, `{"found":true,"value":41}`, owner.call(abi.OpKVGet, &abi.KVGetRequest{Collection: "c", Key: "n"}))
		var same abi.DocsGetResponse
		owner.decode(&same, abi.OpDocsGet, &abi.DocsGetRequest{Collection: "c", ID: doc.ID})
		assert.EqualValues(t, 1, same.Document.Version)
		var content abi.FilesGetResponse
		owner.decode(&content, abi.OpFilesGet, &abi.FilesReadRequest{Collection: "c", ID: file.File.ID})
		assert.Equal(t, "secret", string(content.Data))
		assert.Equal(t, `{"count":1}`, owner.call(abi.OpDocsCount, &abi.DocsFindRequest{Collection: "c"}))
	})
}

// decode performs an operation that must succeed.
func (g guest) decode(response msgp.Unmarshaler, op abi.Op, request msgp.Marshaler) {
	g.t.Helper()
	encoded, err := request.MarshalMsg(nil)
	require.NoError(g.t, err)
	answer, err := g.d.Perform(context.Background(), g.scope, op, encoded)
	require.NoError(g.t, err)
	_, err = response.UnmarshalMsg(answer)
	require.NoError(g.t, err)
}
