// Package sqlstore is the part of a store that all SQL databases share: the queries, and how rows
// become values. It speaks database/sql in the SQL that SQLite and PostgreSQL have in common; a
// [Dialect] holds the rest. Packages sqlite and postgres open a database and hand it in.
//
// Changes of configuration (all but sessions in use, key use and executions) run one at a time, in
// a transaction that begins by taking one lock. So a method looks for conflicts first and then
// writes, and has no need to understand a driver's errors.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/picloud/picloud/host/background/turns"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Dialect is what databases do differently.
type Dialect struct {
	// Name is that of the database.
	Name string
	// Size is the query for how many bytes the database has.
	Size string
	// Lock is run first in a transaction that changes configuration, and before versions of scripts are removed, and
	// excludes all others of its kind until it ends; "" when beginning a transaction does that already.
	Lock string
	// ForUpdate ends a query that keeps the rows it finds from other writers until the transaction
	// ends; "" when one transaction at a time writes.
	ForUpdate string
	// ForKeyShare ends a query that keeps the rows it finds from being deleted, or named anew, until the
	// transaction ends; "" as there.
	ForKeyShare string
	// Terms is how documents are found by their terms.
	Terms TermIndex
	// Settling is how it is known that all transactions write the entries of a new index of documents.
	Settling IndexSettling
	// DocOfEntry is what an entry e of an index is joined with: its document d, of the app $2 and the collection $3, by
	// nothing but its key.
	DocOfEntry string
	// Announce is run last in a transaction that makes a revision, for Listen of other nodes; ""
	// when there are none.
	Announce string
	// SkipLocked follows ForUpdate in a query that leaves out the rows others keep; "" as there.
	SkipLocked string
	// Yield is run first in a transaction that fails rather than wait for others longer than a moment, and Yielded tells
	// that it has; "" and nil where it is for others to wait.
	Yield   string
	Yielded func(err error) bool
	// LockLane tries to get the lock of the lane $1 until the end of the transaction and finds whether it did,
	// and LaneLocked is the condition that it did, for the lane $2; "" when one transaction at a time writes.
	LockLane, LaneLocked string
	// Batch runs steps in a transaction of its own, with one round trip, of which a crash of the database may take the
	// last ones back; nil when there are none to be spared.
	Batch func(ctx context.Context, db *sql.DB, steps []Step) error
	// Clock is the present time in SQL, and so many microseconds more, if micros is the place of an
	// argument or not "": the argument $1 has the store's own clock, which nodes that share a database
	// do not go by.
	Clock func(micros string) string
	// InsertEvents inserts several events by one statement, whose first argument is the clock's; the others it
	// returns. Those of an app that is gone are left out. nil: they are inserted one by one.
	InsertEvents func(events []store.Event) (statement string, args []any)
	// InsertWithEvents makes one statement of two that insert, which returns what first does; second, whose arguments
	// come after as many of first, is only done if that is a row. nil with InsertEvents.
	InsertWithEvents func(first string, args int, second string) string
	// Place is the column that every table has of where a row is, by which a statement finds it again without an index.
	Place string
	// Among is what stands between a column and a query, and what ends that, for the column to be one of the values
	// found, which are found first.
	Among [2]string
	// FitEvents implements [store.Outbox.Fit]; nil when there is nothing to do.
	FitEvents func(ctx context.Context, db *sql.DB) error
	// DeleteLeased removes the events $1 that are under the tokens $2 and of the apps $3, of equal lengths, and returns
	// the first two; Texts makes those arguments.
	DeleteLeased string
	Texts        func(texts []string) any
	// OneOfTexts is a query for the texts of the argument $1, which Texts has made, each a value.
	OneOfTexts string
	// AnnounceEvents and ListenEvents are those of the outbox; "" and nil as Announce and Listen. What is announced
	// is told, "" when something may have been missed.
	AnnounceEvents string
	ListenEvents   func(ctx context.Context, wake func(told string)) error
	// Positions are those of [store.PublishedLog], AnnouncePublished and ListenPublished as of the outbox.
	Positions         Positions
	AnnouncePublished string
	ListenPublished   func(ctx context.Context, wake func()) error
	// OneRemoves tries to get the lock of whoever removes what is deleted until the end of the transaction, and finds
	// whether it did; "" when one transaction at a time writes.
	OneRemoves string
	// Requests and Answers are the announcements of [store.Relay].
	Requests, Answers Announcements
	// Listen implements [store.Revisions]; nil when no other process may use the database.
	Listen func(ctx context.Context, wake func()) error
	// Reclaim implements [store.Store.Reclaim]; nil when there is nothing to do.
	Reclaim func(ctx context.Context) (int64, error)
	// Dump implements [store.Store.Dump].
	Dump func(ctx context.Context, use func(store.Dump) error) error
	// Retryable reports whether a transaction failed only because of another one and may succeed if
	// run again; nil when that cannot happen.
	Retryable func(error) bool
	// Snapshot is how a transaction is that reads what there was at one moment.
	Snapshot sql.TxOptions
	// ShareCommits has short transactions of data share a commit: where one at a time writes, that is what they wait
	// for.
	ShareCommits bool
	// Owned is how transactions of Begin are.
	Owned Owned
}

