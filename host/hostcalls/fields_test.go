package hostcalls

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// Requests as a plugin writes them. Those that are refused get to no service.
func TestRequestsAreChecked(t *testing.T) {
	d := New(Config{})
	for _, c := range []struct{ operation, request, says string }{
		{"kv.get", `{"colection":"c","key":"k"}`, `kv.get: unknown field "colection"; it takes collection, key`},
		{"kv.get", `{"collection":"c","key":"k","app":"other"}`, `kv.get: unknown field "app"; it takes collection, key`},
		{"kv.get", `{"":1}`, `kv.get: unknown field ""; it takes collection, key`},
		{"kv.get", `{"` + strings.Repeat("x", 100) + `":1}`, `kv.get: unknown field "` + strings.Repeat("x", 64) + `..."; it takes collection, key`},
		{"kv.get", `{"collection":7}`, `kv.get: collection must be a string, got an integer`},
		{"kv.get", `{"collection":"c","key":null}`, `kv.get: key must be a string, got null`},
		{"kv.get", `{"collection":{"$blob":"AA=="}}`, `kv.get: collection must be a string, got a blob`},
		{"kv.get", `[]`, `kv.get: malformed request`},
		{"kv.get", `null`, `kv.get: malformed request`},
		{"kv.list", `{"limit":5.0}`, `kv.list: limit must be an integer, got a float`},
		{"kv.list", `{"limit":9223372036854775808}`, `kv.list: limit must be an integer, got a float`},
		{"kv.set", `{"if_absent":"true"}`, `kv.set: if_absent must be a bool, got a string`},
		{"kv.set", `{"ttl_ms":[]}`, `kv.set: ttl_ms must be an integer, got an array`},
		{"files.create", `{"data":"text"}`, `files.create: data must be a blob, got a string`},
		{"http.request", `{"headers":{"a":"b","c":1}}`, `http.request: headers.c must be a string or an array of them, got an integer`},
		{"http.request", `{"headers":["a"]}`, `http.request: headers must be a map of strings, got an array`},
		{"http.request", `{"follow_redirects":0}`, `http.request: follow_redirects must be a bool, got an integer`},
		{"log.write", `{"level":"info","mesage":"m"}`, `log.write: unknown field "mesage"; it takes level, message, data`},
		{"log.write", `{"level":1}`, `log.write: level must be a string, got an integer`},
		{"clock.monotonic", `{"zone":"UTC"}`, `clock.monotonic: unknown field "zone"; it takes none`},
		{"clock.monotonic", `7`, `clock.monotonic: malformed request`},
		{"time.zone", `{"zone":"UTC","unix":true}`, `time.zone: unix must be an integer, got a bool`},
		{"invoke", `{"script":"f"}`, `invoke: unknown field "script"; it takes name, args`},
		{"queue.push", `{"topic":"t","messages":[{"body":1},{"body":2,"ttl":3}]}`, `queue.push: unknown field "messages[1].ttl"; it takes body, key, dedupe, delay_ms, debounce_ms`},
		{"queue.push", `{"topic":"t","messages":[{"body":1,"delay_ms":"soon"}]}`, `queue.push: messages[0].delay_ms must be an integer, got a string`},
		{"queue.push", `{"topic":"t","messages":[{"body":1},7]}`, `queue.push: messages[1] must be a map, got an integer`},
		{"queue.push", `{"topic":"t","messages":{"body":1}}`, `queue.push: messages must be an array of maps, got a map`},
		{"queue.push", `{"topic":"t","messages":[` + strings.Repeat(`{},`, 1000) + `{}]}`, `queue.push: messages: must be 1 to 1000, got 1001`},

		{"clock.monotonic", `{}`, ""},
		{"log.write", `{"level":"info","message":"m","data":null}`, ""},
		{"time.zone", `{"unix":0,"zone":"Europe/Berlin"}`, ""}, // in any order
	} {
		_, err := d.Perform(context.Background(), everything(), operation(t, c.operation), value(t, c.request))
		if c.says == "" {
			assert.NoError(t, err, "%s %s", c.operation, c.request)
			continue
		}
		var refused *abi.OpError
		require.ErrorAs(t, err, &refused, "%s %s", c.operation, c.request)
		assert.Equal(t, abi.OpError{Code: abi.OpCodeInvalid, Message: c.says}, *refused, "%s %s", c.operation, c.request)
	}
}

func everything() *Scope {
	scope := newScope()
	scope.Capabilities = allCapabilities()
	return scope
}

func operation(t *testing.T, name string) abi.Op {
	t.Helper()
	for _, row := range abi.Operations {
		if row.Name == name {
			return row.Op
		}
	}
	t.Fatalf("there is no operation %s", name)
	return 0
}

// Each message cut at any byte is refused and harms nobody.
func TestCutRequestsAreRefused(t *testing.T) {
	known := fieldsOf("http.request", reflect.TypeFor[abi.HTTPRequest]())
	message := value(t, `{"method":"GET","url":"u","headers":{"a":"b"},"query":{},"body":[1,{"x":null}],"timeout_ms":-1,"follow_redirects":false}`)
	require.NoError(t, known.check(message))
	for n := range message {
		var refused *abi.OpError
		require.ErrorAs(t, known.check(message[:n]), &refused, "%x", message[:n])
		assert.Equal(t, "http.request: malformed request", refused.Message)
	}
	assert.Error(t, known.check(append(message, 0xc0)), "with more behind it")

	listed := fieldsOf("queue.push", reflect.TypeFor[abi.QueuePushRequest]())
	message = value(t, `{"topic":"t","messages":[{"body":[1],"key":"k"},{"delay_ms":1}]}`)
	require.NoError(t, listed.check(message))
	for n := range message {
		assert.EqualError(t, listed.check(message[:n]), "queue.push: malformed request", "%x", message[:n])
	}
}

// What the check lets through msgp can read, of whatever bytes.
func FuzzCheck(f *testing.F) {
	known := fieldsOf("http.request", reflect.TypeFor[abi.HTTPRequest]())
	text := []byte(`{"method":"GET","url":"u","headers":{"a":"b"},"body":[1],"timeout_ms":1,"follow_redirects":null}`)
	message, err := abi.AppendFromJSON(nil, text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(message))
	f.Add([]byte{0x81, 0xa7, 'h', 'e', 'a', 'd', 'e', 'r', 's', 0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Add(msgp.AppendUint64(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "timeout_ms"), 1<<63))
	f.Fuzz(func(t *testing.T, message []byte) {
		if known.check(message) != nil { // reading it might allocate what a length only claims
			return
		}
		var request abi.HTTPRequest
		_, err := request.UnmarshalMsg(message)
		var overflow msgp.UintOverflow
		if err != nil && !errors.As(err, &overflow) {
			t.Errorf("%x is let through and cannot be read: %v", message, err)
		}
	})
}

// What the check adds to reading a request of two fields.
func BenchmarkCheck(b *testing.B) {
	known := fieldsOf("kv.get", reflect.TypeFor[abi.KVGetRequest]())
	message, err := (&abi.KVGetRequest{Collection: "visits", Key: "home"}).MarshalMsg(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if err := known.check(message); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			var request abi.KVGetRequest
			if _, err := request.UnmarshalMsg(message); err != nil {
				b.Fatal(err)
			}
		}
	})
}
