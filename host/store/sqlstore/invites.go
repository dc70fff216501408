package sqlstore

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/store"
)

type invites struct{ s *sqlStore }

const (
	inviteSet = `INSERT INTO invites (user_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at`
	inviteGet          = `SELECT user_id, token_hash, created_at, expires_at FROM invites WHERE token_hash = $1 AND expires_at > $2`
	inviteDeleteOfUser = `DELETE FROM invites WHERE user_id = $1`
)

func (i invites) Set(ctx context.Context, invite store.Invite) (store.Invite, error) {
	if err := require(field{"token_hash", invite.TokenHash}); err != nil {
		return store.Invite{}, err
	}
	invite.CreatedAt, invite.ExpiresAt = i.s.db.now(), cut(invite.ExpiresAt)
	err := i.s.change(ctx, "set invite", func(tx queryer) error {
		if err := must(ctx, tx, "user", userExists, invite.UserID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, inviteSet, invite.UserID, invite.TokenHash, invite.CreatedAt, invite.ExpiresAt)
		return err
	})
	if err != nil {
		return store.Invite{}, err
	}
	return invite, nil
}

func (i invites) Get(ctx context.Context, tokenHash string, now time.Time) (store.Invite, error) {
	return one(ctx, i.s.reader(), "invite", func(row scanner) (v store.Invite, err error) {
		err = row.Scan(&v.UserID, &v.TokenHash, instant{&v.CreatedAt}, instant{&v.ExpiresAt})
		return v, err
	}, inviteGet, tokenHash, cut(now))
}

func (i invites) DeleteOf(ctx context.Context, userID string) error {
	_, err := affect(ctx, i.s.writer(), inviteDeleteOfUser, userID)
	return failed(ctx, "delete invite", err)
}
