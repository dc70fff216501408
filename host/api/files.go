package api

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountFiles(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/files", "list-files-collections", "List the collections that have files", http.StatusOK, a.listFilesCollections)
	operation(a, admin, http.MethodGet, "/apps/{app}/files/{collection}", "list-files", "List the files of a collection, the oldest first", http.StatusOK, a.listFiles)
	operation(a, admin, http.MethodPost, "/apps/{app}/files/{collection}", "upload-file", "Upload a file", http.StatusCreated, a.uploadFile, takesBytes)
	operation(a, admin, http.MethodGet, "/apps/{app}/files/{collection}/{id}", "download-file", "Download a file; Range and If-None-Match are honoured", http.StatusOK, a.downloadFile, sendsBytes("*/*", true))
	operation(a, admin, http.MethodHead, "/apps/{app}/files/{collection}/{id}", "head-file", "The headers of a download", http.StatusOK, a.downloadFile, sendsBytes("*/*", true))
	operation(a, admin, http.MethodPut, "/apps/{app}/files/{collection}/{id}", "replace-file", "Replace the bytes of a file and its content type", http.StatusOK, a.replaceFile, takesBytes)
	operation(a, admin, http.MethodPatch, "/apps/{app}/files/{collection}/{id}", "update-file", "Change a file's name or content type", http.StatusOK, a.updateFile)
	operation(a, admin, http.MethodDelete, "/apps/{app}/files/{collection}/{id}", "delete-file", "Delete a file", http.StatusNoContent, a.deleteFile)
	operation(a, admin, http.MethodGet, "/apps/{app}/files/{collection}/{id}/metadata", "get-file-metadata", "Show what is known of a file besides its bytes", http.StatusOK, a.getFileMetadata)
}

// takesBytes documents a body that an operation reads by itself.
func takesBytes(op *huma.Operation) {
	op.RequestBody = &huma.RequestBody{
		Description: "The bytes of the file; the content type is kept with them", Required: true,
		Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
	}
}

// inFiles locates the fields of the service in a request whose name and content type are at these
// locations.
func inFiles(err error, name, contentType string) error {
	return located(err, "collection", "path.collection", "id", "path.id", "data", "body", "name", name, "content_type", contentType)
}

// IfMatchFile is the bytes that a change of a file was made for.
type IfMatchFile struct {
	IfMatch string `header:"If-Match" pattern:"^(\\*|\"[0-9a-f]{64}\")$" patternDescription:"one ETag of the file: its SHA-256 in hex, in quotes" doc:"The bytes that the change was made for, as the ETag of a download names them. When the file has others, it is refused with 412"`
}

// sha256 is "" without the header, and for "*".
func (m IfMatchFile) sha256() string { return strings.Trim(m.IfMatch, `"*`) }

func (a *API) listFilesCollections(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.FilesCollection]], error) {
	app, err := a.findApp(ctx, in.App, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.files.Collections(ctx, app.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.FilesCollection]]{wirePage(page, func(c store.FileCollection) wire.FilesCollection {
		return wire.FilesCollection{Name: c.Name, Files: c.Files, Bytes: c.Bytes}
	})}, nil
}

func (a *API) listFiles(ctx context.Context, in *struct {
	CollectionPath
	Paging
}) (*body[wire.Page[wire.File]], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	page, err := a.files.List(ctx, appID, collection, in.request())
	if err != nil {
		return nil, inFiles(err, "", "")
	}
	return &body[wire.Page[wire.File]]{wirePage(page, wireFile)}, nil
}

func (a *API) uploadFile(ctx context.Context, in *struct {
	CollectionPath
	Name        string `query:"name" required:"true" doc:"Of the file, up to 255 bytes without path separators"`
	ContentType string `header:"Content-Type" hidden:"true" default:"application/octet-stream"`
}) (*body[wire.File], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	file, err := a.files.Create(ctx, appID, collection, in.Name, in.ContentType, uploaded(ctx))
	if err != nil {
		return nil, inFiles(err, "query.name", "header.Content-Type")
	}
	return &body[wire.File]{wireFile(file)}, nil
}

func (a *API) replaceFile(ctx context.Context, in *struct {
	ItemPath
	IfMatchFile
	Name        string `query:"name" doc:"A new name for the file; absent: it keeps its own"`
	ContentType string `header:"Content-Type" hidden:"true"` // absent: it keeps its own
}) (*body[wire.File], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	update := files.Update{Expect: in.sha256(), Data: uploaded(ctx)}
	if in.Name != "" {
		update.Name = &in.Name
	}
	if in.ContentType != "" {
		update.ContentType = &in.ContentType
	}
	file, err := a.files.Update(ctx, appID, collection, in.ID, update)
	if err != nil {
		return nil, inFiles(err, "query.name", "header.Content-Type")
	}
	return &body[wire.File]{wireFile(file)}, nil
}

// uploaded is the body of the request. Without one the file is empty.
func uploaded(ctx context.Context) io.Reader {
	if body := front.BodyOf(ctx); body != nil {
		return body
	}
	return http.NoBody
}

func (a *API) updateFile(ctx context.Context, in *struct {
	ItemPath
	IfMatchFile
	Body wire.FileUpdate
}) (*body[wire.File], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	file, err := a.files.Update(ctx, appID, collection, in.ID, files.Update{Expect: in.sha256(), Name: in.Body.Name, ContentType: in.Body.ContentType})
	if err != nil {
		return nil, inFiles(err, "body.name", "body.content_type")
	}
	return &body[wire.File]{wireFile(file)}, nil
}

func (a *API) deleteFile(ctx context.Context, in *struct {
	ItemPath
	IfMatchFile
}) (*none, error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataWrite)
	if err != nil {
		return nil, err
	}
	return nil, inFiles(a.files.Delete(ctx, appID, collection, in.ID, in.sha256()), "", "")
}

func (a *API) getFileMetadata(ctx context.Context, in *ItemPath) (*body[wire.File], error) {
	appID, collection, err := a.within(ctx, in.CollectionPath, authz.DataRead)
	if err != nil {
		return nil, err
	}
	file, err := a.files.Head(ctx, appID, collection, in.ID)
	if err != nil {
		return nil, inFiles(err, "", "")
	}
	return &body[wire.File]{wireFile(file)}, nil
}

func wireFile(f store.File) wire.File {
	return wire.File{
		ID: f.ID, Name: f.Name, ContentType: f.ContentType, Size: f.Size, SHA256: f.SHA256,
		CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
	}
}
