package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// triggers implements [store.Triggers].
type triggers struct{ s *sqlStore }

const (
	triggerColumns = `t.id, t.app_id, t.script_id, t.kind, t.name, t.enabled, t.paused, t.registered_by,
		t.max_attempts, t.backoff, t.base_ms, t.max_ms, t.jitter, t.concurrency, t.created_at, t.updated_at`
	triggerGet    = `SELECT ` + triggerColumns + ` FROM triggers t WHERE t.id = $1`
	triggerAll    = `SELECT ` + triggerColumns + ` FROM triggers t ORDER BY t.id`
	triggerByApp  = `SELECT ` + triggerColumns + ` FROM triggers t WHERE t.app_id = $1 ORDER BY t.name`
	triggerInsert = `INSERT INTO triggers (id, app_id, script_id, kind, name, enabled, paused, registered_by,
			max_attempts, backoff, base_ms, max_ms, jitter, concurrency, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
	triggerUpdate = `UPDATE triggers SET script_id = $2, name = $3, enabled = $4, paused = $5, registered_by = $6,
			max_attempts = $7, backoff = $8, base_ms = $9, max_ms = $10, jitter = $11, concurrency = $12, updated_at = $13
		WHERE id = $1`
	triggerDelete  = `DELETE FROM triggers WHERE id = $1 RETURNING app_id`
	triggerOfName  = `SELECT id FROM triggers WHERE app_id = $1 AND name = $2`
	triggerOfTopic = `SELECT trigger_id FROM queue_trigger_details WHERE app_id = $1 AND topic = $2`

	dataDetailsSet = `INSERT INTO %s_trigger_details (trigger_id, collection, operations, filter) VALUES ($1, $2, $3, $4)
		ON CONFLICT (trigger_id) DO UPDATE SET collection = excluded.collection, operations = excluded.operations, filter = excluded.filter`
	dataDetailsGet = `SELECT collection, operations, filter FROM %s_trigger_details WHERE trigger_id = $1`
	cronDetailsSet = `INSERT INTO cron_trigger_details (trigger_id, schedule, timezone, catch_up, next_at, last_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (trigger_id) DO UPDATE SET schedule = excluded.schedule, timezone = excluded.timezone, catch_up = excluded.catch_up,
			next_at = excluded.next_at, last_at = excluded.last_at`
	cronDetailsGet  = `SELECT schedule, timezone, catch_up, next_at, last_at FROM cron_trigger_details WHERE trigger_id = $1`
	queueDetailsSet = `INSERT INTO queue_trigger_details (trigger_id, app_id, topic, max_batch, max_wait_ms, ordered) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (trigger_id) DO UPDATE SET topic = excluded.topic, max_batch = excluded.max_batch,
			max_wait_ms = excluded.max_wait_ms, ordered = excluded.ordered`
	queueDetailsGet  = `SELECT topic, max_batch, max_wait_ms, ordered FROM queue_trigger_details WHERE trigger_id = $1`
	pubsubDetailsSet = `INSERT INTO pubsub_trigger_details (trigger_id, topic) VALUES ($1, $2)
		ON CONFLICT (trigger_id) DO UPDATE SET topic = excluded.topic`
	pubsubDetailsGet     = `SELECT topic FROM pubsub_trigger_details WHERE trigger_id = $1`
	deadLetterDetailsSet = `INSERT INTO dead_letter_trigger_details (trigger_id, source, failed_trigger, failed_script) VALUES ($1, $2, $3, $4)
		ON CONFLICT (trigger_id) DO UPDATE SET source = excluded.source, failed_trigger = excluded.failed_trigger,
			failed_script = excluded.failed_script`
	deadLetterDetailsGet = `SELECT source, failed_trigger, failed_script FROM dead_letter_trigger_details WHERE trigger_id = $1`

	cronDue = `SELECT ` + triggerColumns + ` FROM triggers t JOIN cron_trigger_details d ON d.trigger_id = t.id
		WHERE d.next_at <= $1 AND t.enabled ORDER BY d.next_at, t.id LIMIT $2`
	cronFired   = `UPDATE cron_trigger_details SET next_at = $3, last_at = $4 WHERE trigger_id = $1 AND next_at = $2`
	cronNextDue = `SELECT d.next_at FROM cron_trigger_details d JOIN triggers t ON t.id = d.trigger_id
		WHERE t.enabled ORDER BY d.next_at LIMIT 1`
)

func scanTrigger(row scanner) (t store.Trigger, err error) {
	var baseMS, maxMS int64
	err = row.Scan(&t.ID, &t.AppID, &t.ScriptID, &t.Kind, &t.Name, &t.Enabled, &t.Paused, optional{&t.RegisteredBy},
		&t.Retry.MaxAttempts, &t.Retry.Backoff, &baseMS, &maxMS, &t.Retry.Jitter, &t.Concurrency,
		instant{&t.CreatedAt}, instant{&t.UpdatedAt})
	t.Retry.Base, t.Retry.Max = time.Duration(baseMS)*time.Millisecond, time.Duration(maxMS)*time.Millisecond
	return t, err
}

// readDetails reads the details of a trigger's kind.
func readDetails(ctx context.Context, q queryer, t *store.Trigger) (err error) {
	const resource = "trigger"
	switch t.Kind {
	case store.TriggerKV, store.TriggerDocs, store.TriggerFiles:
		t.Data, err = one(ctx, q, resource, func(row scanner) (*store.DataTrigger, error) {
			var d store.DataTrigger
			err := row.Scan(&d.Collection, document{&d.Operations}, (*[]byte)(&d.Filter))
			return &d, err
		}, fmt.Sprintf(dataDetailsGet, t.Kind), t.ID)
	case store.TriggerCron:
		t.Cron, err = one(ctx, q, resource, func(row scanner) (*store.CronTrigger, error) {
			var d store.CronTrigger
			err := row.Scan(&d.Schedule, &d.Timezone, &d.CatchUp, instant{&d.NextAt}, instant{&d.LastAt})
			return &d, err
		}, cronDetailsGet, t.ID)
	case store.TriggerQueue:
		t.Queue, err = one(ctx, q, resource, func(row scanner) (*store.QueueTrigger, error) {
			var d store.QueueTrigger
			var waitMS int64
			err := row.Scan(&d.Topic, &d.MaxBatch, &waitMS, &d.Ordered)
			d.MaxWait = time.Duration(waitMS) * time.Millisecond
			return &d, err
		}, queueDetailsGet, t.ID)
	case store.TriggerPubSub:
		t.PubSub, err = one(ctx, q, resource, func(row scanner) (*store.PubSubTrigger, error) {
			var d store.PubSubTrigger
			err := row.Scan(&d.Topic)
			return &d, err
		}, pubsubDetailsGet, t.ID)
	case store.TriggerDeadLetter:
		t.DeadLetter, err = one(ctx, q, resource, func(row scanner) (*store.DeadLetterTrigger, error) {
			var d store.DeadLetterTrigger
			err := row.Scan(&d.Source, &d.Trigger, &d.Script)
			return &d, err
		}, deadLetterDetailsGet, t.ID)
	default:
		err = fmt.Errorf("trigger %s is of kind %q", t.ID, t.Kind)
	}
	return err
}

// writeDetails writes the details of a trigger's kind.
func writeDetails(ctx context.Context, tx queryer, t *store.Trigger) (err error) {
	switch t.Kind {
	case store.TriggerKV, store.TriggerDocs, store.TriggerFiles:
		operations := t.Data.Operations
		if operations == nil {
			operations = []store.ChangeOperation{}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf(dataDetailsSet, t.Kind), t.ID, t.Data.Collection, encode(operations), textOrNull(string(t.Data.Filter)))
	case store.TriggerCron:
		_, err = tx.ExecContext(ctx, cronDetailsSet, t.ID, t.Cron.Schedule, t.Cron.Timezone, string(t.Cron.CatchUp), cut(t.Cron.NextAt), orNull(t.Cron.LastAt))
	case store.TriggerQueue:
		other, err := one(ctx, tx, "trigger", text, triggerOfTopic, t.AppID, t.Queue.Topic)
		if err == nil && other != t.ID {
			return store.Conflict("trigger", "topic", t.Queue.Topic, other)
		}
		if err != nil && !missing(err) {
			return err
		}
		_, err = tx.ExecContext(ctx, queueDetailsSet, t.ID, t.AppID, t.Queue.Topic, t.Queue.MaxBatch, t.Queue.MaxWait.Milliseconds(), t.Queue.Ordered)
		return err
	case store.TriggerPubSub:
		_, err = tx.ExecContext(ctx, pubsubDetailsSet, t.ID, t.PubSub.Topic)
	case store.TriggerDeadLetter:
		_, err = tx.ExecContext(ctx, deadLetterDetailsSet, t.ID, string(t.DeadLetter.Source), t.DeadLetter.Trigger, t.DeadLetter.Script)
	}
	return err
}

// checkTrigger refuses what no row can hold.
func checkTrigger(t *store.Trigger) error {
	if err := require(field{"name", t.Name}, field{"kind", string(t.Kind)}); err != nil {
		return err
	}
	details := 0
	for _, there := range []bool{t.Data != nil, t.Cron != nil, t.Queue != nil, t.PubSub != nil, t.DeadLetter != nil} {
		if there {
			details++
		}
	}
	kindless := fault.Refuse("kind", "%q has other details", t.Kind)
	if details != 1 {
		return kindless
	}
	switch {
	case t.Data != nil && (t.Kind == store.TriggerKV || t.Kind == store.TriggerDocs || t.Kind == store.TriggerFiles):
		return require(field{"collection", t.Data.Collection})
	case t.Cron != nil && t.Kind == store.TriggerCron:
		return require(field{"schedule", t.Cron.Schedule}, field{"timezone", t.Cron.Timezone})
	case t.Queue != nil && t.Kind == store.TriggerQueue:
		return require(field{"topic", t.Queue.Topic})
	case t.PubSub != nil && t.Kind == store.TriggerPubSub:
		return require(field{"topic", t.PubSub.Topic})
	case t.DeadLetter != nil && t.Kind == store.TriggerDeadLetter:
		return check(field{"source", string(t.DeadLetter.Source)}, field{"failed_trigger", t.DeadLetter.Trigger}, field{"failed_script", t.DeadLetter.Script})
	}
	return kindless
}

// nameFree refuses a name that another trigger of the app has.
func nameFree(ctx context.Context, tx queryer, t *store.Trigger) error {
	other, err := one(ctx, tx, "trigger", text, triggerOfName, t.AppID, t.Name)
	switch {
	case missing(err) || err == nil && other == t.ID:
		return nil
	case err != nil:
		return err
	}
	return store.Conflict("trigger", "name", t.Name, other)
}

func (t triggers) Create(ctx context.Context, trigger store.Trigger) (store.Trigger, error) {
	if err := checkTrigger(&trigger); err != nil {
		return store.Trigger{}, err
	}
	if trigger.ID == "" {
		trigger.ID = newID()
	}
	trigger.CreatedAt = t.s.db.now()
	trigger.UpdatedAt = trigger.CreatedAt
	revision := &store.Revision{Resource: store.ResourceTrigger, AppID: trigger.AppID, ID: trigger.ID}
	err := t.s.reconfigure(ctx, "create trigger", revision, func(tx queryer) error {
		note(tx, ofRevision(revision, nil, trigger))
		if err := must(ctx, tx, "script", scriptOfApp, trigger.ScriptID, trigger.AppID); err != nil {
			return err
		}
		if err := nameFree(ctx, tx, &trigger); err != nil {
			return err
		}
		r := trigger.Retry
		_, err := tx.ExecContext(ctx, triggerInsert, trigger.ID, trigger.AppID, trigger.ScriptID, string(trigger.Kind), trigger.Name,
			trigger.Enabled, trigger.Paused, textOrNull(trigger.RegisteredBy), r.MaxAttempts, string(r.Backoff),
			r.Base.Milliseconds(), r.Max.Milliseconds(), r.Jitter, trigger.Concurrency, trigger.CreatedAt, trigger.UpdatedAt)
		if err != nil {
			return err
		}
		return writeDetails(ctx, tx, &trigger)
	})
	if err != nil {
		return store.Trigger{}, err
	}
	return t.Get(ctx, trigger.ID)
}

func (t triggers) Get(ctx context.Context, id string) (store.Trigger, error) {
	return getTrigger(ctx, t.s.reader(), id)
}

func getTrigger(ctx context.Context, q queryer, id string) (store.Trigger, error) {
	trigger, err := one(ctx, q, "trigger", scanTrigger, triggerGet, id)
	if err == nil {
		err = readDetails(ctx, q, &trigger)
	}
	return trigger, err
}

// list reads triggers with their details. One that is deleted meanwhile is left out.
func (t triggers) list(ctx context.Context, query string, args ...any) ([]store.Trigger, error) {
	rows, err := many(ctx, t.s.reader(), "triggers", scanTrigger, query, args...)
	if err != nil {
		return nil, err
	}
	list := rows[:0]
	for _, trigger := range rows {
		switch err := readDetails(ctx, t.s.reader(), &trigger); {
		case missing(err):
		case err != nil:
			return nil, failed(ctx, "list triggers", err)
		default:
			list = append(list, trigger)
		}
	}
	return list, nil
}

func (t triggers) All(ctx context.Context) ([]store.Trigger, error) { return t.list(ctx, triggerAll) }

func (t triggers) ByApp(ctx context.Context, appID string) ([]store.Trigger, error) {
	return t.list(ctx, triggerByApp, appID)
}

func (t triggers) Modify(ctx context.Context, id string, change func(*store.Trigger) error) (trigger store.Trigger, err error) {
	revision := &store.Revision{Resource: store.ResourceTrigger, ID: id}
	err = t.s.reconfigure(ctx, "change trigger", revision, func(tx queryer) error {
		before, err := getTrigger(ctx, tx, id)
		if err != nil {
			return err
		}
		trigger = before
		told := was(tx, func() (store.Trigger, error) { return getTrigger(ctx, tx, id) }) // change may write into before
		if err := change(&trigger); err != nil {
			return err
		}
		trigger.ID, trigger.AppID, trigger.Kind = before.ID, before.AppID, before.Kind
		if err := checkTrigger(&trigger); err != nil {
			return err
		}
		if err := must(ctx, tx, "script", scriptOfApp, trigger.ScriptID, trigger.AppID); err != nil {
			return err
		}
		if err := nameFree(ctx, tx, &trigger); err != nil {
			return err
		}
		revision.AppID = trigger.AppID
		trigger.UpdatedAt = later(before.UpdatedAt, t.s.db.now())
		note(tx, ofRevision(revision, told, trigger))
		r := trigger.Retry
		_, err = tx.ExecContext(ctx, triggerUpdate, id, trigger.ScriptID, trigger.Name, trigger.Enabled, trigger.Paused,
			textOrNull(trigger.RegisteredBy), r.MaxAttempts, string(r.Backoff), r.Base.Milliseconds(), r.Max.Milliseconds(),
			r.Jitter, trigger.Concurrency, trigger.UpdatedAt)
		if err != nil {
			return err
		}
		return writeDetails(ctx, tx, &trigger)
	})
	return trigger, err
}

func (t triggers) Delete(ctx context.Context, id string) error {
	revision := &store.Revision{Resource: store.ResourceTrigger, ID: id}
	return t.s.reconfigure(ctx, "delete trigger", revision, func(tx queryer) (err error) {
		before := was(tx, func() (store.Trigger, error) { return getTrigger(ctx, tx, id) })
		defer func() { note(tx, ofRevision(revision, before, nil)) }()
		revision.AppID, err = one(ctx, tx, "trigger", text, triggerDelete, id)
		return err
	})
}

func (t triggers) Due(ctx context.Context, now time.Time, limit int) ([]store.Trigger, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return nil, err
	}
	return t.list(ctx, cronDue, cut(now), limit)
}

func (t triggers) Fired(ctx context.Context, id string, at, next, fired time.Time) (bool, error) {
	n, err := affect(ctx, t.s.writer(), cronFired, id, cut(at), cut(next), cut(fired))
	return n == 1, failed(ctx, "fire trigger", err)
}

func (t triggers) NextDue(ctx context.Context) (time.Time, error) {
	next, err := one(ctx, t.s.reader(), "trigger", func(row scanner) (at time.Time, err error) {
		err = row.Scan(instant{&at})
		return at, err
	}, cronNextDue)
	if missing(err) {
		return time.Time{}, nil
	}
	return next, err
}
