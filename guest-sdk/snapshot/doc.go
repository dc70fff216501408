//go:build !wasip1 || tinygo

// Package snapshot does nothing here: it is for plugins made by Go's own compiler.
package snapshot
