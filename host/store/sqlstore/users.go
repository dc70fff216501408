package sqlstore

import (
	"context"
	"strings"

	"github.com/picloud/picloud/host/store"
)

type users struct{ s *sqlStore }

const (
	userInsert = `INSERT INTO users (id, username, username_key, password_hash, password_generated, role, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`
	userGet      = `SELECT id, username, password_hash, password_generated, role, created_at, updated_at FROM users WHERE id = $1`
	userGetByKey = `SELECT id, username, password_hash, password_generated, role, created_at, updated_at FROM users WHERE username_key = $1`
	userList     = `SELECT id, username, password_hash, password_generated, role, created_at, updated_at FROM users
		WHERE username_key > $1 ORDER BY username_key LIMIT $2`
	userCount  = `SELECT count(*) FROM users`
	userUpdate = `UPDATE users SET username = $2, username_key = $3, password_hash = $4, password_generated = $5, role = $6, updated_at = $7
		WHERE id = $1`
	userDelete = `DELETE FROM users WHERE id = $1`
	userExists = `SELECT 1 FROM users WHERE id = $1`
)

// usernameKey is what must be unique of a name.
func usernameKey(username string) string { return strings.ToLower(username) }

func scanUser(row scanner) (u store.User, err error) {
	err = row.Scan(&u.ID, &u.Username, &u.PasswordHash, &u.PasswordGenerated, &u.Role, instant{&u.CreatedAt}, instant{&u.UpdatedAt})
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
	err := u.s.change(ctx, "create user", func(tx queryer) error {
		note(tx, noted{kind: "user", id: user.ID, after: user})
		n, err := affect(ctx, tx, userInsert, user.ID, user.Username, usernameKey(user.Username), user.PasswordHash,
			user.PasswordGenerated, string(user.Role), user.CreatedAt, user.UpdatedAt)
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

func (u users) Update(ctx context.Context, id string, change store.UserChange) (user store.User, err error) {
	err = u.s.change(ctx, "update user", func(tx queryer) error {
		if user, err = one(ctx, tx, "user", scanUser, userGet, id); err != nil {
			return err
		}
		before := user
		set(&user.Username, change.Username)
		if change.PasswordHash != nil {
			user.PasswordHash, user.PasswordGenerated = *change.PasswordHash, false
		}
		set(&user.PasswordGenerated, change.PasswordGenerated)
		set(&user.Role, change.Role)
		if err := checkUser(user); err != nil {
			return err
		}
		if err := usernameFree(ctx, tx, user); err != nil {
			return err
		}
		user.UpdatedAt = later(user.UpdatedAt, u.s.db.now())
		note(tx, noted{kind: "user", id: id, before: before, after: user})
		_, err := tx.ExecContext(ctx, userUpdate, user.ID, user.Username, usernameKey(user.Username), user.PasswordHash,
			user.PasswordGenerated, string(user.Role), user.UpdatedAt)
		return err
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}

func (u users) Delete(ctx context.Context, id string) error {
	return u.s.change(ctx, "delete user", func(tx queryer) error {
		note(tx, noted{kind: "user", id: id, before: was(tx, func() (store.User, error) { return one(ctx, tx, "user", scanUser, userGet, id) })})
		return deleteOne(ctx, tx, "user", userDelete, id)
	})
}
