package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// A peer is another server: of HTTP one that answers GET /hello with {"message":"Hello, world!"}, of
// the services one that does operations.
type peer struct {
	name    string // with its version
	command func(addr, data string) *exec.Cmd
}

// errMissing says that this machine lacks what a peer needs.
var errMissing = errors.New("not available")

// A maker builds a peer, from the folder of peers.
type maker struct {
	name string
	make func(ctx context.Context, dir string) (peer, error)
}

var (
	bareFiberPeer  = maker{"bare fiber", newBareFiber}
	hertzPeer      = maker{"Hertz", newHertz}
	pocketBasePeer = maker{"PocketBase", newPocketBase}
	workerdPeer    = maker{"workerd", newWorkerd}
	extismPeer     = maker{"Extism", newExtism}
)

// Peers, by what is compared with them.
var (
	httpPeers    = []maker{bareFiberPeer, hertzPeer, pocketBasePeer, workerdPeer, extismPeer}
	scalePeers   = []maker{bareFiberPeer, pocketBasePeer, workerdPeer}
	servicePeers = []maker{{"PocketBase", newPocketBaseRecords}, {"workerd", newWorkerdObject}}
)

// peers builds peers. One that cannot be had here is noted and left out.
func peers(ctx context.Context, s settings, r *report, makers []maker) ([]peer, error) {
	var ready []peer
	for _, p := range makers {
		made, err := p.make(ctx, filepath.Join(s.root, "host/bench/peers"))
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			r.note("%s is left out: %v", p.name, err)
		default:
			ready = append(ready, made)
		}
	}
	return ready, nil
}

// newBareFiber returns this program itself, in another process.
func newBareFiber(context.Context, string) (peer, error) {
	self, err := os.Executable()
	return peer{
		name:    "bare fiber " + moduleVersion("github.com/gofiber/fiber/v2") + ", a constant",
		command: func(addr, _ string) *exec.Cmd { return exec.Command(self, bareFiberCommand, addr) },
	}, err
}

// newHertz returns another HTTP server than fiber's, on another event loop, with the same constant.
func newHertz(ctx context.Context, peersDir string) (peer, error) {
	dir := filepath.Join(peersDir, "hertz")
	binary, err := buildPeer(ctx, dir, "hertz")
	if err != nil {
		return peer{}, err
	}
	version := required(ctx, dir, "github.com/cloudwego/hertz")
	return peer{name: "bare Hertz " + version + ", a constant", command: func(addr, _ string) *exec.Cmd {
		return exec.Command(binary, addr)
	}}, nil
}

// newPocketBase returns PocketBase with a JavaScript hook. Its runtimes are pooled and used again
// and again.
func newPocketBase(ctx context.Context, peersDir string) (peer, error) {
	return pocketBase(ctx, peersDir, ", JS hook")
}

// newPocketBaseRecords returns the same with as many records as PiCloud has documents. Its SQLite is
// synchronous=NORMAL, as PocketBase opens it: a write is answered before it is on the disk.
func newPocketBaseRecords(ctx context.Context, peersDir string) (peer, error) {
	return pocketBase(ctx, peersDir, ", records in a JS hook, not synced", "--records", strconv.Itoa(serviceDocs))
}

func pocketBase(ctx context.Context, peersDir, kind string, args ...string) (peer, error) {
	dir := filepath.Join(peersDir, "pocketbase")
	binary, err := buildPeer(ctx, dir, "pocketbase")
	if err != nil {
		return peer{}, err
	}
	hooks, err := filepath.Abs(filepath.Join(dir, "hooks"))
	if err != nil {
		return peer{}, err
	}
	version := required(ctx, dir, "github.com/pocketbase/pocketbase")
	return peer{name: "PocketBase " + version + kind, command: func(addr, data string) *exec.Cmd {
		c := exec.Command(binary, append([]string{"serve", "--dev=false", "--http", addr, "--dir", data, "--hooksDir", hooks}, args...)...)
		c.Stdout = io.Discard
		return c
	}}, nil
}

// newExtism returns a server that runs a WebAssembly plugin in a fresh instance for each request.
func newExtism(ctx context.Context, peersDir string) (peer, error) {
	dir := filepath.Join(peersDir, "extism")
	binary, err := buildPeer(ctx, dir, "extism")
	if err != nil {
		return peer{}, err
	}
	version := required(ctx, dir, "github.com/extism/go-sdk")
	return peer{name: "Extism " + version + ", an instance per call", command: func(addr, _ string) *exec.Cmd {
		return exec.Command(binary, "-addr", addr)
	}}, nil
}

// newWorkerd returns a JavaScript worker on V8: one isolate, used again and again.
func newWorkerd(ctx context.Context, peersDir string) (peer, error) {
	return workerd(ctx, peersDir, "", func(string) ([]string, error) { return []string{"config.capnp"}, nil })
}

// newWorkerdObject returns a worker with a Durable Object, which keeps its data in SQLite. A write is
// answered when it is on the disk.
func newWorkerdObject(ctx context.Context, peersDir string) (peer, error) {
	return workerd(ctx, peersDir, ", a Durable Object on SQLite, synced", func(data string) ([]string, error) {
		return []string{"services.capnp", "--directory-path", "data=" + data}, os.MkdirAll(data, 0o700)
	})
}

func workerd(ctx context.Context, peersDir, kind string, config func(data string) ([]string, error)) (peer, error) {
	dir, err := filepath.Abs(filepath.Join(peersDir, "workerd"))
	if err != nil {
		return peer{}, err
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return peer{}, errors.Join(errMissing, err)
	}
	architecture := map[string]string{"amd64": "64", "arm64": "arm64"}[runtime.GOARCH]
	binary := filepath.Join(dir, "node_modules/@cloudflare/workerd-"+runtime.GOOS+"-"+architecture+"/bin/workerd")
	if _, err := os.Stat(binary); err != nil {
		// The binary comes in the package; its scripts are not needed.
		if err := command(ctx, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"); err != nil {
			return peer{}, errors.Join(errMissing, err)
		}
	}
	version, err := exec.CommandContext(ctx, binary, "--version").Output() // "workerd 2026-11-17"
	if err != nil {
		return peer{}, errors.Join(errMissing, err)
	}
	return peer{name: strings.TrimSpace(string(version)) + kind, command: func(addr, data string) *exec.Cmd {
		c := exec.Command(binary, "serve", "--socket-addr", "http="+addr)
		c.Dir = dir
		args, err := config(data)
		c.Args, c.Err = append(c.Args, args...), errors.Join(c.Err, err)
		return c
	}}, nil
}

// buildPeer builds a peer that is a Go module of its own, and returns the path of its program.
func buildPeer(ctx context.Context, dir, name string) (string, error) {
	binary, err := filepath.Abs(filepath.Join(dir, "../../bin", name))
	if err != nil {
		return "", err
	}
	if err := command(ctx, dir, "go", "build", "-o", binary, "."); err != nil {
		return "", errors.Join(errMissing, err)
	}
	return binary, nil
}

// required returns the version of a module that the module in dir is built with, "" if unknown.
func required(ctx context.Context, dir, module string) string {
	c := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", module)
	c.Dir = dir
	version, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(version))
}

// moduleVersion returns the version of a module that this program is built with, "" if unknown.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return ""
}
