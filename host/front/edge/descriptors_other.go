//go:build !unix

package edge

// descriptors have no limit here that the process could ask for.
func descriptors() int { return 16 << 10 }
