package wire

import "time"

// Domain is an app's claim on a host: only its routes answer there.
type Domain struct {
	ID        string    `json:"id" doc:"UUIDv7"`
	AppID     string    `json:"app_id"`
	Host      string    `json:"host" doc:"In lower case, and in its xn-- form"`
	Kind      string    `json:"kind" enum:"strict,wildcard" doc:"A wildcard is of all names below, at whatever depth"`
	CreatedAt time.Time `json:"created_at"`
}

// DomainCreate is the body of POST apps/{app}/domains.
type DomainCreate struct {
	Host string `json:"host" doc:"api.example.com, or *.example.com for the names below it"`
}