// Config is an open database.
type Config struct {
	Read  *sql.DB // for queries outside transactions
	Write *sql.DB // for everything else; may be Read
	Long  *sql.DB // for snapshots, which may last; nil: Read
	// Lookup is for queries that find one row by its key. They run to their end, since to be ready to interrupt one
	// would cost as much as it does, and so none is kept waiting for long; nil: Read, and they are interrupted.
	Lookup  *sql.DB
	Dialect Dialect
	Now     func() time.Time // the clock; nil for time.Now
	Close   func() error     // releases both databases, called once
	// Listeners are told of changes of apps' data; nil: nobody is.
	Listeners store.Listeners
	// Prepare keeps statements prepared. For drivers that do not do so themselves.
	Prepare bool
}

// New makes a store of an open database with the present schema.
func New(config Config) store.Store {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Listeners == nil {
		config.Listeners = nobody{}
	}
	if config.Dialect.Retryable == nil {
		config.Dialect.Retryable = func(error) bool { return false }
	}
	if config.Long == nil {
		config.Long = config.Read
	}
	db := &database{Config: config, id: newID(), close: sync.OnceValue(config.Close)}
	db.turns = turns.New(config.Dialect.Owned.Places, config.Dialect.Owned.PlacesOfApp)
	outside := func(of *sql.DB) queryer {
		if config.Prepare {
			return (&statements{db: of}).outside()
		}
		return of
	}
	db.reader, db.writer = outside(config.Read), config.Write
	if config.Prepare {
		db.statements = &statements{db: config.Write}
		db.writer = db.statements.outside()
	}
	db.lookup = db.reader
	if config.Lookup != nil {
		db.lookup = uninterrupted{outside(config.Lookup)}
	}
	if config.Dialect.ShareCommits {
		db.commits = &commits{db: db, longest: longestGroup}
	}
	return &sqlStore{db: db}
}

// database is what all handles to one database share.
type database struct {
	Config
	id             string // of this one of all who have opened it
	reader, writer queryer
	lookup         queryer
	timed          sync.Map     // statements by what they are made of, see sqlStore.timed
	statements     *statements  // the writer's; nil without Config.Prepare
	turns          *turns.Queue // of transactions of Begin
	recorded       recent       // executions
	converted      atomic.Bool  // no executions are rows any more, see executions.older
	damage         damage       // of segments of executions
	commits        *commits     // nil without Dialect.ShareCommits
	following      sync.RWMutex
	followers      []func(store.Revision)
	close          func() error
}

// now is the time for a row made or changed now.
func (db *database) now() time.Time { return cut(db.Now()) }

