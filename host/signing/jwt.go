package signing

import (
	"crypto"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/picloud/picloud/host/fault"
)

// jwtKeys says what key each algorithm of tokens needs (RFC 7518, RFC 8037); "": a secret.
var jwtKeys = map[string]string{"HS256": "", "RS256": "an RSA key", "ES256": "a P-256 key", "EdDSA": "an Ed25519 key"}

const maxTokenBytes = 64 << 10

func checkAlgorithm(name string) error {
	if _, known := jwtKeys[name]; !known {
		return fault.Refuse("algorithm", "must be HS256, RS256, ES256 or EdDSA, got %.40q", name)
	}
	return nil
}

// minSecretBytes is how long a secret of HS256 must be (RFC 7518, section 3.2).
const minSecretBytes = 32

func checkSecret(key string) error {
	if len(key) < minSecretBytes {
		return fault.Refuse("key", "must be at least %d bytes for HS256, got %d", minSecretBytes, len(key))
	}
	return nil
}

// SignToken makes a token of claims, JSON of a map (RFC 7519).
func SignToken(algorithm, key string, claims []byte) (string, error) {
	if err := checkAlgorithm(algorithm); err != nil {
		return "", err
	}
	var signing any = []byte(key)
	if want := jwtKeys[algorithm]; want != "" {
		private, err := privateKey(key)
		if err != nil {
			return "", err
		}
		if err := fits(private.(interface{ Public() crypto.PublicKey }).Public(), want); err != nil {
			return "", err
		}
		signing = private
	} else if err := checkSecret(key); err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: signing}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fault.Refuse("key", "cannot be used")
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fault.Refuse("key", "cannot be used")
	}
	return signed.CompactSerialize()
}

// VerifyToken returns the claims of a token, JSON of a map, if it has the algorithm, its signature is that
// of the key, and now is neither before nbf nor at or after exp by more than the leeway. Otherwise the
// error, [fault.Invalid] of token, says which.
func VerifyToken(token, algorithm, key string, now time.Time, leeway time.Duration) (claims []byte, err error) {
	if err := checkAlgorithm(algorithm); err != nil {
		return nil, err
	}
	if len(token) > maxTokenBytes {
		return nil, fault.Refuse("token", "must be at most %d bytes, got %d", maxTokenBytes, len(token))
	}
	var checking any = []byte(key)
	if want := jwtKeys[algorithm]; want != "" {
		public, err := publicKey(key)
		if err != nil {
			return nil, err
		}
		if err := fits(public, want); err != nil {
			return nil, err
		}
		checking = public
	} else if err := checkSecret(key); err != nil {
		return nil, err
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		return nil, fault.Refuse("token", "is not a token of %s", algorithm)
	}
	if claims, err = signed.Verify(checking); err != nil {
		return nil, fault.Refuse("token", "has another signature")
	}
	return claims, checkTimes(claims, now, leeway)
}

// checkTimes looks at exp and nbf (RFC 7519, section 4.1), which are seconds since 1970.
func checkTimes(claims []byte, now time.Time, leeway time.Duration) error {
	// Not into a struct: its names would match in any case.
	var all map[string]json.RawMessage
	if err := json.Unmarshal(claims, &all); err != nil || all == nil {
		return fault.Refuse("token", "has no map of claims")
	}
	times := map[string]*float64{"exp": nil, "nbf": nil}
	for name := range times {
		text, has := all[name]
		if !has {
			continue
		}
		var seconds *float64
		if err := json.Unmarshal(text, &seconds); err != nil || seconds == nil {
			return fault.Refuse("token", "has an %s that is no number", name)
		}
		times[name] = seconds
	}
	at := func(seconds float64) string {
		if math.Abs(seconds) > 1e11 {
			return fmt.Sprint(seconds)
		}
		return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
	}
	is := float64(now.UnixMilli()) / 1000
	if exp := times["exp"]; exp != nil && is-leeway.Seconds() >= *exp {
		return fault.Refuse("token", "has expired at %s", at(*exp))
	}
	if nbf := times["nbf"]; nbf != nil && is+leeway.Seconds() < *nbf {
		return fault.Refuse("token", "is not valid before %s", at(*nbf))
	}
	return nil
}
