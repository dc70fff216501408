// Package wire holds the JSON bodies of the admin API as Go types, for the
// server, the client and the command line. It imports nothing of the server.
package wire

// Page is one piece of a listing.
type Page[T any] struct {
	Items  []T    `json:"items" doc:"The items, in the listing's order"`
	Cursor string `json:"cursor,omitempty" doc:"Pass it as ?cursor= to get the next piece; absent on the last"`
}
