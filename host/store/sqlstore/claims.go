package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

// Step is a statement of several that do not depend on what the ones before have found, and who is handed the
// rows that it finds.
type Step struct {
	SQL  string
	Args []any
	Row  func(row scanner) error
}

// A claim is one statement, whatever kind it is: $2 the lane, $3 since when, $4 how many events, $5 the token,
// $6 for how long, $7 how many bytes, $8 how many may run, $9 since when their leases end; $10 is how long a batch
// waits to be full.
//
// What is updated is named by its place in the table, which stands still while it is locked. PostgreSQL that has counted
// the rows when there were none takes all indexes for equal, also one in which the id comes second, until it counts
// again.
const (
	claimFrom = `WITH room AS MATERIALIZED (SELECT $8 - {running} AS places FROM outbox r WHERE r.lane = $2 AND r.token IS NOT NULL AND r.lease_until >= $9),
		chosen AS MATERIALIZED (SELECT o.{place} AS row, o.id, o.due_at, OCTET_LENGTH(o.payload) AS size
		FROM outbox o WHERE o.token IS NULL AND o.lane = $2 AND o.due_at <= {now} AND o.due_at >= $3{locked} AND (SELECT places FROM room) > 0`
	// What is chosen is chosen once: PostgreSQL may run a subquery again, which then finds other rows.
	claimUpdate = ` ORDER BY o.due_at, o.id LIMIT $4{lock}) UPDATE outbox
		SET token = $5, lease_until = {after $6}, first_at = COALESCE(first_at, {now})
		WHERE token IS NULL AND {place} {among}(SELECT row FROM (
			SELECT row, SUM(size) OVER (ORDER BY due_at, id) - size AS before, ROW_NUMBER() OVER (ORDER BY due_at, id) AS place
			FROM chosen) AS sized WHERE before < $7`
	claimReturning = `){/among} RETURNING ` + eventColumns

	// Other claims of the lane wait, so that all later leases end later: as many as there are, from the first on. What is
	// due later is looked for before what is due now is claimed: by then the clock may have gone on.
	laneRunning = `SELECT {running}, COALESCE(MIN(lease_until), {after $4}), {now}, (SELECT w.due_at FROM outbox w
			WHERE w.token IS NULL AND w.lane = $2 AND w.due_at > {now} ORDER BY w.due_at, w.id LIMIT 1)
		FROM outbox r WHERE r.lane = $2 AND r.token IS NOT NULL AND r.lease_until >= $3`

	runningEvents = `COUNT(*)`
	runningTokens = `COUNT(DISTINCT r.token)`
	claimRoom     = ` AND place <= (SELECT places FROM room)`
	claimWaited   = ` AND ((SELECT COUNT(*) FROM chosen) >= $4 OR EXISTS (SELECT 1 FROM chosen WHERE due_at <= {after $10}))`

	// Of a group the first one pushed is the one to be delivered. The ordered rows are looked at no further than
	// this, so that a long group does not hold up a turn.
	claimFirst = ` AND (o.group_key = '' OR NOT EXISTS (
			SELECT 1 FROM outbox e WHERE e.lane = o.lane AND e.group_key = o.group_key AND e.group_key <> '' AND e.id < o.id))
		AND o.id IN (SELECT id FROM outbox WHERE token IS NULL AND lane = $2 AND due_at <= {now} AND due_at >= $3 ORDER BY due_at, id LIMIT 1000)`
	// Where a group is held and that long, and nothing was claimed so, the others are found by their groups; of
	// these, too, some.
	claimHeads = ` AND NOT EXISTS (SELECT 1 FROM outbox t WHERE t.lane = $2 AND t.token = $5 AND t.lease_until >= $9) AND o.id IN (WITH RECURSIVE groups (group_key) AS (
			SELECT (SELECT group_key FROM outbox WHERE lane = $2 AND group_key <> '' ORDER BY group_key LIMIT 1)
			UNION ALL
			SELECT (SELECT g.group_key FROM outbox g WHERE g.lane = $2 AND g.group_key <> '' AND g.group_key > groups.group_key ORDER BY g.group_key LIMIT 1)
			FROM groups WHERE groups.group_key IS NOT NULL)
		SELECT (SELECT h.id FROM outbox h WHERE h.lane = $2 AND h.group_key = groups.group_key AND h.group_key <> '' ORDER BY h.id LIMIT 1)
		FROM groups WHERE groups.group_key IS NOT NULL LIMIT 1000)`
)

// claimed is what comes of a claim.
type claimed struct {
	store.Claim
	free    bool // the lane is, for us
	running int  // in the lane before
	leased  time.Time
	now     time.Time // of the database's clock
	next    time.Time // when the first is due that is not yet; zero: none is
	events  []store.Event
}

