// Package sdk is for writing PiCloud plugins in Go: a handler gets a request and
// answers a response, and the packages beside this one give it the host's services.
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
// Build it with TinyGo, which makes plugins that are small and start fast, or with
// Go's own compiler, which has all of the language and its library:
//
//	tinygo build -target=tinygo.json -buildmode=c-shared -opt=z -no-debug -o hello.wasm .
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o hello.wasm .
//
// and upload it:
//
//	picloud deploy hello.wasm
//
// The target is the file tinygo.json beside this one: wasip1 without a scheduler and
// with a stack of 1 MiB instead of 64 KiB, in which little fits. (tinygo-system.json is
// the same for a TinyGo built from source, over the libraries of Debian.)
//
// What package initialisation has done is there in each execution, and nothing of
// what another execution did: package variables are good for tables that take long to
// make, not for caches. The host keeps the memory of TinyGo's plugins after
// initialisation, so that it happens once; those of Go's own compiler initialise each
// execution anew, which takes milliseconds, unless they import package snapshot. Of
// random numbers none repeats for that, but what a plugin seeds by itself in its
// initialisation does, and so does the time read there. A plugin has no files, environment or network but what the
// packages kv, docs, files and http give it; stdout, stderr and package log go to the
// execution's log.
//
// Package sdktest runs a plugin's code in go test, without WebAssembly, against the
// services that the server has.
package sdk
