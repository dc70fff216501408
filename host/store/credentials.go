package store

import (
	"context"
	"time"
)

// Invite lets whoever has its token set the password of a user, once.
type Invite struct {
	UserID    string
	TokenHash string
	CreatedAt time.Time
	ExpiresAt time.Time // given by the caller
}

// Invites keeps one invite of each user at most.
type Invites interface {
	// Set keeps an invite in place of the one that the user had, and returns it with its time. An
	// unknown user is [fault.NotFound].
	Set(ctx context.Context, invite Invite) (Invite, error)
	// Get finds an invite that expires after now by the hash of its token.
	Get(ctx context.Context, tokenHash string, now time.Time) (Invite, error)
	// DeleteOf takes back the invite of a user, if there is one.
	DeleteOf(ctx context.Context, userID string) error
}

// SecondFactor is what the codes of a user's authenticator are made of (RFC 6238). Its secret is sealed, where
// the server has a key for that, or as it is.
type SecondFactor struct {
	UserID      string
	Secret      string // base32; "" if it is sealed
	KeyID       string // of the key that opens it; "" if it is not sealed
	Sealed      []byte
	LastStep    int64 // of the last code that was accepted
	CreatedAt   time.Time
	ConfirmedAt time.Time // zero: not confirmed, so that a login needs no code yet
}

// SecondFactors keeps one second factor of each user at most, with the codes that stand in for it.
type SecondFactors interface {
	// Begin keeps a user's secret as a second factor that is not confirmed, in place of the one that the user
	// had, whose recovery codes go with it. An unknown user is [fault.NotFound].
	Begin(ctx context.Context, factor SecondFactor) error
	// Get finds the second factor of a user, confirmed or not.
	Get(ctx context.Context, userID string) (SecondFactor, error)
	// Confirm notes that logins need a code from now on.
	Confirm(ctx context.Context, userID string) error
	// Accept notes that the code of a step was accepted, and reports whether it may be: of several at
	// once, and of all that come later, one alone is accepted for a step, and none for a step before.
	Accept(ctx context.Context, userID string, step int64) (bool, error)
	// SetRecoveryCodes keeps the hashes of codes in place of all that there were.
	SetRecoveryCodes(ctx context.Context, userID string, hashes []string) error
	// UseRecoveryCode removes a code by its hash, and reports whether there was one.
	UseRecoveryCode(ctx context.Context, userID, hash string) (bool, error)
	// RecoveryCodes returns the number of codes that are left.
	RecoveryCodes(ctx context.Context, userID string) (int, error)
	// Delete removes the second factor of a user with its recovery codes.
	Delete(ctx context.Context, userID string) error

	// KeyIDs returns how many second factors each key opens, by its id, and with "" how many are not sealed.
	KeyIDs(ctx context.Context) (map[string]int, error)
	// Others lists up to limit second factors that another key opens than this one, or that are not sealed,
	// after a user in the order of ids; after "" for the first.
	Others(ctx context.Context, keyID, afterUser string, limit int) ([]SecondFactor, error)
	// Seal keeps the same secret sealed with another key. It reports false, and keeps nothing, when it is not as
	// it was found any more.
	Seal(ctx context.Context, found SecondFactor, keyID string, sealed []byte) (bool, error)
}
