package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/picloud/picloud/host/api/wire"
)

// FilesCollections lists the collections of an app that have files.
func (c *Client) FilesCollections(ctx context.Context, app string) iter.Seq2[wire.FilesCollection, error] {
	return list[wire.FilesCollection](ctx, c, "apps", app, "files")
}

// Files lists the files of a collection, the oldest first.
func (c *Client) Files(ctx context.Context, app, collection string) iter.Seq2[wire.File, error] {
	return list[wire.File](ctx, c, "apps", app, "files", collection)
}

// File returns what describes a file.
func (c *Client) File(ctx context.Context, app, collection, id string) (wire.File, error) {
	return call[wire.File](ctx, c, http.MethodGet, []string{"apps", app, "files", collection, id, "metadata"}, nil, nil)
}

// UploadFile stores a new file. The content is sent as it is read. An empty content type is
// application/octet-stream.
func (c *Client) UploadFile(ctx context.Context, app, collection, name, contentType string, content io.Reader) (wire.File, error) {
	return c.upload(ctx, http.MethodPost, []string{"apps", app, "files", collection}, url.Values{"name": {name}}, contentType, content)
}

// ReplaceFile replaces the bytes of a file. An empty content type leaves the file's own.
func (c *Client) ReplaceFile(ctx context.Context, app, collection, id, contentType string, content io.Reader) (wire.File, error) {
	return c.upload(ctx, http.MethodPut, []string{"apps", app, "files", collection, id}, nil, contentType, content)
}

func (c *Client) upload(ctx context.Context, method string, path []string, query url.Values, contentType string, content io.Reader) (file wire.File, err error) {
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	resp, err := c.send(ctx, c.transfers, method, path, query, header, content)
	if err != nil {
		return file, err
	}
	return file, c.receive(resp, &file)
}

// DownloadFile returns the bytes of a file, to be read and closed by the caller. A transfer that
// breaks off is an error of the last read.
func (c *Client) DownloadFile(ctx context.Context, app, collection, id string) (io.ReadCloser, error) {
	return c.download(ctx, nil, "apps", app, "files", collection, id)
}

func (c *Client) download(ctx context.Context, query url.Values, path ...string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, c.transfers, http.MethodGet, path, query, http.Header{}, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.receive(resp, nil)
	}
	return resp.Body, nil
}

// DeleteFile removes a file.
func (c *Client) DeleteFile(ctx context.Context, app, collection, id string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "files", collection, id}, nil, nil, nil)
}
