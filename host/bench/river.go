package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverPeer is River in one of two ways. As it comes it fetches jobs ten times a second, which bounds
// what it delivers; so the one to compare with fetches as often as it allows.
type riverPeer struct {
	name       string
	fetchEvery time.Duration // 0: River's default, 100 ms
	share      int           // see contender
}

var riverPeers = []riverPeer{
	{"River, fetching every ms", time.Millisecond, 1},
	{"River, as it comes", 0, 10},
}

// title is the name with the version.
func (p riverPeer) title() string {
	return "River " + moduleVersion("github.com/riverqueue/river") + p.name[len("River"):]
}

// riverQueue is River on PostgreSQL.
type riverQueue struct {
	pool       *pgxpool.Pool
	fetchEvery time.Duration
	inserts    *river.Client[pgx.Tx] // works nothing
	works      *river.Client[pgx.Tx] // nil: none runs
}

// riverArgs are the arguments of a job. Their JSON is that of the payload of a message of ours.
type riverArgs struct {
	Message json.RawMessage `json:"message"`
}

func (riverArgs) Kind() string { return eventTopic }

// riverWorker calls a handler.
type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	handler func(id string)
}

func (w *riverWorker) Work(_ context.Context, job *river.Job[riverArgs]) error {
	w.handler(strconv.FormatInt(job.ID, 10))
	return nil
}

func openRiver(ctx context.Context, url string, fetchEvery time.Duration) (q *riverQueue, err error) {
	q = &riverQueue{fetchEvery: fetchEvery}
	if q.pool, err = pgxpool.New(ctx, url); err != nil { // as many connections as PiCloud's has
		return nil, err
	}
	defer func() {
		if err != nil {
			q.pool.Close()
		}
	}()
	log := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(riverpgxv5.New(q.pool), &rivermigrate.Config{Logger: log})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	// The one who inserts tells the one who works no more often than this either.
	q.inserts, err = river.NewClient(riverpgxv5.New(q.pool), &river.Config{FetchCooldown: fetchEvery, Logger: log})
	return q, err
}

func (q *riverQueue) push(ctx context.Context, n int) (string, error) {
	if n == 1 {
		inserted, err := q.inserts.Insert(ctx, riverArgs{eventBody}, nil)
		if err != nil {
			return "", err
		}
		return strconv.FormatInt(inserted.Job.ID, 10), nil
	}
	jobs := make([]river.InsertManyParams, n)
	for i := range jobs {
		jobs[i].Args = riverArgs{eventBody}
	}
	_, err := q.inserts.InsertManyFast(ctx, jobs)
	return "", err
}

func (q *riverQueue) start(ctx context.Context, handler func(id string)) (err error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{handler: handler})
	q.works, err = river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: eventWorkers}}, Workers: workers,
		FetchCooldown: q.fetchEvery, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	return q.works.Start(ctx)
}

// stop also removes the jobs that are done, as PiCloud does with each: a round finds an empty table.
func (q *riverQueue) stop(ctx context.Context) error {
	if err := q.works.Stop(ctx); err != nil {
		return err
	}
	_, err := q.pool.Exec(ctx, "TRUNCATE river_job")
	return err
}

func (q *riverQueue) empty(ctx context.Context) (empty bool, err error) {
	err = q.pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM river_job
		WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled'))`).Scan(&empty)
	return empty, err
}

func (q *riverQueue) close(context.Context) error {
	q.pool.Close()
	return nil
}
