package authz

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/picloud/picloud/host/store"
)

// Bounds of a password, in bytes.
const (
	MinPasswordBytes = 8
	MaxPasswordBytes = 1024
)

// hashing are the parameters of Argon2id that OWASP recommends where memory counts (Password
// Storage Cheat Sheet: m=19 MiB, t=2, p=1).
var hashing = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashers bounds the memory that hashing takes: each hash needs 19 MiB.
var hashers = make(chan struct{}, 2)

// nobody is the hash compared for a user that does not exist, so that an unknown name takes as long
// to refuse as a wrong password.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIG5vYm9keQ$3bGgFSWrGo4XrNfTY9JJpSrGC6mWhI/ol9CbVv3qxwk"

// hashToCompare returns the hash to compare a password with: that of nobody for a user who does not exist
// or has no password, whom no password fits.
func hashToCompare(user store.User) string {
	if user.PasswordHash == "" {
		return nobody
	}
	return user.PasswordHash
}

// CheckPassword returns what is wrong with a password that someone wants to set.
func CheckPassword(password string) error {
	switch {
	case len(password) < MinPasswordBytes || len(password) > MaxPasswordBytes:
		return fmt.Errorf("password must have between %d and %d bytes, got %d", MinPasswordBytes, MaxPasswordBytes, len(password))
	case !utf8.ValidString(password):
		return fmt.Errorf("password must be valid UTF-8")
	}
	return nil
}

// HashPassword makes the hash to store.
func HashPassword(password string) (string, error) { return hash(password, hashing) }

// HashPassword makes the hash to store of a password that [CheckPassword] has nothing against.
func (a *Authority) HashPassword(password string) (string, error) { return hash(password, a.hashing) }

func hash(password string, params *argon2id.Params) (string, error) {
	hashers <- struct{}{}
	defer func() { <-hashers }()
	return argon2id.CreateHash(password, params)
}

// renewed returns the hash of a password made as they are made now, "" if the one that there is was.
func (a *Authority) renewed(password, current string) (string, error) {
	params, _, _, err := argon2id.DecodeHash(current)
	if err != nil {
		return "", err
	}
	if now := *a.hashing; *params == now {
		return "", nil
	}
	return a.HashPassword(password)
}

// SetPassword gives a user a new password and ends the user's sessions, all of which began with
// another one. API keys stay; an invite to set the password is taken back. The error is that of [CheckPassword], or the store's.
func SetPassword(ctx context.Context, db store.Store, userID, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	hash, err := HashPassword(password)
	if err != nil {
		return err
	}
	return db.InTx(ctx, func(tx store.Store) error {
		if _, err := tx.Users().Update(ctx, userID, store.UserChange{PasswordHash: &hash}); err != nil {
			return err
		}
		if err := tx.Invites().DeleteOf(ctx, userID); err != nil {
			return err
		}
		_, err := tx.Sessions().DeleteOf(ctx, userID)
		return err
	})
}

func passwordMatches(ctx context.Context, password, hash string) (bool, error) {
	select {
	case hashers <- struct{}{}:
		defer func() { <-hashers }()
		return argon2id.ComparePasswordAndHash(password, hash)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
