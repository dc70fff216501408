package authz

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Beginnings of the credentials, which tell them from others' tokens.
const (
	SessionPrefix = "pcs_"
	KeyPrefix     = "pic_"
	InvitePrefix  = "pcv_"
)

// touchEvery is how stale the time of last use may be: not every request writes to the database.
const touchEvery = 5 * time.Minute

var (
	// ErrCredentials refuses a login with a wrong name or password, without saying which is wrong.
	ErrCredentials = fault.New(fault.Unauthorized, "wrong username or password")
	// ErrNoToken refuses whoever comes without a token.
	ErrNoToken = fault.New(fault.Unauthorized, "this needs a token, as in Authorization: Bearer pic_...")
	// ErrToken refuses a token that is unknown, expired or revoked (RFC 6750, section 3.1).
	ErrToken error = &fault.Error{Code: fault.Unauthorized, Text: "the token is unknown, expired or revoked", Value: "invalid_token"}
)

// throttled refuses a login after too many failures.
func throttled(wait time.Duration) error {
	seconds := (wait + time.Second - 1) / time.Second
	return &fault.Error{
		Code: fault.Throttled, Text: fmt.Sprintf("too many failed logins, try again in %d seconds", seconds),
		RetryAfter: seconds * time.Second,
	}
}

// Authority authenticates callers and decides what they may do. It is safe for concurrent use.
type Authority struct {
	store       store.Store
	sessionTTL  time.Duration
	sessionIdle time.Duration
	hashing     *argon2id.Params
	factors     Factors
	throttle    *throttle
	now         func() time.Time

	changes atomic.Int64                              // of what anybody may do, as far as this node knows
	callers *memory[[sha256.Size]byte, *Principal]    // by the hash of their tokens
	roles   *memory[string, map[string]store.AppRole] // of a user, by app
}

// An Option makes an authority other than by default.
type Option func(*Authority)

// SessionIdle has a session end when it was not used for so long, within its ttl.
func SessionIdle(d time.Duration) Option { return func(a *Authority) { a.sessionIdle = d } }

// Hashing has passwords hashed otherwise than the Password Storage Cheat Sheet says: cheaply, in tests.
func Hashing(params *argon2id.Params) Option { return func(a *Authority) { a.hashing = params } }

// Clock has another clock than the system's.
func Clock(now func() time.Time) Option { return func(a *Authority) { a.now = now } }

// Factors seals the secrets of second factors, so that who reads the database alone does not have them.
type Factors interface {
	// SealFactor hands the secret of a user's second factor to keep as it is to be stored.
	SealFactor(ctx context.Context, userID, secret string, keep func(store.SecondFactor) error) error
	// OpenFactor returns the secret of a second factor. The error may be shown to its user.
	OpenFactor(factor store.SecondFactor) (string, error)
}

// Sealing has the secrets of second factors sealed.
func Sealing(factors Factors) Option { return func(a *Authority) { a.factors = factors } }

// New makes an authority over a store; a session lasts ttl at most.
func New(s store.Store, ttl time.Duration, options ...Option) *Authority {
	a := &Authority{store: s, sessionTTL: ttl, sessionIdle: ttl, hashing: hashing, factors: unsealed{}, now: time.Now}
	for _, option := range options {
		option(a)
	}
	a.throttle = newThrottle(a.now)
	a.callers = newMemory[[sha256.Size]byte, *Principal](rememberedCallers, &a.changes, a.now)
	a.roles = newMemory[string, map[string]store.AppRole](rememberedUsers, &a.changes, a.now)
	if s != nil {
		s.Revisions().Follow(a.follow)
	}
	return a
}

// LoginRequest is what somebody logs in with.
type LoginRequest struct {
	Username, Password string
	Code               string // of the second factor, or a recovery code; "" for none
	Address            string // what attempts are counted by: the client's, or its network's
	Place              Place  // noted of the session
	Device             string // from an earlier login of this user's; "" for none
}

// Login is a session that was made.
type Login struct {
	Token   string
	Expires time.Time // at the latest
	// Device lets who has it log in as this user while others, from the same address, are throttled
	// for guessing. It is no credential, and good until the password changes.
	Device string
}

