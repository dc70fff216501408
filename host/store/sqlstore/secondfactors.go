package sqlstore

import (
	"context"

	"github.com/picloud/picloud/host/store"
)

type secondFactors struct{ s *sqlStore }

const (
	secondFactorColumns = `user_id, secret, key_id, sealed, last_step, created_at, confirmed_at`
	secondFactorInsert  = `INSERT INTO second_factors (user_id, secret, key_id, sealed, last_step, created_at) VALUES ($1, $2, $3, $4, 0, $5)`
	secondFactorGet     = `SELECT ` + secondFactorColumns + ` FROM second_factors WHERE user_id = $1`
	secondFactorConfirm = `UPDATE second_factors SET confirmed_at = $2 WHERE user_id = $1`
	secondFactorAccept  = `UPDATE second_factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2`
	secondFactorDelete  = `DELETE FROM second_factors WHERE user_id = $1`

	secondFactorKeys   = `SELECT key_id, count(*) FROM second_factors GROUP BY key_id`
	secondFactorOthers = `SELECT ` + secondFactorColumns + ` FROM second_factors WHERE key_id <> $1 AND user_id > $2 ORDER BY user_id LIMIT $3`
	secondFactorSeal   = `UPDATE second_factors SET secret = $3, key_id = $4, sealed = $5 WHERE user_id = $1 AND key_id = '' AND secret = $2`
	secondFactorReseal = `UPDATE second_factors SET key_id = $4, sealed = $5 WHERE user_id = $1 AND key_id = $2 AND sealed = $3`

	// sealedSecret stands in the place of a secret that is sealed. It is no base32, so that a server that does not
	// know of sealed ones makes no codes of it.
	sealedSecret = "0"

	recoveryCodeInsert    = `INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)`
	recoveryCodeUse       = `DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2`
	recoveryCodeDeleteAll = `DELETE FROM recovery_codes WHERE user_id = $1`
	recoveryCodeCount     = `SELECT count(*) FROM recovery_codes WHERE user_id = $1`
	secondFactorExists    = `SELECT 1 FROM second_factors WHERE user_id = $1`
)

func scanSecondFactor(row scanner) (v store.SecondFactor, err error) {
	err = row.Scan(&v.UserID, &v.Secret, &v.KeyID, &v.Sealed, &v.LastStep, instant{&v.CreatedAt}, instant{&v.ConfirmedAt})
	if v.KeyID != "" {
		v.Secret = ""
	}
	return v, err
}

func (f secondFactors) Begin(ctx context.Context, factor store.SecondFactor) error {
	secret, sealed := factor.Secret, any(nil)
	if factor.KeyID != "" {
		secret, sealed = sealedSecret, factor.Sealed
	}
	if err := require(field{"secret", secret}); err != nil {
		return err
	}
	return f.s.change(ctx, "begin second factor", func(tx queryer) error {
		if err := must(ctx, tx, "user", userExists, factor.UserID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, secondFactorDelete, factor.UserID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, secondFactorInsert, factor.UserID, secret, factor.KeyID, sealed, f.s.db.now())
		return err
	})
}

func (f secondFactors) Get(ctx context.Context, userID string) (store.SecondFactor, error) {
	return one(ctx, f.s.reader(), "second factor", scanSecondFactor, secondFactorGet, userID)
}

func (f secondFactors) Confirm(ctx context.Context, userID string) error {
	return f.s.reconfigure(ctx, "confirm second factor", ofUser(userID), func(tx queryer) error {
		n, err := affect(ctx, tx, secondFactorConfirm, userID, f.s.db.now())
		if err == nil && n == 0 {
			return notFound("second factor")
		}
		return err
	})
}

// Accept is no deed of its own, but a part of the one that the code is given for: so is UseRecoveryCode.
func (f secondFactors) Accept(ctx context.Context, userID string, step int64) (bool, error) {
	n, err := affect(store.WithDeed(ctx, nil), f.s.writer(), secondFactorAccept, userID, step)
	return n == 1, failed(ctx, "accept code", err)
}

func (f secondFactors) SetRecoveryCodes(ctx context.Context, userID string, hashes []string) error {
	for _, hash := range hashes {
		if err := require(field{"code_hash", hash}); err != nil {
			return err
		}
	}
	return f.s.change(ctx, "set recovery codes", func(tx queryer) error {
		if err := must(ctx, tx, "second factor", secondFactorExists, userID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, recoveryCodeDeleteAll, userID); err != nil {
			return err
		}
		for _, hash := range hashes {
			if _, err := tx.ExecContext(ctx, recoveryCodeInsert, userID, hash); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f secondFactors) UseRecoveryCode(ctx context.Context, userID, hash string) (bool, error) {
	n, err := affect(store.WithDeed(ctx, nil), f.s.writer(), recoveryCodeUse, userID, hash)
	return n == 1, failed(ctx, "use recovery code", err)
}

func (f secondFactors) RecoveryCodes(ctx context.Context, userID string) (count int, err error) {
	err = f.s.reader().QueryRowContext(ctx, recoveryCodeCount, userID).Scan(&count)
	return count, failed(ctx, "count recovery codes", err)
}

func (f secondFactors) Delete(ctx context.Context, userID string) error {
	return f.s.reconfigure(ctx, "delete second factor", ofUser(userID), func(tx queryer) error {
		return deleteOne(ctx, tx, "second factor", secondFactorDelete, userID)
	})
}

func (f secondFactors) KeyIDs(ctx context.Context) (map[string]int, error) {
	return keyCounts(ctx, f.s.reader(), "keys of second factors", secondFactorKeys)
}

func (f secondFactors) Others(ctx context.Context, keyID, afterUser string, limit int) ([]store.SecondFactor, error) {
	return many(ctx, f.s.reader(), "second factors", scanSecondFactor, secondFactorOthers, keyID, afterUser, limit)
}

func (f secondFactors) Seal(ctx context.Context, found store.SecondFactor, keyID string, sealed []byte) (bool, error) {
	var n int64
	err := f.s.change(ctx, "seal a second factor", func(tx queryer) (err error) {
		note(tx, noted{kind: string(store.ResourceUser), id: found.UserID})
		if found.KeyID == "" {
			n, err = affect(ctx, tx, secondFactorSeal, found.UserID, found.Secret, sealedSecret, keyID, sealed)
		} else {
			n, err = affect(ctx, tx, secondFactorReseal, found.UserID, found.KeyID, found.Sealed, keyID, sealed)
		}
		return err
	})
	return n == 1, err
}
