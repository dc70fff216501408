package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// outbox implements [store.Outbox].
type outbox struct{ s *sqlStore }

// In these statements {now} is the present time of the database's clock, and {after N} that many
// microseconds later as the argument N says; $1 is for the clock.
const (
	eventColumns = `id, app_id, lane, trigger_id, script_id, source, operation, group_key, depth,
		root_execution, created_at, attempt, first_at, last_error, replay_of, due_at, token, payload`

	eventInsert = `INSERT INTO outbox (id, app_id, lane, trigger_id, script_id, source, operation, group_key, depth,
			root_execution, created_at, attempt, last_error, replay_of, due_at, payload)
		SELECT $2, id, $4, $5, $6, $7, $8, $9, $10, $11, {now}, 0, '', $12, {after $13}, $14 FROM apps WHERE id = $3 AND ` + liveApp
	eventReplace = `UPDATE outbox SET payload = $4, due_at = {after $5}, depth = CASE WHEN depth < $7 THEN $7 ELSE depth END WHERE id = (
			SELECT id FROM outbox WHERE lane = $2 AND group_key = $3 AND group_key <> '' AND operation = $6 AND token IS NULL AND attempt = 0
			ORDER BY id DESC LIMIT 1{lock}) RETURNING id`

	eventRetry = `UPDATE outbox SET token = NULL, lease_until = NULL, attempt = attempt + $4, last_error = $5, due_at = {after $6}
		WHERE id = $2 AND token = $3 AND app_id = $7`
	eventHold = `UPDATE outbox SET due_at = {after $4} WHERE lane = $2 AND group_key = $3 AND group_key <> '' AND token IS NULL
		AND due_at < {after $4}`
	eventRenew  = `UPDATE outbox SET lease_until = {after $3} WHERE token IS NOT NULL AND token = $2`
	eventRescue = `WITH chosen AS MATERIALIZED (
			SELECT id FROM outbox WHERE token IS NOT NULL AND ({all} OR lease_until < {now}) ORDER BY lease_until LIMIT $2{lock})
		UPDATE outbox SET token = NULL, lease_until = NULL WHERE id IN (SELECT id FROM chosen)`

	// Each step is one look into the index, however many events a lane has.
	eventLanes = `WITH RECURSIVE lanes (lane) AS (
			SELECT (SELECT lane FROM outbox WHERE token IS NULL AND lane > '' ORDER BY lane LIMIT 1)
			UNION ALL
			SELECT (SELECT o.lane FROM outbox o WHERE o.token IS NULL AND o.lane > lanes.lane ORDER BY o.lane LIMIT 1)
			FROM lanes WHERE lanes.lane IS NOT NULL)
		SELECT lane, (SELECT o.due_at FROM outbox o WHERE o.token IS NULL AND o.lane = lanes.lane ORDER BY o.due_at, o.id LIMIT 1), {now}
		FROM lanes WHERE lane IS NOT NULL`

	eventGet    = `SELECT ` + eventColumns + ` FROM outbox o WHERE o.id = $1 AND ` + ofLiveApp
	eventList   = `SELECT {brief} FROM outbox o WHERE o.app_id = $1 AND o.id > $2`
	eventDelete = `DELETE FROM outbox WHERE id = $1 AND token IS NULL`
	eventNow    = `UPDATE outbox SET due_at = {now} WHERE id = $2 AND token IS NULL`
	eventClear  = `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE token IS NULL AND lane = $1 ORDER BY due_at, id LIMIT $2)`
	eventCount  = `SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE app_id = $1 LIMIT $2) AS found`
	laneWaiting = `SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE token IS NULL AND lane = $1 LIMIT $2) AS found`
	eventQueues = `SELECT lane, SUM(CASE WHEN token IS NULL THEN 1 ELSE 0 END), SUM(CASE WHEN token IS NULL THEN 0 ELSE 1 END), MIN(created_at)
		FROM outbox WHERE app_id = $1 AND source = 'queue' AND lane > $2 GROUP BY lane ORDER BY lane LIMIT $3`
	// All events of a lane have one source. They are counted in the indexes; of each lane one row is looked at.
	eventDepths = `SELECT source, CAST(SUM(waiting) AS BIGINT), CAST(SUM(running) AS BIGINT), MIN(due_at) FROM (
			SELECT (SELECT o.source FROM outbox o WHERE o.token IS NULL AND o.lane = w.lane LIMIT 1) AS source, n AS waiting, 0 AS running, due_at
			FROM (SELECT lane, COUNT(*) AS n, MIN(due_at) AS due_at FROM outbox WHERE token IS NULL GROUP BY lane) AS w
			UNION ALL
			SELECT (SELECT o.source FROM outbox o WHERE o.token IS NOT NULL AND o.lane = r.lane LIMIT 1), 0, n, NULL
			FROM (SELECT lane, COUNT(*) AS n FROM outbox WHERE token IS NOT NULL GROUP BY lane) AS r) AS lanes
		WHERE source IS NOT NULL GROUP BY source ORDER BY source`
)

