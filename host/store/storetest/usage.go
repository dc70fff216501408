package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// What an app uses is counted to the byte, whatever is done to its data and by how many at once.
func testUsage(t *testing.T, s subject) {
	app, other := s.app(t, "counted"), s.app(t, "other")
	usage := func(id string) store.AppUsage {
		u, err := s.Apps().Usage(s.ctx, id, s.clock.Now())
		require.NoError(t, err)
		return u
	}
	require.Zero(t, usage(app.ID))
	require.Zero(t, usage("no such app"))

	var all sync.WaitGroup
	for worker := range uint64(4) {
		all.Go(func() { changeAtRandom(t, s, app.ID, rand.New(rand.NewPCG(worker, 0))) })
	}
	all.Wait()
	var want store.AppUsage
	kv, err := s.KV().List(s.ctx, app.ID, "c", "", store.PageRequest{Limit: store.MaxPageSize})
	require.NoError(t, err)
	for _, e := range kv.Items {
		want.KV += int64(len(e.Key) + len(e.Value))
	}
	_, err = s.Docs().Scan(s.ctx, store.DocumentQuery{AppID: app.ID, Collection: "c"}, func(d store.Document) error {
		want.Docs += int64(len(d.Data))
		return nil
	})
	require.NoError(t, err)
	require.NotZero(t, want.KV)
	require.NotZero(t, want.Docs)
	assert.Equal(t, want, usage(app.ID))
	assert.Zero(t, usage(other.ID))

	for _, e := range kv.Items {
		_, err := s.KV().Delete(s.ctx, app.ID, "c", e.Key)
		require.NoError(t, err)
	}
	assert.Equal(t, store.AppUsage{Docs: want.Docs}, usage(app.ID))
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	assert.Zero(t, usage(app.ID))
	s.takeChanges(t)
}

// changeAtRandom changes few entries and documents often.
func changeAtRandom(t *testing.T, s subject, app string, random *rand.Rand) {
	text := func() json.RawMessage {
		return json.RawMessage(`{"v":"` + strings.Repeat("é", random.IntN(2000)) + `"}`)
	}
	for range 60 {
		key := fmt.Sprint("key-", random.IntN(8))
		doc := store.DocumentKey{AppID: app, Collection: "c", ID: fmt.Sprint("doc-", random.IntN(8))}
		var err error
		switch random.IntN(9) {
		case 0, 1:
			_, err = s.KV().Set(s.ctx, app, "c", store.KVEntry{Key: key, Value: text()}, random.IntN(2) == 0)
		case 2:
			_, err = s.KV().Delete(s.ctx, app, "c", key)
		case 3:
			err = s.KV().Update(s.ctx, app, "c", key, func(json.RawMessage) (json.RawMessage, bool, error) { return text(), true, nil })
		case 4, 5:
			_, err = s.Docs().Create(s.ctx, doc, store.DocumentContent{Data: text()})
		case 6:
			_, err = s.Docs().Replace(s.ctx, doc, store.DocumentContent{Data: text()}, nil)
		case 7:
			err = s.Docs().Delete(s.ctx, doc)
		case 8: // what is rolled back is not counted
			undo := errors.New("undo")
			if err = s.InTx(s.ctx, func(tx store.Store) error {
				_, err := tx.KV().Set(s.ctx, app, "c", store.KVEntry{Key: key, Value: text()}, false)
				return errors.Join(err, undo)
			}); errors.Is(err, undo) {
				err = nil
			}
		}
		if code := fault.Of(err); code != fault.NotFound && code != fault.Conflict {
			assert.NoError(t, err)
		}
	}
}

// Bytes of log are counted by the day, and stay counted when the lines are gone.
func testLogUsage(t *testing.T, s subject) {
	script := s.script(t, s.app(t, "talkative"), "s")
	record := func(id string, lines ...string) {
		e := store.Execution{ID: id, AppID: script.AppID, ScriptID: script.ID, StartedAt: s.clock.Now(), InvocationType: abi.InvocationHTTP}
		for _, line := range lines {
			e.Lines = append(e.Lines, store.LogLine{At: s.clock.Now(), Level: abi.LogInfo, Message: line, Data: json.RawMessage(`"x"`)})
		}
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{e}))
	}
	usage := func() int64 {
		u, err := s.Apps().Usage(s.ctx, script.AppID, s.clock.Now())
		require.NoError(t, err)
		return u.Log
	}
	record("silent")
	assert.EqualValues(t, 0, usage())
	e := store.Execution{ID: "request", AppID: script.AppID, ScriptID: script.ID, StartedAt: s.clock.Now(), InvocationType: abi.InvocationHTTP}
	e.Path = strings.Repeat("/", store.FreePath)
	require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{e}))
	assert.EqualValues(t, 0, usage(), "a short path is of the record")
	s.clock.advance(-24 * time.Hour)
	e.ID, e.StartedAt = "traced", s.clock.Now()
	e.Path, e.Trace = strings.Repeat("/", 2*store.MaxPath), &store.Trace{Calls: make([]store.Call, 3)}
	require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{e}))
	assert.EqualValues(t, store.MaxPath-store.FreePath+300, usage())
	assert.EqualValues(t, usage(), e.LogBytes())
	s.clock.advance(24 * time.Hour)
	record("a", "seven..", "four")
	record("b", "four")
	assert.EqualValues(t, 7+4+4+3*3, usage())
	_, err := s.Executions().DeleteBefore(s.ctx, s.clock.Now().Add(time.Hour), store.MaxBatch)
	require.NoError(t, err)
	assert.EqualValues(t, 7+4+4+3*3, usage())
	s.clock.advance(24 * time.Hour)
	assert.EqualValues(t, 0, usage(), "another day")
	record("c", "four")
	assert.EqualValues(t, 4+3, usage())
}
