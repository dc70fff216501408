package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/store"
)

type sessions struct{ s *sqlStore }

const (
	sessionInsert = `INSERT INTO sessions (id, token_hash, user_id, created_at, expires_at, ends_at, last_used_at, address, user_agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	sessionColumns = `id, token_hash, user_id, created_at, expires_at, ends_at, last_used_at, address, user_agent`
	sessionGet     = `SELECT ` + sessionColumns + ` FROM sessions WHERE token_hash = $1 AND expires_at > $2`
	sessionListOf  = `SELECT ` + sessionColumns + ` FROM sessions WHERE user_id = $1 AND expires_at > $2
		ORDER BY last_used_at DESC, id DESC`
	sessionTouch = `UPDATE sessions SET last_used_at = $2, expires_at = CASE WHEN ends_at < $3 THEN ends_at ELSE $3 END,
			address = CASE WHEN $4 = '' THEN address ELSE $4 END, user_agent = CASE WHEN $5 = '' THEN user_agent ELSE $5 END
		WHERE token_hash = $1 AND last_used_at < $2`
	sessionDelete        = `DELETE FROM sessions WHERE token_hash = $1 RETURNING user_id`
	sessionDeleteByID    = `DELETE FROM sessions WHERE user_id = $1 AND id = $2`
	sessionDeleteOfUser  = `DELETE FROM sessions WHERE user_id = $1`
	sessionDeleteOthers  = `DELETE FROM sessions WHERE user_id = $1 AND id <> $2`
	sessionDeleteExpired = `DELETE FROM sessions WHERE token_hash IN (
			SELECT token_hash FROM sessions WHERE expires_at <= $1 LIMIT $2)`

	placeRemember = `INSERT INTO login_places (user_id, place, at) VALUES ($1, $2, $3) ON CONFLICT (user_id, place) DO UPDATE SET at = excluded.at`
	placeForget   = `DELETE FROM login_places WHERE user_id = $1 AND place NOT IN (
			SELECT place FROM login_places WHERE user_id = $1 ORDER BY at DESC, place LIMIT $2)`
	placeKnown = `SELECT COUNT(*) FROM login_places WHERE user_id = $1 AND place = $2 AND at >= $3`
)

func scanSession(row scanner) (s store.Session, err error) {
	err = row.Scan(&s.ID, &s.TokenHash, &s.UserID, instant{&s.CreatedAt}, instant{&s.ExpiresAt}, instant{&s.EndsAt},
		instant{&s.LastUsedAt}, &s.Address, &s.UserAgent)
	return s, err
}

func (r sessions) Create(ctx context.Context, session store.Session) (store.Session, error) {
	if err := require(field{"token_hash", session.TokenHash}); err != nil {
		return store.Session{}, err
	}
	if session.ID == "" {
		session.ID = newID()
	}
	session.Address, session.UserAgent = mended(session.Address), mended(session.UserAgent)
	session.CreatedAt = r.s.db.now()
	session.LastUsedAt = session.CreatedAt
	session.ExpiresAt = cut(session.ExpiresAt)
	if session.EndsAt.IsZero() {
		session.EndsAt = session.ExpiresAt
	}
	session.EndsAt = cut(session.EndsAt)
	err := r.s.change(ctx, "create session", func(tx queryer) error {
		if err := must(ctx, tx, "user", userExists, session.UserID); err != nil {
			return err
		}
		n, err := affect(ctx, tx, sessionInsert, session.ID, session.TokenHash, session.UserID, session.CreatedAt, session.ExpiresAt,
			session.EndsAt, session.LastUsedAt, session.Address, session.UserAgent)
		if err != nil || n == 1 {
			return err
		}
		// The hash is a credential's: the error does not repeat it.
		return store.Conflict("session", "token_hash", "", "")
	})
	if err != nil {
		return store.Session{}, err
	}
	return session, nil
}

func (r sessions) Get(ctx context.Context, tokenHash string, now time.Time) (store.Session, error) {
	return one(ctx, r.s.reader(), "session", scanSession, sessionGet, tokenHash, cut(now))
}

func (r sessions) ListOf(ctx context.Context, userID string, now time.Time) ([]store.Session, error) {
	return many(ctx, r.s.reader(), "sessions", scanSession, sessionListOf, userID, cut(now))
}

func (r sessions) Touch(ctx context.Context, tokenHash string, use store.SessionUse) error {
	_, err := affect(ctx, r.s.writer(), sessionTouch, tokenHash, cut(use.At), cut(use.ExpiresAt), mended(use.Address), mended(use.UserAgent))
	return failed(ctx, "touch session", err)
}

func (r sessions) Delete(ctx context.Context, tokenHash string) error {
	revision := ofUser("")
	return r.s.reconfigure(ctx, "delete session", revision, func(tx queryer) (err error) {
		revision.ID, err = one(ctx, tx, "session", text, sessionDelete, tokenHash)
		return err
	})
}

func (r sessions) DeleteByID(ctx context.Context, userID, id string) error {
	return r.s.reconfigure(ctx, "delete session", ofUser(userID), func(tx queryer) error {
		return deleteOne(ctx, tx, "session", sessionDeleteByID, userID, id)
	})
}

func (r sessions) DeleteOf(ctx context.Context, userID string) (int64, error) {
	return r.s.endAll(ctx, "delete sessions", userID, sessionDeleteOfUser, userID)
}

func (r sessions) DeleteOthers(ctx context.Context, userID, keepID string) (int64, error) {
	return r.s.endAll(ctx, "delete sessions", userID, sessionDeleteOthers, userID, keepID)
}

func (r sessions) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, r.s.writer(), sessionDeleteExpired, cut(now), limit)
	return int(n), failed(ctx, "delete sessions", err)
}

func (r sessions) RememberPlace(ctx context.Context, userID, place string, at time.Time, most int) error {
	if err := require(field{"place", place}); err != nil {
		return err
	}
	return r.s.change(ctx, "remember a place", func(tx queryer) error {
		if err := must(ctx, tx, "user", userExists, userID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, placeRemember, userID, place, cut(at)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, placeForget, userID, most)
		return err
	})
}

func (r sessions) KnownPlace(ctx context.Context, userID, place string, since time.Time) (bool, error) {
	var n int
	err := r.s.reader().QueryRowContext(ctx, placeKnown, userID, place, cut(since)).Scan(&n)
	return n > 0, failed(ctx, "look for a place", err)
}
