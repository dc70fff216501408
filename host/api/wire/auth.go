package wire

import (
	"time"
)

// Login is the body of POST auth/login.
type Login struct {
	Username string `json:"username" minLength:"1" maxLength:"128"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// Token answers it.
type Token struct {
	Token     string    `json:"token" doc:"Send it as Authorization: Bearer TOKEN"`
	ExpiresAt time.Time `json:"expires_at"`
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
