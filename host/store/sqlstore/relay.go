package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/picloud/picloud/host/store"
)

// relay implements [store.Relay].
type relay struct{ s *sqlStore }

// Announcements are how nodes tell one another of something: the statement that does, and what listens; ""
// and nil when no other process may use the database.
type Announcements struct {
	Announce string
	Listen   func(ctx context.Context, wake func()) error
}

const (
	requestInsert = `INSERT INTO outbox_requests (id, app_id, script_id, request_id, reply_to, asked_at, expires_at, due_at, tries, given_up, size, payload)
		VALUES ($2, $3, $4, $5, $6, {now}, {after $7}, {now}, 0, '', $8, $9)`
	requestWithdraw = `DELETE FROM outbox_requests WHERE id = $1 AND token IS NULL`
	requestGiveUp   = `UPDATE outbox_requests SET given_up = $2 WHERE id = $1 AND token IS NOT NULL`
	// Apps of which less runs come first, so that none keeps the others waiting. What is chosen is chosen once, as of
	// outbox, and locked: to say again that it has no token would have PostgreSQL look at all that has none.
	requestTake = `WITH running AS MATERIALIZED (SELECT app_id, COUNT(*) AS n FROM outbox_requests WHERE token IS NOT NULL GROUP BY app_id),
		chosen AS MATERIALIZED (SELECT id, due_at, size FROM outbox_requests o WHERE token IS NULL AND due_at <= {now} AND expires_at > {now}
			ORDER BY COALESCE((SELECT n FROM running WHERE running.app_id = o.app_id), 0), due_at, id LIMIT $2{lock})
		UPDATE outbox_requests SET token = $3, lease_until = {after $4}, tries = tries + 1
		WHERE id IN (SELECT id FROM (SELECT id, SUM(size) OVER (ORDER BY due_at, id) - size AS before FROM chosen) AS sized WHERE before < $5)
		RETURNING id, app_id, script_id, request_id, reply_to, tries, payload`
	requestRenew  = `UPDATE outbox_requests SET lease_until = {after $3} WHERE token IS NOT NULL AND token = $2 RETURNING id, given_up`
	requestReturn = `UPDATE outbox_requests SET token = NULL, lease_until = NULL, due_at = {after $4}
		WHERE id = $2 AND token = $3 AND given_up = ''`
	// What a request leaves: the parts of an abandoned execution, and who waits.
	requestLeaves = ` RETURNING id, app_id, script_id, request_id, asked_at, reply_to, given_up`
	requestEnd    = `DELETE FROM outbox_requests WHERE id = $1 AND token = $2` + requestLeaves
	requestLost   = `DELETE FROM outbox_requests WHERE token IS NOT NULL AND lease_until < {now} AND reply_to = $2` + requestLeaves
	requestSweep  = `DELETE FROM outbox_requests WHERE id IN (
			SELECT id FROM outbox_requests WHERE token IS NOT NULL AND lease_until < {after $2} LIMIT $3{lock})` + requestLeaves
	requestExpire = `DELETE FROM outbox_requests WHERE id IN (
			SELECT id FROM outbox_requests WHERE token IS NULL AND expires_at < {after $2} LIMIT $3{lock})` + requestLeaves

	answerInsert = `INSERT INTO inbox_answers (id, app_id, script_id, request_id, reply_to, asked_at, at, outcome, status, size, payload)
		VALUES ($2, $3, $4, $5, $6, $7, {now}, $8, $9, $10, $11)`
	answerTake = `DELETE FROM inbox_answers WHERE id IN (SELECT id FROM (
			SELECT id, SUM(size) OVER (ORDER BY at, id) - size AS before FROM (
				SELECT id, at, size FROM inbox_answers WHERE reply_to = $1 ORDER BY at, id LIMIT 64) AS first) AS sized WHERE before < $2)
		RETURNING id, outcome, status, payload, app_id, script_id, request_id, asked_at`
	answerLeaves = ` RETURNING id, app_id, script_id, request_id, asked_at, outcome, status`
	answerGiveUp = `DELETE FROM inbox_answers WHERE id = $1` + answerLeaves
	answerSweep  = `DELETE FROM inbox_answers WHERE id IN (
			SELECT id FROM inbox_answers WHERE at < {after $2} ORDER BY at LIMIT $3{lock})` + answerLeaves

	// abandonedInsert keeps nothing of an app that is gone.
	abandonedInsert = `INSERT INTO abandoned_executions (id, app_id, script_id, request_id, reason, outcome, status, asked_at, abandoned_at)
		SELECT $2, id, $4, $5, $6, $7, $8, $9, {now} FROM apps WHERE id = $3 AND ` + liveApp + ` ON CONFLICT DO NOTHING`
	abandonedList = `SELECT id, app_id, script_id, request_id, reason, outcome, status, asked_at, abandoned_at FROM abandoned_executions
		WHERE app_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`
	abandonedBefore = `DELETE FROM abandoned_executions WHERE id IN (
			SELECT id FROM abandoned_executions WHERE abandoned_at < $1 ORDER BY abandoned_at LIMIT $2)`
)