// timed writes a statement for the database: its clock and its locks, {lock} of rows and {locked} of the lane $2.
func (s *sqlStore) timed(statement string) string {
	if made, ok := s.db.timed.Load(statement); ok {
		return made.(string)
	}
	dialect, made := s.db.Dialect, statement
	for {
		begin := strings.Index(made, "{after ")
		if begin < 0 {
			break
		}
		length := strings.IndexByte(made[begin:], '}')
		micros := made[begin+len("{after ") : begin+length]
		made = made[:begin] + dialect.Clock(micros) + made[begin+length+1:]
	}
	lock, locked := "", ""
	if dialect.ForUpdate != "" {
		lock = dialect.ForUpdate + dialect.SkipLocked
	}
	if dialect.LaneLocked != "" {
		locked = " AND " + dialect.LaneLocked
	}
	made = strings.NewReplacer("{now}", dialect.Clock(""), "{lock}", lock, "{locked}", locked, "{place}", dialect.Place,
		"{among}", dialect.Among[0], "{/among}", dialect.Among[1]).Replace(made)
	s.db.timed.Store(statement, made)
	return made
}

// clock returns the present time of the database's clock, which all nodes have in common.
func (s *sqlStore) clock(ctx context.Context, q queryer) (time.Time, error) {
	return one(ctx, q, "clock", func(row scanner) (now time.Time, err error) {
		err = row.Scan(instant{&now})
		return now, err
	}, s.timed(`SELECT {now}`), s.db.now())
}

// excerptColumns are what a listing has in the place of the last column, the payload.
var excerptColumns = fmt.Sprintf("OCTET_LENGTH(payload), CASE WHEN source = 'call' THEN '' ELSE SUBSTR(payload, 1, %d) END", store.ExcerptChars)

// brief writes a listing, {brief} in it being columns of which the last is the payload.
func brief(statement, columns string) string {
	return strings.Replace(statement, "{brief}", strings.TrimSuffix(columns, "payload")+excerptColumns, 1)
}

func scanEvent(row scanner) (store.Event, error) {
	e, err := scanEventAnd(row, func(e *store.Event) []any { return []any{(*[]byte)(&e.Payload)} })
	e.Size = len(e.Payload)
	return e, err
}

func scanBriefEvent(row scanner) (store.Event, error) {
	return scanEventAnd(row, func(e *store.Event) []any { return []any{&e.Size, &e.Start} })
}

// scanEventAnd reads what every listing has of an event, and then what this one has of its payload.
func scanEventAnd(row scanner, payload func(*store.Event) []any) (e store.Event, err error) {
	err = row.Scan(append([]any{&e.ID, &e.AppID, &e.Lane, &e.TriggerID, &e.ScriptID, &e.Source, &e.Operation, &e.GroupKey, &e.Depth,
		&e.RootExecution, instant{&e.CreatedAt}, &e.Attempt, instant{&e.FirstAt}, &e.LastError, &e.ReplayOf, instant{&e.DueAt},
		optional{&e.Token}}, payload(&e)...)...)
	e.Running = e.Token != ""
	return e, err
}

func (o outbox) Atomically(ctx context.Context, fn func(tx store.Store) error) error {
	err := o.s.join(ctx, "keep events", func(tx *sqlStore) error { return fn(tx) })
	if o.s.tx != nil && fault.Of(err) == fault.LimitExceeded {
		o.s.tx.refused = err // whoever began the transaction must not keep the half of it
	}
	return err
}

