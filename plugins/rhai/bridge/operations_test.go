package bridge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// A wire is the other side of the boundary: it keeps the requests and has responses ready.
type wire struct {
	answers  map[abi.Op]msgp.Marshaler
	fails    error
	relay    func(op abi.Op) (msgp.Marshaler, error) // answers instead, if there is one
	ops      []abi.Op
	requests [][]byte
}

func (w *wire) call(op abi.Op, request []byte) ([]byte, error) {
	if op == abi.OpYield || op == abi.OpClockMonotonic {
		if op == abi.OpClockMonotonic {
			return (&abi.Clock{Nanoseconds: 5e6, UnixNano: 1_795_000_000_123_000_000 + 5e6}).MarshalMsg(nil)
		}
		return nil, nil
	}
	w.ops = append(w.ops, op)
	w.requests = append(w.requests, append([]byte(nil), request...))
	if w.relay != nil {
		answer, err := w.relay(op)
		if answer == nil {
			return nil, err
		}
		return answer.MarshalMsg(nil)
	}
	if w.fails != nil {
		return nil, w.fails
	}
	if a := w.answers[op]; a != nil {
		return a.MarshalMsg(nil)
	}
	return nil, nil
}

// run runs a script and returns its value as JSON, or its error.
func run(t testing.TB, w *wire, script string, limits abi.Limits) (string, *abi.ScriptError) {
	t.Helper()
	s := bridge.Session{Call: w.call}
	if failure := s.Load(&abi.LoadRequest{Source: script, Kind: abi.KindEndpoint, Limits: limits}).Error; failure != nil {
		t.Fatalf("%s\n%v", script, failure)
	}
	result := s.Run(&abi.RunRequest{Entropy: [32]byte{1}, UnixNano: 1_795_000_000_123_000_000})
	if result.Error != nil {
		return "", result.Error
	}
	text, err := abi.AppendJSON(nil, result.Value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

// asJSON returns what a message of a request type says, in the order of its fields.
func asJSON(t testing.TB, message []byte) string {
	t.Helper()
	text, err := abi.AppendJSON(nil, message)
	require.NoError(t, err)
	return string(text)
}

func raw(t testing.TB, json string) msgp.Raw {
	t.Helper()
	b, err := abi.AppendFromJSON(nil, []byte(json))
	require.NoError(t, err)
	return b
}

// bridges returns the functions of scripts that perform operations: each with the request that it
// makes, as the host decodes and encodes it again, and what it makes of the response.
func bridges(t testing.TB) []struct {
	op                    abi.Op
	script, request, want string
	answer                msgp.Marshaler
} {
	doc := &abi.Document{ID: "d1", Data: raw(t, `{"n":9223372036854775807,"b":{"$blob":"AP8="}}`), CreatedAt: "c", UpdatedAt: "u", Version: 3}
	file := &abi.FileInfo{ID: "f1", Name: "a.png", ContentType: "image/png", Size: 2, SHA256: "00", CreatedAt: "c", UpdatedAt: "u"}
	// Maps come back in the order of their names.
	doc3 := `{"created_at":"c","data":{"b":{"$blob":"AP8="},"n":9223372036854775807},"id":"d1","updated_at":"u","version":3}`
	file3 := `{"content_type":"image/png","created_at":"c","id":"f1","name":"a.png","sha256":"00","size":2,"updated_at":"u"}`
	page := &abi.DocsFindResponse{Items: []abi.Document{*doc, *doc}, Cursor: "next"}
	answer := &abi.HTTPResponse{Status: 404, Headers: map[string]string{"a": "b, c"}, HeadersAll: abi.Lists{"a": {"b", "c"}}, Body: raw(t, `{"x":1}`), BodyRaw: raw(t, `"{}"`)}
	answered := `{"body":{"x":1},"body_raw":"{}","headers":{"a":"b, c"},"headers_all":{"a":["b","c"]},"status":404}`
	letter := &abi.DeadLetter{ID: "d1", Source: "queue", Attempts: 5, Payload: raw(t, `[1.0]`)}
	letter3 := func(payload string) string {
		return `{"attempts":5,"created_at":"","error":"","event_id":"","first_at":null,"id":"d1","key":"","last_at":"","operation":"","payload":` + payload +
			`,"replayed_as":"","resolution":"","resolved_at":null,"resolved_by":"","script_id":"","source":"queue","trigger_id":"","trigger_name":""}`
	}
	on := func(script string) string { return strings.Replace(script, ".", `::collection("c").`, 1) }
	return []struct {
		op                    abi.Op
		script, request, want string
		answer                msgp.Marshaler
	}{
		{abi.OpLogWrite, `log::warn("m", #{a: 1})`, `{"level":"warn","message":"m","data":{"a":1}}`, `null`, nil},
		{abi.OpClockSleep, `sleep(0.25)`, `{"ns":250000000}`, `null`, nil},
		{abi.OpTimeZone, `time::in_zone(0, "Europe/Berlin")`, `{"zone":"Europe/Berlin","unix":0}`, `"1970-01-01T01:00:00.000+01:00"`, &abi.TimeZoneResponse{Offset: 3600, Abbreviation: "CET"}},

		{abi.OpKVGet, on(`kv.get("k")`), `{"collection":"c","key":"k"}`, `[1,{"$blob":"AA=="}]`, &abi.KVGetResponse{Found: true, Value: raw(t, `[1,{"$blob":"AA=="}]`)}},
		{abi.OpKVGet, on(`kv.get("k")`), `{"collection":"c","key":"k"}`, `null`, &abi.KVGetResponse{}},
		{abi.OpKVHas, on(`kv.has("k")`), `{"collection":"c","key":"k"}`, `true`, &abi.KVFoundResponse{Found: true}},
		{abi.OpKVDelete, on(`kv.delete("k")`), `{"collection":"c","key":"k"}`, `false`, &abi.KVFoundResponse{}},
		{abi.OpKVSet, on(`kv.set("k", #{z: 'c', a: [(), 1.0, -5, true]})`), `{"collection":"c","key":"k","value":{"a":[null,1.0,-5,true],"z":"c"}}`, `true`, &abi.KVSetResponse{Set: true}},
		{abi.OpKVSet, on(`kv.set("k", (), #{ttl_ms: 0, if_absent: true})`), `{"collection":"c","key":"k","value":null,"ttl_ms":0,"if_absent":true}`, `false`, &abi.KVSetResponse{}},
		{abi.OpKVSet, on(`kv.set("k", 1, #{ttl_ms: ()})`), `{"collection":"c","key":"k","value":1}`, `true`, &abi.KVSetResponse{Set: true}},
		{abi.OpKVList, on(`kv.list()`), `{"collection":"c"}`, `{"cursor":"","items":[]}`, &abi.KVListResponse{}},
		{abi.OpKVList, on(`kv.list(#{prefix: "p", cursor: "x", limit: 5})`), `{"collection":"c","prefix":"p","cursor":"x","limit":5}`, `{"cursor":"y","items":[{"key":"k","value":1}]}`,
			&abi.KVListResponse{Items: []abi.KVItem{{Key: "k", Value: raw(t, "1")}}, Cursor: "y"}},
		{abi.OpKVIncr, on(`kv.incr("k", -3)`), `{"collection":"c","key":"k","by":-3}`, `39`, &abi.KVIncrResponse{Value: 39}},
		{abi.OpKVCompareAndSet, on(`kv.compare_and_set("k", (), "n")`), `{"collection":"c","key":"k","old":null,"new":"n"}`, `true`, &abi.KVSetResponse{Set: true}},

		{abi.OpDocsCreate, on(`docs.create(#{n: 1})`), `{"collection":"c","data":{"n":1}}`, `"d1"`, &abi.DocsCreateResponse{ID: "d1"}},
		{abi.OpDocsGet, on(`docs.get("d1")`), `{"collection":"c","id":"d1"}`, doc3, &abi.DocsGetResponse{Document: doc}},
		{abi.OpDocsGet, on(`docs.get("d1")`), `{"collection":"c","id":"d1"}`, `null`, &abi.DocsGetResponse{}},
		{abi.OpDocsFind, on("docs.find(#{`a.b`: #{`$gt`: 1}}, #{sort: #{n: -1}, limit: 2, cursor: `c`})"), `{"collection":"c","filter":{"a.b":{"$gt":1}},"sort":{"n":-1},"cursor":"c","limit":2}`, `[` + doc3 + `,` + doc3 + `]`, page},
		{abi.OpDocsFind, on("docs.page(#{})"), `{"collection":"c","filter":{}}`, `{"cursor":"next","items":[` + doc3 + `,` + doc3 + `]}`, page},
		{abi.OpDocsFind, on("docs.find_one(#{a: 1}, #{sort: #{n: 1}})"), `{"collection":"c","filter":{"a":1},"sort":{"n":1},"limit":1}`, doc3, page},
		{abi.OpDocsFind, on("docs.find_one(#{})"), `{"collection":"c","filter":{},"limit":1}`, `null`, &abi.DocsFindResponse{}},
		{abi.OpDocsFind, on("docs.list()"), `{"collection":"c"}`, `[` + doc3 + `,` + doc3 + `]`, page},
		{abi.OpDocsFind, on("docs.list(#{limit: 1})"), `{"collection":"c","limit":1}`, `[]`, &abi.DocsFindResponse{}},
		{abi.OpDocsUpdate, on(`docs.update("d1", #{a: 1})`), `{"collection":"c","id":"d1","data":{"a":1}}`, doc3, &abi.DocsUpdateResponse{Document: *doc}},
		{abi.OpDocsUpdate, on(`docs.update("d1", #{}, #{if_version: 2})`), `{"collection":"c","id":"d1","data":{},"if_version":2}`, doc3, &abi.DocsUpdateResponse{Document: *doc}},
		{abi.OpDocsPatch, on(`docs.patch("d1", #{a: ()}, #{if_version: 2})`), `{"collection":"c","id":"d1","data":{"a":null},"if_version":2}`, doc3, &abi.DocsUpdateResponse{Document: *doc}},
		{abi.OpDocsDelete, on(`docs.delete("d1")`), `{"collection":"c","id":"d1"}`, `true`, &abi.DocsDeleteResponse{Found: true}},
		{abi.OpDocsCount, on(`docs.count()`), `{"collection":"c"}`, `7`, &abi.DocsCountResponse{Count: 7}},
		{abi.OpDocsCount, on(`docs.count(#{a: 1})`), `{"collection":"c","filter":{"a":1}}`, `7`, &abi.DocsCountResponse{Count: 7}},
		{abi.OpDocsFind, on("docs.find(#{}, #{explain: true})"), `{"collection":"c","filter":{},"explain":true}`, `{"looked":3,"path":"a","plan":"index","range":true,"sort":false}`,
			&abi.DocsFindResponse{Explain: &abi.DocsExplained{Plan: "index", Path: "a", Range: true, Looked: 3}}},
		{abi.OpDocsFind, on("docs.find(#{}, #{explain: false})"), `{"collection":"c","filter":{},"explain":false}`, `[` + doc3 + `,` + doc3 + `]`, page},
		{abi.OpDocsIndex, on(`docs.index("a.b")`), `{"collection":"c","path":"a.b"}`, `{"built":2,"path":"a.b","state":"building"}`,
			&abi.DocsIndexResponse{Index: abi.DocsIndex{Path: "a.b", State: "building", Built: 2}}},
		{abi.OpDocsIndexes, on(`docs.indexes()`), `{"collection":"c"}`, `[{"built":2,"path":"a.b","state":"ready"}]`,
			&abi.DocsIndexesResponse{Items: []abi.DocsIndex{{Path: "a.b", State: "ready", Built: 2}}}},

		{abi.OpFilesCreate, on(`files.create(#{name: "a.png", content_type: "image/png", data: blob(2, 255)})`), `{"collection":"c","name":"a.png","content_type":"image/png","data":{"$blob":"//8="}}`, file3, &abi.FilesInfoResponse{File: file}},
		{abi.OpRequestSaveFile, `ctx.save_file("avatar", "c")`, `{"field":"avatar","collection":"c"}`, file3, &abi.FilesInfoResponse{File: file}},
		{abi.OpRequestSaveFile, `ctx.save_file("avatar", "c", 1)`, `{"field":"avatar","collection":"c","index":1}`, file3, &abi.FilesInfoResponse{File: file}},
		{abi.OpFilesCreate, on(`files.create(#{name: "a", content_type: "t", data: "é"})`), `{"collection":"c","name":"a","content_type":"t","data":{"$blob":"w6k="}}`, file3, &abi.FilesInfoResponse{File: file}},
		{abi.OpFilesHead, on(`files.head("f1")`), `{"collection":"c","id":"f1"}`, file3, &abi.FilesInfoResponse{File: file}},
		{abi.OpFilesHead, on(`files.head("f1")`), `{"collection":"c","id":"f1"}`, `null`, &abi.FilesInfoResponse{}},
		{abi.OpFilesGet, on(`files.get("f1")`), `{"collection":"c","id":"f1"}`, `{"$blob":"AQI="}`, &abi.FilesGetResponse{Found: true, Data: []byte{1, 2}}},
		{abi.OpFilesGet, on(`files.get("f1")`), `{"collection":"c","id":"f1"}`, `{"$blob":""}`, &abi.FilesGetResponse{Found: true}},
		{abi.OpFilesGet, on(`files.get("f1")`), `{"collection":"c","id":"f1"}`, `null`, &abi.FilesGetResponse{}},
		{abi.OpFilesGet, on(`files.get("f1", #{offset: 2, length: 1})`), `{"collection":"c","id":"f1","offset":2,"length":1}`, `{"$blob":"Ag=="}`, &abi.FilesGetResponse{Found: true, Data: []byte{2}}},
		{abi.OpFilesGet, on(`files.get("f1", #{offset: 2})`), `{"collection":"c","id":"f1","offset":2}`, `{"$blob":"Ag=="}`, &abi.FilesGetResponse{Found: true, Data: []byte{2}}},
		{abi.OpFilesUpdate, on(`files.update("f1", #{name: "b", data: "x"})`), `{"collection":"c","id":"f1","name":"b","data":{"$blob":"eA=="}}`, file3, &abi.FilesInfoResponse{File: file}},
		{abi.OpFilesDelete, on(`files.delete("f1")`), `{"collection":"c","id":"f1"}`, `true`, &abi.FilesDeleteResponse{Found: true}},
		{abi.OpFilesList, on(`files.list()`), `{"collection":"c"}`, `[` + file3 + `]`, &abi.FilesListResponse{Items: []abi.FileInfo{*file}}},
		{abi.OpFilesList, on(`files.page(#{limit: 1, cursor: "x"})`), `{"collection":"c","cursor":"x","limit":1}`, `{"cursor":"y","items":[]}`, &abi.FilesListResponse{Cursor: "y"}},

		{abi.OpHTTPRequest, `http::get("u")`, `{"method":"GET","url":"u"}`, answered, answer},
		{abi.OpHTTPRequest, `http::head("u", #{headers: #{n: 1}})`, `{"method":"HEAD","url":"u","headers":{"n":"1"}}`, answered, answer},
		{abi.OpHTTPRequest, `http::get("u", #{headers: #{a: ["b", 1]}, query: #{q: []}})`, `{"method":"GET","url":"u","headers":{"a":["b","1"]},"query":{"q":[]}}`, answered, answer},
		{abi.OpHTTPRequest, `http::delete("u", #{query: #{q: true}})`, `{"method":"DELETE","url":"u","query":{"q":"true"}}`, answered, answer},
		{abi.OpHTTPRequest, `http::options("u", #{timeout_ms: 1, max_response_bytes: 2, follow_redirects: false})`,
			`{"method":"OPTIONS","url":"u","timeout_ms":1,"max_response_bytes":2,"follow_redirects":false}`, answered, answer},
		{abi.OpHTTPRequest, `http::post("u", #{a: [1]})`, `{"method":"POST","url":"u","body":{"a":[1]}}`, answered, answer},
		{abi.OpHTTPRequest, `http::put("u", "text", #{})`, `{"method":"PUT","url":"u","body":"text"}`, answered, answer},
		{abi.OpHTTPRequest, `http::patch("u", blob(1))`, `{"method":"PATCH","url":"u","body":{"$blob":"AA=="}}`, answered, answer},
		{abi.OpHTTPRequest, `http::request("PROPFIND", "u")`, `{"method":"PROPFIND","url":"u"}`, answered, answer},
		{abi.OpHTTPRequest, `http::request("GET", "u", (), #{timeout_ms: 5})`, `{"method":"GET","url":"u","timeout_ms":5}`, answered, answer},

		{abi.OpCryptoVerify, `crypto::verify("ed25519", "k", "é", blob(1, 7))`, `{"algorithm":"ed25519","key":"k","data":{"$blob":"w6k="},"signature":{"$blob":"Bw=="}}`, `true`, &abi.CryptoVerifyResponse{Valid: true}},
		{abi.OpCryptoVerify, `crypto::verify("ed25519", "k", blob(1), blob(0))`, `{"algorithm":"ed25519","key":"k","data":{"$blob":"AA=="},"signature":{"$blob":""}}`, `false`, &abi.CryptoVerifyResponse{}},
		{abi.OpCryptoHashPassword, `crypto::hash_password("p")`, `{"password":"p"}`, `"h"`, &abi.CryptoHashPasswordResponse{Hash: "h"}},
		{abi.OpCryptoHashPassword, `crypto::hash_password("p", "bcrypt")`, `{"password":"p","algorithm":"bcrypt"}`, `"h"`, &abi.CryptoHashPasswordResponse{Hash: "h"}},
		{abi.OpCryptoVerifyPassword, `crypto::verify_password("p", "h")`, `{"password":"p","hash":"h"}`, `true`, &abi.CryptoVerifyResponse{Valid: true}},
		{abi.OpJWTSign, `jwt::sign(#{sub: "a", n: 1}, "k", "HS256")`, `{"claims":{"n":1,"sub":"a"},"key":"k","algorithm":"HS256"}`, `"a.b.c"`, &abi.JWTSignResponse{Token: "a.b.c"}},
		{abi.OpJWTVerify, `jwt::verify("a.b.c", "k", "HS256")`, `{"token":"a.b.c","key":"k","algorithm":"HS256"}`, `{"sub":"a"}`, &abi.JWTVerifyResponse{Claims: raw(t, `{"sub":"a"}`)}},
		{abi.OpJWTVerify, `jwt::verify("a.b.c", "k", "HS256", #{leeway_ms: 5})`, `{"token":"a.b.c","key":"k","algorithm":"HS256","leeway_ms":5}`, `{}`, &abi.JWTVerifyResponse{Claims: raw(t, `{}`)}},
		{abi.OpGzipCompress, `gzip::compress("a")`, `{"data":{"$blob":"YQ=="}}`, `{"$blob":"AQ=="}`, &abi.GzipResponse{Data: []byte{1}}},
		{abi.OpGzipDecompress, `gzip::decompress(blob(1))`, `{"data":{"$blob":"AA=="}}`, `{"$blob":"AQ=="}`, &abi.GzipResponse{Data: []byte{1}}},

		{abi.OpInvoke, `invoke("resize")`, `{"name":"resize"}`, `null`, &abi.InvokeResponse{}},
		{abi.OpInvoke, `invoke("resize", ())`, `{"name":"resize","args":null}`, `7`, &abi.InvokeResponse{Value: raw(t, `7`)}},
		{abi.OpInvoke, `invoke("resize", #{width: 64, of: blob(1)})`, `{"name":"resize","args":{"of":{"$blob":"AA=="},"width":64}}`, `{"body":{"$blob":"/w=="},"statusCode":201}`,
			&abi.InvokeResponse{Value: raw(t, `{"statusCode":201,"body":{"$blob":"/w=="}}`)}},
		{abi.OpInvokeAsync, `invoke_async("resize")`, `{"name":"resize"}`, `"x1"`, &abi.InvokeAsyncResponse{ExecutionID: "x1"}},
		{abi.OpInvokeAsync, `invoke_async("resize", [1])`, `{"name":"resize","args":[1]}`, `"x1"`, &abi.InvokeAsyncResponse{ExecutionID: "x1"}},
		{abi.OpInvokeAsync, `invoke_async("resize", (), #{delay_ms: 500})`, `{"name":"resize","args":null,"delay_ms":500}`, `"x1"`, &abi.InvokeAsyncResponse{ExecutionID: "x1"}},

		{abi.OpQueuePush, `queue::topic("mail").push(#{to: 'a', b: blob(1)})`, `{"topic":"mail","messages":[{"body":{"b":{"$blob":"AA=="},"to":"a"}}]}`, `"m1"`, &abi.QueuePushResponse{IDs: []string{"m1"}}},
		{abi.OpQueuePush, `queue::topic("mail").push((), #{delay_ms: 5, key: "k", dedupe: "d", debounce_ms: ()})`,
			`{"topic":"mail","messages":[{"body":null,"dedupe":"d","delay_ms":5,"key":"k"}]}`, `"m1"`, &abi.QueuePushResponse{IDs: []string{"m1"}}},
		{abi.OpQueuePush, `queue::topic("mail").push(1, #{key: "k", debounce_ms: 9})`, `{"topic":"mail","messages":[{"body":1,"debounce_ms":9,"key":"k"}]}`, `"m1"`, &abi.QueuePushResponse{IDs: []string{"m1"}}},
		{abi.OpQueuePush, `queue::topic("mail").push([1, 2])`, `{"topic":"mail","messages":[{"body":[1,2]}]}`, `"m1"`, &abi.QueuePushResponse{IDs: []string{"m1"}}},
		{abi.OpQueuePush, `queue::topic("mail").push_all([1, "b"])`, `{"topic":"mail","messages":[{"body":1},{"body":"b"}]}`, `["m1","m2"]`, &abi.QueuePushResponse{IDs: []string{"m1", "m2"}}},
		{abi.OpQueuePush, `queue::topic("mail").push_all([1, 2], #{delay_ms: 5, key: "k"})`,
			`{"topic":"mail","messages":[{"body":1,"delay_ms":5,"key":"k"},{"body":2,"delay_ms":5,"key":"k"}]}`, `["m1","m2"]`, &abi.QueuePushResponse{IDs: []string{"m1", "m2"}}},
		{abi.OpPubSubToken, `pubsub::subscriber_token("a.b", 60000)`, `{"topic":"a.b","ttl_ms":60000}`, `"pct_x"`, &abi.PubSubTokenResponse{Token: "pct_x", ExpiresAt: "e"}},
		{abi.OpPubSubPublish, `pubsub::publish("a.b", #{n: 1})`, `{"topic":"a.b","message":{"n":1}}`, `2`, &abi.PubSubPublishResponse{Delivered: 2}},

		{abi.OpSecretsGet, `secrets::get("stripe-key")`, `{"name":"stripe-key"}`, `"sk"`, &abi.SecretsGetResponse{Found: true, Value: "sk"}},
		{abi.OpSecretsGet, `secrets::get("stripe-key")`, `{"name":"stripe-key"}`, `null`, &abi.SecretsGetResponse{}},
		{abi.OpSecretsHas, `secrets::has("stripe-key")`, `{"name":"stripe-key"}`, `true`, &abi.SecretsHasResponse{Found: true}},
		{abi.OpSecretsList, `secrets::list()`, `{}`, `["a","b"]`, &abi.SecretsListResponse{Names: []string{"a", "b"}}},

		{abi.OpDeadLettersList, `dead_letters::list()`, `{}`, `{"cursor":"","items":[]}`, &abi.DeadLettersListResponse{}},
		{abi.OpDeadLettersList, `dead_letters::list(#{limit: 1, cursor: "x", unresolved: true})`, `{"cursor":"x","limit":1,"unresolved":true}`,
			`{"cursor":"y","items":[` + letter3("null") + `]}`, &abi.DeadLettersListResponse{Items: []abi.DeadLetter{{ID: "d1", Source: "queue", Attempts: 5}}, Cursor: "y"}},
		{abi.OpDeadLettersGet, `dead_letters::get("d1")`, `{"id":"d1"}`, letter3(`[1.0]`), &abi.DeadLettersGetResponse{DeadLetter: letter}},
		{abi.OpDeadLettersGet, `dead_letters::get("d2")`, `{"id":"d2"}`, `null`, &abi.DeadLettersGetResponse{}},
		{abi.OpDeadLettersReplay, `dead_letters::replay("d1")`, `{"id":"d1"}`, `"e2"`, &abi.DeadLettersReplayResponse{EventID: "e2"}},
		{abi.OpDeadLettersResolve, `dead_letters::resolve("d1", "ignored")`, `{"id":"d1","as":"ignored"}`, letter3(`[1.0]`), &abi.DeadLettersResolveResponse{DeadLetter: *letter}},
	}
}

// requestTypes decode a request as the host does and encode it again, which puts fields into the
// order of their type.
var requestTypes = map[string]func() interface {
	msgp.Marshaler
	msgp.Unmarshaler
}{}

func requestType[T any, M interface {
	*T
	msgp.Marshaler
	msgp.Unmarshaler
}](name string) {
	requestTypes[name] = func() interface {
		msgp.Marshaler
		msgp.Unmarshaler
	} {
		return M(new(T))
	}
}

func init() {
	requestType[abi.LogEntry]("LogEntry")
	requestType[abi.ClockSleepRequest]("ClockSleepRequest")
	requestType[abi.TimeZoneRequest]("TimeZoneRequest")
	requestType[abi.KVGetRequest]("KVGetRequest")
	requestType[abi.KVSetRequest]("KVSetRequest")
	requestType[abi.KVListRequest]("KVListRequest")
	requestType[abi.KVIncrRequest]("KVIncrRequest")
	requestType[abi.KVCompareAndSetRequest]("KVCompareAndSetRequest")
	requestType[abi.DocsCreateRequest]("DocsCreateRequest")
	requestType[abi.DocsGetRequest]("DocsGetRequest")
	requestType[abi.DocsFindRequest]("DocsFindRequest")
	requestType[abi.DocsUpdateRequest]("DocsUpdateRequest")
	requestType[abi.DocsIndexRequest]("DocsIndexRequest")
	requestType[abi.DocsIndexesRequest]("DocsIndexesRequest")
	requestType[abi.FilesCreateRequest]("FilesCreateRequest")
	requestType[abi.FilesGetRequest]("FilesGetRequest")
	requestType[abi.FilesReadRequest]("FilesReadRequest")
	requestType[abi.FilesUpdateRequest]("FilesUpdateRequest")
	requestType[abi.FilesListRequest]("FilesListRequest")
	requestType[abi.HTTPRequest]("HTTPRequest")
	requestType[abi.InvokeRequest]("InvokeRequest")
	requestType[abi.RequestSaveFileRequest]("RequestSaveFileRequest")
	requestType[abi.CryptoVerifyRequest]("CryptoVerifyRequest")
	requestType[abi.CryptoHashPasswordRequest]("CryptoHashPasswordRequest")
	requestType[abi.CryptoVerifyPasswordRequest]("CryptoVerifyPasswordRequest")
	requestType[abi.JWTSignRequest]("JWTSignRequest")
	requestType[abi.JWTVerifyRequest]("JWTVerifyRequest")
	requestType[abi.GzipRequest]("GzipRequest")
	requestType[abi.QueuePushRequest]("QueuePushRequest")
	requestType[abi.PubSubPublishRequest]("PubSubPublishRequest")
	requestType[abi.PubSubTokenRequest]("PubSubTokenRequest")
	requestType[abi.SecretsGetRequest]("SecretsGetRequest")
	requestType[abi.SecretsListRequest]("SecretsListRequest")
	requestType[abi.InvokeAsyncRequest]("InvokeAsyncRequest")
	requestType[abi.DeadLettersListRequest]("DeadLettersListRequest")
	requestType[abi.DeadLettersGetRequest]("DeadLettersGetRequest")
	requestType[abi.DeadLettersResolveRequest]("DeadLettersResolveRequest")
}

func TestBridges(t *testing.T) {
	bridged := map[abi.Op]bool{
		abi.OpYield: true, abi.OpClockMonotonic: true, // by Rhai's own functions
		abi.OpStreamStart: true, abi.OpStreamWrite: true, abi.OpStreamEvent: true, // see TestStreams
		abi.OpTransactionBegin: true, abi.OpTransactionCommit: true, abi.OpTransactionRollback: true, // see TestTransactions
	}
	for _, b := range bridges(t) {
		bridged[b.op] = true
		row, _ := abi.Lookup(b.op)
		t.Run(row.Name+"/"+b.script, func(t *testing.T) {
			w := &wire{answers: map[abi.Op]msgp.Marshaler{b.op: b.answer}}
			if b.answer == nil {
				w.answers = nil
			}
			got, failure := run(t, w, b.script, abi.Limits{})
			if failure != nil {
				t.Fatalf("%s: %v", b.script, failure)
			}
			assert.Equal(t, b.want, got, "the value")
			require.Equal(t, []abi.Op{b.op}, w.ops, "the operations")
			newRequest, ok := requestTypes[row.Request]
			require.True(t, ok, "no request type %s in this test", row.Request)
			read := func(message []byte) string {
				request := newRequest()
				rest, err := request.UnmarshalMsg(message)
				require.NoError(t, err, "the host cannot read %x", message)
				assert.Empty(t, rest)
				again, err := request.MarshalMsg(nil)
				require.NoError(t, err)
				return asJSON(t, again)
			}
			assert.Equal(t, read(raw(t, b.request)), read(w.requests[0]), "the request as the host reads it")
			assert.Len(t, asJSON(t, w.requests[0]), len(b.request), "the request: %s", asJSON(t, w.requests[0])) // no field that the host would ignore
		})
	}
	for _, row := range abi.Operations {
		if !bridged[row.Op] {
			t.Errorf("no function of scripts performs %s", row.Name)
		}
	}
}

// TestRefusedArguments never gets to the host.
func TestRefusedArguments(t *testing.T) {
	const c = `::collection("c")`
	for _, test := range []struct{ script, message string }{
		{`kv` + c + `.set("k", 0.0/0.0)`, `kv.set: value cannot leave the script: NaN`},
		{`kv` + c + `.set("k", #{items: [1, #{price: 1.0/0.0}]})`, `kv.set: value.items[1].price cannot leave the script: inf`},
		{`kv` + c + `.compare_and_set("k", (), [|x| x])`, `kv.compare_and_set: new[0] cannot leave the script: Fn`},
		{`docs` + c + `.create(#{a: timestamp()})`, `docs.create: data.a cannot leave the script: timestamp`},
		{`http::post("u", #{a: 1..2})`, `http.request: body.a cannot leave the script: range`},
		{`kv` + c + `.set("k", kv` + c + `)`, `kv.set: value cannot leave the script: KvCollection`},
		{`let a = []; for i in 0..64 { a = [a]; } kv` + c + `.set("k", a)`, `kv.set: value` + strings.Repeat("[0]", 64) + ` cannot leave the script: a value nested more than 64 deep`},
		{`log::info("m", [0.0/0.0])`, `log::info: data[0] cannot leave the script: NaN`},
		{`kv` + c + `.set("k", 1, #{ttl: 5})`, `kv.set: unknown property "ttl"; there are if_absent, ttl_ms`},
		{`kv` + c + `.set("k", 1, #{ttl: ()})`, `kv.set: unknown property "ttl"; there are if_absent, ttl_ms`},
		{`kv` + c + `.set("k", 1, #{ttl_ms: 1.5})`, `kv.set: ttl_ms must be an integer, got f64`},
		{`kv` + c + `.set("k", 1, #{if_absent: 1})`, `kv.set: if_absent must be a bool, got i64`},
		{`kv` + c + `.list(#{prefix: 'c'})`, `kv.list: prefix must be a string, got char`},
		{`docs` + c + `.find(#{}, #{sort: "a"})`, `docs.find: sort must be a map of one path to 1 or -1, or an array of such pairs, got string`},
		{`docs` + c + `.find_one(#{}, #{limit: 1})`, `docs.find: unknown property "limit"; there are sort`},
		{`files` + c + `.create(#{name: "a", data: "x"})`, `files.create: content_type is missing`},
		{`files` + c + `.create(#{name: "a", content_type: "b", data: ()})`, `files.create: data is missing`},
		{`files` + c + `.create(#{name: "a", content_type: "b", data: 1})`, `files.create: data must be a blob or a string, got i64`},
		{`files` + c + `.update("f", #{nam: "b"})`, `files.update: unknown property "nam"; there are name, content_type, data`},
		{`invoke("f", |x| x)`, `invoke: args cannot leave the script: Fn`},
		{`invoke("f", [1, #{at: timestamp()}])`, `invoke: args[1].at cannot leave the script: timestamp`},
		{`invoke_async("f", 1, #{delay: 5})`, `invoke_async: unknown property "delay"; there are delay_ms`},
		{`queue::topic("t").push(|x| x)`, `queue.push: message cannot leave the script: Fn`},
		{`queue::topic("t").push(1, #{ttl_ms: 5})`, `queue.push: unknown property "ttl_ms"; there are debounce_ms, dedupe, delay_ms, key`},
		{`queue::topic("t").push(1, #{delay_ms: "5"})`, `queue.push: delay_ms must be an integer, got string`},
		{`queue::topic("t").push_all([1, #{a: 0.0/0.0}])`, `queue.push: messages[1].a cannot leave the script: NaN`},
		{`queue::topic("t").push_all([1, 2], #{dedupe: "d"})`, `queue.push: unknown property "dedupe"; there are delay_ms, key`},
		{`pubsub::publish("t", 1..2)`, `pubsub.publish: message cannot leave the script: range`},
		{`dead_letters::list(#{unresolved: 1})`, `dead_letters.list: unresolved must be a bool, got i64`},
		{`dead_letters::list(#{resolved: true})`, `dead_letters.list: unknown property "resolved"; there are cursor, limit, unresolved`},
		{`docs::collection("c").find(#{}, #{sort: #{a: 1, b: -1}})`, `docs.find: sort must be an array of pairs where it has several paths, as a map has no order: sort: [["a", 1], ["b", -1]]`},
		{`http::get("u", #{headers: "x"})`, `http.request: headers must be a map of strings, got string`},
		{`http::get("u", #{headers: #{a: #{}}})`, `http.request: headers.a must be a string or an array of them, got map`},
		{`http::get("u", #{query: #{a: ["b", ()]}})`, `http.request: query.a[1] must be a string or an array of them, got ()`},
		{`http::get("u", #{retries: 1})`, `http.request: unknown property "retries"; there are follow_redirects, headers, max_response_bytes, query, timeout_ms`},
	} {
		w := &wire{}
		got, failure := run(t, w, `let r = (); try { `+test.script+`; } catch (e) { r = [e.error, e.code, e.message]; } r`, abi.Limits{})
		if failure != nil {
			t.Errorf("%s: %v", test.script, failure)
			continue
		}
		assert.Equal(t, asJSON(t, raw(t, fmt.Sprintf(`["ErrorOperation", "invalid", %q]`, test.message))), got, test.script)
		assert.Empty(t, w.ops, test.script)
	}
}

func TestWrongTypesOfArguments(t *testing.T) {
	for script, message := range map[string]string{
		`kv::collection(1)`:                  `Function not found: collection (i64) (line 1, position 5)`,
		`kv::collection("c").get(1)`:         `Function not found: get (KvCollection, i64) (line 1, position 21)`,
		`docs::collection("c").create([])`:   `Function not found: create (DocsCollection, array) (line 1, position 23)`,
		`files::collection("c").incr("a",1)`: `Function not found: incr (FilesCollection, &str | ImmutableString | String, i64) (line 1, position 24)`,
		`queue::topic("t").push_all(1)`:      `Function not found: push_all (QueueTopic, i64) (line 1, position 19)`,
		`queue::topic("t").get("k")`:         `Function not found: get (QueueTopic, &str | ImmutableString | String) (line 1, position 19)`,
		`dead_letters::resolve("d")`:         `Function not found: resolve (&str | ImmutableString | String) (line 1, position 15)`,
		`invoke(1)`:                          `Function not found: invoke (i64) (line 1, position 1)`,
		`kv::nope("c")`:                      `Function not found: kv::nope (&str | ImmutableString | String) (line 1, position 5)`,
	} {
		_, failure := run(t, &wire{}, script, abi.Limits{})
		require.NotNil(t, failure, script)
		assert.Equal(t, message, failure.Message, script)
	}
}

// TestErrorsOfOperations shows what a script, and who reads its log, gets of the host's refusal.
func TestErrorsOfOperations(t *testing.T) {
	w := &wire{fails: &abi.OpError{Code: abi.OpCodeInvalid, Message: "kv.set: ttl_ms must be at least 1, got 0"}}
	const script = `let c = kv::collection("c");
  c.set("k", 1, #{ttl_ms: 0})`
	_, failure := run(t, w, script, abi.Limits{})
	require.NotNil(t, failure)
	assert.Equal(t, "kv.set: ttl_ms must be at least 1, got 0 (line 2, position 5)", failure.Message)
	assert.Equal(t, abi.CodeScriptError, failure.Code)

	got, failure := run(t, w, `let r = (); try { `+script+` } catch (e) { r = e; } r`, abi.Limits{})
	require.Nil(t, failure)
	assert.Equal(t, `{"code":"invalid","error":"ErrorOperation","line":2,"message":"kv.set: ttl_ms must be at least 1, got 0","operation":"kv.set","position":5}`, got)

	got, failure = run(t, w, `fn f() { kv::collection("c").get("k") } let r = (); try { f() } catch (e) { r = e.code; } r`, abi.Limits{})
	require.Nil(t, failure)
	assert.Equal(t, `"invalid"`, got)

	_, failure = run(t, w, `fn f() { kv::collection("c").get("k") } try { f() } catch { throw }`, abi.Limits{})
	require.NotNil(t, failure)
	assert.Contains(t, failure.Message, "kv.get: kv.set: ttl_ms must")

	w.fails = &abi.OpError{Code: abi.OpCodeDenied, Message: "needs a capability"}
	got, failure = run(t, w, `let r = (); try { http::get("u") } catch (e) { r = [e.code, e.message]; } r`, abi.Limits{})
	require.Nil(t, failure)
	assert.Equal(t, `["denied","http.request: needs a capability"]`, got)
}

// TestErrorsOfInvoked shows an error of the callee in its caller.
func TestErrorsOfInvoked(t *testing.T) {
	w := &wire{fails: &abi.OpError{Code: abi.OpCodeFailed, Message: `invoke "resize": boom (line 3, position 1)`}}
	_, failure := run(t, w, `invoke("resize")`, abi.Limits{})
	require.NotNil(t, failure)
	assert.Equal(t, `invoke "resize": boom (line 3, position 1) (line 1, position 1)`, failure.Message)
	assert.Equal(t, abi.CodeScriptError, failure.Code)
	got, failure := run(t, w, `let r = (); try { invoke("resize") } catch (e) { r = e; } r`, abi.Limits{})
	require.Nil(t, failure)
	assert.Equal(t, `{"code":"failed","error":"ErrorOperation","line":1,"message":"invoke \"resize\": boom (line 3, position 1)","operation":"invoke","position":19}`, got)

	got, failure = run(t, &wire{}, `fn invoke(name, args) { name + args } invoke("a", "b")`, abi.Limits{})
	require.Nil(t, failure)
	assert.Equal(t, `"ab"`, got, "a function of the script's own comes first")
}

// TestMalformedResponses is what a broken host would cause.
func TestMalformedResponses(t *testing.T) {
	for _, response := range []string{"", "\xc1", "\x81", "\x81\xa5value", "\x81\xa5value\xdd\xff\xff\xff\xff", "\x81\xa5value\xa2\xff\xff", "\xa1x", "\x81\xa5value\xc7\x01\x05\x00"} {
		s := bridge.Session{Call: func(abi.Op, []byte) ([]byte, error) { return []byte(response), nil }}
		require.Nil(t, s.Load(&abi.LoadRequest{Source: `kv::collection("c").get("k")`}).Error)
		result := s.Run(&abi.RunRequest{})
		require.NotNil(t, result.Error, "%x", response)
		assert.Equal(t, "kv.get: malformed response (line 1, position 21)", result.Error.Message, "%x", response)
	}
	deep := &abi.KVGetResponse{Found: true, Value: raw(t, strings.Repeat("[", 70)+strings.Repeat("]", 70))}
	_, failure := run(t, &wire{answers: map[abi.Op]msgp.Marshaler{abi.OpKVGet: deep}}, `kv::collection("c").get("k")`, abi.Limits{})
	require.NotNil(t, failure)
	assert.Equal(t, "kv.get: value nested more than 64 deep (line 1, position 21)", failure.Message)
}

// TestLimitsOfResponses holds a response to the limits of the script, which cannot catch them.
func TestLimitsOfResponses(t *testing.T) {
	answer := func(json string) *wire {
		return &wire{answers: map[abi.Op]msgp.Marshaler{abi.OpKVGet: &abi.KVGetResponse{Found: true, Value: raw(t, json)}}}
	}
	for _, test := range []struct {
		limits abi.Limits
		json   string
		limit  string
	}{
		{abi.Limits{MaxStringSize: 10}, `{"a":"` + strings.Repeat("x", 11) + `"}`, "max_string_size"},
		{abi.Limits{MaxArraySize: 3}, `[1,2,3,4]`, "max_array_size"},
		{abi.Limits{MaxBlobSize: 3}, `{"$blob":"AAAAAA=="}`, "max_blob_size"},
		{abi.Limits{MaxMapSize: 1}, `{"a":1,"b":2}`, "max_map_size"},
		{abi.Limits{MaxOperations: 1000}, `[` + strings.Repeat("1,", 50_000) + `1]`, "max_operations"},
	} {
		_, failure := run(t, answer(test.json), `try { kv::collection("c").get("k") } catch { }`, test.limits)
		require.NotNil(t, failure, test.limit)
		assert.Equal(t, abi.CodeLimitExceeded, failure.Code)
		assert.Equal(t, test.limit, failure.Limit)
	}
}

func TestCollections(t *testing.T) {
	got, failure := run(t, &wire{answers: map[abi.Op]msgp.Marshaler{abi.OpKVIncr: &abi.KVIncrResponse{Value: 1}}}, `
		const C = kv::collection("a \"b\"");
		fn bump(c) { c.incr("k", 1) }
		let list = [C, docs::collection("d"), files::collection("f")];
		let copy = C;
		[bump(C), copy.incr("k", 1), list.map(|c| type_of(c)), C.to_string(), `+"`${list}`"+`, C == 1, [1] == [C], "x" in [C]]`, abi.Limits{})
	require.Nil(t, failure)
	assert.Equal(t, `[1,1,["KvCollection","DocsCollection","FilesCollection"],"KvCollection(\"a \\\"b\\\"\")","[KvCollection(\"a \\\"b\\\"\"), DocsCollection(\"d\"), FilesCollection(\"f\")]",false,false,false]`, got)

	for script, message := range map[string]string{
		`kv::collection("c") == kv::collection("c")`:                      "Function not found: == (KvCollection, KvCollection)",
		`for x in kv::collection("c") { }`:                                "For loop expects iterable type",
		`kv::collection("c").name`:                                        "name",
		`kv::collection("c")[0]`:                                          "KvCollection",
		`[docs::collection("c"), kv::collection("c"), 1].sort(|a, b| ())`: "",
	} {
		_, failure := run(t, &wire{}, script, abi.Limits{})
		if message == "" {
			assert.Nil(t, failure, script)
			continue
		}
		require.NotNil(t, failure, script)
		assert.Contains(t, failure.Message, message, script)
	}
}
