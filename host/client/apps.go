package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
)

// Apps lists the apps the user may see, in the order of their slugs.
func (c *Client) Apps(ctx context.Context) iter.Seq2[wire.App, error] {
	return list[wire.App](ctx, c, "apps")
}

// App finds an app by id or slug.
func (c *Client) App(ctx context.Context, app string) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodGet, []string{"apps", app}, nil, nil)
}

// CreateApp makes an app.
func (c *Client) CreateApp(ctx context.Context, app wire.AppCreate) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPost, []string{"apps"}, nil, app)
}

// UpdateApp changes an app, named by id or slug.
func (c *Client) UpdateApp(ctx context.Context, app string, change wire.AppUpdate) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPut, []string{"apps", app}, nil, change)
}

// RenameApp gives an app, named by id or slug, another slug.
func (c *Client) RenameApp(ctx context.Context, app, slug string) (wire.App, error) {
	return call[wire.App](ctx, c, http.MethodPost, []string{"apps", app + ":rename"}, nil, wire.AppRename{Slug: slug})
}

// ReleaseAlias has a slug be free that an app had before.
func (c *Client) ReleaseAlias(ctx context.Context, app, slug string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app, "aliases", slug}, nil, nil, nil)
}

// AppDeletion tells what deleting an app would delete.
func (c *Client) AppDeletion(ctx context.Context, app string) (wire.AppDeletion, error) {
	return call[wire.AppDeletion](ctx, c, http.MethodGet, []string{"apps", app + ":deletion"}, nil, nil)
}

// DeleteApp removes an app, named by id or slug, with all it holds.
func (c *Client) DeleteApp(ctx context.Context, app string) error {
	return c.do(ctx, http.MethodDelete, []string{"apps", app}, nil, nil, nil)
}

// Deploy makes several changes of an app, all of them or none. Of a refusal the errors say which change is
// meant, see [ChangeOf].
func (c *Client) Deploy(ctx context.Context, app string, deploy wire.Deploy) (wire.Deployed, error) {
	return call[wire.Deployed](ctx, c, http.MethodPost, []string{"apps", app + ":deploy"}, nil, deploy)
}

// ofChange is how the location of an error begins that is about a change of a deploy.
var ofChange = regexp.MustCompile(`^body\.changes\[(\d+)\]\.?`)

// ChangeOf returns the number, from 0, of the change of a deploy that was refused, and the refusal as if
// it were of a request of its own. ok is false if the error is not about one change.
func ChangeOf(err error) (number int, refused *Error, ok bool) {
	var whole *Error
	if !errors.As(err, &whole) || len(whole.Errors) == 0 {
		return 0, nil, false
	}
	found := ofChange.FindStringSubmatch(whole.Errors[0].Location)
	if found == nil {
		return 0, nil, false
	}
	number, err = strconv.Atoi(found[1])
	if err != nil {
		return 0, nil, false
	}
	one := *whole
	one.Errors = slices.Clone(whole.Errors)
	for i := range one.Errors {
		before := one.Errors[i].Field() + ": "
		one.Errors[i].Location = ofChange.ReplaceAllString(one.Errors[i].Location, "")
		if rest, ok := strings.CutPrefix(one.Detail, before); ok {
			one.Detail = strings.TrimPrefix(one.Errors[i].Field()+": "+rest, ": ")
		}
	}
	return number, &one, true
}

// ExportApp returns an archive of an app, named by id or slug, to be read and closed by the caller. A transfer
// that breaks off is an error of the last read.
func (c *Client) ExportApp(ctx context.Context, app string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, c.transfers, http.MethodPost, []string{"apps", app + ":export"}, nil, http.Header{}, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.receive(resp, nil)
	}
	return resp.Body, nil
}

// ImportApp makes an app with a slug of an archive, or fills the empty app with that slug or id. The archive is
// sent as it is read.
func (c *Client) ImportApp(ctx context.Context, app string, archive io.Reader) (report wire.ImportReport, err error) {
	resp, err := c.send(ctx, c.transfers, http.MethodPost, []string{"apps", app + ":import"}, nil, http.Header{"Content-Type": {"application/zstd"}}, archive)
	if err != nil {
		return report, err
	}
	return report, c.receive(resp, &report)
}