// Login checks a password, and a code where the user has a second factor, and makes a session. The
// error is [ErrCredentials], [ErrCodeNeeded], [ErrCode], [fault.Throttled] or the store's.
func (a *Authority) Login(ctx context.Context, r LoginRequest) (Login, error) {
	user, err := a.store.Users().GetByUsername(ctx, r.Username)
	unknown := fault.Unknown(err)
	if err != nil && !unknown {
		return Login{}, err
	}
	guesses, err := a.guesses(ctx, user, r)
	if err != nil {
		return Login{}, err
	}
	if wait := a.throttle.attempt(guesses...); wait > 0 {
		return Login{}, throttled(wait)
	}
	matches, err := passwordMatches(ctx, r.Password, hashToCompare(user))
	if err != nil {
		return Login{}, err
	}
	if !matches || user.PasswordHash == "" || !user.Active() {
		return Login{}, ErrCredentials
	}
	if err := a.checkSecondFactor(ctx, user, r.Code); err != nil {
		return Login{}, err
	}
	a.throttle.succeeded(guesses...)
	renewed, err := a.renewed(r.Password, user.PasswordHash)
	if err != nil {
		return Login{}, err
	}
	return a.open(ctx, user, renewed, r)
}

// How long an address is known of a user who has logged in from it, and how many are.
const (
	placeKept = 90 * 24 * time.Hour
	maxPlaces = 20
)

// guesses are what an attempt to log in counts as; the user is zero if there is none of the name.
func (a *Authority) guesses(ctx context.Context, user store.User, r LoginRequest) ([]guess, error) {
	if user.ID != "" && r.Device != "" && hmac.Equal([]byte(r.Device), []byte(deviceOf(user))) {
		return []guess{{knownDevice, user.ID, ""}}, nil // which no guesser has
	}
	// Looked for also of nobody, which takes as long.
	known, err := a.store.Sessions().KnownPlace(ctx, user.ID, placeOfUser(user, r.Address), a.now().Add(-placeKept))
	everybody := guess{atAddress, "", r.Address}
	switch name := strings.ToLower(r.Username); {
	case err != nil:
		return nil, err
	case user.ID == "":
		return []guess{{atPlace, name, r.Address}, everybody, {atNobody, name, ""}}, nil
	case known:
		return []guess{{knownPlace, user.ID, r.Address}, everybody}, nil
	}
	return []guess{{atPlace, user.ID, r.Address}, everybody, {atUser, user.ID, ""}}, nil
}

// open makes a session, and keeps the password's hash if it was renewed.
func (a *Authority) open(ctx context.Context, user store.User, renewed string, r LoginRequest) (Login, error) {
	now := a.now()
	at := r.Place.bounded()
	login := Login{Token: newSecret(SessionPrefix), Expires: now.Add(a.sessionTTL).UTC().Truncate(time.Microsecond)}
	err := a.store.InTx(ctx, func(tx store.Store) error {
		current, err := tx.Users().Get(ctx, user.ID)
		if err != nil {
			return orCredentials(err)
		}
		if !current.Active() || current.PasswordHash != user.PasswordHash { // since it was compared
			return ErrCredentials
		}
		var change store.UserChange
		if current.PasswordGenerated { // not any longer one that each start renews
			change.PasswordGenerated = new(false)
		}
		if renewed != "" { // of the same password
			change.PasswordHash, change.PasswordGiven = &renewed, &current.PasswordGiven
		}
		if change != (store.UserChange{}) {
			if current, err = tx.Users().Update(ctx, user.ID, change); err != nil {
				return err
			}
		}
		login.Device = deviceOf(current)
		if err := tx.Sessions().RememberPlace(ctx, user.ID, placeOfUser(current, r.Address), now, maxPlaces); err != nil {
			return err
		}
		_, err = tx.Sessions().Create(ctx, store.Session{
			TokenHash: hashToken(login.Token), UserID: user.ID, ExpiresAt: now.Add(min(a.sessionIdle, a.sessionTTL)), EndsAt: login.Expires,
			Address: at.Address, UserAgent: at.UserAgent,
		})
		return err
	})
	if err != nil {
		return Login{}, err
	}
	return login, nil
}

// OpenLocal makes a session of a user for whoever works on the server's machine, and could as well set
// the user's password: it asks for nothing. It lasts as any other.
func (a *Authority) OpenLocal(ctx context.Context, userID string, at Place) (Login, error) {
	now, at := a.now(), at.bounded()
	login := Login{Token: newSecret(SessionPrefix), Expires: now.Add(a.sessionTTL).UTC().Truncate(time.Microsecond)}
	_, err := a.store.Sessions().Create(ctx, store.Session{
		TokenHash: hashToken(login.Token), UserID: userID, ExpiresAt: now.Add(min(a.sessionIdle, a.sessionTTL)), EndsAt: login.Expires,
		Address: at.Address, UserAgent: at.UserAgent,
	})
	return login, err
}

