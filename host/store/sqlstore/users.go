package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
)

type users struct{ s *sqlStore }

const (
	userInsert = `INSERT INTO users (id, username, username_key, password_hash, password_generated, password_given, role, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	userColumns = `id, username, password_hash, password_generated, password_given, role, deactivated_at, created_at, updated_at,
		EXISTS (SELECT 1 FROM second_factors f WHERE f.user_id = users.id AND f.confirmed_at IS NOT NULL)`
	userGet      = `SELECT ` + userColumns + ` FROM users WHERE id = $1`
	userGetByKey = `SELECT ` + userColumns + ` FROM users WHERE username_key = $1`
	userList     = `SELECT ` + userColumns + ` FROM users
		WHERE username_key > $1 ORDER BY username_key LIMIT $2`
	userCount        = `SELECT count(*) FROM users`
	userActiveOwners = `SELECT count(*) FROM users WHERE role = 'owner' AND deactivated_at IS NULL AND password_hash <> ''`
	userUpdate       = `UPDATE users SET username = $2, username_key = $3, password_hash = $4, password_generated = $5, password_given = $6, role = $7,
		deactivated_at = $8, updated_at = $9 WHERE id = $1`
	userDelete = `DELETE FROM users WHERE id = $1`
	userExists = `SELECT 1 FROM users WHERE id = $1`

	userOwnedTriggers = `SELECT a.slug || '/' || t.name FROM triggers t JOIN apps a ON a.id = t.app_id
		WHERE t.registered_by = $1 ORDER BY 1`
	userOwnedKeys = `SELECT name FROM api_keys WHERE user_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY 1`
	userOwnedApps = `SELECT a.slug FROM app_members m JOIN apps a ON a.id = m.app_id
		WHERE m.user_id = $1 AND m.role = 'app_admin' AND NOT EXISTS (
			SELECT 1 FROM app_members o WHERE o.app_id = m.app_id AND o.user_id <> m.user_id AND o.role = 'app_admin')
		ORDER BY 1`
)

// usernameKey is what must be unique of a name.
func usernameKey(username string) string { return strings.ToLower(username) }

func scanUser(row scanner) (u store.User, err error) {
	err = row.Scan(&u.ID, &u.Username, &u.PasswordHash, &u.PasswordGenerated, &u.PasswordGiven, &u.Role,
		instant{&u.DeactivatedAt}, instant{&u.CreatedAt}, instant{&u.UpdatedAt}, &u.SecondFactor)
	return u, err
}

func (u users) Create(ctx context.Context, user store.User) (store.User, error) {
	if err := checkUser(user); err != nil {
		return store.User{}, err
	}
	if user.ID == "" {
		user.ID = newID()
	}
	user.CreatedAt = u.s.db.now()
	user.UpdatedAt = user.CreatedAt
	user.SecondFactor, user.DeactivatedAt = false, time.Time{}
	err := u.s.change(ctx, "create user", func(tx queryer) error {
		note(tx, noted{kind: "user", id: user.ID, after: user})
		n, err := affect(ctx, tx, userInsert, user.ID, user.Username, usernameKey(user.Username), user.PasswordHash,
			user.PasswordGenerated, user.PasswordGiven, string(user.Role), user.CreatedAt, user.UpdatedAt)
		if err != nil || n == 1 {
			return err
		}
		if err := usernameFree(ctx, tx, user); err != nil {
			return err
		}
		return store.Conflict("user", "id", user.ID, user.ID)
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

func checkUser(user store.User) error {
	if err := require(field{"username", user.Username}, field{"role", string(user.Role)}); err != nil {
		return err
	}
	return check(field{"id", user.ID}, field{"password_hash", user.PasswordHash})
}

// usernameFree refuses a name that another user has.
func usernameFree(ctx context.Context, tx queryer, user store.User) error {
	other, err := one(ctx, tx, "user", scanUser, userGetByKey, usernameKey(user.Username))
	switch {
	case missing(err) || err == nil && other.ID == user.ID:
		return nil
	case err != nil:
		return err
	}
	return store.Conflict("user", "username", user.Username, other.ID)
}

func (u users) Get(ctx context.Context, id string) (store.User, error) {
	return one(ctx, u.s.reader(), "user", scanUser, userGet, id)
}

func (u users) GetByUsername(ctx context.Context, username string) (store.User, error) {
	return one(ctx, u.s.reader(), "user", scanUser, userGetByKey, usernameKey(username))
}

func (u users) List(ctx context.Context, page store.PageRequest) (store.Page[store.User], error) {
	key := func(user store.User) string { return usernameKey(user.Username) }
	return pageBy(ctx, u.s.reader(), "users", scanUser, key, page, userList)
}

func (u users) Count(ctx context.Context) (count int64, err error) {
	err = u.s.reader().QueryRowContext(ctx, userCount).Scan(&count)
	return count, failed(ctx, "count users", err)
}

func (u users) ActiveOwners(ctx context.Context) (count int64, err error) {
	err = u.s.reader().QueryRowContext(ctx, userActiveOwners).Scan(&count)
	return count, failed(ctx, "count owners", err)
}

func (u users) Owned(ctx context.Context, id string, now time.Time) (owned store.Owned, err error) {
	for _, part := range []struct {
		names *[]string
		query string
		args  []any
	}{
		{&owned.Triggers, userOwnedTriggers, []any{id}},
		{&owned.Keys, userOwnedKeys, []any{id, cut(now)}},
		{&owned.Apps, userOwnedApps, []any{id}},
	} {
		if *part.names, err = many(ctx, u.s.reader(), "what a user owns", text, part.query, part.args...); err != nil {
			return store.Owned{}, err
		}
	}
	return owned, nil
}

func (u users) Update(ctx context.Context, id string, change store.UserChange) (user store.User, err error) {
	err = u.s.reconfigure(ctx, "update user", ofUser(id), func(tx queryer) error {
		if user, err = one(ctx, tx, "user", scanUser, userGet, id); err != nil {
			return err
		}
		before := user
		set(&user.Username, change.Username)
		if change.PasswordHash != nil {
			user.PasswordHash, user.PasswordGenerated, user.PasswordGiven = *change.PasswordHash, false, false
		}
		set(&user.PasswordGenerated, change.PasswordGenerated)
		set(&user.PasswordGiven, change.PasswordGiven)
		set(&user.Role, change.Role)
		if change.DeactivatedAt != nil {
			user.DeactivatedAt = *change.DeactivatedAt
			if !user.Active() {
				user.DeactivatedAt = cut(user.DeactivatedAt)
			}
		}
		if err := checkUser(user); err != nil {
			return err
		}
		if err := usernameFree(ctx, tx, user); err != nil {
			return err
		}
		user.UpdatedAt = later(user.UpdatedAt, u.s.db.now())
		note(tx, noted{kind: "user", id: id, before: before, after: user})
		_, err := tx.ExecContext(ctx, userUpdate, user.ID, user.Username, usernameKey(user.Username), user.PasswordHash,
			user.PasswordGenerated, user.PasswordGiven, string(user.Role), orNull(user.DeactivatedAt), user.UpdatedAt)
		return err
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

func (u users) Delete(ctx context.Context, id string) error {
	return u.s.reconfigure(ctx, "delete user", ofUser(id), func(tx queryer) error {
		note(tx, noted{kind: "user", id: id, before: was(tx, func() (store.User, error) { return one(ctx, tx, "user", scanUser, userGet, id) })})
		return deleteOne(ctx, tx, "user", userDelete, id)
	})
}
