package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The server that speaks S3, as `make s3` starts one.
const (
	envS3Endpoint  = "PICLOUD_TEST_S3_ENDPOINT"
	envS3AccessKey = "PICLOUD_TEST_S3_ACCESS_KEY"
	envS3SecretKey = "PICLOUD_TEST_S3_SECRET_KEY"
)

// TestBucket keeps, lists and removes backups at a real server.
func TestBucket(t *testing.T) {
	c := BucketConfig{
		URL: "s3://picloud-test/some/where", Region: "us-east-1",
		Endpoint: os.Getenv(envS3Endpoint), AccessKey: os.Getenv(envS3AccessKey), SecretKey: os.Getenv(envS3SecretKey),
	}
	if c.Endpoint == "" {
		t.Skip("no server that speaks S3: set " + envS3Endpoint + ", or `make s3`")
	}
	ctx := t.Context()
	other := c
	other.URL = "s3://picloud-no-such-bucket"
	_, err := OpenBucket(ctx, other)
	require.ErrorContains(t, err, "there is no bucket picloud-no-such-bucket")

	b, err := OpenBucket(ctx, c)
	if err != nil { // make it
		client, failed := newClient(c)
		require.NoError(t, failed)
		require.NoError(t, client.MakeBucket(ctx, "picloud-test", minio.MakeBucketOptions{}), "%v", err)
		b, err = OpenBucket(ctx, c)
	}
	require.NoError(t, err)
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

	c.SecretKey = "not the secret"
	_, err = OpenBucket(ctx, c)
	require.ErrorContains(t, err, "bucket picloud-test: ")
	assert.NotContains(t, err.Error(), c.SecretKey)
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
		_, err := OpenBucket(t.Context(), BucketConfig{URL: c.url, Endpoint: c.endpoint})
		assert.ErrorContains(t, err, c.says, "%v", c)
	}
}