func scanRequest(row scanner) (r store.RelayedRequest, err error) {
	err = row.Scan(&r.ID, &r.AppID, &r.ScriptID, &r.RequestID, &r.ReplyTo, &r.Tries, (*[]byte)(&r.Payload))
	return r, err
}

func scanAnswer(row scanner) (a store.RelayedAnswer, err error) {
	err = row.Scan(&a.ID, &a.Outcome, &a.Status, (*[]byte)(&a.Payload), &a.AppID, &a.ScriptID, &a.RequestID, instant{&a.AskedAt})
	return a, err
}

// left is what a request leaves when it is removed.
type left struct {
	store.AbandonedExecution
	replyTo string
}

func scanLeft(row scanner) (l left, err error) {
	err = row.Scan(&l.ID, &l.AppID, &l.ScriptID, &l.RequestID, instant{&l.AskedAt}, &l.replyTo, &l.Reason)
	return l, err
}

func scanLeftAnswer(row scanner) (e store.AbandonedExecution, err error) {
	err = row.Scan(&e.ID, &e.AppID, &e.ScriptID, &e.RequestID, instant{&e.AskedAt}, &e.Outcome, &e.Status)
	return e, err
}

func scanAbandoned(row scanner) (e store.AbandonedExecution, err error) {
	err = row.Scan(&e.ID, &e.AppID, &e.ScriptID, &e.RequestID, &e.Reason, &e.Outcome, &e.Status, instant{&e.AskedAt}, instant{&e.AbandonedAt})
	return e, err
}

func (r relay) Ask(ctx context.Context, request store.RelayedRequest) error {
	if err := require(field{"id", request.ID}, field{"reply_to", request.ReplyTo}, field{"payload", string(request.Payload)}); err != nil {
		return err
	}
	_, err := r.s.writer().ExecContext(ctx, r.s.timed(requestInsert), r.s.db.now(), request.ID, request.AppID, request.ScriptID,
		mended(request.RequestID), request.ReplyTo, request.Wait.Microseconds(), len(request.Payload), string(request.Payload))
	return failed(ctx, "pass on request", err)
}

func (r relay) GiveUp(ctx context.Context, id string, why store.AbandonReason) (abandoned bool, err error) {
	err = r.s.join(ctx, "give up request", func(tx *sqlStore) error {
		abandoned = false
		if n, err := affect(ctx, tx.tx, requestWithdraw, id); err != nil || n > 0 {
			return err
		}
		if n, err := affect(ctx, tx.tx, requestGiveUp, id, string(why)); err != nil || n > 0 {
			return err
		}
		answers, err := many(ctx, tx.tx, "answers", scanLeftAnswer, answerGiveUp, id)
		if err != nil || len(answers) == 0 { // it was lost
			return err
		}
		abandoned = true
		answers[0].Reason = why
		return tx.abandon(ctx, answers[0])
	})
	return abandoned, err
}

func (r relay) Abandon(ctx context.Context, a store.RelayedAnswer, why store.AbandonReason) error {
	return failed(ctx, "abandon execution", r.s.abandon(ctx, store.AbandonedExecution{
		ID: a.ID, AppID: a.AppID, ScriptID: a.ScriptID, RequestID: a.RequestID, Reason: why, Outcome: a.Outcome, Status: a.Status, AskedAt: a.AskedAt,
	}))
}

// abandon keeps an abandoned execution.
func (s *sqlStore) abandon(ctx context.Context, e store.AbandonedExecution) error {
	_, err := s.writer().ExecContext(ctx, s.timed(abandonedInsert), s.db.now(), e.ID, e.AppID, e.ScriptID, e.RequestID, string(e.Reason),
		e.Outcome, e.Status, cut(e.AskedAt))
	return err
}

func (r relay) Take(ctx context.Context, token string, limit int, lease time.Duration) ([]store.RelayedRequest, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return nil, err
	}
	return many(ctx, r.s.writer(), "requests", scanRequest, r.s.timed(requestTake), r.s.db.now(), limit, token, lease.Microseconds(), store.MaxClaimBytes)
}

func (r relay) Renew(ctx context.Context, token string, lease time.Duration) (wanted []string, err error) {
	type renewed struct{ id, givenUp string }
	found, err := many(ctx, r.s.writer(), "requests", func(row scanner) (r renewed, err error) {
		err = row.Scan(&r.id, &r.givenUp)
		return r, err
	}, r.s.timed(requestRenew), r.s.db.now(), token, lease.Microseconds())
	for _, request := range found {
		if request.givenUp == "" {
			wanted = append(wanted, request.id)
		}
	}
	return wanted, err
}

func (r relay) Return(ctx context.Context, id, token string, pause time.Duration) error {
	return r.s.join(ctx, "return request", func(tx *sqlStore) error {
		n, err := affect(ctx, tx.tx, tx.timed(requestReturn), tx.db.now(), id, token, pause.Microseconds())
		if err != nil || n > 0 {
			return err
		}
		_, err = affect(ctx, tx.tx, `DELETE FROM outbox_requests WHERE id = $1 AND token = $2`, id, token) // it was given up
		return err
	})
}

