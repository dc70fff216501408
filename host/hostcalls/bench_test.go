package hostcalls

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// BenchmarkKV measures the operations that take a value from a guest, on SQLite: values are arrays
// of as many maps of 60 bytes of JSON.
func BenchmarkKV(b *testing.B) {
	opened, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), sqlite.FileName)})
	require.NoError(b, err)
	defer opened.Close()
	app, err := opened.Apps().Create(b.Context(), store.App{Slug: "bench"})
	require.NoError(b, err)
	d := New(Config{Services: Services{KV: kv.New(kv.Config{Store: opened.KV()})}})
	scope := &Scope{AppID: app.ID, Capabilities: []abi.Capability{abi.AppKVRead, abi.AppKVWrite}, Log: &Log{}, Started: time.Now()}
	for _, items := range []int{1, 100, 10_000} {
		text := "[" + strings.Repeat(`{"id":12345,"name":"an item","price":1.25,"tags":["a","b"]},`, items-1) + "0]"
		value, err := abi.AppendFromJSON(nil, []byte(text))
		require.NoError(b, err)
		set, err := (&abi.KVSetRequest{Collection: "c", Key: "k", Value: value}).MarshalMsg(nil)
		require.NoError(b, err)
		swap, err := (&abi.KVCompareAndSetRequest{Collection: "c", Key: "k", Old: value, New: value}).MarshalMsg(nil)
		require.NoError(b, err)
		for _, operation := range []struct {
			op      abi.Op
			request []byte
		}{{abi.OpKVSet, set}, {abi.OpKVCompareAndSet, swap}} {
			row, _ := abi.Lookup(operation.op)
			b.Run(row.Name+"/"+strconv.Itoa(items), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := d.Perform(b.Context(), scope, operation.op, operation.request); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkCalls measures what it costs to gather what an execution asks for: of one that asks for eight things and is good.
func BenchmarkCalls(b *testing.B) {
	started := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		var calls Calls
		for range 8 {
			began := time.Since(started)
			calls.add(performed{op: abi.OpKVGet, start: began, took: time.Since(started) - began, request: 10, response: 20})
		}
		calls.Release()
	}
}
