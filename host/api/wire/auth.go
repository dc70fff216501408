package wire

import (
	"time"
)

// Login is the body of POST auth/login.
type Login struct {
	Username string `json:"username" minLength:"1" maxLength:"128"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
	Code     string `json:"code,omitempty" maxLength:"32" doc:"Of the second factor, or a recovery code; a refusal that names body.code asks for it"`
	Device   string `json:"device,omitempty" maxLength:"128" doc:"From an earlier login of this user: lets you in while others are throttled for guessing"`
}

// Token answers it.
type Token struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer TOKEN"`
	ExpiresAt time.Time `json:"expires_at" doc:"At the latest: it ends earlier when it is not used for long"`
	Device    string    `json:"device" doc:"Keep it, and send it with the next login. It is no credential"`
}
