// Package store keeps what PiCloud must not forget: apps, scripts, routes, users, sessions, API
// keys, executions and their log lines.
//
// [Store] is the whole of what the services need from a database, grouped by domain. Package sqlite
// keeps it in one file, package postgres in a PostgreSQL database; package storetest holds the
// suite that both must pass, so a service need not know which of them it talks to.
//
// # Conventions
//
// Ids are UUIDv7 in their text form and are made by the store when the caller leaves them empty.
// Times are UTC, cut to microseconds; the store sets CreatedAt and UpdatedAt itself and ignores
// what the caller put there, except where a row's documentation says otherwise. An acknowledged
// write survives the death of the process and, as far as the disk keeps its word, of the machine.
//
// Text must be valid UTF-8 without NUL; anything else is refused as fault.Invalid. Names, slugs and
// paths are otherwise stored as they come: their shape is the services' concern.
//
// # Errors
//
// A method returns errors of package fault, with the code
//
//   - NotFound for a row that does not exist ("script not found"),
//   - Conflict for a value that is in use ([Conflict]),
//   - Stale when an update expected another version ([Stale]) or other bytes ([OtherContent]),
//   - Quota when an app may not keep as many bytes of files ([OverQuota]),
//   - Invalid for a field that no row can hold, and for a page cursor ([ErrInvalidCursor]),
//   - Storage for everything else: the database failed or the context ended ([Failed]).
//
// The text of all of them may be shown to a caller: none holds SQL, an address or a path. The
// driver's error is the cause, for the log.
package store

import "context"

// Store is one database. It is safe for concurrent use, except the one handed to the function of
// [Store.InTx], which belongs to one goroutine.
type Store interface {
	Apps() Apps
	Scripts() Scripts
	Routes() Routes
	Domains() Domains
	Quotas() Quotas
	Users() Users
	Sessions() Sessions
	APIKeys() APIKeys
	Invites() Invites
	SecondFactors() SecondFactors
	Executions() Executions
	Series() Series
	KV() KV
	Docs() Docs
	Files() Files
	Revisions() Revisions
	Triggers() Triggers
	Outbox() Outbox
	DeadLetters() DeadLetters
	Idempotency() Idempotency
	Topics() Topics
	Published() PublishedLog
	Audit() Audit
	Relay() Relay
	Secrets() Secrets
	Backups() Backups
	Deletions() Deletions

	// InTx runs fn in one transaction: all that fn does through tx is kept when fn returns nil, and
	// none of it otherwise. InTx returns fn's error as it is. Transactions exclude each other and
	// every change of apps, scripts, routes and users, so that fn may look before it leaps; fn must
	// therefore use tx only, and be quick. After a Storage error from a method of tx fn must
	// return: the transaction is lost. An InTx on tx joins it; what it changes is recorded by itself if its
	// context has another deed, see [WithDeed].
	InTx(ctx context.Context, fn func(tx Store) error) error

	// Begin begins a transaction on the data of an app, kv and docs, for somebody who ends it. The
	// transaction ends by itself when ctx does, and when it has lasted as long as the database lets
	// it, which is a second where others cannot write meanwhile. Only some may be open at once, and
	// fewer of one app: Begin waits for its turn until ctx ends. Transactions that are open at the same
	// time have the outcome of one after the other; where that cannot be had, one of them is lost by
	// [ErrCrossed]. Within a transaction it fails.
	Begin(ctx context.Context, appID string) (Transaction, error)

	// Snapshot runs fn with a store that has what was committed at one moment, and none of what is written
	// meanwhile; it cannot be written to. It keeps a connection, and what was replaced since from being
	// reclaimed, but nobody from writing. InTx on it joins it; fn's error is returned as it is. Within a
	// transaction it fails.
	Snapshot(ctx context.Context, fn func(s Store) error) error

	// AfterCommit calls fn after the transaction has committed, before the method that began it
	// returns: never if it is rolled back, and once if it had to be repeated. Outside of a
	// transaction it calls fn at once. fn must be quick and not use the transaction. fn is not
	// called either if the connection breaks during the commit, whether that succeeded or not: it
	// may speed up what is found without it, as waking somebody does.
	AfterCommit(fn func())

	// Hear has the changes of an app's data that the transaction makes from here on be told to an audience, in the
	// place of who listens at present, and leaves it at the end. Outside of a transaction it does nothing.
	Hear(appID string, audience Audience)

	// Reclaim gives disk that nothing uses any more back to the system, a little at a time, and
	// returns how many bytes. A database that does so itself has nothing to do.
	Reclaim(ctx context.Context) (int64, error)

	// Dump calls use with the database as it is now, and releases that when use returns, whose error it
	// returns as it is. What has been acknowledged before the call is in it. Nobody waits for it, but the
	// database keeps what is changed meanwhile twice: use should be done soon. Within a transaction it fails.
	Dump(ctx context.Context, use func(Dump) error) error

	// Kind is what the database is: sqlite or postgres.
	Kind() string

	// Size returns how many bytes the database has on its disk, with indexes and what is free in it.
	Size(ctx context.Context) (int64, error)

	// Ping returns an error unless the database can be reached and takes writes: a full disk is found
	// so, too.
	Ping(ctx context.Context) error

	// Close waits for running calls and releases the database. Later calls fail. Closing again, or
	// closing the tx of [Store.InTx], does nothing.
	Close() error
}

// Bounds of a page.
const (
	DefaultPageSize = 50
	MaxPageSize     = 1000
)

// PageRequest asks for the next piece of a listing.
type PageRequest struct {
	Cursor string // Page.Next of the piece before, "" for the first
	Limit  int    // at most this many items: 1 to MaxPageSize, 0 for DefaultPageSize
}

// Page is a piece of a listing.
type Page[T any] struct {
	Items []T
	Next  string // cursor of the next piece, "" when this is the last
}
