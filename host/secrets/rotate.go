package secrets

import (
	"context"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Rotation is what a rotation has done.
type Rotation struct {
	KeyID    string // of the key that seals now
	Resealed int    // secrets that were sealed with another, or were not sealed
	Left     int    // secrets that are still, because this server does not have their key
}

// rotationBatch is how many secrets are read at once by a rotation.
const rotationBatch = 100

// Rotate seals all secrets with the first key, of apps and of second factors. Where that comes from the key
// file, a new one is generated before, and the others are removed from the file after. Reading and writing go on
// meanwhile. A rotation that fails can be begun again: what is done is done, and no key is lost before.
func (s *Service) Rotate(ctx context.Context) (Rotation, error) {
	if !s.rotating.TryLock() {
		return Rotation{}, fault.New(fault.Conflict, "the secrets are being sealed anew already")
	}
	defer s.rotating.Unlock()
	if err := s.ensureKey(ctx); err != nil {
		return Rotation{}, err
	}
	generates := s.config.Keys == ""
	if generates {
		if err := s.addKey(); err != nil {
			return Rotation{}, err
		}
	}
	keys := s.known()
	done := Rotation{KeyID: keys[0].id}
	if err := s.resealApps(ctx, keys, &done); err != nil {
		return done, err
	}
	if err := s.resealFactors(ctx, keys, &done); err != nil {
		return done, err
	}
	s.config.Log.Info("secrets were sealed anew", "key_id", done.KeyID, "secrets", done.Resealed, "left", done.Left)
	if generates && done.Left == 0 {
		return done, s.keepFirstKey()
	}
	return done, nil
}

// known returns the keys as they are now.
func (s *Service) known() keyring {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys
}

func (s *Service) resealApps(ctx context.Context, keys keyring, done *Rotation) error {
	var after store.Secret
	for {
		batch, err := s.config.Store.Others(ctx, keys[0].id, after, rotationBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, secret := range batch {
			after = secret
			value, err := keys.openSecret(secret)
			if err != nil {
				s.config.Log.Error("a secret was not sealed anew", "app_id", secret.AppID, "secret", secret.Name, "error", err)
				done.Left++
				continue
			}
			keyID, sealed := keys.seal(value, additional(secret.AppID, secret.Name))
			resealed, err := s.config.Store.Reseal(ctx, secret, keyID, sealed)
			if err != nil {
				return err
			}
			if resealed { // else it has been set anew, with the first key
				done.Resealed++
			}
		}
	}
}

func (s *Service) resealFactors(ctx context.Context, keys keyring, done *Rotation) error {
	after := ""
	for {
		batch, err := s.config.Factors.Others(ctx, keys[0].id, after, rotationBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, factor := range batch {
			after = factor.UserID
			value, err := keys.openFactor(factor)
			if err != nil {
				s.config.Log.Error("the secret of a second factor was not sealed anew", "user_id", factor.UserID, "error", err)
				done.Left++
				continue
			}
			keyID, sealed := keys.seal(value, ofUser(factor.UserID))
			resealed, err := s.config.Factors.Seal(ctx, factor, keyID, sealed)
			if err != nil {
				return err
			}
			if resealed {
				done.Resealed++
			}
		}
	}
}

// addKey puts a new key before those of the key file.
func (s *Service) addKey() error {
	k, err := generateKey()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := append(keyring{k}, s.keys...)
	if err := writeFile(s.config.File, keys); err != nil {
		return store.Failed("write the key file", err)
	}
	s.keys = keys
	return nil
}

// keepFirstKey removes the keys from the key file with which nothing is sealed any more.
func (s *Service) keepFirstKey() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.keys[:1]
	if err := writeFile(s.config.File, keys); err != nil {
		return store.Failed("write the key file", err)
	}
	s.keys = keys
	return nil
}
