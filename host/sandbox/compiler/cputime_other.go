//go:build !unix

package compiler

import "time"

var began = time.Now()

// cpuTime is the time that has passed, where the system does not tell more.
func cpuTime() time.Duration { return time.Since(began) }
