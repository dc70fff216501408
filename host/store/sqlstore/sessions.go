package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/store"
)

type sessions struct{ s *sqlStore }

const (
	sessionInsert = `INSERT INTO sessions (token_hash, user_id, created_at, expires_at, last_used_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	sessionGet = `SELECT token_hash, user_id, created_at, expires_at, last_used_at FROM sessions
		WHERE token_hash = $1 AND expires_at > $2`
	sessionTouch         = `UPDATE sessions SET last_used_at = $2 WHERE token_hash = $1 AND last_used_at < $2`
	sessionDelete        = `DELETE FROM sessions WHERE token_hash = $1 RETURNING user_id`
	sessionDeleteOfUser  = `DELETE FROM sessions WHERE user_id = $1`
	sessionDeleteExpired = `DELETE FROM sessions WHERE token_hash IN (
			SELECT token_hash FROM sessions WHERE expires_at <= $1 LIMIT $2)`
)

func scanSession(row scanner) (s store.Session, err error) {
	err = row.Scan(&s.TokenHash, &s.UserID, instant{&s.CreatedAt}, instant{&s.ExpiresAt}, instant{&s.LastUsedAt})
	return s, err
}

func (r sessions) Create(ctx context.Context, session store.Session) (store.Session, error) {
	if err := require(field{"token_hash", session.TokenHash}); err != nil {
		return store.Session{}, err
	}
	session.CreatedAt = r.s.db.now()
	session.LastUsedAt = session.CreatedAt
	session.ExpiresAt = cut(session.ExpiresAt)
	err := r.s.change(ctx, "create session", func(tx queryer) error {
		if err := must(ctx, tx, "user", userExists, session.UserID); err != nil {
			return err
		}
		n, err := affect(ctx, tx, sessionInsert, session.TokenHash, session.UserID, session.CreatedAt, session.ExpiresAt,
			session.LastUsedAt)
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

func (r sessions) Touch(ctx context.Context, tokenHash string, at time.Time) error {
	_, err := affect(ctx, r.s.writer(), sessionTouch, tokenHash, cut(at))
	return failed(ctx, "touch session", err)
}

func (r sessions) Delete(ctx context.Context, tokenHash string) error {
	revision := ofUser("")
	return r.s.reconfigure(ctx, "delete session", revision, func(tx queryer) (err error) {
		revision.ID, err = one(ctx, tx, "session", text, sessionDelete, tokenHash)
		return err
	})
}

func (r sessions) DeleteOf(ctx context.Context, userID string) (n int64, err error) {
	err = r.s.reconfigure(ctx, "delete sessions", ofUser(userID), func(tx queryer) (err error) {
		n, err = affect(ctx, tx, sessionDeleteOfUser, userID)
		return err
	})
	return n, err
}

func (r sessions) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, r.s.writer(), sessionDeleteExpired, cut(now), limit)
	return int(n), failed(ctx, "delete sessions", err)
}
