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
	Version    int64           // of a document, after the change; 0 of anything else
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
	ChangeExpire ChangeOperation = "expire" // of kv: an entry's time was over, see [KV]
)

// Listeners knows who is to be told of changes. Package events has the one of a server.
//
// A store enters before it makes a change of an app's data, asks whether anybody listens to the collection,
// and leaves when the change is committed or undone. So whoever makes a new audience and waits until
// all have left the one before has an order: no change that commits later is made unheard.
type Listeners interface {
	// Enter returns who listens to the changes of an app at present. The caller must leave it.
	Enter(appID string) Audience
}

// Audience is who listens to the changes of an app in one transaction, or by one statement.
type Audience interface {
	// Listens reports whether anybody is to be told of changes of a collection. It is asked before
	// every change and must be quick. Where it reports false the change may be a single statement
	// that does not even read what was there before.
	Listens(appID string, source ChangeSource, collection string) bool

	// Tell is called with each change of a collection that is listened to, in the transaction that
	// makes it: what Tell writes through tx is kept with the change or not at all, and its error
	// undoes the change. It is called again for the same change when the transaction is repeated.
	Tell(ctx context.Context, tx Store, change Change) error

	// Leave is called once, after the transaction has ended.
	Leave()
}
