package wire

import (
	"encoding/json"
	"time"
)

// DocsCollection is a collection of documents in a listing.
type DocsCollection struct {
	Name      string `json:"name"`
	Documents int64  `json:"documents"`
}

// Document is a document in its envelope.
type Document struct {
	ID        string          `json:"id" doc:"UUIDv7 unless its creator chose another"`
	Data      json.RawMessage `json:"data" doc:"A JSON object"`
	Version   int64           `json:"version" doc:"1 at first, one more with every update"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// DocumentWrite is the body of requests that create, replace or patch a document.
type DocumentWrite struct {
	Data json.RawMessage `json:"data" doc:"A JSON object, up to 1 MiB; for PATCH what to change of it (RFC 7396)"`
}