func (r relay) Answer(ctx context.Context, answer store.RelayedAnswer) (void, abandoned bool, err error) {
	err = r.s.join(ctx, "answer request", func(tx *sqlStore) error {
		ended, err := many(ctx, tx.tx, "requests", scanLeft, requestEnd, answer.ID, answer.Token)
		if void = len(ended) == 0; err != nil || void {
			return err
		}
		l := ended[0]
		if abandoned = l.Reason != ""; abandoned {
			l.Outcome, l.Status = answer.Outcome, answer.Status
			return tx.abandon(ctx, l.AbandonedExecution)
		}
		_, err = tx.tx.ExecContext(ctx, tx.timed(answerInsert), tx.db.now(), l.ID, l.AppID, l.ScriptID, l.RequestID, l.replyTo, cut(l.AskedAt),
			answer.Outcome, answer.Status, len(answer.Payload), string(answer.Payload))
		return err
	})
	return void, abandoned, err
}

func (r relay) Answers(ctx context.Context, node string) ([]store.RelayedAnswer, error) {
	return many(ctx, r.s.writer(), "answers", scanAnswer, answerTake, node, store.MaxClaimBytes)
}

func (r relay) Lost(ctx context.Context, node string) (ids []string, err error) {
	err = r.s.join(ctx, "find lost requests", func(tx *sqlStore) error {
		ids = nil
		lost, err := many(ctx, tx.tx, "requests", scanLeft, tx.timed(requestLost), tx.db.now(), node)
		for _, l := range lost {
			ids = append(ids, l.ID)
		}
		return errors.Join(err, tx.abandonAll(ctx, lost, store.AbandonedLost))
	})
	return ids, err
}

// abandonAll abandons requests without an answer, for a reason unless they have one.
func (s *sqlStore) abandonAll(ctx context.Context, requests []left, why store.AbandonReason) error {
	for _, l := range requests {
		if l.Reason == "" || why == store.AbandonedLost {
			l.Reason = why
		}
		if err := s.abandon(ctx, l.AbandonedExecution); err != nil {
			return err
		}
	}
	return nil
}

func (r relay) Sweep(ctx context.Context, age time.Duration, limit int) (n int, err error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	err = r.s.apart(ctx, "sweep requests", func(tx *sqlStore) error {
		n = 0
		answers, err := many(ctx, tx.tx, "answers", scanLeftAnswer, tx.timed(answerSweep), tx.db.now(), -age.Microseconds(), limit)
		if err != nil {
			return err
		}
		for _, e := range answers {
			e.Reason = store.AbandonedByNode
			if err := tx.abandon(ctx, e); err != nil {
				return err
			}
		}
		n += len(answers)
		for _, of := range []struct {
			statement string
			why       store.AbandonReason
		}{{requestSweep, store.AbandonedLost}, {requestExpire, store.AbandonedUnrun}} {
			requests, err := many(ctx, tx.tx, "requests", scanLeft, tx.timed(of.statement), tx.db.now(), -age.Microseconds(), limit)
			if err == nil {
				err = tx.abandonAll(ctx, requests, of.why)
			}
			if err != nil {
				return err
			}
			n += len(requests)
		}
		return nil
	})
	return n, err
}

func (r relay) Abandoned(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.AbandonedExecution], error) {
	before, limit, err := afterName("abandoned executions", page)
	if err != nil {
		return store.Page[store.AbandonedExecution]{}, err
	}
	rows, err := many(ctx, r.s.reader(), "abandoned executions", scanAbandoned, abandonedList, appID, before, limit+1)
	return pageOf(rows, limit, func(last store.AbandonedExecution) string { return makeCursor("abandoned executions", last.ID) }), err
}

func (r relay) DeleteAbandonedBefore(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, r.s.writer(), abandonedBefore, cut(before), limit)
	return int(n), failed(ctx, "delete abandoned executions", err)
}

func (r relay) Shared() bool { return r.s.db.Dialect.Requests.Listen != nil }

func (r relay) AnnounceRequests(ctx context.Context) error {
	return r.announce(ctx, r.s.db.Dialect.Requests)
}

func (r relay) AnnounceAnswers(ctx context.Context) error {
	return r.announce(ctx, r.s.db.Dialect.Answers)
}

func (r relay) announce(ctx context.Context, of Announcements) error {
	if of.Announce == "" {
		return nil
	}
	_, err := r.s.db.Write.ExecContext(ctx, of.Announce)
	return failed(ctx, "announce", err)
}

func (r relay) ListenRequests(ctx context.Context, wake func()) error {
	return listen(ctx, r.s.db.Dialect.Requests, wake)
}

func (r relay) ListenAnswers(ctx context.Context, wake func()) error {
	return listen(ctx, r.s.db.Dialect.Answers, wake)
}

func listen(ctx context.Context, to Announcements, wake func()) error {
	if to.Listen == nil {
		return store.Failed("listen", errors.ErrUnsupported)
	}
	return failed(ctx, "listen", to.Listen(ctx, wake))
}
