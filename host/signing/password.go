package signing

import (
	"context"
	"errors"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/semaphore"

	"github.com/picloud/picloud/host/fault"
)

// Hashing a password is meant to take long and much: 20 ms and 19 MiB as we do it, as OWASP's cheat
// sheet on password storage has it. So only some are hashed at once, and hashes that others made are
// bounded.
const (
	maxPasswordBytes = 1024
	atOnce           = 2

	maxArgonMemory     = 64 << 10 // KiB
	maxArgonIterations = 10
	maxArgonThreads    = 8
	minArgonKey        = 4 // bytes, RFC 9106, section 3.1
	maxArgonKey        = 1024
	bcryptCost         = 10
	maxBcryptCost      = 14
	maxBcryptBytes     = 72 // of a password; bcrypt looks at no more
)

var argon = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

var places = semaphore.NewWeighted(atOnce)

// HashPassword returns a hash of a password with its parameters: by argon2id (RFC 9106), which "" stands
// for, or by bcrypt.
func HashPassword(ctx context.Context, password, algorithm string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	switch algorithm {
	case "", "argon2id":
		return inTurn(ctx, func() (string, error) { return argon2id.CreateHash(password, argon) })
	case "bcrypt":
		if len(password) > maxBcryptBytes {
			return "", fault.Refuse("password", "must be at most %d bytes for bcrypt, got %d", maxBcryptBytes, len(password))
		}
		return inTurn(ctx, func() (string, error) {
			hash, err := bcrypt.GenerateFromPassword([]byte(password), bcryptCost)
			return string(hash), err
		})
	}
	return "", fault.Refuse("algorithm", "must be argon2id or bcrypt, got %.40q", algorithm)
}

// VerifyPassword reports whether a hash is of a password.
func VerifyPassword(ctx context.Context, password, hash string) (bool, error) {
	if err := checkPassword(password); err != nil {
		return false, err
	}
	if strings.HasPrefix(hash, "$2") {
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil {
			return false, notAHash()
		}
		if cost > maxBcryptCost {
			return false, fault.Refuse("hash", "must have a cost of at most %d, has %d", maxBcryptCost, cost)
		}
		return inTurn(ctx, func() (bool, error) {
			err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
			if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) || errors.Is(err, bcrypt.ErrPasswordTooLong) {
				return false, nil
			}
			return err == nil, err
		})
	}
	p, _, _, err := argon2id.DecodeHash(hash)
	if err != nil || p.Iterations < 1 || p.Parallelism < 1 || p.KeyLength < minArgonKey || p.KeyLength > maxArgonKey {
		return false, notAHash() // of the last four the library panics, or takes any password
	}
	if p.Memory > maxArgonMemory || p.Iterations > maxArgonIterations || p.Parallelism > maxArgonThreads {
		return false, fault.Refuse("hash", "must have at most m=%d,t=%d,p=%d, has m=%d,t=%d,p=%d",
			maxArgonMemory, maxArgonIterations, maxArgonThreads, p.Memory, p.Iterations, p.Parallelism)
	}
	return inTurn(ctx, func() (bool, error) { return argon2id.ComparePasswordAndHash(password, hash) })
}

func notAHash() error {
	return fault.Refuse("hash", "is no hash that argon2id or bcrypt has made")
}

func checkPassword(password string) error {
	if n := len(password); n == 0 || n > maxPasswordBytes {
		return fault.Refuse("password", "must be 1 to %d bytes, got %d", maxPasswordBytes, n)
	}
	return nil
}

// inTurn does something when few others do.
func inTurn[T any](ctx context.Context, do func() (T, error)) (result T, err error) {
	if err := places.Acquire(ctx, 1); err != nil {
		return result, err
	}
	defer places.Release(1)
	return do()
}
