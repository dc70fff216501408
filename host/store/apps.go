package store

import (
	"context"
	"time"

	"github.com/picloud/picloud/host/fault"
)

// App owns scripts, routes and data, and shares them with no other app.
type App struct {
	ID   string
	Slug string // unique, also among the aliases of other apps
	Name string
	CORS *CORS // of the routes that have none of their own; nil: there is none
	// EventsPaused has the app's events wait.
	EventsPaused bool
	// Import is the one that fills the app at present, which nobody finds until it has ended; nil: none does.
	Import    *Import
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Import is what fills an app from an archive.
type Import struct {
	Token   string    `json:"token"`   // whose it is; never ""
	Created bool      `json:"created"` // it has made the app, which goes with it if it fails
	At      time.Time `json:"at"`      // when it was last known to go on, by the database's clock; the store sets it
}

// Arrived returns nil, or the [fault.Conflict] of an app that is being imported: until that has ended nobody finds it,
// nor anything in it.
func (a App) Arrived() error {
	if a.Import == nil {
		return nil
	}
	return fault.New(fault.Conflict, "the app %s is being imported: it is there when that has ended", a.Slug)
}

// AppChange says what to change of an app; a nil field stays as it is.
type AppChange struct {
	Slug *string
	Name *string
	CORS *CORS // without origins: there is none any more

	EventsPaused *bool

	Import *Import // without a token: there is none any more
}

// MaxAliases is how many slugs an app may have had that still lead to it.
const MaxAliases = 20

// Alias is a slug that an app had before it was renamed. It leads to the app, and no other may have it.
type Alias struct {
	Slug      string
	AppID     string
	CreatedAt time.Time // when the app was renamed
}

// Apps keeps the apps and who works on them.
type Apps interface {
	// Create keeps a new app and returns it with its id and times. A slug in use is a [Conflict] on
	// "slug".
	Create(ctx context.Context, app App) (App, error)
	// Get finds an app by id.
	Get(ctx context.Context, id string) (App, error)
	// GetBySlug finds an app by slug.
	GetBySlug(ctx context.Context, slug string) (App, error)
	// GetByAlias finds the app that had a slug before it was renamed.
	GetByAlias(ctx context.Context, slug string) (App, error)
	// List pages through all apps in the order of their slugs (bytewise), but for those that an import fills.
	List(ctx context.Context, page PageRequest) (Page[App], error)
	// ListOf pages through the apps a user is a member of, ordered as List.
	ListOf(ctx context.Context, userID string, page PageRequest) (Page[App], error)
	// Imports lists the apps that imports fill, in the order of their ids, and returns the present time of the
	// database's clock.
	Imports(ctx context.Context) (under []App, now time.Time, err error)
	// Update changes an app and returns it as it is now. The slug that it had stays its alias, and an
	// alias of its own it may have as slug again; one more than [MaxAliases] is a [fault.Conflict].
	Update(ctx context.Context, id string, change AppChange) (App, error)
	// Aliases lists the slugs that an app had before, bytewise ordered.
	Aliases(ctx context.Context, id string) ([]Alias, error)
	// ReleaseAlias has a slug be free that an app had before.
	ReleaseAlias(ctx context.Context, id, slug string) error
	// Contents counts what an app has.
	Contents(ctx context.Context, id string) (AppContents, error)
	// Delete removes an app with all that it has. It is gone at once, its slugs and hosts are free, and
	// nothing can be added to it; its data, executions and log lines go later: see [Deletions].
	Delete(ctx context.Context, id string) error

	// Usage returns how many bytes an app keeps, and how many of log it has written and how much
	// processor time its executions had on the day (UTC) of a time.
	Usage(ctx context.Context, id string, day time.Time) (AppUsage, error)

	// SetMember makes a user a member of an app, or changes the role. An unknown app or user is
	// [fault.NotFound].
	SetMember(ctx context.Context, appID, userID string, role AppRole) error
	// Member returns the user's role in the app; not being a member is [fault.NotFound].
	Member(ctx context.Context, appID, userID string) (AppRole, error)
	// RolesOf returns a user's roles by the ids of the apps the user is a member of.
	RolesOf(ctx context.Context, userID string) (map[string]AppRole, error)
	// Members lists an app's members in the order of their user names.
	Members(ctx context.Context, appID string) ([]Member, error)
	// RemoveMember ends a membership.
	RemoveMember(ctx context.Context, appID, userID string) error
}

// AppUsage is what an app has of what is bounded: bytes, and processor time.
type AppUsage struct {
	KV    int64 // keys and values, also of entries that have expired and are not swept yet
	Docs  int64 // data of documents, as JSON
	Files int64
	Log   int64         // messages and data of lines of a day
	CPU   time.Duration // that executions had a processor for on a day
}

// AppRole is what a member may do in an app.
type AppRole string

// The roles in an app, from the most to the least.
const (
	RoleAppAdmin AppRole = "app_admin"
	RoleEditor   AppRole = "editor"
	RoleViewer   AppRole = "viewer"
)

// Member is a user's place in an app.
type Member struct {
	AppID    string
	UserID   string
	Username string
	Role     AppRole
}
