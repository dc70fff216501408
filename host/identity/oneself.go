package identity

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// What a person does with the own account needs a login: an API key, which can leak, has not the
// capability account.manage.

// ChangePassword gives the caller another password, and ends all other sessions. It needs the old one.
func (s *Service) ChangePassword(ctx context.Context, by *authz.Principal, old, password string) error {
	if err := need(by, authz.AccountManage); err != nil {
		return err
	}
	if err := authz.CheckPassword(password); err != nil {
		return fault.Refuse("new_password", "%s", strings.TrimPrefix(err.Error(), "password "))
	}
	checked, err := s.authority.CheckOwnPassword(ctx, by, "old_password", old)
	if err != nil {
		return err
	}
	hash, err := s.hash(password)
	if err != nil {
		return err
	}
	return s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		if by.User.PasswordHash != checked {
			return fault.New(fault.Conflict, "the password was changed meanwhile")
		}
		if _, err := tx.Users().Update(ctx, by.User.ID, store.UserChange{PasswordHash: &hash}); err != nil {
			return err
		}
		_, err := tx.Sessions().DeleteOthers(ctx, by.User.ID, by.SessionID)
		return err
	})
}

// Sessions lists the caller's sessions, the one used last first. The caller's own has the id
// [authz.Principal.SessionID].
func (s *Service) Sessions(ctx context.Context, by *authz.Principal) ([]store.Session, error) {
	if err := need(by, authz.AccountManage); err != nil {
		return nil, err
	}
	return s.store.Sessions().ListOf(ctx, by.User.ID, s.now())
}

// EndSession ends one of the caller's sessions by its id.
func (s *Service) EndSession(ctx context.Context, by *authz.Principal, id string) error {
	if err := need(by, authz.AccountManage); err != nil {
		return err
	}
	return s.store.Sessions().DeleteByID(ctx, by.User.ID, id)
}

// EndSessions ends all of the caller's sessions, or all but the one that is used, and returns how many.
func (s *Service) EndSessions(ctx context.Context, by *authz.Principal, keepThis bool) (int64, error) {
	if err := need(by, authz.AccountManage); err != nil {
		return 0, err
	}
	if keepThis {
		return s.store.Sessions().DeleteOthers(ctx, by.User.ID, by.SessionID)
	}
	return s.store.Sessions().DeleteOf(ctx, by.User.ID)
}

// SecondFactor is what there is of one.
type SecondFactor struct {
	Enabled       time.Time // zero: there is none
	RecoveryCodes int       // that are left
}

// SecondFactor tells of the caller's second factor.
func (s *Service) SecondFactor(ctx context.Context, by *authz.Principal) (SecondFactor, error) {
	if err := need(by, authz.AccountManage); err != nil {
		return SecondFactor{}, err
	}
	factor, err := s.store.SecondFactors().Get(ctx, by.User.ID)
	if fault.Of(err) == fault.NotFound || err == nil && factor.ConfirmedAt.IsZero() {
		return SecondFactor{}, nil
	}
	if err != nil {
		return SecondFactor{}, err
	}
	left, err := s.store.SecondFactors().RecoveryCodes(ctx, by.User.ID)
	return SecondFactor{Enabled: factor.ConfirmedAt, RecoveryCodes: left}, err
}

// Authenticator is what an authenticator is set up with. It is answered once.
type Authenticator struct {
	Secret string // base32
	URL    string // otpauth://totp/..., as in a QR code
}

// issuer names us in authenticators.
const issuer = "PiCloud"

var (
	errHasFactor = fault.New(fault.Conflict, "there is a second factor already: disable it first")
	errNoFactor  = fault.New(fault.Conflict, "there is no second factor")
)

// BeginSecondFactor makes a secret for the caller's authenticator, in place of one that was not
// confirmed. It counts for nothing until [Service.ConfirmSecondFactor]. It needs the password.
func (s *Service) BeginSecondFactor(ctx context.Context, by *authz.Principal, password string) (Authenticator, error) {
	if err := need(by, authz.AccountManage); err != nil {
		return Authenticator{}, err
	}
	if _, err := s.authority.CheckOwnPassword(ctx, by, "password", password); err != nil {
		return Authenticator{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: issuer, AccountName: by.User.Username, Period: uint(authz.CodePeriod / time.Second), Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return Authenticator{}, err
	}
	err = s.authority.Factors().SealFactor(ctx, by.User.ID, key.Secret(), func(factor store.SecondFactor) error {
		return s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
			if by.User.SecondFactor {
				return errHasFactor
			}
			return tx.SecondFactors().Begin(ctx, factor)
		})
	})
	if err != nil {
		return Authenticator{}, err
	}
	return Authenticator{Secret: key.Secret(), URL: key.URL()}, nil
}