// sqlStore implements [store.Store]; each domain is a view of it.
type sqlStore struct {
	db *database
	tx *transaction // nil outside of InTx
}

func (s *sqlStore) Apps() store.Apps             { return apps{s} }
func (s *sqlStore) Scripts() store.Scripts       { return scripts{s} }
func (s *sqlStore) Routes() store.Routes         { return routes{s} }
func (s *sqlStore) Users() store.Users           { return users{s} }
func (s *sqlStore) Sessions() store.Sessions     { return sessions{s} }
func (s *sqlStore) APIKeys() store.APIKeys       { return apiKeys{s} }
func (s *sqlStore) Executions() store.Executions { return executions{s} }
func (s *sqlStore) KV() store.KV                 { return kv{s} }
func (s *sqlStore) Docs() store.Docs             { return docs{s} }
func (s *sqlStore) Files() store.Files           { return files{s} }
func (s *sqlStore) Revisions() store.Revisions   { return revisions{s} }

func (s *sqlStore) Invites() store.Invites             { return invites{s} }
func (s *sqlStore) SecondFactors() store.SecondFactors { return secondFactors{s} }

func (s *sqlStore) Triggers() store.Triggers       { return triggers{s} }
func (s *sqlStore) Outbox() store.Outbox           { return outbox{s} }
func (s *sqlStore) DeadLetters() store.DeadLetters { return deadLetters{s} }
func (s *sqlStore) Idempotency() store.Idempotency { return idempotency{s} }
func (s *sqlStore) Topics() store.Topics           { return topics{s} }
func (s *sqlStore) Domains() store.Domains         { return domains{s} }
func (s *sqlStore) Quotas() store.Quotas           { return quotas{s} }
func (s *sqlStore) Published() store.PublishedLog  { return published{s} }
func (s *sqlStore) Audit() store.Audit             { return audits{s} }
func (s *sqlStore) Relay() store.Relay             { return relay{s} }
func (s *sqlStore) Secrets() store.Secrets         { return secrets{s} }
func (s *sqlStore) Backups() store.Backups         { return backups{s} }
func (s *sqlStore) Deletions() store.Deletions     { return deletions{s} }
func (s *sqlStore) Series() store.Series           { return series{s} }

func (s *sqlStore) InTx(ctx context.Context, fn func(tx store.Store) error) error {
	if s.tx != nil {
		return s.part(ctx, fn)
	}
	// Not retried: fn may have effects that are not the database's.
	return s.transact(ctx, "transaction", true, func(tx *transaction) error {
		return fn(&sqlStore{db: s.db, tx: tx})
	})
}

func (s *sqlStore) Snapshot(ctx context.Context, fn func(s store.Store) error) error {
	const op = "snapshot"
	if s.tx != nil { // which sees what is written in it
		return store.Failed(op, errors.New("it is asked for within a transaction"))
	}
	tx, err := s.db.Long.BeginTx(ctx, &s.db.Dialect.Snapshot)
	if err != nil {
		return failed(ctx, op, err)
	}
	defer tx.Rollback() // there is nothing to commit
	return fn(&sqlStore{db: s.db, tx: &transaction{queryer: tx, sql: tx}})
}

func (s *sqlStore) AfterCommit(fn func()) {
	if s.tx == nil {
		fn()
		return
	}
	s.tx.afterCommit = append(s.tx.afterCommit, fn)
}

func (s *sqlStore) Hear(appID string, audience store.Audience) {
	if s.tx == nil {
		audience.Leave()
		return
	}
	s.tx.hear(appID, audience)
}

// pingWrite leaves the time in seconds, of which nobody reads.
const pingWrite = `INSERT INTO meta (name, value) VALUES ('ping', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`

func (s *sqlStore) Ping(ctx context.Context) error {
	_, err := s.writer().ExecContext(ctx, pingWrite, s.db.Now().Unix())
	return failed(ctx, "ping", err)
}

func (s *sqlStore) Kind() string { return s.db.Dialect.Name }

