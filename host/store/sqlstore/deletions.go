package sqlstore

import (
	"context"

	"github.com/picloud/picloud/host/store"
)

// deletions implements [store.Deletions].
type deletions struct{ s *sqlStore }

// Conditions that an app, a script or a topic is not deleted: of the table apps, of the row's app_id, of the
// scripts s, and of the table topics.
const (
	liveApp    = `apps.deleted_at IS NULL`
	ofLiveApp  = `EXISTS (SELECT 1 FROM apps WHERE apps.id = app_id AND ` + liveApp + `)`
	liveScript = `s.deleted_at IS NULL AND EXISTS (SELECT 1 FROM apps WHERE apps.id = s.app_id AND ` + liveApp + `)`
	liveTopic  = `access <> ''`
)

const (
	// What is marked has a name that nobody else wants. A script's is in a key: who changes it waits for those who record
	// executions of the script, and none does afterwards.
	appMark    = `UPDATE apps SET slug = id, deleted_at = $2 WHERE id = $1 AND ` + liveApp
	scriptMark = `UPDATE scripts SET name = '~' || id, source = '', wasm = NULL, deleted_at = $2 WHERE id = $1`

	anyDeleted = `SELECT 1 FROM apps WHERE deleted_at IS NOT NULL UNION ALL SELECT 1 FROM scripts WHERE deleted_at IS NOT NULL
		UNION ALL SELECT 1 FROM topics WHERE access = '' LIMIT 1`

	nextTopic       = `SELECT ` + topicColumns + ` FROM topics WHERE access = '' ORDER BY app_id, topic LIMIT 1`
	nextScript      = `SELECT id FROM scripts WHERE deleted_at IS NOT NULL ORDER BY deleted_at, id LIMIT 1`
	nextApp         = `SELECT id FROM apps WHERE deleted_at IS NOT NULL ORDER BY deleted_at, id LIMIT 1`
	nextScriptOfApp = `SELECT id FROM scripts WHERE app_id = $1 ORDER BY name LIMIT 1`

	scriptLetGo    = `UPDATE scripts SET wasm = NULL WHERE id = $1 AND wasm IS NOT NULL`
	scriptRemove   = `DELETE FROM scripts WHERE id = $1`
	messagesRemove = `DELETE FROM published WHERE seq IN (SELECT seq FROM published WHERE app_id = $1 AND topic = $2 ORDER BY seq LIMIT $3)`
	versionsRemove = `DELETE FROM script_versions WHERE script_id = $1 AND version IN (
		SELECT version FROM script_versions WHERE script_id = $1 ORDER BY version LIMIT $2)`

	topicRemove = `DELETE FROM topics WHERE app_id = $1 AND topic = $2`
	appRemove   = `DELETE FROM apps WHERE id = $1`
	filesRemove = `DELETE FROM files WHERE app_id = $1 AND (collection, id) IN (
		SELECT collection, id FROM files WHERE app_id = $1 ORDER BY collection, id LIMIT $2) RETURNING blob`
)

// What goes with an app or a script in the moment in which it is marked: all by which somebody comes to it,
// of which there is not much.
var (
	appEnds = []string{
		`DELETE FROM app_aliases WHERE app_id = $1`,
		`DELETE FROM app_members WHERE app_id = $1`,
		`DELETE FROM api_keys WHERE app_id = $1`,
		`DELETE FROM routes WHERE app_id = $1`,
		`DELETE FROM triggers WHERE app_id = $1`,
		`DELETE FROM domains WHERE app_id = $1`,
		`DELETE FROM secrets WHERE app_id = $1`,
		`DELETE FROM quotas WHERE app_id = $1`,
		`UPDATE docs_indexes SET state = 'dropped', since = '' WHERE app_id = $1`,
	}
	scriptEnds = []string{
		`DELETE FROM routes WHERE script_id = $1`,
		`DELETE FROM triggers WHERE script_id = $1`,
		`DELETE FROM script_imports WHERE script_id = $1`,
	}
)

