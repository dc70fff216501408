package secrets

import (
	"context"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// SealFactor seals the secret of a user's second factor and hands it to keep, which stores it. Where the server
// has no key and makes none, as several nodes do not without the setting, keep gets it as it is.
func (s *Service) SealFactor(ctx context.Context, userID, secret string, keep func(store.SecondFactor) error) error {
	if s.keyless() {
		return keep(store.SecondFactor{UserID: userID, Secret: secret})
	}
	if err := s.ensureKey(ctx); err != nil {
		return err
	}
	s.mu.RLock() // until it is stored: a rotation must find it
	defer s.mu.RUnlock()
	factor := store.SecondFactor{UserID: userID}
	factor.KeyID, factor.Sealed = s.keys.seal([]byte(secret), ofUser(userID))
	return keep(factor)
}

// OpenFactor returns the secret of a second factor. The error is [fault.Unavailable] without its key, and
// [fault.Corrupted] if it is not what was sealed for its user.
func (s *Service) OpenFactor(factor store.SecondFactor) (string, error) {
	secret, err := s.known().openFactor(factor)
	return string(secret), err
}

// SealFactors seals the secrets of second factors that are not sealed, as all were once, and those that were
// stored while there was no key. Where there is none still, the log says so.
func (s *Service) SealFactors(ctx context.Context) error {
	count, err := s.config.Factors.KeyIDs(ctx)
	if err != nil || count[""] == 0 {
		return err
	}
	if s.keyless() {
		s.config.Log.Warn("the secrets of second factors lie in the database as they are: without the setting secret_key (PICLOUD_SECRET_KEY) they cannot be sealed", "second_factors", count[""])
		return nil
	}
	if err := s.ensureKey(ctx); err != nil {
		if fault.Of(err) != fault.Unavailable { // which the log tells of already
			return err
		}
		return nil
	}
	s.mu.RLock() // no rotation takes the key away meanwhile
	defer s.mu.RUnlock()
	sealed, after := 0, ""
	for {
		batch, err := s.config.Factors.Others(ctx, s.keys[0].id, after, rotationBatch)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		for _, factor := range batch {
			if after = factor.UserID; factor.KeyID != "" {
				continue // a rotation is somebody's decision
			}
			keyID, value := s.keys.seal([]byte(factor.Secret), ofUser(factor.UserID))
			done, err := s.config.Factors.Seal(ctx, factor, keyID, value)
			if err != nil {
				return err
			}
			if done {
				sealed++
			}
		}
	}
	s.config.Log.Info("the secrets of second factors were sealed", "key_id", s.keys[0].id, "second_factors", sealed)
	return nil
}

// keyless reports whether there is no key and none is made.
func (s *Service) keyless() bool { return s.config.File == "" && len(s.known()) == 0 }
