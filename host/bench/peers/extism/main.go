// Command extism is a peer of the benchmark. It serves GET /hello from an Extism plugin that is
// compiled once: in a fresh instance for each request, with a time limit, behind the HTTP server
// that PiCloud uses too.
package main

import (
	"context"
	_ "embed"
	"flag"
	"log"
	"time"

	extism "github.com/extism/go-sdk"
	"github.com/gofiber/fiber/v2"
	"github.com/tetratelabs/wazero"
)

// pluginWasm is built from the folder plugin by "make bench-plugin".
//
//go:embed plugin.wasm
var pluginWasm []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8090", "address to listen on")
	flag.Parse()
	if err := serve(*addr); err != nil {
		log.Fatal(err)
	}
}

func serve(addr string) error {
	manifest := extism.Manifest{
		Wasm:    []extism.Wasm{extism.WasmData{Data: pluginWasm}},
		Timeout: uint64((10 * time.Second).Milliseconds()),
	}
	plugin, err := extism.NewCompiledPlugin(context.Background(), manifest, extism.PluginConfig{
		RuntimeConfig: wazero.NewRuntimeConfig().WithCloseOnContextDone(true),
		EnableWasi:    true, // or the SDK does not call the plugin's _initialize
	}, nil)
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/hello", func(c *fiber.Ctx) error {
		answer, err := call(c.Context(), plugin)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(answer)
	})
	return app.Listen(addr)
}

// call runs the plugin in an instance of its own.
func call(ctx context.Context, plugin *extism.CompiledPlugin) ([]byte, error) {
	instance, err := plugin.Instance(ctx, extism.PluginInstanceConfig{ModuleConfig: wazero.NewModuleConfig()})
	if err != nil {
		return nil, err
	}
	defer instance.CloseWithContext(ctx)
	_, answer, err := instance.CallWithContext(ctx, "handle", nil)
	return answer, err
}
