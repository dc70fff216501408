//go:build !race

package catalog

// manyDocuments is how many there are in an app that is deleted in pieces.
const manyDocuments = 100_000
