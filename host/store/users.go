package store

import (
	"context"
	"time"
)

// InstanceRole is what a user may do on the whole instance.
type InstanceRole string

// The roles on the instance, from the most to the least.
const (
	RoleOwner  InstanceRole = "owner"
	RoleAdmin  InstanceRole = "admin"
	RoleMember InstanceRole = "member"
)

// User is a person with a password, or one who is invited to set it.
type User struct {
	ID           string
	Username     string // unique, whatever the case
	PasswordHash string // "" when nobody has set a password yet
	// PasswordGenerated says that the server made the password, and that nobody has logged in with
	// it yet.
	PasswordGenerated bool
	// PasswordGiven says that the server made the password, and that the user has set no other since.
	PasswordGiven bool
	Role          InstanceRole
	// SecondFactor says that a login needs a code, see [SecondFactors]. It is read only.
	SecondFactor  bool
	DeactivatedAt time.Time // zero: active
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Active reports whether anybody may act as the user.
func (u User) Active() bool { return u.DeactivatedAt.IsZero() }

// UserChange says what to change of a user; a nil field stays as it is, but that a new password is
// none that was generated unless PasswordGenerated and PasswordGiven say so.
type UserChange struct {
	Username          *string
	PasswordHash      *string
	PasswordGenerated *bool
	PasswordGiven     *bool
	Role              *InstanceRole
	DeactivatedAt     *time.Time // zero: active again
}

// Owned is what would be lost, or would not go on, with a user: the names of each, in order.
type Owned struct {
	Triggers []string // that the user registered, as "app/trigger"
	Keys     []string // API keys that have not expired
	Apps     []string // slugs of those whose only app_admin the user is
}

// Users keeps the users.
type Users interface {
	// Create keeps a new user and returns it with its id and times. A name in use, in whatever
	// case, is a [Conflict] on "username".
	Create(ctx context.Context, user User) (User, error)
	// Get finds a user by id.
	Get(ctx context.Context, id string) (User, error)
	// GetByUsername finds a user by name, in whatever case.
	GetByUsername(ctx context.Context, username string) (User, error)
	// List pages through all users in the order of their lower-cased names.
	List(ctx context.Context, page PageRequest) (Page[User], error)
	// Count returns the number of users.
	Count(ctx context.Context) (int64, error)
	// ActiveOwners returns the number of owners who can log in: they are active and have a password.
	ActiveOwners(ctx context.Context) (int64, error)
	// Owned lists what a user owns at a time.
	Owned(ctx context.Context, id string, now time.Time) (Owned, error)
	// Update changes a user and returns it as it is now.
	Update(ctx context.Context, id string, change UserChange) (User, error)
	// Delete removes a user with the user's memberships, sessions and keys.
	Delete(ctx context.Context, id string) error
}

// Session is a login. Its token is known to the user only.
type Session struct {
	ID         string
	TokenHash  string
	UserID     string
	CreatedAt  time.Time
	ExpiresAt  time.Time // given by the caller: when it ends unless it is used before
	EndsAt     time.Time // given by the caller: when it ends at the latest; zero at first: ExpiresAt
	LastUsedAt time.Time // CreatedAt at first
	Address    string    // where it was used last, as far as that is known
	UserAgent  string    // of what used it last, likewise
}

// SessionUse is one use of a session.
type SessionUse struct {
	At                 time.Time
	ExpiresAt          time.Time // from now on; never after the session's EndsAt
	Address, UserAgent string    // "" when not known: as before
}

// Sessions keeps the logins.
type Sessions interface {
	// Create keeps a new session and returns it with its id and times. An unknown user is
	// [fault.NotFound].
	Create(ctx context.Context, session Session) (Session, error)
	// Get finds a session that expires after now by the hash of its token.
	Get(ctx context.Context, tokenHash string, now time.Time) (Session, error)
	// ListOf lists the sessions of a user that expire after now, the one used last first.
	ListOf(ctx context.Context, userID string, now time.Time) ([]Session, error)
	// Touch notes that a session was used; a session used later already, or gone, stays as it is.
	Touch(ctx context.Context, tokenHash string, use SessionUse) error
	// Delete ends a session.
	Delete(ctx context.Context, tokenHash string) error
	// DeleteByID ends a session of a user.
	DeleteByID(ctx context.Context, userID, id string) error
	// DeleteOf ends all sessions of a user and returns their number.
	DeleteOf(ctx context.Context, userID string) (int64, error)
	// DeleteOthers ends all sessions of a user but one and returns their number.
	DeleteOthers(ctx context.Context, userID, keepID string) (int64, error)
	// DeleteExpired ends up to limit sessions, 1 to [MaxBatch], that expire at now or before, and
	// returns their number: less than limit when none is left.
	DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error)

	// RememberPlace notes that a user has logged in from a place at a time. The caller makes the text that
	// stands for it. Of each user no more than most are kept, the latest. An unknown user is [fault.NotFound].
	RememberPlace(ctx context.Context, userID, place string, at time.Time, most int) error
	// KnownPlace reports whether a user has logged in from a place at a time or later.
	KnownPlace(ctx context.Context, userID, place string, since time.Time) (bool, error)
}

// APIKey is a credential for programs. The key itself is known to its user only.
type APIKey struct {
	ID         string
	UserID     string
	Name       string
	KeyHash    string // unique
	Prefix     string // the beginning of the key, for people to recognise it
	Scopes     []string
	AppID      string // "" when not bound to one app
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: not yet
	ReplacedBy string    // the key that takes its place; "" for none
}

// APIKeys keeps the API keys.
type APIKeys interface {
	// Create keeps a new key and returns it with id and time. An unknown user or app is
	// [fault.NotFound].
	Create(ctx context.Context, key APIKey) (APIKey, error)
	// Get finds a key by id, expired or not.
	Get(ctx context.Context, id string) (APIKey, error)
	// GetByHash finds a key that has not expired at now by its hash.
	GetByHash(ctx context.Context, keyHash string, now time.Time) (APIKey, error)
	// ListOf lists the keys of a user, expired ones too, oldest first.
	ListOf(ctx context.Context, userID string) ([]APIKey, error)
	// Touch notes that a key was used; a key used later already, or gone, stays as it is.
	Touch(ctx context.Context, id string, at time.Time) error
	// Replace keeps a new key as Create does, in the place of another one, which ends at the time until
	// if not before. One that has been replaced is a [Conflict] on "id".
	Replace(ctx context.Context, id string, until time.Time, by APIKey) (APIKey, error)
	// CountOf returns the number of a user's keys that have not expired at now.
	CountOf(ctx context.Context, userID string, now time.Time) (int64, error)
	// DeleteExpired removes the keys of a user that have expired at a time, and returns their number.
	DeleteExpired(ctx context.Context, userID string, at time.Time) (int64, error)
	// Delete revokes a key.
	Delete(ctx context.Context, id string) error
	// DeleteOf revokes all keys of a user and returns their number.
	DeleteOf(ctx context.Context, userID string) (int64, error)
}
