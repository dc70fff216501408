package wire

import (
	"time"
)

// FilesCollection is a collection of files in a listing.
type FilesCollection struct {
	Name  string `json:"name"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes" doc:"Of all its files"`
}

// File is what is known of a stored file besides its bytes.
type File struct {
	ID          string    `json:"id" doc:"UUIDv7"`
	Name        string    `json:"name"`
	ContentType string    `json:"content_type"`
	Size        int64     `json:"size" doc:"Bytes"`
	SHA256      string    `json:"sha256" doc:"Of the bytes, in hex"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// FileUpdate is the body of PATCH apps/{app}/files/{collection}/{id}; absent
// fields stay as they are.
type FileUpdate struct {
	Name        *string `json:"name,omitempty"`
	ContentType *string `json:"content_type,omitempty"`
}
