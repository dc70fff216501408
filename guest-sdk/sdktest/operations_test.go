package sdktest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/clock"
	"github.com/picloud/picloud/guest-sdk/crypto"
	"github.com/picloud/picloud/guest-sdk/docs"
	"github.com/picloud/picloud/guest-sdk/files"
	"github.com/picloud/picloud/guest-sdk/gzip"
	sdkhttp "github.com/picloud/picloud/guest-sdk/http"
	"github.com/picloud/picloud/guest-sdk/jwt"
	"github.com/picloud/picloud/guest-sdk/kv"
	"github.com/picloud/picloud/guest-sdk/log"
	"github.com/picloud/picloud/guest-sdk/secrets"
)

// requests are the messages that [abi.Operations] names.
var requests = []any{
	abi.LogEntry{}, abi.ClockSleepRequest{}, abi.TimeZoneRequest{}, abi.KVGetRequest{}, abi.KVSetRequest{}, abi.KVListRequest{}, abi.KVIncrRequest{},
	abi.KVCompareAndSetRequest{}, abi.DocsCreateRequest{}, abi.DocsGetRequest{}, abi.DocsFindRequest{}, abi.DocsUpdateRequest{}, abi.DocsIndexRequest{}, abi.DocsIndexesRequest{},
	abi.FilesCreateRequest{}, abi.FilesGetRequest{}, abi.FilesReadRequest{}, abi.FilesUpdateRequest{}, abi.FilesListRequest{}, abi.HTTPRequest{}, abi.InvokeRequest{},
	abi.CryptoVerifyRequest{}, abi.CryptoHashPasswordRequest{}, abi.CryptoVerifyPasswordRequest{}, abi.JWTSignRequest{}, abi.JWTVerifyRequest{}, abi.GzipRequest{},
	abi.QueuePushRequest{}, abi.PubSubPublishRequest{}, abi.PubSubTokenRequest{}, abi.InvokeAsyncRequest{},
	abi.DeadLettersListRequest{}, abi.DeadLettersGetRequest{}, abi.DeadLettersResolveRequest{},
	abi.SecretsGetRequest{}, abi.SecretsListRequest{},
	abi.RequestSaveFileRequest{}, abi.StreamStartRequest{}, abi.StreamWriteRequest{}, abi.StreamEventRequest{},
}

// Every operation can be performed with the SDK, with every field that its request has.
func TestOperations(t *testing.T) {
	host := New(t)
	sent := map[string]map[string]bool{} // by operation, the fields seen in its requests
	host.observe = func(row abi.Operation, request msgp.Raw) {
		if sent[row.Name] == nil {
			sent[row.Name] = map[string]bool{}
		}
		if row.Request == "" {
			return
		}
		n, rest, err := msgp.ReadMapHeaderBytes(request)
		for ; n > 0 && err == nil; n-- {
			var field string
			if field, rest, err = msgp.ReadStringBytes(rest); err == nil {
				sent[row.Name][field] = true
				rest, err = msgp.Skip(rest)
			}
		}
		require.NoError(t, err)
	}
	useEverything(t, host)

	fields := map[string][]string{}
	for _, request := range requests {
		message := reflect.TypeOf(request)
		fields[message.Name()] = []string{}
		for i := range message.NumField() {
			field, _, _ := strings.Cut(message.Field(i).Tag.Get("msg"), ",")
			fields[message.Name()] = append(fields[message.Name()], field)
		}
	}
	for _, row := range abi.Operations {
		if row.Op == abi.OpYield {
			continue
		}
		require.Contains(t, sent, row.Name, "no function of the SDK performs it")
		if row.Request == "" {
			continue
		}
		require.Contains(t, fields, row.Request, "not listed above")
		for _, field := range fields[row.Request] {
			if row.Op == abi.OpDocsCount && field != "collection" && field != "filter" {
				continue // has the request of find, but counts all
			}
			assert.Contains(t, sent[row.Name], field, row.Name)
		}
	}
}

type visit struct {
	Who  string `json:"who"`
	Page string `json:"page,omitempty"`
}

