// Package postgres is the store in a PostgreSQL database (13 or later), which several nodes may
// share.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore"
)

// LongestTransaction is how long a transaction of [store.Store.Begin] may last: it keeps a
// connection, and the rows that it has changed, from others.
const LongestTransaction = 5 * time.Second

// Config says where the database is.
type Config struct {
	// URL is a libpq connection string, as a URL or as key=value pairs, with pgxpool's parameters
	// (pool_max_conns, ...) if wanted.
	URL string
	Now func() time.Time // the clock, nil for time.Now
	// Listeners are told of changes of apps' data; nil: nobody is.
	Listeners store.Listeners
}

// Open connects to the store and brings its schema up to date; several nodes may do so at once. The
// cause of an error, a [store.Failed], tells what went wrong.
func Open(ctx context.Context, config Config) (store.Store, error) {
	s, err := open(ctx, config)
	if err != nil {
		return nil, store.Failed("open database", err)
	}
	return s, nil
}

func open(ctx context.Context, config Config) (store.Store, error) {
	options, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, err
	}
	if options.ConnConfig.RuntimeParams["application_name"] == "" {
		options.ConnConfig.RuntimeParams["application_name"] = "picloud"
	}
	pool, err := pgxpool.NewWithConfig(ctx, options)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	// database/sql keeps the connections, which it would otherwise take from the pool and give back
	// for each statement.
	db.SetMaxOpenConns(int(options.MaxConns))
	db.SetMaxIdleConns(int(options.MaxConns))
	db.SetConnMaxLifetime(options.MaxConnLifetime)
	db.SetConnMaxIdleTime(options.MaxConnIdleTime)
	// What lasts has connections of its own, lest the others wait for it.
	long := stdlib.OpenDB(*options.ConnConfig)
	long.SetMaxIdleConns(0)
	shut := func() error {
		err := errors.Join(long.Close(), db.Close())
		pool.Close()
		return err
	}
	if err := migrateUnlessRestoring(ctx, db, long); err != nil {
		return nil, errors.Join(err, shut())
	}
	return sqlstore.New(sqlstore.Config{
		Read:      db,
		Write:     db,
		Long:      long,
		Now:       config.Now,
		Listeners: config.Listeners,
		Close:     shut,
		Dialect: sqlstore.Dialect{
			Name: store.DatabasePostgres,
			Size: `SELECT pg_database_size(current_database())`,
			// The row that every change of configuration raises.
			Lock:        `SELECT value FROM meta WHERE name = 'generation' FOR UPDATE`,
			ForUpdate:   ` FOR UPDATE`,
			ForKeyShare: ` FOR KEY SHARE`,
			Terms: sqlstore.TermIndex{
				Value: encodeTerms,
				Any: func(terms []int64, first int) (string, []any) {
					return "terms && $" + strconv.Itoa(first) + "::bigint[]", []any{encodeTerms(terms)}
				},
				Count: func(terms []int64, first, limit int) (string, []any) {
					return "SELECT count(*) AS hits FROM (SELECT 1 FROM docs WHERE terms && $" + strconv.Itoa(first) + "::bigint[] LIMIT " +
						strconv.Itoa(limit) + ") AS found", []any{encodeTerms(terms)}
				},
				// A condition without a column is a filter that is looked at one time.
				Gate: func(count string, limit, _ int) (string, string) {
					return "", "(" + count + ") < " + strconv.Itoa(limit)
				},
			},
			SkipLocked: ` SKIP LOCKED`,
			Yield:      `SET LOCAL lock_timeout = '50ms'`,
			Yielded:    yielded,
			// What the lock is asked for and the claim see must be different snapshots, so they are two statements; the
			// one leaves word for the other.
			LockLane: `SELECT set_config('picloud.lane', CASE WHEN pg_try_advisory_xact_lock(hashtextextended('lane/' || $1, 0))
				THEN $1 ELSE '' END, TRUE) = $1`,
			LaneLocked: `current_setting('picloud.lane') = $2`,
			Batch:      batch,
			Clock: func(micros string) string { // $1 is named for its type only
				if micros == "" {
					return "COALESCE(statement_timestamp(), $1)"
				}
				return "COALESCE(statement_timestamp(), $1) + " + micros + "::bigint * INTERVAL '1 microsecond'"
			},
			InsertEvents:     insertEvents,
			InsertWithEvents: insertWithEvents,
			DeleteLeased: `DELETE FROM outbox USING unnest($1::text[], $2::text[], $3::text[]) AS ended (id, token, app_id)
				WHERE outbox.id = ended.id AND outbox.token = ended.token AND outbox.app_id = ended.app_id RETURNING outbox.id, outbox.token`,
			Texts:          func(texts []string) any { return append([]string{}, texts...) },
			OneOfTexts:     `(SELECT unnest($1::text[]) AS value)`,
			Place:          "ctid",
			Among:          [2]string{"= ANY (ARRAY", ")"},
			FitEvents:      fitEvents,
			AnnounceEvents: announceEvents,
			ListenEvents:   tellingListener(options.ConnConfig, channelEvents),
			Positions: sqlstore.Positions{
				Now:     `SELECT pg_current_snapshot()::text`,
				Of:      `seen::text || '/' || tx::text || '/' || seq::text`,
				Between: between,
			},
			AnnouncePublished: announcePublished,
			ListenPublished:   listener(options.ConnConfig, channelPublished),
			Requests:          sqlstore.Announcements{Announce: `NOTIFY ` + channelRequests, Listen: listener(options.ConnConfig, channelRequests)},
			Answers:           sqlstore.Announcements{Announce: `NOTIFY ` + channelAnswers, Listen: listener(options.ConnConfig, channelAnswers)},
			OneRemoves:        `SELECT pg_try_advisory_xact_lock(` + strconv.Itoa(lockRemoval) + `)`,
			Announce:          announceRevision,
			Listen:            listener(options.ConnConfig, channelRevisions),
			Dump:              dumper(options.ConnConfig),
			Retryable:         retryable,
			Settling: sqlstore.IndexSettling{
				Since: `pg_current_xact_id()::text`,
				// A dump may have a number of another server.
				Unset: `(since = '' OR NULLIF(since, '')::xid8 >= pg_snapshot_xmax(pg_current_snapshot()))`,
				// A transaction may have written already, or have a snapshot from before, and write later.
				Settled: `NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = current_database() AND a.backend_type = 'client backend'
					AND a.pid <> pg_backend_pid() AND (age(a.backend_xid) >= age(NULLIF(since, '')::xid8::xid) OR age(a.backend_xmin) >= age(NULLIF(since, '')::xid8::xid)))`,
			},
			// A plain join may become one with a scan of all documents.
			DocOfEntry: `LATERAL (SELECT * FROM docs WHERE app_id = $2 AND collection = $3 AND id = e.id OFFSET 0) AS d`,
			Snapshot:   sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
			Owned: sqlstore.Owned{
				Options: &sql.TxOptions{Isolation: sql.LevelSerializable},
				Places:  max(1, int(options.MaxConns)/2), PlacesOfApp: max(1, int(options.MaxConns)/4),
				Longest: LongestTransaction,
			},
		},
	}), nil
}

