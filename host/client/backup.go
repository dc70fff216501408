package client

import (
	"context"
	"io"
	"net/http"
)

// Backup has a backup made of all that there is, to be read and closed by the caller. A transfer that breaks
// off is an error of the last read.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	resp, err := c.send(ctx, c.transfers, http.MethodPost, []string{"backup"}, nil, http.Header{}, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.receive(resp, nil)
	}
	return resp.Body, nil
}
