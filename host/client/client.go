// Package client is a typed client of PiCloud's admin API. The command line, the tests and the
// benchmarks speak to a server through it.
//
// A [Client] is safe for concurrent use. Methods that list return an iterator that fetches the next
// page when the caller gets there. The error is an [*Error] when the server answers with 400 or
// above, and an [*UnreachableError] when it cannot be reached.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/host/api/wire"
)

const (
	adminPath = "/api/v1/admin/"

	// maxAnswer bounds what is read of one answer, in bytes. The largest page of the largest
	// sources stays below it.
	maxAnswer = 256 << 20

	// requestTimeout is above the longest time limit a script can have, so that the server ends a
	// run, with an explanation.
	requestTimeout = 310 * time.Second

	// maxRedirects bounds how often a request is sent again, to a server that turns in a circle.
	maxRedirects = 5

	// userAgent is how people recognise the sessions of this client.
	userAgent = "picloud (" + runtime.GOOS + ")"
)

// Client speaks to one server as one user.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	// transfers has no limit of time: a large file over a slow line takes as long as it takes.
	transfers *http.Client
	renames   renames
}

// New returns a client of the server at address, an http or https URL. The token comes from
// [Client.Login] or is an API key; it may be empty for what needs none.
func New(address, token string) (*Client, error) {
	base, err := ParseAddress(address)
	if err != nil {
		return nil, err
	}
	// A redirect would carry the token to wherever it points.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: base, token: token,
		http:      &http.Client{Timeout: requestTimeout, CheckRedirect: stay},
		transfers: &http.Client{CheckRedirect: stay},
	}, nil
}

// ParseAddress parses the address of a server: an absolute http or https URL without query or
// fragment. A trailing slash is dropped.
func ParseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, fmt.Errorf("server address must be an http or https URL such as http://127.0.0.1:8080, got %q", address)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("server address must not carry credentials, a query or a fragment, got %q", u.Redacted())
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// Address returns the server's URL, without a trailing slash.
func (c *Client) Address() string { return c.base.String() }

// UnreachableError is a request that got no answer.
type UnreachableError struct {
	Address string
	Cause   error
}

func (e *UnreachableError) Error() string {
	cause := e.Cause
	var wrapped *url.Error
	if errors.As(cause, &wrapped) { // its text repeats method and URL
		cause = wrapped.Err
	}
	return fmt.Sprintf("cannot reach %s: %v", e.Address, cause)
}

func (e *UnreachableError) Unwrap() error { return e.Cause }

// call performs one request of the admin API and decodes its answer.
func call[T any](ctx context.Context, c *Client, method string, path []string, query url.Values, in any) (T, error) {
	var out T
	err := c.do(ctx, method, path, query, in, &out)
	return out, err
}

// do performs one request of the admin API. In is sent as JSON and the answer decoded into out,
// unless they are nil. Elements of path are escaped.
func (c *Client) do(ctx context.Context, method string, path []string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	header := http.Header{"Accept": {"application/json, application/problem+json"}}
	if in != nil {
		header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(ctx, c.http, method, path, query, header, body)
	if err != nil {
		return err
	}
	return c.receive(resp, out)
}

// send performs a request with a given client. Where the server says that the app is called otherwise now, it
// is sent there: to the same server, wherever else the answer may point.
func (c *Client) send(ctx context.Context, via *http.Client, method string, path []string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	if i := slices.Index(path, ""); i >= 0 { // the server would see another path
		return nil, fmt.Errorf("the name or id that comes after %q must not be empty", strings.Join(path[:i], "/"))
	}
	again, replayable := body.(io.Seeker)
	if body != nil && !replayable {
		c.follow(ctx, path) // once it is sent it is too late
	}
	for followed := 0; ; followed++ {
		present := c.renames.present(path)
		resp, err := c.sendOnce(ctx, via, method, present, query, header, body)
		if err != nil || resp.StatusCode != http.StatusPermanentRedirect || body != nil && !replayable ||
			followed == maxRedirects || !c.renames.note(present, resp) {
			return resp, err
		}
		resp.Body.Close()
		if body != nil {
			if _, err := again.Seek(0, io.SeekStart); err != nil {
				return nil, err
			}
		}
	}
}

// follow finds out, once, whether the app of a path is called otherwise now. If it cannot, the request itself will tell why.
func (c *Client) follow(ctx context.Context, path []string) {
	if slug, _ := slugOf(path); slug != "" && c.renames.unknown(slug) {
		_, _ = c.App(ctx, slug)
	}
}

// sendOnce performs one request.
func (c *Client) sendOnce(ctx context.Context, via *http.Client, method string, path []string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	target := c.base.String() + adminPath + escape(path)
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("User-Agent", userAgent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := via.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &UnreachableError{Address: c.Address(), Cause: err}
	}
	return resp, nil
}

// receive decodes an answer into out, unless nil, and closes it.
func (c *Client) receive(resp *http.Response, out any) error {
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	what := resp.Request.Method + " " + resp.Request.URL.String()
	switch {
	case err != nil:
		return &UnreachableError{Address: c.Address(), Cause: err}
	case len(answer) > maxAnswer:
		return fmt.Errorf("%s: the answer is larger than %d bytes", what, maxAnswer)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return refusal(resp, answer)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: not the answer of a PiCloud server: %w", what, err)
	}
	return nil
}

func escape(path []string) string {
	escaped := make([]string, len(path))
	for i, element := range path {
		escaped[i] = url.PathEscape(element)
	}
	return strings.Join(escaped, "/")
}

// list walks the pages of a listing. The iteration ends after the first error.
func list[T any](ctx context.Context, c *Client, path ...string) iter.Seq2[T, error] {
	return listQuery[T](ctx, c, url.Values{}, path...)
}

// listQuery is list with more query parameters than the cursor.
func listQuery[T any](ctx context.Context, c *Client, query url.Values, path ...string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		query.Del("cursor")
		for {
			page, err := call[wire.Page[T]](ctx, c, http.MethodGet, path, query, nil)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Cursor == "" {
				return
			}
			query.Set("cursor", page.Cursor)
		}
	}
}

// Collect reads a listing to its end, or to its first error.
func Collect[T any](listing iter.Seq2[T, error]) ([]T, error) {
	var items []T
	for item, err := range listing {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}
