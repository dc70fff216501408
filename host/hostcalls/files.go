package hostcalls

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// filesHandlers are the operations on files.
func filesHandlers(s *files.Service) map[abi.Op]Handler {
	return map[abi.Op]Handler{
		abi.OpFilesCreate: handle(abi.OpFilesCreate, func(ctx context.Context, scope *Scope, r *abi.FilesCreateRequest) (msgp.Marshaler, error) {
			if err := mayWrite(r.Collection); err != nil {
				return nil, err
			}
			file, err := s.Create(ctx, scope.AppID, r.Collection, r.Name, r.ContentType, fileData(r.Data))
			return fileResponse(file, err)
		}),
		abi.OpFilesHead: handle(abi.OpFilesHead, func(ctx context.Context, scope *Scope, r *abi.FilesGetRequest) (msgp.Marshaler, error) {
			file, err := s.Head(ctx, scope.AppID, r.Collection, r.ID)
			if fault.Of(err) == fault.NotFound {
				return &abi.FilesInfoResponse{}, nil
			}
			return fileResponse(file, err)
		}),
		abi.OpFilesGet: handle(abi.OpFilesGet, func(ctx context.Context, scope *Scope, r *abi.FilesReadRequest) (msgp.Marshaler, error) {
			data, err := s.Get(ctx, scope.AppID, r.Collection, r.ID, files.Range{Offset: r.Offset, Length: r.Length})
			if fault.Of(err) == fault.NotFound {
				return &abi.FilesGetResponse{}, nil
			}
			return &abi.FilesGetResponse{Found: true, Data: data}, err
		}),
		abi.OpFilesUpdate: handle(abi.OpFilesUpdate, func(ctx context.Context, scope *Scope, r *abi.FilesUpdateRequest) (msgp.Marshaler, error) {
			if err := mayWrite(r.Collection); err != nil {
				return nil, err
			}
			file, err := s.Update(ctx, scope.AppID, r.Collection, r.ID,
				files.Update{Name: r.Name, ContentType: r.ContentType, Data: fileData(r.Data)})
			return fileResponse(file, err)
		}),
		abi.OpFilesDelete: handle(abi.OpFilesDelete, func(ctx context.Context, scope *Scope, r *abi.FilesGetRequest) (msgp.Marshaler, error) {
			if err := mayWrite(r.Collection); err != nil {
				return nil, err
			}
			err := s.Delete(ctx, scope.AppID, r.Collection, r.ID, "")
			if fault.Of(err) == fault.NotFound {
				return &abi.FilesDeleteResponse{}, nil
			}
			return &abi.FilesDeleteResponse{Found: true}, err
		}),
		abi.OpRequestSaveFile: handle(abi.OpRequestSaveFile, func(ctx context.Context, scope *Scope, r *abi.RequestSaveFileRequest) (msgp.Marshaler, error) {
			if err := mayWrite(r.Collection); err != nil {
				return nil, err
			}
			file, err := formFile(scope.Request, r)
			if err != nil {
				return nil, err
			}
			stored, err := s.Create(ctx, scope.AppID, r.Collection, file.Filename, file.ContentType, bytes.NewReader(file.Data))
			return fileResponse(stored, err)
		}),
		abi.OpFilesList: handle(abi.OpFilesList, func(ctx context.Context, scope *Scope, r *abi.FilesListRequest) (msgp.Marshaler, error) {
			page, err := s.List(ctx, scope.AppID, r.Collection, store.PageRequest{Cursor: r.Cursor, Limit: r.Limit})
			if err != nil {
				return nil, err
			}
			response := &abi.FilesListResponse{Items: make([]abi.FileInfo, len(page.Items)), Cursor: page.Next}
			for i, file := range page.Items {
				response.Items[i] = fileInfo(file)
			}
			return response, nil
		}),
	}
}

// mayWrite refuses to change the files of static sites: they are deployed, and the server deletes what
// no site leads to.
func mayWrite(collection string) error {
	if collection == sites.Collection {
		return fault.Refuse("collection", "must not be %q, which holds the files of static sites", collection)
	}
	return nil
}

// formFile finds the file of a request's form. One that was sent without a name gets that of its field.
func formFile(request *abi.Request, r *abi.RequestSaveFileRequest) (*abi.FormFile, error) {
	var fields []abi.FormField
	if request != nil {
		for _, f := range request.Form {
			if f.Name == r.Field {
				fields = append(fields, f)
			}
		}
	}
	at := len(fields) - 1
	if r.Index != nil {
		at = *r.Index
	}
	switch {
	case len(fields) == 0:
		return nil, fault.Refuse("field", "the form has no field %s", quoted([]byte(r.Field)))
	case at < 0 || at >= len(fields):
		return nil, fault.Refuse("index", "must be between 0 and %d, got %d", len(fields)-1, at)
	case fields[at].File == nil:
		return nil, fault.Refuse("field", "%s is not a file", quoted([]byte(r.Field)))
	}
	file := *fields[at].File
	if file.Filename == "" {
		file.Filename = r.Field
	}
	return &file, nil
}

// fileData reads data; nil stays nil.
func fileData(data *[]byte) io.Reader {
	if data == nil {
		return nil
	}
	return bytes.NewReader(*data)
}

func fileResponse(file store.File, err error) (msgp.Marshaler, error) {
	if err != nil {
		return nil, err
	}
	info := fileInfo(file)
	return &abi.FilesInfoResponse{File: &info}, nil
}

func fileInfo(file store.File) abi.FileInfo {
	return abi.FileInfo{
		ID: file.ID, Name: file.Name, ContentType: file.ContentType, Size: file.Size, SHA256: file.SHA256,
		CreatedAt: file.CreatedAt.Format(time.RFC3339Nano), UpdatedAt: file.UpdatedAt.Format(time.RFC3339Nano),
	}
}
