package wire

import (
	"time"
)

// APIKeyCreate is the body of POST me/keys.
type APIKeyCreate struct {
	Name      string     `json:"name" minLength:"1" maxLength:"100"`
	Scopes    []string   `json:"scopes" minItems:"1" maxItems:"7" uniqueItems:"true" enum:"script:read,script:write,route:write,log:read,domain:manage,app:admin,instance:admin"`
	App       string     `json:"app,omitempty" doc:"Id or slug of the only app the key may touch; empty for all of yours"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Absent: never"`
}

// APIKeyRotate is the body of POST me/keys/{id}:rotate.
type APIKeyRotate struct {
	Overlap   *int64     `json:"overlap,omitempty" minimum:"0" maximum:"2592000" default:"86400" doc:"Seconds for which the old key is good beside the new one, unless it ends before"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"Of the new key; absent: after as long a life as the old one was given"`
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
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"To within five minutes"`
	ReplacedBy string     `json:"replaced_by,omitempty" doc:"Id of the key that it was rotated to"`
}
