package main

import (
	"fmt"
	"runtime/debug"
)

// version is set by the linker for a release; a build from a checkout says so.
var version = "dev"

func init() {
	if version != "dev" {
		return
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
}

// versionCmd prints the version.
type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	fmt.Println("picloud", version)
	return nil
}