// useEverything calls each function of the SDK and checks what it returns.
func useEverything(t *testing.T, host *Host) {
	host.SetSecret("mail-key", "k-123456")
	key, found, err := secrets.Get("mail-key")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "k-123456", key)
	found, err = secrets.Has("other-key")
	require.NoError(t, err)
	assert.False(t, found)
	names, err := secrets.List()
	require.NoError(t, err)
	assert.Equal(t, []string{"mail-key"}, names)

	log.Info("hello", map[string]int{"n": 1})
	log.Error("twice", 1, "two")
	log.Warn("odd", func() {})
	log.Trace("t")
	log.Debug("d")
	lines := host.Log()
	require.Len(t, lines, 5)
	assert.Equal(t, Line{"info", "hello", sdk.Value(`{"n":1}`)}, lines[0])
	assert.Equal(t, Line{"error", "twice", sdk.Value(`[1,"two"]`)}, lines[1])
	assert.Contains(t, lines[2].Data.String(), "func()")
	assert.Equal(t, []string{"trace", "debug"}, []string{lines[3].Level, lines[4].Level})
	assert.True(t, lines[3].Data.IsNull())

	useClock(t)
	useKV(t)
	useDocs(t)
	useFiles(t)
	useHTTP(t)
	useWeb(t, host)
	useCrypto(t)
	useTransaction(t)
	useEvents(t, host)

	host.Provide("double", func(args sdk.Value) (any, error) {
		n, err := sdk.As[int](args)
		return 2 * n, err
	})
	host.Provide("broken", func(sdk.Value) (any, error) { return nil, errors.New("out of order") })
	doubled, err := sdk.Invoke[int]("double", 21)
	require.NoError(t, err)
	assert.Equal(t, 42, doubled)
	_, err = sdk.Invoke[int]("broken", nil)
	assert.Equal(t, sdk.CodeFailed, sdk.ErrorCode(err))
	assert.ErrorContains(t, err, `invoke "broken": out of order`)
	_, err = sdk.Invoke[int]("missing", nil)
	assert.Equal(t, sdk.CodeNotFound, sdk.ErrorCode(err))
}

func useClock(t *testing.T) {
	now, err := clock.Now()
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), now, time.Minute)
	before, err := clock.Elapsed()
	require.NoError(t, err)
	require.NoError(t, clock.Sleep(time.Millisecond))
	require.NoError(t, clock.Sleep(-1))
	after, err := clock.Elapsed()
	require.NoError(t, err)
	assert.Less(t, before, after)

	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	local, err := clock.In(summer, "Europe/Berlin")
	require.NoError(t, err)
	assert.Equal(t, "2026-07-01 14:00:00 CEST", local.Format("2006-01-02 15:04:05 MST"))
	assert.True(t, local.Equal(summer))
	winter, err := clock.Date(2026, 12, 24, 18, 0, 0, 7, "America/New_York")
	require.NoError(t, err)
	assert.Equal(t, "2026-12-24 18:00:00.000000007 -0500 EST", winter.String())
	_, err = clock.In(summer, "Europe/Atlantis")
	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(err))
}

func useKV(t *testing.T) {
	visits := kv.Collection[visit]("visits")
	_, found, err := visits.Get("ada")
	require.NoError(t, err)
	assert.False(t, found)
	require.NoError(t, visits.Set("ada", visit{Who: "ada"}))
	set, err := visits.SetWith("ada", visit{Who: "eve"}, kv.Options{TTL: time.Hour, IfAbsent: true})
	require.NoError(t, err)
	assert.False(t, set)
	got, found, err := visits.Get("ada")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, visit{Who: "ada"}, got)
	found, err = visits.Has("ada")
	require.NoError(t, err)
	assert.True(t, found)
	set, err = visits.CompareAndSet("ada", &visit{Who: "ada"}, &visit{Who: "grace"})
	require.NoError(t, err)
	assert.True(t, set)
	set, err = visits.CompareAndSet("bob", nil, &visit{Who: "bob"})
	require.NoError(t, err)
	assert.True(t, set)
	page, err := visits.List(kv.Query{Limit: 1})
	require.NoError(t, err)
	assert.Equal(t, []kv.Item[visit]{{Key: "ada", Value: visit{Who: "grace"}}}, page.Items)
	page, err = visits.List(kv.Query{Cursor: page.Cursor, Limit: 1})
	require.NoError(t, err)
	assert.Equal(t, []kv.Item[visit]{{Key: "bob", Value: visit{Who: "bob"}}}, page.Items)
	assert.Empty(t, page.Cursor)
	found, err = visits.Delete("ada")
	require.NoError(t, err)
	assert.True(t, found)

	counts := kv.Collection[int64]("counts")
	sum, err := counts.Incr("n", 5)
	require.NoError(t, err)
	assert.EqualValues(t, 5, sum)
	for i := range 120 { // more than a page
		require.NoError(t, counts.Set(fmt.Sprintf("many%03d", i), int64(i)))
	}
	total := int64(0)
	for item, err := range counts.All("many") {
		require.NoError(t, err)
		total += item.Value
	}
	assert.EqualValues(t, 119*120/2, total)
	for _, err = range kv.Collection[string]("counts").All("") {
		break
	}
	assert.ErrorContains(t, err, "string", "the values are no strings")

	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(counts.Set("", 1)))
	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(kv.Collection[any]("c").Set("f", func() {})))
}

