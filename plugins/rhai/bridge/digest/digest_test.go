package digest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/rand/v2"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/bridge/digest"
)

var hashes = map[string]struct {
	ours   digest.Hash
	theirs func() hash.Hash
}{
	"SHA-1":   {digest.SHA1, sha1.New},
	"SHA-256": {digest.SHA256, sha256.New},
	"SHA-512": {digest.SHA512, sha512.New},
}

// TestAgainstStandardLibrary hashes texts and keys of every length around the blocks' bounds.
func TestAgainstStandardLibrary(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for name, h := range hashes {
		for n := range 600 {
			data := make([]byte, n)
			random.Read(data)
			plain := h.theirs()
			plain.Write(data)
			if got, want := h.ours.Sum(data, nil), plain.Sum(nil); !bytes.Equal(got, want) {
				t.Errorf("%s of %x: got %x, want %x", name, data, got, want)
			}
			key := data[:n/3]
			mac := hmac.New(h.theirs, key)
			mac.Write(data)
			if got, want := h.ours.HMAC(key, data, nil), mac.Sum(nil); !bytes.Equal(got, want) {
				t.Errorf("HMAC-%s of %x with %x: got %x, want %x", name, data, key, got, want)
			}
		}
	}
}

// TestGoesOn counts the questions: one for each 8 KiB.
func TestGoesOn(t *testing.T) {
	data := make([]byte, 100_000)
	for name, h := range hashes {
		for what, hash := range map[string]func(g digest.GoesOn){
			"":      func(g digest.GoesOn) { h.ours.Sum(data, g) },
			"HMAC-": func(g digest.GoesOn) { h.ours.HMAC([]byte("key"), data, g) },
		} {
			asked := 0
			hash(func() bool { asked++; return true })
			if asked != 12 && asked != 13 {
				t.Errorf("%s%s of %d bytes: asked %d times, want 12 or 13", what, name, len(data), asked)
			}
			asked = 0
			hash(func() bool { asked++; return asked < 3 })
			if asked != 3 {
				t.Errorf("%s%s, told to stop at the third question: asked %d times", what, name, asked)
			}
		}
	}
}
