package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
	"github.com/picloud/picloud/host/store/sqlite"
)

// A node is one of those that share a database, with a clock that stands still.
type node struct {
	*Schedule
	now time.Time
}

// at runs the schedule at a time.
func (n *node) at(t *testing.T, hour string) error {
	t.Helper()
	var err error
	n.now, err = time.Parse(time.RFC3339, "2026-01-"+hour+"Z")
	require.NoError(t, err)
	return n.run(t.Context())
}

func newNode(t *testing.T, db store.Store, root string, change func(*Config, *ScheduleConfig)) *node {
	t.Helper()
	stored, err := files.New(files.Config{Store: db.Files(), Root: root})
	require.NoError(t, err)
	when, err := schedule.Parse("0 3 * * *", "")
	require.NoError(t, err)
	n := &node{}
	c := Config{Store: db, Files: stored, Version: "test", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return n.now }}
	s := ScheduleConfig{When: when, Keep: 2, Registerer: prometheus.NewRegistry()}
	change(&c, &s)
	s.Service = New(c)
	n.Schedule = NewSchedule(s)
	return n
}

// TestSchedule: one of two nodes makes each backup, what was missed is made once, and the newest are kept.
func TestSchedule(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		root, place := filepath.Join(t.TempDir(), "files"), t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(place, "of somebody"), nil, 0o600))
		var nodes []*node
		for range 2 {
			db, err := open(nil)
			require.NoError(t, err)
			defer db.Close()
			nodes = append(nodes, newNode(t, db, root, func(_ *Config, s *ScheduleConfig) { s.Place = Directory(place) }))
		}
		one, two := nodes[0], nodes[1]
		kept := func() (names []string) {
			names, err := Directory(place).Names(t.Context())
			require.NoError(t, err)
			return names
		}
		at := func(n *node, hour string, want ...string) {
			t.Helper()
			require.NoError(t, n.at(t, hour))
			require.Equal(t, append([]string{"of somebody"}, want...), kept())
		}
		const first, third, fourth = "picloud-20260102T030000Z.tar.zst", "picloud-20260104T110000Z.tar.zst", "picloud-20260105T030005Z.tar.zst"
		at(one, "01T12:00:00") // the first start
		at(one, "02T02:59:59")
		at(two, "02T02:59:59")
		at(one, "02T03:00:00", first)
		at(two, "02T03:00:00", first)
		at(two, "02T23:00:00", first)
		at(two, "04T11:00:00", first, third) // after two days in which no node ran
		at(one, "04T11:00:00", first, third)
		at(one, "05T03:00:05", third, fourth)
		assert.EqualValues(t, one.now.Unix(), testutil.ToFloat64(one.success))
		info, err := os.Stat(filepath.Join(place, fourth))
		require.NoError(t, err)
		assert.EqualValues(t, info.Size(), testutil.ToFloat64(one.size))
		assert.EqualValues(t, 0o600, info.Mode().Perm())

		file, err := os.Open(filepath.Join(place, fourth))
		require.NoError(t, err)
		defer file.Close()
		head, end, err := archive.Read(file, archive.Taker{})
		require.NoError(t, err)
		assert.Equal(t, one.now, head.CreatedAt)
		assert.False(t, end.SecretKey)
	})
}

// A place that cannot be written is one for the moment.
type broken struct {
	Directory
	fails bool
}

func (b *broken) Put(ctx context.Context, name string, from io.Reader) error {
	if b.fails {
		_, _ = io.CopyN(io.Discard, from, 10)
		return errors.New("the line is broken")
	}
	return b.Directory.Put(ctx, name, from)
}

// A backup that failed is still to be made, by any node.
func TestScheduleFails(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		db, err := open(nil)
		require.NoError(t, err)
		defer db.Close()
		place := &broken{Directory(t.TempDir()), true}
		n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(_ *Config, s *ScheduleConfig) { s.Place = place })
		require.NoError(t, n.at(t, "01T12:00:00"))
		require.EqualError(t, n.at(t, "02T03:00:00"), "backup picloud-20260102T030000Z.tar.zst: the line is broken")
		require.ErrorContains(t, n.at(t, "02T03:00:10"), "the line is broken")
		assert.EqualValues(t, 2, testutil.ToFloat64(n.failures))
		assert.Zero(t, testutil.ToFloat64(n.success))
		place.fails = false
		require.NoError(t, n.at(t, "02T03:01:00"))
		names, err := place.Names(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"picloud-20260102T030100Z.tar.zst"}, names)
		assert.NotZero(t, testutil.ToFloat64(n.success))
	})
}

// An encrypted backup has the keys of secrets, and one that is not has none.
func TestScheduledEncryption(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	keys := filepath.Join(t.TempDir(), "secret.key")
	require.NoError(t, os.WriteFile(keys, []byte("the keys"), 0o600))
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		db, err := open(nil)
		require.NoError(t, err)
		defer db.Close()
		place := Directory(t.TempDir())
		n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(c *Config, s *ScheduleConfig) {
			c.SecretFile, s.Place, s.Recipients = keys, place, []age.Recipient{identity.Recipient()}
		})
		require.NoError(t, n.at(t, "01T12:00:00"))
		require.NoError(t, n.at(t, "02T03:00:00"))
		sealed, err := os.ReadFile(filepath.Join(string(place), "picloud-20260102T030000Z.tar.zst.age"))
		require.NoError(t, err)
		plain, err := archive.Decrypt(bytes.NewReader(sealed), archive.Secrets{Identities: []age.Identity{identity}})
		require.NoError(t, err)
		var key string
		_, end, err := archive.Read(plain, archive.Taker{Key: func(text []byte) error { key = string(text); return nil }})
		require.NoError(t, err)
		assert.True(t, end.SecretKey)
		assert.Equal(t, "the keys", key)
	})
}

