package catalog

import (
	"context"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// CreateTrigger has events start a script. Its details are checked whole, and the first time of a schedule
// is found here. Once it returns, each change that commits in this process makes its event.
func (c *Catalog) CreateTrigger(ctx context.Context, trigger store.Trigger) (created store.Trigger, err error) {
	if err := prepareTrigger(&trigger, nil); err != nil {
		return store.Trigger{}, err
	}
	err = c.change(ctx, func(tx store.Store) error {
		if err := checkTarget(ctx, tx, trigger); err != nil {
			return err
		}
		created, err = tx.Triggers().Create(ctx, trigger)
		return err
	})
	return created, err
}

// ChangeTrigger changes a trigger by change, whose error is returned as it is.
func (c *Catalog) ChangeTrigger(ctx context.Context, id string, change func(*store.Trigger) error) (changed store.Trigger, err error) {
	err = c.change(ctx, func(tx store.Store) error {
		changed, err = tx.Triggers().Modify(ctx, id, func(t *store.Trigger) error {
			before := *t
			if before.Cron != nil { // change may write into it
				before.Cron = new(*t.Cron)
			}
			if err := change(t); err != nil {
				return err
			}
			if err := prepareTrigger(t, &before); err != nil {
				return err
			}
			return checkTarget(ctx, tx, *t)
		})
		return err
	})
	return changed, err
}

// DeleteTrigger removes a trigger. What waits for it becomes dead letters.
func (c *Catalog) DeleteTrigger(ctx context.Context, id string) error {
	return c.change(ctx, func(tx store.Store) error { return tx.Triggers().Delete(ctx, id) })
}

// PauseEvents has the events of an app wait, or no longer.
func (c *Catalog) PauseEvents(ctx context.Context, appID string, paused bool) (store.App, error) {
	return c.UpdateApp(ctx, appID, store.AppChange{EventsPaused: &paused})
}

// prepareTrigger checks a trigger, and finds the next time of a schedule that is new, or enabled again.
func prepareTrigger(t, before *store.Trigger) error {
	if err := events.Check(*t); err != nil {
		return err
	}
	if t.Cron == nil {
		return nil
	}
	if before != nil && before.Cron != nil && before.Enabled == t.Enabled && before.Cron.Schedule == t.Cron.Schedule && before.Cron.Timezone == t.Cron.Timezone {
		return nil
	}
	s, err := schedule.Parse(t.Cron.Schedule, t.Cron.Timezone)
	if err != nil {
		return err
	}
	next, ok := s.Next(time.Now())
	if !ok {
		return fault.Refuse("schedule", "never fires again, got %q", t.Cron.Schedule)
	}
	t.Cron.NextAt = next.UTC()
	return nil
}

// checkTarget refuses a script that events cannot start.
func checkTarget(ctx context.Context, tx store.Store, t store.Trigger) error {
	script, err := tx.Scripts().Get(ctx, t.ScriptID)
	if fault.Unknown(err) || err == nil && script.AppID != t.AppID {
		return fault.Refuse("script", "is no script of the app, got %.80q", t.ScriptID)
	}
	if err != nil {
		return err
	}
	switch script.Kind {
	case abi.KindModule:
		return fault.Refuse("script", "is a module, which is imported and not run: %q", script.Name)
	case abi.KindStatic:
		return fault.Refuse("script", "is a static site, which is not run: %q", script.Name)
	}
	return nil
}

// loadTriggers reads the triggers of the apps again that have changed. It must not be called in a
// transaction: it waits for those that change data of apps.
func (c *Catalog) loadTriggers(ctx context.Context) error {
	if c.staleAll {
		return c.loadAllTriggers(ctx)
	}
	changed := len(c.stale) > 0
	for appID := range c.stale {
		err := c.registry.Reload(ctx, appID, func(ctx context.Context) ([]events.Listener, error) {
			triggers, err := c.store.Triggers().ByApp(ctx, appID)
			if err != nil {
				return nil, err
			}
			app, err := c.store.Apps().Get(ctx, appID)
			if err != nil && !fault.Unknown(err) {
				return nil, err
			}
			c.triggers.Set(appID, triggers, app.EventsPaused)
			return events.Listeners(triggers), nil
		})
		if err != nil {
			return err
		}
		delete(c.stale, appID)
	}
	if changed {
		c.triggersChanged()
	}
	return nil
}

func (c *Catalog) loadAllTriggers(ctx context.Context) error {
	err := c.registry.ReloadAll(ctx, func(ctx context.Context) (map[string][]events.Listener, error) {
		all, err := c.store.Triggers().All(ctx)
		if err != nil {
			return nil, err
		}
		byApp := map[string][]store.Trigger{}
		for _, t := range all {
			byApp[t.AppID] = append(byApp[t.AppID], t)
		}
		paused := map[string]bool{}
		for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
			apps, err := c.store.Apps().List(ctx, page)
			if err != nil {
				return nil, err
			}
			for _, app := range apps.Items {
				paused[app.ID] = app.EventsPaused
			}
			if page.Cursor = apps.Next; page.Cursor == "" {
				break
			}
		}
		for _, known := range c.triggers.Apps() {
			if _, exists := paused[known]; !exists {
				paused[known] = false // it is gone, and so are its triggers
			}
		}
		listeners := map[string][]events.Listener{}
		for id, wait := range paused {
			c.triggers.Set(id, byApp[id], wait)
			if l := events.Listeners(byApp[id]); len(l) > 0 {
				listeners[id] = l
			}
		}
		return listeners, nil
	})
	if err != nil {
		return err
	}
	c.staleAll, c.stale = false, map[string]bool{}
	c.triggersChanged()
	return nil
}
