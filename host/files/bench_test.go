//go:build unix

package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// BenchmarkFiles measures an operation beside what it cannot do without: for a creation writing and
// syncing a file, for a reading taking its sum.
func BenchmarkFiles(b *testing.B) {
	for _, database := range []struct {
		name string
		open func() (store.Store, error)
	}{
		{"SQLite", func() (store.Store, error) {
			return sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(b.TempDir(), sqlite.FileName)})
		}},
		{"PostgreSQL", func() (store.Store, error) {
			return postgres.Open(context.Background(), postgres.Config{URL: pgtest.URL(b)})
		}},
	} {
		for _, size := range []int{1 << 10, 10 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", database.name, size>>10), func(b *testing.B) {
				s, err := database.open()
				require.NoError(b, err)
				f := newFixtureOn(b, s, nil)
				data := random(size)
				file := f.create(b, data)
				b.Run("create", func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						f.create(b, data)
					}
				})
				b.Run("get", func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						if _, err := f.Get(f.ctx, f.app.ID, "c", file.ID, Range{}); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run("open and read", func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
						if err != nil {
							b.Fatal(err)
						}
						if _, err := io.Copy(io.Discard, r); err != nil {
							b.Fatal(err)
						}
						r.Close()
					}
				})
			})
		}
	}
	for _, size := range []int{1 << 10, 10 << 20} {
		data, directory := random(size), b.TempDir()
		b.Run(fmt.Sprintf("bare/%dKiB/write and sync", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				file, err := os.Create(filepath.Join(directory, fmt.Sprint(i)))
				require.NoError(b, err)
				_, err = io.Copy(file, bytes.NewReader(data))
				require.NoError(b, err)
				require.NoError(b, file.Sync())
				require.NoError(b, file.Close())
			}
		})
		b.Run(fmt.Sprintf("bare/%dKiB/sum", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				sha256.Sum256(data)
			}
		})
	}
}
