//go:build race

package sandbox

// raced: the race detector has memory of its own for whatever is touched.
const raced = true
