package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Status is how a server is, as it tells anybody who asks.
type Status struct {
	Version string        `json:"version"`
	Go      string        `json:"go"`
	State   string        `json:"state"` // ready, or why it is not
	Ready   bool          `json:"ready"`
	Took    time.Duration `json:"-"` // until it had written to its database

	// Of the node that has answered, if it tells everybody; else absent.
	Database   string `json:"database,omitempty"` // sqlite or postgres
	Executions *int64 `json:"executions_running,omitempty"`
	Limit      *int64 `json:"executions_limit,omitempty"`
	DiskFree   *int64 `json:"disk_free_bytes,omitempty"`
	Memory     *int64 `json:"memory_bytes,omitempty"`
	Started    *int64 `json:"started_at_seconds,omitempty"` // Unix time
}

// maxStatus bounds what is read of an answer about the server's health.
const maxStatus = 4 << 20

// Status asks a server how it is. No token is needed.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	if _, err := c.health(ctx, "/version", &s); err != nil {
		return s, err
	}
	began := time.Now()
	var ready struct {
		Status string `json:"status"`
	}
	code, err := c.health(ctx, "/readyz", &ready)
	if err != nil {
		return s, err
	}
	s.Took, s.State, s.Ready = time.Since(began), ready.Status, code == http.StatusOK
	resp, err := c.get(ctx, "/metrics")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK { // it wants a token
		return s, nil
	}
	for lines := bufio.NewScanner(io.LimitReader(resp.Body, maxStatus)); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		whole := int64(value)
		switch name {
		case "picloud_executions_running":
			s.Executions = &whole
		case `picloud_database{kind="sqlite"}`, `picloud_database{kind="postgres"}`:
			s.Database = strings.Split(name, `"`)[1]
		case "picloud_executions_limit":
			s.Limit = &whole
		case "picloud_disk_free_bytes":
			s.DiskFree = &whole
		case "process_resident_memory_bytes":
			s.Memory = &whole
		case "process_start_time_seconds":
			s.Started = &whole
		}
	}
	return s, nil
}

func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &UnreachableError{Address: c.Address(), Cause: err}
	}
	return resp, nil
}

// health reads one of the answers about the server's health.
func (c *Client) health(ctx context.Context, path string, into any) (code int, err error) {
	resp, err := c.get(ctx, path)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(into); err != nil {
		return 0, errors.New(c.Address() + path + ": not the answer of a PiCloud server")
	}
	return resp.StatusCode, nil
}
