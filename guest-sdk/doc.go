// Package sdk is for writing PiCloud plugins in Go. PiCloud is a server that runs scripts and
// plugins when HTTP requests come in, each execution in a sandbox of its own. A plugin is a
// WebAssembly module: its handler gets a request and returns a response, and the packages beside
// this one give it the server's services.
//
//	package main
//
//	import (
//		sdk "github.com/picloud/picloud/guest-sdk"
//		"github.com/picloud/picloud/guest-sdk/kv"
//	)
//
//	var visits = kv.Collection[int64]("visits")
//
//	func init() {
//		sdk.Handle(func(ctx sdk.Context, req sdk.Request) (sdk.Response, error) {
//			n, err := visits.Incr(req.Path, 1)
//			if err != nil {
//				return sdk.Response{}, err
//			}
//			return sdk.OK(map[string]any{"path": req.Path, "visits": n}), nil
//		})
//	}
//
//	func main() {}
//
// Build it with TinyGo, which makes plugins that are small and start fast, or with Go's own
// compiler, which has all of the language and its library:
//
//	tinygo build -target=tinygo.json -buildmode=c-shared -opt=z -no-debug -o hello.wasm .
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o hello.wasm .
//
// and upload it:
//
//	picloud deploy hello.wasm
//
// The target is the file tinygo.json beside this one: wasip1 without a scheduler and with a stack
// of 1 MiB instead of 64 KiB, in which little fits. (tinygo-system.json is the same for a TinyGo
// built from source, over the libraries of Debian.)
//
// # What lasts from one execution to the next
//
// Each execution begins with what package initialisation has done, and with nothing of what another
// execution did. So package variables are good for tables that take long to make, and not for
// caches.
//
// TinyGo's plugins are initialised once: the host keeps their memory. Those of Go's own compiler
// are initialised for each execution, which takes milliseconds, unless they import package
// snapshot. Where the memory is kept, random numbers do not repeat, but a generator that the plugin
// seeds itself during initialisation does, and so does the time it reads there.
//
// # What a plugin reaches
//
// A plugin has no files, environment or network but what the packages kv, docs, files and http give
// it, and sends messages with queue and pubsub. What an administrator has set for it, secrets reads. Its stdout, its stderr and package log go to the execution's log.
//
// Package sdktest runs a plugin's code in go test, without WebAssembly, against the server's own
// services.
package sdk
