package plugin

import (
	"os"
	"testing"
)

// cacheDir is shared by all tests, so that Extism's kernel is compiled once.
var cacheDir string

func TestMain(m *testing.M) {
	var err error
	if cacheDir, err = os.MkdirTemp("", "picloud-plugin"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(cacheDir)
	os.Exit(code)
}