// A rotation of the keys while a backup begins leaves it with those of before and after.
func TestRotationMeanwhile(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "secret.key")
	rotate := func(text string) { require.NoError(t, os.WriteFile(keys, []byte(text), 0o600)) }
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		db, err := open(nil)
		require.NoError(t, err)
		defer db.Close()
		n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(c *Config, _ *ScheduleConfig) { c.SecretFile = keys })
		rotate("old")
		var made bytes.Buffer
		_, err = n.config.Service.write(t.Context(), &made, true, func() { rotate("new") })
		require.NoError(t, err)
		var has string
		_, _, err = archive.Read(&made, archive.Taker{Key: func(text []byte) error { has = string(text); return nil }})
		require.NoError(t, err)
		assert.Equal(t, "new\nold", has)
	})
}

// One backup is made at a time, whoever asks; a reader that goes away ends it, and so does a stop.
func TestOneAtATime(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		db, err := open(nil)
		require.NoError(t, err)
		defer db.Close()
		n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(_ *Config, s *ScheduleConfig) { s.Place = Directory(t.TempDir()) })
		service := n.config.Service
		reader, err := service.Open(t.Context())
		require.NoError(t, err)
		_, err = service.Open(t.Context())
		require.Equal(t, fault.Conflict, fault.Of(err))
		require.NoError(t, reader.Close())
		service.busy.Lock() // which the backup holds until it has ended
		//lint:ignore SA2001 nothing is to be done but to wait
		service.busy.Unlock()

		reader, err = service.Open(t.Context())
		require.NoError(t, err)
		_, _, err = archive.Read(reader, archive.Taker{})
		require.NoError(t, err)
		require.NoError(t, reader.Close())

		reader, err = service.Open(t.Context()) // and nobody reads it
		require.NoError(t, err)
		require.NoError(t, service.Stop(t.Context()))
		_, err = io.Copy(io.Discard, reader)
		require.Error(t, err, "it is not whole")
		_, err = service.Open(t.Context())
		require.Equal(t, fault.Conflict, fault.Of(err))
	})
}

// A stop that is waited for no longer says so.
func TestStopWaitsForItsContext(t *testing.T) {
	service := New(Config{})
	service.busy.Lock() // a backup that does not end
	defer service.busy.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, service.Stop(ctx), context.Canceled)
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name, mark string
		is         bool
	}{
		{"picloud-20260102T030000Z-12345678.tar.zst", "-12345678", true},
		{"picloud-20260102T030000Z-12345678.tar.zst.age", "-12345678", true},
		{"picloud-20260102T030000Z-12345678.tar.zst", "-00000000", false},
		{"picloud-20260102T030000Z-12345678.tar.zst", "", false},
		{"picloud-20260102T030000Z.tar.zst", "-12345678", false},
		{"picloud-20260102T030000Z.tar.zst", "", true},
		{"picloud-20260102T030000Z.tar", "", false},
		{"picloud-monday.tar.zst", "", false},
		{"20260102T030000Z.tar.zst", "", false},
		{unfinished + "1", "", false},
		{"", "", false},
	} {
		assert.Equal(t, c.is, isName(c.name, c.mark), c)
	}
}

// An instance that was restored beside the one it is a copy of, and has its settings, removes none of its backups.
func TestInstancesShareAPlace(t *testing.T) {
	place := Directory(t.TempDir())
	var nodes []*node
	for _, mark := range []string{"aaaaaaaaaa", "bbbbbbbbbb"} {
		db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
		require.NoError(t, err)
		defer db.Close()
		_, err = db.Files().Root(t.Context(), mark)
		require.NoError(t, err)
		n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(_ *Config, s *ScheduleConfig) { s.Place, s.Keep = place, 1 })
		require.NoError(t, n.at(t, "01T12:00:00"))
		nodes = append(nodes, n)
	}
	require.NoError(t, nodes[0].at(t, "02T03:00:00"))
	for _, day := range []string{"02", "03", "04"} {
		require.NoError(t, nodes[1].at(t, day+"T03:00:00"))
	}
	names, err := place.Names(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"picloud-20260102T030000Z-aaaaaaaa.tar.zst", "picloud-20260104T030000Z-bbbbbbbb.tar.zst"}, names)
}

// What a process has left that was killed goes with a later backup, even one that fails.
func TestUnfinished(t *testing.T) {
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	defer db.Close()
	place := &broken{Directory(t.TempDir()), true}
	n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(_ *Config, s *ScheduleConfig) { s.Place = place })
	require.NoError(t, n.at(t, "01T12:00:00"))
	now := n.now.Add(15 * time.Hour)
	for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "young": 23 * time.Hour} {
		path := filepath.Join(string(place.Directory), unfinished+name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chtimes(path, now.Add(-age), now.Add(-age)))
	}
	require.Error(t, n.at(t, "02T03:00:00"))
	names, err := place.Names(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{unfinished + "young"}, names)
}