func (s *sqlStore) Size(ctx context.Context) (bytes int64, err error) {
	err = s.reader().QueryRowContext(ctx, s.db.Dialect.Size).Scan(&bytes)
	return bytes, failed(ctx, "measure the database", err)
}

func (s *sqlStore) Reclaim(ctx context.Context) (int64, error) {
	if s.db.Dialect.Reclaim == nil {
		return 0, nil
	}
	n, err := s.db.Dialect.Reclaim(ctx)
	return n, failed(ctx, "reclaim disk", err)
}

func (s *sqlStore) Dump(ctx context.Context, use func(store.Dump) error) error {
	if s.tx != nil {
		return store.Failed("dump", errors.New("within a transaction"))
	}
	var used error
	err := s.db.Dialect.Dump(ctx, func(dump store.Dump) error {
		used = use(dump)
		return used
	})
	if used != nil {
		return used
	}
	return failed(ctx, "dump", err)
}

func (s *sqlStore) Close() error {
	if s.tx != nil {
		return nil
	}
	return failed(context.Background(), "close database", s.db.close())
}

// reader is where queries go.
func (s *sqlStore) reader() queryer {
	if s.tx != nil {
		return s.tx
	}
	return s.db.reader
}

// lookup is where queries go that find one row by its key.
func (s *sqlStore) lookup() queryer {
	if s.tx != nil {
		return s.tx
	}
	return s.db.lookup
}

// writer is where a single statement goes that needs no lock.
func (s *sqlStore) writer() queryer {
	if s.tx != nil {
		return s.tx
	}
	return single{s}
}

// join runs fn in the transaction of InTx or in one of its own, without a lock. It may be run
// again. fn must be quick: where transactions share a commit, those of others wait for it.
func (s *sqlStore) join(ctx context.Context, op string, fn func(tx *sqlStore) error) error {
	return s.joinAt(ctx, anywhere, "", op, fn)
}

// joinAt is join where transactions that share a commit have places, and apps take turns.
func (s *sqlStore) joinAt(ctx context.Context, at standing, appID, op string, fn func(tx *sqlStore) error) error {
	if s.tx != nil || s.db.commits == nil {
		return s.apart(ctx, op, fn)
	}
	return failed(ctx, op, s.db.commits.run(ctx, appID, at, func(tx *transaction) error { return fn(&sqlStore{db: s.db, tx: tx}) }))
}

// apart is join for an fn that may take long.
func (s *sqlStore) apart(ctx context.Context, op string, fn func(tx *sqlStore) error) error {
	if s.tx != nil {
		return failed(ctx, op, fn(s))
	}
	return failed(ctx, op, s.retry(func() error {
		return s.transact(ctx, op, false, func(tx *transaction) error { return fn(&sqlStore{db: s.db, tx: tx}) })
	}))
}

// change runs fn in the transaction of InTx or in one of its own, to the exclusion of other
// changes.
func (s *sqlStore) change(ctx context.Context, op string, fn func(tx queryer) error) error {
	return s.changing(ctx, op, func(tx *transaction) error { return fn(tx) })
}

// changing is change for an fn that does more with the transaction.
func (s *sqlStore) changing(ctx context.Context, op string, fn func(tx *transaction) error) error {
	if s.tx != nil {
		return failed(ctx, op, fn(s.tx))
	}
	return failed(ctx, op, s.retry(func() error { return s.transact(ctx, op, true, fn) }))
}

// attempts bounds how often a transaction is run that others get in the way of.
const attempts = 5

func (s *sqlStore) retry(transaction func() error) (err error) {
	for range attempts {
		err = transaction()
		if err == nil || !s.db.Dialect.Retryable(err) {
			return err
		}
	}
	return err
}

