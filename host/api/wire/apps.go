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
	Aliases      []string  `json:"aliases,omitempty" doc:"Slugs that it had before: requests for them are redirected (308) to the present one. Absent in listings"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`

	MyRole         string   `json:"my_role" enum:"owner,admin,app_admin,editor,viewer" doc:"What you are in the app; owners and admins of the instance are that in every app"`
	MyCapabilities []string `json:"my_capabilities" doc:"What you may do in the app with the credential that you use"`
}

// AppCreate is the body of POST apps.
type AppCreate struct {
	Slug string `json:"slug" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and inner hyphens" doc:"Unique name: lower-case letters, digits and hyphens between them"`
	Name string `json:"name,omitempty" maxLength:"200" doc:"For people; the slug when empty"`
}

// AppUpdate is the body of PUT apps/{app}; absent fields stay as they are.
type AppUpdate struct {
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	CORS *CORS   `json:"cors,omitempty" doc:"Without origins: none any more"`
}

// ImportReport is what has come of an import.
type ImportReport struct {
	App            App              `json:"app"`
	Rows           map[string]int64 `json:"rows" doc:"How many scripts, documents and so on the archive had, by kind"`
	MissingSecrets []string         `json:"missing_secrets" nullable:"false" doc:"Names of the secrets that are to be set: an archive has no values"`
	Members        []Member         `json:"members" nullable:"false" doc:"Who has got which role: users who are called as members were where the archive is from"`
	LeftOut        []LeftOut        `json:"left_out" nullable:"false" doc:"What was not imported, or does not work as it did"`
}

// LeftOut is something that an import has left out.
type LeftOut struct {
	Kind   string `json:"kind" enum:"domain,route,member,quota,file"`
	Name   string `json:"name" doc:"A host, a route's address, a user name or COLLECTION/ID of a file; empty for the quotas, and for more files than are named"`
	Reason string `json:"reason"`
}

// AppRename is the body of POST apps/{app}:rename.
type AppRename struct {
	Slug string `json:"slug" minLength:"1" maxLength:"63" pattern:"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and inner hyphens" doc:"The new one. The present one becomes an alias, of which an app has 20 at most"`
}

// MaxContents is how far is counted of what there may be much of in a deletion: it stands for as many or more.
const MaxContents = 10_000

// AppDeletion is how much of each kind goes with an app.
type AppDeletion struct {
	Scripts     int64 `json:"scripts"`
	Routes      int64 `json:"routes"`
	Triggers    int64 `json:"triggers"`
	Topics      int64 `json:"topics"`
	Domains     int64 `json:"domains"`
	Members     int64 `json:"members"`
	Keys        int64 `json:"keys" doc:"API keys that are for this app alone"`
	Secrets     int64 `json:"secrets"`
	KVEntries   int64 `json:"kv_entries" doc:"Not counted beyond 10000"`
	Documents   int64 `json:"documents" doc:"Not counted beyond 10000"`
	Files       int64 `json:"files" doc:"Not counted beyond 10000"`
	FileBytes   int64 `json:"file_bytes" doc:"Of all files"`
	Executions  int64 `json:"executions" doc:"Not counted beyond 10000"`
	Events      int64 `json:"events" doc:"That wait, or are being handled; not counted beyond 10000"`
	DeadLetters int64 `json:"dead_letters" doc:"Not counted beyond 10000"`
}

// ScriptDeletion is how much of each kind goes with a script.
type ScriptDeletion struct {
	Routes     int64 `json:"routes"`
	Triggers   int64 `json:"triggers"`
	Executions int64 `json:"executions" doc:"Not counted beyond 10000"`
}
