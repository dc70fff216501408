package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// documents makes so many in an app.
func documents(t testing.TB, s store.Store, appID string, n int) {
	t.Helper()
	const together = 5000
	for made := 0; made < n; {
		require.NoError(t, s.InTx(t.Context(), func(tx store.Store) error {
			for range min(together, n-made) {
				made++
				_, err := tx.Docs().Create(t.Context(), store.DocumentKey{AppID: appID, Collection: "orders"}, store.DocumentContent{
					Data:  json.RawMessage(fmt.Sprintf(`{"number":%d,"name":"somebody","open":true}`, made)),
					Terms: []int64{int64(10 + made), 1, 2},
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// pieces is a store that tells of each piece that is removed of what is deleted.
type pieces struct {
	store.Store
	after func(store.Removed)
}

func (p pieces) Deletions() store.Deletions { return piecesOf{p.Store.Deletions(), p.after} }

type piecesOf struct {
	store.Deletions
	after func(store.Removed)
}

func (p piecesOf) Remove(ctx context.Context, limit int) (store.Removed, error) {
	removed, err := p.Deletions.Remove(ctx, limit)
	if err == nil {
		p.after(removed)
	}
	return removed, err
}

// While an app of 100,000 documents is removed, each transaction removes a bounded number of rows, and others
// write between any two.
func TestALargeAppIsRemovedInPieces(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		const many = manyDocuments
		app, other := n.app(t, "large"), n.app(t, "other")
		documents(t, n.store, app.ID, many)
		rows, writes := 0, 0
		n.Catalog.store = pieces{n.store, func(removed store.Removed) {
			assert.LessOrEqual(t, removed.Rows, store.MaxBatch)
			rows += removed.Rows
			_, err := n.store.KV().Set(t.Context(), other.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage("1")}, false)
			assert.NoError(t, err)
			writes++
		}}
		remover := n.Remover()
		swept := remover.Swept()
		remover.Start()
		defer func() { require.NoError(t, remover.Stop(context.Background())) }()
		require.NoError(t, n.DeleteApp(t.Context(), app.ID))
		_, err := n.store.Apps().Get(t.Context(), app.ID)
		require.Equal(t, fault.NotFound, fault.Of(err))
		for removed := int64(0); removed == 0; { // the first sweep may have begun before
			removed, err = swept.Next(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, many+1, rows, "with the app's own")
		assert.GreaterOrEqual(t, writes, many/store.MaxBatch)
	})
}

// What one node has deleted and not removed, another does.
func TestAnotherNodeRemoves(t *testing.T) {
	nodes := onPostgres(t, 2)
	app := nodes[0].app(t, "shop")
	documents(t, nodes[0].store, app.ID, 100)
	require.NoError(t, nodes[0].DeleteApp(t.Context(), app.ID)) // whose remover does not run
	remover := nodes[1].Remover()
	swept := remover.Swept()
	remover.Start()
	defer func() { require.NoError(t, remover.Stop(context.Background())) }()
	removed, err := swept.Next(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 101, removed)
}

// BenchmarkDeleteApp measures how long others who write wait at most while an app of 100,000 documents is deleted: in
// pieces, and by one statement, as it was before.
func BenchmarkDeleteApp(b *testing.B) {
	const many = manyDocuments
	for _, way := range []struct {
		name   string
		remove func(ctx context.Context, s store.Store, path, appID string) error
	}{
		{"pieces", func(ctx context.Context, s store.Store, _, appID string) error {
			if err := s.Apps().Delete(ctx, appID); err != nil {
				return err
			}
			_, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
				removed, err := s.Deletions().Remove(ctx, limit)
				return removed.Rows, err
			})
			return err
		}},
		{"one-statement", func(ctx context.Context, _ store.Store, path, appID string) error {
			db, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)")
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.ExecContext(ctx, `DELETE FROM apps WHERE id = $1`, appID)
			return err
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			var longest, took time.Duration
			for range b.N {
				b.StopTimer()
				path := filepath.Join(b.TempDir(), sqlite.FileName)
				s, err := sqlite.Open(b.Context(), sqlite.Config{Path: path})
				require.NoError(b, err)
				app, err := s.Apps().Create(b.Context(), store.App{Slug: "large"})
				require.NoError(b, err)
				other, err := s.Apps().Create(b.Context(), store.App{Slug: "other"})
				require.NoError(b, err)
				documents(b, s, app.ID, many)
				ctx, cancel := context.WithCancel(b.Context())
				var writing sync.WaitGroup
				writing.Go(func() {
					for ctx.Err() == nil {
						began := time.Now()
						_, err := s.KV().Set(b.Context(), other.ID, "c", store.KVEntry{Key: "k", Value: json.RawMessage("1")}, false)
						if err != nil {
							b.Error(err)
							return
						}
						longest = max(longest, time.Since(began))
						time.Sleep(time.Millisecond)
					}
				})
				b.StartTimer()
				began := time.Now()
				require.NoError(b, way.remove(b.Context(), s, path, app.ID))
				took += time.Since(began)
				b.StopTimer()
				cancel()
				writing.Wait()
				require.NoError(b, s.Close())
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-wait")
			b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "ms-deletion")
		})
	}
}
