// Package migrations has the numbered changes that bring a database to the schema that package
// store expects, for SQLite and for PostgreSQL. They are applied in order when a store is opened.
package migrations

import "embed"

// SQLite has the files sqlite/*.sql.
//
//go:embed sqlite/*.sql
var SQLite embed.FS

// Postgres has the files postgres/*.sql.
//
//go:embed postgres/*.sql
var Postgres embed.FS