func useDocs(t *testing.T) {
	notes := docs.Collection[visit]("notes")
	id, err := notes.Create(visit{Who: "ada", Page: "a"})
	require.NoError(t, err)
	_, err = notes.Create(visit{Who: "grace", Page: "b"})
	require.NoError(t, err)
	doc, found, err := notes.Get(id)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, visit{Who: "ada", Page: "a"}, doc.Data)
	assert.WithinDuration(t, time.Now(), doc.CreatedAt, time.Minute)
	assert.EqualValues(t, 1, doc.Version)
	_, found, err = notes.Get("01a20da0-6a3c-7cc9-aa9e-94790ac58ae3")
	require.NoError(t, err)
	assert.False(t, found)

	page, err := notes.Find(docs.Query{Filter: docs.Filter{"page": docs.Filter{"$in": []string{"a", "b"}}}, Sort: []docs.Order{docs.Desc("who"), docs.Asc("page")}, Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	assert.Equal(t, "grace", page.Items[0].Data.Who)
	page, err = notes.Find(docs.Query{Filter: docs.Filter{"page": docs.Filter{"$in": []string{"a", "b"}}}, Sort: []docs.Order{docs.Desc("who"), docs.Asc("page")}, Cursor: page.Cursor})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	assert.Equal(t, "ada", page.Items[0].Data.Who)
	index, err := notes.Index("page")
	require.NoError(t, err)
	assert.Equal(t, "page", index.Path)
	indexes, err := notes.Indexes()
	require.NoError(t, err)
	require.Len(t, indexes, 1)
	assert.Equal(t, "page", indexes[0].Path)
	how, err := notes.Explain(docs.Query{Filter: docs.Filter{"who": "ada"}})
	require.NoError(t, err)
	assert.Equal(t, "terms", how.Plan)
	assert.Positive(t, how.Looked)

	count, err := notes.Count(docs.Filter{"who": "ada"})
	require.NoError(t, err)
	assert.EqualValues(t, 1, count)
	var all []string
	for doc, err := range notes.All(docs.Query{Limit: 1}) {
		require.NoError(t, err)
		all = append(all, doc.Data.Who)
	}
	assert.Equal(t, []string{"ada", "grace"}, all)

	doc, err = notes.Patch(id, map[string]any{"page": nil})
	require.NoError(t, err)
	assert.Equal(t, visit{Who: "ada"}, doc.Data)
	doc, err = notes.PatchIf(id, 2, visit{Who: "ada", Page: "z"})
	require.NoError(t, err)
	assert.EqualValues(t, 3, doc.Version)
	_, err = notes.UpdateIf(id, 2, visit{})
	assert.Equal(t, sdk.CodeConflict, sdk.ErrorCode(err))
	doc, err = notes.Update(id, visit{Who: "eve"})
	require.NoError(t, err)
	assert.Equal(t, visit{Who: "eve"}, doc.Data)
	found, err = notes.Delete(id)
	require.NoError(t, err)
	assert.True(t, found)
	_, err = notes.Update(id, visit{})
	assert.Equal(t, sdk.CodeNotFound, sdk.ErrorCode(err))
	_, err = docs.Collection[string]("notes").Create("no map")
	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(err))
}

func useTransaction(t *testing.T) {
	accounts := kv.Collection[int64]("accounts")
	notes := docs.Collection[visit]("transfers")
	require.NoError(t, sdk.Transaction(func() error {
		if _, err := accounts.Incr("ada", 5); err != nil {
			return err
		}
		_, err := notes.Create(visit{Who: "ada"})
		return err
	}))
	poor := errors.New("too poor")
	require.Equal(t, poor, sdk.Transaction(func() error {
		left, err := accounts.Incr("ada", -7)
		require.NoError(t, err)
		assert.EqualValues(t, -2, left, "it sees what was there and what it has done")
		return poor
	}))
	has, _, err := accounts.Get("ada")
	require.NoError(t, err)
	assert.EqualValues(t, 5, has)
	count, err := notes.Count(nil)
	require.NoError(t, err)
	assert.EqualValues(t, 1, count)

	err = sdk.Transaction(func() error { return sdk.Transaction(func() error { return nil }) })
	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(err))
	err = sdk.Transaction(func() error {
		_, err := sdkhttp.Get("http://example.com/")
		return err
	})
	assert.EqualError(t, err, "http.request: not within a transaction: it could not be undone, or others would wait meanwhile")
}

