package store

import (
	"context"
	"encoding/json"
)

// Change is one mutation of an app's data.
type Change struct {
	AppID      string
	Source     ChangeSource
	Collection string
	Key        string // of kv the key, otherwise the id
	Operation  ChangeOperation
	New        json.RawMessage // the value, the document's data or the file's metadata; nil after a deletion
	Previous   json.RawMessage // the same before the change; nil before a creation
}

// ChangeSource is the service whose data changed.
type ChangeSource string

// The sources of changes.
const (
	ChangeKV    ChangeSource = "kv"
	ChangeDocs  ChangeSource = "docs"
	ChangeFiles ChangeSource = "files"
)

// ChangeOperation is what happened to an entry, a document or a file.
type ChangeOperation string

// The operations of changes.
const (
	ChangeCreate ChangeOperation = "create"
	ChangeUpdate ChangeOperation = "update"
	ChangeDelete ChangeOperation = "delete"
)

// Emitter is told of each change in the transaction that makes it: exactly once
// if that commits, and what it writes through tx is kept with the change or not
// at all. Its error undoes the change. It may be called again for the same
// change when the transaction has to be repeated.
type Emitter func(ctx context.Context, tx Store, change Change) error
