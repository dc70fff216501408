package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// lateAfter is how long after its time a schedule's event counts as missed. A server that is stopped and
// started again for an upgrade misses nothing.
const lateAfter = time.Minute

// defectPause is how long a schedule that we panic about is left alone.
const defectPause = time.Hour

// maxTicks is how many events of a schedule may wait. A schedule whose handler is slower than it, or that is
// paused, would else take the room of all other events of its app.
const maxTicks = 100

// never is the next time of a schedule that comes to an end.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// fireDue makes the events of schedules whose time has come, and waits for those whose time comes before
// the next look.
func (d *Dispatcher) fireDue(ctx context.Context) error {
	for {
		fired, err := d.fireNow(ctx)
		if err != nil {
			return err
		}
		if fired > 0 {
			continue
		}
		next, err := d.store.Triggers().NextDue(ctx)
		if err != nil || next.IsZero() {
			return err
		}
		ahead := time.Until(next)
		if ahead > pollEvery {
			return nil
		}
		timer := time.NewTimer(max(ahead, 0))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// fireNow makes the events of schedules whose time has come, as many as are read at once, and returns how
// many there were.
func (d *Dispatcher) fireNow(ctx context.Context) (fired int, err error) {
	due, err := d.store.Triggers().Due(ctx, d.config.Now(), store.MaxBatch)
	if err != nil {
		return 0, err
	}
	for _, trigger := range due {
		err := background.Protect(func() error { return d.fire(ctx, trigger, d.config.Now()) })
		if defect := (*background.PanicError)(nil); errors.As(err, &defect) { // which must not be in the way of other schedules
			d.log.Error("a schedule panicked", "app_id", trigger.AppID, "trigger_id", trigger.ID, "error", err, "stack", string(defect.Stack))
			_, err = d.store.Triggers().Fired(ctx, trigger.ID, trigger.Cron.NextAt, d.config.Now().Add(defectPause), trigger.Cron.LastAt)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// fire makes the event of a schedule and moves its next time on, in one transaction: of several nodes that
// try, one does.
func (d *Dispatcher) fire(ctx context.Context, trigger store.Trigger, now time.Time) error {
	s, err := schedule.Parse(trigger.Cron.Schedule, trigger.Cron.Timezone)
	if err != nil { // by a database of another version of us: it does not fire
		d.log.Error("a schedule cannot be read", "trigger_id", trigger.ID, "error", err)
		_, err := d.store.Triggers().Fired(ctx, trigger.ID, trigger.Cron.NextAt, never, trigger.Cron.LastAt)
		return err
	}
	at := trigger.Cron.NextAt
	last := latest(s, at, now)
	missed := s.Missed(at.Add(-time.Nanosecond), last.Add(-time.Nanosecond), maxMissed)
	next, ok := s.Next(now)
	if !ok {
		next = never
	}
	skip := trigger.Cron.CatchUp == store.CatchUpSkip && now.Sub(last) > lateAfter
	return d.store.Outbox().Atomically(ctx, func(tx store.Store) error {
		fired, err := tx.Triggers().Fired(ctx, trigger.ID, at, next, now)
		if err != nil || !fired || skip {
			return err
		}
		err = d.mayWait(ctx, tx, trigger)
		if err == nil {
			err = d.config.Emitter.Tick(ctx, tx, trigger, events.Tick{
				Schedule: trigger.Cron.Schedule, Timezone: trigger.Cron.Timezone,
				ScheduledAt: last.UTC(), FiredAt: now.UTC().Truncate(time.Microsecond), Missed: missed,
			})
		}
		if fault.Of(err) == fault.LimitExceeded { // the schedule goes on, and those of other apps
			d.log.Warn("a schedule made no event: too many wait", "app_id", trigger.AppID, "trigger_id", trigger.ID, "error", err)
			return nil
		}
		return err
	})
}

// mayWait refuses another event of a schedule, [fault.LimitExceeded], when [maxTicks] wait.
func (d *Dispatcher) mayWait(ctx context.Context, tx store.Store, trigger store.Trigger) error {
	wait, err := tx.Outbox().Waiting(ctx, events.TriggerLane(trigger.AppID, trigger.ID), maxTicks)
	if err == nil && wait == maxTicks {
		err = fault.New(fault.LimitExceeded, "%d events of the schedule wait", maxTicks)
	}
	return err
}

// latest returns the last time of a schedule that is not after now; at is one.
func latest(s *schedule.Schedule, at, now time.Time) time.Time {
	from := at
	for window := time.Second; window < now.Sub(at); window *= 2 {
		if t, ok := s.Next(now.Add(-window)); ok && !t.After(now) {
			from = t
			break
		}
	}
	for {
		t, ok := s.Next(from)
		if !ok || t.After(now) {
			return from
		}
		from = t
	}
}