// A position of what was published is a snapshot: it is after what the snapshot sees. That of a message
// has the message's transaction and number too, because a snapshot may or may not see its own
// transaction. Before everything is a snapshot that sees nothing.
const (
	fromSnapshot = `COALESCE(NULLIF(split_part($1::text, '/', 1), ''), '1:1:')::pg_snapshot`
	fromTx       = `NULLIF(split_part($1::text, '/', 2), '')::xid8`
	fromSeq      = `NULLIF(split_part($1::text, '/', 3), '')::bigint`
	between      = `tx >= pg_snapshot_xmin(` + fromSnapshot + `)
		AND CASE WHEN tx = ` + fromTx + ` THEN seq > ` + fromSeq + ` ELSE NOT pg_visible_in_snapshot(tx, ` + fromSnapshot + `) END
		AND pg_visible_in_snapshot(tx, $2::text::pg_snapshot)`
)

// encodeTerms makes an array of terms, never NULL.
func encodeTerms(terms []int64) any { return append([]int64{}, terms...) }

// yielded reports whether it is a lock that others had for longer than the transaction waits.
func yielded(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && failure.Code == "55P03"
}

// retryable reports whether it is a deadlock or a serialization failure, which end one of the
// transactions that were in each other's way.
func retryable(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && (failure.Code == "40P01" || failure.Code == "40001")
}

// migrateUnlessRestoring brings the schema up to date, unless a backup is restored to the database: no restore
// begins meanwhile, and none begins once there are tables. The lock is that of a connection of its own.
func migrateUnlessRestoring(ctx context.Context, db, long *sql.DB) (err error) {
	conn, err := long.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }() // with the lock: it is not kept for the next
	var free, broken bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock_shared($1)`, int64(lockRestore)).Scan(&free); err != nil {
		return err
	}
	if !free {
		return ErrRestoring
	}
	if err := conn.QueryRowContext(ctx, restoreBroken).Scan(&broken); err != nil {
		return err
	}
	if broken {
		return ErrRestoreBroken
	}
	return migrate(ctx, db)
}

func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := provider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Keys of advisory locks: "picloud" and a number.
const (
	lockMigration = 0x7069636c6f756401
	lockRemoval   = 0x7069636c6f756403
	lockRestore   = 0x7069636c6f756404
	lockLoad      = 0x7069636c6f756405
)

// migrationLock makes nodes that start at once migrate one after the other. goose's own locker asks
// every few seconds; this one waits its turn.
type migrationLock struct{}

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(lockMigration))
	return err
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, int64(lockMigration))
	return err
}

// fitEvents has PostgreSQL count the outbox again if it has counted hardly any rows for its pages. That is what it
// finds in an outbox that has just been emptied; it would go by it until it counts again by itself, and read whole
// indexes for each event, see [sqlstore]'s claims.
func fitEvents(ctx context.Context, db *sql.DB) error {
	var unfit bool
	err := db.QueryRowContext(ctx, `SELECT reltuples >= 0 AND reltuples < 0.1 * relpages FROM pg_class WHERE oid = 'outbox'::regclass`).Scan(&unfit)
	if err != nil || !unfit {
		return err
	}
	_, err = db.ExecContext(ctx, `ANALYZE outbox`)
	return err
}
