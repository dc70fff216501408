package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/front"
)

// downloadFile sends a file as it is read. What a browser makes of it is bounded: it is saved, not
// shown; should it be shown all the same, it is of its content type, runs no script and has an
// origin of its own.
func (a *API) downloadFile(ctx context.Context, in *ItemPath) (*huma.StreamResponse, error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	file, err := a.files.Open(ctx, appID, collection, in.ID)
	if err != nil {
		return nil, inFiles(err, "", "")
	}
	head := http.Header{
		"Content-Disposition":     {front.Attachment(file.File.Name)},
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"sandbox; default-src 'none'"},
		"Cache-Control":           {"private, no-cache"}, // to be asked for again, and answered 304
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		fiber := humafiber.Unwrap(c)
		if refused := front.ServeFile(fiber, file, http.StatusOK, head); refused != nil {
			_ = refused.Send(fiber)
		}
	}}, nil
}
