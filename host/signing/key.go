// Package signing checks and makes what scripts need of cryptography beyond digests: signatures, JSON Web
// Tokens and hashes of passwords; and checks the signatures that routes demand of requests. It keeps
// nothing, and no error shows a key, a password or a token.
package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/picloud/picloud/host/fault"
)

const (
	maxKeyBytes = 16 << 10
	maxRSABits  = 8192 // beyond it a check takes long
)

// publicKey reads a public key: PEM of a SubjectPublicKeyInfo (RFC 7468, section 13), of a certificate,
// or a JSON Web Key (RFC 7517).
func publicKey(text string) (crypto.PublicKey, error) {
	if len(text) > maxKeyBytes {
		return nil, fault.Refuse("key", "must be at most %d bytes, got %d", maxKeyBytes, len(text))
	}
	var key any
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		var jwk jose.JSONWebKey
		if jwk.UnmarshalJSON([]byte(text)) != nil || !jwk.Valid() {
			return nil, fault.Refuse("key", "is not a valid JSON Web Key")
		}
		key = jwk.Public().Key
	} else {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, fault.Refuse("key", "must be a public key as PEM or a JSON Web Key")
		}
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var certificate *x509.Certificate
			if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
				key = certificate.PublicKey
			}
		default:
			return nil, fault.Refuse("key", "must be a public key as PEM, got a block %.40q", block.Type)
		}
		if err != nil {
			return nil, fault.Refuse("key", "is not a valid public key")
		}
	}
	return key, bounded(key)
}

// privateKey reads a private key: PEM of PKCS #8, PKCS #1 or SEC 1.
func privateKey(text string) (crypto.PrivateKey, error) {
	if len(text) > maxKeyBytes {
		return nil, fault.Refuse("key", "must be at most %d bytes, got %d", maxKeyBytes, len(text))
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fault.Refuse("key", "must be a private key as PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fault.Refuse("key", "must be a private key as PEM, got a block %.40q", block.Type)
	}
	if err != nil {
		return nil, fault.Refuse("key", "is not a valid private key")
	}
	if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		return key, bounded(private.Public())
	}
	return key, nil
}

func bounded(key any) error {
	if k, ok := key.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
		return fault.Refuse("key", "must have at most %d bits, has %d", maxRSABits, k.N.BitLen())
	}
	return nil
}

// fits returns an error unless a public key is of the kind that an algorithm is for.
func fits(key any, want string) error {
	got := "of another kind"
	switch k := key.(type) {
	case *rsa.PublicKey:
		got = "an RSA key"
	case ed25519.PublicKey:
		got = "an Ed25519 key"
	case *ecdsa.PublicKey:
		if got = "an ECDSA key"; k.Curve == elliptic.P256() {
			got = "a P-256 key"
		}
	}
	if got != want {
		return fault.Refuse("key", "must be %s for this algorithm, is %s", want, got)
	}
	return nil
}