func (o outbox) Add(ctx context.Context, events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	return o.s.join(ctx, "add events", func(tx *sqlStore) error { return tx.addEvents(ctx, events) })
}

func (s *sqlStore) addEvents(ctx context.Context, events []store.Event) error {
	for i := range events {
		e := &events[i]
		if err := require(field{"lane", e.Lane}, field{"source", string(e.Source)}); err != nil {
			return err
		}
		if err := check(field{"operation", e.Operation}, field{"group_key", e.GroupKey}, field{"payload", string(e.Payload)}); err != nil {
			return err
		}
		if e.ID == "" {
			e.ID = newID()
		}
	}
	if s.tx.gather != nil {
		s.tx.gather(events)
		return nil
	}
	if s.db.Dialect.InsertEvents != nil && len(events) > 1 {
		statement, args := s.db.Dialect.InsertEvents(events)
		return s.added(ctx, len(events), statement, append([]any{s.db.now()}, args...)...)
	}
	for _, e := range events {
		err := s.added(ctx, 1, eventInsert, s.db.now(), e.ID, e.AppID, e.Lane, e.TriggerID, e.ScriptID, string(e.Source),
			e.Operation, e.GroupKey, e.Depth, e.RootExecution, e.ReplayOf, e.Delay.Microseconds(), string(e.Payload))
		if err != nil {
			return err
		}
	}
	return nil
}

// added runs a statement that inserts so many events, or fewer when an app is gone.
func (s *sqlStore) added(ctx context.Context, events int, statement string, args ...any) error {
	n, err := affect(ctx, s.tx, s.timed(statement), args...)
	if err == nil && n < int64(events) {
		err = notFound("app")
	}
	return err
}

func (o outbox) Replace(ctx context.Context, by store.Event) (id string, replaced bool, err error) {
	err = o.s.join(ctx, "replace event", func(tx *sqlStore) error {
		id, err = one(ctx, tx.tx, "event", text, tx.timed(eventReplace), tx.db.now(), by.Lane, by.GroupKey, string(by.Payload),
			by.Delay.Microseconds(), by.Operation, by.Depth)
		if replaced = err == nil; missing(err) {
			return nil
		}
		return err
	})
	return id, replaced, err
}

// leased is an event under a token.
type leased struct{ id, token string }

func scanLeased(row scanner) (l leased, err error) {
	err = row.Scan(&l.id, &l.token)
	return l, err
}

// removeStep removes what is not retried, if it is under its token, and tells what it removed.
func (s *sqlStore) removeStep(settlements []store.Settlement, removed func(leased)) Step {
	var ids, tokens, apps []string
	for _, settled := range settlements {
		if settled.Retry == nil {
			ids, tokens, apps = append(ids, settled.EventID), append(tokens, settled.Token), append(apps, settled.AppID)
		}
	}
	return Step{s.db.Dialect.DeleteLeased, []any{s.db.Dialect.Texts(ids), s.db.Dialect.Texts(tokens), s.db.Dialect.Texts(apps)}, func(row scanner) error {
		l, err := scanLeased(row)
		removed(l)
		return err
	}}
}

// settle writes down what became of events and returns how many were not under their tokens any more.
func (s *sqlStore) settle(ctx context.Context, settlements []store.Settlement) (void int, err error) {
	removed := map[leased]bool{}
	if slices.ContainsFunc(settlements, func(s store.Settlement) bool { return s.Retry == nil }) {
		if err := s.run(ctx, s.removeStep(settlements, func(l leased) { removed[l] = true })); err != nil {
			return 0, err
		}
	}
	for _, settled := range settlements {
		done := removed[leased{settled.EventID, settled.Token}]
		if settled.Retry != nil {
			if done, err = s.retryEvent(ctx, settled); err != nil {
				return void, err
			}
		}
		if !done {
			void++
			continue
		}
		if settled.Dead != nil {
			if err := s.bury(ctx, settled.Dead); err != nil {
				return void, err
			}
		}
		if err := s.addEvents(ctx, settled.Then); err != nil && !missing(err) { // the app goes, and all of it
			return void, err
		}
		if settled.Handled != "" {
			if _, err := affect(ctx, s.tx, s.timed(deadHandled), s.db.now(), settled.Handled, string(settled.As), "", ""); err != nil {
				return void, err
			}
		}
	}
	return void, nil
}

