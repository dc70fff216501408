package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// KeyBytes is how many bytes a key has: that of AES-256.
const KeyBytes = 32

// FileName is the name of a generated key file.
const FileName = "secret.key"

// key seals values.
type key struct {
	id   string // made of its bytes, of which it tells nothing
	text string // its bytes as base64
	aead cipher.AEAD
}

func newKey(bytes []byte) (key, error) {
	block, err := aes.NewCipher(bytes)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	sum := sha256.Sum256(append([]byte("picloud secret key\x00"), bytes...))
	return key{id: hex.EncodeToString(sum[:8]), text: base64.StdEncoding.EncodeToString(bytes), aead: aead}, nil
}

func generateKey() (key, error) {
	var bytes [KeyBytes]byte
	_, _ = rand.Read(bytes[:]) // which never fails
	return newKey(bytes[:])
}

// parseKeys reads keys as base64, of either alphabet and with or without padding. The error has nothing
// of them.
func parseKeys(texts []string) (keys []key, err error) {
	for i, text := range texts {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
		bytes, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil || len(bytes) != KeyBytes {
			what := fmt.Sprintf("%d bytes", len(bytes))
			if err != nil {
				what = "something else"
			}
			return nil, fmt.Errorf("key %d must be %d bytes as base64, got %s", i+1, KeyBytes, what)
		}
		k, err := newKey(bytes)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(keys, func(other key) bool { return other.id == k.id }) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// keyring are the keys that a server knows: the first seals, each opens.
type keyring []key

// additional is what binds a value to its place: one that is moved to another app or name does not open.
func additional(appID, name string) []byte { return []byte(appID + "/" + name) }

// ofUser is what binds the secret of a user's second factor to its place, which no secret of an app has: its id
// has no space.
func ofUser(userID string) []byte { return []byte("second factor/" + userID) }

// seal seals a value with the first key, for its place.
func (r keyring) seal(value, place []byte) (keyID string, sealed []byte) {
	return r[0].id, r[0].aead.Seal(nil, nil, value, place)
}

// open opens a value. The error may be shown: it says what could not be opened.
func (r keyring) open(what, keyID string, sealed, place []byte) ([]byte, error) {
	for _, k := range r {
		if k.id != keyID {
			continue
		}
		value, err := k.aead.Open(nil, nil, sealed, place)
		if err != nil {
			return nil, &fault.Error{Code: fault.Corrupted, Text: fmt.Sprintf("the %s cannot be opened: what is stored is not what was sealed", what), Cause: err}
		}
		return value, nil
	}
	return nil, fault.New(fault.Unavailable, "the %s is sealed with the key %s, which this server does not have", what, keyID)
}

func (r keyring) openSecret(s store.Secret) ([]byte, error) {
	return r.open("secret "+s.Name, s.KeyID, s.Sealed, additional(s.AppID, s.Name))
}

// openFactor opens the secret of a second factor, which may not be sealed yet.
func (r keyring) openFactor(f store.SecondFactor) ([]byte, error) {
	if f.KeyID == "" {
		return []byte(f.Secret), nil
	}
	return r.open("second factor", f.KeyID, f.Sealed, ofUser(f.UserID))
}

func (r keyring) has(id string) bool {
	return slices.ContainsFunc(r, func(k key) bool { return k.id == id })
}

// fileHead says in a key file what it is.
const fileHead = `# The keys of PiCloud's secrets: the first seals, the others only open. Without them the secrets in the
# database are lost. Keep a copy, and keep it apart from the copies of the database.
`

// readFile reads a key file; there need be none. One that others may read is refused: it may not be a
// secret any more.
func readFile(path string) (keyring, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("%s must be for its owner alone, mode 0600, got %#o", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// KeyIDs returns the ids of the keys in the text of a key file; none, if it is none.
func KeyIDs(text []byte) (ids []string) {
	keys, _ := parseFile(text)
	for _, k := range keys {
		ids = append(ids, k.id)
	}
	return ids
}

func parseFile(text []byte) (keyring, error) {
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	keys, err := parseKeys(lines)
	if err == nil && len(keys) == 0 {
		err = errors.New("there is no key in it")
	}
	return keys, err
}

// writeFile writes a key file in the place of the one there is, all or nothing, so that it survives what
// is sealed with its keys.
func writeFile(path string, keys keyring) (err error) {
	text := fileHead
	for _, k := range keys {
		text += k.text + "\n"
	}
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+FileName+"-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a renaming durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
