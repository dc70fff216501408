package manifest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/cli/caret"
)

// Most bytes that are read of a file: of source as many as a server takes, of a plugin's module as
// many as one can be made to take.
const (
	maxSource = 1 << 20
	maxModule = 256 << 20
)

// Suffixes of the files of scripts and plugins.
const (
	RhaiSuffix = ".rhai"
	WasmSuffix = ".wasm"
)

// wasmMagic is how a WebAssembly module begins.
var wasmMagic = []byte("\x00asm")

// byteOrderMark is what some editors write before a text. It is no part of a script.
var byteOrderMark = []byte("\ufeff")

func isYAML(file string) bool {
	return strings.HasSuffix(file, ".yaml") || strings.HasSuffix(file, ".yml")
}

// ReadScript reads the file of a single script or plugin, named after the file. kind is "" when
// nothing is known of it.
func ReadScript(path string, kind abi.Kind) (Script, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return Script{}, err
	}
	defer root.Close()
	content, err := readIn(root, filepath.Base(path))
	if err != nil {
		return Script{}, err
	}
	script, err := newScript(path, content, kind)
	script.Name = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), RhaiSuffix), WasmSuffix)
	return script, err
}

// newScript makes a script of the contents of its file, or a plugin if that is what they are. kind
// is "" when nothing is known of it.
func newScript(file string, content []byte, kind abi.Kind) (Script, error) {
	script := Script{File: file}
	if apptest.IsFile(file) {
		return script, fmt.Errorf("%s is a file of tests, which picloud test runs: it is not deployed", file)
	}
	isWasm := bytes.HasPrefix(content, wasmMagic)
	switch {
	case isWasm && kind != "" && kind != abi.KindPlugin:
		return script, fmt.Errorf("%s is a WebAssembly module: its kind is plugin, not %s", file, kind)
	case isWasm:
		kind = abi.KindPlugin
		script.Wasm = content
	case kind == abi.KindPlugin || strings.HasSuffix(file, WasmSuffix):
		return script, fmt.Errorf("%s is not a WebAssembly module", file)
	case isYAML(file):
		return script, fmt.Errorf("%s is not a script: a manifest is called %s", file, FileName)
	default:
		content = bytes.TrimPrefix(content, byteOrderMark)
		if err := caret.CheckUTF8(file, string(content)); err != nil {
			return script, err
		}
		script.Source = string(content)
	}
	if kind != "" {
		script.Kind = &kind
	}
	return script, nil
}

// readAtMost reads a file inside root of at most that many bytes.
func readAtMost(root *os.Root, name string, most int64) ([]byte, error) {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	content, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return content, err
}

// readIn reads a file inside root of at most maxSource bytes, or of maxModule if it is a
// WebAssembly module.
func readIn(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	most := maxSource
	content, err := io.ReadAll(io.LimitReader(file, maxSource+1))
	if err == nil && bytes.HasPrefix(content, wasmMagic) {
		most = maxModule
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(file, int64(maxModule+1-len(content))))
		content = append(content, rest...)
	}
	if err != nil {
		return nil, err
	}
	if len(content) > most {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return content, nil
}