// retryEvent has an event wait for another attempt, if it is under its token.
func (s *sqlStore) retryEvent(ctx context.Context, settled store.Settlement) (bool, error) {
	retry, counted := settled.Retry, 0
	if retry.Counted {
		counted = 1
	}
	delay := retry.Delay.Microseconds()
	n, err := affect(ctx, s.tx, s.timed(eventRetry), s.db.now(), settled.EventID, settled.Token, counted, mended(retry.Error), delay, settled.AppID)
	if err != nil || n == 0 {
		return false, err
	}
	if retry.HoldKey && retry.GroupKey != "" {
		_, err = s.tx.ExecContext(ctx, s.timed(eventHold), s.db.now(), retry.Lane, retry.GroupKey, delay)
	}
	return true, err
}

func (o outbox) Lanes(ctx context.Context) ([]store.LaneDue, error) {
	return many(ctx, o.s.reader(), "lanes", func(row scanner) (l store.LaneDue, err error) {
		err = row.Scan(&l.Lane, instant{&l.Due}, instant{&l.Now})
		return l, err
	}, o.s.timed(eventLanes), o.s.db.now())
}

func (o outbox) Renew(ctx context.Context, tokens []string, lease time.Duration) error {
	return o.s.join(ctx, "renew leases", func(tx *sqlStore) error {
		for _, token := range tokens {
			if _, err := tx.tx.ExecContext(ctx, tx.timed(eventRenew), tx.db.now(), token, lease.Microseconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o outbox) Rescue(ctx context.Context, limit int, all bool) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	whose := "FALSE"
	if all {
		whose = "TRUE"
	}
	n, err := affect(ctx, o.s.writer(), o.s.timed(strings.Replace(eventRescue, "{all}", whose, 1)), o.s.db.now(), limit)
	return int(n), failed(ctx, "rescue events", err)
}

func (o outbox) Fit(ctx context.Context) error {
	if o.s.db.Dialect.FitEvents == nil {
		return nil
	}
	return failed(ctx, "count events", o.s.db.Dialect.FitEvents(ctx, o.s.db.Write))
}

func (o outbox) Get(ctx context.Context, id string) (store.Event, error) {
	return one(ctx, o.s.reader(), "event", scanEvent, eventGet, id)
}

func (o outbox) List(ctx context.Context, query store.EventQuery) (store.Page[store.Event], error) {
	after, limit, err := afterName("events", query.Page)
	if err != nil {
		return store.Page[store.Event]{}, err
	}
	statement, args := eventList, []any{query.AppID, after}
	where := func(column, value string) {
		if value != "" {
			args = append(args, value)
			statement += fmt.Sprintf(" AND o.%s = $%d", column, len(args))
		}
	}
	where("trigger_id", query.TriggerID)
	where("lane", query.Lane)
	where("source", string(query.Source))
	switch query.State {
	case store.EventRunning:
		statement += " AND o.token IS NOT NULL"
	case store.EventWaiting:
		statement += " AND o.token IS NULL AND o.attempt = 0"
	case store.EventRetrying:
		statement += " AND o.token IS NULL AND o.attempt > 0"
	case "":
	default:
		return store.Page[store.Event]{}, fault.Refuse("state", "must be waiting, running or retrying, got %q", string(query.State))
	}
	args = append(args, limit+1)
	statement = brief(statement, eventColumns)
	rows, err := many(ctx, o.s.reader(), "events", scanBriefEvent, statement+fmt.Sprintf(" ORDER BY o.id LIMIT $%d", len(args)), args...)
	return pageOf(rows, limit, func(last store.Event) string { return makeCursor("events", last.ID) }), err
}

// unlessRunning runs a statement on an event that nobody handles now.
func (o outbox) unlessRunning(ctx context.Context, op, id, statement string, args ...any) error {
	return o.s.join(ctx, op, func(tx *sqlStore) error {
		n, err := affect(ctx, tx.tx, statement, args...)
		if err != nil || n == 1 {
			return err
		}
		if _, err := one(ctx, tx.tx, "event", scanEvent, eventGet, id); err != nil {
			return err
		}
		return fault.New(fault.Conflict, "the event is being handled")
	})
}

func (o outbox) Delete(ctx context.Context, id string) error {
	return o.unlessRunning(ctx, "delete event", id, eventDelete, id)
}

func (o outbox) Retry(ctx context.Context, id string) (store.Event, error) {
	if err := o.unlessRunning(ctx, "retry event", id, o.s.timed(eventNow), o.s.db.now(), id); err != nil {
		return store.Event{}, err
	}
	return o.Get(ctx, id)
}

func (o outbox) Clear(ctx context.Context, lane string, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, o.s.writer(), eventClear, lane, limit)
	return int(n), failed(ctx, "clear queue", err)
}

func (o outbox) Count(ctx context.Context, appID string, most int) (n int, err error) {
	err = o.s.reader().QueryRowContext(ctx, eventCount, appID, most).Scan(&n)
	return n, failed(ctx, "count events", err)
}

func (o outbox) Waiting(ctx context.Context, lane string, most int) (n int, err error) {
	err = o.s.reader().QueryRowContext(ctx, laneWaiting, lane, most).Scan(&n)
	return n, failed(ctx, "count events", err)
}

func (o outbox) Queues(ctx context.Context, appID string, others []string, page store.PageRequest) (store.Page[store.QueueDepth], error) {
	after, limit, err := afterName("queues", page)
	if err != nil {
		return store.Page[store.QueueDepth]{}, err
	}
	rows, err := many(ctx, o.s.reader(), "queues", func(row scanner) (q store.QueueDepth, err error) {
		err = row.Scan(&q.Topic, &q.Waiting, &q.Running, instant{&q.Oldest})
		return q, err
	}, eventQueues, appID, after, limit+1)
	if err != nil {
		return store.Page[store.QueueDepth]{}, err
	}
	byTopic := func(q store.QueueDepth, topic string) int { return strings.Compare(q.Topic, topic) }
	for _, lane := range others {
		if i, found := slices.BinarySearchFunc(rows, lane, byTopic); !found && lane > after {
			rows = slices.Insert(rows, i, store.QueueDepth{Topic: lane})
		}
	}
	return pageOf(rows, limit, func(last store.QueueDepth) string { return makeCursor("queues", last.Topic) }), nil
}

func (o outbox) Depths(ctx context.Context) ([]store.Depth, error) {
	return many(ctx, o.s.reader(), "events", func(row scanner) (d store.Depth, err error) {
		err = row.Scan(&d.Source, &d.Waiting, &d.Running, instant{&d.Due})
		return d, err
	}, eventDepths)
}

func (o outbox) Shared() bool { return o.s.db.Dialect.ListenEvents != nil }

// announcement is what the nodes are told of events.
type announcement struct {
	From  string   `json:"from"` // one who opened the database, and knows it
	Lanes []string `json:"lanes"`
}

// maxAnnouncement is how many bytes a notification of PostgreSQL may have.
const maxAnnouncement = 7999

func (o outbox) Announce(ctx context.Context, lanes []string) error {
	if !o.Shared() {
		return nil
	}
	told := encode(announcement{o.s.db.id, lanes})
	if len(told) > maxAnnouncement {
		told = encode(announcement{From: o.s.db.id})
	}
	_, err := o.s.db.Write.ExecContext(ctx, o.s.db.Dialect.AnnounceEvents, told)
	return failed(ctx, "announce events", err)
}

func (o outbox) Listen(ctx context.Context, wake func(lanes []string)) error {
	if !o.Shared() {
		return store.Failed("listen", errors.ErrUnsupported)
	}
	return failed(ctx, "listen", o.s.db.Dialect.ListenEvents(ctx, func(told string) {
		var of announcement
		_ = json.Unmarshal([]byte(told), &of) // without it, it may be any lane
		if of.From != o.s.db.id {
			wake(of.Lanes)
		}
	}))
}
