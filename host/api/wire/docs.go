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

// FoundDocuments is a page of documents that were asked for.
type FoundDocuments struct {
	Page[Document]
	Explain *Explained `json:"explain,omitempty" doc:"With ?explain=true"`
}

// Explained tells how documents were found.
type Explained struct {
	Plan   string `json:"plan" enum:"index,terms,ids,all" doc:"By an index on a path; by the values that the filter asks for; in the order of ids, until there are enough; or by looking at all documents of the collection"`
	Path   string `json:"path,omitempty" doc:"That the index is on"`
	Range  bool   `json:"range,omitempty" doc:"The index was asked for a range of the filter"`
	Sort   bool   `json:"sort,omitempty" doc:"The index has the order of the sort"`
	Looked int    `json:"looked" doc:"How many documents were looked at"`
}

// Index is an index on a path of the documents of a collection.
type Index struct {
	ID         string    `json:"id" doc:"A number in decimal"`
	AppID      string    `json:"app_id"`
	Collection string    `json:"collection"`
	Path       string    `json:"path" doc:"As in filters: address.city"`
	State      string    `json:"state" enum:"building,ready" doc:"Queries use it once it is ready"`
	Reason     string    `json:"reason,omitempty" doc:"Why it is not being built just now"`
	Built      int64     `json:"built" doc:"How many of the documents that were there are in it"`
	CreatedAt  time.Time `json:"created_at"`
}

// IndexCreate is the body of POST apps/{app}/docs-indexes.
type IndexCreate struct {
	Collection string `json:"collection" doc:"Which may have 8 indexes"`
	Path       string `json:"path" doc:"As in filters: address.city"`
}

// DocumentWrite is the body of requests that create, replace or patch a document.
type DocumentWrite struct {
	Data json.RawMessage `json:"data" doc:"A JSON object, up to 1 MiB; for PATCH what to change of it (RFC 7396)"`
}
