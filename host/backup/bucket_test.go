package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/store/sqlite"
)

const (
	// envS3 is the folder of moto_server, see `make s3`.
	envS3 = "PICLOUD_TEST_S3"
	// Of another server that speaks S3 and is there already.
	envS3Endpoint  = "PICLOUD_TEST_S3_ENDPOINT"
	envS3AccessKey = "PICLOUD_TEST_S3_ACCESS_KEY"
	envS3SecretKey = "PICLOUD_TEST_S3_SECRET_KEY"
)

// s3 returns how to reach a server that speaks S3, which it starts if none is named.
func s3(t *testing.T) BucketConfig {
	t.Helper()
	c := BucketConfig{
		Region:   "us-east-1",
		Endpoint: os.Getenv(envS3Endpoint), AccessKey: os.Getenv(envS3AccessKey), SecretKey: os.Getenv(envS3SecretKey),
	}
	bin := os.Getenv(envS3)
	switch {
	case c.Endpoint != "":
		return c
	case bin == "":
		t.Skip("no server that speaks S3: `make s3`")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // to know a port that is free
	require.NoError(t, err)
	address := listener.Addr().(*net.TCPAddr)
	require.NoError(t, listener.Close())
	server := exec.CommandContext(t.Context(), filepath.Join(bin, "moto_server"), "-H", address.IP.String(), "-p", strconv.Itoa(address.Port))
	server.Stderr = t.Output()
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Wait() }) // the context has killed it
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", address.String())
		if err == nil {
			conn.Close()
			break
		}
		require.Less(t, time.Since(began), time.Minute, "the server does not listen: %v", err)
	}
	c.Endpoint, c.AccessKey, c.SecretKey = "http://"+address.String(), "test", "test of PiCloud"
	return c
}

// TestBucket keeps, lists and removes backups at a real server.
func TestBucket(t *testing.T) {
	c := s3(t)
	c.URL = "s3://picloud-test/some/where"
	ctx := t.Context()
	other := c
	other.URL = "s3://picloud-no-such-bucket"
	none, err := OpenBucket(other)
	require.NoError(t, err, "it may be away at the start")
	require.ErrorContains(t, none.Put(ctx, "a", strings.NewReader("a")), "there is no bucket picloud-no-such-bucket")

	b, err := OpenBucket(c)
	require.NoError(t, err)
	if there, err := b.client.BucketExists(ctx, b.bucket); err != nil || !there {
		require.NoError(t, b.client.MakeBucket(ctx, b.bucket, minio.MakeBucketOptions{}), "%v", err)
	}
	names := func() []string {
		t.Helper()
		names, err := b.Names(ctx)
		require.NoError(t, err)
		return names
	}
	for _, name := range names() { // of a run before
		require.NoError(t, b.Remove(ctx, name))
	}
	small, large := []byte("small"), make([]byte, partSize+1<<20) // of two parts
	rand.NewChaCha8([32]byte{}).Read(large)
	require.NoError(t, b.Put(ctx, "b", bytes.NewReader(large)))
	require.NoError(t, b.Put(ctx, "a", bytes.NewReader(small)))
	assert.Equal(t, []string{"a", "b"}, names())
	for name, want := range map[string][]byte{"a": small, "b": large} {
		object, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
		require.NoError(t, err)
		got, err := io.ReadAll(object)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), name)
	}

	broken := errors.New("broken off")
	assert.ErrorIs(t, b.Put(ctx, "c", io.MultiReader(bytes.NewReader(large), failing{broken})), broken)
	assert.Equal(t, []string{"a", "b"}, names(), "nothing is kept of what broke off")
	require.NoError(t, b.Remove(ctx, "a"))
	assert.Equal(t, []string{"b"}, names())

	// Uploads that were begun and left are ended after a week, and only those of backups.
	core := minio.Core{Client: b.client}
	for _, name := range []string{namePrefix + "left", "of somebody"} {
		_, err := core.NewMultipartUpload(ctx, b.bucket, b.prefix+name, minio.PutObjectOptions{})
		require.NoError(t, err)
	}
	var initiated time.Time // by the server's clock, or what it gives out as that
	unfinished := func() (keys []string) {
		for upload := range b.client.ListIncompleteUploads(ctx, b.bucket, b.prefix, false) {
			require.NoError(t, upload.Err)
			keys = append(keys, strings.TrimPrefix(upload.Key, b.prefix))
			initiated = upload.Initiated
		}
		return keys
	}
	require.Len(t, unfinished(), 2)
	require.NoError(t, b.RemoveUnfinished(ctx, initiated.Add(uploadAge-time.Hour)))
	assert.ElementsMatch(t, []string{namePrefix + "left", "of somebody"}, unfinished())
	require.NoError(t, b.RemoveUnfinished(ctx, initiated.Add(uploadAge+time.Hour)))
	assert.Equal(t, []string{"of somebody"}, unfinished())
	require.NoError(t, b.client.RemoveIncompleteUpload(ctx, b.bucket, b.prefix+"of somebody"))

	// A scheduled backup is whole when it is read back.
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	defer db.Close()
	n := newNode(t, db, filepath.Join(t.TempDir(), "files"), func(_ *Config, s *ScheduleConfig) { s.Place, s.Keep = b, 1 })
	require.NoError(t, n.at(t, "01T12:00:00"))
	require.NoError(t, n.at(t, "02T03:00:00"))
	require.NoError(t, n.at(t, "03T03:00:00"))
	const name = "picloud-20260103T030000Z.tar.zst"
	assert.Equal(t, []string{"b", name}, names())
	object, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	require.NoError(t, err)
	_, _, err = archive.Read(object, archive.Taker{})
	require.NoError(t, err)

	c.SecretKey = "not the secret"
	b, err = OpenBucket(c)
	require.NoError(t, err)
	if err = b.Put(ctx, "d", strings.NewReader("d")); err != nil { // at a server that looks at keys
		assert.ErrorContains(t, err, "bucket picloud-test: ")
		assert.NotContains(t, err.Error(), c.SecretKey)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func TestBucketSettings(t *testing.T) {
	for _, c := range []struct{ url, endpoint, says string }{
		{"s3://", "https://s3.example.com", "must be s3://BUCKET"},
		{"https://bucket", "https://s3.example.com", "must be s3://BUCKET"},
		{"s3://bucket", "", "must be https://HOST"},
		{"s3://bucket", "s3.example.com", "must be https://HOST"},
		{"s3://bucket", "https://s3.example.com/bucket", "must be https://HOST, with no path"},
	} {
		_, err := OpenBucket(BucketConfig{URL: c.url, Endpoint: c.endpoint})
		assert.ErrorContains(t, err, c.says, "%v", c)
	}
}
