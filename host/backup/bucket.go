package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Bucket is a [Place] at a server that speaks S3.
type Bucket struct {
	client *minio.Client
	bucket string
	prefix string // of all names
}

// BucketConfig says where a bucket is.
type BucketConfig struct {
	URL       string // s3://BUCKET or s3://BUCKET/PREFIX
	Endpoint  string // of the server: https://host[:port]; http:// where nobody listens
	Region    string // "": the server tells
	AccessKey string
	SecretKey string
}

// partSize is how many bytes are sent, and held in memory, at a time; a bucket takes 10,000 of them for one
// object.
const partSize = 32 << 20

// OpenBucket checks the settings of a bucket, and asks no server.
func OpenBucket(c BucketConfig) (*Bucket, error) {
	place, err := url.Parse(c.URL)
	if err != nil || place.Scheme != "s3" || place.Host == "" {
		return nil, fmt.Errorf("%q is no bucket: it must be s3://BUCKET or s3://BUCKET/PREFIX", c.URL)
	}
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	b := &Bucket{client: client, bucket: place.Host, prefix: strings.Trim(place.Path, "/")}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

func newClient(c BucketConfig) (*minio.Client, error) {
	server, err := url.Parse(c.Endpoint)
	if err != nil || server.Host == "" || server.Scheme != "https" && server.Scheme != "http" || strings.Trim(server.Path, "/") != "" {
		return nil, fmt.Errorf("%q is no endpoint: it must be https://HOST, with no path", c.Endpoint)
	}
	return minio.New(server.Host, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: server.Scheme == "https", Region: c.Region,
	})
}

// Put sends an object, of which nothing is kept unless all of it arrives.
func (b *Bucket) Put(ctx context.Context, name string, from io.Reader) error {
	there, err := b.client.BucketExists(ctx, b.bucket)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", b.bucket, err)
	}
	if !there {
		return fmt.Errorf("there is no bucket %s at %s: make it first", b.bucket, b.client.EndpointURL())
	}
	_, err = b.client.PutObject(ctx, b.bucket, b.prefix+name, from, -1, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1,
	})
	return err
}

// Names lists the objects, whatever else is below the prefix left out.
func (b *Bucket) Names(ctx context.Context) (names []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for object := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix}) {
		if object.Err != nil {
			return nil, object.Err
		}
		names = append(names, strings.TrimPrefix(object.Key, b.prefix))
	}
	return names, nil
}

// Remove removes an object.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	return b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{})
}

// uploadAge is how old an upload is that is certainly left. A bucket tells only when one began, and a long one
// may go on for days.
const uploadAge = 7 * 24 * time.Hour

// RemoveUnfinished ends the uploads of backups that nobody goes on with, whose parts the bucket keeps.
func (b *Bucket) RemoveUnfinished(ctx context.Context, now time.Time) error {
	var left []string
	var err error
	for upload := range b.client.ListIncompleteUploads(ctx, b.bucket, b.prefix+namePrefix, false) {
		if upload.Err != nil {
			err = upload.Err
		} else if now.Sub(upload.Initiated) > uploadAge {
			left = append(left, upload.Key)
		}
	}
	for _, key := range left {
		err = errors.Join(err, b.client.RemoveIncompleteUpload(ctx, b.bucket, key))
	}
	return err
}
