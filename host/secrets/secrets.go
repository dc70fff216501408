// Package secrets keeps what scripts of an app may know and nobody is to see: the keys of other
// services, for example. An administrator sets a value, a script reads it, nothing shows it again.
//
// A value is sealed with AES-256-GCM before the store gets it, with its app's id and its name as
// additional data: what is moved to another place in the database does not open there. Beside it lies
// the id of the key. The keys come from the setting secret_key, of which the first seals and all open,
// or from a key file that the first secret makes.
//
// What an execution writes to its log, or fails with, goes through a [Mask] of its app's values.
package secrets

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of the secrets of an app.
const (
	MaxNameBytes  = 128
	MaxValueBytes = 64 << 10
	MaxPerApp     = 256
)

// Config is what the service needs.
type Config struct {
	Store store.Secrets
	// Factors are second factors, whose secrets are sealed, too.
	Factors store.SecondFactors
	// Keys are base64 of 32 bytes each, with commas between them: the first seals, the others only open.
	Keys string
	// File is the path of the key file, whose keys open too, and seal where Keys is "". It is made when it
	// is needed. "": there is none, as where several nodes share a database.
	File string
	Log  *slog.Logger // nil: slog.Default()
}

// Service performs the operations on secrets. It is safe for concurrent use.
//
// Names are 1 to [MaxNameBytes] letters, digits, and _ - and . that do not come first; values are 1 to
// [MaxValueBytes] of UTF-8. What is refused is [fault.Invalid] and names the field, never the value;
// [fault.Quota] is for more than [MaxPerApp], and [fault.Unavailable] where a key is missing. Other
// errors are those of package store.
type Service struct {
	config Config
	cache  *cache

	rotating sync.Mutex // held by a rotation
	mu       sync.RWMutex
	keys     keyring // held for reading while something is sealed and stored with it
}

// New reads the keys, and looks whether they open what the database has: what they do not is logged, and
// refused when it is asked for.
func New(ctx context.Context, config Config) (*Service, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	s := &Service{config: config, cache: newCache()}
	if config.Keys != "" {
		var err error
		if s.keys, err = parseKeys(strings.Split(config.Keys, ",")); err != nil {
			return nil, err
		}
	}
	file, err := readFile(config.File)
	if err != nil {
		return nil, err
	}
	for _, k := range file {
		if !s.keys.has(k.id) {
			s.keys = append(s.keys, k)
		}
	}
	count, err := s.keyIDs(ctx)
	if err != nil {
		return nil, err
	}
	for id, n := range count {
		if !s.keys.has(id) {
			config.Log.Error("secrets cannot be opened: they are sealed with a key that this server does not have", "key_id", id, "secrets", n)
		}
	}
	return s, nil
}

// keyIDs returns how many secrets each key opens, of apps and of second factors.
func (s *Service) keyIDs(ctx context.Context) (map[string]int, error) {
	count, err := s.config.Store.KeyIDs(ctx)
	if err != nil {
		return nil, err
	}
	factors, err := s.config.Factors.KeyIDs(ctx)
	if err != nil {
		return nil, err
	}
	for id, n := range factors {
		if id != "" {
			count[id] += n
		}
	}
	return count, nil
}

// CheckName refuses what cannot be the name of a secret.
func CheckName(field, name string) error {
	if len(name) == 0 || len(name) > MaxNameBytes {
		return fault.Refuse(field, "must be 1 to %d bytes, got %d", MaxNameBytes, len(name))
	}
	for i, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '-' || c == '.'):
		default:
			return fault.Refuse(field, "must be letters, digits, and _ - and . that do not come first, got another character at byte %d", i)
		}
	}
	return nil
}

// Set keeps a value, or replaces it. The secret that is returned is without it.
func (s *Service) Set(ctx context.Context, appID, name, value string) (store.Secret, error) {
	if err := CheckName("name", name); err != nil {
		return store.Secret{}, err
	}
	switch {
	case len(value) == 0 || len(value) > MaxValueBytes:
		return store.Secret{}, fault.Refuse("value", "must be 1 to %d bytes, got %d", MaxValueBytes, len(value))
	case !utf8.ValidString(value):
		return store.Secret{}, fault.Refuse("value", "must be UTF-8")
	}
	if err := s.ensureKey(ctx); err != nil {
		return store.Secret{}, err
	}
	s.mu.RLock() // until it is stored: a rotation must find it
	defer s.mu.RUnlock()
	keyID, sealed := s.keys.seal([]byte(value), additional(appID, name))
	set, err := s.config.Store.Set(ctx, store.Secret{AppID: appID, Name: name, KeyID: keyID, Sealed: sealed, Size: len(value)}, MaxPerApp)
	s.Changed(appID)
	set.Sealed = nil
	return set, err
}