func useFiles(t *testing.T) {
	images := files.Collection("images")
	file, err := images.Create("a.png", "image/png", []byte{1, 2, 255})
	require.NoError(t, err)
	assert.EqualValues(t, 3, file.Size)
	empty, err := images.Create("empty", "text/plain", nil)
	require.NoError(t, err)
	assert.Zero(t, empty.Size)
	data, found, err := images.Get(file.ID)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, []byte{1, 2, 255}, data)
	data, found, err = images.GetRange(file.ID, 1, 1)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, []byte{2}, data)
	_, found, err = images.Get("01a20da0-6a3c-7cc9-aa9e-94790ac58ae3")
	require.NoError(t, err)
	assert.False(t, found)

	name, contentType, text := "b.txt", "text/plain", []byte("text")
	changed, err := images.Update(file.ID, files.Change{Name: &name, ContentType: &contentType, Data: &text})
	require.NoError(t, err)
	head, found, err := images.Head(file.ID)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, changed, head)
	assert.Equal(t, "b.txt", head.Name)
	assert.EqualValues(t, 4, head.Size)
	_, found, err = images.Head("01a20da0-6a3c-7cc9-aa9e-94790ac58ae3")
	require.NoError(t, err)
	assert.False(t, found)
	same, err := images.Update(file.ID, files.Change{})
	require.NoError(t, err)
	assert.Equal(t, changed.SHA256, same.SHA256)

	page, err := images.List(files.Query{Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	_, err = images.List(files.Query{Cursor: page.Cursor, Limit: 1})
	require.NoError(t, err)
	n := 0
	for _, err := range images.All() {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 2, n)
	found, err = images.Delete(file.ID)
	require.NoError(t, err)
	assert.True(t, found)
}

func useHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"method":"` + r.Method + `","query":"` + r.URL.RawQuery + `","header":"` + r.Header.Get("X-A") + `"}`))
		}
	}))
	t.Cleanup(server.Close)
	response, err := sdkhttp.Do(sdkhttp.Request{
		Method: "PUT", URL: server.URL, Headers: map[string]string{"X-A": "a"}, Query: map[string]string{"q": "1"},
		Body: visit{Who: "ada"}, Timeout: time.Second, MaxResponseBytes: 1000,
	})
	require.NoError(t, err)
	assert.Equal(t, 200, response.Status)
	assert.Equal(t, "application/json", response.Header("content-Type"))
	var echo struct {
		Method string `json:"method"`
		Query  string `json:"query"`
		Header string `json:"header"`
	}
	require.NoError(t, response.Decode(&echo))
	assert.Equal(t, []string{"PUT", "q=1", "a"}, []string{echo.Method, echo.Query, echo.Header})
	assert.JSONEq(t, `{"method":"PUT","query":"q=1","header":"a"}`, string(response.BodyRaw))

	response, err = sdkhttp.Do(sdkhttp.Request{URL: server.URL + "/moved", KeepRedirects: true})
	require.NoError(t, err)
	assert.Equal(t, 302, response.Status)
	response, err = sdkhttp.Get(server.URL + "/moved")
	require.NoError(t, err)
	assert.Equal(t, 200, response.Status)
	response, err = sdkhttp.Post(server.URL, "text")
	require.NoError(t, err)
	assert.Contains(t, response.Body.String(), "POST")
	_, err = sdkhttp.Get("ftp://example.com")
	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(err))
}

func useCrypto(t *testing.T) {
	// RFC 8032, section 7.1, test 2.
	const key = `{"kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}`
	signature, err := hex.DecodeString("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
	require.NoError(t, err)
	valid, err := crypto.Verify(crypto.Ed25519, key, []byte{0x72}, signature)
	require.NoError(t, err)
	assert.True(t, valid)

	hash, err := crypto.HashPassword("correct horse", "bcrypt")
	require.NoError(t, err)
	valid, err = crypto.VerifyPassword("correct horse", hash)
	require.NoError(t, err)
	assert.True(t, valid)

	type claims struct {
		Subject string `json:"sub"`
	}
	token, err := jwt.Sign(claims{"a"}, "a secret of thirty-two characters", "HS256")
	require.NoError(t, err)
	got, err := jwt.Verify[claims](token, "a secret of thirty-two characters", "HS256", time.Second)
	require.NoError(t, err)
	assert.Equal(t, claims{"a"}, got)
	_, err = jwt.Verify[claims](token, "another secret of enough characters", "HS256", 0)
	assert.Equal(t, sdk.CodeInvalid, sdk.ErrorCode(err))

	small, err := gzip.Compress(make([]byte, 1000))
	require.NoError(t, err)
	assert.Less(t, len(small), 100)
	large, err := gzip.Decompress(small)
	require.NoError(t, err)
	assert.Equal(t, make([]byte, 1000), large)
}
