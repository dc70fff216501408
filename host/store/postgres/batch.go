package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore"
)

// turnSettings has the steps of a batch planned once for each connection, and by their indexes: to plan a claim takes
// as long as the claim. A plan that is made while the outbox is empty would else read all of it later. And the commit
// does not wait for the disk: what a crash of the database takes back, of leases and of what was done, is delivered again.
const turnSettings = `SELECT set_config('synchronous_commit', 'off', TRUE), set_config('plan_cache_mode', 'force_generic_plan', TRUE), set_config('enable_seqscan', 'off', TRUE),
	set_config('enable_hashjoin', 'off', TRUE), set_config('enable_mergejoin', 'off', TRUE), set_config('enable_bitmapscan', 'off', TRUE)`

// batch sends all steps of a turn before it reads what comes of the first. PostgreSQL makes one transaction of what is
// sent so, and takes a snapshot for each step.
func batch(ctx context.Context, db *sql.DB, steps []sqlstore.Step) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var failed error
	err = conn.Raw(func(of any) error {
		c, ok := of.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection is a %T", of)
		}
		b := &pgx.Batch{}
		b.Queue(turnSettings)
		for _, step := range steps {
			b.Queue(step.SQL, step.Args...).Query(func(rows pgx.Rows) error {
				for rows.Next() {
					if err := step.Row(rows); err != nil {
						rows.Close()
						return err
					}
				}
				return rows.Err()
			})
		}
		failed = c.Conn().SendBatch(ctx, b).Close()
		if c.Conn().IsClosed() {
			return driver.ErrBadConn
		}
		return nil
	})
	if failed != nil {
		return failed
	}
	return err
}

const eventsInsert = `INSERT INTO outbox (id, app_id, lane, trigger_id, script_id, source, operation, group_key, depth,
		root_execution, created_at, attempt, last_error, replay_of, due_at, payload)
	SELECT event.id, apps.id, lane, trigger_id, script_id, source, operation, group_key, depth,
		root_execution, {now}, 0, '', replay_of, {after event.delay}, payload
	FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::integer[],
		$11::text[], $12::text[], $13::bigint[], $14::text[]) AS event (id, app_id, lane, trigger_id, script_id, source, operation,
		group_key, depth, root_execution, replay_of, delay, payload)
	JOIN apps ON apps.id = event.app_id AND apps.deleted_at IS NULL`

// insertEvents inserts events by one statement, a column an array.
func insertEvents(events []store.Event) (statement string, args []any) {
	var id, app, lane, trigger, script, source, operation, group, root, replay, payload []string
	var depth []int32
	var delay []int64
	for _, e := range events {
		id, app, lane = append(id, e.ID), append(app, e.AppID), append(lane, e.Lane)
		trigger, script = append(trigger, e.TriggerID), append(script, e.ScriptID)
		source, operation = append(source, string(e.Source)), append(operation, e.Operation)
		group, depth, root = append(group, e.GroupKey), append(depth, int32(e.Depth)), append(root, e.RootExecution)
		replay, delay, payload = append(replay, e.ReplayOf), append(delay, e.Delay.Microseconds()), append(payload, string(e.Payload))
	}
	return eventsInsert, []any{id, app, lane, trigger, script, source, operation, group, depth, root, replay, delay, payload}
}

var argument = regexp.MustCompile(`\$\d+`)

// insertWithEvents makes a statement of one that inserts a row and one that inserts its events.
func insertWithEvents(first string, args int, second string) string {
	second = argument.ReplaceAllStringFunc(second, func(numbered string) string {
		n, _ := strconv.Atoi(numbered[1:])
		return "$" + strconv.Itoa(n+args)
	})
	return "WITH made AS (" + first + " RETURNING id), told AS (" + second + " WHERE EXISTS (SELECT FROM made)) SELECT id FROM made"
}
