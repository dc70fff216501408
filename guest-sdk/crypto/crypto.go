// Package crypto has the host check signatures and hash passwords. Digests and HMACs are in the
// standard library.
package crypto

import "github.com/picloud/picloud/guest-sdk/internal/host"

// Algorithm is how data is signed.
type Algorithm string

// The algorithms. Those of RSA are PKCS #1 v1.5 and, where it says so, PSS (RFC 8017); ECDSA is on P-256.
const (
	Ed25519      Algorithm = "ed25519"
	RSASHA256    Algorithm = "rsa_sha256"
	RSASHA512    Algorithm = "rsa_sha512"
	RSAPSSSHA256 Algorithm = "rsa_pss_sha256"
	RSAPSSSHA512 Algorithm = "rsa_pss_sha512"
	ECDSASHA256  Algorithm = "ecdsa_sha256"
)

type validity struct {
	Valid bool `json:"valid"`
}

// Verify reports whether a signature of data is that of a public key: PEM or a JSON Web Key.
func Verify(algorithm Algorithm, key string, data, signature []byte) (bool, error) {
	response, err := host.Call[validity](host.CryptoVerify, struct {
		Algorithm Algorithm `json:"algorithm"`
		Key       string    `json:"key"`
		Data      []byte    `json:"data"`
		Signature []byte    `json:"signature"`
	}{algorithm, key, data, signature})
	return response.Valid, err
}

// HashPassword returns a hash of a password, 1 to 1024 bytes, to keep. The algorithm is argon2id, which
// "" stands for, or bcrypt.
func HashPassword(password, algorithm string) (string, error) {
	response, err := host.Call[struct {
		Hash string `json:"hash"`
	}](host.CryptoHashPassword, struct {
		Password  string `json:"password"`
		Algorithm string `json:"algorithm,omitempty"`
	}{password, algorithm})
	return response.Hash, err
}

// VerifyPassword reports whether a hash is of a password.
func VerifyPassword(password, hash string) (bool, error) {
	response, err := host.Call[validity](host.CryptoVerifyPassword, struct {
		Password string `json:"password"`
		Hash     string `json:"hash"`
	}{password, hash})
	return response.Valid, err
}
