package wire

import (
	"time"
)

// App owns scripts, routes and data.
type App struct {
	ID           string    `json:"id" doc:"UUIDv7"`
	Slug         string    `json:"slug" doc:"Unique name, usable wherever an id is"`
	Name         string    `json:"name"`
	CORS         *CORS     `json:"cors,omitempty" doc:"Of the routes that have none of their own"`
	EventsPaused bool      `json:"events_paused,omitempty" doc:"Its events wait"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`

	MyRole         string   `json:"my_role" enum:"owner,admin,app_admin,editor,viewer" doc:"What you are in the app; owners and admins of the instance are that in every app"`
	MyCapabilities []string `json:"my_capabilities" doc:"What you may do in the app with the credential that you use"`
}

// Usage is what an app has of what is bounded.
type Usage struct {
	KV    Used `json:"kv" doc:"Keys and values"`
	Docs  Used `json:"docs" doc:"Data of documents, as JSON"`
	Files Used `json:"files" doc:"Contents of files"`
	Log   Used `json:"log" doc:"Log lines written today (UTC)"`
}

// Used is how much of something there is.
type Used struct {
	Bytes int64 `json:"bytes"`
	Quota int64 `json:"quota" doc:"Most bytes there may be; 0: no bound"`
}

// AppCreate is the body of POST apps.
type AppCreate struct {
	Slug string `json:"slug" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and inner hyphens" doc:"Unique name: lower-case letters, digits and hyphens between them"`
	Name string `json:"name,omitempty" maxLength:"200" doc:"For people; the slug when empty"`
}

// AppUpdate is the body of PUT apps/{app}; absent fields stay as they are.
type AppUpdate struct {
	Slug *string `json:"slug,omitempty" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and inner hyphens"`
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	CORS *CORS   `json:"cors,omitempty" doc:"Without origins: none any more"`
}
