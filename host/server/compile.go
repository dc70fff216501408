package server

import (
	"os"
	"time"

	"github.com/picloud/picloud/host/sandbox/compiler"
)

// Compile is the process that compiles one plugin for a server: it reads the module from standard
// input, leaves machine code in a directory, says on standard output how it went, and does nothing
// else. It may take so much processor time and memory, in MiB.
func Compile(dir string, cpu time.Duration, memoryMB int64) error {
	return compiler.Main(compiler.Arguments{
		Dir: dir, Bounds: compiler.Bounds{CPU: cpu, MemoryMB: memoryMB},
	}, os.Stdin, os.Stdout)
}

// Self is this program, for [Config.Compile]: as it is now, also when another has been installed in
// its place since.
func Self() (path string, err error) {
	const linux = "/proc/self/exe"
	if _, err := os.Stat(linux); err == nil {
		return linux, nil
	}
	return os.Executable()
}
