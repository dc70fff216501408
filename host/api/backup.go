package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/front"
)

func (a *API) mountBackup(admin huma.API) {
	operation(a, admin, http.MethodPost, "/backup", "create-backup", "Make a backup of all that there is, and send it", http.StatusOK, a.createBackup, sendsBackup)
}

// mediaBackup is the media type of a backup.
const mediaBackup = "application/zstd"

// sendsBackup tells the document that an operation answers with a backup.
func sendsBackup(op *huma.Operation) {
	op.Description = "The database and the files as they are when the request is made, as `picloud verify` and `picloud restore` read them: " +
		"a tar archive, compressed with zstd. The keys of secrets are not in it. One is made at a time: others are 409."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The backup. An answer that ends without an end.json in the archive is not whole.",
		Content:     map[string]*huma.MediaType{mediaBackup: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
}

func (a *API) createBackup(ctx context.Context, _ *none) (*huma.StreamResponse, error) {
	if !caller(ctx).May(authz.BackupCreate) {
		return nil, caller(ctx).Denied(authz.BackupCreate)
	}
	// It is read while it is sent, when the request's own context counts no longer. fasthttp closes it when all
	// is sent or the client has gone.
	backup, err := a.backup.Open(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	if err := a.audit.Did(ctx); err != nil {
		backup.Close()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		fiber := humafiber.Unwrap(c)
		fiber.Set("Content-Type", mediaBackup)
		fiber.Set("Cache-Control", "no-store")
		fiber.Set("Content-Disposition", front.Attachment("picloud.tar.zst"))
		fiber.Context().SetBodyStream(backup, -1)
	}}, nil
}
