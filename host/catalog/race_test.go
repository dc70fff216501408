//go:build race

package catalog

// manyDocuments are fewer under the race detector, by which pieces that take as long are of a few rows each.
const manyDocuments = 2_000
