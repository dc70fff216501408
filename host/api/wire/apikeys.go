package wire

import (
	"time"
)

// APIKeyCreate is the body of POST api-keys.
type APIKeyCreate struct {
	Name      string     `json:"name" minLength:"1" maxLength:"100"`
	Scopes    []string   `json:"scopes" minItems:"1" maxItems:"7" uniqueItems:"true" enum:"script:read,script:write,route:write,log:read,domain:manage,app:admin,instance:admin"`
	App       string     `json:"app,omitempty" doc:"Id or slug of the only app the key may touch; empty for all of yours"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Absent: never"`
}

// APIKey is a credential for programs.
type APIKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Key        string     `json:"key,omitempty" doc:"The key itself: answered once, when it is made"`
	Prefix     string     `json:"prefix" doc:"How the key begins"`
	Scopes     []string   `json:"scopes"`
	AppID      string     `json:"app_id,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}