// ConfirmSecondFactor has logins of the caller need a code from now on, once the authenticator has
// shown that it makes right ones, and returns recovery codes, which are answered once.
func (s *Service) ConfirmSecondFactor(ctx context.Context, by *authz.Principal, code string) (codes []string, err error) {
	if err := need(by, authz.AccountManage); err != nil {
		return nil, err
	}
	begun, err := s.begun(ctx, s.store, by)
	if err != nil {
		return nil, err
	}
	if err := s.checkCode(ctx, by, code); err != nil {
		return nil, err
	}
	codes, hashes := authz.NewRecoveryCodes()
	err = s.inTx(ctx, by, func(tx store.Store, by *authz.Principal) error {
		now, err := s.begun(ctx, tx, by)
		if err != nil {
			return err
		}
		if now != begun {
			return fault.New(fault.Conflict, "another second factor was begun meanwhile")
		}
		if err := tx.SecondFactors().Confirm(ctx, by.User.ID); err != nil {
			return err
		}
		return tx.SecondFactors().SetRecoveryCodes(ctx, by.User.ID, hashes)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// begun returns the secret of the caller's second factor that is to be confirmed.
func (s *Service) begun(ctx context.Context, db store.Store, by *authz.Principal) (secret string, err error) {
	factor, err := db.SecondFactors().Get(ctx, by.User.ID)
	switch {
	case fault.Of(err) == fault.NotFound:
		return "", fault.New(fault.Conflict, "there is no second factor to confirm: begin one first")
	case err != nil:
		return "", err
	case !factor.ConfirmedAt.IsZero():
		return "", errHasFactor
	}
	return s.authority.Factors().OpenFactor(factor)
}

// checkCode is [authz.Authority.CheckCode] of who is logged in.
func (s *Service) checkCode(ctx context.Context, by *authz.Principal, code string) error {
	err := s.authority.CheckCode(ctx, by.User.ID, code)
	if errors.Is(err, authz.ErrCode) {
		return fault.Refuse("code", "is wrong, or was used already")
	}
	return err
}

// Proof is what a change of the second factor needs: one of both.
type Proof struct {
	Password string
	Code     string // of the authenticator, or a recovery code
}

// prove checks a proof of a caller who has a second factor.
func (s *Service) prove(ctx context.Context, by *authz.Principal, proof Proof) error {
	if err := need(by, authz.AccountManage); err != nil {
		return err
	}
	if user, err := s.store.Users().Get(ctx, by.User.ID); err != nil || !user.SecondFactor {
		if err == nil {
			err = errNoFactor
		}
		return err
	}
	switch {
	case proof.Password != "" && proof.Code != "":
		return fault.Refuse("code", "must be absent beside a password")
	case proof.Code != "":
		return s.checkCode(ctx, by, proof.Code)
	case proof.Password != "":
		_, err := s.authority.CheckOwnPassword(ctx, by, "password", proof.Password)
		return err
	}
	return fault.Refuse("password", "must be given, or a code")
}

// DisableSecondFactor takes away the caller's second factor, or one that was not confirmed.
func (s *Service) DisableSecondFactor(ctx context.Context, by *authz.Principal, proof Proof) error {
	if err := s.prove(ctx, by, proof); err != nil {
		return err
	}
	err := s.store.SecondFactors().Delete(ctx, by.User.ID)
	if fault.Of(err) == fault.NotFound {
		return errNoFactor
	}
	return err
}

// RenewRecoveryCodes makes new recovery codes in place of those that were left.
func (s *Service) RenewRecoveryCodes(ctx context.Context, by *authz.Principal, proof Proof) ([]string, error) {
	if err := s.prove(ctx, by, proof); err != nil {
		return nil, err
	}
	codes, hashes := authz.NewRecoveryCodes()
	err := s.store.SecondFactors().SetRecoveryCodes(ctx, by.User.ID, hashes)
	if fault.Of(err) == fault.NotFound {
		err = errNoFactor
	}
	if err != nil {
		return nil, err
	}
	return codes, nil
}
