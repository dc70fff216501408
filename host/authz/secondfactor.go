package authz

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// A code of TOTP (RFC 6238) as authenticators make it by default: six digits, a new one every 30
// seconds, by HMAC-SHA-1. One of a step before or after is taken too, for clocks that differ.
const (
	CodePeriod = 30 * time.Second
	codeSkew   = 1
	codeDigits = otp.DigitsSix
)

// RecoveryCodes is how many codes there are that stand in for one of an authenticator.
const RecoveryCodes = 10

var (
	// ErrCodeNeeded refuses a login that lacks a code, after the password has been found right.
	ErrCodeNeeded error = &fault.Error{Code: fault.Unauthorized, Field: "code", Text: "this user has a second factor: give its code, or a recovery code"}
	// ErrCode refuses a code, without saying whether it never was right or was used already.
	ErrCode error = &fault.Error{Code: fault.Unauthorized, Field: "code", Text: "the code is wrong, or was used already"}
)

// checkSecondFactor checks the code of a user who has a second factor. Attempts are counted for the
// user alone, wherever they come from: they are made by who knows the password.
func (a *Authority) checkSecondFactor(ctx context.Context, user store.User, code string) error {
	switch {
	case !user.SecondFactor:
		return nil
	case code == "":
		return ErrCodeNeeded
	}
	return a.CheckCode(ctx, user.ID, code)
}

// CheckCode checks a code of a user's authenticator, also of one that is not confirmed yet, or a
// recovery code. Each is accepted once. The error is [ErrCode], [fault.Throttled] or the store's.
func (a *Authority) CheckCode(ctx context.Context, userID, code string) error {
	guess := guess{codes, userID, ""}
	if wait := a.throttle.attempt(guess); wait > 0 {
		return throttled(wait)
	}
	accepted, err := a.acceptCode(ctx, userID, strings.ReplaceAll(code, " ", ""))
	if err != nil {
		return err
	}
	if !accepted {
		return ErrCode
	}
	a.throttle.succeeded(guess)
	return nil
}

func (a *Authority) acceptCode(ctx context.Context, userID, code string) (bool, error) {
	if len(code) != codeDigits.Length() {
		return a.store.SecondFactors().UseRecoveryCode(ctx, userID, hashRecoveryCode(code))
	}
	factor, err := a.store.SecondFactors().Get(ctx, userID)
	if fault.Of(err) == fault.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	secret, err := a.factors.OpenFactor(factor)
	if err != nil {
		return false, err
	}
	now := a.now().Unix() / int64(CodePeriod/time.Second)
	for step := now - codeSkew; step <= now+codeSkew; step++ {
		fits, err := hotp.ValidateCustom(code, uint64(step), secret, hotp.ValidateOpts{Digits: codeDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return false, nil // it is not made of digits
		}
		if fits {
			return a.store.SecondFactors().Accept(ctx, userID, step)
		}
	}
	return false, nil
}

// Factors seals the secrets of second factors.
func (a *Authority) Factors() Factors { return a.factors }

// unsealed keeps secrets as they are, and opens no others.
type unsealed struct{}

func (unsealed) SealFactor(_ context.Context, userID, secret string, keep func(store.SecondFactor) error) error {
	return keep(store.SecondFactor{UserID: userID, Secret: secret})
}

func (unsealed) OpenFactor(factor store.SecondFactor) (string, error) {
	if factor.KeyID != "" {
		return "", fault.New(fault.Unavailable, "the second factor is sealed with a key that this server does not have")
	}
	return factor.Secret, nil
}

// CheckOwnPassword checks that who uses a session knows its user's password, and returns its hash. The
// error refuses the field, or is [fault.Throttled] or the store's.
func (a *Authority) CheckOwnPassword(ctx context.Context, p *Principal, field, password string) (hash string, err error) {
	guess := guess{passwords, p.User.ID, ""}
	if wait := a.throttle.attempt(guess); wait > 0 {
		return "", throttled(wait)
	}
	user, err := a.store.Users().Get(ctx, p.User.ID) // as it is now
	if err != nil {
		return "", orToken(err)
	}
	matches, err := passwordMatches(ctx, password, hashToCompare(user))
	if err != nil {
		return "", err
	}
	if !matches {
		return "", fault.Refuse(field, "is not your password")
	}
	a.throttle.succeeded(guess)
	return user.PasswordHash, nil
}

// NewRecoveryCodes makes codes for people to keep, and their hashes for the store.
func NewRecoveryCodes() (codes, hashes []string) {
	for range RecoveryCodes {
		var secret [10]byte
		rand.Read(secret[:]) // never fails (crypto/rand)
		text := strings.ToLower(base32.StdEncoding.EncodeToString(secret[:]))
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
		hashes = append(hashes, hashRecoveryCode(text))
	}
	return codes, hashes
}

// hashRecoveryCode is what the database keeps of a recovery code: its 80 bits are random, so that one
// round of SHA-256 is enough.
func hashRecoveryCode(code string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.ReplaceAll(code, "-", ""))))
	return hex.EncodeToString(sum[:])
}

// NewInvite makes the token of an invite, and its hash for the store.
func NewInvite() (token, hash string) {
	token = newSecret(InvitePrefix)
	return token, hashToken(token)
}

// HashInvite returns the hash of the token of an invite.
func HashInvite(token string) string { return hashToken(token) }