// transact begins a transaction, takes the lock if asked to, runs fn, and commits unless fn fails
// or panics. It returns fn's error as it is. What is to be called after the commit may wait for the
// audience to be left.
func (s *sqlStore) transact(ctx context.Context, op string, lock bool, fn func(tx *transaction) error) error {
	tx, err := s.db.begin(ctx, nil)
	if err != nil {
		return failed(ctx, op, err)
	}
	defer tx.leave()
	defer tx.sql.Rollback() // after a commit it does nothing
	if lock && s.db.Dialect.Lock != "" {
		if _, err := tx.queryer.ExecContext(ctx, s.db.Dialect.Lock); err != nil {
			return failed(ctx, op, err)
		}
	}
	if err := fn(tx); err != nil {
		tx.giveBack() // those of its parts
		return err
	}
	if err := s.commit(ctx, tx); err != nil {
		return failed(ctx, op, err)
	}
	tx.leave()
	for _, fn := range tx.afterCommit {
		fn()
	}
	return nil
}

// A transaction is one of the database, and what runs statements in it.
type transaction struct {
	queryer
	sql         *sql.Tx
	audience    store.Audience // from its first change of an app's data on
	appID       string         // whose audience that is
	others      map[string]store.Audience
	heard       []store.Audience // what it has told of has gone to, before others took their place
	afterCommit []func()
	refused     error // by who listens, to what has been written already
	// gather takes the events instead of the outbox; nil: it does not. Then there is no transaction yet.
	gather func([]store.Event)

	deed  *store.Deed // whose entry is still to be written; nil: there is none
	wrote bool        // something has been changed
	noted noted       // what

	recorded []*store.Deed // whose entries are written, and wait for the commit
}

// audienceOf returns who listens to the changes of an app. Few transactions are about more than one.
func (tx *transaction) audienceOf(listeners store.Listeners, appID string) store.Audience {
	switch other := tx.others[appID]; {
	case tx.audience == nil:
		tx.audience, tx.appID = listeners.Enter(appID), appID
		return tx.audience
	case tx.appID == appID:
		return tx.audience
	case other != nil:
		return other
	}
	if tx.others == nil {
		tx.others = map[string]store.Audience{}
	}
	tx.others[appID] = listeners.Enter(appID)
	return tx.others[appID]
}

// hear has an audience be that of an app.
func (tx *transaction) hear(appID string, audience store.Audience) {
	var before store.Audience
	if tx.audience == nil || tx.appID == appID {
		before, tx.audience, tx.appID = tx.audience, audience, appID
	} else {
		if tx.others == nil {
			tx.others = map[string]store.Audience{}
		}
		before, tx.others[appID] = tx.others[appID], audience
	}
	if before != nil {
		tx.heard = append(tx.heard, before)
	}
}

// leave leaves the audiences once.
func (tx *transaction) leave() {
	if tx.audience == nil {
		return
	}
	tx.audience.Leave()
	for _, other := range tx.others {
		other.Leave()
	}
	for _, before := range tx.heard {
		before.Leave()
	}
	tx.audience, tx.others, tx.heard = nil, nil, nil
}

func (db *database) begin(ctx context.Context, options *sql.TxOptions) (*transaction, error) {
	if db.statements != nil {
		db.statements.prepareMissing(ctx)
	}
	tx, err := db.Write.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return &transaction{queryer: db.within(tx), sql: tx, deed: openDeed(ctx)}, nil
}

// within is what runs statements in a transaction.
func (db *database) within(tx *sql.Tx) queryer {
	if db.statements != nil {
		return db.statements.within(tx)
	}
	return tx
}

// openDeed returns the deed of a context whose entry is still to be written, nil if there is none.
func openDeed(ctx context.Context) *store.Deed {
	if deed := store.DeedOf(ctx); deed.Open() {
		return deed
	}
	return nil
}

// failed makes an error safe to show: a refusal passes, anything else becomes the cause of a
// [store.Failed]. If the context has ended the cause says so, whatever the driver made of it.
func failed(ctx context.Context, op string, err error) error {
	if err == nil || fault.From(err) != nil {
		return err
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return store.Failed(op, err)
}