// What of an app or a script $1 there may be much of, to be removed $2 at a time. What is not named goes
// with the row itself.
var (
	appRemains = []string{
		`DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE app_id = $1 ORDER BY id LIMIT $2)`,
		`DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE app_id = $1 ORDER BY id LIMIT $2)`,
		`DELETE FROM published WHERE seq IN (SELECT seq FROM published WHERE app_id = $1 ORDER BY topic, seq LIMIT $2)`,
		`DELETE FROM idempotency_keys WHERE app_id = $1 AND (scope, key) IN (
			SELECT scope, key FROM idempotency_keys WHERE app_id = $1 ORDER BY scope, key LIMIT $2)`,
		`DELETE FROM abandoned_executions WHERE id IN (SELECT id FROM abandoned_executions WHERE app_id = $1 ORDER BY id LIMIT $2)`,
		`DELETE FROM kv_entries WHERE app_id = $1 AND (collection, key) IN (
			SELECT collection, key FROM kv_entries WHERE app_id = $1 ORDER BY collection, key LIMIT $2)`,
		`DELETE FROM docs WHERE app_id = $1 AND (collection, id) IN (
			SELECT collection, id FROM docs WHERE app_id = $1 ORDER BY collection, id LIMIT $2)`,
		`DELETE FROM series WHERE (app_id, script_id, step, at) IN (
			SELECT app_id, script_id, step, at FROM series WHERE app_id = $1 ORDER BY script_id, step, at LIMIT $2)`,
	}
	scriptRemains = []string{ // executions beside those that are no segment yet
		`DELETE FROM log_lines WHERE script_id = $1 AND (execution, seq) IN (
			SELECT execution, seq FROM log_lines WHERE script_id = $1 ORDER BY execution, seq LIMIT $2)`,
		`DELETE FROM executions WHERE position IN (SELECT position FROM executions WHERE script_id = $1 ORDER BY position LIMIT $2)`,
		`DELETE FROM series WHERE (app_id, script_id, step, at) IN (SELECT app_id, script_id, step, at FROM series
			WHERE app_id = (SELECT app_id FROM scripts WHERE id = $1) AND script_id = $1 ORDER BY step, at LIMIT $2)`,
	}
)