// Turn is one transaction. Where nothing but deletions and claims is to be done, it is one round trip.
func (o outbox) Turn(ctx context.Context, turn store.Turn) (turned store.Turned, err error) {
	const op = "dispatch events"
	var claims []*claimed
	if o.s.tx == nil && o.s.db.Dialect.Batch != nil && !slices.ContainsFunc(turn.Settlements, more) {
		err = failed(ctx, op, o.s.retry(func() error {
			var steps []Step
			turned.Void = len(turn.Settlements)
			if len(turn.Settlements) > 0 {
				steps = append(steps, o.s.removeStep(turn.Settlements, func(leased) { turned.Void-- }))
			}
			claims, steps = o.s.claimSteps(turn, steps)
			return o.s.db.Dialect.Batch(ctx, o.s.db.Write, steps)
		}))
	} else {
		err = o.s.joinAt(ctx, inFront, "", op, func(tx *sqlStore) error {
			if turned.Void, err = tx.settle(ctx, turn.Settlements); err != nil {
				return err
			}
			var steps []Step
			claims, steps = tx.claimSteps(turn, nil)
			for _, step := range steps {
				if err := tx.run(ctx, step); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return store.Turned{}, err
	}
	turned.Claimed, turned.Leased, turned.Next = map[string][]store.Event{}, map[string]time.Time{}, map[string]time.Duration{}
	for _, c := range claims {
		c.into(&turned)
	}
	return turned, nil
}

// more reports whether there is more to a settlement than a deletion.
func more(s store.Settlement) bool {
	return s.Retry != nil || s.Dead != nil || s.Handled != "" || len(s.Then) > 0
}

// run runs a step in the transaction.
func (s *sqlStore) run(ctx context.Context, step Step) error {
	rows, err := s.tx.QueryContext(ctx, step.SQL, step.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := step.Row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// claimSteps adds the steps of a turn's claims.
func (s *sqlStore) claimSteps(turn store.Turn, steps []Step) ([]*claimed, []Step) {
	var claims []*claimed
	for _, claim := range turn.Claims {
		c := &claimed{Claim: claim, free: s.db.Dialect.LockLane == ""}
		claims = append(claims, c)
		if !c.free {
			steps = append(steps, Step{s.db.Dialect.LockLane, []any{c.Lane}, func(row scanner) error { return row.Scan(&c.free) }})
		}
		running, room := runningEvents, claimRoom
		if c.Together {
			running, room = runningTokens, ""
		}
		now, since, leased, lease := s.db.now(), orFirst(c.Since), orFirst(c.Leased), turn.Lease.Microseconds()
		made := func(statement string) string { return s.timed(strings.Replace(statement, "{running}", running, 1)) }
		steps = append(steps, Step{made(laneRunning), []any{now, c.Lane, leased, lease}, func(row scanner) error {
			return row.Scan(&c.running, instant{&c.leased}, instant{&c.now}, instant{&c.next})
		}})
		args := []any{now, c.Lane, since, c.Limit, c.Token, lease, store.MaxClaimBytes, c.MaxRunning, leased}
		if c.Together && c.MaxWait > 0 {
			room += claimWaited
			args = append(args, -c.MaxWait.Microseconds())
		}
		ways := []string{""}
		if c.Ordered {
			ways = []string{claimFirst, claimHeads}
		}
		for _, way := range ways {
			steps = append(steps, Step{made(claimFrom + way + claimUpdate + room + claimReturning), args, func(row scanner) error {
				event, err := scanEvent(row)
				c.events = append(c.events, event)
				return err
			}})
		}
	}
	return claims, steps
}

// orFirst is a time from which on all is looked at, for zero.
func orFirst(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return cut(t)
}

// into adds what came of a claim to what came of the turn.
func (c *claimed) into(turned *store.Turned) {
	if c.free {
		turned.Leased[c.Lane] = c.leased
	}
	if !c.next.IsZero() {
		turned.Next[c.Lane] = c.next.Sub(c.now)
	}
	room := c.MaxRunning - c.running
	switch {
	case !c.free:
		turned.Busy = append(turned.Busy, c.Lane)
		return
	case room <= 0, !c.Together && len(c.events) == room && room < c.Limit:
		turned.Full = append(turned.Full, c.Lane)
	}
	if len(c.events) == 0 {
		return
	}
	slices.SortFunc(c.events, func(a, b store.Event) int {
		if by := a.DueAt.Compare(b.DueAt); by != 0 {
			return by
		}
		return strings.Compare(a.ID, b.ID)
	})
	turned.Claimed[c.Token] = c.events
}
