// Package jwt makes and checks JSON Web Tokens (RFC 7519) by HS256, RS256, ES256 and EdDSA.
package jwt

import (
	"time"

	"github.com/picloud/picloud/guest-sdk/internal/host"
)

// Sign makes a token of claims. The key is the secret of HS256, else a private key as PEM.
func Sign(claims any, key, algorithm string) (string, error) {
	response, err := host.Call[struct {
		Token string `json:"token"`
	}](host.JWTSign, struct {
		Claims    any    `json:"claims"`
		Key       string `json:"key"`
		Algorithm string `json:"algorithm"`
	}{claims, key, algorithm})
	return response.Token, err
}

// Verify returns the claims of a token that has the algorithm, is signed by the key (the secret of
// HS256, else a public key as PEM or a JSON Web Key) and is valid now, give or take the leeway, of up to
// a day. Otherwise the error, invalid, says why.
func Verify[Claims any](token, key, algorithm string, leeway time.Duration) (claims Claims, err error) {
	response, err := host.Call[struct {
		Claims Claims `json:"claims"`
	}](host.JWTVerify, struct {
		Token     string `json:"token"`
		Key       string `json:"key"`
		Algorithm string `json:"algorithm"`
		LeewayMS  int64  `json:"leeway_ms,omitempty"`
	}{token, key, algorithm, leeway.Milliseconds()})
	return response.Claims, err
}
