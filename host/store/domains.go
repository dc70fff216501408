package store

import (
	"context"
	"time"
)

// Domain is an app's claim on a host, or on all below one.
type Domain struct {
	ID        string
	AppID     string
	Host      string // "api.example.com" or "*.example.com", as package domains has it; of one app only
	CreatedAt time.Time
}

// Domains keeps what apps have claimed.
type Domains interface {
	// Create keeps a new claim and returns it with id and time. A host that is claimed is a [Conflict]
	// on "host" whose Other is the id of that claim; an unknown app is [fault.NotFound].
	Create(ctx context.Context, domain Domain) (Domain, error)
	// Get finds a claim by id.
	Get(ctx context.Context, id string) (Domain, error)
	// All lists every claim of every app in the order of their hosts.
	All(ctx context.Context) ([]Domain, error)
	// List pages through the claims of an app in the order of their hosts (bytewise).
	List(ctx context.Context, appID string, page PageRequest) (Page[Domain], error)
	// Count returns how many claims an app has.
	Count(ctx context.Context, appID string) (int, error)
	// Delete removes a claim.
	Delete(ctx context.Context, id string) error
	// Untold returns the claims that were made of routes when claims came to be, in the order of their hosts,
	// to the first who asks, and to all others none. They have the ids of those routes.
	Untold(ctx context.Context) ([]Domain, error)
}
