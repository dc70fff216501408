package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// keys are pairs of each kind, as text.
type pair struct{ private, public, jwk string }

func newPair(t *testing.T, key crypto.Signer) pair {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	jwk, err := (&jose.JSONWebKey{Key: key.Public()}).MarshalJSON()
	require.NoError(t, err)
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), string(jwk),
	}
}

func newKeys(t *testing.T) (*rsa.PrivateKey, ed25519.PrivateKey, *ecdsa.PrivateKey) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, e, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return r, e, p
}

func TestVerify(t *testing.T) {
	r, e, p := newKeys(t)
	data := []byte("what was signed")
	sum256, sum512 := sha256.Sum256(data), sha512.Sum512(data)
	must := func(signature []byte, err error) []byte { require.NoError(t, err); return signature }
	x, y, err := ecdsa.Sign(rand.Reader, p, sum256[:])
	require.NoError(t, err)
	for _, c := range []struct {
		algorithm string
		key       pair
		signature []byte
	}{
		{"ed25519", newPair(t, e), ed25519.Sign(e, data)},
		{"rsa_sha256", newPair(t, r), must(rsa.SignPKCS1v15(nil, r, crypto.SHA256, sum256[:]))},
		{"rsa_sha512", newPair(t, r), must(rsa.SignPKCS1v15(nil, r, crypto.SHA512, sum512[:]))},
		{"rsa_pss_sha256", newPair(t, r), must(rsa.SignPSS(rand.Reader, r, crypto.SHA256, sum256[:], nil))},
		{"rsa_pss_sha512", newPair(t, r), must(rsa.SignPSS(rand.Reader, r, crypto.SHA512, sum512[:], nil))},
		{"ecdsa_sha256", newPair(t, p), must(ecdsa.SignASN1(rand.Reader, p, sum256[:]))},
		{"ecdsa_sha256", newPair(t, p), append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)},
	} {
		for _, key := range []string{c.key.public, c.key.jwk} {
			valid, err := Verify(c.algorithm, key, data, c.signature)
			require.NoError(t, err, c.algorithm)
			assert.True(t, valid, c.algorithm)
			for what, forged := range map[string][2][]byte{
				"other data":     {[]byte("something else"), c.signature},
				"no signature":   {data, nil},
				"half of it":     {data, c.signature[:len(c.signature)/2]},
				"a flipped bit":  {data, append([]byte{c.signature[0] ^ 1}, c.signature[1:]...)},
				"nothing signed": {nil, c.signature},
			} {
				valid, err := Verify(c.algorithm, key, forged[0], forged[1])
				require.NoError(t, err)
				assert.False(t, valid, "%s: %s", c.algorithm, what)
			}
		}
	}
	public := newPair(t, r).public
	for _, c := range []struct{ algorithm, key, field, reason string }{
		{"rsa", public, "algorithm", `must be one of ed25519, rsa_sha256, rsa_sha512, rsa_pss_sha256, rsa_pss_sha512, ecdsa_sha256, got "rsa"`},
		{"ed25519", public, "key", "must be an Ed25519 key for this algorithm, is an RSA key"},
		{"rsa_sha256", "secret", "key", "must be a public key as PEM or a JSON Web Key"},
		{"rsa_sha256", newPair(t, r).private, "key", `must be a public key as PEM, got a block "PRIVATE KEY"`},
		{"rsa_sha256", `{"kty":"RSA"}`, "key", "is not a valid JSON Web Key"},
		{"rsa_sha256", strings.Replace(public, "MII", "AAA", 1), "key", "is not a valid public key"},
		{"rsa_sha256", strings.Repeat("x", 20_000), "key", "must be at most 16384 bytes, got 20000"},
	} {
		_, err := Verify(c.algorithm, c.key, nil, nil)
		assert.Equal(t, fault.Invalid, fault.Of(err))
		assert.EqualError(t, err, c.field+": "+c.reason)
	}
}