// ensureKey makes a key file if there is no key yet.
func (s *Service) ensureKey(ctx context.Context) error {
	if len(s.known()) > 0 {
		return nil
	}
	if s.config.File == "" {
		return fault.New(fault.Unavailable, "secrets need the setting secret_key (PICLOUD_SECRET_KEY), which this server does not have")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) > 0 {
		return nil
	}
	count, err := s.keyIDs(ctx)
	if err != nil {
		return err
	}
	for id := range count { // a new key would hide that the old one is missed
		return fault.New(fault.Unavailable, "the database has secrets that are sealed with the key %s, which this server does not have: bring back its file %s, or set secret_key (PICLOUD_SECRET_KEY)", id, FileName)
	}
	k, err := generateKey()
	if err != nil {
		return err
	}
	if err := writeFile(s.config.File, keyring{k}); err != nil {
		return store.Failed("write the key file", err)
	}
	s.keys = keyring{k}
	s.config.Log.Info("a key for secrets was generated: keep a copy of it", "file", s.config.File, "key_id", k.id)
	return nil
}

// Get returns the value of a secret; without one the error is [fault.NotFound].
func (s *Service) Get(ctx context.Context, appID, name string) (string, error) {
	if err := CheckName("name", name); err != nil {
		return "", err
	}
	known, err := s.app(ctx, appID)
	if err != nil {
		return "", err
	}
	v, ok := known.values[name]
	if !ok {
		return "", fault.Missing("secret")
	}
	return v.text, v.err
}

// Has reports whether an app has a secret.
func (s *Service) Has(ctx context.Context, appID, name string) (bool, error) {
	if err := CheckName("name", name); err != nil {
		return false, err
	}
	known, err := s.app(ctx, appID)
	if err != nil {
		return false, err
	}
	_, ok := known.values[name]
	return ok, nil
}

// Names returns the names of an app's secrets, in their order.
func (s *Service) Names(ctx context.Context, appID string) ([]string, error) {
	known, err := s.app(ctx, appID)
	if err != nil {
		return nil, err
	}
	return slices.Clone(known.names), nil
}

// List returns an app's secrets in the order of their names, without their values.
func (s *Service) List(ctx context.Context, appID string) ([]store.Secret, error) {
	listed, err := s.config.Store.List(ctx, appID)
	for i := range listed {
		listed[i].Sealed = nil
	}
	return listed, err
}

// Delete removes a secret; without one the error is [fault.NotFound].
func (s *Service) Delete(ctx context.Context, appID, name string) error {
	if err := CheckName("name", name); err != nil {
		return err
	}
	err := s.config.Store.Delete(ctx, appID, name)
	s.Changed(appID)
	return err
}

// maskTimeout is how long [Service.Mask] may take.
const maskTimeout = 5 * time.Second

// Mask returns what hides an app's values; nil hides nothing. What is to be masked may be how an execution
// ended, so the end of its context is none of this.
func (s *Service) Mask(ctx context.Context, appID string) (*Mask, error) {
	if known, ok := s.cache.apps.Get(appID); ok { // without the cost of another context
		return s.cache.mask(appID, known), nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maskTimeout)
	defer cancel()
	known, err := s.app(ctx, appID)
	if err != nil {
		return nil, err
	}
	return s.cache.mask(appID, known), nil
}

// Changed must be called after secrets of an app were changed, here or by another node, or removed with
// it; with "" after those of any app.
func (s *Service) Changed(appID string) { s.cache.forget(appID) }

// app returns what is known of an app's secrets.
func (s *Service) app(ctx context.Context, appID string) (*app, error) {
	return s.cache.get(appID, func() (*app, error) {
		before := s.known()
		listed, err := s.config.Store.List(ctx, appID)
		if err != nil {
			return nil, err
		}
		keys := slices.Concat(s.known(), before) // a rotation meanwhile may have added one, or forgotten one
		found := &app{values: make(map[string]value, len(listed))}
		for _, secret := range listed {
			text, err := keys.openSecret(secret)
			found.names = append(found.names, secret.Name)
			found.values[secret.Name] = value{string(text), err}
		}
		return found, nil
	})
}
