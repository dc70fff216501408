package wire

import (
	"time"
)

// Login is the body of POST auth/login.
type Login struct {
	Username string `json:"username" minLength:"1" maxLength:"128"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
	Device   string `json:"device,omitempty" maxLength:"128" doc:"From an earlier login of this user: lets you in while others are throttled for guessing"`
}

// Token answers it.
type Token struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer TOKEN"`
	ExpiresAt time.Time `json:"expires_at"`
	Device    string    `json:"device" doc:"Keep it, and send it with the next login. It is no credential"`
}

// Me tells who the caller is.
type Me struct {
	UserID   string   `json:"user_id"`
	Username string   `json:"username"`
	Role     string   `json:"role" enum:"owner,admin,member"`
	APIKey   string   `json:"api_key_id,omitempty" doc:"Set when the credential is an API key"`
	Scopes   []string `json:"scopes,omitempty" doc:"Of the API key"`
	AppID    string   `json:"app_id,omitempty" doc:"The only app that the API key may touch"`
}