func TestTokens(t *testing.T) {
	r, e, p := newKeys(t)
	const secret = "a secret of thirty-two characters"
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	claims := fmt.Sprintf(`{"sub":"a","big":9007199254740993,"exp":%d,"nbf":%d}`, now.Unix()+60, now.Unix()-60)
	for algorithm, key := range map[string]pair{
		"HS256": {secret, secret, secret}, "RS256": newPair(t, r), "ES256": newPair(t, p), "EdDSA": newPair(t, e),
	} {
		token, err := SignToken(algorithm, key.private, []byte(claims))
		require.NoError(t, err, algorithm)
		for _, public := range []string{key.public, key.jwk} {
			got, err := VerifyToken(token, algorithm, public, now, 0)
			require.NoError(t, err, algorithm)
			assert.Equal(t, claims, string(got))
		}
		for _, c := range []struct {
			at     time.Duration
			leeway time.Duration
			reason string
		}{
			{time.Minute, 0, "token: has expired at 2026-11-29T12:01:00Z"},
			{time.Minute, time.Second, ""},
			{2 * time.Minute, time.Minute, "token: has expired at 2026-11-29T12:01:00Z"},
			{-time.Minute, 0, ""},
			{-61 * time.Second, 0, "token: is not valid before 2026-11-29T11:59:00Z"},
			{-61 * time.Second, time.Second, ""},
		} {
			_, err := VerifyToken(token, algorithm, key.public, now.Add(c.at), c.leeway)
			if c.reason == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, c.reason)
			}
		}
		parts := strings.Split(token, ".")
		other := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(claims, `"a"`, `"b"`, 1)))
		_, err = VerifyToken(parts[0]+"."+other+"."+parts[2], algorithm, key.public, now, 0)
		assert.EqualError(t, err, "token: has another signature")
	}

	// A token does not choose how it is checked.
	key := newPair(t, r)
	token, err := SignToken("HS256", key.public, []byte(`{}`))
	require.NoError(t, err)
	_, err = VerifyToken(token, "RS256", key.public, now, 0)
	assert.EqualError(t, err, "token: is not a token of RS256")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + "."
	for _, algorithm := range []string{"HS256", "RS256"} {
		_, err = VerifyToken(none, algorithm, key.public, now, 0)
		assert.EqualError(t, err, "token: is not a token of "+algorithm)
	}
	_, err = VerifyToken(none, "none", "", now, 0)
	assert.EqualError(t, err, `algorithm: must be HS256, RS256, ES256 or EdDSA, got "none"`)
	for _, short := range []string{"", "your-256-bit-secret"} {
		_, err = VerifyToken(token, "HS256", short, now, 0)
		assert.EqualError(t, err, fmt.Sprintf("key: must be at least 32 bytes for HS256, got %d", len(short)))
		_, err = SignToken("HS256", short, []byte(`{}`))
		assert.EqualError(t, err, fmt.Sprintf("key: must be at least 32 bytes for HS256, got %d", len(short)))
	}
	_, err = SignToken("RS256", newPair(t, e).private, []byte(`{}`))
	assert.EqualError(t, err, "key: must be an RSA key for this algorithm, is an Ed25519 key")
	_, err = SignToken("ES256", "secret", []byte(`{}`))
	assert.EqualError(t, err, "key: must be a private key as PEM")
	for claims, want := range map[string]string{
		`[]`:                 "token: has no map of claims",
		`null`:               "token: has no map of claims",
		`{"exp":"tomorrow"}`: "token: has an exp that is no number",
		`{"exp":null}`:       "token: has an exp that is no number",
		`{"nbf":[1]}`:        "token: has an nbf that is no number",
	} {
		token, err := SignToken("HS256", secret, []byte(claims))
		require.NoError(t, err)
		_, err = VerifyToken(token, "HS256", secret, now, 0)
		assert.EqualError(t, err, want)
	}
	token, err = SignToken("HS256", secret, []byte(`{"EXP":1}`))
	require.NoError(t, err)
	_, err = VerifyToken(token, "HS256", secret, now, 0)
	assert.NoError(t, err, "names of claims have a case")
	for _, token := range []string{"", "a.b", "a.b.c", strings.Repeat("x", 70_000)} {
		_, err := VerifyToken(token, "HS256", secret, now, 0)
		assert.Equal(t, fault.Invalid, fault.Of(err))
	}
}

// The token of RFC 7515, appendix A.1, and its key.
func TestTokenOfTheRFC(t *testing.T) {
	const token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	key, err := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	require.NoError(t, err)
	claims, err := VerifyToken(token, "HS256", string(key), time.Unix(1300819379, 0), 0)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(claims, &got))
	assert.Equal(t, "joe", got["iss"])
}

func TestPasswords(t *testing.T) {
	ctx := t.Context()
	for _, algorithm := range []string{"", "argon2id", "bcrypt"} {
		hash, err := HashPassword(ctx, "correct horse", algorithm)
		require.NoError(t, err)
		again, err := HashPassword(ctx, "correct horse", algorithm)
		require.NoError(t, err)
		assert.NotEqual(t, hash, again, "each has a salt of its own")
		for password, want := range map[string]bool{"correct horse": true, "Correct horse": false, strings.Repeat("x", 100): false} {
			valid, err := VerifyPassword(ctx, password, hash)
			require.NoError(t, err)
			assert.Equal(t, want, valid, "%s by %q", password, algorithm)
		}
	}
	for want, hash := range map[string]string{
		"hash: is no hash that argon2id or bcrypt has made":                  "plain",
		"hash: must have a cost of at most 14, has 31":                       "$2a$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"hash: must have at most m=65536,t=10,p=8, has m=4194304,t=1000,p=1": "$argon2id$v=19$m=4194304,t=1000,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObG",
	} {
		_, err := VerifyPassword(ctx, "p", hash)
		assert.EqualError(t, err, want)
	}
	for _, hash := range []string{ // of which the library panics
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObG",
		"$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObG",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
	} {
		_, err := VerifyPassword(ctx, "p", hash)
		assert.EqualError(t, err, "hash: is no hash that argon2id or bcrypt has made")
	}
	_, err := HashPassword(ctx, "p", "md5")
	assert.EqualError(t, err, `algorithm: must be argon2id or bcrypt, got "md5"`)
	_, err = HashPassword(ctx, strings.Repeat("p", 73), "bcrypt")
	assert.EqualError(t, err, "password: must be at most 72 bytes for bcrypt, got 73")
	for _, password := range []string{"", strings.Repeat("p", 1025)} {
		_, err = HashPassword(ctx, password, "")
		assert.EqualError(t, err, fmt.Sprintf("password: must be 1 to 1024 bytes, got %d", len(password)))
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.NoError(t, places.Acquire(ctx, atOnce))
	defer places.Release(atOnce)
	_, err = HashPassword(cancelled, "p", "")
	assert.ErrorIs(t, err, context.Canceled, "who waits can be ended")
}
