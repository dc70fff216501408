package store

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// AuditActor is what kind of somebody did something.
type AuditActor string

// The kinds of actor.
const (
	ActorUser    AuditActor = "user"    // logged in, or logging in
	ActorKey     AuditActor = "key"     // an API key of a user
	ActorSystem  AuditActor = "system"  // the server itself, or a command on its machine
	ActorUnknown AuditActor = "unknown" // nobody knows
)

// AuditOutcome is what became of what somebody wanted to do.
type AuditOutcome string

// The outcomes.
const (
	OutcomeDone    AuditOutcome = "done"
	OutcomeRefused AuditOutcome = "refused" // for want of a right
	OutcomeFailed  AuditOutcome = "failed"  // a login, for a wrong password or too many of them
)

// AuditEntry tells of one thing that somebody did, or was refused. It names users, apps and objects
// that may be gone since.
type AuditEntry struct {
	ID        string    // the store sets it
	At        time.Time // the store sets it; in SQLite no two entries have the same
	Actor     AuditActor
	UserID    string // "" of the system, and of nobody known
	Username  string // as it was then
	KeyID     string // of the API key; "" for none
	Address   string // of the client; "" for none
	RequestID string // "" for none
	Action    string // the operation's id in the OpenAPI document, or the name of a command
	Outcome   AuditOutcome
	Reason    string // of a refusal or a failure
	Kind      string // of the object: "script", "kv"
	Object    string // its id or name, of data the collection and the key: "orders/42"; "" for none
	AppID     string // "" for none
	// Before and After are the object without secrets, as JSON, of a change those fields alone that
	// differ; nil: it was not there, is not any more, or is not recorded.
	Before, After json.RawMessage
	Truncated     bool // Before or After lacks what would have been too much
	Count         int  // how often it happened, from 1
}

// AuditQuery narrows the record. What is zero is any.
type AuditQuery struct {
	AppID  string
	User   string // id or name
	Action string
	Object string
	From   time.Time // at or after
	To     time.Time // before
	Page   PageRequest
}

// Audit keeps the record of what was changed, and by whom. What is in it stays as it is: nothing
// changes an entry, and [Audit.DeleteBefore] alone removes any.
//
// What is recorded of a change is written by the methods that make it, see [Deed].
type Audit interface {
	// Add records something that has changed nothing: a refusal, or a login that failed.
	Add(ctx context.Context, entry AuditEntry) error
	// List pages through the entries that a query asks for, the newest first.
	List(ctx context.Context, query AuditQuery) (Page[AuditEntry], error)
	// DeleteBefore removes up to limit entries, 1 to [MaxBatch], that are older than a time, the oldest
	// first, and returns their number: less than limit when none is left.
	DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error)
}

// A Deed is something that somebody does, which is to be recorded. With a deed in its context
// ([WithDeed]), the first transaction that changes something writes the entry too, so that there is no
// change without its entry, but for those that Sum counts, and no entry without its change. What is changed in
// later transactions of the same deed follows from the first, and is not told again; of many objects the entry
// names the first.
//
// All methods may be called on nil, which records nothing, and at the same time.
type Deed struct {
	// Show returns what is recorded of a row that becomes another, both of a type of this package or nil,
	// and whether that is not all. nil: nothing of any row is recorded.
	Show func(before, after any) (shownBefore, shownAfter json.RawMessage, truncated bool)
	// Sum is asked about the entry before it is written. What it returns, unless that is nil, is called instead
	// of writing the entry, when the change is made: it counts what is one of many alike. nil: each is written.
	Sum func(entry AuditEntry) (count func())

	mu    sync.Mutex
	entry AuditEntry
	taken bool
}

// NewDeed makes a deed of what is known of it so far. What changes tell of the object counts more than
// what the entry says.
func NewDeed(entry AuditEntry) *Deed { return &Deed{entry: entry} }

type deedKey struct{}

// WithDeed returns a context in which changes are recorded as part of a deed; nil: they are not.
func WithDeed(ctx context.Context, d *Deed) context.Context {
	return context.WithValue(ctx, deedKey{}, d)
}

// DeedOf returns the deed of a context, nil for none.
func DeedOf(ctx context.Context) *Deed {
	d, _ := ctx.Value(deedKey{}).(*Deed)
	return d
}

// Entry returns what is known so far.
func (d *Deed) Entry() AuditEntry {
	if d == nil {
		return AuditEntry{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.entry
}

// InApp says which app the deed is about.
func (d *Deed) InApp(id string) {
	d.set(func(e *AuditEntry) { e.AppID = id })
}

// By says which user does it.
func (d *Deed) By(userID, username string) {
	d.set(func(e *AuditEntry) { e.Actor, e.UserID, e.Username = ActorUser, userID, username })
}

func (d *Deed) set(change func(*AuditEntry)) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.entry)
}

// Open reports whether the entry is still to be written.
func (d *Deed) Open() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.taken
}

// Take returns the entry to one who writes it, and to no other until it is given back.
func (d *Deed) Take() (entry AuditEntry, first bool) {
	if d == nil {
		return AuditEntry{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	first, d.taken = !d.taken, true
	return d.entry, first
}

// GiveBack has the entry be written by another: the transaction that wrote it was undone.
func (d *Deed) GiveBack() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = false
}