// each runs statements about one row.
func each(ctx context.Context, tx queryer, statements []string, id string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

func (d deletions) Remove(ctx context.Context, limit int) (removed store.Removed, err error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return store.Removed{}, err
	}
	const op = "remove what is deleted"
	// Most often there is nothing to do, and no need to keep writers waiting.
	if found, err := exists(ctx, d.s.reader(), anyDeleted); err != nil || !found {
		return store.Removed{}, failed(ctx, op, err)
	}
	err = d.s.apart(ctx, op, func(tx *sqlStore) error {
		r := remover{tx: tx.tx, lock: tx.db.Dialect.Lock, forUpdate: tx.db.Dialect.ForUpdate, left: limit}
		defer func() { removed = store.Removed{Rows: limit - r.left, Blobs: r.blobs} }()
		if lock := tx.db.Dialect.OneRemoves; lock != "" {
			var mine bool
			if err := tx.tx.QueryRowContext(ctx, lock).Scan(&mine); err != nil || !mine {
				return err
			}
		}
		for r.left > 0 {
			if more, err := r.next(ctx); err != nil || !more {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.Removed{}, err
	}
	return removed, nil
}

// remover removes rows in a transaction, as many as are left to it.
type remover struct {
	tx        queryer
	lock      string // the dialect's, that is still to be taken
	forUpdate string // the dialect's
	left      int
	blobs     []string
}

// next removes some, and reports whether there was anything.
func (r *remover) next(ctx context.Context) (more bool, err error) {
	topic, err := one(ctx, r.tx, "topic", scanTopic, nextTopic)
	if !missing(err) {
		return true, r.topic(ctx, topic, err)
	}
	script, err := one(ctx, r.tx, "script", text, nextScript)
	if !missing(err) {
		return true, r.script(ctx, script, err)
	}
	app, err := one(ctx, r.tx, "app", text, nextApp)
	if err != nil {
		return false, unlessMissing(err)
	}
	if err := r.executions(ctx, app); err != nil { // of all its scripts at once, and until none are left that could have more
		return true, err
	}
	script, err = one(ctx, r.tx, "script", text, nextScriptOfApp, app)
	if !missing(err) {
		return true, r.script(ctx, script, err)
	}
	for _, statement := range appRemains {
		if err := r.run(ctx, statement, app, r.left); err != nil {
			return true, err
		}
	}
	if r.left > 0 {
		blobs, err := many(ctx, r.tx, "files", text, filesRemove, app, r.left)
		if err != nil {
			return true, err
		}
		r.left -= len(blobs)
		r.blobs = append(r.blobs, blobs...)
	}
	return true, r.run(ctx, appRemove, app)
}

// topic removes what is left of a topic that was found, if there was no error.
func (r *remover) topic(ctx context.Context, topic store.Topic, err error) error {
	if err != nil {
		return err
	}
	if err := r.run(ctx, messagesRemove, topic.AppID, topic.Name, r.left); err != nil {
		return err
	}
	return r.run(ctx, topicRemove, topic.AppID, topic.Name)
}

// script removes what is left of a script that was found, if there was no error.
func (r *remover) script(ctx context.Context, id string, err error) error {
	if err != nil {
		return err
	}
	for _, statement := range scriptRemains {
		if err := r.run(ctx, statement, id, r.left); err != nil {
			return err
		}
	}
	if err := r.executions(ctx, id); err != nil {
		return err
	}
	if r.left == 0 {
		return nil
	}
	// A module goes with the last version that has it. Which one that is can be seen only while nobody makes or
	// removes others. Who has the lock waits for nothing of what is deleted.
	if r.lock != "" {
		if _, err := r.tx.ExecContext(ctx, r.lock); err != nil {
			return err
		}
		r.lock = ""
	}
	if _, err := r.tx.ExecContext(ctx, scriptLetGo, id); err != nil { // or its versions would leave the module to it
		return err
	}
	if err := r.run(ctx, versionsRemove, id, r.left); err != nil {
		return err
	}
	return r.run(ctx, scriptRemove, id)
}

// executions removes those of an app or a script from their segments, as many as are left.
func (r *remover) executions(ctx context.Context, of string) error {
	if r.left == 0 {
		return nil
	}
	n, err := removeExecutions(ctx, r.tx, of, r.forUpdate, r.left)
	r.left -= n
	return err
}

// run runs a statement that removes rows, if any are left.
func (r *remover) run(ctx context.Context, statement string, args ...any) error {
	if r.left == 0 {
		return nil
	}
	n, err := affect(ctx, r.tx, statement, args...)
	r.left -= int(n)
	return err
}

func unlessMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}

const (
	appCount = `SELECT
		(SELECT COUNT(*) FROM scripts s WHERE s.app_id = $1 AND s.deleted_at IS NULL),
		(SELECT COUNT(*) FROM routes WHERE app_id = $1),
		(SELECT COUNT(*) FROM triggers WHERE app_id = $1),
		(SELECT COUNT(*) FROM topics WHERE app_id = $1 AND ` + liveTopic + `),
		(SELECT COUNT(*) FROM domains WHERE app_id = $1),
		(SELECT COUNT(*) FROM app_members WHERE app_id = $1),
		(SELECT COUNT(*) FROM api_keys WHERE app_id = $1),
		(SELECT COUNT(*) FROM secrets WHERE app_id = $1),
		(SELECT COUNT(*) FROM (SELECT 1 FROM kv_entries WHERE app_id = $1 LIMIT $2) AS found),
		(SELECT COUNT(*) FROM (SELECT 1 FROM docs WHERE app_id = $1 LIMIT $2) AS found),
		(SELECT COUNT(*) FROM (SELECT 1 FROM files WHERE app_id = $1 LIMIT $2) AS found),
		COALESCE((SELECT bytes FROM file_usage WHERE app_id = $1), 0),
		(SELECT COALESCE(SUM(count), 0) FROM (SELECT i.count FROM scripts s JOIN segment_index i ON i.key = s.id
			WHERE s.app_id = $1 AND s.deleted_at IS NULL LIMIT $2) AS found)
			+ (SELECT COUNT(*) FROM (SELECT 1 FROM scripts s JOIN executions e ON e.script_id = s.id
			WHERE s.app_id = $1 AND s.deleted_at IS NULL LIMIT $2) AS found),
		(SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE app_id = $1 LIMIT $2) AS found),
		(SELECT COUNT(*) FROM (SELECT 1 FROM dead_letters WHERE app_id = $1 LIMIT $2) AS found)
		FROM apps WHERE id = $1 AND ` + liveApp
	scriptCount = `SELECT
		(SELECT COUNT(*) FROM routes WHERE script_id = s.id),
		(SELECT COUNT(*) FROM triggers WHERE script_id = s.id),
		(SELECT COALESCE(SUM(count), 0) FROM (SELECT count FROM segment_index WHERE key = s.id LIMIT $2) AS found)
			+ (SELECT COUNT(*) FROM (SELECT 1 FROM executions WHERE script_id = s.id LIMIT $2) AS found)
		FROM scripts s WHERE s.id = $1 AND ` + liveScript
)

func (a apps) Contents(ctx context.Context, id string) (store.AppContents, error) {
	return one(ctx, a.s.reader(), "app", func(row scanner) (c store.AppContents, err error) {
		err = row.Scan(&c.Scripts, &c.Routes, &c.Triggers, &c.Topics, &c.Domains, &c.Members, &c.Keys, &c.Secrets,
			&c.KVEntries, &c.Documents, &c.Files, &c.FileBytes, &c.Executions, &c.Events, &c.DeadLetters)
		c.Executions = min(c.Executions, store.MaxContents) // the rows that were added up are segments
		return c, err
	}, appCount, id, store.MaxContents)
}

func (r scripts) Contents(ctx context.Context, id string) (store.ScriptContents, error) {
	return one(ctx, r.s.reader(), "script", func(row scanner) (c store.ScriptContents, err error) {
		err = row.Scan(&c.Routes, &c.Triggers, &c.Executions)
		c.Executions = min(c.Executions, store.MaxContents)
		return c, err
	}, scriptCount, id, store.MaxContents)
}
