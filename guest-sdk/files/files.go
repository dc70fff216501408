// Package files keeps an app's files: bytes with a name and a content type.
//
// Names of collections are 1 to 512 bytes of UTF-8 without control characters. The operator sets
// how large a file may be; a plugin reads a file whole, so that its memory has to hold it. Errors
// are [*sdk.Error]: invalid for a name, content type or option that is not allowed, not_found,
// quota when the app may keep no more, corrupted when the bytes are not those that were stored,
// denied without the capability AppFilesRead or AppFilesWrite, and unavailable.
package files

import (
	"iter"
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Collection is the name of a collection of the app.
//
//	images := files.Collection("images")
type Collection string

// Info describes a file.
type Info struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	ContentType string    `json:"content_type"`
	Size        int64     `json:"size"`   // bytes
	SHA256      string    `json:"sha256"` // in hex
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Page is a part of a listing.
type Page struct {
	Items  []Info `json:"items"`
	Cursor string `json:"cursor"` // of the next page, "" when this is the last
}

// Query asks for a page.
type Query struct {
	Cursor string // of the page before, "" for the first
	Limit  int    // 1 to 1000; 0: 50
}

// Change has what is to change of a file. What is nil stays.
type Change struct {
	Name        *string `json:"name,omitzero"`
	ContentType *string `json:"content_type,omitzero"`
	Data        *[]byte `json:"data,omitzero"`
}

type name struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

type info struct {
	File *Info `json:"file"`
}

// Create stores a new file.
func (c Collection) Create(filename, contentType string, data []byte) (Info, error) {
	return required(host.Call[info](host.FilesCreate, struct {
		Collection  string `json:"collection"`
		Name        string `json:"name"`
		ContentType string `json:"content_type"`
		Data        []byte `json:"data"`
	}{string(c), filename, contentType, data}))
}

// Save stores a file of the request's form without passing it through the plugin: the last one with
// this name of a field.
func (c Collection) Save(field string) (Info, error) {
	return c.save(field, nil)
}

// SaveAt is Save for a field that is repeated: at counts its values from 0.
func (c Collection) SaveAt(field string, at int) (Info, error) {
	return c.save(field, &at)
}

func (c Collection) save(field string, at *int) (Info, error) {
	return required(host.Call[info](host.RequestSaveFile, struct {
		Field      string `json:"field"`
		Collection string `json:"collection"`
		Index      *int   `json:"index,omitzero"`
	}{field, string(c), at}))
}

// Head returns what describes the file with an id; found is false when there is none.
func (c Collection) Head(id string) (file Info, found bool, err error) {
	response, err := host.Call[info](host.FilesHead, name{string(c), id})
	if err != nil || response.File == nil {
		return file, false, err
	}
	return *response.File, true, nil
}

// Get returns the bytes of the file with an id; found is false when there is none.
func (c Collection) Get(id string) (data []byte, found bool, err error) {
	response, err := host.Call[struct {
		Found bool   `json:"found"`
		Data  []byte `json:"data"`
	}](host.FilesGet, name{string(c), id})
	return response.Data, response.Found, err
}

// GetRange is a part of the bytes of the file with an id: as many as there are from an offset on, and at
// most length. Without such a file, found is false.
func (c Collection) GetRange(id string, offset, length int64) (data []byte, found bool, err error) {
	response, err := host.Call[struct {
		Found bool   `json:"found"`
		Data  []byte `json:"data"`
	}](host.FilesGet, struct {
		name
		Offset int64 `json:"offset"`
		Length int64 `json:"length"`
	}{name{string(c), id}, offset, length})
	return response.Data, response.Found, err
}

// Update changes a file.
func (c Collection) Update(id string, change Change) (Info, error) {
	return required(host.Call[info](host.FilesUpdate, struct {
		name
		Change
	}{name{string(c), id}, change}))
}

func required(response info, err error) (Info, error) {
	if err != nil || response.File == nil {
		return Info{}, err
	}
	return *response.File, nil
}

// Delete removes a file; found is false when there was none.
func (c Collection) Delete(id string) (found bool, err error) {
	response, err := host.Call[struct {
		Found bool `json:"found"`
	}](host.FilesDelete, name{string(c), id})
	return response.Found, err
}

// List returns a page of the files in the order of their ids, which is that of their creation.
func (c Collection) List(query Query) (Page, error) {
	return host.Call[Page](host.FilesList, struct {
		Collection string `json:"collection"`
		Cursor     string `json:"cursor,omitzero"`
		Limit      int    `json:"limit,omitzero"`
	}{string(c), query.Cursor, query.Limit})
}

// All iterates over all files, page by page, and stops after an error.
func (c Collection) All() iter.Seq2[Info, error] {
	return host.Pages(func(cursor string) ([]Info, string, error) {
		page, err := c.List(Query{Cursor: cursor})
		return page.Items, page.Cursor, err
	})
}
