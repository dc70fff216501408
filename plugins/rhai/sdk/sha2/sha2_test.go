package sha2_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"math/rand/v2"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/sdk/sha2"
)

// TestAgainstStandardLibrary hashes texts and keys of every length around the blocks' bounds.
func TestAgainstStandardLibrary(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for n := range 600 {
		data := make([]byte, n)
		random.Read(data)
		if got, want := sha2.Sum256(data), sha256.Sum256(data); got != want {
			t.Errorf("SHA-256 of %x: got %x, want %x", data, got, want)
		}
		if got, want := sha2.Sum512(data), sha512.Sum512(data); got != want {
			t.Errorf("SHA-512 of %x: got %x, want %x", data, got, want)
		}
		key := data[:n/3]
		mac := hmac.New(sha256.New, key)
		mac.Write(data)
		if got, want := sha2.HMAC256(key, data), [32]byte(mac.Sum(nil)); got != want {
			t.Errorf("HMAC-SHA-256 of %x with %x: got %x, want %x", data, key, got, want)
		}
	}
}
