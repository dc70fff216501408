package main

import (
	"fmt"
	"os"

	"github.com/gofiber/fiber/v2"
)

// bareFiberCommand starts this program as the peer server.
const bareFiberCommand = "bare-fiber"

// bareFiber serves GET /hello with a fixed answer: what the HTTP server that
// PiCloud is built on can do when the handler does nothing.
func bareFiber(args []string) {
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bench", bareFiberCommand, "ADDR CONTENT-TYPE BODY")
		os.Exit(2)
	}
	addr, contentType, body := args[0], args[1], args[2]
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/hello", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, contentType)
		return c.SendString(body)
	})
	if err := app.Listen(addr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
