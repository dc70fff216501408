package wire

import (
	"time"
)

// Me tells who the caller is.
type Me struct {
	UserID         string   `json:"user_id"`
	Username       string   `json:"username"`
	Role           string   `json:"role" enum:"owner,admin,member"`
	SecondFactor   bool     `json:"second_factor" doc:"A login needs a code"`
	ChangePassword bool     `json:"must_change_password" doc:"The password is one that the server made, and was not changed since"`
	APIKey         string   `json:"api_key_id,omitempty" doc:"Set when the credential is an API key"`
	Scopes         []string `json:"scopes,omitempty" doc:"Of the API key"`
	AppID          string   `json:"app_id,omitempty" doc:"The only app that the API key may touch"`
}

// PasswordChange is the body of PUT me/password.
type PasswordChange struct {
	OldPassword string `json:"old_password" minLength:"1" maxLength:"1024"`
	NewPassword string `json:"new_password"`
}

// Session is a login.
type Session struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current" doc:"It is the one that asks"`
	Address    string    `json:"address" doc:"Where it was used last; empty when not known"`
	UserAgent  string    `json:"user_agent" doc:"Of what used it last"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at" doc:"To within a few minutes"`
	ExpiresAt  time.Time `json:"expires_at" doc:"When it ends unless it is used before"`
	EndsAt     time.Time `json:"ends_at" doc:"When it ends at the latest"`
}

// SessionsEnded answers DELETE me/sessions.
type SessionsEnded struct {
	Ended int64 `json:"ended" doc:"How many"`
}

// TOTP tells of the caller's second factor.
type TOTP struct {
	Enabled       bool       `json:"enabled" doc:"A login needs a code"`
	EnabledAt     *time.Time `json:"enabled_at,omitempty"`
	RecoveryCodes int        `json:"recovery_codes" doc:"How many are left"`
}

// TOTPBegin is the body of POST me/totp.
type TOTPBegin struct {
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// TOTPKey answers it: what an authenticator is set up with, once.
type TOTPKey struct {
	Secret string `json:"secret" doc:"Base32; six digits every 30 seconds by HMAC-SHA-1 (RFC 6238)"`
	URL    string `json:"url" doc:"otpauth://totp/..., as authenticators read it from a QR code"`
}

// TOTPConfirm is the body of POST me/totp:confirm.
type TOTPConfirm struct {
	Code string `json:"code" minLength:"1" maxLength:"32" doc:"Of the authenticator"`
}

// TOTPProof is the body of POST me/totp:disable and me/totp:recovery-codes: one of both.
type TOTPProof struct {
	Password string `json:"password,omitempty" maxLength:"1024"`
	Code     string `json:"code,omitempty" maxLength:"32" doc:"Of the authenticator, or a recovery code"`
}

// RecoveryCodes stand in for a code of the authenticator, each once. They are answered once.
type RecoveryCodes struct {
	Codes []string `json:"codes"`
}
