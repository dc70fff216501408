package hostcalls

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// docsGuest is an execution of an app that calls docs.
type docsGuest struct{ Performer }

// newDocsGuests makes executions of apps of one store.
func newDocsGuests(t *testing.T, n int) []docsGuest {
	t.Helper()
	opened, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	d := New(Config{Services: Services{Docs: docs.New(docs.Config{Store: opened.Docs()})}})
	guests := make([]docsGuest, n)
	for i := range guests {
		app, err := opened.Apps().Create(t.Context(), store.App{Slug: string(rune('a' + i))})
		require.NoError(t, err)
		guests[i] = docsGuest{Performer{d, &Scope{AppID: app.ID, Capabilities: []abi.Capability{abi.AppDocsRead, abi.AppDocsWrite}, Log: &Log{}, Started: time.Now(), Now: time.Now}}}
	}
	return guests
}

func (g docsGuest) call(t *testing.T, op abi.Op, request msgp.Marshaler, response msgp.Unmarshaler) error {
	t.Helper()
	encoded, err := request.MarshalMsg(nil)
	require.NoError(t, err)
	answer, err := g.Perform(t.Context(), op, encoded)
	if err != nil {
		return err
	}
	rest, err := response.UnmarshalMsg(answer)
	require.NoError(t, err)
	require.Empty(t, rest)
	return nil
}

func (g docsGuest) create(t *testing.T, data string) string {
	t.Helper()
	var response abi.DocsCreateResponse
	require.NoError(t, g.call(t, abi.OpDocsCreate, &abi.DocsCreateRequest{Collection: "c", Data: fromJSON(t, data)}, &response))
	return response.ID
}

func fromJSON(t *testing.T, text string) msgp.Raw {
	t.Helper()
	raw, err := abi.AppendFromJSON(nil, []byte(text))
	require.NoError(t, err)
	return raw
}

func TestDocsOperations(t *testing.T) {
	guest := newDocsGuests(t, 1)[0]
	id := guest.create(t, `{"n": 9223372036854775807, "blob": {"$blob": "AAE="}, "unit": null, "float": 1.0}`)

	var got abi.DocsGetResponse
	require.NoError(t, guest.call(t, abi.OpDocsGet, &abi.DocsGetRequest{Collection: "c", ID: id}, &got))
	require.Equal(t, fromJSON(t, `{"n": 9223372036854775807, "blob": {"$blob": "AAE="}, "unit": null, "float": 1.0}`), got.Document.Data)
	require.Equal(t, int64(1), got.Document.Version)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, got.Document.CreatedAt)
	require.Equal(t, got.Document.CreatedAt, got.Document.UpdatedAt)

	var updated abi.DocsUpdateResponse
	require.NoError(t, guest.call(t, abi.OpDocsUpdate, &abi.DocsUpdateRequest{Collection: "c", ID: id, Data: fromJSON(t, `{"a": 1, "b": 2}`), IfVersion: new(int64(1))}, &updated))
	require.Equal(t, int64(2), updated.Document.Version)
	require.Greater(t, updated.Document.UpdatedAt, got.Document.UpdatedAt)
	require.NoError(t, guest.call(t, abi.OpDocsPatch, &abi.DocsUpdateRequest{Collection: "c", ID: id, Data: fromJSON(t, `{"a": null}`)}, &updated))
	require.Equal(t, fromJSON(t, `{"b": 2}`), updated.Document.Data)

	other := guest.create(t, `{"b": 3}`)
	var found abi.DocsFindResponse
	require.NoError(t, guest.call(t, abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `{"b": {"$gt": 1}}`), Sort: fromJSON(t, `{"b": -1}`), Limit: 1}, &found))
	require.Len(t, found.Items, 1)
	require.Equal(t, other, found.Items[0].ID)
	require.NoError(t, guest.call(t, abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `{"b": {"$gt": 1}}`), Sort: fromJSON(t, `{"b": -1}`), Limit: 1, Cursor: found.Cursor}, &found))
	require.Equal(t, updated.Document, found.Items[0])
	require.Empty(t, found.Cursor)

	var count abi.DocsCountResponse
	require.NoError(t, guest.call(t, abi.OpDocsCount, &abi.DocsFindRequest{Collection: "c"}, &count))
	require.Equal(t, int64(2), count.Count)
	require.NoError(t, guest.call(t, abi.OpDocsCount, &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `{"b": 3}`)}, &count))
	require.Equal(t, int64(1), count.Count)

	var explained abi.DocsFindResponse
	require.NoError(t, guest.call(t, abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Sort: fromJSON(t, `{"b": -1}`), Explain: true}, &explained))
	require.Equal(t, abi.DocsFindResponse{Explain: &abi.DocsExplained{Plan: "all", Looked: 2}}, explained)
	var index abi.DocsIndexResponse
	for range 2 {
		require.NoError(t, guest.call(t, abi.OpDocsIndex, &abi.DocsIndexRequest{Collection: "c", Path: "b"}, &index))
		require.Equal(t, abi.DocsIndex{Path: "b", State: "building"}, index.Index)
	}
	var indexes abi.DocsIndexesResponse
	require.NoError(t, guest.call(t, abi.OpDocsIndexes, &abi.DocsIndexesRequest{Collection: "c"}, &indexes))
	require.Equal(t, []abi.DocsIndex{index.Index}, indexes.Items)
	require.NoError(t, guest.call(t, abi.OpDocsIndexes, &abi.DocsIndexesRequest{Collection: "d"}, &indexes))
	require.Empty(t, indexes.Items)

	var deleted abi.DocsDeleteResponse
	for _, there := range []bool{true, false} {
		require.NoError(t, guest.call(t, abi.OpDocsDelete, &abi.DocsGetRequest{Collection: "c", ID: id}, &deleted))
		require.Equal(t, there, deleted.Found)
	}
	got = abi.DocsGetResponse{}
	require.NoError(t, guest.call(t, abi.OpDocsGet, &abi.DocsGetRequest{Collection: "c", ID: id}, &got))
	require.Nil(t, got.Document)
}

