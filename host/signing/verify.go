package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"strings"

	"github.com/picloud/picloud/host/fault"
)

// algorithm is how signatures of one kind are checked.
type algorithm struct {
	name, key string // what key it needs, in the words of an error
	check     func(key any, data, signature []byte) bool
}

var algorithms = []algorithm{
	{"ed25519", "an Ed25519 key", func(key any, data, signature []byte) bool { // RFC 8032
		return ed25519.Verify(key.(ed25519.PublicKey), data, signature)
	}},
	{"rsa_sha256", "an RSA key", pkcs1(crypto.SHA256)}, // RFC 8017, section 8.2
	{"rsa_sha512", "an RSA key", pkcs1(crypto.SHA512)},
	{"rsa_pss_sha256", "an RSA key", pss(crypto.SHA256)}, // section 8.1
	{"rsa_pss_sha512", "an RSA key", pss(crypto.SHA512)},
	{"ecdsa_sha256", "a P-256 key", func(key any, data, signature []byte) bool { // FIPS 186-5
		sum := sha256.Sum256(data)
		if len(signature) == 64 { // r and s, as in a JSON Web Signature
			return ecdsa.Verify(key.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		}
		return ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum[:], signature)
	}},
}

func digest(hash crypto.Hash, data []byte) []byte {
	if hash == crypto.SHA512 {
		sum := sha512.Sum512(data)
		return sum[:]
	}
	sum := sha256.Sum256(data)
	return sum[:]
}

func pkcs1(hash crypto.Hash) func(any, []byte, []byte) bool {
	return func(key any, data, signature []byte) bool {
		return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), hash, digest(hash, data), signature) == nil
	}
}

func pss(hash crypto.Hash) func(any, []byte, []byte) bool {
	return func(key any, data, signature []byte) bool {
		return rsa.VerifyPSS(key.(*rsa.PublicKey), hash, digest(hash, data), signature, nil) == nil
	}
}

// Verify reports whether a signature of data is that of a public key. The error, [fault.Invalid], is of
// an algorithm that is not known and of a key that cannot be read or is not for the algorithm.
func Verify(name, key string, data, signature []byte) (bool, error) {
	for _, a := range algorithms {
		if a.name != name {
			continue
		}
		public, err := publicKey(key)
		if err != nil {
			return false, err
		}
		if err := fits(public, a.key); err != nil {
			return false, err
		}
		return a.check(public, data, signature), nil
	}
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return false, fault.Refuse("algorithm", "must be one of %s, got %.40q", strings.Join(names, ", "), name)
}
