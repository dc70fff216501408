//go:build tinygo || wasm

// Command guest is the interpreter as a WebAssembly module: plugins/rhai behind
// the exports of package reactor. "make guest" builds it with TinyGo to
// host/sandbox/guest.wasm.
package main

import (
	"github.com/picloud/picloud/plugins/rhai/bridge"
	"github.com/picloud/picloud/plugins/rhai/guest/heap"
	"github.com/picloud/picloud/plugins/rhai/guest/reactor"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

func init() {
	vm.SetCollector(vm.Collector{Due: heap.Due(), Collect: heap.CollectUnless})
	reactor.Serve(&bridge.Session{Call: reactor.Call, Interrupt: reactor.Interrupt()})
}

func main() {}