func TestDocsRefusals(t *testing.T) {
	guest := newDocsGuests(t, 1)[0]
	id := guest.create(t, `{"a": 1}`)
	for _, c := range []struct {
		name    string
		op      abi.Op
		request msgp.Marshaler
		code    abi.OpCode
		says    string
	}{
		{"no map", abi.OpDocsCreate, &abi.DocsCreateRequest{Collection: "c", Data: fromJSON(t, `1`)}, abi.OpCodeInvalid, "docs.create: data: must be a map, got a number"},
		{"not JSON", abi.OpDocsCreate, &abi.DocsCreateRequest{Collection: "c", Data: msgp.AppendFloat64(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "x"), infinity())}, abi.OpCodeInvalid, "docs.create: data.x: +Inf cannot"},
		{"no collection", abi.OpDocsGet, &abi.DocsGetRequest{ID: id}, abi.OpCodeInvalid, "docs.get: collection: must be 1 to 512 bytes, got 0"},
		{"another version", abi.OpDocsUpdate, &abi.DocsUpdateRequest{Collection: "c", ID: id, Data: fromJSON(t, `{}`), IfVersion: new(int64(4))}, abi.OpCodeConflict, "docs.update: document is at version 1, not at version 4"},
		{"no document", abi.OpDocsPatch, &abi.DocsUpdateRequest{Collection: "c", ID: uuid.NewString(), Data: fromJSON(t, `{}`)}, abi.OpCodeNotFound, "docs.patch: document not found"},
		{"unknown operator", abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `{"a": {"$regex": "x"}}`)}, abi.OpCodeInvalid, "docs.find: filter.a.$regex: unknown operator"},
		{"filter of count", abi.OpDocsCount, &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `[]`)}, abi.OpCodeInvalid, "docs.count: filter: must be a map"},
		{"limit", abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Limit: 1001}, abi.OpCodeInvalid, "docs.find: limit: must be between 1 and 1000, got 1001"},
		{"index of no data", abi.OpDocsIndex, &abi.DocsIndexRequest{Collection: "c", Path: "version"}, abi.OpCodeInvalid, "docs.index: path: version is of the document itself"},
		{"indexes of all", abi.OpDocsIndexes, &abi.DocsIndexesRequest{}, abi.OpCodeInvalid, "docs.indexes: collection: must be 1 to 512 bytes, got 0"},
		{"cursor", abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Cursor: "x"}, abi.OpCodeInvalid, "docs.find: invalid cursor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := guest.call(t, c.op, c.request, nil)
			var op *abi.OpError
			require.ErrorAs(t, err, &op)
			assert.Equal(t, c.code, op.Code)
			assert.Contains(t, op.Message, c.says)
		})
	}
}

// An array that is short for its bytes would look like all there is.
func TestDocsFindRefusesToLeaveOut(t *testing.T) {
	guest := newDocsGuests(t, 1)[0]
	for range 10 {
		guest.create(t, `{"text": "`+strings.Repeat("x", 1<<20-20)+`"}`)
	}
	err := guest.call(t, abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c"}, nil)
	require.EqualError(t, err, "docs.find: limit: the first 9 documents have more than 8388608 bytes; ask for fewer than 50")
	var found abi.DocsFindResponse
	require.NoError(t, guest.call(t, abi.OpDocsFind, &abi.DocsFindRequest{Collection: "c", Limit: 8}, &found))
	require.Len(t, found.Items, 8)
	require.NotEmpty(t, found.Cursor)
}

// What an app gets for another's document it also gets for one that nobody has.
func TestDocsAppsAreApart(t *testing.T) {
	guests := newDocsGuests(t, 2)
	id := guests[0].create(t, `{"a": 1}`)
	for op, request := range map[abi.Op]func(id string) msgp.Marshaler{
		abi.OpDocsGet:    func(id string) msgp.Marshaler { return &abi.DocsGetRequest{Collection: "c", ID: id} },
		abi.OpDocsDelete: func(id string) msgp.Marshaler { return &abi.DocsGetRequest{Collection: "c", ID: id} },
		abi.OpDocsFind: func(string) msgp.Marshaler {
			return &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `{"a": 1}`)}
		},
		abi.OpDocsCount: func(string) msgp.Marshaler { return &abi.DocsFindRequest{Collection: "c"} },
		abi.OpDocsUpdate: func(id string) msgp.Marshaler {
			return &abi.DocsUpdateRequest{Collection: "c", ID: id, Data: fromJSON(t, `{}`), IfVersion: new(int64(5))}
		},
		abi.OpDocsPatch: func(id string) msgp.Marshaler {
			return &abi.DocsUpdateRequest{Collection: "c", ID: id, Data: fromJSON(t, `{}`)}
		},
	} {
		row, _ := abi.Lookup(op)
		var answers [2][]byte
		var errs [2]error
		for i, id := range []string{id, uuid.NewString()} {
			encoded, err := request(id).MarshalMsg(nil)
			require.NoError(t, err)
			answers[i], errs[i] = guests[1].Perform(t.Context(), op, encoded)
		}
		require.Equal(t, answers[1], answers[0], row.Name)
		require.Equal(t, errs[1], errs[0], row.Name)
	}
	var count abi.DocsCountResponse
	require.NoError(t, guests[0].call(t, abi.OpDocsCount, &abi.DocsFindRequest{Collection: "c", Filter: fromJSON(t, `{"a": 1}`)}, &count))
	require.Equal(t, int64(1), count.Count)
}