// orCredentials makes of a user who is gone a wrong name.
func orCredentials(err error) error {
	if fault.Of(err) == fault.NotFound {
		return ErrCredentials
	}
	return err
}

// deviceOf is what a user's known devices show. Nobody can make it who does not have the hash of the
// password, and a new password has another.
func deviceOf(user store.User) string { return macOf(user, "device of "+user.ID) }

// placeOfUser is what is kept of an address that a user has logged in from. A new password makes it unknown.
func placeOfUser(user store.User, address string) string {
	return macOf(user, "place of "+user.ID+" "+address)
}

func macOf(user store.User, text string) string {
	mac := hmac.New(sha256.New, []byte(user.PasswordHash))
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Logout ends the session of a principal; of an API key it ends nothing.
func (a *Authority) Logout(ctx context.Context, p *Principal) error {
	if p.tokenHash == "" {
		return nil
	}
	err := a.store.Sessions().Delete(ctx, p.tokenHash)
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}

// NamesToken reports whether a text has the beginning of a credential of PiCloud in it, be what
// follows one or not.
func NamesToken(s string) bool {
	return strings.Contains(s, SessionPrefix) || strings.Contains(s, KeyPrefix) || strings.Contains(s, InvitePrefix)
}

// HoldsToken reports whether a text has a credential of PiCloud in it, wherever and however quoted.
func HoldsToken(s string) bool {
	for _, prefix := range [...]string{SessionPrefix, KeyPrefix, InvitePrefix} {
		for rest := s; ; {
			i := strings.Index(rest, prefix)
			if i < 0 {
				break
			}
			rest = rest[i+len(prefix):]
			secret := 0
			for secret < len(rest) && isBase64URL(rest[secret]) {
				secret++
			}
			if secret >= secretChars {
				return true
			}
		}
	}
	return false
}

func isBase64URL(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// Authenticate finds the caller that a token belongs to. The error is [ErrToken] or the store's. A token
// that does not count any more, as after a revocation, is refused at once on the node that was told, and
// within a second on every other.
func (a *Authority) Authenticate(ctx context.Context, token string) (*Principal, error) {
	read := func() (*Principal, error) { return a.authenticate(ctx, token) }
	if !strings.HasPrefix(token, SessionPrefix) && !strings.HasPrefix(token, KeyPrefix) {
		return read()
	}
	p, err := a.callers.get(sha256.Sum256([]byte(token)), read)
	if err == nil && !p.Expires.IsZero() && !a.now().Before(p.Expires) {
		return nil, ErrToken
	}
	return p, err
}

// authenticate is Authenticate by what the store has.
func (a *Authority) authenticate(ctx context.Context, token string) (*Principal, error) {
	var p Principal
	now, hash := a.now(), hashToken(token)
	var err error
	switch {
	case strings.HasPrefix(token, SessionPrefix):
		var session store.Session
		if session, err = a.store.Sessions().Get(ctx, hash, now); err != nil {
			return nil, orToken(err)
		}
		if err := a.used(ctx, session, now); err != nil {
			return nil, err
		}
		p.tokenHash, p.SessionID, p.Expires = hash, session.ID, session.ExpiresAt
		p.User, err = a.store.Users().Get(ctx, session.UserID)
	case strings.HasPrefix(token, KeyPrefix):
		var key store.APIKey
		if key, err = a.store.APIKeys().GetByHash(ctx, hash, now); err != nil {
			return nil, orToken(err)
		}
		if now.Sub(key.LastUsedAt) > touchEvery {
			if err := a.store.APIKeys().Touch(ctx, key.ID, now); err != nil {
				return nil, err
			}
		}
		p.Key, p.Expires = &key, key.ExpiresAt
		p.User, err = a.store.Users().Get(ctx, key.UserID)
	case token == "":
		return nil, ErrNoToken
	default:
		return nil, ErrToken
	}
	if err != nil {
		return nil, orToken(err)
	}
	if !p.User.Active() {
		return nil, ErrToken
	}
	return &p, nil
}

func orToken(err error) error {
	if fault.Of(err) == fault.NotFound {
		return ErrToken
	}
	return err
}

// secretChars is how many characters of base64 the 256 bits of a credential are.
const secretChars = 43

// newSecret makes a credential with 256 bits of entropy.
func newSecret(prefix string) string {
	var secret [32]byte
	rand.Read(secret[:]) // never fails (crypto/rand)
	return prefix + base64.RawURLEncoding.EncodeToString(secret[:])
}

// hashToken is what the database keeps of a credential. The credentials are random, so one round of
// SHA-256 is enough.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
