//go:build unix

package backup

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// envSize is how many MiB are backed up; 64 when it is not set.
const envSize = "PICLOUD_BACKUP_BENCH_MB"

// BenchmarkBackup measures a backup to a file, beside writing as many bytes as there are to a file as they are, in
// turns, while a writer writes 200 times a second to the store; that of package e2e has requests to a server instead. Half
// of the bytes are in values, a quarter in files of 64 MiB at most, and a quarter in files of 16 KiB; all are by chance, so that nothing can be compressed but the base64 of the values. "failed" are
// writes that did not succeed, "cpu-s/GB" is what of the processors all of the process took for 1e9 bytes.
func BenchmarkBackup(b *testing.B) {
	size := 64
	if text := os.Getenv(envSize); text != "" {
		var err error
		size, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	b.Run("SQLite", func(b *testing.B) {
		db, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), sqlite.FileName)})
		require.NoError(b, err)
		benchmarkBackup(b, db, size)
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		db, err := postgres.Open(b.Context(), postgres.Config{URL: pgtest.URL(b)})
		require.NoError(b, err)
		benchmarkBackup(b, db, size)
	})
}

func benchmarkBackup(b *testing.B, db store.Store, size int) {
	ctx, dir := b.Context(), b.TempDir()
	defer db.Close()
	root := filepath.Join(dir, "files")
	stored, err := files.New(files.Config{Store: db.Files(), Root: root})
	require.NoError(b, err)
	app, err := db.Apps().Create(ctx, store.App{Slug: "a", Name: "a"})
	require.NoError(b, err)
	chance := rand.NewChaCha8([32]byte{})
	file := func(name string, bytes int) {
		_, err := stored.Create(ctx, app.ID, "c", name, "a/b", io.LimitReader(chance, int64(bytes)))
		require.NoError(b, err)
	}
	for rest := size << 20 / 4; rest > 0; rest -= 64 << 20 {
		file("large", min(rest, 64<<20))
	}
	for range size << 20 / 4 / (16 << 10) {
		file("small", 16<<10)
	}
	content := make([]byte, 1<<20)
	for i := range size / 2 {
		chance.Read(content)
		for j := range 64 { // of 16 KiB each
			value := []byte(`"` + base64.StdEncoding.EncodeToString(content[j*12<<10:(j+1)*12<<10]) + `"`)
			_, err := db.KV().Set(ctx, app.ID, "c", store.KVEntry{Key: fmt.Sprint(i, "-", j), Value: value}, false)
			require.NoError(b, err)
		}
	}
	service := New(Config{Store: db, Files: stored, Version: "bench"})

	var wrote, failed, longest atomic.Int64
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; writing.Err() == nil; n++ {
			time.Sleep(5 * time.Millisecond)
			began := time.Now()
			_, err := db.KV().Set(ctx, app.ID, "written", store.KVEntry{Key: strconv.Itoa(n % 100), Value: json.RawMessage(strconv.Itoa(n))}, false)
			if wrote.Add(1); err != nil {
				failed.Add(1)
			}
			longest.Store(max(longest.Load(), int64(time.Since(began))))
		}
	}()

	var bytesThere, backupTime, copyTime int64
	var backupCPU time.Duration
	for b.Loop() {
		path := filepath.Join(dir, "backup")
		began, cpu := time.Now(), processorTime(b)
		to, err := os.Create(path)
		require.NoError(b, err)
		end, err := service.write(ctx, to, false, func() {})
		require.NoError(b, err)
		require.NoError(b, to.Sync())
		require.NoError(b, to.Close())
		backupTime += int64(time.Since(began))
		backupCPU += processorTime(b) - cpu
		bytesThere = end.FileBytes + end.DatabaseBytes()

		began = time.Now()
		require.NoError(b, copyAll(root, filepath.Join(dir, "copy"), bytesThere))
		copyTime += int64(time.Since(began))
	}
	stop()
	<-ended
	total := float64(bytesThere) * float64(b.N) / 1e6
	b.ReportMetric(total/(float64(backupTime)/1e9), "MB/s")
	b.ReportMetric(total/(float64(copyTime)/1e9), "copy-MB/s")
	b.ReportMetric(backupCPU.Seconds()/(total/1e3), "cpu-s/GB")
	b.ReportMetric(float64(wrote.Load()), "writes")
	b.ReportMetric(float64(failed.Load()), "failed")
	b.ReportMetric(float64(longest.Load())/1e6, "longest-write-ms")
}

// processorTime is what the process has had of the processors.
func processorTime(b *testing.B) time.Duration {
	var used unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// copyAll copies all files of a root into one, and again until it has so many bytes.
func copyAll(root, path string, size int64) error {
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	defer to.Close()
	var done int64
	for done < size {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || done >= size {
				return err
			}
			from, err := os.Open(path)
			if err != nil {
				return err
			}
			defer from.Close()
			n, err := io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{io.LimitReader(from, size-done)}) // through memory, as a backup is
			done += n
			return err
		})
		if err != nil {
			return err
		}
	}
	return to.Sync()
}
