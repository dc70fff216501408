//go:build race

package e2e

// raced: under the race detector wazero compiles ten times slower.
const raced = true
