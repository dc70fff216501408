package sha2_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"math/rand/v2"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/bridge/sha2"
)

// TestAgainstStandardLibrary hashes texts and keys of every length around the blocks' bounds.
func TestAgainstStandardLibrary(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for n := range 600 {
		data := make([]byte, n)
		random.Read(data)
		if got, want := sha2.Sum256(data, nil), sha256.Sum256(data); got != want {
			t.Errorf("SHA-256 of %x: got %x, want %x", data, got, want)
		}
		if got, want := sha2.Sum512(data, nil), sha512.Sum512(data); got != want {
			t.Errorf("SHA-512 of %x: got %x, want %x", data, got, want)
		}
		key := data[:n/3]
		mac := hmac.New(sha256.New, key)
		mac.Write(data)
		if got, want := sha2.HMAC256(key, data, nil), [32]byte(mac.Sum(nil)); got != want {
			t.Errorf("HMAC-SHA-256 of %x with %x: got %x, want %x", data, key, got, want)
		}
	}
}

// TestGoesOn counts the questions: one for each 8 KiB.
func TestGoesOn(t *testing.T) {
	data := make([]byte, 100_000)
	for name, hash := range map[string]func(goesOn sha2.GoesOn){
		"SHA-256":      func(g sha2.GoesOn) { sha2.Sum256(data, g) },
		"SHA-512":      func(g sha2.GoesOn) { sha2.Sum512(data, g) },
		"HMAC-SHA-256": func(g sha2.GoesOn) { sha2.HMAC256([]byte("key"), data, g) },
	} {
		asked := 0
		hash(func() bool { asked++; return true })
		if asked != 12 && asked != 13 {
			t.Errorf("%s of %d bytes: asked %d times, want 12 or 13", name, len(data), asked)
		}
		asked = 0
		hash(func() bool { asked++; return asked < 3 })
		if asked != 3 {
			t.Errorf("%s, told to stop at the third question: asked %d times", name, asked)
		}
	}
}
